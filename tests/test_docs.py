"The documentation builds without a warning, and its pages are whole in a browser that has no internet"
import functools
import http.server
import re
import subprocess
import sys
import threading

import pytest
from house import FLOORS, ROOT, notebooks

PAGES = [str(p.relative_to(ROOT/'nbs').with_suffix('.html')) for p in notebooks()]
NOT_LOADED = '() => [...document.images].filter(i => !i.complete || !i.naturalWidth).map(i => i.outerHTML.slice(0, 99))'
NOT_NAMED = '() => [...document.images].filter(i => !i.alt.trim()).map(i => i.outerHTML.slice(0, 99))'


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    "The documentation, built with warnings as errors"
    subprocess.run([sys.executable, ROOT/'docs'/'prepare.py'], check=True)
    folder = tmp_path_factory.mktemp('site')
    return build(ROOT/'docs'/'_src', folder)


def build(sources, folder):
    "Build pages as `make docs` does; any warning is an error"
    command = [sys.executable, '-m', 'sphinx', '-W', '--keep-going', '-q', '-b', 'html', '-d', folder/'cache']
    built = subprocess.run([*command, '-c', ROOT/'docs', sources, folder/'html'], text=True, capture_output=True)
    assert built.returncode == 0 and not built.stderr.strip(), built.stderr
    return folder/'html'


class Quiet(http.server.SimpleHTTPRequestHandler):
    "Serves files and does not print each request"

    def log_message(self, *args): pass


@pytest.fixture(scope='module')
def address(site):
    "The documentation as a web server would offer it"
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Quiet, directory=site)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f'http://127.0.0.1:{server.server_port}'
        server.shutdown()


@pytest.mark.parametrize('page', PAGES)
def test_a_page_is_whole_without_internet(page, address, browser):
    tab, wrong = browser.context.new_page(), []
    tab.on('pageerror', lambda e: wrong.append(f'script: {e}'))
    tab.on('response', lambda r: wrong.append(f'{r.status} {r.url}') if r.status >= 400 else None)
    tab.goto(f'{address}/{page}', wait_until='networkidle')
    assert tab.evaluate(NOT_LOADED) == [], 'images that did not load'
    assert tab.evaluate(NOT_NAMED) == [], 'images without alternative text'
    assert browser.asked_elsewhere == [], 'requests that left this machine'
    assert wrong == []
    assert tab.locator('h1').count() == 1
    tab.close()


def test_pictures_are_among_what_was_looked_at(address, browser):
    tab = browser.context.new_page()
    tab.goto(f'{address}/corpus/02_pictures.html', wait_until='networkidle')
    assert tab.locator('figure img').count() >= 4
    assert tab.locator('#thumbnail_png').count() == 1, 'a public name has its anchor'
    tab.close()


def test_the_checks_find_what_is_wrong(browser):
    tab = browser.context.new_page()
    tab.set_content('<img src="data:image/png;base64,AAAA" alt="broken"><img src="http://192.0.2.1/x.png">')
    tab.wait_for_load_state('networkidle')
    assert len(tab.evaluate(NOT_LOADED)) == 2 and len(tab.evaluate(NOT_NAMED)) == 1
    assert browser.asked_elsewhere == ['http://192.0.2.1/x.png']
    browser.asked_elsewhere.clear()
    tab.close()


def test_pages_follow_the_floors_and_the_numbers(site):
    order = [p.relative_to(ROOT/'nbs') for p in notebooks()]
    assert str(order[0]) == 'index.ipynb'
    rooms = [p.parts[0] for p in order if len(p.parts) > 1]
    assert [FLOORS[room] for room in rooms] == sorted(FLOORS[room] for room in rooms)
    contents = (site/'corpus'/'index.html').read_text(encoding='utf-8')
    at = [contents.index(f'href="{name}.html"') for name in ('00_measurement', '01_facets', '02_pictures')]
    assert at == sorted(at)


def test_formulas_are_drawn_by_the_browser_itself(tmp_path):
    (tmp_path/'pages').mkdir()
    (tmp_path/'pages'/'index.md').write_text('# Formulas\n\n$E = mc^2$\n\n$$\\frac{a_1}{\\sqrt{2}}$$\n')
    page = (build(tmp_path/'pages', tmp_path)/'index.html').read_text(encoding='utf-8')
    assert '<mfrac>' in page and '<msup>' in page
    assert not re.search(r'src="[^"]*mathjax', page, re.I)


def test_a_warning_stops_the_build(tmp_path):
    (tmp_path/'pages').mkdir()
    (tmp_path/'pages'/'index.md').write_text('# A page\n\n[a link to nowhere](nowhere.md)\n')
    with pytest.raises(AssertionError, match='nowhere'): build(tmp_path/'pages', tmp_path)
