"The map in a real browser: what is chosen, shown, greyed, said; and how long it takes"
import base64
import json

import numpy as np
import pytest
from front_page import FrontPage
from map_page import MapPage

import matnb
from matnb.explorer.scene import Scene
from matnb.similarity.outlines import grow_cluster, inside_polygon, seen_along, usual_reach
from matnb.similarity.records import Record
from matnb.similarity.selections import Among, read_selection

CLOSE = '''const kind = [...window.made.words].indexOf(1);
           [pane.window.x, pane.window.y] = pane.cloud.placeOf(kind); pane.zoom(12); '''
EVERYWHERE = [[-1e3, -1e3], [1e3, -1e3], [1e3, 1e3], [-1e3, 1e3]]


@pytest.fixture(scope='module')
def page(browser):
    "A map of 2,000 points, used by tests that leave it as it was"
    made = MapPage(browser, 2000)
    yield made
    assert made.errors == []
    made.close()


@pytest.fixture(autouse=True)
def afresh(request):
    "Nothing chosen, all in view"
    yield
    if 'page' not in request.fixturenames: return
    made = request.getfixturevalue('page')
    made.tab.mouse.move(2, 2)
    made.run("""store.clear(); store.hover(-1); store.focus(-1); store.setView({ colour: '' });
             await store.compareWith(null);
             if (store.step.number !== 1) { await store.go(1); await rest(800); }
             pane.tools.asSeemsRight(false); pane.tools.take('lasso'); pane.fit(); pane.cursor = -1;
             await rest(150);""")


def places_of(page, dimensions=2):
    "The coordinates in the page"
    text = page.run('''const bytes = new Uint8Array(pane.cloud.step.places.buffer);
                       return btoa(Array.from(bytes, (b) => String.fromCharCode(b)).join(''));''')
    return np.frombuffer(base64.b64decode(text), 'f4').reshape(-1, dimensions)


def draw(page, corners, keys=()):
    "Draw a line with the mouse"
    mouse, keyboard = page.tab.mouse, page.tab.keyboard
    for key in keys: keyboard.down(key)
    mouse.move(*corners[0])
    mouse.down()
    for corner in corners[1:]: mouse.move(*corner, steps=4)
    mouse.up()
    for key in keys: keyboard.up(key)


def on_screen(page, row):
    "Where an item is, in the coordinates of the mouse"
    return page.run(f"""const box = pane.element.getBoundingClientRect();
                        const [x, y] = pane.screenOf({row}); return [x + box.left, y + box.top];""")


def alone_rows(page, count, apart=11):
    "Some items that have nobody near them on the screen, and whose pictures have not been asked for"
    return page.run(f"""const found = [];
        const asked = new Set(window.askedFor.flat());
        for (let row = 0; row < store.scene.count && found.length < {count}; row += 1) {{
          if (asked.has(row)) continue;
          const [x, y] = pane.screenOf(row);
          let near = 0;
          for (let k = 0; k < pane.cloud.count; k += 1) {{
            near += Math.hypot(pane.cloud.xs[k] - x, pane.cloud.ys[k] - y) < {apart};
          }}
          if (near === 1) found.push(row);
        }}
        return found;""")


def chosen_rows(page): return page.run('return store.chosen ? [...store.chosen.rows()] : null')


# --- Inside and outside are the same in the page and in Python

def test_the_page_and_python_agree_about_every_point(page):
    rng = np.random.default_rng(4)
    corner_like, elsewhere = rng.integers(-6, 7, (1200, 2)), rng.normal(0, 4, (780, 2))
    points = np.vstack([corner_like, elsewhere, np.full((20, 2), np.nan)]).astype('f4')
    given = [float(v) if v == v else None for v in points.ravel()]
    for case in range(40):
        whole, count = rng.integers(-7, 8, (200, 2)), rng.integers(3, 30 if case % 2 else 200)
        corners = (whole if case % 2 else rng.normal(0, 5, (200, 2)))[:count].astype('f8')
        found = page.run(f"""const places = new Float32Array({json.dumps(given)}.map((v) => v ?? NaN));
            const step = {{ ...store.step, rows: Uint32Array.from({{ length: 2000 }}, (_, n) => n), places }};
            return [...new pane.cloud.constructor(step, 2000).encircled({corners.tolist()}).rows()];""")
        assert found == np.flatnonzero(inside_polygon(points, corners)).tolist()


