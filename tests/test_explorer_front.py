"The page when answers come late, when views disagree, and when there is hardly anything to show"
import re

import numpy as np
import pytest
from explorer_corpora import embed_synthetically, identity_corpus, identity_measurement
from front_page import FRONT, FrontPage

import matnb
from matnb.explorer.scene import Scene
from matnb.similarity.paths import Path as Walk

COUNT = 240


class SlowPage(FrontPage):
    "A page that some answers reach only when the test lets them"

    def __init__(self, *given, **told):
        self.late, self.held = lambda message: False, []
        super().__init__(*given, **told)

    def say(self, message, buffers):
        "Tell this page something, now or later"
        if self.late(message): self.held.append((message, buffers))
        else: self.waiting.put((message, buffers))

    def _tell_all(self, message, buffers):
        for view in self.views: view.say(message, buffers)

    def hold(self, *kinds):
        "Keep answers of some kinds back"
        self.late = lambda message: message['kind'] in kinds

    def wait_for(self, count):
        "Wait until so many answers are kept back"
        for _ in range(200):
            if len(self.held) >= count: return
            self.tab.wait_for_timeout(20)
        raise AssertionError(f'{len(self.held)} of {count} answers are there')

    def let_go(self):
        "Let all of them come, in their order"
        self.late = lambda message: False
        for message, buffers in self.held: self.waiting.put((message, buffers))
        self.held.clear()
        self.rest()

    def kept_back(self):
        return bool(self.held)


@pytest.fixture(scope='module')
def corpus(tmp_path_factory): return identity_corpus(tmp_path_factory.mktemp('front')/'corpus', COUNT)


@pytest.fixture
def own_corpus(tmp_path):
    "A corpus that a test may change"
    return identity_corpus(tmp_path/'own', 60)


@pytest.fixture
def scene(corpus): return Scene(Walk.begin(corpus, on='overview'))


@pytest.fixture
def pages(browser):
    "Pages that are closed afterwards, on which nothing went wrong"
    opened = []

    def open_page(*given, **told):
        opened.append(SlowPage(browser, *given, **told))
        opened[-1].until('store.step !== null')
        return opened[-1]

    yield open_page
    errors = [e for page in opened for e in page.errors]
    for page in opened: page.close()
    assert not errors


@pytest.fixture(scope='module')
def functions(browser):
    "Modules that need no page, evaluated in one"
    names = ('bits', 'lasso', 'turn', 'map_grid', 'island', 'map_choose')
    code = '\n'.join(re.sub(r'(?m)^import .*$|^export ', '', (FRONT/f'{n}.js').read_text()) for n in names)
    tab = browser.context.new_page()
    yield lambda what, *given: tab.evaluate(f'(given) => {{ {code}\n return {what}; }}', list(given))
    tab.close()


CHOOSE = """store.choose(given[0], { said: 'by hand', act: null,
  bits: store.step.inside.constructor.of(store.scene.count, given[1]) })"""


def chosen_rows(page): return page.store('store.chosen ? Array.from(store.chosen.rows()) : null')


# --- Answers that come late

def test_a_card_that_was_closed_while_it_was_fetched_stays_closed(pages, scene):
    page = pages(scene, 'item')
    page.hold('card')
    page.store('store.focus(3)')
    page.wait_for(1)
    page.store('store.focus(-1)')
    page.let_go()
    assert page.tab.locator('.mx-card-body').is_hidden() and page.tab.locator('.mx-card-empty').is_visible()
    assert 'plane' not in [m['kind'] for m in page.heard] and page.store('store.trouble') == ''
    page.store('store.focus(4)')
    page.tab.wait_for_function("() => !document.querySelector('.mx-card-body').hidden")


def test_a_pin_that_was_taken_away_while_distances_were_fetched_stays_away(pages, scene):
    page = pages(scene, 'gallery')
    page.hold('distances')
    page.store('void store.pin(3)')
    page.wait_for(1)
    page.store('void store.pin(-1)')
    page.let_go()
    assert page.store('store.pinned') is None
    assert page.tab.get_by_label('Order', exact=True).input_value() == 'map'


