"Neighbours against distances computed one by one, on inputs that are meant to break them"
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import save

import matnb.similarity.neighbours as room
from matnb.corpus import durable
from matnb.similarity.neighbours import (
    METRICS,
    Neighbours,
    UnfitFile,
    load_lists,
    nearest_graph,
    points_of,
    put_on_lists,
    row_numbers,
    save_lists,
    share_found,
)

ROOT = Path(__file__).parents[1]
each_metric = pytest.mark.parametrize('metric', METRICS)


def distances(queries, vectors, metric):
    "All distances in double precision, infinity where there is no neighbour; not the formula of the module"
    a, b = np.asarray(queries, 'f4').astype('f8'), np.asarray(vectors, 'f4').astype('f8')
    bad = ~np.isfinite(b).all(1) | ((b == 0).all(1) if metric == 'cosine' else False)
    b = np.where(bad[:, None], 1, b)
    if metric == 'euclidean': found = np.sqrt(((a[:, None] - b[None]) ** 2).sum(-1))
    else:
        a = np.where((a == 0).all(1)[:, None], 1, a)
        a = np.where(np.isfinite(a), a, 1)
        a, b = (x / np.abs(x).max(1, keepdims=True, initial=1e-300) for x in (a, b))
        a, b = (x / np.sqrt((x * x).sum(1, keepdims=True)) for x in (a, b))
        found = ((a[:, None] - b[None]) ** 2).sum(-1) / 2
    found[:, bad] = np.inf
    return found


def check(found, rows, queries, vectors, metric, k, allowed=None):
    "Right distances, in order, of rows that are as near as any that were not found; ties by row number"
    plain = distances(queries, vectors, metric)
    if allowed is not None: plain[:, ~allowed] = np.inf
    true = np.sort(plain, axis=1)[:, :k]
    true = np.pad(true, [(0, 0), (0, k - true.shape[1])], constant_values=np.inf)
    assert found.shape == rows.shape == true.shape and found.dtype == np.float32
    assert ((rows >= 0) == np.isfinite(true)).all() and np.isinf(found[rows < 0]).all()
    if not plain.size: return
    scale = np.where(np.isfinite(true), true, 0)
    held = rows >= 0
    own = np.take_along_axis(plain, np.where(held, rows, 0), 1)
    assert np.allclose(found[held], own[held], rtol=1e-5, atol=2e-7), 'each distance is that of its row'
    assert np.allclose(found[held], scale[held], rtol=1e-5, atol=2e-7), 'nothing nearer was missed'
    for d, r in zip(found, rows, strict=True):
        r, d = r[r >= 0], d[r >= 0]
        assert len(set(r.tolist())) == len(r) and (np.diff(d) >= 0).all()
        assert (np.diff(r)[np.diff(d) == 0] > 0).all(), 'equal distances by row number'


def troublesome(seed=0, n=400, d=24):
    "Copies, near copies, tiny, huge, zero, NaN and infinite rows"
    rng = np.random.default_rng(seed)
    v = rng.normal(size=(n, d)).astype('f4')
    v[10:30], v[40:45] = v[5], v[6] * (1 + 1e-6 * rng.normal(size=(5, d)).astype('f4'))
    v[50], v[51, 3], v[52, 0], v[53] = 0, np.nan, -np.inf, v[7] * np.float32(1e-30)
    v[54], v[55], v[56] = v[7] * np.float32(1e-42), v[8] * np.float32(1e25), v[9] * np.float32(3)
    return v


# --- Queries

@each_metric
def test_queries_on_troublesome_rows(metric):
    v = troublesome()
    for k in (1, 7, 40, 399, 500):
        asked = v[[5, 6, 7, 8, 9, 100, 53, 55]]
        found, rows = Neighbours(v, metric).query(asked, k)
        check(found, rows, asked, v, metric, k)