def test_a_box_holds_its_edges(page):
    at = places_of(page)
    low, high = at[[3, 8]].min(0).tolist(), at[[3, 8]].max(0).tolist()
    found = page.run(f'return [...pane.cloud.boxed({low}, {high}).rows()]')
    assert found == np.flatnonzero(((at >= low) & (at <= high)).all(1)).tolist()
    assert {3, 8} <= set(found)


# --- Choosing by hand

def test_a_drawn_line_chooses_and_python_would_choose_the_same(page):
    draw(page, [(90, 70), (420, 80), (400, 330), (120, 300)])
    condition = page.run('return store.conditions.map((c) => [c.source, c.said, c.act])')
    [(source, said, act)] = condition
    assert (source, said, act['kind']) == ('map', 'drawn on the map', 'lasso')
    assert read_selection(Record(act, '')).to_json() == act
    inside = inside_polygon(places_of(page), np.array(act['corners']))
    assert chosen_rows(page) == np.flatnonzero(inside).tolist() and 50 < inside.sum() < 1500


def test_shift_adds_and_alt_takes_away(page):
    left, right = [(60, 60), (300, 60), (300, 400), (60, 400)], [(450, 60), (800, 60), (800, 500), (450, 500)]
    draw(page, left)
    first = set(chosen_rows(page))
    draw(page, right, ['Shift'])
    both = set(chosen_rows(page))
    assert first < both
    assert page.run("return store.condition('map').act.kind") == 'any of'
    draw(page, left, ['Alt'])
    assert set(chosen_rows(page)) == both - first
    act = page.run("return store.condition('map').act")
    assert read_selection(Record(act, '')).to_json() == act
    page.tab.keyboard.press('Escape')
    assert chosen_rows(page) is None


def test_alt_alone_means_all_but_these(page):
    draw(page, [(60, 60), (300, 60), (300, 400), (60, 400)], ['Alt'])
    act = page.run("return store.condition('map').act")
    assert act['kind'] == 'not'
    inside = inside_polygon(places_of(page), np.array(act['selection']['corners']))
    assert chosen_rows(page) == np.flatnonzero(~inside).tolist()


def test_many_additions_and_removals_stay_a_selection_that_a_file_can_hold(page):
    for k in range(18):
        draw(page, [(60 + 30 * k, 60), (260 + 30 * k, 60), (260 + 30 * k, 500)], ['Shift' if k % 2 else 'Alt'])
    act = page.run("return store.condition('map').act")

    def depth(a): return 1 + max([0, *map(depth, a.get('parts', [a['selection']] if 'selection' in a else []))])
    assert depth(act) <= 8
    before = set(chosen_rows(page))
    draw(page, [(60, 60), (800, 60), (800, 600), (60, 600)], ['Shift'])
    assert before <= set(chosen_rows(page))


def test_a_line_around_nothing_takes_the_choice_away(page):
    draw(page, [(60, 60), (300, 60), (300, 400), (60, 400)])
    assert chosen_rows(page)
    draw(page, [(860, 40), (880, 40), (880, 60), (862, 60)])
    assert chosen_rows(page) is None and page.run('return store.conditions.length') == 0


def test_the_box_and_the_pick_tool(page):
    page.tab.get_by_role('button', name='Box').click()
    draw(page, [(80, 60), (400, 330)])
    act = page.run("return store.condition('map').act")
    at = places_of(page)
    assert act['kind'] == 'box'
    assert chosen_rows(page) == np.flatnonzero(((at >= act['low']) & (at <= act['high'])).all(1)).tolist()
    page.run('store.clear()')
    page.tab.get_by_role('button', name='Pick').click()
    rows = alone_rows(page, 3)
    for row in rows: page.tab.mouse.click(*on_screen(page, row))
    assert chosen_rows(page) == rows
    page.tab.mouse.click(*on_screen(page, rows[1]))
    assert chosen_rows(page) == [rows[0], rows[2]]


