"Linked HoloViews in a real browser: what is chosen in one plot is chosen in all, in Python and in the explorer's page"
import itertools
import threading
import time

import numpy as np
import pytest
from matplotlib.path import Path as Outline

import matnb
from matnb.explorer.opening import open_scene

COUNT = 400
HOSTILE = '$$x$$ <img src=x onerror="window.attacked = 1">'
BOX = """(label) => {
  const found = [];
  const look = (root) => { for (const e of root.querySelectorAll('*')) {
    if (e.classList.contains('bk-Figure') && e.getAttribute('aria-label')?.includes(label)) {
      const b = e.getBoundingClientRect();
      const view = [...Bokeh.index].flatMap((v) => [...walk(v)]).find((v) => v.el === e);
      const f = view.frame.bbox;
      found.push({ x: b.x + f.x, y: b.y + f.y, width: f.width, height: f.height, said: e.getAttribute('aria-label') });
    }
    if (e.shadowRoot) look(e.shadowRoot);
  } };
  function* walk(view) { yield view; for (const v of view.children?.() ?? view.child_views ?? []) yield* walk(v); }
  look(document);
  return found[0] ?? null;
}"""
LISTEN = """window.heard = [];
for (const kind of ['pointerdown', 'pointermove', 'pointerup', 'pointercancel']) {
  window.addEventListener(kind, (e) => {
    const last = window.heard.at(-1), on = e.composedPath()[0].className;
    if (last?.kind === kind && last.on === on) { last.count += 1; last.until = Math.round(e.timeStamp); }
    else window.heard.push({ kind, on, count: 1, from: Math.round(e.timeStamp) });
  }, true);
}"""
SELECTED = """() => Bokeh.documents[0]._all_models && [...Bokeh.documents[0]._all_models.values()]
  .filter((m) => m.type === 'ColumnDataSource')
  .filter((m) => 'map x' in Object.fromEntries(m.data instanceof Map ? m.data : Object.entries(m.data)))
  .map((m) => [...m.selected.indices])[0]"""


@pytest.fixture(scope='module')
def board(tmp_path_factory):
    "A dashboard on a server in a thread, its scene, and where it is"
    import panel as pn

    from matnb.explorer.dashboards import dashboard
    corpus = matnb.simulate_corpus(tmp_path_factory.mktemp('corpus')/'scans', COUNT, progress=False)
    corpus = matnb.map(matnb.embed(corpus, 'spectral', progress=False), progress=False)
    corpus.annotate({i: {'material': HOSTILE} for i in corpus.where(material='PbTiO3').ids()[:20]}, why='a test')
    scene = open_scene(corpus)
    server = pn.serve({'/': lambda: dashboard(scene, 'material', ['material', 'outcome', 'scan_size'])}, port=0,
                      address='127.0.0.1', websocket_origin='*', show=False, start=False, verbose=False)
    thread = threading.Thread(target=lambda: (server.start(), server.io_loop.start()), daemon=True)
    thread.start()
    yield scene, f'http://127.0.0.1:{server.port}/'
    server.io_loop.add_callback(server.io_loop.stop)
    thread.join(10)


class Board:
    "The dashboard in a tab"

    def __init__(self, browser, address):
        self.errors, self.pauses = [], itertools.cycle((100, 30, 0))
        self.tab = browser.context.new_page()
        self.tab.set_viewport_size({'width': 1500, 'height': 1200})
        self.tab.on('console', lambda m: self.errors.append(m.text) if m.type == 'error' else None)
        self.tab.on('pageerror', lambda e: self.errors.append(str(e)))
        self.tab.add_init_script(LISTEN)
        self.tab.goto(address)
        self.tab.wait_for_selector('.bk-Figure', timeout=60_000)
        self.tab.wait_for_function('() => window.Bokeh?.documents?.[0]?.is_idle', timeout=60_000)
        self.settle()

    def box(self, label):
        "Where the frame of a plot is, and what is said of it"
        return self.tab.evaluate(BOX, label)

    def heard(self):
        "What the page has heard of the mouse since it was asked last: kind, on what, how often, when"
        return self.tab.evaluate('window.heard.splice(0)')

    def settle(self):
        "Wait until the plots have their places, and nothing has moved for a second"
        before, now = None, [self.box(label) for label in ('Map of', 'outcome:', 'scan size (m):')]
        while before != now or not all(now):
            self.tab.wait_for_timeout(1000)
            before, now = now, [self.box(label) for label in ('Map of', 'outcome:', 'scan size (m):')]

    def drag(self, points):
        "Press, wait as a hand does, move, let go; gives the seconds of the moves"
        self.tab.mouse.move(*points[0])
        self.tab.mouse.down()
        self.tab.wait_for_timeout(next(self.pauses))  # from 250 ms on Bokeh takes it for a press, which draws nothing
        began = time.perf_counter()
        for point in points[1:]: self.tab.mouse.move(*point, steps=4)
        took, self.painted = time.perf_counter() - began, self.tab.evaluate('window.painted ?? 0')
        self.tab.mouse.up()
        return took

    def lasso(self, reach=0.3):
        "A round line on the map; gives the seconds of the moves"
        at = self.box('Map of')
        x, y = at['x'] + at['width'] * 0.5, at['y'] + at['height'] * 0.5
        return self.drag([(x + at['width'] * reach * np.cos(a), y + at['height'] * reach * np.sin(a))
                          for a in np.linspace(0, 6.2, 12)])

    def shows(self, rows):
        "Wait until the points of these rows are the selected ones"
        deadline = time.monotonic() + 20
        while (found := self.tab.evaluate(SELECTED)) != list(rows) and time.monotonic() < deadline:
            self.tab.wait_for_timeout(100)
        assert found == list(rows)


