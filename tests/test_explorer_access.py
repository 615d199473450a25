"The explorer with a keyboard alone, read aloud, in the dark, and with words that are meant to do harm"
from pathlib import Path

import axe_playwright_python
import pytest
from explorer_corpora import hostile_corpus, identity_corpus
from front_page import FrontPage

from matnb.explorer.scene import Scene
from matnb.similarity.paths import Path as StepPath

AXE = (Path(axe_playwright_python.__file__).parent/'axe.min.js').read_text()
VIOLATIONS = """async () => {
  const found = await axe.run('.matnb-explorer', { resultTypes: ['violations'] });
  return found.violations.map((v) => ({ id: v.id, impact: v.impact, help: v.help,
    nodes: v.nodes.slice(0, 4).map((n) => `${n.html.slice(0, 160)} | ${(n.any[0] ?? n.all[0])?.message ?? ''}`) }));
}"""
READY = 'store.scene && store.step && !store.working'
SIZES = {'wide': (1180, 760), 'narrow': (700, 700)}


def opened(browser, corpus, on='overview', **how):
    "A page of a corpus, drawn"
    page = FrontPage(browser, Scene(StepPath.begin(corpus, on=on)), **how)
    page.until(READY)
    page.rest()
    return page


def serious(page) -> list[dict]:
    "What axe-core finds that keeps somebody out"
    page.tab.evaluate(AXE)
    return [v for v in page.tab.evaluate(VIOLATIONS) if v['impact'] in ('serious', 'critical')]


def in_words(violations) -> str:
    return '\n'.join(f"{v['impact']} {v['id']}: {v['help']}\n   " + '\n   '.join(v['nodes']) for v in violations)


@pytest.fixture(scope='module')
def corpus(tmp_path_factory):
    "Items whose pictures say who they are"
    return identity_corpus(tmp_path_factory.mktemp('access')/'corpus', 240)


def nothing(page): pass


def card(page):
    page.store('store.focus(3)')
    page.until("document.querySelector('.mx-card-title').textContent !== 'Item'")


def comparison(page):
    page.scene.path.select(where={'material': 'PbTiO3'}, name='titanate')
    page.scene.path.make_map(page.scene.path.tree.current)
    page.scene.refresh()
    page.until('store.scene.steps.length === 2')
    page.tab.evaluate('() => window.matnbStore.compareWith(1)')
    page.until('store.other !== null')


def chosen(page):
    page.scene.selection.set(where={'material': 'BiFeO3'})
    page.until('store.chosen !== null')


def properties(page): page.tab.get_by_role('button', name='Both').click()


def menus(page): page.tab.get_by_role('button', name='Keep').first.click()


STATES = [nothing, chosen, card, comparison, properties, menus]


@pytest.mark.parametrize('dark', [False, True], ids=['light', 'dark'])
@pytest.mark.parametrize('state', STATES, ids=lambda state: state.__name__)
def test_nothing_serious_is_found_by_axe(browser, corpus, state, dark, measured):
    page = opened(browser, corpus, dark=dark)
    state(page)
    page.rest()
    found = serious(page)
    errors = page.errors
    page.close()
    assert not found, in_words(found)
    assert errors == []


def test_nothing_serious_in_a_narrow_notebook(browser, corpus):
    page = opened(browser, corpus, width=SIZES['narrow'][0], height=SIZES['narrow'][1])
    found = serious(page)
    page.close()
    assert not found, in_words(found)


BEGIN = """() => {
  const here = document.querySelector('#here');
  here.tabIndex = -1;
  here.focus();
}"""
FOCUSED = """() => {
  const one = document.activeElement;
  const names = [one.getAttribute('aria-label'), one.labels?.[0]?.textContent, one.textContent, one.title];
  const name = (names.find((n) => n?.trim()) ?? '').trim().slice(0, 80);
  return { tag: one.tagName, role: one.getAttribute('role'), name,
           inside: Boolean(one.closest('.matnb-explorer')), path: one.className,
           outline: getComputedStyle(one).outlineStyle + ' ' + getComputedStyle(one).boxShadow };
}"""


def tabbed(tab, most=120) -> list[dict]:
    "Everything that Tab reaches inside the explorer, in order"
    tab.evaluate(BEGIN)
    found = []
    for _ in range(most):
        tab.keyboard.press('Tab')
        one = tab.evaluate(FOCUSED)
        if not one['inside']: break
        found.append(one)
    return found


def test_tab_goes_through_the_page_once_and_everything_has_a_name(browser, corpus):
    page = opened(browser, corpus)
    reached = tabbed(page.tab)
    page.close()
    assert 15 < len(reached) < 100, [r['name'] for r in reached]
    assert all(r['name'] for r in reached), [r for r in reached if not r['name']]
    parts = ' '.join(r['path'] if isinstance(r['path'], str) else '' for r in reached)
    assert 'mx-map-pane' in parts and 'mx-cell' in parts, 'map and gallery are reached with Tab'
    unseen = [r for r in reached if r['outline'] == 'none none' and 'date' not in r['name']]  # a date shows which part
    assert not unseen, unseen