def test_the_island_tool_takes_what_python_would_take(page):
    page.tab.get_by_role('button', name='Island').click()
    for row in (3, 8, 700):
        page.tab.mouse.click(*on_screen(page, row))
        act = page.run("return store.condition('map').act")
        assert (act['kind'], act['least']) == ('cluster', 5)
        at = places_of(page).astype('f8')
        assert act['reach'] == pytest.approx(usual_reach(at, 5), rel=0.25), 'from some points, not from all'
        grown = grow_cluster(at, np.array(act['rows']), act['reach'], 5)
        assert chosen_rows(page) == np.flatnonzero(grown).tolist() and 20 < grown.sum() < 2000


def test_a_click_opens_the_card_and_with_keys_it_chooses(page):
    row, other = alone_rows(page, 2)
    page.tab.mouse.click(*on_screen(page, row))
    assert page.run('return store.focused') == row and chosen_rows(page) is None
    for key, wanted in (('Shift', [row]), ('Alt', None)):
        page.tab.keyboard.down(key)
        page.tab.mouse.click(*on_screen(page, row))
        page.tab.keyboard.up(key)
        assert chosen_rows(page) == wanted


# --- What is seen

def pixel(page, row):
    "The colour where an item is"
    return page.run(f"""const [x, y] = pane.screenOf({row}).map((v) => Math.floor(v * pane.ratio));
        return [...pane.base.getContext('2d').getImageData(x, y, 1, 1).data.slice(0, 3)];""")


def test_what_is_not_chosen_is_greyed_and_not_hidden(page):
    rows = alone_rows(page, 12)
    bits = page.run(f"""const bits = pane.cloud.encircled({EVERYWHERE});
        for (const row of {rows[:6]}) bits.drop(row);
        store.choose('map', {{ said: 'x', act: {{}}, bits }}); await rest(300); return bits.count()""")
    assert bits == 1994 and len(rows) == 12
    grey, accent, back = page.run('''const { grey, accent, back } = pane.theme;
        return [grey, accent, back].map((c) => [c & 255, (c >> 8) & 255, (c >> 16) & 255])''')
    for row in rows[:6]: assert np.abs(np.subtract(pixel(page, row), grey)).max() < 45, row
    for row in rows[6:]: assert np.abs(np.subtract(pixel(page, row), accent)).max() < 45, row
    assert np.abs(np.subtract(grey, back)).max() > 45


def test_words_have_colours_and_the_legend_counts_them(page):
    page.run("store.setView({ colour: 'material' }); await rest(300)")
    told = page.run('return [pane.legend.entries.map((e) => [e.words, e.count]), pane.legend.missing]')
    words = page.run('return [...window.made.words]')
    counts = np.bincount(words, minlength=12)
    assert told[1] == counts[0] and sum(n for _, n in told[0]) == 2000 - counts[0]
    assert told[0][-1][0] == '4 other words' and len(told[0]) == 8
    shown = page.tab.locator('.mx-map-legend').inner_text()
    assert 'Material' in shown and 'missing' in shown and 'BaTiO3' in shown
    row = next(r for r in alone_rows(page, 900, 5) if words[r] == 1)
    assert np.abs(np.subtract(pixel(page, row), [0, 0x72, 0xb2])).max() < 45


def test_numbers_have_a_scale_with_a_unit(page):
    page.run("store.setView({ colour: 'size' }); await rest(300)")
    shown = page.tab.locator('.mx-map-legend').inner_text()
    assert 'Domain size' in shown and 'logarithmic' in shown and 'nm' in shown and 'missing' in shown
    levels = page.run("""const all = [...window.made.values].map((v, k) => [v, k]);
        const known = all.filter(([v]) => Number.isFinite(v));
        const n = known.sort((a, b) => a[0] - b[0]);
        return [n[20][1], n[n.length - 20][1]].map((k) => pane.cloud.paints[k])""")
    assert levels[0] != levels[1]


def test_a_distance_colours_only_with_a_pinned_item(page):
    page.run("store.setView({ colour: 'distance' }); await rest(200)")
    assert 'Pin an item' in page.tab.locator('.mx-map-legend').inner_text()
    page.run("await store.pin(5); await rest(300)")
    assert 'Distance to the pinned item' in page.tab.locator('.mx-map-legend').inner_text()
    page.run('await store.pin(-1)')


def test_the_map_says_what_it_shows_and_how_far_it_can_be_trusted(page):
    draw(page, [(60, 60), (300, 60), (300, 400), (60, 400)])
    count = len(chosen_rows(page))
    assert page.tab.get_by_role('application', name=f'Map of 2,000 items, {count} chosen').is_visible()
    assert 'trustworthiness 0.97' in page.tab.locator('.mx-map-foot').inner_text()


