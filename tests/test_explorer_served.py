"The explorer served to a browser by Panel, from a shell, and as a page that needs no server at all"
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
import numpy as np
import papermill
import pytest
from house import ROOT
from page_rest import WATCH, rest

import matnb
from matnb.explorer.opening import open_scene
from matnb.explorer.single_page import single_page
from matnb.explorer.still import WORD_COLOURS, still_html

COUNT = 240
FIND = """() => {
  const among = (root) => {
    for (const element of root.querySelectorAll('*')) {
      if (element.matnbStore) return element.matnbStore;
      const inner = element.shadowRoot && among(element.shadowRoot);
      if (inner) return inner;
    }
    return null;
  };
  window.found ??= among(document);
  return Boolean(window.found?.step);
}"""


@pytest.fixture(scope='module')
def corpus(tmp_path_factory):
    "Simulated scans with a map; one of them is called like an attack"
    made = matnb.simulate_corpus(tmp_path_factory.mktemp('corpus')/'scans', COUNT, progress=False)
    made = matnb.map(matnb.embed(made, 'spectral', progress=False), progress=False)
    made.annotate({made[3].id: {'material': '</script><img src=x onerror="window.attacked = 1">'}}, why='a test')
    return made


class Tab:
    "A tab of the test's browser, which remembers what went wrong"

    def __init__(self, browser, address, width=1180, height=760):
        self.browser, self.errors, self.received = browser, [], 0
        self.tab = browser.context.new_page()
        self.tab.set_viewport_size({'width': width, 'height': height})
        self.tab.on('console', lambda m: self.errors.append(m.text) if m.type == 'error' else None)
        self.tab.on('pageerror', lambda e: self.errors.append(str(e)))
        self.tab.on('websocket', lambda line: line.on('framereceived', self._count))
        self.tab.add_init_script(WATCH)
        self.tab.goto(address)
        self.tab.wait_for_function(FIND, timeout=60_000)

    def _count(self, frame): self.received += 1

    def store(self, what):
        "Evaluate JavaScript with `store` at hand"
        return self.tab.evaluate(f'async () => {{ const store = window.found; return {what}; }}')

    def until(self, what, timeout=30_000):
        "Wait until JavaScript with `store` at hand is true"
        self.tab.wait_for_function(f'() => {{ const store = window.found; return {what}; }}', timeout=timeout)

    def lasso(self):
        "Draw a line around the left half of the map"
        self.tab.wait_for_selector('.mx-area-map canvas')
        self.rest()
        box = self.tab.locator('.mx-area-map canvas').first.bounding_box()
        left, top, right, low = box['x'] + 6, box['y'] + 6, box['x'] + box['width'] / 2, box['y'] + box['height'] - 6
        corners = [(left, top), (right, top), (right, low), (left, low), (left, top + 3)]
        self.tab.mouse.move(*corners[0])
        self.tab.mouse.down()
        for corner in corners[1:]: self.tab.mouse.move(*corner, steps=6)
        self.tab.mouse.up()
        self.until('store.chosen !== null')

    def rest(self):
        "Wait until nothing is on its way and all is drawn"
        rest(self.tab)

    def close(self): self.tab.close()


# --- From a shell

@pytest.fixture(scope='module')
def served(corpus, tmp_path_factory):
    "`matnb explore` as a process of its own"
    command = [sys.executable, '-m', 'matnb.command_line', 'explore', str(corpus.path), '--no-browser']
    log = tmp_path_factory.mktemp('served')/'log.txt'
    with open(log, 'w') as errors:
        process = subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=errors)
    try:
        said = [process.stdout.readline().strip() for _ in range(3)]
        assert said[0].startswith(f'{COUNT} items of ') and said[2] == 'Ctrl-C ends it.', log.read_text()
        yield said[1], process
    finally:
        if process.poll() is None: process.kill()
        process.wait(10)


def test_the_page_opens_without_internet_and_a_lasso_reaches_python(served, corpus, browser):
    browser.asked_elsewhere.clear()
    page = Tab(browser, served[0])
    assert page.store('store.scene.count') == COUNT and page.store('store.scene.live')
    page.lasso()
    count = page.store('store.chosen.count()')
    assert 0 < count < COUNT
    page.rest()
    code = page.store('(await store.ask("code")).message.code')
    assert 'lasso' in code, code
    found = page.store("(await store.ask('thumbnails', { rows: [0, 7], channel: '', size: 64 }))"
                       ".buffers.map((b) => [b.length, b[1], b[2], b[3]])")
    assert all(length > 500 and name == [80, 78, 71] for length, *name in found), 'binary buffers arrive as they are'
    bits = page.store('store.step.places.length')
    assert bits == 2 * COUNT and page.errors == [] and browser.asked_elsewhere == []
    assert page.tab.evaluate('window.attacked') is None
    page.close()