@each_metric
@pytest.mark.parametrize('kind', ['f2', 'f4', 'f8', 'i4', '>f4'])
def test_number_types(metric, kind):
    v = (np.random.default_rng(0).normal(size=(200, 9)) * 20).astype(kind)
    found, rows = Neighbours(v, metric).query(v[:4], 5)
    check(found, rows, v[:4], v, metric, 5)


@each_metric
@pytest.mark.parametrize('n', [0, 1, 2, 3])
def test_few_rows(metric, n):
    v = np.random.default_rng(0).normal(size=(n, 5)).astype('f4')
    for exact in (None, True, False):
        found, rows = Neighbours(v, metric, exact).query(np.ones((2, 5)), 3)
        check(found, rows, np.ones((2, 5)), v, metric, 3)
    assert Neighbours(v, metric).query(np.ones((0, 5)), 3)[1].shape == (0, 3)


@each_metric
def test_equal_vectors_are_ordered_by_row(metric):
    v = np.full((5000, 8), 0.1, 'f4')
    for exact in (True, False):
        found, rows = Neighbours(v, metric, exact).query(v[4000], 6)
        assert (found == 0).all() and (not exact or rows.tolist() == [[0, 1, 2, 3, 4, 5]])


@each_metric
def test_common_part_and_far_from_the_origin(metric):
    rng = np.random.default_rng(0)
    v = (1000 + rng.normal(size=(3000, 16))).astype('f4')
    found, rows = Neighbours(v, metric).query(v[:5], 8)
    check(found, rows, v[:5], v, metric, 8)
    rows, found = nearest_graph(v, 8, metric)
    assert np.allclose(found, np.sort(distances(v, v, metric))[:, :8], rtol=1e-3, atol=1e-7)


@each_metric
def test_memory_is_used_as_it_lies(metric, tmp_path):
    v = np.random.default_rng(0).normal(size=(300, 12)).astype('f4')
    np.save(tmp_path/'v.npy', v)
    mapped = np.load(tmp_path/'v.npy', mmap_mode='r')
    near = Neighbours(mapped, metric)
    assert np.shares_memory(near.points.vectors, mapped) and not mapped.flags.writeable
    want = near.query(v[:3], 4)
    for other in (v[::-1][::-1], np.asfortranarray(v), np.repeat(v, 2, 1)[:, ::2]):
        assert all((a == b).all() for a, b in zip(Neighbours(other, metric).query(v[:3], 4), want, strict=True))
        assert all((a == b).all() for a, b in zip(nearest_graph(other, 4, metric), nearest_graph(v, 4, metric),
                                                  strict=True))


@each_metric
@pytest.mark.parametrize('exact', [True, False])
def test_among(metric, exact):
    v = troublesome(3, 2000)
    near, rng = Neighbours(v, metric, exact), np.random.default_rng(0)
    for share in (0.0, 0.002, 0.05, 0.5, 1.0):
        mask = rng.random(2000) < share
        for among in (mask, np.flatnonzero(mask), rng.permutation(np.flatnonzero(mask)), np.flatnonzero(mask).tolist()):
            check(*near.query(v[[5, 9]], 6, among), v[[5, 9]], v, metric, 6, mask)


def test_a_large_choice_is_searched_on_lists(monkeypatch):
    rng = np.random.default_rng(0)
    v = rng.normal(size=(4000, 8)).astype('f4')
    near = Neighbours(v, exact=False)
    monkeypatch.setattr(room, 'EXACT_UP_TO', 100)
    mask = rng.random(4000) < 0.5
    true = near.query(v[:50], 10, mask, exact=True)[1]
    found = near.query(v[:50], 10, mask)[1]
    assert mask[found].all() and share_found(found, true, np.full(50, -1)) > 0.95
    few = np.arange(110)  # so few, and far apart, that the visited lists hold none
    assert (near.query(v[:50], 105, few)[1] >= 0).all()


@pytest.mark.parametrize(('asked', 'words'), [
    (np.ones((2, 3)), 'shape'), (np.full((1, 4), np.nan), 'query 0'), (np.zeros((1, 4)), 'only zeros'),
    (np.ones((1, 2, 4)), 'shape'), (np.array([[1, 2, 3, np.inf]]), 'infinity'), ([['a'] * 4], 'numbers')])
