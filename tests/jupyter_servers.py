"Real Jupyter servers for tests: JupyterLab, Notebook 7, and a JupyterHub behind a prefix, each with a home of its own"
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest

PREFIX = '/lab-course'
HUB = """
c = get_config()  # noqa
c.JupyterHub.bind_url = 'http://127.0.0.1:{port}{prefix}'
c.JupyterHub.hub_bind_url = 'http://127.0.0.1:{hub_port}'
c.ConfigurableHTTPProxy.api_url = 'http://127.0.0.1:{api_port}'
c.ConfigurableHTTPProxy.command = [{proxy!r}]
c.ConfigurableHTTPProxy.auth_token = {secret!r}
c.JupyterHub.authenticator_class = 'dummy'
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = 'simple'
c.SimpleLocalProcessSpawner.home_dir_template = {home!r} + '/{{username}}'
c.Spawner.cmd = [{python!r}, '-m', 'jupyterhub.singleuser']
c.Spawner.args = {arguments!r}
c.Spawner.environment = {environment!r}
c.Spawner.env_keep = ['PATH', 'HOME', 'LANG', 'TMPDIR', *{kept!r}]
c.Spawner.start_timeout = c.Spawner.http_timeout = 120
c.JupyterHub.services = [{{'name': 'driver', 'api_token': {token!r}}}]
c.JupyterHub.load_roles = [{{'name': 'driver', 'services': ['driver'],
                             'scopes': ['admin:users', 'admin:servers']}}]
c.JupyterHub.db_url = 'sqlite:///' + {home!r} + '/hub.sqlite'
c.JupyterHub.cookie_secret_file = {home!r} + '/cookie'
c.ConfigurableHTTPProxy.pid_file = {home!r} + '/proxy.pid'
"""
STATE = """() => {
  const panel = window.jupyterapp?.shell.currentWidget;
  const kernel = panel?.sessionContext?.session?.kernel;
  return {ready: Boolean(panel?.context?.isReady), kernel: kernel?.status ?? 'none'};
}"""
CELLS = """() => window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells
  .filter(c => c.cell_type === 'code' && c.getSource().trim())
  .map(c => ({count: c.execution_count, outputs: c.toJSON().outputs}))"""


def free_port() -> int:
    "A port that nobody listens on"
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def wait_until_up(server: subprocess.Popen, address: str, log: Path, patience: float = 90.0) -> None:
    "Return when the server answers; otherwise say what it wrote"
    for _ in range(int(patience / 0.25)):
        if server.poll() is not None: break
        try: return urllib.request.urlopen(address, timeout=5).close()
        except OSError: time.sleep(0.25)
    pytest.fail(f'the server did not start:\n{log.read_text()[-3000:]}', pytrace=False)


def wait_for_idle(tab, patience: float = 180.0) -> None:
    "Return when the kernel of the open notebook has nothing to do"
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        state = tab.evaluate(STATE)
        if state == {'ready': True, 'kernel': 'idle'}: return
        tab.wait_for_timeout(200)
    pytest.fail(f'the kernel is not idle after {patience} s: {state}', pytrace=False)


def own_places(home: Path) -> dict[str, str]:
    "Settings of a server that knows nothing of the person who runs the tests"
    quiet = home/'settings'/'@jupyterlab'/'apputils-extension'
    quiet.mkdir(parents=True, exist_ok=True)
    (quiet/'notification.jupyterlab-settings').write_text(json.dumps({'fetchNews': 'false', 'checkForUpdates': False}))
    places = {f'JUPYTER_{name}_DIR': str(home/name.lower()) for name in ('CONFIG', 'DATA', 'RUNTIME')}
    return places | {'JUPYTERLAB_SETTINGS_DIR': str(home/'settings'), 'JUPYTER_PREFER_ENV_PATH': '1',
                     'JUPYTERLAB_WORKSPACES_DIR': str(home/'workspaces')}


@contextmanager
def running(command: list[str], environment: dict[str, str], address: str, log: Path) -> Iterator[None]:
    "A server while it is needed; it and what it started are stopped afterwards"
    with open(log, 'w') as file:
        server = subprocess.Popen(command, stdout=file, stderr=file, env=os.environ | environment, cwd=log.parent)
    try:
        wait_until_up(server, address, log)
        yield
    finally:
        server.terminate()
        try: server.wait(30)
        except subprocess.TimeoutExpired: server.kill()


