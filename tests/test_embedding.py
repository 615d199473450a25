"""Embedding under adverse conditions: killed, interrupted, beside others, on damaged corpora, with unsound encoders

Vectors that were made in bits and pieces are compared, bit for bit, with those of one undisturbed run.
"""
import multiprocessing
import os
import random
import shutil
import signal
import sys
import threading
import time
import types
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tiny_encoders
from store_rules import quick_folder
from tiny_encoders import SMALL, product, quick

from matnb.corpus.ledger import CorpusError
from matnb.corpus.measurement import Channel, Measurement
from matnb.corpus.store import create_corpus, open_corpus
from matnb.corpus.vectors import MissingVectors
from matnb.similarity import embedding, encoders
from matnb.similarity.batches import EncoderFailed, Job, Workplace, ask_encoder, prepare
from matnb.similarity.embedding import embed, embed_picture, last_embedding, vector_of
from matnb.similarity.encoders import Card, Encoder, register, wrap
from matnb.similarity.regions import Windows, windows_of
from matnb.similarity.views import Window, show_item
from matnb.similarity.whitening import combine

ITEMS = 1000


@pytest.fixture(scope='module')
def slow(request) -> bool:
    "Whether to run for the record"
    return 'slow' in request.config.getoption('--flags').split()


@pytest.fixture
def place():
    "A folder for a test"
    with quick_folder() as path: yield path


def scan(number: int, channel: str = 'image') -> Measurement:
    "A scan of noise"
    noise = np.random.default_rng(number).normal(size=(1, 16, 16)).astype('f4')
    return Measurement(noise, (Channel(channel),), source=f'{number}.npy')


def corpus_of(path: Path, count: int, first: int = 0):
    "A corpus of noise"
    corpus = create_corpus(path)
    corpus.append([scan(n) for n in range(first, first + count)])
    return corpus


@pytest.fixture(scope='module')
def template():
    "A corpus of noise that is not embedded, and its vectors by an undisturbed run of each encoder"
    with quick_folder() as folder:
        corpus = corpus_of(folder/'template', ITEMS)
        shutil.copytree(corpus.path, folder/'whole')
        whole = open_corpus(folder/'whole')
        right = {}
        for name in ('quick', 'network'):
            embed(whole, f'tiny_encoders:{name}', progress=False)
            right[name] = np.array(whole.vectors(name))
        right['slow'] = right['quick']
        yield corpus.path, right


@pytest.fixture
def known(monkeypatch):
    "Names of encoders that vectors of stored corpora may be made with"
    monkeypatch.setattr('matnb.similarity.encoders._MAKERS', dict(encoders._MAKERS))
    for name in ('quick', 'network'): register(name, f'tiny_encoders:{name}')


@pytest.fixture
def begun(template, place):
    "A fresh copy of that corpus, and the right vectors"
    shutil.copytree(template[0], place/'corpus')
    return open_corpus(place/'corpus'), template[1]


def same(corpus, name, right) -> None:
    "The vectors are there, each once and to the last bit, and everything else is in order"
    again = open_corpus(corpus.path)
    assert again.vector_sets[name].length == again.snapshot.head.items
    assert np.array_equal(again.vectors(name), right) and again.verify().ok


# --- Killed, interrupted

CONTEXT = multiprocessing.get_context('forkserver')
CONTEXT.set_forkserver_preload(['matnb.similarity.embedding', 'matnb.corpus.store', 'torch'])


def embed_often(path: Path, what: str, seconds: float = 0.05) -> None:
    "Embed and commit often; for a child process"
    embedding.COMMIT_SECONDS = seconds
    embed(open_corpus(path), what, progress=False)


def started(path: Path, what: str, **options) -> multiprocessing.Process:
    "A process that embeds"
    child = CONTEXT.Process(target=embed_often, args=(path, what), kwargs=options)
    child.start()
    return child


def length_of(path: Path, name: str) -> int:
    "Rows that are promised"
    held = open_corpus(path).vector_sets.get(name)
    return held.length if held else 0


def wait_for_rows(path: Path, name: str, more_than: int, child=None) -> None:
    "Until somebody has committed more rows"
    until = time.monotonic() + 60
    while length_of(path, name) <= more_than:
        assert time.monotonic() < until and (child is None or child.is_alive()), 'no row was committed'
        time.sleep(0.01)


