"Pictures in a real browser: gallery, item card, viewer and neighbours, in the order, colours and places that are right"
import base64

import numpy as np
import pytest
from explorer_corpora import CHANNELS, Identity, identity_corpus, read_identity
from front_page import FrontPage
from page_rest import WATCH, rest

import matnb
from matnb.explorer.scene import Scene
from matnb.similarity.paths import Path as Walk
from matnb.similarity.searching import search

COUNT = 400
CELLS = """(root) => [...root.querySelectorAll('.mx-cell')].filter((cell) => !cell.querySelector('canvas').hidden)
  .map((cell) => {
  const canvas = cell.querySelector('canvas');
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const light = Uint8Array.from({ length: data.length / 4 }, (_, n) => data[n * 4]);
  return [Number(cell.dataset.row), canvas.height, canvas.width, btoa(String.fromCharCode(...light)), cell.innerText,
    cell.getAttribute('aria-label')];
})"""
ROWS = '''root => [...root.querySelectorAll(".mx-cell")].sort((a, b) => a.ariaPosInSet - b.ariaPosInSet)
  .map((c) => Number(c.dataset.row))'''
ALL_HERE = """() => { const cells = [...document.querySelectorAll('.mx-cell')];
  return cells.length > 0 && cells.every((cell) => !cell.querySelector('canvas').hidden
    || cell.querySelector('.mx-frame-failed').innerText); }"""
FIRST_PIXEL = "() => document.querySelector('.mx-cell canvas').getContext('2d').getImageData(1, 1, 1, 1).data"
LIGHT = '''canvas => { let sum = 0;
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  for (let n = 0; n < data.length; n += 4) sum += data[n]; return sum; }'''
WIDTH = 'element => element.getBoundingClientRect().width'


@pytest.fixture(scope='module')
def corpus(tmp_path_factory):
    "Items whose pictures say which item they are"
    return identity_corpus(tmp_path_factory.mktemp('pictures')/'corpus', COUNT)


@pytest.fixture
def open_part(browser, corpus):
    "Open a part of the explorer; no error may have reached the console"
    pages = []

    def opened(part, scene=None, **settings):
        pages.append(FrontPage(browser, scene or Scene(Walk.begin(corpus, on='overview')), part, **settings))
        pages[-1].tab.evaluate('height => { document.querySelector(".matnb-explorer").style.height = `${height}px`; }',
                               settings.get('height', 760))
        pages[-1].tab.set_default_timeout(8000)
        pages[-1].until('store.step !== null')
        return pages[-1]

    yield opened
    for page in pages:
        assert page.errors == []
        page.close()


@pytest.fixture
def gallery(open_part):
    "A gallery in which all pictures in sight have come"
    page = open_part('gallery')
    page.tab.wait_for_function(ALL_HERE)
    return page


def cells(page):
    "Row, picture and words of each cell with a picture"
    told = page.tab.locator('.matnb-explorer').evaluate(CELLS)
    return {row: (np.frombuffer(base64.b64decode(light), 'u1').reshape(high, wide), words, name)
            for row, high, wide, light, words, name in told}


def shown_rows(page): return page.tab.locator('.matnb-explorer').evaluate(ROWS)


def asked(page, kind): return [m for m in page.heard if m['kind'] == kind]


def settle(page):
    "Wait until nothing is on its way"
    page.rest()


def order_by(page, name):
    "Choose an order, and wait until it is there"
    page.tab.get_by_label('Order', exact=True).focus()
    page.tab.get_by_label('Order', exact=True).select_option(name)
    page.rest()
    page.tab.wait_for_function(ALL_HERE)


def is_right(page, found):
    "Whether each picture is that of its row"
    numbers = {row: int(page.scene.item(row).facets['file'].split('_')[1].split('.')[0]) for row in found}
    return all(read_identity(light) in [Identity(numbers[row], channel) for channel in (0, 1)]
               for row, (light, *_) in found.items())


# --- Gallery