def test_queries_that_cannot_be(asked, words):
    with pytest.raises(ValueError, match=words): Neighbours(np.ones((5, 4))).query(asked, 2)


def test_choices_that_cannot_be():
    near = Neighbours(np.ones((5, 4)))
    for among, words in [(np.ones(4, bool), 'mask'), ([5], '5'), ([-1], 'counted'), ([0.5], 'integers')]:
        with pytest.raises(ValueError, match=words): near.query(np.ones(4), 2, among)
    with pytest.raises(ValueError, match='at least 1'): near.query(np.ones(4), 0)
    assert row_numbers(np.array([3, 1, 3]), 5).tolist() == [1, 3]


small = hnp.arrays(np.float32, st.tuples(st.integers(0, 12), st.just(3)), elements=st.one_of(
    st.sampled_from([0.0, 1.0, -1.0, 0.5, float('nan'), float('inf')]), st.floats(-8, 8, width=16)))


@settings(max_examples=150, deadline=None)
@given(vectors=small, k=st.integers(1, 14), metric=st.sampled_from(METRICS), data=st.data())
def test_any_small_set(vectors, k, metric, data):
    usable = np.isfinite(distances(np.ones((1, 3)), vectors, metric)[0]) if len(vectors) else np.zeros(0, bool)
    queries = np.concatenate([vectors[usable], [[1, 2, 3]]])
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(vectors), max_size=len(vectors))), bool)
    near = Neighbours(vectors, metric)
    check(*near.query(queries, k), queries, vectors, metric, k)
    check(*near.query(queries, k, mask), queries, vectors, metric, k, mask)
    rows, found = nearest_graph(vectors, k, metric)
    assert rows.shape == found.shape == (len(vectors), k) and (rows[~usable] == -1).all()
    true = np.sort(distances(vectors[usable], vectors, metric), axis=1)[:, :k] if usable.any() else np.empty((0, k))
    true = np.pad(true, [(0, 0), (0, k - true.shape[1])], constant_values=np.inf)
    assert np.allclose(found[usable], true, rtol=1e-4, atol=1e-6)
    assert (rows[usable, 0] == np.flatnonzero(usable)).all()


# --- The graph

def check_graph(vectors, k, metric):
    rows, found = nearest_graph(vectors, k, metric)
    plain = distances(vectors, vectors, metric)
    usable = np.isfinite(plain).any(0)
    assert (rows[~usable] == -1).all() and np.isinf(found[~usable]).all()
    assert (rows[usable, 0] == np.flatnonzero(usable)).all() and (found[usable, 0] == 0).all()
    plain, rows, found = plain[usable], rows[usable], found[usable]
    true = np.sort(plain, axis=1)[:, :k]
    true = np.pad(true, [(0, 0), (0, k - true.shape[1])], constant_values=np.inf)
    assert ((rows >= 0) == np.isfinite(true)).all()
    held = rows >= 0
    own = np.take_along_axis(plain, np.where(held, rows, 0), 1)
    assert np.allclose(found[held], true[held], rtol=1e-4, atol=1e-6) and np.allclose(
        found[held], own[held], rtol=1e-4, atol=1e-6)
    assert all(len(set(r[r >= 0].tolist())) == (r >= 0).sum() for r in rows)


@each_metric
@pytest.mark.parametrize('kind', [None, 'float32'])
def test_the_graph_on_troublesome_rows(metric, kind, monkeypatch):
    import torch
    if kind: monkeypatch.setattr(room, 'quick_kind', lambda: getattr(torch, kind))
    v = troublesome(1, 700)
    for k in (1, 2, 15, 60, 699, 800): check_graph(v, k, metric)


@each_metric
@pytest.mark.parametrize('n', [0, 1, 2, 3, 16, 17, 40])
def test_the_graph_of_few_rows(metric, n):
    if not n: assert nearest_graph(np.empty((0, 4)), 5, metric)[0].shape == (0, 5)
    else: check_graph(np.random.default_rng(n).normal(size=(n, 4)).astype('f4'), 5, metric)