def tried(page, gesture, done, times=6):
    "Make a gesture again until it is understood: on a busy machine Bokeh takes a slow press for no drag"
    seen = []
    for _ in range(times):
        made, deadline = gesture(), time.monotonic() + 8
        while not done() and time.monotonic() < deadline: time.sleep(0.05)
        if done(): return made
        seen.append(page.heard())
    pytest.fail(f'{times} gestures, and nothing was chosen; the page saw {seen}, errors {page.errors}', pytrace=False)


def until(what, seconds=15.0):
    "Wait for Python's side"
    deadline = time.monotonic() + seconds
    while not what() and time.monotonic() < deadline: time.sleep(0.05)
    assert what()


@pytest.fixture
def page(board, browser):
    scene, address = board
    scene.selection.clear()
    browser.asked_elsewhere.clear()
    page = Board(browser, address)
    yield page
    assert page.errors == [] and browser.asked_elsewhere == []
    assert page.tab.evaluate('window.attacked') is None
    page.tab.close()


def test_a_lasso_reaches_python_and_all_views(board, page, measured):
    scene, told = board[0], []
    stop = scene.connect(lambda message, buffers: told.append(message['kind']))
    took = tried(page, page.lasso, lambda: len(scene.selection))
    stop()
    condition = scene.selection.conditions[0]
    corners, at = np.array(condition.act['corners']), scene.path.coordinates(1)
    inside = Outline(corners).contains_points(at)
    assert (condition.source, condition.act['kind'], told) == ('map', 'lasso', ['chosen'])
    assert 0 < inside.sum() < COUNT and (inside != scene.selection.mask).sum() <= 1
    page.shows(np.flatnonzero(scene.selection.mask))
    said = f'{len(scene.selection)} of {COUNT} items chosen'
    page.tab.get_by_text(said).first.wait_for(state='visible')
    assert said in page.box('Map of')['said']
    assert page.box('outcome:')['said'].count(' of ') >= 2
    measured(f'HoloViews, {COUNT} points: a lasso of 44 moves was drawn in {took:.2f} s')


def test_bars_and_a_lasso_are_met_together_and_python_is_seen(board, page):
    scene = board[0]
    tried(page, lambda: page.lasso(0.4), lambda: len(scene.selection))
    before = scene.selection.mask.copy()
    bars = page.box('outcome:')
    at = bars['x'] + bars['width'] * 0.08, bars['y'] + bars['height'] * 0.16
    tried(page, lambda: page.tab.mouse.click(*at), lambda: len(scene.selection.conditions) == 2)
    (word,) = [c.act['conditions']['outcome'] for c in scene.selection.conditions if c.source == 'facets']
    chosen = np.isin(scene.corpus.values('outcome'), word)
    assert np.array_equal(scene.selection.mask, before & chosen)

    scene.selection.set(where={'outcome': 'failed'})
    page.shows(np.flatnonzero(scene.corpus.values('outcome') == 'failed'))
    scene.selection.clear()
    page.shows([])  # nothing chosen, nothing greyed


def test_a_box_in_a_histogram_is_a_range(board, page):
    scene = board[0]

    def draw():
        at = page.box('scan size (m):')
        corners = (0.1, 0.1), (0.3, 0.5), (0.5, 0.9)
        return page.drag([(at['x'] + at['width'] * x, at['y'] + at['height'] * y) for x, y in corners])

    tried(page, draw, lambda: len(scene.selection.conditions) == 1)
    told = scene.selection.conditions[0].act['conditions']['scan_size']
    low, high = told['from'], told['to']
    assert scene.selection.ids == scene.corpus.where(scan_size=(low, high)).ids().tolist() and low < high


def test_two_pages_of_one_scene_come_to_rest(board, page, browser, monkeypatch):
    """What is chosen in one page is drawn once in the other: a plot that is told while Panel works for another document
    puts off its drawing forever, and the server is busy with nothing else"""
    from bokeh.document import Document
    turns, ask = [], Document.add_next_tick_callback
    monkeypatch.setattr(Document, 'add_next_tick_callback', lambda *given: turns.append(given) or ask(*given))
    other = Board(browser, board[1])
    tried(other, other.lasso, lambda: len(board[0].selection))
    chosen = np.flatnonzero(board[0].selection.mask)
    page.shows(chosen)
    other.shows(chosen)
    page.tab.wait_for_timeout(1000)
    asked = len(turns)
    page.tab.wait_for_timeout(1000)
    assert 0 < asked == len(turns) < 200
    assert other.errors == []
    other.tab.close()


def test_one_question_when_the_mouse_rests(board, page, monkeypatch):
    from matnb.explorer.dashboards import Laid
    asked, nearest = [], Laid.nearest
    monkeypatch.setattr(Laid, 'nearest', lambda *given: asked.append(given[1:3]) or nearest(*given))
    at = page.box('Map of')
    for share in np.linspace(0.2, 0.8, 40):
        page.tab.mouse.move(at['x'] + at['width'] * share, at['y'] + at['height'] * 0.5)
    until(lambda: asked)
    page.tab.wait_for_timeout(800)
    assert 0 < len(asked) < 20, f'{len(asked)} questions on one way across the map'


def test_moves_of_a_lasso_repaint_no_points(board, page):
    count = """() => { window.painted = 0; const draw = CanvasRenderingContext2D.prototype.drawImage;
      CanvasRenderingContext2D.prototype.drawImage = function (...given) {
        window.painted += 1;
        return draw.apply(this, given);
      }; }"""
    page.tab.evaluate(count)

    def draw():
        page.tab.evaluate('window.painted = 0')
        return page.lasso(0.2)

    tried(page, draw, lambda: len(board[0].selection))
    assert page.painted < 44, f'{page.painted} in 44 moves: Bokeh repaints all points unless continuous is off'