def test_killed_ten_times_then_finished(begun, measured):
    corpus, right = begun
    chance, lengths = random.Random(4), []
    for _ in range(10):
        child = started(corpus.path, 'tiny_encoders:slow')
        if chance.random() < 0.7: wait_for_rows(corpus.path, 'slow', lengths[-1] if lengths else 0, child)
        time.sleep(chance.uniform(0, 0.1))
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        lengths.append(length_of(corpus.path, 'slow'))
        made = open_corpus(corpus.path)[:lengths[-1]].vectors('slow') if lengths[-1] else right['slow'][:0]
        assert np.array_equal(made, right['slow'][:lengths[-1]])
    assert lengths == sorted(lengths) and 0 < lengths[-1] < ITEMS, lengths
    embed(corpus, 'tiny_encoders:slow', progress=False)
    same(corpus, 'slow', right['slow'])
    measured(f'embedding killed ten times after {lengths} of {ITEMS} items, then finished: bit-equal')


def test_interrupted_by_the_keyboard(begun, capsys):
    corpus, right = begun
    pressed = []

    def pressed_while_it_waits(seconds):
        if pressed: return time.sleep(seconds)
        time.sleep(0.1)  # twice the time between commits: what was made before is promised while this waits
        if length_of(corpus.path, 'slow') <= 50: return
        pressed.append(1)
        signal.raise_signal(signal.SIGINT)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt, match='Run the same to continue'):
        patch.setattr(embedding, 'COMMIT_SECONDS', 0.05)
        patch.setattr(tiny_encoders, 'time', types.SimpleNamespace(sleep=pressed_while_it_waits))
        embed(corpus, 'tiny_encoders:slow', progress=False)
    report = last_embedding(corpus)
    assert report.interrupted and 0 < report.added == length_of(corpus.path, 'slow') < ITEMS
    assert 'interrupted' in str(report)
    embed(corpus, 'tiny_encoders:slow')
    same(corpus, 'slow', right['slow'])
    assert f'{ITEMS:,} of {ITEMS:,} items have' in capsys.readouterr().out


# --- Who works

EXECUTORS = {
    'threads': lambda: ThreadPoolExecutor(3),
    'spawned processes': lambda: ProcessPoolExecutor(2, mp_context=multiprocessing.get_context('spawn')),
    'processes of a server': lambda: ProcessPoolExecutor(2, mp_context=CONTEXT),
}


@pytest.mark.parametrize('kind, what', [('threads', 'quick'), ('threads', 'network'), ('spawned processes', 'network'),
                                        ('processes of a server', 'quick'), ('processes of a server', 'network')])
def test_pools_give_the_same_bits(begun, kind, what):
    corpus, right = begun
    with EXECUTORS[kind]() as pool: embed(corpus, f'tiny_encoders:{what}', executor=pool, progress=False)
    same(corpus, what, right[what])


@pytest.mark.parametrize('count', [1, 2, 3])
def test_the_number_of_threads_does_not_matter(begun, count, monkeypatch):
    corpus, right = begun
    monkeypatch.setenv('MATNB_THREADS', str(count))
    before = threading.active_count()
    embed(corpus, 'tiny_encoders:network', progress=False)
    assert threading.active_count() == before
    same(corpus, 'network', right['network'])


def test_no_more_threads_than_allowed(begun, monkeypatch):
    import torch
    from threadpoolctl import threadpool_info
    corpus, _ = begun
    seen, most = [], []

    def watched(pictures):
        seen.append((torch.get_num_threads(), max((p['num_threads'] for p in threadpool_info()), default=1)))
        most.append(sum(t.name.startswith('matnb-embed') for t in threading.enumerate()))
        return product(pictures)

    monkeypatch.setenv('MATNB_THREADS', '3')
    before = torch.get_num_threads()
    embed(corpus, wrap(watched, 'watched', SMALL), progress=False)
    assert set(seen[1:]) <= {(2, 2), (2, 1)} and max(most) <= 2 and torch.get_num_threads() == before


def test_a_worker_process_keeps_to_one_thread(begun):
    import torch
    corpus, right = begun
    before = torch.get_num_threads()
    with ProcessPoolExecutor(2, mp_context=CONTEXT) as pool:
        embed(corpus, 'tiny_encoders:lonely', executor=pool, progress=False)
    torch.set_num_threads(before)
    same(corpus, 'lonely', right['quick'])