def test_a_session_with_the_keyboard_alone(browser, corpus):
    "Search, choose a word, look at an item, pin it, map what is chosen, go back"
    page = opened(browser, corpus)
    tab = page.tab
    page.tab.evaluate("() => document.querySelector('.mx-map-pane').focus()")
    tab.keyboard.press('/')
    tab.keyboard.type('PbTiO3')
    tab.keyboard.press('Enter')
    page.until('store.conditions.some((c) => c.source === "words")')
    focus_on(tab, '.mx-facets [role=checkbox]')
    tab.keyboard.press('Space')
    page.until('store.conditions.some((c) => c.source === "facets")')
    tab.keyboard.press('Space')
    page.until('!store.conditions.some((c) => c.source === "facets")')
    focus_on(tab, '.mx-wall [tabindex="0"]')
    tab.keyboard.press('ArrowRight')
    tab.keyboard.press('Enter')
    page.until('store.focused >= 0')
    row = page.store('store.focused')
    tab.keyboard.press('Escape')
    page.until('store.focused < 0')
    focus_on(tab, '.mx-wall [tabindex="0"]')
    tab.keyboard.press('p')
    page.until('store.pinned !== null', timeout=30_000)
    assert page.store('store.shown.has(store.pinned.row)') and row >= 0
    chosen = set(page.scene.selection.ids)
    press(tab, 'Map this selection')
    page.until('store.scene.steps.length >= 2 && store.step.mapped && !store.working', timeout=60_000)
    assert set(page.scene.items.ids()[page.store('[...store.step.rows]')].tolist()) == chosen
    tab.keyboard.press('Control+z')
    page.until('store.step.rows.length === store.scene.count', timeout=30_000)
    assert page.errors == []
    page.close()


def focus_on(tab, selector):
    "Reach the first element of a kind as Tab does, from the start of the page"
    tab.evaluate(BEGIN)
    for _ in range(150):
        tab.keyboard.press('Tab')
        if tab.evaluate('(selector) => document.activeElement.matches(selector)', selector): return
    raise AssertionError(f'{selector} is not reached with Tab')


def press(tab, name):
    "Reach a button with Tab, and press it"
    tab.evaluate(BEGIN)
    for _ in range(150):
        tab.keyboard.press('Tab')
        if tab.evaluate('() => document.activeElement.textContent.trim()') == name: return tab.keyboard.press('Enter')
    raise AssertionError(f'the button {name!r} is not reached with Tab')


def test_the_map_is_worked_with_keys(browser, corpus):
    "Arrows go from point to point, and what is said is what the item is"
    page = opened(browser, corpus)
    tab = page.tab
    focus_on(tab, '.mx-map-pane')
    tab.keyboard.press('ArrowRight')
    page.until('store.hovered >= 0')
    first = page.store('store.hovered')
    tab.keyboard.press('ArrowRight')
    page.until(f'store.hovered >= 0 && store.hovered !== {first}')
    page.until("document.querySelector('.mx-map [aria-live]').textContent.trim().length > 3")
    tab.keyboard.press('Enter')
    page.until('store.focused >= 0')
    assert page.store('store.focused') == page.store('store.hovered') or page.store('store.focused') >= 0
    page.close()


# --- Words that are meant to do harm

ALIEN = """() => [...document.querySelectorAll('.matnb-explorer *')].flatMap((node) => {
  const bad = [...node.attributes].filter((a) => a.name.startsWith('on') || /^\\s*javascript:/i.test(a.value)
    && ['href', 'src', 'action', 'formaction', 'xlink:href'].includes(a.name));
  const strange = ['SCRIPT', 'IFRAME', 'OBJECT', 'EMBED', 'LINK', 'META', 'BASE', 'FORM'].includes(node.tagName)
    || (node.tagName === 'IMG' && node.getAttribute('src') === 'x');
  return bad.length || strange ? [node.outerHTML.slice(0, 200)] : [];
})"""


COLUMN = """async (name) => {
  const column = await window.matnbStore.column(name);
  return [column.name, column.words?.length ?? 0, column.values?.length ?? 0];
}"""
PANE = """() => {
  const box = document.querySelector('.mx-map-pane').getBoundingClientRect();
  return [box.x, box.y, box.width, box.height];
}"""


def sound(page):
    "Nothing of what files say has become part of the page"
    assert page.tab.evaluate('() => window.harmed ?? null') is None
    assert page.tab.evaluate(ALIEN) == []
    assert page.tab.evaluate("() => ({}).polluted ?? null") is None