def test_a_comparison_that_was_ended_while_it_was_fetched_stays_ended(pages, scene):
    scene.path.select(where={'material': 'PbTiO3'})
    scene.path.go(1)
    page = pages(scene)
    page.hold('places')
    page.store('void store.compareWith(2)')
    page.wait_for(1)
    page.store('void store.compareWith(null)')
    page.let_go()
    assert page.store('store.other') is None and page.tab.locator('.mx-map-pane').count() == 1
    assert page.tab.locator('.mx-map-panes.mx-two').count() == 0


def test_the_last_of_two_colours_counts_whichever_comes_last(pages, scene):
    page = pages(scene, 'map')
    page.late = lambda message: message['kind'] == 'columns' and message['columns'][0]['name'] == 'd33'
    page.store("store.setView({ colour: 'd33' })")
    page.wait_for(1)
    page.store("store.setView({ colour: 'outcome' })")
    page.tab.wait_for_function("() => document.querySelector('.mx-legend-title')?.textContent.includes('outcome')")
    before = page.tab.evaluate("() => Array.from(document.querySelector('.mx-map').pointMap.main.cloud.paints)")
    page.let_go()
    after = page.tab.evaluate("() => Array.from(document.querySelector('.mx-map').pointMap.main.cloud.paints)")
    assert before == after and 'outcome' in page.tab.locator('.mx-legend-title').inner_text()


def test_a_map_is_shown_also_without_the_facet_of_its_colour(pages, scene):
    scene.view['colour'] = 'a facet that was taken away'
    page = pages(scene, 'map')
    page.tab.wait_for_function("() => document.querySelector('.mx-map').pointMap.main.cloud !== null", timeout=5000)
    page.until("store.trouble.includes('no facet')")


def test_facets_count_right_when_counting_is_broken_off(pages, scene):
    page = pages(scene)
    page.tab.wait_for_function("() => document.querySelectorAll('.mx-range-bars').length >= 2")
    page.rest()
    page.tab.evaluate("""async () => {
      const store = window.matnbStore;
      const frame = () => new Promise(requestAnimationFrame);
      const now = performance.now.bind(performance);
      let later = 0;
      performance.now = () => { later += 20; return now() + later; }; // a frame has time for one piece of work
      const rows = store.step.rows.filter((row) => row < 100);
      const places = store.step.places.slice(0, 2 * rows.length);
      store.step = { ...store.step, rows, places, inside: store.step.inside.constructor.of(store.scene.count, rows) };
      store.shown = store.step.inside;
      store.emit('step', store.step);
      for (let k = 0; k < 60; k += 1) { await frame(); if (k % 3 === 0) store.emit('chosen', null); }
      performance.now = now;
      store.emit('chosen', null);
      for (let k = 0; k < 30; k += 1) await frame();
    }""")
    counts = page.tab.locator('.mx-facet[data-facet="outcome"] .mx-row-count').all_inner_texts()
    assert sum(map(int, counts)) == 100, counts
    histograms = page.tab.locator('.mx-facet-body:not([hidden]) .mx-range-bars')
    assert histograms.count() >= 2 and all(h.is_visible() for h in histograms.all())
    assert not [p for p in page.tab.get_by_text('No item of this step has a value.').all() if p.is_visible()]


# --- A corpus that becomes another one

def test_nothing_of_the_old_items_outlives_a_renewal(pages, own_corpus):
    scene = Scene(Walk.begin(own_corpus, on='overview'))
    page = pages(scene)
    scene.path.select(where={'material': 'PbTiO3'})
    scene.path.go(1)
    scene.tell_steps()
    page.until('store.scene.steps.length === 2')
    page.store('store.hover(20) ?? store.focus(21)')
    page.store('void store.compareWith(2) ?? store.pin(22)')
    page.store(CHOOSE, 'map', [20, 21, 22])
    page.until('store.pinned !== null && store.other !== null')
    page.rest()
    focused, pinned = scene.id(21), scene.id(22)
    page.hold('places', 'distances')
    page.store('void store.pin(23)')
    page.wait_for(1)
    own_corpus.delete(own_corpus.ids()[:5].tolist(), why='drift')
    scene.refresh()
    page.until('store.scene.edition === 2')
    page.wait_for(2)
    now = page.store("""['hovered', 'pinned', 'other', 'step', 'chosen', 'shown'].map((name) => store[name])""")
    assert now == [-1, None, None, None, None, None]
    assert page.tab.locator('.mx-cell').count() == 0 and page.tab.locator('.mx-map-tip').first.is_hidden()
    page.store("store.choose('words', { said: 'w', act: null, bits: store.conditions[0].bits })")  # with no step yet
    page.let_go()
    page.until('store.pinned !== null')
    assert page.store('store.trouble') == ''
    now = [scene.id(row) for row in page.store('[store.focused, store.pinned.row]')]
    assert now == [focused, pinned], 'the card and the pin are those of the same items as before'
    assert page.store('store.pinned.distances.length') == len(scene)
    rows = set(scene.selection.rows.tolist())
    assert rows <= {15, 16, 17} and set(chosen_rows(page)) == rows
    assert [c['source'] for c in page.store('store.conditions')] == [c.source for c in scene.selection.conditions]