def test_workers_that_die_are_told_of(begun):
    corpus, _ = begun
    with ProcessPoolExecutor(2, mp_context=CONTEXT) as pool:
        list(pool.map(abs, range(4)))

        def kill():
            wait_for_rows(corpus.path, 'slow', 0)
            os.kill(next(iter(pool._processes)), signal.SIGKILL)

        threading.Thread(target=kill).start()
        with pytest.MonkeyPatch.context() as patch, pytest.raises(RuntimeError, match='ended abruptly.*run the same'):
            patch.setattr(embedding, 'COMMIT_SECONDS', 0.05)
            embed(corpus, 'tiny_encoders:slow', executor=pool, progress=False)
    assert 0 < length_of(corpus.path, 'slow') < ITEMS


def test_what_cannot_work_elsewhere_is_refused(begun):
    corpus, _ = begun
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context('fork')) as pool:
        with pytest.raises(ValueError, match="get_context\\('spawn'\\)"):
            embed(corpus, 'tiny_encoders:quick', executor=pool, progress=False)
    with ProcessPoolExecutor(1, mp_context=CONTEXT) as pool:
        with pytest.raises(ValueError, match='package.module:function'):
            embed(corpus, wrap(lambda p: product(p), 'mine', SMALL), executor=pool, progress=False)
        with pytest.raises(ValueError, match='unstable'):
            embed(corpus, 'tiny_encoders:weights_differ', executor=pool, progress=False)
    assert not corpus.vector_sets


