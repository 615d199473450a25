"""The store against a model: whatever is done in whatever order, it holds what a dictionary would

Hypothesis draws sequences of appends, annotations, vectors, deletions, compactions, openings and copies, with images of
all sizes and types and with strange values; and it keeps old handles, which must go on showing what they showed.
"""
import copy
import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine as Machine
from hypothesis.stateful import initialize, invariant, precondition, rule, run_state_machine_as_test
from store_rules import as_stored, extend, quick_folder, replace, right_vectors

from matnb.corpus.facets import VOCABULARY, Facet, infer_kind, is_missing, read_value
from matnb.corpus.measurement import Channel, Measurement, plain_text
from matnb.corpus.snapshot import CorpusChanged
from matnb.corpus.store import create_corpus, open_corpus

STRANGE = [
    '', ' ', '-', 'nan', 'inf', '-inf', 'None', 'PbTiO3', 'Ünïcode – 強誘電体 🧲', 'a\u202eb', 'tab\there', "it's;",
    '"quoted"', '<script>', 'very long', '0', '1e400', '\ud800', 'é', 'e\u0301', 'image_0', '\x00', '50 nm']
WORDS = st.one_of(st.sampled_from(STRANGE).map(lambda w: w * 7000 if w == 'very long' else w), st.text(max_size=8))
NUMBERS = st.one_of(st.floats(), st.integers(-10**6, 10**6), st.sampled_from([0.0, -0.0, 1e308, 5e-324, math.inf]))
DATES = st.one_of(st.dates().map(str), st.datetimes().map(str), st.sampled_from(['2019-04-03', 'yesterday']))
VALUES = {'material': WORDS, 'notes': WORDS, 'thickness': st.one_of(NUMBERS, WORDS), 'date': st.one_of(DATES, WORDS),
          'größe': st.one_of(NUMBERS, WORDS), 'image_quality': st.one_of(WORDS, NUMBERS, st.none())}
FACETS = st.fixed_dictionaries({}, optional=VALUES)
SHAPES = st.sampled_from([(1, 1, 1), (2, 3, 5), (1, 8, 8), (3, 2, 2), (1, 1, 64)])
DTYPES = st.sampled_from(['f4', 'f8', 'f2', 'u1', 'i1', 'u2', 'i2', 'i4', 'u4', 'i8', 'u8', '>f4', '>i2'])


@st.composite
def measurements(draw) -> Measurement:
    "A scan of any size and type, which says anything"
    shape, dtype, seed = draw(SHAPES), np.dtype(draw(DTYPES)), draw(st.integers(0, 40))
    rng = np.random.default_rng(seed)
    image = np.frombuffer(rng.bytes(int(np.prod(shape)) * dtype.itemsize), dtype).reshape(shape)  # NaNs of every kind
    names = draw(st.sampled_from(['signal', 'phase', 'Δ amplitude']))
    channels = tuple(Channel(f'{names} {n}', 'V') for n in range(shape[0]))
    return Measurement(image, channels, draw(st.sampled_from([None, (1e-9, 2e-9)])), draw(FACETS),
                       {'seed': seed, 'odd': [math.nan, b'\xff']}, source=draw(st.sampled_from(['', 'a.ibw'])))


def stored(facet: Facet, value: Any) -> Any:
    "A value as the store holds it; ValueError if it does not fit"
    kept = read_value(facet, value)
    return plain_text(kept) if isinstance(kept, str) else kept


