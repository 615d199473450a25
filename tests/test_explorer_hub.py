"The explorer behind the prefix of a JupyterHub, for somebody who logs in with a browser that has no internet"
from explorer_session import NAME, Session, prepare, whole_session
from jupyter_servers import jupyterhub, log_in

import matnb


def test_a_session_behind_a_hub(browser, tmp_path):
    root = tmp_path/'ana'/'root'
    prepare(root)
    ids = {i: row for row, i in enumerate(matnb.open_corpus(root/'corpus').ids().tolist())}
    with jupyterhub(tmp_path) as address:
        session = Session(browser)
        log_in(session.tab, address.format(NAME))
        whole_session(session, lambda found: [ids[i] for i in found])
        assert '/lab-course/user/ana/' in session.tab.url
        session.close()
