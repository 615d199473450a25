"""Paths against a model: whatever way is walked, ids, places, pictures and facets belong together

Everything of a scan follows from its id (store_rules.py): pixels, facets, and here its vector, which is also its place
on every map, since the layout is replaced by one that shows the first numbers of a vector. So each item that a step
shows can be asked whether its picture and its place are its own. Hypothesis draws walks: selections of each kind and
combinations of them, refining, undo, branches, deletions and additions and compaction behind the path's back, files,
replays. A plain-Python model says which ids each selection must give.
"""
import json
import math
import random
from pathlib import Path as Folder
from unittest import mock

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine as Machine
from hypothesis.stateful import initialize, invariant, rule, run_state_machine_as_test
from store_rules import check_pixels, id_of, quick_folder, right_facets, scan

from matnb.corpus.snapshot import CorpusChanged
from matnb.corpus.store import Corpus, create_corpus, open_corpus
from matnb.corpus.vectors import extend_vectors
from matnb.similarity.path_files import PathFileError, path_from_json
from matnb.similarity.paths import NothingChosen, Path, open_path
from matnb.similarity.records import WrongRecord
from matnb.similarity.replaying import replay_file
from matnb.similarity.selections import (
    AnyOf,
    Everything,
    InBox,
    InCluster,
    InLasso,
    InTurn,
    Like,
    Not,
    TheseItems,
    WithFacets,
    WithWords,
)

CARD = {'name': 'exact', 'kind': 'encoder', 'metric': 'euclidean'}


def vector_of(id: str) -> np.ndarray:
    "The vector of an id: small whole numbers, so that distances are exact and ties happen"
    return np.frombuffer(bytes.fromhex(id), 'u1')[:6].astype('f4') // 16


def is_blank(id: str) -> bool:
    "One item in sixteen cannot be shown to the encoder"
    return id[-1] == '7'


def place_of(id: str, dimensions: int = 2) -> np.ndarray:
    "The place of an id on every map"
    return np.full(dimensions, np.nan) if is_blank(id) else vector_of(id)[:dimensions]


def embed_all(corpus: Corpus) -> None:
    "Give each item the vector of its id"
    whole = Corpus(corpus.snapshot)
    sets, head = whole.vector_sets, whole.snapshot.head
    first = sets['exact'].length if 'exact' in sets else 0
    ids = [f'{n:016x}' for n in whole.snapshot.column('item_id').tolist()]
    rows = np.array([np.full(6, np.nan) if is_blank(i) else vector_of(i) for i in ids], 'f4').reshape(len(ids), 6)
    if len(ids) > first:
        extend_vectors(whole.snapshot.ledger, 'exact', CARD, first, rows[first:], numbering=head.numbering)
    corpus.refresh()


def shown_layout(vectors, *, dimensions=2, start=None, **options) -> np.ndarray:
    "A layout that shows the first numbers of each vector, and insists on a start that does the same"
    assert start is None or np.array_equal(start, vectors[:, :start.shape[1]], equal_nan=True) or dimensions == 3
    return np.array(vectors[:, :dimensions], 'f4')


def shown_place(new, vectors, coordinates, **options) -> np.ndarray:
    "New items where their vector says; the others must be where theirs says"
    assert np.array_equal(coordinates, vectors[:, :coordinates.shape[1]], equal_nan=True)
    return np.array(new[:, :coordinates.shape[1]], 'f4')


# --- What selections must give, item by item

def winds_around(x: float, y: float, corners) -> bool:
    "Whether a closed line crosses a ray from a point an odd number of times"
    odd = False
    for (x0, y0), (x1, y1) in zip(corners, [*corners[1:], corners[0]], strict=True):
        if (y0 > y) != (y1 > y) and x < (x1 - x0) * ((y - y0) / (y1 - y0)) + x0: odd = not odd
    return odd


def squared(a: str, b: str) -> float:
    "Between two ids, infinite where one has no vector"
    return math.inf if is_blank(a) or is_blank(b) else float(((vector_of(a) - vector_of(b)) ** 2).sum())


def islands(ids: list[str], seeds: tuple[str, ...], reach: float, least: int) -> set[str]:
    "DBSCAN's cluster around some items"
    around = {i: [j for j in ids if ((place_of(i) - place_of(j)) ** 2).sum() <= reach ** 2] for i in ids}
    found, edge = set(), [s for s in seeds if s in around]
    while edge:
        i = edge.pop()
        if i in found: continue
        found.add(i)
        if len(around[i]) >= least: edge += around[i]
    return found