@pytest.fixture(scope='module')
def hostile(tmp_path_factory):
    "A corpus of words that are meant to do harm"
    return hostile_corpus(tmp_path_factory.mktemp('hostile')/'corpus')


def test_hostile_words_are_words(browser, hostile, tmp_path):
    "In facets, chips, hover, card, steps, legend, properties, tooltips and status, from mouse and from Python"
    page = opened(browser, hostile, on='<b>map')
    tab = page.tab
    sound(page)
    for facet in tab.locator('.mx-facets .mx-facet-name').all(): open_facet(facet)
    for name in hostile.facets:
        tab.evaluate('(colour) => window.matnbStore.setView({ colour })', name)
        page.rest()
    sound(page)
    for row in range(0, len(hostile), 3):
        tab.evaluate('(row) => { window.matnbStore.focus(row); window.matnbStore.hover(row); }', row)
        page.rest()
    page.until('document.querySelector(".mx-card-title").textContent.length > 0')
    sound(page)
    for word in {str(v) for v in hostile.values('material')} - {'', 'None', 'nan'}:
        page.scene.selection.set(where={'material': word})
        page.rest()
        assert len(page.scene.selection) > 0, word[:60]
    page.scene.path.select(where={'outcome': 'success'}, name='<img src=x onerror="window.harmed=14">')
    page.scene.path.rename('</script><script>window.harmed=15</script>')
    page.scene.refresh()
    tab.get_by_role('button', name='Both').click()
    page.rest()
    for button in ('Steps', 'Code'):
        tab.get_by_role('button', name=button).first.click()
        page.rest()
        tab.keyboard.press('Escape')
    sound(page)
    errors = page.errors
    page.close()
    assert errors == []


def open_facet(opener):
    "Show the values of a facet"
    if opener.get_attribute('aria-expanded') == 'false': opener.click(timeout=3000)


def test_hostile_words_are_chosen_by_hand(browser, hostile):
    "A click on each word of a facet chooses exactly its items"
    page = opened(browser, hostile, on='<b>map')
    for facet in ('__proto__', 'constructor', 'wall_width', 'l' * 200):
        told = page.tab.evaluate(COLUMN, facet)
        assert told[0] == facet and sum(told[1:]) > 3, told
    boxes = page.tab.locator('.mx-facets [role=checkbox]:visible')
    for n in range(min(8, boxes.count())):
        boxes.nth(n).click()
        page.until('store.chosen !== null')
        rows = page.store('[...store.chosen.rows()]')
        assert set(page.scene.items.ids()[rows].tolist()) == set(page.scene.selection.ids)
        page.tab.evaluate('() => window.matnbStore.clear()')
        page.until('store.chosen === null')
    sound(page)
    page.close()


# --- One question per look

def test_a_sweep_over_a_dense_cloud_asks_for_few_pictures(browser, corpus, measured):
    "However fast the pointer goes, pictures are asked for one after the other, and the last one comes"
    page = opened(browser, corpus)
    page.until('document.querySelectorAll(".mx-cell").length > 4')
    page.rest()
    box = page.tab.locator('.mx-map-pane').first.bounding_box()
    before = len([m for m in page.heard if m['kind'] == 'thumbnails'])
    rows, touched = 0, set()
    for n in range(60):
        across, down = 0.1 + 0.8 * n / 60, 0.3 + 0.4 * (n % 7) / 7
        page.tab.mouse.move(box['x'] + box['width'] * across, box['y'] + box['height'] * down)
        touched.add(page.store('store.hovered'))
    page.rest()
    asked = [m for m in page.heard if m['kind'] == 'thumbnails'][before:]
    rows = sum(len(m['rows']) for m in asked)
    measured(f'a sweep over {len(touched - {-1})} points asked {len(asked)} times, for {rows} pictures')
    page.close()
    assert len(touched) > 8, 'the pointer met points'
    assert len(asked) <= len(touched) and rows <= len(touched), (len(asked), rows, len(touched))


def test_one_look_asks_once(browser, corpus):
    "A pointer that rests on a point asks for its picture once, and not again when it comes back"
    page = opened(browser, corpus)
    page.rest()
    left, top, wide, high = page.tab.evaluate(PANE)
    spots = [(left + wide * (0.15 + 0.035 * (n % 20)), top + high * (0.1 + 0.04 * (n // 20))) for n in range(400)]
    asked = lambda: len([m for m in page.heard if m['kind'] == 'thumbnails'])  # noqa: E731
    for spot in spots:
        page.tab.mouse.move(*spot)
        if page.store('store.hovered') >= 0: break
    page.rest()
    first = asked()
    page.tab.mouse.move(2, 2)
    page.tab.mouse.move(*spot)
    page.until('store.hovered >= 0')
    page.rest()
    assert asked() == first
    page.close()
