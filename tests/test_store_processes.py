"""Processes that are killed, that write at once, that read while others write

What a process was promised is compared with what is there afterwards: every pixel, facet and metadata.
"""
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from store_rules import (
    check_items,
    check_plain,
    copy_of,
    extend,
    id_of,
    quick_folder,
    replace,
    right_vectors,
    scan,
    spread,
)

from matnb.corpus import durable
from matnb.corpus.store import create_corpus, open_corpus

WORKER = Path(__file__).with_name('store_worker.py')


@pytest.fixture(scope='module')
def slow(request) -> bool:
    "Whether to run for the record"
    return 'slow' in request.config.getoption('--flags').split()


@pytest.fixture
def place():
    "A folder for a test"
    with quick_folder() as path: yield path


def start(*args) -> subprocess.Popen:
    "A worker, see there; without a buffer on this side, in which lines could be forgotten"
    return subprocess.Popen(
        [sys.executable, WORKER, *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)


def finish(worker: subprocess.Popen) -> list[dict]:
    "What a worker told, when it has ended well"
    out, err = worker.communicate(timeout=300)
    assert worker.returncode == 0, err.decode()
    return [json.loads(line[1:]) for line in out.decode().splitlines()]


class Expected:
    "What a corpus must hold: marks by id, which have vectors, and which are deleted"

    def __init__(self, marks=None, deleted=(), embedded=()):
        self.marks, self.deleted, self.embedded = dict(marks or {}), set(deleted), set(embedded)

    def after(self, op: dict) -> 'Expected':
        "The state after one more operation"
        new = Expected(self.marks, self.deleted, self.embedded)
        if op['name'] == 'append': new.marks |= dict.fromkeys(op['ids'], '')
        if op['name'] == 'embed': new.embedded |= set(op['ids'])
        if op['name'] == 'annotate': new.marks |= op['said']
        if op['name'] == 'delete': new.deleted |= set(op['ids'])
        if op['name'] == 'restore': new.deleted -= set(op['ids'])
        if op['name'] == 'compact':
            new.marks = {i: m for i, m in self.marks.items() if i not in self.deleted}
            new.deleted = set()
        return new

    @property
    def visible(self) -> dict[str, tuple[str, bool]]:
        "Marks of the items that can be seen, and whether they have a vector"
        return {i: (m, i in self.embedded) for i, m in self.marks.items() if i not in self.deleted}


def seen_in(path: Path) -> dict[str, tuple[str, bool]]:
    "Marks of all items and whether they have a vector, each checked in every pixel, facet, vector and metadata"
    corpus = open_corpus(path)
    ids = check_items(corpus)
    marks = corpus.values('mark').tolist() if 'mark' in corpus.facets else [''] * len(ids)
    scores = corpus.values('score') if 'score' in corpus.facets else np.full(len(ids), np.nan)
    for id, mark, score in zip(ids, marks, scores, strict=True):
        assert (score == len(mark)) if mark else np.isnan(score), f'item {id}: half an annotation'
        assert corpus[id].facets.get('mark', '') == mark
    embedded = corpus.positions < (corpus.vector_sets['natural'].length if 'natural' in corpus.vector_sets else 0)
    return {i: (mark, bool(has)) for i, mark, has in zip(ids, marks, embedded, strict=True)}


def test_killed_at_random(place, slow, measured):
    "One corpus, changed in every way by processes that are killed with signal 9 at a random moment"
    path, expected, runs = place/'corpus', Expected(), 100 if slow else 15
    create_corpus(path)
    acknowledged, chance, begun_only = 0, random.Random(9), 0
    for run in range(runs):
        worker = start('change', path, run)
        first = worker.stdout.readline()
        time.sleep(chance.uniform(0, 0.4))
        os.kill(worker.pid, signal.SIGKILL)
        rest, err = worker.communicate()
        assert worker.returncode == -signal.SIGKILL, err.decode()
        begun = None
        for line in [first, *rest.splitlines()]:
            op = json.loads(line[1:])
            if line[:1] == b'=': expected, begun, acknowledged = expected.after(op), None, acknowledged + 1
            else: begun = op
        states = [expected, expected.after(begun)] if begun else [expected]
        check_plain(path, {i for s in states for i in s.marks})
        found = seen_in(path)
        expected = next((s for s in states if s.visible == found), None)
        assert expected, f'run {run}, killed while {begun}: the corpus is in no state that was ever promised'
        begun_only += begun is not None
        if run % 10 == 9:
            report = open_corpus(path).verify()
            assert report.ok, str(report)
            assert {i for i in check_plain(path, set(expected.marks))} == set(expected.visible)
    measured(f'kill -9 at a random moment: {runs} runs, {acknowledged} operations acknowledged, {begun_only} cut off, '
             f'{len(expected.visible)} items at the end; 0 lost, 0 torn')


class DeadlyDisk(durable.Disk):
    "A disk at whose n-th call the process is killed"

    def __init__(self, at):
        self.at, self.calls = at, 0

    def __getattribute__(self, name):
        if name in CALLS:
            self.calls += 1
            if self.calls == self.at: os.kill(os.getpid(), signal.SIGKILL)
        return super().__getattribute__(name)


CALLS = {name for name in vars(durable.Disk) if not name.startswith('_')}
DEEDS = {
    'append': lambda c: c.append([scan(n) for n in range(20, 25)]),
    'annotate': lambda c: c.annotate({id_of(n): {'mark': f'new {n}', 'score': 5.} for n in (0, 1, 3)}),
    'delete': lambda c: c.delete([id_of(4), id_of(5)]),
    'extend vectors': lambda c: extend(c),
    'replace vectors': lambda c: replace(c, 'second'),
    'compact': lambda c: c.compact(),
    'publish': lambda c: publish(c),
}


def publish(corpus):
    "Publish, unless a complete copy is there"
    to = corpus.path.with_name('copy')
    copy = open_corpus(to) if to.exists() else corpus.publish(to)
    assert seen_in(to) == seen_in(corpus.path) and copy.verify().ok and not (to/'meta.sqlite').stat().st_mode & 0o222


def killed_at(path: Path, deed: str, n: int) -> int:
    "Do something in a child that dies at its n-th call of the disk; its number of calls if it survives, else 0"
    read, write = os.pipe()
    child = os.fork()
    if not child:
        durable.disk = DeadlyDisk(n)
        try:
            DEEDS[deed](open_corpus(path))
            os.write(write, str(durable.disk.calls).encode())
            os._exit(0)
        finally: os._exit(99)
    os.close(write)
    told = os.read(read, 100)
    os.close(read)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status == (0 if told else -signal.SIGKILL), f'the child ended with {status}'
    return int(told or 0)


@pytest.mark.parametrize('deed', DEEDS)
def test_killed_at_every_call(place, deed, slow, measured):
    "Killed before each call of the disk in turn; the state is the old one or the new one, also for zarr readers"
    template = place/'template'
    corpus = create_corpus(template)
    corpus.append([scan(n) for n in range(12)])
    corpus.annotate({id_of(n): {'mark': f'old {n}', 'score': 5.} for n in range(6)})
    extend(corpus, 8)
    replace(corpus, 'first')
    corpus.delete([id_of(2), id_of(7)])
    old, possible = seen_in(template), {id_of(n) for n in range(30)}
    calls = killed_at(copy_of(template, place/'all'/'corpus'), deed, 0)
    new, points = seen_in(place/'all'/'corpus'), spread(calls, 10**6 if slow else 12)
    assert calls > 10 and (new != old or deed in ('compact', 'publish', 'replace vectors'))
    for n in points:
        path = copy_of(template, place/str(n)/'corpus')
        assert killed_at(path, deed, n) == 0
        check_plain(path, possible)
        assert seen_in(path) in (old, new)
        assert set(check_plain(path, possible)) == set(seen_in(path)), 'opening did not finish what was cut off'
        DEEDS[deed](open_corpus(path))
        assert seen_in(path) == new and open_corpus(path).verify().ok
        assert open_corpus(path).vector_sets['plane'].card['told'] == ('second' if 'replace' in deed else 'first')
        assert not [p for p in path.parent.rglob('.*.draft*') if deed in ('compact', 'publish')]
    measured(f'{deed}, killed at {len(points)} of {calls} calls of the disk: whole each time')


@pytest.mark.parametrize('writers', [2, 3])
def test_writers_at_once(place, writers, slow, measured):
    batches = 40 if slow else 8
    create_corpus(place/'corpus')
    began = time.monotonic()
    workers = [start('append', place/'corpus', name, batches) for name in 'abc'[:writers]]
    promised = [i for w in workers for op in finish(w) for i in op['ids']]
    assert len(promised) == len(set(promised)) == 5 * batches * writers
    assert sorted(check_items(open_corpus(place/'corpus'))) == sorted(promised)
    assert check_plain(place/'corpus', set(promised)) == set(promised) and open_corpus(place/'corpus').verify().ok
    measured(f'{writers} writers at once: {len(promised)} acknowledged items, each there once '
             f'({time.monotonic() - began:.1f} s)')


def test_same_scans_by_two_writers(place):
    "Two processes that collect the same folder"
    create_corpus(place/'corpus')
    workers = [start('append', place/'corpus', 'same', 8) for _ in range(2)]
    promised = [i for w in workers for op in finish(w) for i in op['ids']]
    assert sorted(promised) == sorted(check_items(open_corpus(place/'corpus'))) and len(promised) == 40


def test_writers_that_do_everything_at_once(place, slow, measured):
    "Two processes append, annotate, delete and compact, each its own scans, while one reads"
    seconds = 30 if slow else 4
    create_corpus(place/'corpus')
    workers = [start('write', place/'corpus', seconds, name) for name in 'ab']
    reader = start('read', place/'corpus', seconds)
    told, (read,) = [finish(w)[0] for w in workers], finish(reader)
    ids = check_items(open_corpus(place/'corpus'), changed=['mark'])
    assert sorted(ids) == sorted(told[0]['ids'] + told[1]['ids']) and open_corpus(place/'corpus').verify().ok
    rounds = sum(t['rounds'] for t in told)
    measured(f'2 writers doing everything and a reader for {seconds} s: {rounds} rounds, {len(ids)} items '
             f'as acknowledged, {read["facets"]} facets read; 0 wrong')


@pytest.mark.parametrize('workers', [2, 3])
def test_embedding_at_once(place, workers, slow, measured):
    "Processes that extend the same set: no row is missing or doubled, and every row is that of its item"
    corpus = create_corpus(place/'corpus')
    corpus.append([scan(n) for n in range(900 if slow else 150)])
    told = [finish(w)[0] for w in [start('embed', place/'corpus', 12, 0) for _ in range(workers)]]
    corpus.refresh()
    right = right_vectors(corpus.ids().tolist(), 'natural', (5,))
    assert corpus.vectors('natural').tobytes() == right.tobytes() and corpus.verify().ok
    commits = sum(run.kind == 'embed' for run in corpus.runs())
    check_plain(place/'corpus', set(corpus.ids()))
    measured(f'{workers} processes embedding the same {len(corpus)} items: '
             f'{sum(t["rounds"] for t in told)} batches, {commits} runs, each row there once')


def test_embedding_beside_writers(place, slow, measured):
    "Two processes embed what two others append, delete and compact"
    seconds = 30 if slow else 4
    create_corpus(place/'corpus')
    writers = [start('write', place/'corpus', seconds, name) for name in 'ab']
    told = [finish(w)[0] for w in [start('embed', place/'corpus', 40, seconds) for _ in range(2)]]
    for writer in writers: finish(writer)
    extend(open_corpus(place/'corpus'))
    corpus = open_corpus(place/'corpus')
    check_items(corpus, changed=['mark'])
    assert len(corpus.vectors('natural')) == len(corpus) and corpus.verify().ok
    measured(f'2 processes embedding beside 2 that write for {seconds} s: {sum(t["rounds"] for t in told)} batches, '
             f'{sum(t["compacted_under_hand"] for t in told)} compactions met, {len(corpus)} items; 0 wrong')


def test_readers_beside_a_writer(place, slow, measured):
    seconds = 60 if slow else 6
    create_corpus(place/'corpus')
    writer = start('write', place/'corpus', seconds, 'soak')
    readers = [start('read', place/'corpus', seconds) for _ in range(3)]
    wrote, *told = [finish(w)[0] for w in (writer, *readers)]
    assert wrote['rounds'] > 5 and all(r['images'] > 100 for r in told)
    check_items(open_corpus(place/'corpus'), changed=['mark'])
    assert open_corpus(place/'corpus').verify().ok
    total = {k: sum(r[k] for r in told) for k in told[0]}
    measured(f'1 writer ({wrote["rounds"]} rounds, {wrote["items"]} items) and 3 readers for {seconds} s: '
             f'{total["images"]} images, {total["facets"]} facets, {total["views"]} views, '
             f'{total["compacted_under_hand"]} compactions met; 0 wrong')