class Model:
    "What selections must choose, from ids alone"

    def __init__(self, marks: dict[str, str], on_map: set[str]):
        self.marks, self.on_map = marks, {i for i in on_map if not is_blank(i)}

    def expected(self, how, ids: list[str]) -> list[str]:
        "What a selection must choose from some ids, in their order"
        if isinstance(how, Everything): return ids
        if isinstance(how, TheseItems): return [i for i in ids if i in set(how.ids)]
        if isinstance(how, Not): return [i for i in ids if i not in set(self.expected(how.inside, ids))]
        if isinstance(how, AnyOf):
            found = {i for p in how.parts for i in self.expected(p, ids)}
            return [i for i in ids if i in found]
        if isinstance(how, InTurn):
            for part in how.parts: ids = self.expected(part, ids)
            return ids
        if isinstance(how, Like): return nearest(how, ids)
        if isinstance(how, InCluster):
            found = islands([i for i in ids if i in self.on_map], how.around, how.reach, how.least)
            return [i for i in ids if i in found]
        return [i for i in ids if self.fits(how, i)]

    def fits(self, how, id: str) -> bool:
        "Whether an item meets a condition that does not depend on others"
        at, mapped = place_of(id), id in self.on_map
        if isinstance(how, InLasso): return mapped and winds_around(*at.tolist(), how.corners)
        if isinstance(how, InBox): return mapped and bool((at >= how.low).all() and (at <= how.high).all())
        facts = right_facets(id) | ({'mark': self.marks[id]} if id in self.marks else {})
        if isinstance(how, WithWords):
            said = ' '.join([facts.get('material', ''), facts['notes'], facts.get('mark', ''), 'measured']).lower()
            return all(w in said for w in how.text.lower().split())
        for name, asked in how.conditions.items():
            value = facts.get(name)
            if isinstance(asked, tuple): met = value is not None and asked[0] <= value <= asked[1]
            else: met = value in asked if isinstance(asked, list) else value == asked
            if not met: return False
        return True


def nearest(how: Like, ids: list[str]) -> list[str]:
    "The items most like some; those nearer to a counter-example are moved back in proportion"
    far = {}
    for i in ids:
        liked = np.float32(math.sqrt(min(squared(i, e) for e in how.examples)))
        unliked = np.float32(math.sqrt(min((squared(i, c) for c in how.counterexamples), default=math.inf)))
        far[i] = liked if not unliked < liked else liked * (liked / unliked) if unliked else math.inf
    held = [i for i in ids if far[i] < math.inf and (how.within is None or far[i] <= np.float32(how.within))]
    if how.count is not None: held = sorted(held, key=lambda i: far[i])[:how.count]
    return [i for i in ids if i in set(held)]


# --- Walks

POINTS = st.tuples(st.integers(-1, 16).map(lambda n: n + 0.5), st.integers(-1, 16).map(lambda n: n + 0.25))


