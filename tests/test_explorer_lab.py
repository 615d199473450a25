"The explorer in a real JupyterLab and a real Notebook 7, in a browser without internet"
import pytest
from explorer_session import NAME, Session, prepare, whole_session
from jupyter_servers import jupyter

import matnb


@pytest.mark.parametrize('app', ['jupyterlab', 'notebook'])
def test_a_session_in_jupyter(app, browser, tmp_path):
    prepare(tmp_path/'root')
    ids = {i: row for row, i in enumerate(matnb.open_corpus(tmp_path/'root'/'corpus').ids().tolist())}
    with jupyter(tmp_path, app) as address:
        session = Session(browser)
        session.tab.goto(address.format(NAME))
        whole_session(session, lambda found: [ids[i] for i in found])
        session.close()