def test_an_answer_about_old_items_is_not_taken_for_one_about_new_ones(pages, own_corpus):
    scene = Scene(Walk.begin(own_corpus, on='overview'))
    page = pages(scene, 'neighbours')
    page.hold('near', 'scene')
    page.store('store.focus(30)')
    page.wait_for(1)
    own_corpus.delete(own_corpus.ids()[:5].tolist(), why='drift')
    scene.refresh()
    page.wait_for(2)
    page.held.reverse()                                             # the scene first, as if the answer had been slow
    page.let_go()
    page.tab.wait_for_function("() => document.querySelectorAll('.mx-strip-cell').length > 3")
    rows = page.tab.locator('.mx-strip-cell').evaluate_all('cells => cells.map((c) => Number(c.dataset.row))')
    asked = [m for m in page.heard if m['kind'] == 'near'][-1]
    assert asked['edition'] == 2 and asked['row'] == 25 and 25 not in rows and max(rows) < 55
    assert page.store('store.trouble') == ''


# --- Two views of one widget

def test_two_views_that_choose_at_once_end_with_the_same(pages, scene):
    first = pages(scene, 'facets')
    second = pages(scene, 'gallery', view_of=first)
    second.hold('chosen')
    first.store(CHOOSE, 'map', [1, 2, 3])
    second.wait_for(1)
    second.store(CHOOSE, 'map', [7, 8])
    second.wait_for(2)
    second.let_go()
    assert scene.selection.rows.tolist() == [7, 8] == chosen_rows(first) == chosen_rows(second)
    second.hold('chosen')
    second.store(CHOOSE, 'map', [4])
    second.store(CHOOSE, 'map', [5])
    second.wait_for(2)
    second.let_go()
    assert scene.selection.rows.tolist() == [5] == chosen_rows(first) == chosen_rows(second)


# --- What is sent

def test_all_but_these_is_told_once(pages, scene):
    page = pages(scene)
    page.store(CHOOSE, 'map', [1, 2])
    page.store("store.choose('gallery', { said: 'marked', act: { kind: 'items', rows: [2, 3], about: 'marked' },"
               " bits: store.step.inside.constructor.of(store.scene.count, [2, 3]) })")
    page.rest()
    before = len([m for m in page.heard if m['kind'] == 'chosen'])
    page.tab.get_by_role('button', name='All but these').click()
    page.rest()
    told = [m for m in page.heard if m['kind'] == 'chosen'][before:]
    assert len(told) == 1 and len(told[0]['conditions']) == 1
    assert scene.selection.rows.tolist() == [r for r in range(COUNT) if r != 2]
    assert page.store('store.trouble') == ''


def test_many_items_travel_as_bits_alone(functions):
    few, many = (functions('itemsAct(Bits.all(given[0]), "these")', n) for n in (3, 20_000))
    assert few == {'kind': 'items', 'rows': [0, 1, 2], 'about': 'these'} and many is None


def test_conditions_that_only_list_their_items_grow_and_shrink(pages, scene):
    page = pages(scene, 'map')
    page.store(CHOOSE, 'map', list(range(60)))
    box = page.tab.locator('.mx-map-pane').bounding_box()
    for key, rows in (('Shift', set(range(COUNT))), ('Alt', set())):
        page.tab.keyboard.down(key)
        page.tab.mouse.move(box['x'] + 4, box['y'] + 4)
        page.tab.mouse.down()
        for x, y in ((1, 0), (1, 1), (0, 1)):
            page.tab.mouse.move(box['x'] + 4 + x * (box['width'] - 8), box['y'] + 4 + y * (box['height'] - 8), steps=3)
        page.tab.mouse.up()
        page.tab.keyboard.up(key)
        page.rest()
        assert set(chosen_rows(page)) == rows == set(scene.selection.rows.tolist())
    assert page.store("store.condition('map').said").endswith('in 3 parts')
    page.tab.mouse.click(box['x'] + box['width'] / 2, box['y'] + box['height'] / 2, button='left')


