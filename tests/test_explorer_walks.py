"Hundreds of random steps through the explorer: each picture on the screen is of the item that it is said to be of"
import os
from collections import Counter

import numpy as np
from explorer_corpora import embed_synthetically, identity_corpus, identity_measurement, numbers_of, read_identity
from explorer_eye import WINDOW, cut, pictures_seen, places_on_screen, screen
from front_page import FrontPage

from matnb.explorer import thumbnails
from matnb.explorer.scene import Reply, Scene
from matnb.similarity.paths import Path as StepPath

ITEMS = 400
ASK = """async ([kind, body]) => {
  try { await window.matnbStore.ask(kind, body); return ''; } catch (error) { return error.message; }
}"""
PICTURED = "() => document.querySelector('.mx-map-tools [aria-keyshortcuts=p]').ariaPressed === 'true'"
QUIET = "store.scene && store.step && !store.working && document.querySelector('.mx-map-base')"


def square(middle, side):
    "A box around a place on the screen"
    return [middle[0] - side / 2, middle[1] - side / 2, side, side]


def holds(box, middle, side):
    "Whether a square lies wholly inside a box, but for what is drawn along its edges"
    inside = [box['x'], box['y'], box['x'] + box['width'] - 4, box['y'] + box['height'] - 4]
    left, top = (n - side / 2 for n in middle)
    return left > inside[0] and top > inside[1] + 2 and left + side < inside[2] and top + side < inside[3]