class Walks(Machine):
    "A corpus that changes, a path through it, and what each step must show"

    def __init__(self):
        super().__init__()
        self.context, self.patches = quick_folder(), [
            mock.patch('matnb.similarity.maps.layout', shown_layout),
            mock.patch('matnb.similarity.replaying.place', shown_place)]
        self.folder = self.context.__enter__()
        for p in self.patches: p.start()
        self.next_scan, self.files, self.compacted = 0, 0, False

    def teardown(self):
        for p in self.patches: p.stop()
        self.context.__exit__(None, None, None)

    @initialize(count=st.integers(4, 40))
    def begin(self, count):
        self.writer = create_corpus(self.folder/'corpus', 'walked')
        self.held: dict[str, bool] = {}  # Whether it can be seen, by id, in order
        self.marks: dict[str, str] = {}
        self.add(count)
        self.path = Path.begin(open_corpus(self.folder/'corpus'), 'exact', title='a walk')
        self.took_in()
        self.chosen = {1: self.shown}  # Ids that each step gave, by number
        self.laid_out: dict[tuple, set[str]] = {}  # Ids that were there when a map was made; others have no place on it

    def add(self, count):
        self.writer.append([scan(n) for n in range(self.next_scan, self.next_scan + count)])
        self.held |= {id_of(n): True for n in range(self.next_scan, self.next_scan + count)}
        self.next_scan += count
        embed_all(self.writer)

    def took_in(self):
        "The path sees the corpus as it is"
        self.shown, self.known_marks = [i for i, seen in self.held.items() if seen], dict(self.marks)
        self.compacted = False

    def here(self) -> list[str]:
        "What the current step must show"
        seen = set(self.shown)
        return [i for i in self.chosen[self.path.step.number] if i in seen]

    # - the corpus changes behind the path's back

    @rule(count=st.integers(1, 6))
    def append(self, count): self.add(count)

    @rule(data=st.data())
    def delete_items(self, data):
        seen = [i for i, there in self.held.items() if there]
        if len(seen) < 3: return
        ids = data.draw(st.lists(st.sampled_from(seen), min_size=1, max_size=3, unique=True))
        self.writer.delete(ids)
        self.held |= dict.fromkeys(ids, False)

    @rule()
    def restore_items(self):
        gone = [i for i, there in self.held.items() if not there]
        if not gone: return
        self.writer.restore(gone)
        self.held |= dict.fromkeys(gone, True)

    @rule()
    def compact(self):
        if not any(not there for there in self.held.values()): return
        self.writer.compact()
        self.held = {i: True for i, there in self.held.items() if there}
        self.compacted = True

    @rule(data=st.data(), mark=st.sampled_from(['good', 'bad', 'odd <b>']))
    def mark_through_a_step(self, data, mark):
        here = self.here()
        if not here or self.compacted: return
        ids = data.draw(st.lists(st.sampled_from(here), min_size=1, max_size=4, unique=True))
        self.path.step.view[ids].annotate(mark=mark)
        still = set(self.held)
        self.marks |= {i: mark for i in ids if i in still}
        self.took_in()  # who writes sees what others wrote

    @rule()
    def refresh(self):
        self.path.refresh()
        self.took_in()

    # - the path grows

    @rule(data=st.data(), name=st.sampled_from(['', '', 'seen', '<script>']))
    def select(self, data, name):
        if self.compacted: self.refresh()
        here = self.here()
        how = data.draw(self.selections(here, 0))
        before, model = len(self.path), Model(self.known_marks, self.on_map(self.path.step))
        try: step = self.path.choose(how, name)
        except NothingChosen:
            settled = how.settled(self.path.among(self.path.tree.current))
            assert not model.expected(settled, here) and len(self.path) == before
            return
        self.chosen[step.number] = model.expected(step.selection, here)
        assert step.ids.tolist() == self.chosen[step.number], step.selection

    def on_map(self, step) -> set[str]:
        "Which of its items have a place on a step's map, if they have a vector"
        return self.laid_out.get((step.number, step.options), set())

    def selections(self, here, depth):
        "Any selection that can be made at the current step"
        known = [i for i in here if not is_blank(i)]
        mapped = [i for i in known if i in self.on_map(self.path.step)]
        kinds = [st.builds(WithFacets, st.fixed_dictionaries({'thickness': st.just((0.0, 5e-7))})),
                 st.builds(WithWords, st.sampled_from(['PbTiO3', '強誘電', 'seen', 'measured pb']))]
        words = [w for w in ('PbTiO3', 'BiFeO3') if w in self.path.corpus.snapshot.words('material')]
        if words: kinds.append(st.builds(WithFacets, st.fixed_dictionaries({'material': st.sampled_from(words)})))
        if 'mark' in self.path.corpus.facets: kinds.append(st.just(WithFacets({'mark': None})))
        if here: kinds += [st.lists(st.sampled_from(here), min_size=1, max_size=20, unique=True).map(
            lambda ids: TheseItems(tuple(ids))), st.just(Everything())]
        if known: kinds += [
            st.builds(Like, st.lists(st.sampled_from(known), min_size=1, max_size=2).map(tuple),
                      st.lists(st.sampled_from(known), max_size=1).map(tuple), st.integers(1, 12),
                      st.sampled_from([None, 9.5, 14.0])),
            st.builds(Like, st.sampled_from(known).map(lambda i: (i,)), st.just(()), st.none(), st.floats(0, 20))]
        if self.path.step.mapped and depth == 0: kinds += [  # settled on the whole map, not on part of it
            st.builds(InLasso, st.lists(POINTS, min_size=3, max_size=7).map(tuple)),
            st.builds(lambda a, b: InBox(np.minimum(a, b), np.maximum(a, b)), POINTS, POINTS)]
        if mapped and depth == 0:
            kinds.append(st.builds(InCluster, st.sampled_from(mapped).map(lambda i: (i,)), st.sampled_from([1.5, 3.5]),
                                   st.integers(1, 4)))
        plain = st.one_of(kinds)
        if depth > 1: return plain
        inner = self.selections(here, depth + 1)
        return st.one_of(plain, plain, inner.map(Not), st.lists(inner, min_size=1, max_size=3).map(
            lambda p: AnyOf(tuple(p))), st.tuples(inner.filter(lambda s: not isinstance(s, TheseItems))).map(
            lambda p: InTurn(tuple(p))))

    @rule(dimensions=st.sampled_from([2, 2, 3]))
    def refine(self, dimensions):
        if self.compacted or not any(not is_blank(i) for i in self.here()): return
        was = self.path.step.mapped
        if was: dimensions = self.path.step.options.dimensions
        step = self.path.refine(progress=False, dimensions=dimensions)
        if not was: self.laid_out[step.number, step.options] = set(step.ids.tolist())

    @rule()
    def branch(self):
        here = self.here()
        self.chosen[self.path.branch('other map', neighbours=7).number] = here

    # - walking and changing

    @rule(data=st.data())
    def go(self, data): self.path.go(data.draw(st.sampled_from(sorted(self.path.tree.steps))))

    @rule(way=st.sampled_from(['up', 'back', 'forward', 'undo', 'redo']))
    def turn(self, way):
        before = self.path.step
        try: getattr(self.path, way)()
        except IndexError: assert self.path.step == before

    @rule(data=st.data())
    def delete_step(self, data):
        number = data.draw(st.sampled_from(sorted(self.path.tree.steps)))
        if number == 1: return
        gone = self.path.tree.below(number)
        tree = self.path.tree
        self.path.delete(number)
        assert not set(gone) & set(self.path.tree.steps) and self.path.tree.current in self.path.tree.steps
        if data.draw(st.booleans()):
            self.path.undo()
            assert self.path.tree is tree

    @rule(name=st.text(max_size=9))
    def rename(self, name): self.path.rename(name)

    # - files and replays

    @rule()
    def save_and_open(self):
        self.files += 1
        file = self.path.save(self.folder/f'{self.files}.json')
        before = self.path
        try: self.path = open_path(file, open_corpus(self.folder/'corpus'))
        except ValueError as e:
            assert 'none of the' in str(e) and not any(self.held.get(i) for i in self.chosen[1])
            return
        self.took_in()
        assert str(self.folder) not in file.read_text()
        for old, new in zip(before, self.path, strict=True):
            assert (old.record.items == new.record.items).all() and old.selection == new.selection
            assert old.options == new.options and old.mapped == new.mapped and old.record.name == new.record.name

    @rule()
    def replay(self):
        now = open_corpus(self.folder/'corpus')
        if 'mark' in self.path.corpus.facets and 'mark' not in now.facets: return
        replay, before = self.path.replay(now), self.path
        self.path = replay.path
        self.took_in()
        old, self.chosen = self.chosen, {}
        for change, step in zip(replay.changes, self.path, strict=True):
            parent = self.shown if step.record.parent is None else self.chosen[step.record.parent]
            self.chosen[step.number] = step.ids.tolist()
            above = set() if step.parent is None else self.on_map(step.parent)
            if not change.remarks:
                assert step.ids.tolist() == Model(self.known_marks, above).expected(step.selection, parent)
            was = set(old[step.number])
            assert change.gained.tolist() == sorted(set(step.ids.tolist()) - was)
            assert change.lost.tolist() == sorted(was - set(step.ids.tolist()))
            assert step.mapped == before.find(step.number).mapped
            if not step.mapped: continue
            ids, mapped = set(step.ids.tolist()), self.on_map(step)  # of the map as it was
            if any(i in mapped and not is_blank(i) for i in ids): self.laid_out[step.number, step.options] = ids
            else: assert not ids - mapped or all(map(is_blank, ids - mapped)) or 'no place' in ' '.join(change.remarks)

    # - what must hold after every step

    @invariant()
    def everything_belongs_together(self):
        path, seen = self.path, set(self.shown)
        for number, record in path.tree.steps.items():
            step = path.find(number)
            right = [i for i in self.chosen[number] if i in seen]
            assert step.ids.tolist() == right == step.view.ids().tolist() and len(step) == len(right)
            assert set(step.gone.tolist()) == set(self.chosen[number]) - seen
            if record.parent is not None: assert set(self.chosen[number]) <= set(self.chosen[record.parent])
            if step.mapped:
                dimensions = step.options.dimensions
                there = self.on_map(step)
                at = np.array([place_of(i, dimensions) if i in there else np.full(dimensions, np.nan) for i in right])
                at = at.reshape(len(right), dimensions)
                assert np.array_equal(step.coordinates, at, equal_nan=True), f'step {number} has places of others'
            assert f'{len(right):,}' in step.breadcrumb.split(' › ')[-1]
        self.pictures_belong_to_ids(path.step)

    def pictures_belong_to_ids(self, step):
        "The pictures that the current step shows are those of its ids, and so is what is said of them"
        view = step.view
        try:
            for place, id in list(enumerate(step.ids.tolist()))[::3]:
                check_pixels(view, int(view.positions[place]), id)
                assert view[place].id == id and view[id].metadata['told'] == id
            if not self.compacted: assert '<script>' not in step._repr_html_() + self.path._repr_html_()
        except CorpusChanged: assert self.compacted
        notes = view.values('notes').tolist()
        assert notes == [f'seen as {i}' for i in step.ids.tolist()]