def test_a_dask_worker_is_killed(begun, measured):
    "One worker of two dies midway; the cluster lets the other do its batches"
    import logging

    from dask.distributed import Client, LocalCluster
    corpus, right = begun
    logging.getLogger('distributed').setLevel(logging.CRITICAL)
    quiet = dict(dashboard_address=None, silence_logs=logging.CRITICAL)
    with LocalCluster(2, processes=True, threads_per_worker=1, **quiet) as cluster, Client(cluster) as client:
        first, second = client.run(os.getpid).values()

        def kill():
            wait_for_rows(corpus.path, 'slow', 100)
            os.kill(first, signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(embedding, 'COMMIT_SECONDS', 0.05)
            embed(corpus, 'tiny_encoders:slow', executor=client, progress=False)
        killer.join()
        assert first not in client.run(os.getpid).values() and second != first
    same(corpus, 'slow', right['slow'])
    measured(f'dask: one worker of two killed midway, {ITEMS} rows, each once and bit-equal')


def test_two_at_once(begun, measured):
    corpus, right = begun
    children = [started(corpus.path, 'tiny_encoders:quick', seconds=0.0) for _ in range(2)]
    for child in children:
        child.join(120)
        assert child.exitcode == 0
    same(corpus, 'quick', right['quick'])
    reports = [r for r in embedding.earlier_reports(open_corpus(corpus.path)) if r.name == 'quick']
    measured(f'two jobs on one set at once: {ITEMS} rows, each once; {len(reports)} reports')


# --- A corpus that changes

def test_only_what_is_new_is_made(begun):
    corpus, right = begun
    asked = []

    def counted(pictures):
        asked.append(len(pictures))
        return product(pictures)

    part = open_corpus(corpus.path)
    mine = wrap(counted, 'mine', SMALL)
    embed(part, mine, progress=False)
    asked.clear()
    part.append([scan(ITEMS + n) for n in range(40)])
    with pytest.raises(MissingVectors): part.vectors('mine')
    embed(part, mine, progress=False)
    assert sum(asked) == 2 * 32                                     # the rest of one batch, and the next one
    asked.clear()
    embed(part, mine, progress=False)
    assert not asked and last_embedding(part).added == 40
    assert np.array_equal(part.vectors('mine')[:ITEMS], right['quick'])
    undisturbed = create_corpus(corpus.path.with_name('undisturbed'))
    undisturbed.append([scan(n) for n in range(ITEMS + 40)])
    embed(undisturbed, 'tiny_encoders:quick', progress=False)
    assert np.array_equal(part.vectors('mine'), undisturbed.vectors('quick'))


def test_deleted_and_restored_and_compacted(begun):
    corpus, right = begun
    ids = corpus.ids()
    corpus.delete(ids[10:30].tolist())
    embed(corpus, 'tiny_encoders:quick', progress=False)
    assert last_embedding(corpus).items == ITEMS - 20 and not last_embedding(corpus).unseen
    corpus.restore(ids[10:15].tolist())
    assert np.array_equal(corpus.vectors('quick'), np.delete(right['quick'], np.s_[15:30], 0))
    corpus.append([scan(ITEMS)])
    corpus.compact()
    assert len(corpus) == ITEMS - 14
    embed(corpus, 'tiny_encoders:quick', progress=False)
    assert np.array_equal(corpus.vectors('quick')[:-1], np.delete(right['quick'], np.s_[15:30], 0))
    assert corpus.verify().ok


@pytest.mark.parametrize('when', [0, 3])
def test_compacted_while_it_is_embedded(begun, when, monkeypatch):
    corpus, right = begun
    other, commit, count = open_corpus(corpus.path), embedding.Embedding.commit, []

    def commit_and_be_overtaken(run):
        count.append(1)
        if len(count) == when + 1:
            other.delete(other.ids()[100:140].tolist())
            other.compact()
        commit(run)

    monkeypatch.setattr(embedding.Embedding, 'commit', commit_and_be_overtaken)
    monkeypatch.setattr(embedding, 'COMMIT_SECONDS', 0.0)
    embed(corpus, 'tiny_encoders:quick', progress=False)
    assert len(corpus) == ITEMS - 40
    expected = np.delete(right['quick'], np.s_[100:140], 0)
    assert np.allclose(corpus.vectors('quick'), expected, atol=1e-6) and corpus.verify().ok


def test_a_part_embeds_the_whole(begun):
    corpus, right = begun
    part = corpus[100:110]
    assert embed(part, 'tiny_encoders:quick', progress=False) is part and len(part) == 10
    assert np.array_equal(part.vectors('quick'), right['quick'][100:110])
    assert np.array_equal(corpus.vectors('quick'), right['quick'])


def test_a_published_corpus(begun):
    corpus, right = begun
    bare = corpus.publish(corpus.path.with_name('bare'))
    embed(corpus, 'tiny_encoders:quick', progress=False)
    full = corpus.publish(corpus.path.with_name('full'))
    for copy in (bare, full):
        if os.geteuid() == 0: copy.path.joinpath('meta.sqlite').touch()      # root may write anywhere
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedding, 'may_write', lambda path: False)
        with pytest.raises(CorpusError, match='before publishing'): embed(bare, 'tiny_encoders:quick', progress=False)
        embed(full, 'tiny_encoders:quick', progress=False)
        patch.setattr(embedding, 'find_encoder', lambda *_: pytest.fail('an encoder is made for nothing'))
        embed(full, 'tiny_encoders:quick', name='quick', progress=False)
    assert np.array_equal(full.vectors('quick'), right['quick'])


# --- Items that cannot be shown, encoders that fail

def test_items_that_cannot_be_shown(place, capsys):
    corpus = corpus_of(place/'corpus', 40)
    corpus.append([scan(n, 'current') for n in range(40, 44)])
    flat = scan(44)
    flat.image[:] = 3
    corpus.append([flat, scan(45)])
    embed(corpus, 'tiny_encoders:quick')
    rows, report = corpus.vectors('quick'), last_embedding(corpus)
    assert np.isnan(rows).all(1).tolist() == [False] * 40 + [True] * 5 + [False]
    assert list(report.unseen) == corpus.ids()[40:45].tolist() and sorted(map(len, report.reasons.values())) == [1, 4]
    said = capsys.readouterr().out
    assert '41 of 46 items' in said and corpus[40].id in said and "current" in said and 'vectors_' in said
    assert '<ul><li>' in report._repr_html_()
    embed(corpus, 'tiny_encoders:quick', progress=False)
    assert last_embedding(corpus).unseen == report.unseen