def test_a_step_without_a_map_says_so(browser):
    made = MapPage(browser, 60)
    made.run("""const step = { ...store.step, places: store.step.places.map(() => NaN) };
        store.step = step; store.emit('step', step); await rest(300)""")
    assert 'no map yet' in made.tab.locator('.mx-map-nothing').inner_text()
    made.run("""const places = Float32Array.from({ length: 120 }, (_, n) => (n < 20 ? NaN : n));
        const step = { ...store.step, places };
        store.step = step; store.emit('step', step); await rest(300)""")
    assert '10 of 60 items are not on the map' in made.tab.locator('.mx-map-foot').inner_text()
    made.run("""const step = { ...store.step, rows: new Uint32Array(0), places: new Float32Array(0) };
        store.step = step; store.emit('step', step); await rest(300)""")
    assert 'no items' in made.tab.locator('.mx-map-nothing').inner_text()
    assert made.errors == []
    made.close()


# --- Pictures

def test_pictures_stand_where_their_items_are_and_never_over_each_other(page):
    page.run(CLOSE + "await rest(900)")
    shown, size, seen = page.run('''const at = (n) => pane.window.toScreen(...pane.cloud.placeOf(n));
        return [pane.marks.shown.map((n) => [n, ...at(n)]), pane.marks.size, pane.inView]''')
    assert 8 < len(shown) and 8 < seen <= 300
    at = np.array([s[1:] for s in shown])
    apart = np.abs(at[:, None] - at[None]).max(-1)
    assert (apart[~np.eye(len(at), dtype=bool)] >= size).all(), 'one picture lies over another'
    asked = {row for rows in page.run('return window.askedFor') for row in rows}
    assert {s[0] for s in shown} <= asked
    assert page.tab.get_by_role('button', name='Pictures').get_attribute('aria-pressed') == 'true'


def test_pictures_stay_while_the_map_is_moved(page):
    page.run(CLOSE + "await rest(500)")
    before = set(page.run('return pane.marks.shown'))
    page.run("pane.pan(60, 25); await rest(500)")
    now, gone = page.run(f"""const inside = (n) => {{
          const [x, y] = pane.window.toScreen(...pane.cloud.placeOf(n));
          return x > 0 && y > 0 && x < pane.window.width && y < pane.window.height;
        }};
        return [pane.marks.shown, {sorted(before)}.filter((n) => inside(n) && !pane.marks.shown.includes(n))]""")
    assert gone == [] and len(before & set(now)) > 8


def test_a_picture_is_the_one_of_its_item(page):
    page.run(CLOSE + "await rest(900)")
    same = page.run("""
        const context = pane.middle.getContext('2d');
        return pane.marks.shown.map((n) => {
          const picture = pane.pictures.get(pane.cloud.step.rows[n], 48);
          if (!picture) return null;
          const [x, y] = pane.window.toScreen(...pane.cloud.placeOf(n)).map((v) => Math.round(v * pane.ratio));
          if (x < 2 || y < 2 || x > pane.middle.width - 3 || y > pane.middle.height - 3) return null;
          const own = picture.getContext('2d').getImageData(picture.width / 2, picture.height / 2, 1, 1).data;
          const drawn = context.getImageData(x, y, 1, 1).data;
          return own[3] ? Math.abs(drawn[0] - own[0]) : null;
        }).filter((v) => v !== null)""")
    assert len(same) > 4 and np.median(same) < 25, same


# --- Looking