def test_ids_places_and_pictures_agree_on_every_walk(request):
    slow = 'slow' in request.config.getoption('--flags').split()
    run_state_machine_as_test(Walks, settings=settings(
        max_examples=400 if slow else 20, stateful_step_count=50 if slow else 25, deadline=None, derandomize=not slow,
        suppress_health_check=list(HealthCheck), print_blob=True))


# --- With the real layout

@pytest.fixture(scope='module')
def folder():
    with quick_folder() as path: yield path


@pytest.fixture(scope='module')
def walked(folder) -> Path:
    "Five steps on 150 scans, with real maps"
    corpus = create_corpus(folder/'walked', 'Walked')
    corpus.append([scan(n, kind=0) for n in range(150)])
    embed_all(corpus)
    path = Path.begin(corpus, 'exact', title='Tüpfel “quoted” <b>', seed=3)
    path.refine(progress=False)
    x, top = np.nanmedian(path.step.coordinates[:, 0]), 1e3
    path.select(lasso=[(x, -top), (top, -top), (top, top), (x, top)], name='right')
    path.refine(progress=False)
    path.select(like=path.step.ids[0], count=20, within=30.0)
    path.go('right').path.select(where={'material': ['PbTiO3', 'BiFeO3'], 'thickness': (None, 7e-7)}, inverse=True)
    path.go(1).path.branch('in depth', dimensions=3, method='pca')
    path.refine(progress=False)
    return path