@each_metric
def test_the_graph_in_blocks(metric, monkeypatch):
    v = np.random.default_rng(0).normal(size=(900, 30)).astype('f4')
    whole = nearest_graph(v, 12, metric)
    monkeypatch.setattr(room, 'WIDE', 128)
    assert all((a == b).all() for a, b in zip(nearest_graph(v, 12, metric), whole, strict=True))


@each_metric
def test_the_graph_of_copies_and_near_copies(metric):
    rng = np.random.default_rng(0)
    base = rng.normal(size=(6, 40)).astype('f4')
    copies = base[rng.integers(6, size=1200)]
    rows, found = nearest_graph(copies, 10, metric)
    assert (found == 0).all() and (rows[:, 0] == np.arange(1200)).all()
    for row, near in enumerate(rows[::37]):
        same = np.flatnonzero((copies == copies[row * 37]).all(1))
        assert near[1:].tolist() == [r for r in same[:10] if r != row * 37][:9]
    nearly = copies * (1 + 1e-6 * rng.normal(size=copies.shape)).astype('f4')
    rows, found = nearest_graph(nearly, 10, metric)
    true = np.sort(distances(nearly[:50], nearly, metric), axis=1)[:, :10]
    assert np.allclose(found[:50], true, rtol=1e-2, atol=1e-12 if metric == 'cosine' else 1e-7)
    constant = nearest_graph(np.ones((3000, 5)), 4, metric)
    assert (constant[1] == 0).all() and constant[0][7].tolist() == [7, 0, 1, 2]


def test_the_graph_among_some_rows():
    v = np.random.default_rng(0).normal(size=(500, 10)).astype('f4')
    chosen = np.flatnonzero(np.random.default_rng(1).random(500) < 0.3)
    for among in (chosen, np.isin(np.arange(500), chosen)):
        assert all((a == b).all() for a, b in zip(nearest_graph(v, 7, among=among), nearest_graph(v[chosen], 7),
                                                  strict=True))
    with pytest.raises(ValueError, match='at least 1'): nearest_graph(v, 0)


def test_the_graph_is_the_same_each_time_and_with_any_number_of_threads():
    v = np.random.default_rng(0).normal(size=(3000, 64)).astype('f4')
    one = nearest_graph(v, 15, threads=1)
    for threads in (1, 2): assert (nearest_graph(v, 15, threads=threads)[0] == one[0]).all()


# --- Lists and their file

@pytest.fixture
def clouds():
    rng = np.random.default_rng(0)
    return (rng.normal(size=(40, 16))[rng.integers(40, size=6000)] + 0.3 * rng.normal(size=(6000, 16))).astype('f4')


@each_metric
def test_approximate_neighbours_are_nearly_all_and_their_distances_are_exact(clouds, metric, capsys):
    clouds[17] = np.nan
    quick, whole = Neighbours(clouds, metric, exact=False), Neighbours(clouds, metric, exact=True)
    said = capsys.readouterr().out
    assert f'{quick.recall:.1%}' in said and '5,999 vectors' in said and whole.recall is None
    asked = np.setdiff1d(np.random.default_rng(5).choice(6000, 400), [17])
    found, rows = quick.query(clouds[asked], 11)
    true = whole.query(clouds[asked], 11)[1]
    assert quick.recall >= 0.99 and share_found(rows, true, asked) >= 0.985 and 17 not in rows
    plain = distances(clouds[asked], clouds, metric)
    assert np.allclose(found, np.take_along_axis(plain, rows, 1), rtol=1e-5, atol=2e-7)
    assert (quick.query(clouds[asked], 11, exact=True)[1] == true).all()
    far = quick.query(clouds[asked[:40]], 200)[1]
    assert share_found(far, whole.query(clouds[asked[:40]], 200)[1], asked[:40]) > 0.98