def test_under_the_pointer_one_picture_is_asked_for_and_never_a_pile(page):
    row, last = alone_rows(page, 2)
    page.run('window.askedFor.length = 0')
    x, y = on_screen(page, row)
    page.tab.mouse.move(x - 3, y - 2)
    page.tab.mouse.move(x, y)
    page.tab.wait_for_function("() => document.querySelector('.mx-tip-label').textContent.startsWith('Item')")
    assert page.run('return [store.hovered, window.askedFor]') == [row, [[row]]]
    assert page.tab.locator('.mx-map-tip').is_visible()
    assert '<b>' in page.tab.locator('.mx-tip-label').inner_text(), 'text from files is shown as it is'
    page.run('window.askedFor.length = 0; window.slowly = 400')
    page.tab.mouse.move(100, 200)
    page.tab.mouse.move(780, 500, steps=150)
    x, y = on_screen(page, last)
    page.tab.mouse.move(x - 3, y)
    page.tab.mouse.move(x, y)
    page.tab.wait_for_function(f"() => document.querySelector('.mx-tip-label').textContent.includes('>{last}<')")
    asked = page.run('window.slowly = 0; return window.askedFor')
    assert all(len(rows) == 1 for rows in asked) and asked[-1] == [last]
    assert len(asked) <= 9, 'while one is on its way no other is asked for'


def test_the_pointer_is_heard_within_a_tenth_of_a_second(page, measured):
    rows, waits = alone_rows(page, 12), []
    for row in rows:
        x, y = on_screen(page, row)
        page.tab.mouse.move(x - 30, y - 30)
        page.run('''const since = () => { window.since = performance.now(); };
                    pane.element.addEventListener("pointermove", since, { once: true })''')
        page.tab.mouse.move(x, y)
        page.tab.wait_for_function("() => document.querySelector('.mx-tip-label').textContent !== '…'")
        waits.append(page.run('return performance.now() - window.since'))
    measured(f'map: from the pointer to the picture {np.median(waits):.0f} ms (median; includes the wait of this test)')


def test_what_others_look_at_gets_a_ring(page):
    row = alone_rows(page, 1)[0]
    ring = f"""const [x, y] = pane.screenOf({row}); const reach = pane.radius() + 3.5;
        const context = pane.top.getContext('2d');
        const {{ data }} = context.getImageData((x + reach) * pane.ratio - 2, y * pane.ratio - 2, 4, 4);
        return data.some((v, n) => n % 4 === 3 && v > 100)"""
    assert not page.run(ring)
    page.run(f'store.hover({row}); await rest(100)')
    assert page.run(ring)
    assert page.tab.locator('.mx-map-tip').is_hidden(), 'the tooltip belongs to the pointer'


# --- Moving

def test_the_wheel_zooms_about_the_pointer_and_a_double_click_shows_all(page):
    place = page.run('return pane.window.toMap(200, 150)')
    box = page.tab.locator('.mx-map-pane').bounding_box()
    page.tab.mouse.move(box['x'] + 199, box['y'] + 150)
    page.tab.mouse.move(box['x'] + 200, box['y'] + 150)
    for _ in range(3): page.tab.mouse.wheel(0, -200)
    page.settle()
    after, times = page.run('return [pane.window.toMap(200, 150), pane.window.magnified]')
    assert np.allclose(after, place, atol=0.05) and times > 2
    assert page.run('return store.scene.view.map.step') == 1
    page.tab.mouse.dblclick(box['x'] + 5, box['y'] + 5)
    assert page.run('return pane.window.magnified') == pytest.approx(1)


def test_a_page_that_scrolls_below_a_resting_pointer_is_left_alone(page):
    prevented = page.run("""
        const wheel = () => {
          const event = new WheelEvent('wheel', { deltaY: 100, cancelable: true });
          pane.element.dispatchEvent(event);
          return event.defaultPrevented;
        };
        pane.element.dispatchEvent(new PointerEvent('pointerleave'));
        pane.element.dispatchEvent(new PointerEvent('pointerenter', { screenX: 50, screenY: 60 }));
        const before = wheel();
        pane.element.dispatchEvent(new PointerEvent('pointermove', { screenX: 50, screenY: 60 }));
        const resting = wheel();
        pane.element.dispatchEvent(new PointerEvent('pointermove', { screenX: 54, screenY: 60 }));
        return [before, resting, wheel()];""")
    assert prevented == [False, False, True]


def test_the_space_bar_and_the_middle_button_move_the_map(page):
    before = page.run('return [pane.window.x, pane.window.y, pane.window.scale]')
    page.tab.locator('.mx-map-pane').focus()
    page.tab.keyboard.down(' ')
    draw(page, [(300, 300), (360, 330)])
    page.tab.keyboard.up(' ')
    x, y, scale = page.run('return [pane.window.x, pane.window.y, pane.window.scale]')
    assert (x, y) == pytest.approx((before[0] - 60 / scale, before[1] + 30 / scale))
    page.tab.mouse.move(300, 300)
    page.tab.mouse.down(button='middle')
    page.tab.mouse.move(240, 270, steps=3)
    page.tab.mouse.up(button='middle')
    assert page.run('return [pane.window.x, pane.window.y]') == pytest.approx(before[:2])
    assert chosen_rows(page) is None and page.run('return store.focused') == -1