def test_a_real_map_lays_each_item_by_its_own_vector(walked):
    for step in walked:
        if not step.mapped: continue
        ids, at = step.ids.tolist(), step.coordinates
        blank = np.array([is_blank(i) for i in ids])
        assert (np.isnan(at).all(1) == blank).all() and (blank.any() or step.parent)
        vectors = np.array([vector_of(i) for i in ids])[~blank]
        true, drawn = (((v[:, None] - v) ** 2).sum(-1) + 1e9 * np.eye(len(v)) for v in (vectors, at[~blank]))
        near = np.argsort(drawn, 1)[:, :8]
        share = np.mean(np.take_along_axis(true, near, 1)) / true[true < 1e8].mean()
        assert share < 0.75, f'neighbours on the map of step {step.number} are no nearer than others: {share:.2f}'


def test_a_child_is_laid_out_from_its_parent(walked):
    path = Path(walked.corpus, walked.tree, walked.stored.maps)
    path.go('right').path.branch('alone', from_parent=False)
    before, held = path.start_of(path.find('right').number), ~np.isnan(path.step.coordinates[:, 0])
    followed, alone = ([np.corrcoef(before[held, n], path.find(name).coordinates[held, n])[0, 1] for n in (0, 1)]
                       for name in ('right', 'alone'))
    assert np.mean(followed) > 0.5 and np.mean(followed) > np.mean(alone) + 0.2, (followed, alone)


def test_the_same_walk_gives_the_same_path(walked, folder):
    again = Path.begin(walked.corpus, 'exact', seed=3)
    assert np.array_equal(again.refine(progress=False).coordinates, walked.find(1).coordinates, equal_nan=True)
    again.choose(walked.find('right').selection)
    assert (again.step.ids == walked.find('right').ids).all()
    assert np.array_equal(again.refine(progress=False).coordinates, walked.find('right').coordinates, equal_nan=True)