def test_reasons_survive_a_killed_run(place, monkeypatch):
    corpus = corpus_of(place/'corpus', 40)
    corpus.append([scan(n, 'current') for n in range(40, 44)])
    with monkeypatch.context() as patch:
        patch.setattr(embedding, 'finish', lambda *_: sys.exit(1))
        with pytest.raises(SystemExit): embed(corpus, 'tiny_encoders:quick', progress=False)
    corpus.append([scan(50)])
    embed(corpus, 'tiny_encoders:quick', progress=False)
    report = last_embedding(corpus)
    assert list(report.unseen) == corpus.ids()[40:44].tolist() and 'current' in ''.join(report.reasons)


def test_nothing_can_be_shown(place):
    corpus = create_corpus(place/'corpus')
    with pytest.raises(CorpusError, match='no items'): embed(corpus, 'tiny_encoders:quick', progress=False)
    corpus.append([scan(n, 'current') for n in range(50)])
    with pytest.raises(CorpusError, match='no item .* can be shown.*current'):
        embed(corpus, 'tiny_encoders:quick', progress=False)
    assert not open_corpus(corpus.path).vector_sets


@pytest.mark.parametrize('count', [1, 2, 3])
def test_very_few_items(place, count):
    corpus = corpus_of(place/'corpus', count)
    embed(corpus, 'tiny_encoders:quick', progress=False)
    assert np.isfinite(corpus.vectors('quick')).all() and corpus.vectors('quick').shape == (count, 20)


def test_a_damaged_image_in_the_middle(begun):
    corpus, right = begun
    position = 500
    spec = corpus[position].array.spec
    file = corpus.path/spec.name/'c'/'0'/'0'/'0'/'0'
    with open(file, 'r+b') as f:
        f.seek(position * spec.row_bytes + 17)
        byte = f.read(1)
        f.seek(-1, os.SEEK_CUR)
        f.write(bytes([byte[0] ^ 4]))
    damaged = open_corpus(corpus.path)
    embed(damaged, 'tiny_encoders:quick', progress=False)
    report = last_embedding(damaged)
    assert list(report.unseen) == [damaged[position].id] and 'not what was written' in str(report)
    rows = damaged.vectors('quick')
    assert np.isnan(rows[position]).all() and np.array_equal(np.delete(rows, position, 0),
                                                            np.delete(right['quick'], position, 0))


def at_item(corpus, position, do):
    "An encoder that does something odd at one item, and what it does is seen from the picture alone"
    from matnb.similarity.views import show_item
    trigger = show_item(corpus[position], SMALL)

    def odd(pictures):
        vectors = product(pictures)
        hit = (np.abs(pictures - trigger).max((1, 2, 3)) < 1e-6)
        return do(vectors, hit) if hit.any() else vectors

    return Encoder(quick().card.__class__('odd', 20, SMALL), odd)


def fail(vectors, hit): raise ZeroDivisionError('something odd')


def give_nan(vectors, hit):
    vectors[hit] = np.nan
    return vectors


def give_too_few(vectors, hit): return vectors[:-1]


def give_too_short(vectors, hit): return vectors[:, :7]


@pytest.mark.parametrize('do, words', [(fail, 'ZeroDivisionError: something odd'), (give_nan, 'NaN'),
                                       (give_too_few, '7, 20'), (give_too_short, '8, 7')])
def test_an_encoder_that_fails_at_one_item(begun, do, words, monkeypatch):
    corpus, right = begun
    with pytest.raises(EncoderFailed, match=words) as failed:
        embed(corpus, at_item(corpus, 700, do), progress=False)
    assert corpus[700].id in str(failed.value) and 'stays' in str(failed.value)
    done = length_of(corpus.path, 'odd')
    assert 600 < done <= 700
    assert np.array_equal(open_corpus(corpus.path)[:done].vectors('odd'), right['quick'][:done])


def test_another_encoder_under_the_same_name(begun):
    corpus, right = begun
    embed(corpus, 'tiny_encoders:quick', progress=False)
    other = wrap(lambda p: product(p) * 2, 'quick', SMALL)
    with pytest.raises(CorpusError, match='drop_vectors'): embed(corpus, other, progress=False)
    corpus.append([scan(2000)])
    with pytest.raises(CorpusError, match='drop_vectors'): embed(corpus, other, progress=False)
    embed(corpus, other, name='double', progress=False)
    assert np.array_equal(corpus.vectors('double')[:ITEMS], right['quick'] * 2)


# --- Several encoders in one