def test_two_fingers_zoom(page):
    x, y = page.tab.locator('.mx-map-pane').bounding_box()['x'], page.tab.locator('.mx-map-pane').bounding_box()['y']
    touch = page.tab.context.new_cdp_session(page.tab)

    def fingers(kind, *at):
        points = [{'x': x + at[k], 'y': y + at[k + 1], 'id': k} for k in range(0, len(at), 2)]
        touch.send('Input.dispatchTouchEvent', {'type': kind, 'touchPoints': points})

    place = page.run('return pane.window.toMap(300, 250)')
    fingers('touchStart', 250, 250)
    fingers('touchStart', 250, 250, 350, 250)
    for k in range(1, 6): fingers('touchMove', 250 - 20 * k, 250, 350 + 20 * k, 250)
    fingers('touchEnd')
    assert page.run('return pane.window.magnified') == pytest.approx(3, rel=0.02)
    assert page.run('return pane.window.toMap(300, 250)') == pytest.approx(place, abs=0.02)
    assert chosen_rows(page) is None and page.run('return pane.path') is None
    fingers('touchStart', 100, 100)
    for corner in ((700, 100), (700, 500), (100, 500)): fingers('touchMove', *corner)
    fingers('touchEnd')
    assert page.run("return store.condition('map')?.act.kind") == 'lasso', 'one finger draws'


def test_when_the_corpus_is_renewed_nothing_of_the_old_map_is_left(page):
    row = alone_rows(page, 1)[0]
    x, y = on_screen(page, row)
    page.run('''const scene = { ...store.scene, edition: 2 }; store.scene = scene;
                store.emit('scene', scene)''')
    page.tab.mouse.move(x - 2, y)
    page.tab.mouse.move(x, y)
    page.tab.mouse.click(x, y)
    assert page.run('return [store.hovered, store.focused, pane.cloud]') == [-1, -1, None]
    page.run('await store.go(1); await rest(200)')
    assert page.run('return pane.cloud.count') == 2000


def test_a_window_is_kept_and_restored(page):
    page.run("pane.zoom(5, 300, 200); await rest(700)")
    kept = page.run('return store.scene.view.map')
    assert kept['step'] == 1 and len(kept['middle']) == 2 and kept['span'] > 0
    page.run('pane.fit()')
    page.run(f'store.setView({{ map: {{ step: 1, middle: {kept["middle"]}, span: {kept["span"]} }} }}, true)')
    assert page.run('return pane.window.magnified') == pytest.approx(5)
    page.run('await store.go(2); await rest(900)')
    assert page.run('return pane.window.magnified') == pytest.approx(1), 'another step is shown as a whole'
    page.run('await store.go(1); await rest(900)')
    assert page.run('return pane.window.magnified') == pytest.approx(5), 'a step is found as it was left'


def test_points_travel_to_the_next_step(page):
    page.run('await store.go(2); await rest(120)')
    assert page.run('return pane.journey !== null')
    page.settle()
    assert page.run('return pane.journey') is None
    ends = page.run("""return [0, 5, 600].map((n) => { const [x, y] = pane.window.toScreen(...pane.cloud.placeOf(n));
        return [pane.cloud.xs[n] / pane.ratio - x, pane.cloud.ys[n] / pane.ratio - y]; })""")
    assert np.abs(ends).max() < 0.01


def test_who_wants_no_motion_sees_none(page):
    page.tab.emulate_media(reduced_motion='reduce')
    page.run('await store.go(2); await rest(60)')
    assert page.run('return pane.journey') is None
    page.tab.emulate_media(reduced_motion='no-preference')


# --- Two maps, three dimensions