def test_others_can_open_it_and_learn_nothing_of_this_machine(walked, folder, monkeypatch):
    import getpass
    import socket
    file = walked.save(folder/'shared.json')
    text = file.read_text()
    for private in (str(folder), str(Folder.home()) + '/', f'"{socket.gethostname()}'): assert private not in text
    assert getpass.getuser() not in json.dumps({k: v for k, v in json.loads(text).items() if k != 'steps'})
    copy = walked.corpus.publish(folder/'elsewhere')
    path = open_path(file, copy)
    assert not path.remarks and [s.breadcrumb for s in path] == [s.breadcrumb for s in walked]
    assert path.save(folder/'again.json').read_bytes() == file.read_bytes()


def test_a_full_disk_leaves_the_old_file(walked, folder, monkeypatch):
    from matnb.corpus import durable
    file = walked.save(folder/'kept.json')
    before = file.read_bytes()

    def full(fd, data, offset): raise OSError(28, 'No space left on device')
    monkeypatch.setattr(durable.disk, 'write', full)
    with pytest.raises(OSError, match='No space'): walked.save(file)
    with pytest.raises(OSError, match='No space'): replay_file(file, walked.corpus, folder/'no room')
    assert file.read_bytes() == before and not list(folder.glob('.*')) and not (folder/'no room').exists()


def test_an_interrupted_map_leaves_the_path_as_it_was(walked, monkeypatch):
    import matnb.similarity.maps
    path = Path(walked.corpus, walked.tree, {})

    def stopped(*args, **options): raise KeyboardInterrupt
    monkeypatch.setattr(matnb.similarity.maps, 'layout', stopped)
    with pytest.raises(KeyboardInterrupt): path.refine()
    assert not path.step.mapped and path.tree is walked.tree


def test_a_batch_run_from_the_command_line(walked, folder, capsys):
    from matnb.command_line import main
    file, to = walked.save(folder/'batch.json'), folder/'june'
    assert main(['replay', str(file), str(walked.corpus.path), '--to', str(to), '--maps']) == 0
    said = capsys.readouterr().out
    assert said.count('0 gained, 0 lost') == len(walked)
    assert {p.name for p in to.iterdir()} == {'path.json', 'steps.csv', 'index.html', *(
        f'step {s.number}.csv' for s in walked)}
    page = (to/'index.html').read_text()
    assert '<b>' not in page.replace('<b>Map', '') and '<script' not in page and 'src="http' not in page
    assert main(['replay', str(file), str(walked.corpus.path), '--to', str(to)]) == 2
    bare = create_corpus(folder/'bare', 'Bare')
    bare.append([scan(n, kind=0) for n in range(150)])
    assert main(['replay', str(file), str(bare.path)]) == 1 and 'no vectors' in capsys.readouterr().out


def test_a_likeness_is_what_a_search_finds(walked):
    from matnb.similarity.searching import search
    for like, unlike in (((3,), ()), ((3, 8), (5,)), ((0,), (1, 2))):
        some, others = ([walked.find(1).ids[n] for n in places] for places in (like, unlike))
        found = search(walked.find(1).view, some, unlike=others, count=25).ids
        path = Path(walked.corpus, walked.tree)
        step = path.go(1).path.select(like=some, unlike=others, count=25 + len(some))
        assert set(step.ids.tolist()) - set(some) - set(others) <= set(found) | set(others)
        assert len(set(found) & set(step.ids.tolist())) >= 25 - len(others)
        assert set(path.go(1).path.select(search(walked.find(1).view, some, count=9)).ids) == set(
            search(walked.find(1).view, some, count=9).ids)


# --- Files from others

def opens(text: str | bytes) -> str:
    "What is said of a file's text; nothing if it can be opened"
    try: path_from_json(text)
    except WrongRecord as e:
        assert len(str(e)) < 1000
        return str(e)
    return ''


HOSTILE = [
    '', 'null', '[]', '{}', '"text"', '{"format": "matnb path"}', '[' * 200_000, '{"a":' * 50_000, '\x00', 'NaN',
    '{"format": "matnb path", "version": 1e400}', '{"format": "matnb path", "version": 1, "steps": {}}', '9' * 100_000,
    '{"format": "matnb path", "format": "matnb path"}', b'\xff\xfe\x00', b'PK\x03\x04', b'\x80\x04\x95']


