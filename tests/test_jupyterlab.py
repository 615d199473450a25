"The first notebook in a real JupyterLab and a real browser that has no internet"
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from house import ROOT

START = '00_start.ipynb'
PICTURES = '.jp-OutputArea-output img'
STATE = """() => {
  const panel = window.jupyterapp.shell.currentWidget;
  const kernel = panel?.sessionContext?.session?.kernel;
  return {ready: Boolean(panel?.context?.isReady), kernel: kernel?.status ?? 'none'};
}"""
CELLS = """() => window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells
  .filter(c => c.cell_type === 'code' && c.getSource().trim())
  .map(c => ({count: c.execution_count, outputs: c.toJSON().outputs}))"""
LOADED = """(selector) => [...document.querySelectorAll(selector)].map(i =>
  ({alt: i.alt, loaded: i.complete && i.naturalWidth > 0}))"""


def free_port():
    "A port that nobody listens on"
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


@pytest.fixture(scope='module')
def lab(tmp_path_factory):
    "A JupyterLab of its own: own settings, own token, a copy of the notebook"
    home, token, port = tmp_path_factory.mktemp('lab'), secrets.token_hex(16), free_port()
    (home/'root').mkdir()
    shutil.copy(ROOT/'nbs'/START, home/'root')
    quiet = home/'settings'/'@jupyterlab'/'apputils-extension'
    quiet.mkdir(parents=True)
    (quiet/'notification.jupyterlab-settings').write_text(json.dumps({'fetchNews': 'false', 'checkForUpdates': False}))
    places = {f'JUPYTER_{name}_DIR': str(home/name.lower()) for name in ('CONFIG', 'DATA', 'RUNTIME')}
    places |= {'JUPYTERLAB_SETTINGS_DIR': str(home/'settings'), 'JUPYTERLAB_WORKSPACES_DIR': str(home/'workspaces')}
    options = [f'--ServerApp.root_dir={home/"root"}', f'--ServerApp.port={port}', '--ServerApp.port_retries=0',
               '--ServerApp.ip=127.0.0.1', '--LabApp.expose_app_in_browser=True', '--no-browser']
    if os.getuid() == 0: options.append('--allow-root')
    with open(home/'log.txt', 'w') as log:
        server = subprocess.Popen([sys.executable, '-m', 'jupyterlab', *options], stdout=log, stderr=log,
                                  env=os.environ | places | {'JUPYTER_TOKEN': token, 'JUPYTER_PREFER_ENV_PATH': '1'})
    try:
        wait_until_up(server, f'http://127.0.0.1:{port}/api?token={token}', home/'log.txt')
        yield f'http://127.0.0.1:{port}/lab/tree/{START}?token={token}'
    finally:
        server.terminate()
        server.wait(30)


def wait_until_up(server, address, log: Path, patience: float = 90.0):
    "Return when the server answers; otherwise say what it wrote"
    for _ in range(int(patience / 0.25)):
        if server.poll() is not None: break
        try: return urllib.request.urlopen(address, timeout=5).close()
        except OSError: time.sleep(0.25)
    pytest.fail(f'JupyterLab did not start:\n{log.read_text()[-3000:]}', pytrace=False)


@pytest.fixture(scope='module')
def tab(lab, browser):
    "The first notebook, open, its kernel idle"
    tab = browser.context.new_page()
    tab.goto(lab)
    tab.wait_for_selector('.jp-NotebookPanel .jp-CodeCell', timeout=90_000)
    wait_for_idle(tab)
    return tab


def wait_for_idle(tab, patience: float = 180.0):
    "Return when the kernel has nothing to do"
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        state = tab.evaluate(STATE)
        if state == {'ready': True, 'kernel': 'idle'}: return
        tab.wait_for_timeout(200)
    pytest.fail(f'the kernel is not idle after {patience} s: {state}', pytrace=False)


def keep_picture(tab, folder: Path, name: str):
    "Save what the browser shows; MATNB_SCREENSHOTS names a folder that outlives the test"
    place = Path(os.environ.get('MATNB_SCREENSHOTS') or folder)
    place.mkdir(parents=True, exist_ok=True)
    tab.screenshot(path=place/f'{name}.png')


def scroll_through(tab):
    "Show every cell once, since JupyterLab draws a cell when it comes into view"
    for cell in tab.locator('.jp-NotebookPanel .jp-Cell').all():
        cell.scroll_into_view_if_needed()


def check_pictures(tab, browser):
    "All pictures have loaded and have a text, and nothing was asked of another machine"
    scroll_through(tab)
    tab.wait_for_selector(PICTURES)
    tab.wait_for_timeout(300)
    pictures = tab.evaluate(LOADED, PICTURES)
    assert pictures and all(p['loaded'] and p['alt'].strip() for p in pictures), pictures
    assert browser.asked_elsewhere == []


def test_stored_outputs_are_shown_before_anything_runs(tab, browser, tmp_path):
    "After a fresh clone JupyterLab does not trust the notebook and cleans its HTML; the pictures must survive that"
    check_pictures(tab, browser)
    keep_picture(tab, tmp_path, 'stored')


def test_all_cells_run_and_show_what_they_should(tab, browser, tmp_path):
    tab.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    assert tab.locator(PICTURES).count() == 0
    tab.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    wait_for_idle(tab)
    check_pictures(tab, browser)
    keep_picture(tab, tmp_path, 'run')
    cells = tab.evaluate(CELLS)
    assert cells and all(c['count'] for c in cells), f'cells that did not run: {cells}'
    wrong = [o for c in cells for o in c['outputs'] if o['output_type'] == 'error' or o.get('name') == 'stderr']
    assert not wrong, wrong
    shown = ''.join(''.join(o.get('data', {}).get('text/html', '')) for c in cells for o in c['outputs'])
    assert 'class="matnb-corpus"' in shown and 'class="matnb-item"' in shown


def test_the_corpus_is_read_as_a_person_would(tab, browser, tmp_path):
    "Counts, a strip of pictures with scale bars, sections that fold out, and a bar for each value"
    tab.evaluate("() => window.jupyterapp.shell.currentWidget.content.scrollToItem(4, 'start')")
    view = tab.locator('.matnb-corpus').first
    view.wait_for(state='visible')
    view.get_by_text('2,000 items').wait_for()
    view.locator('figcaption', has_text='simulated').first.wait_for()
    assert view.locator('figure img').count() == 8
    folder = view.get_by_text('Folder:')
    assert not folder.is_visible()
    view.locator('summary', has_text='Storage').click()
    folder.wait_for(state='visible')
    view.get_by_text('image_0').wait_for(state='visible')
    keep_picture(tab, tmp_path, 'corpus')


def test_a_missing_browser_is_a_failure_that_says_what_to_do():
    without = os.environ | {'MATNB_CHROMIUM': '/nowhere/chromium'}
    found = subprocess.run([ROOT/'.ci'/'chromium'], env=without, text=True, capture_output=True)
    assert found.returncode == 1 and '/nowhere/chromium is not a program' in found.stderr