def test_lists_are_kept_and_read(clouds, tmp_path, capsys):
    cache = tmp_path/'new'/'lists.safetensors'
    first = Neighbours(clouds, exact=False, cache=cache)
    again = Neighbours(clouds.copy(), exact=False, cache=cache)
    said = capsys.readouterr().out.splitlines()
    assert 'made now' in said[0] and 'from the cache' in said[1] and first.recall == again.recall
    assert (first.query(clouds[:100], 10)[1] == again.query(clouds[:100], 10)[1]).all()
    assert [p.name for p in cache.parent.iterdir()] == ['lists.safetensors']
    assert cache.stat().st_size < clouds.nbytes / 5


def test_rows_that_came_later_are_found(clouds, tmp_path, capsys):
    cache = tmp_path/'lists'
    Neighbours(clouds[:5700], exact=False, cache=cache)
    grown = Neighbours(clouds, exact=False, cache=cache)
    assert '300 rows added' in capsys.readouterr().out
    assert (grown.query(clouds[5700:], 1)[1][:, 0] == np.arange(5700, 6000)).all()
    Neighbours(clouds[:5000], exact=False, cache=cache)
    Neighbours(clouds, exact=False, cache=cache)
    assert 'made for fewer vectors' in capsys.readouterr().out


def other_vectors(path, v): return v[::-1].copy()
def one_number_changed(path, v): return np.concatenate([v[:100], v[100:101] + 1, v[101:]])
def fewer(path, v): return v[:-1]
def flipped(path, v):
    data = bytearray(path.read_bytes())
    for place in (len(data) // 2, len(data) - 3, 60): data[place] ^= 4
    path.write_bytes(data)
    return v
def cut_short(path, v): path.write_bytes(path.read_bytes()[:-500]); return v
def empty(path, v): path.write_bytes(b''); return v
def text(path, v): path.write_text('not lists at all' * 50); return v
def huge_header(path, v): path.write_bytes(b'\xff' * 8 + path.read_bytes()[8:]); return v


@pytest.mark.parametrize('harm', [other_vectors, one_number_changed, fewer, flipped, cut_short, empty, text,
                                  huge_header])
def test_a_file_that_does_not_fit_is_replaced(clouds, tmp_path, capsys, harm):
    cache = tmp_path/'lists'
    Neighbours(clouds, exact=False, cache=cache)
    changed = harm(cache, clouds)
    with pytest.raises(UnfitFile): load_lists(cache, points_of(changed, 'cosine'))
    near = Neighbours(changed, exact=False, cache=cache)
    assert 'was replaced' in capsys.readouterr().out
    assert (near.query(changed[:50], 1)[1][:, 0] == np.arange(50)).all()
    load_lists(cache, points_of(changed, 'cosine'))


def test_every_flipped_bit_of_the_header_and_some_others_are_noticed(clouds, tmp_path):
    points, cache = points_of(clouds[:500], 'euclidean'), tmp_path/'lists'
    save_lists(cache, points, put_on_lists(points))
    whole, rng = cache.read_bytes(), np.random.default_rng(0)
    for place in [*range(8), *rng.integers(8, len(whole), 150)]:
        cache.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << int(rng.integers(8))]) + whole[place + 1:])
        try: lists = load_lists(cache, points)
        except UnfitFile: continue
        cache.write_bytes(whole)
        same = load_lists(cache, points)
        assert (lists.own == same.own).all() and (lists.centres == same.centres).all(), 'a change that matters not'


def foreign(path, points, **changes):
    "A file with a right check sum that says something else"
    lists = put_on_lists(points, 4)
    told = {'format': room.FORMAT, 'metric': points.metric, 'rows': len(points),
            'vectors': room.column_crc(points.vectors), 'visits': 2, 'recall': 1.0}
    arrays = {'centres': lists.centres, 'own': lists.own}
    for name, value in changes.items(): (arrays if name in arrays else told)[name] = value
    about = json.dumps({k: v for k, v in told.items() if v is not None})
    path.write_bytes(save(arrays, {'about': about, 'sum': str(room._sum(arrays, about))}))