@pytest.mark.parametrize('text', HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_no_path_file_is_refused(text): assert opens(text)


STRANGE = [None, True, -1, 0, 1.5, 2**70, 1e308, '', 'x', '\ud800', 'x' * 100_001, [], [[]], [None], {}, {'from': 1},
           {'kind': 'not'}, ['0' * 16], ['0' * 16] * 2, '../../etc/passwd', '<script>alert(1)</script>']


def leaves(value, place=()):
    "All places in a JSON value"
    yield place
    pairs = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    for key, inside in pairs: yield from leaves(inside, (*place, key))


def with_change(given, place, change):
    "A copy with something else at a place"
    copy = json.loads(json.dumps(given))
    at = copy
    for key in place[:-1]: at = at[key]
    change(at, place[-1])
    return copy


def test_a_mutated_file_is_refused_or_is_a_sound_path(walked, folder, request):
    given = json.loads(walked.save(folder/'sound.json').read_text())
    places = [p for p in leaves(given) if p]
    chance = random.Random(2027)
    slow = 'slow' in request.config.getoption('--flags').split()
    tries = [(p, v) for p in places for v in STRANGE]
    refused = 0
    for place, value in tries if slow else chance.sample(tries, 500):
        def put(at, key, value=value): at[key] = value
        refused += check_mutated(json.dumps(with_change(given, place, put)), folder, walked)
    for place in places:
        if isinstance(place[-1], str):
            copy = with_change(given, place, lambda at, key: at.pop(key))
            assert opens(json.dumps(copy)) or place[-2:-1] in (('vectors',), ('quality',), ('conditions',)), place
    assert refused > 0.8 * (len(tries) if slow else 500)


def test_a_map_of_which_little_is_known_can_be_opened_and_shown(walked, folder):
    given = json.loads(walked.save(folder/'sound.json').read_text())
    mapped = next(s for s in given['steps'] if s['map'])
    quality = mapped['map']['quality']
    for left in ({}, {'trustworthiness': 0.9}, {'items': 30}, {n: v for n, v in quality.items() if n != 'judged'}):
        mapped['map']['quality'] = left
        (folder/'little.json').write_text(json.dumps(given))
        path = open_path(folder/'little.json', walked.corpus)
        shown = path.find(mapped['number'])
        assert shown.quality == left and '<section' in path._repr_html_() and shown._repr_html_()
    del mapped['map']['coordinates']
    assert 'coordinates is missing' in opens(json.dumps(given)) and 'Base64' not in opens(json.dumps(given))


def check_mutated(text: str, folder: Folder, walked: Path) -> bool:
    "Whether it is refused; what is not refused must be a path of which everything can be shown"
    said = opens(text)
    if said: return True
    (folder/'mutated.json').write_text(text)
    try: path = open_path(folder/'mutated.json', walked.corpus)
    except ValueError as e:
        assert 'none of the' in str(e)
        return True
    for step in path:
        assert step.parent is None or set(step.ids) <= set(step.parent.ids)
        assert (step.view.ids() == step.ids).all() and (not step.mapped or len(step.coordinates) == len(step))
    assert '<script' not in path._repr_html_() + path.step._repr_html_()
    path.replay(walked.corpus)
    return False


def test_bits_that_flip_are_refused_or_harmless(walked, folder):
    raw = walked.save(folder/'bits.json').read_bytes()
    chance = random.Random(5)
    for _ in range(300):
        at = chance.randrange(len(raw))
        changed = raw[:at] + bytes([raw[at] ^ 1 << chance.randrange(8)]) + raw[at + 1:]
        if not opens(changed): check_mutated(changed.decode(), folder, walked)


def test_a_cut_file_is_refused(walked, folder):
    raw = walked.save(folder/'cut.json').read_bytes()
    for at in random.Random(6).sample(range(len(raw) - 2), 60): assert opens(raw[:at])


def test_a_huge_file_is_not_read(walked, folder):
    file = folder/'huge.json'
    with file.open('wb') as f: f.truncate(2**28 + 1)
    with pytest.raises(PathFileError, match='at most'): open_path(file, walked.corpus)


def test_a_very_deep_path_can_be_shown_and_kept(walked, folder):
    path = Path.begin(walked.corpus, 'exact')
    for _ in range(1500): path.branch('deeper')
    assert path._repr_html_().count('<li') > 1500
    assert len(open_path(path.save(folder/'deep.json'), walked.corpus)) == 1501