class Model(Machine):
    "A corpus and the dictionary that it must equal"

    def __init__(self):
        super().__init__()
        self.context = quick_folder()
        self.folder = self.context.__enter__()
        self.held: dict[str, dict[str, Any]] = {}  # In order: pixels, what is said, whether deleted
        self.gone: set[str] = set()  # Compacted away
        self.sets: dict[str, tuple[int, ...]] = {}  # Vector sets and the shape of their rows
        self.old: list[tuple[Any, dict, int]] = []  # Handles, what they must show, what was compacted and removed then
        self.compactions = self.removals = self.copies = 0  # Removals: vectors that an old handle may not find

    def teardown(self):
        self.context.__exit__(None, None, None)

    @initialize()
    def create(self):
        self.path = self.folder/'a corpus % with # strange ? name é'
        self.corpus = create_corpus(self.path, '"title" & more')

    @property
    def visible(self) -> dict[str, dict[str, Any]]:
        return {i: h for i, h in self.held.items() if not h['deleted']}

    @rule(batch=st.lists(measurements(), min_size=0, max_size=4), twice=st.booleans())
    def append(self, batch, twice):
        done = self.corpus.append([*batch, *batch[:1]] if twice else batch)
        fresh: dict[str, Measurement] = {}
        for m in batch:
            if m.id not in self.held and m.id not in self.gone: fresh.setdefault(m.id, m)
        assert done.added == list(fresh) and set(done.known) == {m.id for m in batch} - set(fresh)
        for name in dict.fromkeys(n for m in fresh.values() for n in m.facets if not is_missing(m.facets[n])):
            if name not in self.corpus.facets: raise AssertionError(f'{name} was lost')
        for i, m in fresh.items(): self.held[i] = {
            'pixels': pixels_of(m.image), 'keys': [c.key for c in m.channels], 'size': m.pixel_size, 'source': m.source,
            'seed': m.metadata['seed'], 'said': self.fitting(m), 'deleted': False, 'changes': [], 'vectors': {}}

    def fitting(self, m: Measurement) -> dict[str, Any]:
        "What fits of what a measurement says"
        said, kept = {'channels': ', '.join(c.key for c in m.channels), 'origin': 'measured'}, {}
        if m.source: said['file'] = m.source
        for name, value in (said | m.facets).items():
            if name not in self.corpus.facets: continue
            try: kept[name] = stored(self.corpus.facets[name], value)
            except ValueError: continue
        return {n: v for n, v in kept.items() if v is not None}

    @precondition(lambda self: self.held)
    @rule(data=st.data(), said=FACETS.filter(bool), through_view=st.booleans())
    def annotate(self, data, said, through_view):
        ids = data.draw(st.lists(st.sampled_from(sorted(self.held)), min_size=1, max_size=3, unique=True))
        known = VOCABULARY | self.corpus.facets
        try: right = {n: stored(known.get(n) or Facet(n, infer_kind([v] * len(ids))), v) for n, v in said.items()}
        except ValueError:
            with pytest.raises(ValueError): self.corpus.annotate({i: said for i in ids})
            return
        if through_view:
            ids = [i for i in ids if i in self.visible]
            if not ids: return
            changed = self.corpus[[self.corpus.ids().tolist().index(i) for i in ids]].annotate(**said)
            self.corpus.refresh()
        else: changed = self.corpus.annotate({i: said for i in ids}, who='Ana', why='"so"')
        count = 0
        for i in ids:
            for name, value in right.items():
                if self.held[i]['said'].get(name) == value: continue
                self.held[i]['changes'].append((name, self.held[i]['said'].get(name), value))
                self.held[i]['said'][name] = value
                count += 1
            self.held[i]['said'] = {n: v for n, v in self.held[i]['said'].items() if v is not None}
        assert changed == count

    @rule(name=st.sampled_from(['d33', 'größe', 'deleted', 'id', 'image', 'no name', 'x', 'image_7', 'channel']),
          kind=st.sampled_from(['category', 'quantity']))
    def define(self, name, kind):
        facet, known = Facet(name, kind, 'V' if kind == 'quantity' else ''), self.corpus.facets.get(name)
        taken = name in ('deleted', 'id', 'image', 'no name', 'x', 'image_7', 'channel')
        if taken or (known and (known.kind, known.unit) != (kind, facet.unit)):
            with pytest.raises(ValueError): self.corpus.define(facet)
        else:
            self.corpus.define(facet)
            assert name in self.corpus.facets

    @precondition(lambda self: self.visible)
    @rule(data=st.data())
    def delete(self, data):
        ids = data.draw(st.lists(st.sampled_from(sorted(self.visible)), min_size=1, max_size=3, unique=True))
        assert self.corpus.delete(ids, why='odd') == len(ids)
        for i in ids: self.mark(i, True)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def restore(self, data):
        ids = data.draw(st.lists(st.sampled_from(sorted(self.held)), min_size=1, max_size=3, unique=True))
        gone = [i for i in ids if self.held[i]['deleted']]
        assert self.corpus.restore(ids) == len(gone)
        for i in gone: self.mark(i, False)

    def mark(self, i, deleted):
        "Remember a deletion or its undoing"
        self.held[i]['deleted'] = deleted
        self.held[i]['changes'].append(('', None, 'deleted' if deleted else 'restored'))

    @rule()
    def compact(self):
        gone = set(self.held) - set(self.visible)
        assert self.corpus.compact() == len(gone)
        self.gone |= gone
        self.held = dict(self.visible)
        self.compactions += bool(gone)

    @rule(name=st.sampled_from(['natural', 'windows']), count=st.integers(0, 5))
    def embed(self, name, count):
        self.corpus.refresh()
        row = (3,) if name == 'natural' else (2, 2)
        waiting = [i for i, h in self.held.items() if name not in h['vectors']][:count]
        for i in waiting: self.held[i]['vectors'][name] = right_vectors([i], name, row).tobytes()
        assert extend(self.corpus, count, name, row) == sum(name in h['vectors'] for h in self.held.values())
        self.corpus.refresh()
        self.sets[name] = row

    @rule(told=st.text(max_size=3))
    def make_map(self, told):
        self.corpus.refresh()
        replace(self.corpus, told)
        for i, h in self.held.items(): h['vectors']['plane'] = right_vectors([i], 'plane', (2,), told).tobytes()
        self.corpus.refresh()
        self.sets['plane'] = (2,)
        self.removals += 1

    @precondition(lambda self: self.sets)
    @rule(data=st.data())
    def drop_vectors(self, data):
        name = data.draw(st.sampled_from(sorted(self.sets)))
        self.corpus.drop_vectors(name)
        del self.sets[name]
        for h in self.held.values(): h['vectors'].pop(name, None)
        self.removals += 1

    @rule(through_another=st.booleans())
    def reopen(self, through_another):
        if through_another: self.corpus = open_corpus(self.path)
        else: self.corpus.refresh()

    @rule()
    def keep_a_handle(self):
        handle = open_corpus(self.path)
        self.old.append((handle, copy.deepcopy(self.visible), self.compactions + self.removals))

    @precondition(lambda self: self.old)
    @rule(data=st.data())
    def look_through_an_old_handle(self, data):
        handle, right, before = data.draw(st.sampled_from(self.old))
        try: self.compare(handle, right)
        except CorpusChanged: assert before != self.compactions + self.removals, 'nothing was compacted or dropped'

    @precondition(lambda self: self.old)
    @rule(data=st.data())
    def refresh_an_old_handle(self, data):
        handle, right, _ = self.old.pop(data.draw(st.integers(0, len(self.old) - 1)))
        handle.refresh()
        self.compare(handle, self.visible)

    @rule()
    def publish(self):
        copied = self.corpus.publish(self.folder/'copy')
        self.compare(copied, self.visible)
        assert copied.verify().ok and copied.snapshot.head.items == len(self.visible)
        shutil.rmtree(self.folder/'copy')

    @invariant()
    def same_as_model(self):
        if hasattr(self, 'corpus'): self.compare(self.corpus, self.visible)

    @rule()
    def verify(self):
        report = self.corpus.verify()
        assert report.ok, str(report)
        assert report.items == len(self.visible)

    def compare(self, corpus, right: dict[str, dict[str, Any]]):
        "Images, facets by item and by column, counts, choices, history"
        assert corpus.ids().tolist() == list(right) and len(corpus) == len(right)
        for item, wanted in zip(corpus, right.values(), strict=True):
            image = item.image
            assert pixels_of(image) == wanted['pixels']
            assert [c.key for c in item.channels] == wanted['keys'] and item.pixel_size == wanted['size']
            assert item.metadata['seed'] == wanted['seed'] and item.source == wanted['source']
            assert {n: as_stored(v) for n, v in item.facets.items()} == {
                n: rounded(corpus, n, v) for n, v in wanted['said'].items()}
            assert [(c.facet, json.loads(c.old), json.loads(c.new)) for c in item.history()] == wanted['changes']
        for name, held in corpus.vector_sets.items():
            none = np.full(held.row, np.nan, 'f4').tobytes()
            rows = [w['vectors'].get(name, none) for w in right.values()]
            assert corpus.vectors(name, missing='nan').tobytes() == b''.join(rows)
        assert {name for w in right.values() for name in w['vectors']} <= set(corpus.vector_sets)
        for name, facet in corpus.facets.items():
            told = [w['said'].get(name) for w in right.values()]
            if facet.kind in ('category', 'text'):
                assert corpus.values(name).tolist() == [t or '' for t in told]
                assert corpus.counts(name) == {w: told.count(w or None) for w in dict.fromkeys(t or '' for t in told)}
                for word in set(told) - {None}:
                    chosen = [i for i, t in zip(right, told, strict=True) if t == word]
                    assert corpus.where(**{name: word}).ids().tolist() == chosen
            else:
                numbers = np.array([math.nan if t is None else t for t in told], 'f8')
                assert np.array_equal(corpus.column(name), numbers, equal_nan=True)
                assert len(corpus.where(**{name: None})) == told.count(None)