class Walk:
    "A person without a plan, and what the screen showed to them"

    def __init__(self, browser, folder, seed):
        self.browser, self.rng = browser, np.random.default_rng(seed)
        self.corpus = identity_corpus(folder, ITEMS)
        self.scene = Scene(StepPath.begin(self.corpus, on='overview'))
        self.next_item = ITEMS
        self.last = 'opening'
        self.done, self.checked, self.unread = Counter(), Counter(), Counter()
        self.mistakes: list[str] = []
        self.open()

    def open(self):
        self.page = FrontPage(self.browser, self.scene)
        self.tab = self.page.tab
        self.page.until(QUIET)
        self.edition, self.windows = None, {}
        self.settle()

    def close(self):
        self.errors = self.page.errors
        assert self.errors == [], self.errors
        self.page.close()

    def rest(self):
        "Wait until nothing moves; an answer may be long in coming, such as what repeats in a picture"
        self.page.rest(question=False)

    # --- What a person does

    def place(self) -> list[float]:
        "Somewhere on the map, on a point more often than not"
        box = self.tab.locator('.mx-map-pane').first.bounding_box()
        inside = np.array([box['x'] + 8, box['y'] + 8]), np.array([box['width'] - 16, box['height'] - 16])
        at = inside[0] + self.rng.random(2) * inside[1]
        spots = self.spots()
        near = spots[((spots >= inside[0]) & (spots <= inside[0] + inside[1])).all(1)] if len(spots) else spots
        return [float(n) for n in (near[self.rng.integers(len(near))] if len(near) and self.rng.random() < 0.8 else at)]

    def spots(self) -> np.ndarray:
        "Where the points of the current step lie on the screen; NaN for those without a place"
        places = self.scene.path.coordinates(self.scene.path.tree.current)
        if places is None or not np.isfinite(places).any(): return np.zeros((0, 2))
        return places_on_screen(self.tab, places, self.windows)

    def zoom(self):
        self.tab.mouse.move(*self.place())
        self.tab.mouse.move(*self.place())
        for _ in range(int(self.rng.integers(1, 5))): self.tab.mouse.wheel(0, float(self.rng.choice([-240, -240, 240])))
        self.rest()                                   # the window is kept a moment after the last movement

    def fit(self):
        self.tab.get_by_role('button', name='Zoom to all').click()
        self.rest()

    def pan(self):
        self.tab.mouse.move(*self.place())
        self.tab.mouse.down(button='middle')
        self.tab.mouse.move(*self.place(), steps=4)
        self.tab.mouse.up(button='middle')
        self.rest()

    def lasso(self):
        middle, reach = self.place(), float(self.rng.uniform(30, 240))
        turns = np.linspace(0, 6, 8).tolist()
        corners = [[middle[0] + reach * np.cos(t), middle[1] + reach * np.sin(t)] for t in turns]
        self.tab.get_by_role('button', name='Lasso', exact=True).click()
        modifier = self.rng.choice([None, None, 'Shift', 'Alt'])
        self.tab.mouse.move(*middle)
        if modifier: self.tab.keyboard.down(modifier)
        self.tab.mouse.move(*corners[0])
        self.tab.mouse.down()
        for corner in corners[1:]: self.tab.mouse.move(*corner, steps=2)
        self.tab.mouse.up()
        if modifier: self.tab.keyboard.up(modifier)

    def facet(self):
        words = self.tab.locator('.mx-facets [role=checkbox]:visible')
        if words.count(): words.nth(int(self.rng.integers(min(12, words.count())))).click(timeout=3000)

    def words(self):
        field = self.tab.locator('input.mx-search').first
        field.fill(str(self.rng.choice(['', '', 'PbTiO3', 'Person 3', 'number 12', 'S1', 'nobody said this'])))
        field.press('Enter')

    def clear(self):
        self.tab.evaluate('() => window.matnbStore.clear()')

    def recurse(self):
        self.press('Map this selection')

    def press(self, name):
        found = self.tab.get_by_role('button', name=name, exact=True).first
        if found.count() and found.is_enabled(): found.click(timeout=3000)

    def go(self):
        steps = list(self.scene.path.tree.steps)
        self.ask('go', {'step': int(steps[self.rng.integers(len(steps))])})

    def undo(self): self.ask(str(self.rng.choice(['undo', 'redo'])), {}, may_refuse=True)

    def ask(self, kind, body, may_refuse=False):
        refused = self.tab.evaluate(ASK, [kind, body])
        assert may_refuse or not refused, f'{kind} {body}: {refused}'

    def delete(self):
        held = self.corpus.ids()
        if len(held) < 150: return
        some = self.rng.choice(held, int(self.rng.integers(1, 12)), replace=False)
        self.corpus.delete(some.tolist(), 'trial')
        self.scene.refresh()

    def add(self):
        some = [identity_measurement(n) for n in range(self.next_item, self.next_item + int(self.rng.integers(1, 8)))]
        self.next_item += len(some)
        self.corpus.append(some, 'trial')
        embed_synthetically(self.corpus, numbers_of(self.corpus))
        self.scene.refresh()

    def reopen(self):
        self.close()
        self.open()

    def compare(self):
        steps = [n for n in self.scene.path.tree.steps if self.scene.path.coordinates(n) is not None]
        other = None if self.rng.random() < 0.5 else int(steps[self.rng.integers(len(steps))])
        self.tab.evaluate('(n) => window.matnbStore.compareWith(n)', other)

    def hover(self):
        self.pointer = self.place()
        self.tab.mouse.move(*self.pointer)
        self.rest()

    def scroll(self):
        box = self.tab.locator('.mx-wall').first.bounding_box()
        if box is None: return
        self.tab.mouse.move(box['x'] + box['width'] / 2, box['y'] + box['height'] / 2)
        self.tab.mouse.wheel(0, float(self.rng.choice([-2000, 300, 900, 5000])))

    def order(self):
        self.tab.evaluate('() => window.matnbStore.focus(-1)')     # the card lies over the gallery
        choice = self.tab.locator('.mx-area-gallery select').first
        names = choice.locator('option').evaluate_all('(all) => all.filter((o) => !o.disabled).map((o) => o.value)')
        if names: choice.select_option(str(self.rng.choice(names)))

    def channel(self):
        channel = str(self.rng.choice(['', 'height', 'amplitude']))
        colours = str(self.rng.choice(['gray', 'viridis', 'cividis']))
        picture = {'channel': channel, 'colours': colours}
        self.tab.evaluate('(picture) => window.matnbStore.setView({ picture })', picture)

    def colour(self):
        by = str(self.rng.choice(['', 'material', 'thickness', 'date']))
        self.tab.evaluate('(colour) => window.matnbStore.setView({colour})', by)

    def pin(self):
        row = int(self.rng.integers(len(self.scene))) if self.rng.random() < 0.7 else -1
        self.tab.evaluate('(row) => window.matnbStore.pin(row)', row)

    def card(self):
        row = int(self.rng.integers(len(self.scene))) if self.rng.random() < 0.5 else -1
        self.tab.evaluate('(row) => window.matnbStore.focus(row)', row)

    def from_python(self):
        held = self.scene.path.step.view.ids()
        some = self.rng.permutation(len(held))[:1 + int(0.3 * len(held))]
        self.scene.selection.set(held[some].tolist())

    # --- What the screen shows

    def step(self):
        "One random act, and a look at the screen"
        acts = {self.zoom: 14, self.pan: 6, self.fit: 4, self.lasso: 12, self.facet: 8, self.words: 4, self.clear: 5,
                self.recurse: 6, self.go: 6, self.undo: 4, self.delete: 4, self.add: 3, self.reopen: 2, self.compare: 3,
                self.hover: 14, self.scroll: 10, self.order: 4, self.channel: 5, self.colour: 3, self.pin: 3,
                self.card: 4, self.from_python: 3}
        weights = np.array(list(acts.values()), float)
        act = list(acts)[self.rng.choice(len(acts), p=weights / weights.sum())]
        self.last = act.__name__
        act()
        self.done[self.last] += 1
        self.settle()
        self.look()

    def settle(self):
        "Wait until Python has done what was asked, and the page has drawn it"
        try: self.page.until(f'{QUIET} && store.scene.edition === {self.scene.edition}', timeout=60_000)
        except Exception as e:
            raise AssertionError(f'after {self.last}, step {sum(self.done.values())}: {self.state()}') from e
        self.rest()
        if self.edition != self.scene.edition: self.edition, self.windows = self.scene.edition, {}
        view = self.tab.evaluate(WINDOW)['view']
        if view: self.windows[view['step']] = view

    def state(self):
        "Where the page stands, for a message"
        told = self.page.store('[store.scene.edition, store.step.number, store.working, store.trouble]')
        heard = [(m['kind'], m.get('edition')) for m in self.page.heard[-5:]]
        here = f'edition {self.scene.edition}, {self.scene.path.breadcrumb}'
        return f'{told}; Python: {here}; asked {heard}; {self.page.errors}'

    def look(self):
        "Compare all pictures in sight with the items that the page says they are of"
        numbers = numbers_of(self.scene.items)
        for seen in pictures_seen(self.tab): self.judge(seen.where, seen.told, int(numbers[seen.row]), seen.row)
        self.look_at_hovered(numbers)
        if self.rng.random() < 0.3: self.look_at_marks(numbers)
        if self.rng.random() < 0.3: self.same_chosen()

    def judge(self, where, told, number, row):
        if told is None:
            self.unread[where] += 1
            return
        self.checked[where] += 1
        if told.item == number: return
        after = f'after {self.last}, step {sum(self.done.values())}'
        self.mistakes.append(f'{after}: {where} shows item {told.item} for row {row}, which is item {number}')

    def look_at_hovered(self, numbers):
        "The item below the pointer is the one whose point lies there"
        told = self.tab.evaluate('() => window.matnbStore.hovered')
        if self.last != 'hover' or told < 0 or self.page.store('Boolean(store.other)'): return
        rows = self.scene.step_rows(self.scene.path.tree.current)
        spots, at = self.spots(), np.flatnonzero(rows == told)
        assert len(at) == 1, f'row {told} is hovered and not in the step'
        self.checked['point'] += 1
        away = np.hypot(*(spots[at[0]] - self.pointer)).item()
        if away <= 72: return                         # half the diagonal of the largest picture on the map
        looked = self.tab.evaluate('([x, y]) => document.elementFromPoint(x, y)?.className', self.pointer)
        step = sum(self.done.values())
        self.mistakes.append(f'step {step}: the point of row {told} is {away:.0f} pixels from the pointer '
                             f'at {self.pointer} on {looked}; {self.windows.get(self.scene.path.tree.current)}')

    def look_at_marks(self, numbers):
        "Pictures on the map are of the items whose points lie below their middles"
        if self.page.store('Boolean(store.other) || store.step.dimensions === 3'): return
        if not self.tab.evaluate(PICTURED): return
        self.tab.mouse.move(2, 2)
        self.rest()
        rows, spots = self.scene.step_rows(self.scene.path.tree.current), self.spots()
        light, box = screen(self.tab), self.tab.locator('.mx-map-pane').first.bounding_box()
        at = {int(numbers[row]): spot for row, spot in zip(rows, spots, strict=True)}
        for place in spots[np.isfinite(spots).all(1)]:
            for side in range(40, 97, 8):
                told = read_identity(cut(light, square(place, side))) if holds(box, place, side) else None
                if told is not None: break
            else: continue
            near = told.item in at and np.hypot(*(at[told.item] - place)) <= side / 16 + 2
            self.judge(f'mark of {side} at {place}, own place {at.get(told.item)},' if not near else 'mark',
                       told, told.item if near else -1, -1)

    def same_chosen(self):
        "What the page says is chosen is what Python says is chosen"
        rows = self.tab.evaluate('() => (window.matnbStore.chosen ? [...window.matnbStore.chosen.rows()] : null)')
        held = self.scene.items.ids()
        shown = set() if rows is None else set(held[rows].tolist())
        self.checked['chosen'] += 1
        if shown != set(self.scene.selection.ids): self.mistakes.append(
            f'after {self.last}, step {sum(self.done.values())}: the page has chosen {len(shown)} items, Python '
            f'{len(self.scene.selection.ids)}')