# --- Hardly anything

def places_of_kind(kind, count):
    "Places of a map that is hardly one"
    if kind == 'identical': return np.full((count, 2), 3, 'f4')
    if kind == 'line': return np.column_stack([np.arange(count), np.zeros(count)]).astype('f4')
    return np.full((count, 2), np.nan, 'f4')


def use_everything(page):
    "Draw, press, turn the wheel, hide and show"
    box = page.tab.locator('.mx-map-pane').first.bounding_box()
    middle = box['x'] + box['width'] / 2, box['y'] + box['height'] / 2
    for tool in 'lb':
        page.tab.locator('.mx-map-pane').first.focus()
        page.tab.keyboard.press(tool)
        page.tab.mouse.move(middle[0] - 90, middle[1] - 90)
        page.tab.mouse.down()
        for x, y in ((90, -90), (90, 90), (-90, 90), (-90, 0)):
            page.tab.mouse.move(middle[0] + x, middle[1] + y, steps=2)
        page.tab.mouse.up()
        page.rest()
    for key in ('a', 'ArrowRight', 'g', 'p', 'd', '+', '-', '0', 'i', 'Escape'): page.tab.keyboard.press(key)
    page.tab.mouse.move(*middle)
    page.tab.mouse.wheel(0, -300)
    page.tab.mouse.click(*middle)
    page.rest()
    page.store("store.focus(-1) ?? store.setView({ layout: { centre: 'both' }, colour: 'd33' })")
    page.rest()
    page.store('store.clear()')
    page.tab.evaluate("() => { document.getElementById('here').style.display = 'none'; }")
    page.rest()
    page.store("store.setView({ colour: 'material' })")
    page.tab.evaluate("() => { document.getElementById('here').style.display = ''; }")
    page.rest()


@pytest.mark.parametrize(('count', 'kind'), [(0, 'none'), (1, 'none'), (1, 'identical'), (5, 'none'),
                                             (40, 'identical'), (40, 'line')])
def test_a_map_that_is_hardly_one_breaks_nothing(pages, tmp_path, monkeypatch, count, kind):
    made = matnb.create_corpus(tmp_path/'few')
    made.append([identity_measurement(n) for n in range(max(1, count))], 'trial')
    embed_synthetically(made, np.arange(max(1, count)))
    if not count: made.delete(made.ids().tolist(), why='all of them')
    scene = Scene(Walk.begin(made))
    monkeypatch.setattr(scene.path, 'coordinates', lambda number: places_of_kind(kind, count))
    monkeypatch.setattr(scene.path, 'stored_map', lambda number: None)
    monkeypatch.setattr('matnb.explorer.walking.why_no_map', lambda scene, number: 'none is made here')
    page = pages(scene)
    use_everything(page)
    trouble = page.store('store.trouble')
    assert not trouble.startswith('Something went wrong'), trouble
    assert len(scene) == count == page.store('store.step.rows.length')


def test_a_level_line_encircles_nothing(functions):
    inside = functions('Array.from(encircled(Float32Array.from([0, 0, 1, 0, 2, 1]), 2, [[-1, 0], [3, 0], [1, 0]]))')
    assert inside == [0, 0, 0]


def test_on_a_sharp_screen_and_of_a_choice_of_nothing(pages, scene):
    page = pages(scene)
    page.tab.context.new_cdp_session(page.tab).send('Emulation.setDeviceMetricsOverride', {
        'width': 900, 'height': 700, 'deviceScaleFactor': 2, 'mobile': False})
    page.rest()
    page.store(CHOOSE, 'map', [])
    page.tab.wait_for_function("() => document.querySelector('.mx-count').textContent.startsWith('0 of')")
    assert page.tab.locator('.mx-gallery-empty').is_visible()
    use_everything(page)
    wide, shown = page.tab.locator('.mx-map-base').evaluate('(canvas) => [canvas.width, canvas.clientWidth]')
    assert abs(wide - 2 * shown) <= 2 and page.store('store.trouble') == ''


# --- What is not seen, and what is over