@contextmanager
def jupyter(home: Path, app: str = 'jupyterlab') -> Iterator[str]:  # or `notebook`
    "A JupyterLab or a Notebook 7 that serves `home/root`; gives the address with `{}` where a notebook's name belongs"
    token, port, root = secrets.token_hex(16), free_port(), home/'root'
    root.mkdir(parents=True, exist_ok=True)
    options = [f'--ServerApp.root_dir={root}', f'--ServerApp.port={port}', '--ServerApp.port_retries=0',
               '--ServerApp.ip=127.0.0.1', '--LabApp.expose_app_in_browser=True',
               '--JupyterNotebookApp.expose_app_in_browser=True', '--no-browser']
    if os.getuid() == 0: options.append('--allow-root')
    with running([sys.executable, '-m', app, *options], own_places(home) | {'JUPYTER_TOKEN': token},
                 f'http://127.0.0.1:{port}/api?token={token}', home/'log.txt'):
        kind = 'lab/tree' if app == 'jupyterlab' else 'notebooks'
        yield f'http://127.0.0.1:{port}/{kind}/{{}}?token={token}'


@contextmanager
def jupyterhub(home: Path, user: str = 'ana') -> Iterator[str]:
    "A JupyterHub at /lab-course with one person's server running; gives the address of notebooks"
    ports = free_port(), free_port(), free_port()
    token, secret, root = secrets.token_hex(20), secrets.token_hex(20), home/user/'root'
    root.mkdir(parents=True, exist_ok=True)
    proxy = shutil.which('configurable-http-proxy', path=os.path.dirname(sys.executable)) or 'configurable-http-proxy'
    arguments = [f'--ServerApp.root_dir={root}', '--LabApp.expose_app_in_browser=True']
    if os.getuid() == 0: arguments.append('--allow-root')
    kept = [name for name in os.environ if name.startswith(('MATNB', 'PYTHON', 'XDG', 'MPL', 'IPYTHON', 'OMP'))]
    (home/'jupyterhub_config.py').write_text(HUB.format(
        port=ports[0], hub_port=ports[1], api_port=ports[2], prefix=PREFIX, home=str(home), python=sys.executable,
        arguments=arguments, environment=own_places(home/user), token=token, proxy=proxy, secret=secret, kept=kept))
    base = f'http://127.0.0.1:{ports[0]}{PREFIX}'
    command = [sys.executable, '-m', 'jupyterhub', '-f', 'jupyterhub_config.py']
    with running(command, {}, f'{base}/hub/api/', home/'log.txt'):
        ask_hub(base, token, f'users/{user}')
        ask_hub(base, token, f'users/{user}/server')
        wait_for_server(base, token, user, home/'log.txt')
        try: yield f'{base}/user/{user}/lab/tree/{{}}'
        finally: ask_hub(base, token, f'users/{user}/server', method='DELETE')


def log_in(tab, address: str, user: str = 'ana') -> None:
    "Open a page of the hub as a person does who comes for the first time"
    tab.goto(address)
    tab.fill('#username_input', user)
    tab.fill('#password_input', 'any')
    tab.click('#login_submit')


def ask_hub(base: str, token: str, path: str, body: dict | None = None, method: str = 'POST') -> dict:
    "A question to the hub's own interface"
    data = json.dumps(body or {}).encode() if method == 'POST' else None
    request = urllib.request.Request(f'{base}/hub/api/{path}', data, {'Authorization': f'token {token}'}, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer: return json.loads(answer.read() or b'{}')


def wait_for_server(base: str, token: str, user: str, log: Path, patience: float = 120.0) -> None:
    "Return when the person's server runs"
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if ask_hub(base, token, f'users/{user}', method='GET')['servers'].get('', {}).get('ready'): return
        time.sleep(0.25)
    pytest.fail(f'the server of {user} did not start:\n{log.read_text()[-3000:]}', pytrace=False)


def write_notebook(folder: Path, name: str, *cells: str) -> None:
    "A notebook of a few code cells"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    notebook.metadata['kernelspec'] = {'name': 'python3', 'display_name': 'Python 3', 'language': 'python'}
    nbformat.write(notebook, folder/name)
