"What the explorer looks like to somebody who reads it: order, names, what is in sight, what lies over what"
import pytest
from front_page import FrontPage

import matnb
from matnb.explorer.columns import facet_definitions
from matnb.explorer.scene import Scene

SHOWN = """(selector) => [...document.querySelectorAll(selector)].filter((e) => e.offsetParent).map((e) => {
  const box = e.getBoundingClientRect();
  return { name: e.getAttribute('aria-label') ?? e.textContent, words: e.innerText.trim(), x: box.x, y: box.y,
    wide: box.width, high: box.height, cut: e.scrollWidth - e.clientWidth };
})"""
UNDER_LEGEND = """() => {
  const legend = document.querySelector('.mx-map-legend').getBoundingClientRect();
  const pane = document.querySelector('.mx-map').pointMap.main;
  const at = pane.element.getBoundingClientRect();
  const rows = [...pane.cloud.step.rows];
  return rows.filter((row) => {
    const [x, y] = pane.screenOf(row);
    return x + at.x > legend.left && x + at.x < legend.right && y + at.y > legend.top && y + at.y < legend.bottom;
  }).length;
}"""


@pytest.fixture(scope='module')
def corpus(tmp_path_factory):
    "A corpus with vectors and a map"
    made = matnb.embed(matnb.simulate_corpus(tmp_path_factory.mktemp('looks')/'corpus', 240), 'spectral')
    return matnb.map(made, 'spectral')


@pytest.fixture(scope='module')
def scene(corpus): return Scene(matnb.Path.begin(corpus, on='map of spectral'))


@pytest.fixture
def open_page(browser, scene):
    "Pages that are closed after the test, which may not leave an error in the console"
    pages = []

    def opened(**how):
        page = FrontPage(browser, scene, **how)
        pages.append(page)
        page.until('store.step !== null')
        page.rest()
        return page

    yield opened
    for page in pages:
        page.store('store.clear() ?? store.focus(-1)')
        errors = page.errors
        page.close()
        assert errors == []


def shown(page, selector): return page.tab.evaluate(SHOWN, selector)


def test_facets_come_in_the_order_a_scientist_asks(corpus):
    names = [facet['name'] for facet in facet_definitions(corpus)]
    assert names[:6] == ['material', 'domain_type', 'outcome', 'substrate', 'intent', 'failure_reason']
    for late in ('measured_by', 'instrument'): assert names.index(late) > names.index('thickness')
    assert names.index('file') > max(names.index(n) for n in ('measured_by', 'instrument', 'date'))


def test_a_facet_that_tells_nothing_comes_last_whatever_it_is_called(corpus):
    one = corpus.where(material=str(corpus.values('material')[0]))
    names = [facet['name'] for facet in facet_definitions(one)]
    assert names[0] == 'domain_type' and names.index('material') > names.index('instrument')


def test_three_columns_of_pictures_named_by_what_colours_the_map(open_page):
    page = open_page(height=640)
    cells = shown(page, '.mx-cell')
    assert len({round(cell['x']) for cell in cells}) == 3
    page.store("store.setView({colour: 'outcome'})")
    page.tab.wait_for_function("""() => [...document.querySelectorAll('.mx-caption')]
      .some((e) => e.innerText === 'success')""")
    assert {cell['words'] for cell in shown(page, '.mx-caption')} <= {'success', 'partial', 'failed'}


def test_nothing_that_is_chosen_from_is_cut_off(open_page):
    page = open_page(height=640)
    for name in ('along the map', 'automatic', 'gray'):
        box = page.tab.locator('.mx-gallery-controls select').filter(has_text=name).first
        room, needed = box.evaluate("""(select) => {
          const style = getComputedStyle(select);
          const brush = document.createElement('canvas').getContext('2d');
          brush.font = style.font;
          return [select.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight),
            brush.measureText(select.selectedOptions[0].text).width];
        }""")
        assert needed <= room + 1, (name, needed, room)


def test_neighbours_are_in_sight_on_the_card(open_page):
    page = open_page(height=720)
    page.store('store.focus(store.step.rows[5])')
    page.tab.wait_for_selector('.mx-strip-cell .mx-distance')
    page.rest()
    bottom = shown(page, '.mx-columns')[0]
    first = shown(page, '.mx-strip-cell')[0]
    assert first['y'] + first['high'] <= bottom['y'] + bottom['high']
    acts = shown(page, '.mx-card-acts button')
    assert len({round(act['y']) for act in acts}) == 1 and len(acts) == 3
    page.store("store.setView({layout: {right: 640}})")
    page.rest()
    look, like = shown(page, '.mx-card-look')[0], shown(page, '.mx-card-like')[0]
    assert like['x'] >= look['x'] + look['wide'] and abs(like['y'] - look['y']) < 2


@pytest.mark.parametrize(('centre', 'least'), [('map', 0), ('both', 0)])
def test_the_legend_leaves_points_in_sight(open_page, centre, least):
    page = open_page(height=640)
    page.store('store.setView(given[0])', {'layout': {'centre': centre}, 'colour': 'material'})
    page.rest()
    assert page.tab.evaluate(UNDER_LEGEND) == least
    open_now = page.tab.locator('.mx-map-legend').evaluate('e => e.open')
    page.tab.locator('.mx-map-legend summary').click()
    page.store("store.setView({colour: 'outcome'})")
    page.rest()
    assert page.tab.locator('.mx-map-legend').evaluate('e => e.open') == (not open_now), 'what a hand did stays'
    page.store("store.setView({layout: {centre: 'map'}, colour: 'material'})")


def test_names_contain_what_is_seen(open_page):
    page = open_page(height=720)
    page.store('store.focus(store.step.rows[5])')
    page.tab.wait_for_selector('.mx-strip-cell .mx-distance')
    page.rest()
    found = shown(page, '.matnb-explorer :is(button, [role=option])')
    assert len(found) > 40
    for one in found:
        for words in one['words'].replace('▾', '').split('\n'):
            if any(letter.isalnum() for letter in words): assert words.strip().lower() in one['name'].lower(), one


def test_a_button_that_cannot_be_pressed_says_why_when_pressed(open_page):
    page = open_page(height=640)
    page.tab.get_by_role('button', name='Map this selection').click(force=True)
    page.tab.wait_for_function("() => document.querySelector('.mx-said').innerText.includes('Choose items first')")


def test_no_way_to_meet_all_conditions_is_left_by_a_button(open_page):
    page = open_page(height=640)
    page.store("""store.choose('words', { said: '“x”', act: { kind: 'words', text: 'x' },
               bits: new store.step.inside.constructor(store.scene.count) })""")
    page.tab.get_by_role('button', name='Clear all conditions').click()
    page.until('store.chosen === null')


@pytest.mark.parametrize('part', ['map', 'gallery', 'facets', 'properties', 'item'])
def test_a_part_alone_is_as_tall_as_it_was_asked_to_be(open_page, part):
    page = open_page(part=part, height=410, width=700)
    assert shown(page, '.matnb-explorer')[0]['high'] == 410
    page.tab.evaluate("() => window.changeTrait('height', 333)")
    assert shown(page, '.matnb-explorer')[0]['high'] == 333