def test_a_combination_grows_and_is_compacted(begun, known):
    corpus, right = begun
    both = combine('tiny_encoders:quick', 'tiny_encoders:network', dims=16, device='cpu')
    embed(corpus, both, progress=False)
    first = np.array(corpus.vectors(both.name))
    assert first.shape == (ITEMS, 16) and np.isfinite(first).all()
    assert np.array_equal(corpus.vectors('quick'), right['quick'])
    assert np.array_equal(corpus.vectors('network'), right['network'])
    rule = corpus.weights(both.name)
    corpus.append([scan(ITEMS + n) for n in range(5)])
    corpus.append([scan(ITEMS + 9, 'current')])
    embed(corpus, both, progress=False)
    again = corpus.vectors(both.name)
    assert np.array_equal(again[:ITEMS], first) and np.isfinite(again[:-1]).all() and np.isnan(again[-1]).all()
    assert all(np.array_equal(rule[part], corpus.weights(both.name)[part]) for part in rule)
    assert 'current' in ''.join(last_embedding(corpus, both.name).reasons)
    corpus.delete(corpus.ids()[3:7].tolist())
    corpus.compact()
    corpus.append([scan(ITEMS + 20)])
    embed(corpus, both, progress=False)
    assert np.array_equal(corpus.vectors(both.name)[:ITEMS - 4], np.delete(first, np.s_[3:7], 0))
    fresh = scan(ITEMS + 20)
    assert np.allclose(vector_of(corpus, fresh, both.name), corpus.vectors(both.name)[-1], atol=1e-5)
    other = combine('tiny_encoders:quick', 'tiny_encoders:network', dims=8, device='cpu')
    with pytest.raises(CorpusError, match='drop_vectors'): embed(corpus, other, progress=False)
    assert corpus.verify().ok


def test_a_combination_killed_and_finished(begun, monkeypatch):
    corpus, _ = begun
    both = combine('tiny_encoders:quick', 'tiny_encoders:network', dims=16, device='cpu')
    shutil.copytree(corpus.path, corpus.path.with_name('twin'))
    twin = open_corpus(corpus.path.with_name('twin'))
    embed(twin, both, progress=False)
    with monkeypatch.context() as patch:
        patch.setattr(embedding, 'carry_out', carried_out_until(both.name))
        with pytest.raises(SystemExit): embed(corpus, both, progress=False)
    assert both.name not in corpus.vector_sets
    corpus = open_corpus(corpus.path)
    embed(corpus, both, progress=False)
    assert np.array_equal(corpus.vectors(both.name), twin.vectors(both.name))


def carried_out_until(name):
    "Carry out jobs until a certain one begins"
    carry_out = embedding.carry_out
    return lambda run, *rest: sys.exit(1) if run.report.name == name else carry_out(run, *rest)


# --- Memory

def peak_memory(path: Path, count: int) -> None:
    "Embed a new corpus with wide vectors and note the memory that this took, in MB"
    corpus_of(path, count)
    peak, stop = [0.0], threading.Event()
    embed(corpus_of(path.with_name(f'{path.name}-before'), 64), 'tiny_encoders:wide', progress=False)

    def private() -> float:
        line = next(line for line in open('/proc/self/status') if line.startswith('RssAnon'))
        return int(line.split()[1]) / 1024

    def watch() -> None:
        while not stop.wait(0.002): peak[0] = max(peak[0], private())

    before = private()
    threading.Thread(target=watch).start()
    try: embed_often(path, 'tiny_encoders:wide')
    finally: stop.set()
    path.with_name(f'{path.name}-memory').write_text(str(peak[0] - before))


def test_memory_does_not_grow_with_the_corpus(place, slow, measured):
    counts, used = (500, 20_000 if slow else 5000), []
    for count in counts:
        child = CONTEXT.Process(target=peak_memory, args=(place/str(count), count))
        child.start()
        child.join(300)
        used.append(float((place/f'{count}-memory').read_text()))
    vectors = [count * 3000 * 4 / 2**20 for count in counts]
    measured(f'memory while embedding: {used[0]:.0f} MB for {counts[0]} items ({vectors[0]:.0f} MB of vectors), '
             f'{used[1]:.0f} MB for {counts[1]} ({vectors[1]:.0f} MB of vectors)')
    assert used[1] < used[0] + 24 < vectors[1]


# --- Windows