@pytest.mark.parametrize('changes', [
    {'format': 'other'}, {'metric': 'euclidean'}, {'rows': 10**9}, {'rows': -1}, {'rows': 'many'}, {'visits': None},
    {'visits': 'x'}, {'own': np.full(500, 99, 'i4')}, {'own': np.zeros(499, 'i4')}, {'own': np.zeros(500, 'i8')},
    {'centres': np.full((4, 16), np.nan, 'f4')}, {'centres': np.zeros((4, 3), 'f4')}, {'centres': np.zeros(4, 'f4')},
    {'own': np.full(500, -7, 'i4')}, {'recall': [1]}])
def test_a_foreign_file_is_not_believed(clouds, tmp_path, changes):
    points = points_of(clouds[:500], 'cosine')
    foreign(tmp_path/'lists', points)
    load_lists(tmp_path/'lists', points)
    foreign(tmp_path/'lists', points, **changes)
    with pytest.raises(UnfitFile): load_lists(tmp_path/'lists', points)


class FullDisk(durable.Disk):
    def write(self, fd, data, offset): raise OSError(28, 'No space left on device')


def test_a_full_disk_leaves_the_old_file(clouds, tmp_path, monkeypatch):
    points, cache = points_of(clouds, 'cosine'), tmp_path/'lists'
    save_lists(cache, points, put_on_lists(points))
    before = cache.read_bytes()
    monkeypatch.setattr(durable, 'disk', FullDisk())
    with pytest.raises(OSError, match='No space'): save_lists(cache, points, put_on_lists(points, 3))
    assert cache.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


WRITER = """
import sys, numpy as np
from pathlib import Path
from matnb.similarity.neighbours import points_of, put_on_lists, save_lists
points = points_of(np.random.default_rng(0).normal(size=(20000, 4)).astype('f4'), 'cosine')
lists = put_on_lists(points, 50)
print('ready', flush=True)
while True: save_lists(Path(sys.argv[1]), points, lists)
"""


def test_a_killed_writer_leaves_a_whole_file_or_none(tmp_path):
    points = points_of(np.random.default_rng(0).normal(size=(20000, 4)).astype('f4'), 'cosine')
    cache, rng = tmp_path/'lists', np.random.default_rng(0)
    with subprocess.Popen([sys.executable, '-c', WRITER, str(cache)], stdout=subprocess.PIPE, text=True, env={
            **os.environ, 'PYTHONPATH': str(ROOT)}) as writer:
        assert writer.stdout.readline() == 'ready\n'
        for _ in range(20):
            if cache.exists(): load_lists(cache, points)
            threading.Event().wait(rng.random() / 50)
        writer.kill()
    if cache.exists(): load_lists(cache, points)


# --- On a shared machine

def test_a_query_uses_one_thread_and_puts_the_number_back():
    from threadpoolctl import threadpool_info
    before = [(t['prefix'], t['num_threads']) for t in threadpool_info()]
    near = Neighbours(np.random.default_rng(0).normal(size=(2000, 32)).astype('f4'))
    seen = []
    original = room.thorough

    def watched(*given):
        seen.extend(t['num_threads'] for t in threadpool_info())
        return original(*given)

    room.thorough = watched
    try: near.query(np.ones(32), 3)
    finally: room.thorough = original
    assert set(seen) == {1} and [(t['prefix'], t['num_threads']) for t in threadpool_info()][:len(before)] == before


@pytest.mark.parametrize('exact', [True, False])
def test_many_ask_at_once(clouds, exact):
    near = Neighbours(clouds, exact=exact)
    want = near.query(clouds[:80], 5)[1]
    found = {}

    def ask(first): found[first] = near.query(clouds[first:first + 10], 5)[1]

    crowd = [threading.Thread(target=ask, args=(n,)) for n in range(0, 80, 10)]
    for one in crowd: one.start()
    for one in crowd: one.join()
    assert (np.concatenate([found[n] for n in range(0, 80, 10)]) == want).all()