def test_two_maps_side_by_side_share_what_is_chosen(page):
    page.run("await store.compareWith(2); await rest(500)")
    first, second = page.tab.locator('.mx-map-pane').all()
    assert page.tab.locator('.mx-map-caption').all_inner_texts() == ['all', 'a third']
    x, y = second.bounding_box()['x'], second.bounding_box()['y']
    draw(page, [(x + 30, y + 40), (x + 300, y + 40), (x + 300, y + 400), (x + 30, y + 400)])
    act, both = page.run("""const { main, other } = document.querySelector('.mx-map').pointMap;
        const chosen = (shown) => shown.cloud.flags.reduce((sum, flag) => sum + flag, 0);
        return [store.condition('map').act, [main, other].map(chosen)]""")
    assert act['kind'] == 'items' and act['rows'] == chosen_rows(page) and all(row % 3 == 0 for row in act['rows'])
    assert both == [len(act['rows'])] * 2 and 'a third' in act['about']
    page.run('await store.compareWith(null)')
    assert page.tab.locator('.mx-map-pane').count() == 1


def test_a_map_in_three_dimensions_turns_and_is_chosen_from_as_it_is_seen(browser):
    made = MapPage(browser, 1500, dimensions=3)
    assert made.tab.get_by_role('button', name='Turn').get_attribute('aria-pressed') == 'true'
    before = made.run('return pane.cloud.across')
    draw(made, [(400, 300), (520, 240)])
    across = made.run('return pane.cloud.across')
    assert across != before and np.allclose(np.array(across) @ np.array(across).T, np.eye(2), atol=1e-9)
    made.tab.keyboard.press('l')
    draw(made, [(150, 100), (600, 120), (560, 500), (200, 420)])
    act = made.run("return store.condition('map').act")
    assert act['across'] == across and read_selection(Record(act, '')).to_json() == act
    seen = seen_along(places_of(made, 3), tuple(map(tuple, act['across'])))
    inside = np.flatnonzero(inside_polygon(seen, np.array(act['corners']))).tolist()
    assert chosen_rows(made) == inside and 20 < len(inside) < 1480
    made.tab.keyboard.press('i')
    made.tab.mouse.click(*on_screen(made, 5))
    act = made.run("return store.condition('map').act")
    grown = grow_cluster(places_of(made, 3).astype('f8'), np.array(act['rows']), act['reach'], 5)
    assert chosen_rows(made) == np.flatnonzero(grown).tolist(), 'an island is one in all three dimensions'
    assert made.errors == []
    made.close()


# --- Keys

def test_a_map_by_keyboard(page):
    page.tab.locator('.mx-map-pane').focus()
    page.tab.keyboard.press('ArrowRight')
    first = page.run('return pane.cursor')
    assert first >= 0 and page.run('return store.hovered') == first
    page.tab.wait_for_function(f"() => document.querySelector('.mx-map [aria-live]').textContent.includes('{first}')")
    at = on_screen(page, first)
    page.tab.keyboard.press('ArrowRight')
    second = page.run('return pane.cursor')
    assert second != first and on_screen(page, second)[0] > at[0]
    page.tab.keyboard.press('Enter')
    assert page.run('return store.focused') == second
    page.tab.keyboard.press('Shift+Enter')
    assert chosen_rows(page) == [second]
    page.tab.keyboard.press('+')
    assert page.run('return pane.window.magnified') == pytest.approx(1.5)
    page.tab.keyboard.press('a')
    inside = chosen_rows(page)
    assert second in inside and page.run("return store.condition('map').act.kind") == 'box'
    page.tab.keyboard.press('0')
    page.tab.keyboard.press('Escape')
    assert page.run('return pane.window.magnified') == pytest.approx(1) and chosen_rows(page) is None
    for key, name in (('b', 'Box'), ('c', 'Pick'), ('m', 'Move'), ('l', 'Lasso'), ('p', 'Pictures'), ('d', 'Density')):
        page.tab.keyboard.press(key)
        page.settle()
        assert page.tab.get_by_role('button', name=name).get_attribute('aria-pressed') == 'true', name


def test_keys_of_the_map_stay_in_the_map(page):
    page.run("window.heardKeys = []; document.addEventListener('keydown', (e) => window.heardKeys.push(e.key))")
    page.tab.locator('.mx-map-pane').focus()
    for key in ('b', 'ArrowDown', '+', 'l'): page.tab.keyboard.press(key)
    page.tab.keyboard.press('x')
    assert page.run('return window.heardKeys') == ['x'], 'a letter that acts here must not reach the notebook'
    assert page.tab.locator('.mx-map').get_attribute('data-lm-suppress-shortcuts') == 'true'