@dataclass(frozen=True)
class Quarters:
    "A rule for windows, as regions.py has them"

    size: float = 8.0
    metres = False

    def __len__(self): return 4

    def windows(self, shape):
        "Four windows, wherever the corners of the image are"
        ends = [[self.size / 2, length - self.size / 2] for length in shape]
        return [Window(y, x, self.size) for y in ends[0] for x in ends[1]]


@pytest.fixture
def with_quarters(monkeypatch):
    "A module of rules for windows"
    module = types.ModuleType('matnb.similarity.regions')
    module.windows_of = lambda shape, rule, pixel_size=None: rule.windows(shape)
    monkeypatch.setitem(sys.modules, module.__name__, module)


def test_windows(begun, with_quarters, known, monkeypatch):
    corpus, _ = begun
    corpus.append([scan(ITEMS, 'current')])
    with monkeypatch.context() as patch:
        patch.setattr(embedding, 'COMMIT_SECONDS', 0.0)
        patch.setattr(embedding.Embedding, 'take', taken_until(500, embedding.Embedding.take))
        with pytest.raises(KeyboardInterrupt): embed(corpus, 'tiny_encoders:quick', windows=Quarters(), progress=False)
    assert 400 < corpus.vector_sets['quick windows'].length < 600
    embed(corpus, 'tiny_encoders:quick', windows=Quarters(), progress=False)
    rows = corpus.vectors('quick windows')
    assert rows.shape == (ITEMS + 1, 4, 20) and rows.dtype == np.float16 and corpus.verify().ok
    assert np.isfinite(rows[:-1]).all() and np.isnan(rows[-1]).all()
    for n, window in enumerate(Quarters().windows((16, 16))):
        assert np.allclose(vector_of(corpus, 77, 'quick windows', window=window), rows[77, n], atol=2e-3)
    assert corpus.vector_sets['quick windows'].card['windows'] == {'size': 8.0}
    with pytest.raises(CorpusError, match='windows'):
        embed(corpus, 'tiny_encoders:quick', windows=Quarters(10.0), progress=False)
    embed(corpus, 'tiny_encoders:quick', windows=Quarters(), name='again', batch_size=8, progress=False)
    assert np.array_equal(corpus.vectors('again windows'), rows, equal_nan=True)


def taken_until(position, take):
    "Somebody presses Ctrl-C at an item"
    def taking(run, made):
        if made.start >= position: raise KeyboardInterrupt
        take(run, made)

    return taking


def test_windows_too_large_for_half_precision(begun, with_quarters):
    corpus, _ = begun
    loud = wrap(lambda p: product(p) * 1e5, 'loud', SMALL)
    with pytest.raises(EncoderFailed, match='too large for float16.*item'):
        embed(corpus, loud, windows=Quarters(), progress=False)


def scaled_scan(number: int, pixel_size) -> Measurement:
    "A scan of noise whose pixels have a size"
    return Measurement(scan(number).image, (Channel('image'),), source=f'{number}.npy', pixel_size=pixel_size)


def test_windows_of_pixels_that_are_not_square(place):
    corpus, rule = create_corpus(place/'corpus'), Windows((0.5, 1), (2, 1))
    corpus.append([scaled_scan(n, (2e-9, 1e-9)) for n in range(3)] + [scan(3)])
    embed(corpus, 'tiny_encoders:quick', windows=rule, progress=False)
    rows = corpus.vectors('quick windows')
    assert rows.shape == (4, 5, 20) and np.isfinite(rows).all()
    for item, row in zip(corpus, rows, strict=True):
        windows = windows_of((16, 16), rule, item.pixel_size)
        seen = quick()(np.stack([show_item(item, SMALL, w) for w in windows]))
        assert np.allclose(seen, row, atol=2e-3)


def test_windows_in_metres(place):
    corpus, rule = create_corpus(place/'corpus'), Windows((8e-9, 12e-9), (2, 1), metres=True)
    corpus.append([scan(0), *(scaled_scan(n, (1e-9, 1e-9)) for n in range(1, 4))])
    embed(corpus, 'tiny_encoders:quick', windows=rule, progress=False)
    rows = corpus.vectors('quick windows')
    assert np.isnan(rows[0]).all() and np.isfinite(rows[1:]).all() and rows.shape == (4, 5, 20)
    assert 'size of its pixels is unknown' in last_embedding(corpus).unseen[corpus[0].id]