def test_a_hidden_map_is_painted_when_it_is_shown_again(pages, scene):
    page = pages(scene)
    page.rest()
    page.store("store.setView({ layout: { centre: 'properties' } })")
    page.rest()
    painted = page.tab.evaluate("() => document.querySelector('.mx-map').pointMap.main.paintedAt")
    page.store(CHOOSE, 'map', [1, 2, 3])
    page.rest()
    assert page.tab.evaluate("() => document.querySelector('.mx-map').pointMap.main.paintedAt") == painted
    page.store("store.setView({ layout: { centre: 'map' } })")
    page.rest()
    seen = page.tab.evaluate("""() => { const { main } = document.querySelector('.mx-map').pointMap;
        return [main.paintedAt, main.cloud.flags.reduce((sum, flag) => sum + flag, 0)]; }""")
    assert seen[0] > painted and seen[1] == 3


def test_nothing_goes_on_after_a_page_was_closed(browser, scene):
    browser.context.add_init_script("""(() => {
      window.left = { listeners: 0, observers: 0, intervals: 0 };
      const { addEventListener: add, removeEventListener: remove } = EventTarget.prototype;
      const wide = (target) => [window, document].includes(target) || target instanceof MediaQueryList;
      const counts = (target, [name, act]) => wide(target)
        && !name.startsWith('__') && !String(act).includes('_hitTarget'); // those are the browser driver's
      EventTarget.prototype.addEventListener = function (...given) {
        if (counts(this, given)) window.left.listeners += 1;
        return add.apply(this, given);
      };
      EventTarget.prototype.removeEventListener = function (...given) {
        if (counts(this, given)) window.left.listeners -= 1;
        return remove.apply(this, given);
      };
      const { observe, disconnect } = ResizeObserver.prototype;
      ResizeObserver.prototype.observe = function (...given) {
        window.left.observers += 1;
        return observe.apply(this, given);
      };
      ResizeObserver.prototype.disconnect = function () {
        window.left.observers -= 1;
        return disconnect.call(this);
      };
      const [begin, end] = [window.setInterval, window.clearInterval];
      window.setInterval = (...given) => { window.left.intervals += 1; return begin(...given); };
      window.clearInterval = (number) => { window.left.intervals -= 1; return end(number); };
    })()""")
    page = SlowPage(browser, scene)
    page.until('store.step !== null')
    before = page.tab.evaluate('() => window.left')
    page.hold('card', 'thumbnails', 'columns')
    page.store("store.focus(3) ?? store.setView({ colour: 'd33' })")
    page.wait_for(2)
    page.tab.evaluate('() => window.stopPage()')
    page.let_go()
    after = page.tab.evaluate('() => window.left')
    page.tab.evaluate('() => { window.stopPage = null; }')
    assert before['observers'] >= 3 and before['listeners'] >= 1 and after['observers'] == 0
    assert after['intervals'] == 1, 'that of the test'
    assert after['listeners'] <= 0 and page.tab.locator('#here > *').count() == 0 and page.errors == []
    page.close()


# --- Help and notes

def test_help_names_the_keys_of_the_map(pages, scene):
    page = pages(scene)
    page.tab.get_by_role('button', name='Help: keys').click()
    table = page.tab.locator('.mx-keys').inner_text()
    for words in ('choose what is in view', 'island of the point', 'lasso, box, pick', 'pictures, density'):
        assert words in table, words
    described = page.tab.locator('.mx-map-pane').get_attribute('aria-describedby')
    assert 'choose what is in view' in page.tab.locator(f'#{described}').text_content()


def test_tags_in_use_are_offered_and_a_draft_is_not_lost(pages, own_corpus):
    own_corpus.annotate({own_corpus.ids()[0]: {'tags': 'worn tip, for the paper'}})
    scene = Scene(Walk.begin(own_corpus, on='overview'))
    page = pages(scene, 'item')
    page.store('store.focus(7)')
    page.tab.wait_for_function("() => document.querySelectorAll('.mx-notes datalist option').length === 2")
    page.tab.get_by_label('Notes', exact=True).fill('begun, not saved')
    page.store('store.focus(8)')
    page.tab.wait_for_function("() => document.querySelector('.mx-notes textarea').value !== 'begun, not saved'")
    page.store('store.focus(7)')
    page.tab.wait_for_function("() => document.querySelector('.mx-notes textarea').value === 'begun, not saved'")
    assert page.tab.get_by_role('button', name='Save notes').is_visible()
