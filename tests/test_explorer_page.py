"The page around the parts, facets and properties, in a real browser"
import json
import re

import numpy as np
import pytest
from front_page import FRONT, FrontPage

import matnb
from matnb.explorer.columns import mask_of
from matnb.explorer.scene import Scene
from matnb.similarity.records import Record
from matnb.similarity.selections import Among, read_selection

COUNT = 300


@pytest.fixture(scope='module')
def path(tmp_path_factory):
    "A corpus with vectors and a map"
    corpus = matnb.embed(matnb.simulate_corpus(tmp_path_factory.mktemp('page')/'corpus', COUNT), 'spectral')
    return matnb.Path.begin(matnb.map(corpus, 'spectral'), on='map of spectral')


@pytest.fixture(scope='module')
def opened(browser, path):
    "One page for all tests of this file"
    page = FrontPage(browser, Scene(path), height=600)
    page.until('store.step !== null')
    yield page
    page.close()


BEGINNING = {'theme': 'auto', 'colour': '', 'layout': {'left': 236, 'right': 300, 'below': 0.45, 'facets': True,
             'centre': 'map', 'side': 'gallery', 'only': 'map', 'height': 600}}


@pytest.fixture
def page(opened):
    "The page as it was at first; no test may leave an error in the console"
    opened.tab.set_viewport_size({'width': 1180, 'height': 760})
    opened.store('store.clear() ?? store.focus(-1) ?? store.hover(-1) ?? store.setView(given[0])', BEGINNING)
    opened.rest()
    opened.heard.clear()
    yield opened
    assert opened.errors == []


def block(page, facet):
    "The part of the facets that shows one of them, opened"
    found = page.tab.locator(f'.mx-facet[data-facet="{facet}"]')
    opener = found.locator('.mx-facet-name')
    if opener.get_attribute('aria-expanded') == 'false': opener.click()
    return found


def word(page, facet, text):
    "The row of a word"
    return block(page, facet).get_by_role('checkbox').filter(has=page.tab.get_by_text(text, exact=True))


def count_of(row):
    "`47 of 412` as numbers"
    said = row.locator('.mx-row-count').inner_text().replace(',', '')
    return tuple(int(n) for n in said.split(' of '))


def settle(page):
    "Let the counts follow"
    page.rest()


def conditions(page):
    "What Python has been told is chosen"
    page.rest()
    return page.scene.selection.conditions


def chosen_mask(page): return np.logical_and.reduce([c.mask for c in conditions(page)])


def as_library(page, act):
    "The items that the library finds for what a page has said"
    selection = read_selection(Record(act, ''))
    return selection.choose(Among(page.scene.corpus, page.scene.positions))


# --- Facets

def test_counts_are_those_of_the_corpus(page):
    corpus = page.scene.items
    for text, count in corpus.counts('material').items(): assert count_of(word(page, 'material', text)) == (count,)
    first = next(iter(corpus.counts('material')))
    word(page, 'material', first).click()
    settle(page)
    narrowed = corpus.where(material=first)
    for text, count in corpus.counts('instrument').items():
        assert count_of(word(page, 'instrument', text)) == (narrowed.counts('instrument').get(text, 0), count)


def test_a_facet_is_counted_without_its_own_condition(page):
    corpus = page.scene.items
    materials, instruments = list(corpus.counts('material')), list(corpus.counts('instrument'))
    word(page, 'material', materials[0]).click()
    word(page, 'instrument', instruments[0]).click()
    settle(page)
    left = corpus.where(instrument=instruments[0]).counts('material')
    for text, count in corpus.counts('material').items():
        assert count_of(word(page, 'material', text)) == (left.get(text, 0), count)
    assert block(page, 'material').get_by_text('Counted without what is asked of this facet').is_visible()
    assert chosen_mask(page).sum() == len(corpus.where(material=materials[0], instrument=instruments[0]))


def test_words_add_up_and_enter_means_only_this(page):
    first, second, *_ = page.scene.items.counts('material')
    word(page, 'material', first).click()
    word(page, 'material', second).click()
    [condition] = conditions(page)
    assert condition.act == {'kind': 'facets', 'conditions': {'material': [first, second]}}
    assert word(page, 'material', first).get_attribute('aria-checked') == 'true'
    word(page, 'material', second).focus()
    page.tab.keyboard.press('Enter')
    assert conditions(page)[0].act == {'kind': 'facets', 'conditions': {'material': second}}
    page.tab.keyboard.press(' ')
    assert conditions(page) == ()