def pixels_of(image: np.ndarray) -> tuple[str, tuple[int, ...], bytes]:
    "Every bit of an image, whatever the order of bytes in memory"
    plain = image.astype(image.dtype.newbyteorder('<'))
    return plain.dtype.str, plain.shape, plain.tobytes()


def rounded(corpus, name: str, value: Any) -> Any:
    "A date as Item.facets tells it: to the second"
    return float(round(value)) if corpus.facets[name].kind == 'date' else value


def test_store_equals_model(request):
    slow = 'slow' in request.config.getoption('--flags').split()
    run_state_machine_as_test(Model, settings=settings(
        max_examples=400 if slow else 20, stateful_step_count=40 if slow else 25, deadline=None, derandomize=not slow,
        suppress_health_check=list(HealthCheck), database=None, print_blob=True))


def test_paths(tmp_path):
    "Folders of any name"
    for name in ('with space', 'per%20cent', 'que?stion', 'ha#sh', 'ünï 強', "quo'te", 'a=b&c', '-dash', 'new\nline'):
        path = Path(tmp_path)/name
        corpus = create_corpus(path)
        corpus.append([Measurement(np.ones((1, 2, 2), 'f4'), (Channel('height', 'm'),))])
        assert len(open_corpus(path)) == 1 and open_corpus(path).verify().ok
        assert len(corpus.publish(path.with_name(f'{name} copy'))) == 1