def test_each_picture_is_of_its_item_in_a_random_walk(browser, tmp_path, measured, request):
    "A short walk, or with --flags slow a long one"
    slow = 'slow' in request.config.getoption('--flags').split()
    steps, seed = (1000, 11) if slow else (150, 3)
    steps, seed = (int(os.environ.get(f'MATNB_WALK_{name}', n)) for name, n in (('STEPS', steps), ('SEED', seed)))
    taken = Walk(browser, tmp_path/'corpus', seed)
    for _ in range(steps): taken.step()
    taken.close()
    measured(f'{steps} random steps (seed {seed}): {dict(taken.checked)} checked, {dict(taken.unread)} covered or on '
             f'their way, {len(taken.mistakes)} mistakes; {dict(taken.done)}')
    assert taken.mistakes == [], '\n'.join(taken.mistakes[:20])
    assert taken.checked['gallery'] > 2 * steps and taken.checked['hover'] > steps / 50, taken.checked


def test_a_wrong_picture_would_be_seen(browser, tmp_path, monkeypatch):
    "The eye itself: when Python sends the pictures of the neighbours, every one of them is noticed"
    real = thumbnails.answer_thumbnails

    def shifted(scene, said):
        reply = real(scene, said)
        return Reply(reply.body, [*reply.buffers[1:], *reply.buffers[:1]])

    monkeypatch.setattr(thumbnails, 'answer_thumbnails', shifted)
    taken = Walk(browser, tmp_path/'corpus', 3)
    taken.page.until("document.querySelectorAll('.mx-cell canvas:not([hidden])').length > 3")
    taken.rest()
    taken.look()
    taken.close()
    assert taken.checked['gallery'] == len(taken.mistakes) > 3