def test_gallery_shows_what_is_in_sight_and_the_right_pictures(gallery):
    found = cells(gallery)
    assert 20 < len(found) < 120 and is_right(gallery, found)
    assert gallery.tab.locator('.mx-count').inner_text() == f'{COUNT} of {COUNT} items'
    assert all('item' in name and len(words.strip()) > 0 for _, words, name in found.values())
    many = asked(gallery, 'thumbnails')
    assert all(len(m['rows']) <= 60 for m in many) and sum(len(m['rows']) for m in many) <= 3 * len(found)
    rows = [r for m in many for r in m['rows']]
    assert len(rows) == len(set(rows)), 'no picture is asked for twice'


def test_scrolling_keeps_the_right_pictures(gallery):
    wall = gallery.tab.locator('.mx-wall')
    for part in (0.3, 0.9, 0.1, 1.0, 0.0):
        wall.evaluate('(wall, part) => { wall.scrollTop = part * wall.scrollHeight; }', part)
        gallery.rest()
        gallery.tab.wait_for_function(ALL_HERE)
        assert is_right(gallery, cells(gallery)) and len(shown_rows(gallery)) < 130


def test_pictures_scrolled_past_are_not_asked_for(gallery):
    before = len(asked(gallery, 'thumbnails'))
    gallery.tab.locator('.mx-wall').evaluate("""async (wall) => { for (let n = 1; n <= 30; n += 1) {
        wall.scrollTop = (n / 30) * wall.scrollHeight; await new Promise((r) => requestAnimationFrame(r)); } }""")
    gallery.tab.wait_for_function(ALL_HERE)
    assert is_right(gallery, cells(gallery))
    assert max(len(m['rows']) for m in asked(gallery, 'thumbnails')[before:]) <= 60


def test_colours_change_without_python(gallery):
    settle(gallery)
    before = len(gallery.heard)
    grey = {row: light for row, (light, *_) in cells(gallery).items()}
    gallery.tab.get_by_label('Colours').select_option('viridis')
    gallery.tab.wait_for_function(f'{FIRST_PIXEL}[2] > 30')
    settle(gallery)
    assert [m['kind'] for m in gallery.heard[before:]] == ['view']
    red = {row: light for row, (light, *_) in cells(gallery).items()}
    assert all((red[row] != grey[row]).any() for row in grey)
    gallery.tab.get_by_label('Colours').select_option('gray')
    gallery.rest()
    assert is_right(gallery, cells(gallery))


def test_other_channels(gallery):
    for number, channel in enumerate(c.key for c in CHANNELS):
        gallery.tab.get_by_label('Channel').select_option(channel)
        gallery.rest()
        gallery.tab.wait_for_function(ALL_HERE)
        assert {read_identity(light).channel for light, *_ in cells(gallery).values()} == {number}