def test_arrow_keys_walk_along_the_words(page):
    first, second, *_ = page.scene.items.counts('material')
    word(page, 'material', first).focus()
    page.tab.keyboard.press('ArrowDown')
    page.tab.keyboard.press(' ')
    assert conditions(page)[0].act['conditions'] == {'material': second}


@pytest.mark.parametrize('facet', ['failure_reason', 'domain_period', 'thickness'])
def test_missing_values_are_a_row_of_their_own(page, facet):
    missing = block(page, facet).get_by_role('checkbox', name=re.compile('^missing'))
    missing.click()
    settle(page)
    [condition] = conditions(page)
    assert condition.act == {'kind': 'facets', 'conditions': {facet: None}}
    assert np.array_equal(condition.mask, as_library(page, condition.act)) and condition.mask.any()


def test_what_is_sent_is_what_the_library_finds(page):
    "Words and missing, a range and missing, dates, all at once and one by one"
    corpus = page.scene.items
    reason = next(w for w in corpus.counts('failure_reason') if w)
    word(page, 'failure_reason', reason).click()
    for facet in ('failure_reason', 'thickness'):
        block(page, facet).get_by_role('checkbox', name=re.compile('^missing')).click()
    for label, text in (('thickness from', '20'), ('thickness up to', '60'), ('scan size up to', '5')):
        block(page, label.split(' from')[0].split(' up')[0].replace(' ', '_'))
        page.tab.get_by_label(label, exact=True).fill(text)
        page.tab.keyboard.press('Enter')
        settle(page)
    days = np.sort(corpus.values('date').astype('M8[D]').astype(str))
    block(page, 'date')
    page.tab.get_by_label('date from', exact=True).fill(str(days[COUNT//4]))
    page.tab.get_by_label('date up to', exact=True).fill(str(days[-COUNT//4]))
    page.tab.keyboard.press('Tab')
    [condition] = conditions(page)
    assert condition.act['kind'] == 'in turn' and condition.mask.any() and not condition.mask.all()
    assert np.array_equal(condition.mask, as_library(page, condition.act))
    plain = condition.act['parts'][0]['conditions']
    assert plain['date'] == {'from': str(days[COUNT//4]), 'to': str(days[-COUNT//4])}
    assert plain['scan_size'] == {'from': None, 'to': 5e-6}
    assert 'or missing' in condition.said and 'up to 5 µm' in condition.said


def test_a_range_on_a_value_holds_the_items_with_that_value(page):
    "Columns travel in single precision, in which 300 nm is a little more than 3e-7"
    sizes = page.scene.items.column('scan_size')
    for size in np.unique(sizes):
        block(page, 'scan_size')
        for end in ('from', 'up to'):
            page.tab.get_by_label(f'scan size {end}', exact=True).fill('')
            page.tab.keyboard.press('Enter')
        for end in ('up to', 'from'):
            page.tab.get_by_label(f'scan size {end}', exact=True).fill(f'{size * 1e6:.6g}')
            page.tab.keyboard.press('Enter')
        [condition] = conditions(page)
        assert np.array_equal(condition.mask, sizes == size)


def test_a_brush_is_drawn_moved_and_taken_away(page):
    plot = block(page, 'drive_frequency').locator('.mx-range-plot')
    plot.scroll_into_view_if_needed()
    settle(page)
    box = plot.bounding_box()

    def drag(from_share, to_share):
        page.tab.mouse.move(box['x'] + box['width'] * from_share, box['y'] + 30)
        page.tab.mouse.down()
        page.tab.mouse.move(box['x'] + box['width'] * to_share, box['y'] + 30, steps=5)
        page.tab.mouse.up()
        return conditions(page)[0].act['conditions']['drive_frequency'].values()

    low, high = drag(0.2, 0.5)
    moved_low, moved_high = drag(0.3, 0.5)
    assert moved_low > low and moved_high > high and moved_high - moved_low == pytest.approx(high - low, rel=0.05)
    assert np.array_equal(chosen_mask(page), as_library(page, conditions(page)[0].act))
    page.tab.mouse.click(box['x'] + box['width'] * 0.9, box['y'] + 30)
    assert conditions(page) == ()


def test_a_brush_in_the_hand_of_the_keyboard(page):
    low = block(page, 'drive_frequency').get_by_role('slider', name='drive frequency: lower end')
    low.focus()
    for _ in range(3): page.tab.keyboard.press('ArrowRight')
    settle(page)
    [condition] = conditions(page)
    values = page.scene.items.column('drive_frequency')
    assert condition.act['conditions']['drive_frequency']['to'] is None
    start = condition.act['conditions']['drive_frequency']['from']
    assert values.min() <= start < values.max() and np.array_equal(condition.mask, values >= start)
    assert float(low.get_attribute('aria-valuenow')) == start and 'Hz' in low.get_attribute('aria-valuetext')
    page.tab.keyboard.press('Delete')
    assert conditions(page) == ()


def test_wrong_numbers_are_marked_and_change_nothing(page):
    block(page, 'scan_size')
    field = page.tab.get_by_label('scan size from', exact=True)
    field.fill('a few')
    page.tab.keyboard.press('Enter')
    assert field.get_attribute('aria-invalid') == 'true' and conditions(page) == ()


def test_histogram_says_how_many_in_words(page):
    word(page, 'material', next(iter(page.scene.items.counts('material')))).click()
    block(page, 'scan_size').scroll_into_view_if_needed()
    settle(page)
    said = block(page, 'scan_size').locator('canvas').get_attribute('aria-label')
    count = len(page.scene.items.where(material=next(iter(page.scene.items.counts('material')))))
    assert said.startswith(f'Histogram of scan size: {count} of {COUNT} items from ') and 'µm' in said


def test_facets_follow_the_map_and_python(page):
    page.store("store.choose('map', {said: 'some', act: {kind: 'items', rows: [1, 2, 3]}, "
               "bits: new store.step.inside.constructor(store.scene.count, Uint8Array.from({length: 38}, "
               "(_, n) => n ? 0 : 14))})")
    settle(page)
    some = page.scene.items.values('material')[1:4].tolist()
    for text, count in page.scene.items.counts('material').items():
        assert count_of(word(page, 'material', text)) == (some.count(text), count)


def test_a_condition_from_python_is_seen_in_the_facets(page):
    first = next(iter(page.scene.items.counts('material')))
    mask = page.scene.items.values('material') == first
    told = {'kind': 'chosen', 'edition': page.scene.edition, 'turn': 99, 'own': False, 'conditions': [
        {'source': 'facets', 'said': first, 'act': {'kind': 'facets', 'conditions': {'material': first}},
         'mask': page.store('btoa(String.fromCharCode(...given[0]))', np.packbits(mask, bitorder='little').tolist())}]}
    page.waiting.put((told, []))
    settle(page)
    assert word(page, 'material', first).get_attribute('aria-checked') == 'true'
    assert page.tab.locator('.mx-condition-said').inner_text() == f'material {first}'


def test_many_words_are_folded_and_found(page):
    files = block(page, 'file')
    assert files.get_by_role('checkbox').count() < 10
    files.get_by_role('button', name='Show all').click()
    assert files.get_by_role('checkbox').count() == 200
    name = page.scene.items.values('file')[123]
    files.get_by_role('searchbox').fill(name)
    settle(page)
    assert files.get_by_role('checkbox').count() == 1 and count_of(word(page, 'file', name)) == (1,)


def test_unusual_words_are_marked(page):
    "A word that is certain among the chosen is marked with how much more frequent it is there"
    corpus = page.scene.items
    material = next(iter(corpus.counts('material')))
    word(page, 'material', material).click()
    settle(page)
    marked = page.tab.locator('.mx-word:has(.mx-unusual:not([hidden]))')
    assert marked.count()
    for n in range(marked.count()):
        some, held = count_of(marked.nth(n))
        ratio = some / held * COUNT / len(corpus.where(material=material))
        assert float(marked.nth(n).locator('.mx-unusual').inner_text()[1:]) == pytest.approx(ratio, abs=0.05)


# --- Chips and search

def test_chips_are_taken_away_one_by_one(page):
    corpus = page.scene.items
    material, instrument = next(iter(corpus.counts('material'))), next(iter(corpus.counts('instrument')))
    word(page, 'material', material).click()
    word(page, 'instrument', instrument).click()
    settle(page)
    chips = page.tab.locator('.mx-condition')
    assert chips.count() == 2
    page.tab.get_by_role('button', name=f'Take away: material {material}').click()
    settle(page)
    assert chips.count() == 1
    assert conditions(page)[0].act == {'kind': 'facets', 'conditions': {'instrument': instrument}}
    assert page.tab.evaluate('() => document.activeElement.closest(".mx-condition") !== null')
    page.tab.get_by_role('button', name='Clear', exact=True).click()
    assert conditions(page) == () and chips.count() == 0


def test_all_but_these(page):
    material = next(iter(page.scene.items.counts('material')))
    word(page, 'material', material).click()
    settle(page)
    page.tab.get_by_role('button', name='All but these').click()
    [condition] = conditions(page)
    assert np.array_equal(condition.mask, page.scene.items.values('material') != material)
    assert np.array_equal(condition.mask, as_library(page, condition.act))


def test_search_in_words(page):
    search = page.tab.get_by_label('Search in the words of all facets')
    page.tab.locator('.mx-map-pane').first.focus()
    page.tab.keyboard.press('/')
    page.tab.keyboard.type('stripes')
    page.rest()
    [condition] = conditions(page)
    assert condition.source == 'words' and condition.mask.sum() == len(page.scene.items.search('stripes'))
    search.fill('no such word anywhere')
    page.tab.get_by_text('nothing found').wait_for()
    assert conditions(page) == ()
    search.press('Escape')
    assert search.input_value() == ''


# --- The page

def test_three_two_and_one_column(page):

    def seen(): return [n for n in ('facets', 'map', 'gallery') if page.tab.locator(f'.mx-area-{n}').is_visible()]

    assert seen() == ['facets', 'map', 'gallery']
    page.tab.set_viewport_size({'width': 800, 'height': 760})
    settle(page)
    assert seen() == ['map', 'gallery']
    page.tab.get_by_role('tab', name='Facets').click()
    assert seen() == ['facets', 'map']
    page.tab.set_viewport_size({'width': 480, 'height': 760})
    settle(page)
    page.tab.get_by_role('tab', name='Map').click()
    assert seen() == ['map']
    page.tab.keyboard.press('ArrowLeft')
    assert seen() == ['gallery']
    assert page.tab.evaluate('() => document.documentElement.scrollWidth <= window.innerWidth')


def test_columns_and_height_are_moved_by_hand_and_kept(page):
    facets = page.tab.locator('.mx-area-facets')
    before = facets.bounding_box()['width']
    line = page.tab.get_by_role('separator', name='Width of the facets')
    line.focus()
    page.tab.keyboard.press('ArrowRight')
    settle(page)
    assert facets.bounding_box()['width'] == before + 16
    assert page.scene.view['layout']['left'] == before + 16 == float(line.get_attribute('aria-valuenow'))
    handle = page.tab.get_by_role('separator', name='Height of the explorer').bounding_box()
    high = page.tab.locator('.mx-page').bounding_box()['height']
    page.tab.mouse.move(handle['x'] + 20, handle['y'] + 3)
    page.tab.mouse.down()
    page.tab.mouse.move(handle['x'] + 20, handle['y'] - 97, steps=4)
    page.tab.mouse.up()
    settle(page)
    assert page.tab.locator('.mx-page').bounding_box()['height'] == pytest.approx(high - 100, abs=2)
    page.tab.evaluate("window.changeTrait('height', 500)")
    settle(page)
    assert page.tab.locator('.mx-page').bounding_box()['height'] == 500


def test_map_this_selection_says_why_not(page):
    asked = page.tab.get_by_role('button', name='Map this selection')
    assert asked.is_disabled() and 'Choose items first' in asked.get_attribute('title')
    rows = page.scene.items.values('file')
    block(page, 'file').get_by_role('checkbox', name=re.compile('\\d')).first.click()
    settle(page)
    assert asked.is_disabled() and 'at least 4' in asked.get_attribute('title') and len(set(rows)) == COUNT
    page.tab.get_by_role('button', name='Clear', exact=True).click()
    word(page, 'material', next(iter(page.scene.items.counts('material')))).click()
    settle(page)
    assert asked.is_enabled()


def test_help_and_other_panels_open_and_close(page):
    page.tab.get_by_role('button', name='Branch').focus()
    page.tab.keyboard.press('?')
    table = page.tab.get_by_role('dialog', name='Help: keys')
    assert table.is_visible() and 'undo' in table.inner_text()
    page.tab.keyboard.press('Escape')
    assert not table.is_visible()
    page.tab.get_by_role('button', name='Branch').click()
    branch = page.tab.get_by_role('dialog', name='Branch')
    assert branch.is_visible() and branch.get_by_role('combobox').count() == 2
    page.tab.locator('.mx-map-pane').first.click()
    settle(page)
    assert not branch.is_visible()


def test_keys_are_left_alone_where_somebody_writes(page):
    page.tab.get_by_label('Find a facet').focus()
    page.tab.keyboard.type('?/')
    assert page.tab.get_by_label('Find a facet').input_value() == '?/'
    assert not page.tab.get_by_role('dialog', name='Help: keys').is_visible()
    page.tab.keyboard.press('Control+z')
    page.rest()
    assert 'undo' not in [m['kind'] for m in page.heard]


def test_theme_follows_the_page_and_can_be_set(page):

    def ground(): return page.tab.evaluate("() => getComputedStyle(document.querySelector('.mx-page')).backgroundColor")

    light = ground()
    page.tab.evaluate("document.documentElement.style.setProperty('--jp-layout-color0', '#111111')")
    settle(page)
    dark = ground()
    assert light == 'rgb(255, 255, 255)' and dark == 'rgb(20, 23, 27)'
    page.tab.get_by_role('button', name='Theme').click()
    settle(page)
    assert ground() == light and page.scene.view['theme'] == 'light'


def test_status_says_what_is_chosen_and_troubles_in_words(page):
    settle(page)
    status = page.tab.get_by_role('status').last
    assert page.tab.get_by_text(f'{COUNT} items; nothing chosen').is_visible()
    word(page, 'material', next(iter(page.scene.items.counts('material')))).click()
    page.rest()
    count = len(page.scene.items.where(material=next(iter(page.scene.items.counts('material')))))
    assert page.tab.get_by_text(f'{count} of {COUNT} items chosen').is_visible() and status
    page.waiting.put(({'kind': 'trouble', 'said': 'The disk <b>is</b> full.'}, []))
    alert = page.tab.get_by_role('alert')
    alert.wait_for()
    assert 'The disk <b>is</b> full.' in alert.inner_text()
    alert.get_by_role('button').click()
    assert alert.count() == 0


def test_work_is_shown_with_its_share_and_can_be_stopped(page):
    page.waiting.put(({'kind': 'working', 'edition': page.scene.edition, 'job': 7, 'said': 'Mapping 120 items',
                       'share': 0.4, 'done': False, 'may_stop': True}, []))
    page.tab.get_by_text('Mapping 120 items 40 %').wait_for()
    page.tab.get_by_role('button', name='Stop').click()
    page.rest()
    assert {'kind': 'stop', 'job': 7}.items() <= page.heard[-1].items()
    page.waiting.put(({'kind': 'working', 'edition': page.scene.edition, 'job': 7, 'said': '', 'done': True}, []))
    settle(page)
    assert page.tab.get_by_role('button', name='Stop').count() == 0


def test_waiting_is_explained(browser, path):
    page = FrontPage(browser, Scene(path), height=600)
    page.until('store.step !== null')
    page.tab.evaluate("() => { window.toPython = () => new Promise(() => {}); "
                      "window.matnbStore.wire.ask('thumbnails', {}).catch(() => {}); }")
    page.tab.get_by_text('Waiting for Python: pictures').wait_for(timeout=3000)
    page.tab.get_by_text('It is busy, perhaps with another cell').wait_for(timeout=6000)
    page.tab.close()


# --- Steps

@pytest.fixture
def stepping(browser, path):
    "A page with a path of its own, since these tests leave steps behind"
    page = FrontPage(browser, Scene(matnb.Path.begin(path.corpus, on='map of spectral')), height=600)
    page.until('store.step !== null')
    yield page
    assert page.errors == []
    page.close()


def crumbs(page): return page.tab.locator('.mx-crumbs li').all_inner_texts()


def test_steps_are_made_renamed_left_undone_and_deleted(stepping):
    page = stepping
    material, count = next(iter(page.scene.items.counts('material').items()))
    word(page, 'material', material).click()
    settle(page)
    page.tab.get_by_role('button', name='Map this selection').click()
    page.until(f'store.step.rows.length === {count}')
    settle(page)
    assert crumbs(page) == [f'all · {COUNT}', f'{material} · {count}']
    assert count_of(word(page, 'material', material)) == (count,), 'nothing is chosen in a new step'
    page.tab.get_by_role('button', name='All steps').click()
    page.tab.get_by_role('button', name=f'Rename {material}').click()
    page.tab.get_by_label('New name').fill('<b>islands</b>')
    page.tab.keyboard.press('Enter')
    page.tab.get_by_role('dialog', name='All steps').get_by_text('<b>islands</b>', exact=True).wait_for()
    assert crumbs(page)[-1] == f'<b>islands</b> · {count}'
    page.tab.keyboard.press('Escape')
    page.tab.locator('.mx-crumbs button').first.click()
    page.until(f'store.step.rows.length === {COUNT}')
    settle(page)
    page.tab.get_by_role('button', name='All steps').click()
    page.tab.get_by_role('button', name='Delete <b>islands</b>').click()
    page.tab.get_by_role('button', name='Delete', exact=True).first.click()
    page.until('store.scene.steps.length === 1')
    page.tab.keyboard.press('Escape')
    page.tab.get_by_role('button', name='Undo').click()
    page.until('store.scene.steps.length === 2')


def test_two_steps_are_compared_beside_each_other(stepping):
    page = stepping
    compare = page.tab.get_by_role('button', name='Compare', exact=True)
    compare.click()
    assert 'only one step' in page.tab.get_by_role('dialog', name='Compare').inner_text()
    page.tab.keyboard.press('Escape')
    word(page, 'material', next(iter(page.scene.items.counts('material')))).click()
    settle(page)
    page.tab.get_by_role('button', name='Map this selection').click()
    page.until('store.scene.steps.length === 2')
    settle(page)
    compare.click()
    page.tab.get_by_role('dialog', name='Compare').get_by_role('button', name='Compare').click()
    page.tab.get_by_role('region', name='Comparison').wait_for()
    assert page.store('store.other.rows.length') == COUNT and page.tab.locator('.mx-map-pane').count() == 2
    page.tab.get_by_role('button', name='End', exact=True).click()
    settle(page)
    assert page.store('store.other') is None and page.tab.locator('.mx-map-pane').count() == 1


def test_a_branch_is_made_in_three_dimensions(stepping):
    page = stepping
    page.tab.get_by_role('button', name='Branch').click()
    page.tab.get_by_label('Dimensions').select_option('3')
    page.tab.get_by_role('button', name='Make the branch').click()
    page.until('store.step.dimensions === 3', timeout=60_000)
    assert page.store('store.step.rows.length') == COUNT


# --- Taking away

def test_code_is_shown_and_copied(page):
    page.tab.get_by_role('button', name='Copy as code').click()
    text = page.tab.get_by_label('Python code')
    text.wait_for()
    assert 'matnb.explore' in text.input_value()
    page.tab.get_by_role('dialog', name='Copy as code').get_by_text(re.compile('^(Copied|Selected)')).wait_for()
    page.tab.keyboard.press('Escape')


def test_a_table_is_kept_and_said_where(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page.tab.get_by_role('button', name='Keep', exact=True).click()
    panel = page.tab.get_by_role('dialog', name='Keep')
    panel.get_by_label('Name').fill('chosen.csv')
    panel.get_by_role('button', name='Keep').click()
    panel.get_by_text('chosen.csv').wait_for()
    [written] = tmp_path.rglob('chosen.csv')
    assert len(written.read_text().splitlines()) == COUNT + 1
    page.tab.keyboard.press('Escape')


# --- Properties

def properties_page(page, across, up):
    page.tab.get_by_role('button', name='Properties', exact=True).click()
    page.tab.get_by_label('Across', exact=True).select_option(across)
    page.tab.get_by_label('Up', exact=True).select_option(up)
    page.rest()


def test_rank_correlation_is_that_of_scipy(page):
    from scipy.stats import spearmanr
    properties_page(page, 'coercive_voltage', 'roughness')
    x, y = (page.scene.items.column(n).astype('f4') for n in ('coercive_voltage', 'roughness'))
    both = ~np.isnan(x) & ~np.isnan(y)
    rho = spearmanr(x[both], y[both]).statistic
    said = page.tab.locator('.mx-plot-said').inner_text().replace('−', '-')
    assert f'Spearman ρ = {rho:.2f} (n = {both.sum()})' in said
    assert f'{np.isnan(x).sum()} without coercive voltage' in said
    word(page, 'material', next(iter(page.scene.items.counts('material')))).click()
    page.rest()
    both &= page.scene.items.values('material') == next(iter(page.scene.items.counts('material')))
    said = page.tab.locator('.mx-plot-said').inner_text().replace('−', '-')
    assert f'chosen: ρ = {spearmanr(x[both], y[both]).statistic:.2f} (n = {both.sum()})' in said


def drag_over(page, box, shares):
    at = [(box['x'] + box['width'] * x, box['y'] + box['height'] * y) for x, y in shares]
    page.tab.mouse.move(*at[0])
    page.tab.mouse.down()
    for place in at[1:]: page.tab.mouse.move(*place, steps=4)
    page.tab.mouse.up()


def test_a_box_is_a_range_of_both_properties(page):
    properties_page(page, 'drive_frequency', 'drive_amplitude')
    drag_over(page, page.tab.locator('.mx-plot-points').bounding_box(), [(0.5, 0.1), (0.95, 0.9)])
    [condition] = conditions(page)
    assert condition.source == 'properties'
    assert set(condition.act['conditions']) == {'drive_frequency', 'drive_amplitude'}
    assert condition.mask.any() and np.array_equal(condition.mask, as_library(page, condition.act))


def test_a_lasso_names_its_items(page):
    properties_page(page, 'drive_frequency', 'drive_amplitude')
    page.tab.get_by_role('button', name='Lasso').last.click()
    around = [(0.5, 0.02), (0.98, 0.02), (0.98, 0.98), (0.5, 0.98)]
    drag_over(page, page.tab.locator('.mx-plot-points').bounding_box(), around)
    [condition] = conditions(page)
    assert condition.act['kind'] == 'items' and condition.act['rows'] == np.flatnonzero(condition.mask).tolist() != []


def test_points_are_walked_and_opened_with_keys(page):
    properties_page(page, 'drive_frequency', 'drive_amplitude')
    page.tab.locator('.mx-plot-points').focus()
    page.tab.keyboard.press('ArrowRight')
    first = page.store('store.hovered')
    page.tab.keyboard.press('ArrowRight')
    second = page.store('store.hovered')
    frequency = page.scene.items.column('drive_frequency')
    assert first != second and frequency[second] > frequency[first]
    page.tab.keyboard.press('Enter')
    assert page.store('store.focused') == second
    page.tab.keyboard.press('Escape')


# --- Axes, counting and ranks, as functions

@pytest.fixture(scope='module')
def functions(browser):
    "Modules that need no page, evaluated in one"
    names = ('bits', 'units', 'axes', 'counting', 'correlation')
    code = '\n'.join(re.sub(r'(?m)^import .*$|^export ', '', (FRONT/f'{n}.js').read_text()) for n in names)
    tab = browser.context.new_page()
    yield lambda what, *given: tab.evaluate(f'(given) => {{ {code}\n return {what}; }}', list(given))
    tab.close()


@pytest.mark.parametrize(('low', 'high', 'log'), [
    (0, 10, False), (3e-7, 1e-5, False), (3e-7, 1e-5, True), (-90, 270, False), (5, 5, False), (0, 0, False),
    (1e-12, 1e3, True), (0.999, 1.001, False), (2, 9, True), (-1e30, 1e30, False), (1e-300, 1e-299, False)])
def test_edges_are_round_few_and_around_all(functions, low, high, log):
    edges = np.array(functions("new Axis({ low: given[0], high: given[1], kind: 'quantity', unit: 'm', log: given[2] })"
                               '.edges(36)', low, high, log))
    assert 2 <= len(edges) <= 38 and (np.diff(edges) > 0).all()
    assert edges[0] <= low * (1 + 1e-6 * (low < 0)) or np.isclose(edges[0], low)
    assert edges[-1] >= high or np.isclose(edges[-1], high)
    ticks = functions("new Axis({ low: given[0], high: given[1], kind: 'quantity', unit: 'm', log: given[2] })"
                      '.ticks(6).map((t) => t.place)', low, high, log)
    assert 1 <= len(ticks) <= 24 and all(-1e-9 <= t <= 1 + 1e-9 for t in ticks)


@pytest.mark.parametrize(('first', 'last'), [
    ('2020-01-01T00:00:00', '2020-01-01T00:00:10'), ('2020-01-01', '2020-01-02'), ('2020-01-01', '2020-03-09'),
    ('2019-05-07', '2026-11-20'), ('1890-01-01', '2030-01-01'), ('0050-01-01', '2030-01-01'),
    ('2020-05-05', '2020-05-05')])
def test_dates_stand_between_round_moments(functions, first, last):
    ends = [np.datetime64(t, 's').astype('i8').item() for t in (first, last)]
    edges = np.array(functions("new Axis({ low: given[0], high: given[1], kind: 'date' }).edges(36)", *ends))
    assert 2 <= len(edges) <= 40 and (np.diff(edges) > 0).all() and edges[0] <= ends[0] and edges[-1] >= ends[1]
    words = functions("new Axis({ low: given[0], high: given[1], kind: 'date' }).ticks(4).map((t) => t.words)", *ends)
    assert 1 <= len(words) <= 9 and len(set(words)) == len(words)


@pytest.mark.parametrize('log', [False, True])
def test_bins_hold_what_numpy_finds(functions, log):
    random = np.random.default_rng(4)
    values = np.exp(random.normal(size=2000) * 2) if log else random.normal(size=2000)
    values = values.astype('f4').astype(float)
    values[::7] = np.nan
    values[::11] = values[3]
    low, high = np.nanmin(values), np.nanmax(values)
    edges = functions("new Axis({ low: given[0], high: given[1], kind: 'quantity', unit: '', log: given[2] })"
                      '.edges(36)', low, high, log)
    given = [None if np.isnan(v) else v for v in values]
    codes = functions('(() => { const values = Float64Array.from(given[0], (v) => v ?? NaN); '
                      'const work = binned(values, given[1], given[2]); let turn = work.next(); '
                      'while (!turn.done) turn = work.next(); return Array.from(turn.value); })()',
                      given, edges, log)
    found = np.bincount(codes, minlength=len(edges))
    held = values[~np.isnan(values)]
    assert found[0] == np.isnan(values).sum()
    assert np.array_equal(found[1:], np.histogram(held, edges)[0])


def test_counting_in_a_set_of_any_length(functions):
    random = np.random.default_rng(5)
    for count in (1, 7, 8, 9, 64, 1001):
        codes, mask = random.integers(0, 5, count), random.random(count) < 0.6
        found = functions('(() => { const work = countedIn(Uint8Array.from(given[0]), 5, new Bits(given[0].length, '
                          'Uint8Array.from(given[1]))); let turn = work.next(); while (!turn.done) turn = work.next(); '
                          'return Array.from(turn.value); })()', codes.tolist(),
                          np.packbits(mask, bitorder='little').tolist())
        assert found == np.bincount(codes[mask], minlength=5).tolist()


@pytest.mark.parametrize(('text', 'usual', 'unit', 'value'), [
    ('20', 'nm', 'm', 2e-8), ('20 nm', 'µm', 'm', 2e-8), ('1.5um', 'nm', 'm', 1.5e-6), ('1e-7 m', 'nm', 'm', 1e-7),
    ('50', 'pm/V', 'pm/V', 50), ('-3.5', '°C', '°C', -3.5), ('2 V', 'nm', 'm', None), ('a few', 'nm', 'm', None),
    ('1.2.3', 'nm', 'm', None), ('', 'nm', 'm', None), ('4', '', '', 4)])
def test_quantities_are_read_with_and_without_their_unit(functions, text, usual, unit, value):
    found = functions('((v) => Number.isNaN(v) ? null : v)(readQuantity(...given))', text, usual, unit)
    assert found == (value if value is None else pytest.approx(value, rel=1e-12))


@pytest.mark.parametrize(('spread', 'log'), [('lognormal', True), ('uniform', False), ('discrete', False)])
def test_an_axis_is_logarithmic_where_that_spreads_values_evenly(functions, spread, log):
    random = np.random.default_rng(7)
    values = {'lognormal': random.lognormal(0, 1.5, 500), 'uniform': random.uniform(1, 100, 500),
              'discrete': random.choice([1.0, 2.0, 5.0, 10.0], 500)}[spread]
    found = functions('[middleOfValues(given[0], given[0].map((_, n) => n)), wantsLog(Math.min(...given[0]), '
                      'Math.max(...given[0]), middleOfValues(given[0], given[0].map((_, n) => n)))]', values.tolist())
    assert found == [np.sort(values)[250], log]


def test_ranks_share_their_mean_among_equals(functions):
    from scipy.stats import rankdata
    values = np.random.default_rng(6).integers(0, 20, 200)
    assert functions('Array.from(ranksOf(given[0]))', values.tolist()) == (rankdata(values) - 1).tolist()


def test_only_what_chance_would_not_give_is_unusual(functions):
    "100 of 1,000 chosen: 5 of 50 are expected; 15 are far beyond, 7 are not, and 2 of 2 are too few to say"
    assert functions('unusual(15, 100, 50, 1000)') == pytest.approx(3)
    assert functions('[unusual(7, 100, 50, 1000), unusual(2, 100, 2, 1000), unusual(50, 1000, 50, 1000), '
                     'unusual(0, 0, 50, 1000)]') == [None] * 4


def test_words_of_the_page_hold_no_markup():
    "Titles, facets and words come from files: no part of the page may read them as HTML"
    for file in FRONT.glob('*.js'):
        assert not re.search(r'innerHTML|insertAdjacentHTML|document\.write|outerHTML', file.read_text()), file.name


def test_masks_are_packed_as_python_packs_them(page):
    assert json.dumps(page.store('store.step.inside.toText()'))
    mask = mask_of(page.store('store.step.inside.toText()'), COUNT)
    assert mask.sum() == len(page.scene.step_rows(page.store('store.step.number')))
