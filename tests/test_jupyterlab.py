"The first notebook in a real JupyterLab and a real browser that has no internet"
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from house import ROOT
from jupyter_servers import CELLS, jupyter, wait_for_idle

START = '00_start.ipynb'
PICTURES = '.jp-OutputArea-output img'
LOADED = """(selector) => [...document.querySelectorAll(selector)].map(i =>
  ({alt: i.alt, loaded: i.complete && i.naturalWidth > 0}))"""
COMPLETE = '(selector) => [...document.querySelectorAll(selector)].every((i) => i.complete)'


@pytest.fixture(scope='module')
def lab(tmp_path_factory):
    "A JupyterLab of its own: own settings, own token, a copy of the notebook"
    home = tmp_path_factory.mktemp('lab')
    (home/'root').mkdir()
    shutil.copy(ROOT/'nbs'/START, home/'root')
    with jupyter(home) as address: yield address.format(START)


@pytest.fixture(scope='module')
def tab(lab, browser):
    "The first notebook, open, its kernel idle"
    tab = browser.context.new_page()
    tab.goto(lab)
    tab.wait_for_selector('.jp-NotebookPanel .jp-CodeCell', timeout=90_000)
    wait_for_idle(tab)
    return tab


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
    tab.wait_for_function(COMPLETE, arg=PICTURES)
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