def test_what_was_not_measured_is_transparent(open_part, tmp_path):
    rng = np.random.default_rng(0)
    image = rng.random((1, 64, 64)).astype('f4')
    image[:, 32:] = np.nan
    made = matnb.create_corpus(tmp_path/'half')
    made.append([matnb.Measurement(image, (matnb.Channel('height', 'm'),), (1e-8, 2e-8)) for _ in range(3)])
    matnb.map(matnb.embed(made, 'spectral', progress=False), 'spectral', name='m', method='pca', progress=False)
    page = open_part('gallery', Scene(Walk.begin(made, on='m')))
    page.tab.wait_for_function(ALL_HERE)
    high, wide, opaque = page.tab.evaluate("""() => { const c = document.querySelector('.mx-cell canvas');
        const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
        return [c.height, c.width, Array.from({length: c.height}, (_, y) => d[(y * c.width + 3) * 4 + 3])]; }""")
    assert wide == 2 * high, 'pixels that are twice as wide as tall'
    assert set(opaque[:high // 2 - 1]) == {255} and set(opaque[high // 2 + 1:]) == {0}
    bar = page.tab.locator('.mx-cell .mx-scale').first
    share = bar.locator('i').evaluate(WIDTH) / page.tab.locator('.mx-cell canvas').first.evaluate(WIDTH)
    assert bar.inner_text() == '500 nm' and np.isclose(share, 500e-9 / (64 * 2e-8), rtol=0.03)


def test_orders(gallery):
    scene, everything = gallery.scene, range(COUNT)
    items = [scene.item(row) for row in everything]

    def firsts(): return [row for row in shown_rows(gallery)][:20]

    order_by(gallery, 'collected')
    assert firsts() == list(range(20))
    gallery.tab.get_by_label('Reverse the order').click()
    gallery.rest()
    assert firsts() == list(range(COUNT - 1, COUNT - 21, -1))
    gallery.tab.get_by_label('Reverse the order').click()
    order_by(gallery, 'facet:d33')
    value = np.array([i.facets.get('d33', np.nan) for i in items])
    assert [value[r] for r in firsts()] == sorted(value[np.isfinite(value)])[:20]
    words = [w for _, w, _ in cells(gallery).values()]
    assert any(w.strip() for w in words)
    gallery.tab.get_by_label('Reverse the order').click()
    gallery.rest()
    assert [value[r] for r in firsts()] == sorted(value[np.isfinite(value)])[::-1][:20], 'missing ones stay last'
    gallery.tab.get_by_label('Reverse the order').click()
    gallery.tab.locator('.mx-cell[tabindex="0"]').press('End')
    assert not np.isfinite(value[shown_rows(gallery)[-1]])
    gallery.tab.keyboard.press('Home')
    order_by(gallery, 'facet:material')
    material = [items[r].facets.get('material', '') for r in shown_rows(gallery)]
    assert material[:30] == ['BaTiO3'] * 30
    assert cells(gallery)[shown_rows(gallery)[0]][1].strip().splitlines()[-1] == 'BaTiO3'


def test_map_order_keeps_neighbours_together(gallery):
    places = np.array(gallery.store('Array.from(store.step.places)')).reshape(-1, 2)
    order = []
    for _ in range(30):
        order += [r for r in shown_rows(gallery) if r not in order]
        gallery.tab.locator('.mx-wall').evaluate('(wall) => { wall.scrollTop += wall.clientHeight * 0.8; }')
        gallery.rest()
    assert sorted(order) == list(range(COUNT))
    near, any_two = (np.linalg.norm(np.diff(places[o], axis=0), axis=1).mean() for o in (order, np.arange(COUNT)))
    assert near < 0.25 * any_two


def test_what_is_chosen_is_shown_and_nothing_chosen_shows_the_step(gallery):
    gallery.store("store.choose('python', { said: 'some', act: { kind: 'items', rows: [3, 5, 77], about: 'some' },"
                  ' bits: Object.assign(store.step.inside.copy(), { bytes: store.step.inside.bytes.map((b, n) =>'
                  ' [3, 5, 77].filter((r) => r >> 3 === n).reduce((all, r) => all | 1 << (r & 7), 0)) }) })')
    gallery.tab.wait_for_function("() => document.querySelectorAll('.mx-cell').length === 3")
    assert sorted(shown_rows(gallery)) == [3, 5, 77]
    assert gallery.tab.locator('.mx-count').inner_text() == f'3 of {COUNT} items'
    gallery.tab.get_by_label('others too, greyed').check()
    gallery.tab.wait_for_function("() => document.querySelectorAll('.mx-cell').length > 20")
    plain = gallery.tab.locator('.mx-cell:not(.mx-greyed)')
    grey = plain.evaluate_all('cells => cells.map((cell) => Number(cell.dataset.row))')
    assert set(grey) <= {3, 5, 77}
    gallery.store('store.clear()')
    gallery.tab.wait_for_function("() => !document.querySelector('.mx-greyed')")
    assert gallery.tab.locator('.mx-count').inner_text() == f'{COUNT} of {COUNT} items'


def test_keys_of_the_gallery(gallery):
    tab = gallery.tab
    order_by(gallery, 'collected')
    tab.locator('.mx-cell[tabindex="0"]').focus()
    tops = tab.locator('.mx-cell').evaluate_all('cells => cells.map((c) => Math.round(c.getBoundingClientRect().top))')
    across = tops.count(min(tops))

    def here(): return tab.evaluate('() => Number(document.activeElement.dataset.row)')

    for key, row in (('ArrowRight', 1), ('ArrowDown', 1 + across), ('ArrowLeft', across), ('End', COUNT - 1),
                     ('ArrowRight', COUNT - 1), ('Home', 0)):
        tab.keyboard.press(key)
        assert here() == row, key
    tab.keyboard.press('PageDown')
    assert here() >= 3 * across
    row = here()
    tab.keyboard.press('Enter')
    assert gallery.store('store.focused') == row
    tab.keyboard.press('p')
    gallery.until('store.pinned !== null')
    gallery.rest()
    assert gallery.store('store.pinned.row') == row and shown_rows(gallery)[0] == row and here() == row
    far = np.array(gallery.store('Array.from(store.pinned.distances)'))
    assert [int(r) for r in np.argsort(far, kind='stable')[:12]] == shown_rows(gallery)[:12]
    tab.keyboard.press('p')
    gallery.until('store.pinned === null')
    assert tab.get_by_label('Order', exact=True).input_value() == 'collected'


def test_marks_become_a_choice_in_python(gallery):
    order_by(gallery, 'collected')
    gallery.tab.locator('.mx-cell[data-row="2"]').click(modifiers=['Control'])
    gallery.tab.locator('.mx-cell[data-row="6"]').click(modifiers=['Control'])
    gallery.tab.keyboard.press('Shift+ArrowRight')
    assert gallery.tab.locator('.mx-marks').inner_text().startswith('3 marked')
    assert gallery.tab.locator('.mx-cell[aria-selected="true"]').count() == 3
    gallery.tab.get_by_role('button', name='Choose these').click()
    gallery.tab.wait_for_function("() => document.querySelectorAll('.mx-cell').length === 3")
    assert gallery.scene.selection.rows.tolist() == [2, 6, 7]
    gallery.tab.locator('.mx-cell[data-row="6"]').click(modifiers=['Control'])
    gallery.tab.get_by_role('button', name='Leave these out').click()
    gallery.rest()
    assert gallery.scene.selection.rows.size == COUNT - 1 or gallery.scene.selection.rows.tolist() == [2, 7]


def test_size_and_narrow_pages(gallery):
    gallery.tab.get_by_label('Size', exact=True).fill('240')
    gallery.rest()
    gallery.tab.wait_for_function(ALL_HERE)
    assert is_right(gallery, cells(gallery)) and len(shown_rows(gallery)) < 30
    gallery.tab.set_viewport_size({'width': 320, 'height': 600})
    gallery.rest()
    cut = gallery.tab.locator('.mx-gallery').evaluate('gallery => gallery.scrollWidth - gallery.clientWidth')
    assert cut <= 0, 'nothing is cut at the side'


def test_a_picture_that_cannot_be_read_says_why(open_part, tmp_path):
    made = matnb.create_corpus(tmp_path/'damaged')
    noise = np.random.default_rng(1).random((6, 1, 64, 64)).astype('f4')
    made.append([matnb.Measurement(image, (matnb.Channel('height', 'm'),)) for image in noise])
    matnb.map(matnb.embed(made, 'spectral', progress=False), 'spectral', name='m', method='pca', progress=False)
    file = made.path/'image_0'/'c'/'0'/'0'/'0'/'0'
    octets = bytearray(file.read_bytes())
    octets[3000] ^= 255
    file.write_bytes(octets)
    page = open_part('gallery', Scene(Walk.begin(matnb.open_corpus(made.path), on='m')))
    page.tab.wait_for_function("() => document.querySelector('.mx-frame-failed:not(:empty)')")
    bad = page.tab.locator('.mx-frame-failed:not(:empty)')
    assert bad.count() == 1 and 'not what was written' in bad.inner_text()
    page.tab.wait_for_function("() => document.querySelectorAll('.mx-cell canvas:not([hidden])').length === 5")


# --- Many

MANY = """async ({ code, style, count }) => {
  document.head.append(Object.assign(document.createElement('style'), { textContent: style }));
  const canvas = Object.assign(document.createElement('canvas'), { width: 48, height: 48 });
  canvas.getContext('2d').fillRect(0, 0, 48, 24);
  const dot = await new Promise((done) => { canvas.toBlob(async (b) => done(new Uint8Array(await b.arrayBuffer()))); });
  const bytes = (array) => new Uint8Array(array.buffer);
  const step = { number: 1, parent: null, name: 'all', label: 'all', count, said: '', mapped: true, dimensions: 2,
    vectors: 'v' };
  const scene = { kind: 'scene', edition: 1, title: 't', count, simulated: false, facets: [], channels: ['height'],
    vectors: ['v'], steps: [step], current: 1, undo: false, redo: false, chosen: { conditions: [] }, view: {} };
  const scattered = () => {
    const places = new Float32Array(2 * count);
    let s = 1;
    for (let n = 0; n < places.length; n += 1) { s = (s * 48271) % 2147483647; places[n] = s / 2147483647; }
    return places;
  };
  const answers = {
    hello: () => [scene, []],
    places: () => [{ dimensions: 2, mapped: true, quality: {} },
      [bytes(Uint32Array.from({ length: count }, (_, n) => n)), bytes(scattered())]],
    thumbnails: ({ rows }) => {
      window.most = Math.max(window.most ?? 0, rows.length);
      const said = { alts: rows.map((r) => `item ${r}`), labels: rows.map((r) => `${r}`), failed: {} };
      return [{ rows, shapes: rows.map(() => [48, 48]), widths: rows.map(() => 1e-6), ...said }, rows.map(() => dot)];
    },
  };
  const model = { part: 'gallery', height: 700, theme: 'auto',
    async answer(kind, body) { const [message, buffers] = answers[kind](body); return { message, buffers }; } };
  const { default: page } = await import(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })));
  const el = document.body.appendChild(document.createElement('div'));
  await page.render({ model, el });
  el.firstElementChild.style.height = '700px';
}"""


def test_a_million_items_scroll(browser):
    from front_page import FRONT

    from matnb.explorer.front_end import joined, styles
    tab = browser.context.new_page()
    errors = []
    tab.on('pageerror', lambda e: errors.append(str(e)))
    tab.add_init_script(WATCH)
    tab.goto('about:blank')
    tab.evaluate(MANY, {'code': joined(FRONT), 'style': styles(FRONT), 'count': 1_000_000})
    tab.wait_for_function(ALL_HERE)
    assert tab.locator('.mx-cell').count() < 150
    tab.get_by_label('Order', exact=True).select_option('collected')
    tab.wait_for_selector('.mx-cell[data-row="0"]')
    tab.locator('.mx-cell[tabindex="0"]').focus()
    tab.keyboard.press('End')
    assert tab.evaluate('() => Number(document.activeElement.dataset.row)') == 999_999
    tab.wait_for_function(ALL_HERE)
    box = tab.locator('.mx-cell[data-row="999999"]').bounding_box()
    assert 0 <= box['y'] <= 700 - box['height'] + 30
    tab.keyboard.press('ArrowUp')
    before = tab.evaluate('() => Number(document.activeElement.dataset.row)')
    tab.mouse.move(*[box[k] for k in 'xy'])
    tab.mouse.wheel(0, -160)
    rest(tab)
    first = min(tab.locator('.matnb-explorer').evaluate(ROWS))
    assert 999_000 < first < before, 'the wheel goes line by line in a wall that is taller than browsers allow'
    tab.locator('.mx-wall').evaluate('(wall) => { wall.scrollTop = wall.scrollHeight / 2; }')
    rest(tab)
    assert abs(np.median(tab.locator('.matnb-explorer').evaluate(ROWS)[1:-1]) - 500_000) < 20_000
    assert tab.locator('.mx-cell').count() < 150 and tab.evaluate('() => window.most') <= 60 and not errors
    tab.close()


# --- Loading

def test_a_hover_asks_for_one_picture_only(open_part):
    page = open_part('neighbours')
    page.rest()
    before = len(asked(page, 'thumbnails'))
    told = page.tab.evaluate("""async () => { const { pictures } = window.matnbStore;
        const all = await Promise.all([1, 2, 3, 4, 5].map((row) => pictures.load(row, 96, 'hover')));
        const last = await pictures.load(5, 96, 'hover');
        return [all.map((found) => found && found.row), last.canvas.width, last.alt, last.width]; }""")
    sent = asked(page, 'thumbnails')[before:]
    assert [m['rows'] for m in sent] == [[5]], 'those that the pointer had left were never asked for'
    assert told[0] == [None, None, None, None, 5] and told[1] == 64
    assert 'item' in told[2] and np.isclose(told[3], 64 * 8e-9)


def test_at_most_two_requests_are_out_and_old_wishes_are_dropped(open_part):
    page = open_part('neighbours')
    out = page.tab.evaluate("""async () => { const store = window.matnbStore; const { pictures } = store;
        let [now, most, asked] = [0, 0, []]; const ask = store.ask.bind(store);
        store.ask = async (kind, body) => { now += 1; most = Math.max(most, now); asked.push(body.rows.length);
          await new Promise((r) => setTimeout(r, 60)); try { return await ask(kind, body); } finally { now -= 1; } };
        pictures.want(Array.from({ length: 300 }, (_, n) => n), 48, 'wall');
        await new Promise((r) => setTimeout(r, 40));
        pictures.want([399, 398], 48, 'wall');
        await new Promise((r) => setTimeout(r, 800));
        return [most, asked, Boolean(pictures.about(399, 48)), Boolean(pictures.about(299, 48))]; }""")
    assert out[0] == 2 and max(out[1]) <= 60 and sum(out[1]) < 150 and out[2] and not out[3]


def test_pictures_of_another_edition_are_dropped(gallery):
    assert gallery.store('store.pictures.about(store.step.rows[0], 128) !== undefined')
    held = gallery.store("(() => { store.emit('scene', store.scene); return store.pictures.largest(0, ''); })()")
    assert held is None


# --- Item card, viewer, neighbours

@pytest.fixture
def card(open_part):
    "The card of item 7"
    page = open_part('item', width=420, height=1400)
    assert 'No item is open' in page.tab.locator('.mx-card').inner_text()
    page.store('store.focus(7)')
    page.tab.wait_for_selector('.mx-strip-cell')
    page.tab.wait_for_function("() => document.querySelector('.mx-honest').innerText.includes('points')")
    return page


def test_card_tells_all(card):
    item = card.scene.item(7)
    words = card.tab.locator('.mx-card').inner_text()
    assert card.scene.id(7) in words and item.facets['file'] in words and 'simulated' in words
    card.tab.get_by_text('Metadata of the instrument').click()
    assert 'number' in card.tab.locator('.mx-metadata').inner_text()
    assert card.tab.locator('.mx-channel').count() == 2


def test_back_and_on_through_items_seen(card):
    for row in (9, 11): card.store(f'store.focus({row})')
    card.tab.get_by_label('Back to the item before').click()
    assert card.store('store.focused') == 9
    card.tab.get_by_label('Back to the item before').click()
    assert card.store('store.focused') == 7 and card.tab.get_by_label('Back to the item before').is_disabled()
    card.tab.get_by_label('On to the next item seen').click()
    card.tab.wait_for_function(f"() => document.querySelector('.mx-card code').innerText === '{card.scene.id(9)}'")


def test_value_and_position_under_the_pointer_are_the_corpus_s(card):
    item = card.scene.item(7)
    card.tab.get_by_role('button', name='height').click()
    card.rest()
    stage = card.tab.locator('.mx-plane').bounding_box()
    plane = item.channel('height')
    high, wide = plane.shape
    for line, column in ((3, 5), (60, 2), (33, 47)):
        at = [(column + 0.5) / wide * stage['width'], (line + 0.5) / high * stage['height']]
        card.tab.mouse.move(stage['x'] + at[0], stage['y'] + at[1])
        card.rest()
        said = card.tab.locator('.mx-value-here').inner_text()
        value = plane[line, column] * 1e9
        assert said.startswith(f'{value:.3g} nm' if value else '0'), said
        assert f'{(column + 0.5) * 8:g} nm from the left' in said and f'{(line + 0.5) * 8:g} nm from the top' in said


def test_zoom_by_wheel_and_keys_keeps_the_scale_true(card):
    plane = card.tab.locator('.mx-plane')
    plane.focus()

    def nanometres_per_pixel():
        wide = card.tab.locator('.mx-stage-scale i').evaluate(WIDTH)
        number, unit = card.tab.locator('.mx-stage-scale b').inner_text().split()
        return float(number) * {'nm': 1, 'µm': 1000}[unit] / wide

    box = plane.bounding_box()
    assert np.isclose(nanometres_per_pixel(), 64 * 8 / box['width'], rtol=0.03)
    for _ in range(3): card.tab.keyboard.press('+')
    card.rest()
    assert np.isclose(nanometres_per_pixel(), 64 * 8 / box['width'] / 1.5 ** 3, rtol=0.03)
    card.tab.mouse.move(box['x'] + 100, box['y'] + 100)
    card.tab.mouse.wheel(0, -200)
    card.rest()
    assert nanometres_per_pixel() < 64 * 8 / box['width'] / 1.5 ** 3.5
    plane.focus()
    card.tab.keyboard.press('0')
    card.rest()
    assert np.isclose(nanometres_per_pixel(), 64 * 8 / box['width'], rtol=0.03)
    card.tab.keyboard.press('ArrowRight')
    assert 'from the left' in card.tab.locator('.mx-value-here').inner_text()


def test_contrast_limits_change_the_picture(card):
    before = card.tab.locator('.mx-plane').evaluate(LIGHT)
    field = card.tab.get_by_label('Brightest at').last
    field.fill('1000')
    field.press('Enter')
    card.rest()
    assert card.tab.locator('.mx-plane').evaluate(LIGHT) < before
    card.tab.get_by_role('button', name='Reset').click()
    card.rest()
    assert card.tab.locator('.mx-plane').evaluate(LIGHT) == before


def test_tags_and_notes_reach_the_corpus(card):
    item_id = card.scene.id(7)
    card.tab.get_by_label('Add a tag').fill('bent, <b>bold</b>')
    card.tab.get_by_label('Add a tag').press('Enter')
    card.tab.wait_for_function("() => document.querySelectorAll('.mx-tags li').length === 2")
    card.tab.get_by_label('Notes', exact=True).fill('a worn tip')
    card.tab.get_by_label('Why this change').fill('seen again')
    card.tab.get_by_role('button', name='Save notes').click()
    card.tab.wait_for_function("() => document.querySelector('.mx-saving').hidden")
    item = matnb.open_corpus(card.scene.corpus.path)[item_id]
    assert item.facets['notes'] == 'a worn tip' and set(item.facets['tags'].split(', ')) == {'bent', '<b>bold</b>'}
    assert item.history()[-1].why == 'seen again'
    card.tab.get_by_label('Take away the tag <b>bold</b>').click()
    card.tab.wait_for_function("() => document.querySelectorAll('.mx-tags li').length === 1")


def strip_rows(page):
    return page.tab.locator('.mx-strip-cell').evaluate_all('cells => cells.map((cell) => Number(cell.dataset.row))')


def test_neighbours_are_those_of_the_vectors(card, corpus):
    hits = search(corpus, 7, count=24)
    rows = strip_rows(card)
    assert [card.scene.id(r) for r in rows] == hits.ids
    said = card.tab.locator('.mx-distance').first.inner_text()
    assert np.isclose(float(said), hits.distances[0], rtol=0.01)


def test_more_and_less_like(card):
    first, last = strip_rows(card)[0], strip_rows(card)[-1]
    card.tab.locator(f'.mx-strip-cell[data-row="{first}"] .mx-pick').click(modifiers=['Shift'])
    card.tab.wait_for_function(f"() => !document.querySelector('.mx-strip-cell[data-row=\"{first}\"]')")
    card.tab.locator(f'.mx-strip-cell[data-row="{last}"] .mx-pick').click(modifiers=['Alt'])
    card.tab.wait_for_function("() => document.querySelectorAll('.mx-examples .mx-example').length === 2")
    card.rest()
    question = asked(card, 'near')[-1]
    assert question['rows'] == [7, first] and question['unlike'] == [last]
    card.tab.get_by_role('button', name='Only the first').click()
    card.tab.wait_for_function("() => document.querySelector('.mx-examples').hidden")


def test_why_and_choosing_the_neighbours(card):
    card.tab.locator('.mx-strip-cell').first.get_by_label('Why is it near?').click()
    card.tab.wait_for_selector('.mx-reason li')
    assert len(card.tab.locator('.mx-reason').inner_text()) > 30
    card.tab.get_by_role('button', name='Choose these 24').click()
    card.until('store.chosen !== null')
    card.rest()
    chosen = card.scene.selection
    assert set(chosen.rows.tolist()) == {7, *strip_rows(card)}
    [condition] = card.store('store.conditions.map((c) => c.act)')
    assert condition['kind'] == 'like' and condition['rows'] == [7] and condition['count'] == 25


def test_a_box_is_searched_for(card):
    card.tab.get_by_role('button', name='Search a region').click()
    stage = card.tab.locator('.mx-plane').bounding_box()
    at = [stage['x'] + 0.25 * stage['width'], stage['y'] + 0.25 * stage['height']]
    card.tab.mouse.move(*at)
    card.tab.mouse.down()
    card.tab.mouse.move(at[0] + 0.4 * stage['width'], at[1] + 0.3 * stage['height'], steps=4)
    card.tab.mouse.up()
    assert 'A box of 205 nm' in card.tab.locator('.mx-box-bar').inner_text()
    card.tab.get_by_role('button', name='Search for this region').click()
    card.tab.wait_for_function("() => document.querySelector('.mx-strip-title').innerText === 'Found regions'")
    box = asked(card, 'near')[-1]['box']
    assert np.allclose([box['x'], box['y'], box['size']], [64 * 0.45, 64 * 0.45, 64 * 0.4], atol=0.4)
    card.tab.get_by_label('Back to the neighbours').click()
    card.tab.wait_for_function("() => document.querySelector('.mx-strip-title').innerText === 'Neighbours'")


def test_where_a_region_was_found_is_framed(open_part, tmp_path):
    from matnb.similarity.encoders import encoder
    from matnb.similarity.regions import Windows
    made = identity_corpus(tmp_path/'parts', 20)
    matnb.embed(made, encoder('spectral', side=32), name='parts', windows=Windows((0.5,), (2,)), progress=False)
    page = open_part('item', Scene(Walk.begin(made, on='overview')), width=420, height=1200)
    page.store("(store.focus(3), store.searchRegion({ row: 3, box: { x: 20, y: 30, size: 32 }, said: 'a box' }))")
    page.tab.wait_for_selector('.mx-window-light')
    found = [m for m in page.heard if m['kind'] == 'near'][-1]
    assert found['box'] == {'x': 20, 'y': 30, 'size': 32}
    corners = np.array([[float(v) for v in p.split(',')] for p in
                        page.tab.locator('.mx-window-light').first.get_attribute('points').split()])
    assert corners.shape == (4, 2) and np.ptp(corners, 0).max() < 100
    page.tab.get_by_role('button', name='Choose these').click()
    page.until('store.chosen !== null')
    assert page.store("store.conditions[0].act.kind") == 'items'


def test_large_picture_opens_and_closes(card):
    card.tab.get_by_role('button', name='Enlarge').click()
    assert card.tab.locator('dialog .mx-plane').count() == 1
    card.tab.keyboard.press('Escape')
    card.tab.wait_for_function("() => !document.querySelector('dialog').open")
    card.tab.locator('.mx-card-picture .mx-plane').wait_for()  # back in its place once the dialog has closed
    assert card.tab.locator('.mx-plane').count() == 1 and card.store('store.focused') == 7


# --- What Python does too

def test_the_order_along_the_map_is_that_of_python(open_part, corpus):
    from matnb.explorer.map_order import along_map
    page = open_part('gallery')
    page.tab.wait_for_function(ALL_HERE)
    step = page.store('({ rows: Array.from(store.step.rows), places: Array.from(store.step.places) })')
    order = np.array(step['rows'])[along_map(np.array(step['places']).reshape(-1, 2))].tolist()
    seen = shown_rows(page)
    assert seen == order[:len(seen)]


def test_colours_are_those_of_python(gallery):
    from io import BytesIO

    from PIL import Image

    from matnb.corpus.pictures import colour_table
    from matnb.explorer.thumbnails import KEPT
    gallery.tab.get_by_label('Colours').select_option('viridis')
    gallery.rest()
    row, size = shown_rows(gallery)[0], asked(gallery, 'thumbnails')[0]['size']
    seen = gallery.tab.locator(f'.mx-cell[data-row="{row}"] canvas').evaluate(
        "(c) => Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data)")
    scene = gallery.scene
    png = KEPT.get(scene.items.snapshot, int(scene.positions[row]), '', size).png
    levels = np.asarray(Image.open(BytesIO(png)))
    expected = colour_table('viridis', 255)[levels.astype(int) - 1]
    drawn = np.array(seen).reshape(*levels.shape, 4)[..., :3]
    assert (levels > 0).all() and np.abs(drawn - expected.astype(int)).max() <= 1