def test_each_session_has_its_own_selection(served, browser):
    first, second = Tab(browser, served[0]), Tab(browser, served[0])
    first.lasso()
    first.rest()
    assert second.store('store.chosen') is None
    assert first.store('(await store.ask("hello")).message.chosen.conditions.length') == 1
    assert second.store('(await store.ask("hello")).message.chosen.conditions.length') == 0
    for page in (first, second): page.close()


def seconds_of(process):
    "How much processor time a process has taken"
    fields = Path(f'/proc/{process.pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def wait_until_idle(process, patience=60.0):
    "Return when a process takes less than a tenth of the time; a server that draws forever takes all of it"
    until = time.monotonic() + patience
    while time.monotonic() < until:
        began, before = time.monotonic(), seconds_of(process)
        time.sleep(0.4)
        if seconds_of(process) - before < 0.1 * (time.monotonic() - began): return
    raise AssertionError(f'the server is not at rest after {patience} s')


MANY = """async ([kind, count]) => {
  const store = window.found, { length } = store.step.rows, answers = [];
  for (let n = 0; n < count; n += 1) {
    const bits = new store.step.inside.constructor(store.scene.count);
    if (kind === 'choose') store.choose('words', { said: `“${n}”`, act: { kind: 'words', text: `${n}` }, bits });
    answers.push(store.ask(kind === 'choose' ? 'hello' : 'card', { row: (7 * n) % length }));
    await new Promise((done) => { setTimeout(done, 5); });
  }
  return (await Promise.all(answers)).map(({ message }) => message.id ?? message.kind);
}"""


def test_a_choice_in_one_page_neither_reaches_nor_holds_up_the_other(served, corpus, browser):
    "A choice is no business of the other page; while one chooses again and again, the other is answered; then all rest"
    address, process = served
    first, second = Tab(browser, address), Tab(browser, address)
    for page in (first, second): page.rest()
    for page, other, theirs in ((first, second, 0), (second, first, 1)):
        heard = other.received
        assert heard > 0
        page.lasso()
        page.rest()
        assert other.received == heard, 'nothing is said to the page that did nothing'
        assert other.store('(await store.ask("hello")).message.chosen.conditions.length') == theirs
    first.tab.evaluate(f"() => {{ window.chosen = ({MANY})(['choose', 40]); }}")
    cards = second.tab.evaluate(MANY, ['card', 40])
    assert cards == [corpus[7 * n % COUNT].id for n in range(40)]
    first.tab.evaluate('() => window.chosen')
    for page in (first, second): page.rest()
    assert first.store('(await store.ask("hello")).message.chosen.conditions.length') == 2
    wait_until_idle(process)
    for page in (first, second):
        assert page.errors == []
        page.close()


def test_only_who_knows_the_address_is_let_in(served):
    address, _ = served
    base, _, word = address.rpartition('/')
    assert len(word) >= 22
    for guess in ('/', '/index', '/' + word[:-1], '/ws'):
        with pytest.raises(urllib.error.HTTPError, match='40[34]'): urllib.request.urlopen(base + guess)


def test_ctrl_c_ends_it(served):
    process = served[1]
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    assert 'stopped' in process.stdout.read()


@pytest.mark.parametrize(('given', 'words'), [
    (['{folder}/nowhere'], 'is not a corpus'), (['{corpus}', '--map', 'nowhere'], 'no map'),
    (['{corpus}', '--vectors', 'nowhere'], 'no vectors'), (['{corpus}', '--port', '{taken}'], 'is taken by another'),
    (['{corpus}', '--address', '192.0.2.1'], 'cannot listen on')])
def test_what_cannot_be_served_is_said_in_a_line(corpus, tmp_path, capsys, given, words):
    from matnb.command_line import main
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        known = {'folder': tmp_path, 'corpus': corpus.path, 'taken': taken.getsockname()[1]}
        assert main(['explore', *(g.format(**known) for g in given), '--no-browser']) == 2
    said = capsys.readouterr()
    assert words in said.err and len(said.err.splitlines()) == 1 and 'http' not in said.out


# --- One file, no server

@pytest.fixture(scope='module')
def written(corpus, tmp_path_factory):
    "The page of a path of two steps, with pictures of a hundred items"
    scene = open_scene(corpus)
    failed = scene.path.select(where={'outcome': 'failed'}, name='failed ones')
    failed.coordinates  # noqa: B018  makes the map
    scene.path.go(1)
    return single_page(scene, tmp_path_factory.mktemp('page')/'page.html', pictures=100)


def test_a_page_from_a_file_works_without_python(written, corpus, browser, measured):
    browser.asked_elsewhere.clear()
    page = Tab(browser, written.as_uri())
    measured(f'single page: {written.stat().st_size / 1e6:.1f} MB for {COUNT} items, 100 pictures')
    assert page.store('[store.scene.count, store.scene.live, store.step.rows.length]') == [COUNT, False, COUNT]
    page.lasso()
    count = page.store('store.chosen.count()')
    inside = np.array(page.store('[...store.chosen.rows()]'))
    at = matnb.open_map(corpus).coordinates
    assert 0 < count < COUNT and at[inside, 0].max() <= np.delete(at[:, 0], inside).min(), 'the left half'
    material = corpus[0].facets['material']
    page.store("(await store.column('material'), store.ask('words', { text: 'failed' }))")
    found = page.store(f'(await store.ask("words", {{ text: {json.dumps(material)} }})).message.count')
    assert found == len(corpus.search(material))
    card = page.store('(await store.ask("card", { row: 3 })).message')
    assert card['id'] == corpus[3].id
    assert {f['name']: f['value'] for f in card['facets']}['material'] == corpus[3].facets['material']
    assert page.tab.evaluate('window.attacked') is None
    assert page.errors == [] and browser.asked_elsewhere == []
    page.close()


def test_a_page_goes_to_mapped_steps_and_says_what_needs_python(written, browser):
    page = Tab(browser, written.as_uri())
    page.store('(await store.attempt("go", { step: 2 }), 1)')
    page.until('store.step.number === 2')
    assert page.store('store.step.rows.length') == page.store('store.scene.steps[1].count')
    for kind, body in (('near', '{ row: 1, count: 3 }'), ('annotate', '{ rows: [1], values: {} }')):
        said = page.store(f'(await store.ask("{kind}", {body}).catch((e) => e.message))')
        assert 'needs Python' in said
    question = '{ rows: [...Array(200).keys()], channel: "", size: 96 }'
    pictures = page.store(f'(await store.ask("thumbnails", {question})).message')
    assert 50 < 200 - len(pictures['failed']) <= 100 and set(pictures['failed'].values()) == {
        'There is no picture of this item in this page.'}
    row = next(r for r in range(200) if str(r) not in pictures['failed'])
    asked = f'(await store.ask("plane", {{ row: {row}, channel: "", most: 512 }}))'
    shape, of = page.store(f'[{asked}.message.shape, {asked}.message.of]')
    values = page.store(f'[...new Float32Array({asked}.buffers[0].buffer)]')
    assert len(values) == shape[0] * shape[1] and of[0] >= shape[0]
    page.close()


def test_the_policy_of_a_page_lets_nothing_else_run(written, tmp_path, browser):
    attacked = written.read_text(encoding='utf-8').replace(
        '<div id="explorer">', '<script>window.attacked = 1</script><img src="data:," onerror="window.attacked = 2">'
        '<script src="https://example.org/x.js"></script><div id="explorer">')
    file = tmp_path/'attacked.html'
    file.write_text(attacked, encoding='utf-8')
    page = Tab(browser, file.as_uri())
    assert page.tab.evaluate('window.attacked') is None
    assert page.tab.evaluate("fetch('http://127.0.0.1:1/').then(() => 'sent', (e) => e.name)") == 'TypeError'
    assert any('Content Security Policy' in e for e in page.errors)
    page.close()


# --- Still pictures

def test_colours_are_those_of_the_page():
    text = (ROOT/'nbs'/'explorer'/'front'/'colours.js').read_text()
    assert re.findall("'(#[0-9a-f]{6})'", re.search(r'WORD_COLOURS = \[(.*?)\]', text)[1]) == list(WORD_COLOURS)


def test_a_still_picture_survives_hostile_words(corpus):
    scene = open_scene(corpus, colour='material')
    scene.selection.set(ids := [corpus[3].id])
    still = still_html(scene)
    assert '<img src=x' not in still and f'{len(ids)} of {COUNT} items chosen' in still and len(still) < 120_000


NOTEBOOK = [
    'import matnb',
    "explorer = matnb.explore(matnb.open_corpus({path!r}), colour='outcome')\n"
    "explorer.selection.set(where={{'outcome': 'failed'}})\nexplorer"]


def test_a_batch_run_keeps_the_still_picture(corpus, tmp_path):
    cells = [nbformat.v4.new_code_cell(c.format(path=str(corpus.path))) for c in NOTEBOOK]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={'kernelspec': {
        'name': 'python3', 'display_name': 'Python 3', 'language': 'python'}}), tmp_path/'in.ipynb')
    papermill.execute_notebook(str(tmp_path/'in.ipynb'), str(tmp_path/'out.ipynb'), progress_bar=False,
                               kernel_name='python3', cwd=str(tmp_path))
    outputs = nbformat.read(tmp_path/'out.ipynb', 4).cells[1].outputs
    shown = next(o['data'] for o in outputs if 'text/html' in o.get('data', {}))
    still = ''.join(shown['text/html'])
    failed = len(corpus.where(outcome='failed'))
    assert f'{failed} of {COUNT} items chosen' in still
    assert 'class="matnb-still"' in still and '<img alt="Map of' in still
    assert len(still) < 120_000 and '<script' not in still and os.fspath(corpus.path) not in still
