"What all tests share: no network, caches in a temporary folder, a real browser, figures printed at the end"
import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OFFLINE = ROOT/'tests'/'offline'
MEASURED = pytest.StashKey[list[str]]()
sys.path[:0] = [str(ROOT), str(ROOT/'docs')]      # matnb itself; house.py: the rooms and their floors

from matnb.corpus.public import cache_folder  # noqa: E402


def pytest_addoption(parser):
    parser.addoption('--flags', default='', help='test flags from settings.ini to run as well, e.g. "slow"')


def pytest_configure(config):
    "Set what this process and its children see, before any test module is imported"
    config.stash[MEASURED] = []
    config.stash[FOLDER] = tempfile.TemporaryDirectory(prefix='matnb-tests-')
    place = Path(config.stash[FOLDER].name)
    if not hasattr(config, 'workerinput'):                                # a worker inherits these
        share_the_cores(config.getoption('numprocesses', None))
        fetched = str(cache_folder('public'))                             # by `make test`
        os.environ['MATNB_DATA'] = os.pathsep.join([*filter(None, [os.environ.get('MATNB_DATA')]), fetched])
    os.environ.update(
        MATNB_CACHE=str(place/'cache'), XDG_CACHE_HOME=str(place/'xdg'), IPYTHONDIR=str(place/'ipython'),
        MPLCONFIGDIR=str(place/'matplotlib'), MPLBACKEND='agg', PYTHONDONTWRITEBYTECODE='1',
        PYTHONPATH=os.pathsep.join([str(OFFLINE), str(ROOT), *filter(None, [os.environ.get('PYTHONPATH')])]))
    spec = importlib.util.spec_from_file_location('matnb_offline', OFFLINE/'sitecustomize.py')
    spec.loader.exec_module(importlib.util.module_from_spec(spec))


FOLDER = pytest.StashKey[tempfile.TemporaryDirectory]()


def share_the_cores(workers):
    "Each of several test processes (`pytest -n 2`) takes its part of the cores: threads of BLAS that wait eat a core"
    if not workers: return
    part = str(max(1, (os.cpu_count() or 1) // workers))
    for name in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS'): os.environ.setdefault(name, part)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """What several processes share out: whole files of tests, so that each fixture is made once, and single notebooks

    Those at the top of the house open one corpus, which is made for the first of them: they stay together."""
    from xdist.scheduler import LoadScopeScheduling

    class FilesAndNotebooks(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file, _, name = nodeid.partition('::')
            return nodeid if file.endswith('test_notebooks.py') and '/' in name else file

    return FilesAndNotebooks(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    "Figures that were measured in another process are reported with the others"
    node.config.stash[MEASURED] += getattr(node, 'workeroutput', {}).get('measured', [])


def pytest_sessionfinish(session):
    if hasattr(session.config, 'workeroutput'):
        session.config.workeroutput['measured'] = session.config.stash[MEASURED]


def pytest_unconfigure(config):
    if FOLDER in config.stash: config.stash[FOLDER].cleanup()


def pytest_report_header(config):
    return f'real sample files: {os.environ["MATNB_DATA"]}'


def pytest_terminal_summary(terminalreporter, config):
    if not config.stash[MEASURED]: return
    terminalreporter.section('measured')
    for line in config.stash[MEASURED]: terminalreporter.write_line(line)


@pytest.fixture(scope='session')
def measured(request):
    "Figures that are reported at the end and not asserted, since they depend on the machine"
    return request.config.stash[MEASURED].append


@pytest.fixture(scope='session')
def chromium_path() -> str:
    "A real browser; its absence is a failure"
    found = subprocess.run([ROOT/'.ci'/'chromium'], text=True, capture_output=True)
    if found.returncode: pytest.fail(found.stderr, pytrace=False)
    return found.stdout.strip()


class Browser:
    "A headless Chromium that reaches this machine only, and remembers what a page asked of others"

    def __init__(self, chromium):
        self.context = chromium.new_context(viewport={'width': 1280, 'height': 900})
        self.asked_elsewhere: list[str] = []
        self.context.route('**/*', self.only_here)

    def only_here(self, route):
        "Refuse a request that leaves this machine"
        url = route.request.url
        if url.startswith(('file:', 'data:', 'blob:', 'http://127.0.0.1:', 'ws://127.0.0.1:')): return route.continue_()
        self.asked_elsewhere.append(url)
        route.abort()


@pytest.fixture(scope='module')
def browser(chromium_path):
    "One browser for the tests of a file, closed after them since its event loop would disturb notebooks"
    from playwright.sync_api import sync_playwright
    arguments = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking',
                 '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1']
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path, args=arguments)
        yield Browser(chromium)
        chromium.close()