# --- With Python behind it

def test_what_is_drawn_on_the_map_is_chosen_in_python(browser, tmp_path):
    corpus = matnb.map(matnb.embed(matnb.simulate_corpus(tmp_path/'corpus', 120), 'spectral'), 'spectral')
    scene = Scene(matnb.Path.begin(corpus, on='map of spectral'))
    made = FrontPage(browser, scene, part='map', width=900, height=600)
    made.until("document.querySelector('.mx-map')?.pointMap.main.cloud && store.step")
    made.rest()
    draw(made, [(300, 150), (700, 150), (700, 480), (320, 500)])
    made.tab.keyboard.down('Alt')
    draw(made, [(420, 250), (560, 250), (560, 380)])
    made.tab.keyboard.up('Alt')
    made.until('store.chosen !== null')
    made.rest()
    rows = made.store('[...store.chosen.rows()]')
    [condition] = scene.selection.conditions
    places = scene.path.coordinates(scene.path.tree.current)
    again = read_selection(Record(condition.act, '')).choose(Among(corpus, corpus.positions, places))
    assert 0 < len(rows) < 120 and np.flatnonzero(condition.mask).tolist() == rows == np.flatnonzero(again).tolist()
    assert scene.view.get('map', {'step': 1})['step'] == 1
    foot = made.tab.locator('.mx-map-foot').inner_text()
    assert 'trustworthiness' in foot, foot
    assert made.errors == []
    made.close()


# --- How many

def frames(page):
    "Medians over frames in which the map is moved: milliseconds to paint, and between frames"
    return page.run("""const [took, gaps] = [[], []]; let last = performance.now();
        for (let k = 0; k < 40; k += 1) {
          pane.pan(k % 2 ? 9 : -7, 5 - (k % 10));
          await new Promise((done) => requestAnimationFrame(done));
          gaps.push(performance.now() - last); last = performance.now(); took.push(pane.took);
        }
        return [middle(took), middle(gaps), Math.max(...gaps)]""")


def lasso(page):
    "Milliseconds to find what a line of 200 corners encircles, and until it is greyed on the screen; and how many"
    return page.run("""const [{ cloud }, times, drawn] = [pane, [], []];
        const { x0, y0, x1, y1 } = cloud.box;
        const corners = Array.from({ length: 200 }, (_, k) => [
          (x0 + x1) / 2 + (x1 - x0) * 0.4 * Math.cos(k / 31.831) * (1 + 0.2 * Math.sin(k)),
          (y0 + y1) / 2 + (y1 - y0) * 0.4 * Math.sin(k / 31.831)]);
        let bits = null;
        for (let k = 0; k < 5; k += 1) {
          const began = performance.now();
          bits = cloud.encircled(corners);
          times.push(performance.now() - began);
          store.choose('map', { said: 'x', act: { kind: 'lasso', corners, across: [] }, bits });
          await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
          drawn.push(performance.now() - began);
        }
        return [middle(times), middle(drawn), bits.count()]""")


@pytest.mark.parametrize('items', [25_133, 1_000_000])
def test_many_points(browser, items, measured):
    made = MapPage(browser, items, width=1180, height=760)
    made.run("store.setView({ colour: 'material' }); await rest(500)")
    took, gap, worst = frames(made)
    found, greyed, count = lasso(made)
    measured(f'map of {items:,} points, 1180 x 760: painted in {took:.1f} ms, {gap:.1f} ms between frames while moved '
             f'(at most {worst:.0f}); lasso of 200 corners {found:.0f} ms, greyed on the screen after {greyed:.0f} ms')
    assert made.run('return pane.dense') is (items == 1_000_000) and count > items / 10
    if items == 1_000_000:
        made.run('pane.fit(); await rest(300)')
        sums = made.run("""const sum = (list) => list.reduce((s, v) => s + v, 0);
            return [sum(pane.density.all), sum(pane.density.chosen), pane.density.inView, store.chosen.count()]""")
        assert sums[0] == sums[2] == items and sums[1] == sums[3]
        made.run('pane.zoom(60, 300, 300); await rest(400)')
        assert not made.run('return pane.dense'), 'where few are in view they are points again'
    assert made.errors == []
    made.close()