def test_a_graphics_card_gets_the_windows_of_a_batch_at_once(begun):
    corpus, _ = begun
    asked, plain = [], quick()

    def noting(pictures):
        asked.append(len(pictures))
        return plain.forward(pictures)

    job = Job(corpus.path, corpus.snapshot.head.numbering, ITEMS, '', 3, Windows((0.5, 1), (2, 1)), 'meta')
    work = Workplace(job, Encoder(plain.card, noting))
    ask_encoder(work, prepare(work, 0, 3))
    assert asked == [15] and work.encoder.batch == 15


# --- The vector of something else

def test_a_card_that_names_foreign_code(begun, monkeypatch):
    corpus, right = begun
    embed(corpus, 'tiny_encoders:quick', progress=False)
    embed(corpus, combine('tiny_encoders:quick', 'spectral', dims=8, device='cpu'), name='both', progress=False)
    monkeypatch.setattr(embedding, '_MADE', type(embedding._MADE)())
    for name in ('quick', 'both'):
        with monkeypatch.context() as patch:
            patch.setattr(tiny_encoders, 'quick', lambda: pytest.fail('the code of a card was run'))
            with pytest.raises(ValueError, match='tiny_encoders:quick.*encoder='): vector_of(corpus, scan(5), name)
    given = vector_of(corpus, scan(5), 'quick', encoder='tiny_encoders:quick')
    assert np.allclose(given, right['quick'][5], atol=1e-5) and not embedding._MADE


def test_a_card_with_the_fingerprint_of_another(begun, known, monkeypatch):
    "What one corpus claims about its encoder does not decide which one serves the next"
    corpus, _ = begun
    embed(corpus, 'tiny_encoders:quick', progress=False)
    monkeypatch.setattr(embedding, '_MADE', type(embedding._MADE)())
    held = corpus.vector_sets['quick']
    held.card['fingerprint'] = 'f' * 32
    embedding.made_again(held, corpus)
    assert list(embedding._MADE) == [Card.from_json(held.card).fingerprint]



def test_vector_of_a_file_of_pixels_and_of_a_foreign_item(begun, known, tmp_path):
    corpus, right = begun
    embed(corpus, 'tiny_encoders:quick', progress=False)
    pixels = corpus[5].image[0]
    np.save(tmp_path/'new.npy', pixels)
    foreign = corpus_of(tmp_path/'other', 10)
    for what in (corpus[5], corpus[5].id, 5, np.int64(5)):
        assert np.array_equal(vector_of(corpus, what, 'quick'), right['quick'][5])
    for what in (pixels, pixels[None], tmp_path/'new.npy', str(tmp_path/'new.npy'), scan(5), foreign[5]):
        assert np.allclose(vector_of(corpus, what, 'quick'), right['quick'][5], atol=1e-5)
    window = Window(8, 8, 8, 30)
    assert np.allclose(vector_of(corpus, 5, 'quick', window=window), vector_of(corpus, pixels, 'quick', window=window))
    assert np.allclose(embed_picture(pixels, 'tiny_encoders:quick'), right['quick'][5], atol=1e-5)
    for what, words in [('ffffffffffffffff', 'neither an item'), (tmp_path, 'neither'), (np.ones(9), 'channels'),
                        (np.ones((3, 9, 9)), 'channels'), (np.ones((9, 9)), 'same everywhere')]:
        with pytest.raises(ValueError, match=words): vector_of(corpus, what, 'quick')
    with pytest.raises(IndexError): vector_of(corpus, ITEMS, 'quick')
    with pytest.raises(MissingVectors): vector_of(corpus, 5, 'natural')


def test_an_encoder_that_is_not_what_it_was(begun, known, monkeypatch):
    corpus, _ = begun
    embed(corpus, 'tiny_encoders:network', progress=False)
    monkeypatch.setattr(tiny_encoders, 'network', tiny_encoders.weights_differ)
    monkeypatch.setattr(embedding, '_MADE', type(embedding._MADE)())
    with pytest.raises(ValueError, match='not what it was'): vector_of(corpus, scan(3000), 'network')
    with pytest.raises(ValueError, match='fingerprint differs'):
        vector_of(corpus, scan(3000), 'network', encoder='tiny_encoders:quick')
