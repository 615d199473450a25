"""Everything that a disk can do wrong while a corpus is being changed.

After each failure the corpus opens, holds the old state or the new one and nothing between, and the same operation can
be done again. How SQLite's authors test (https://www.sqlite.org/testing.html, section 3) is the model: fail at the n-th
call, for every n. A quick run tries some n of each operation, `pytest --flags slow` tries all.
"""
import contextlib
import errno
import os
import resource
import shutil
import sqlite3
import subprocess
import warnings
from pathlib import Path

import numpy as np
import pytest
from store_rules import check_items, check_plain, copy_of, extend, id_of, quick_folder, replace, scan, spread

from matnb.corpus import durable, ledger
from matnb.corpus.durable import Disk
from matnb.corpus.ledger import CorpusError
from matnb.corpus.store import create_corpus, open_corpus
from matnb.corpus.vectors import store_weights

ITEMS = 12
DELETED = (2, 7)


@pytest.fixture(scope='module')
def folder():
    "Where the tests of this module work"
    with quick_folder() as path: yield path


@pytest.fixture
def place(folder):
    "A new folder for a test"
    path = folder/'test'
    path.mkdir()
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope='module')
def most(request) -> int:
    "How many points of failure to try"
    return 10**6 if 'slow' in request.config.getoption('--flags').split() else 5


@pytest.fixture(scope='module')
def tally(measured):
    "How many points of failure were tried, of how many"
    counted: dict[str, list[int]] = {}
    yield counted
    for what, points in counted.items():
        measured(f'{what} at {sum(points[::2])} of {sum(points[1::2])} calls: the corpus was whole each time')


@pytest.fixture(scope='module')
def template(folder) -> Path:
    "A small corpus with two kinds of images, a history and deleted items"
    path = folder/'template'
    corpus = create_corpus(path)
    corpus.append([scan(n) for n in range(8)])
    corpus.append([scan(n) for n in range(8, ITEMS)])
    corpus.annotate({id_of(0): {'outcome': 'failed'}}, why='tip crash')
    extend(corpus, 8)
    replace(corpus, 'first')
    store_weights(corpus.snapshot.ledger, 'natural', {'mean': np.arange(5, dtype='f4')})
    corpus.delete([id_of(n) for n in DELETED])
    return path


# What can be done to a corpus: the operation, and whether it was done
OPERATIONS = {
    'append': (lambda c: c.append([scan(n) for n in range(20, 29)]), lambda c: id_of(20) in c),
    'append new kind': (lambda c: c.append([scan(n, kind=2) for n in range(30, 32)]), lambda c: id_of(30) in c),
    'append new facet': (lambda c: c.append([with_facet(33)]), lambda c: id_of(33) in c),
    'annotate': (lambda c: c.annotate({id_of(n): {'outcome': 'partial', 'd33': n} for n in (0, 1, 3)}),
                 lambda c: c[id_of(3)].facets.get('d33') == 3),
    'delete': (lambda c: c.delete([id_of(4), id_of(5)]), lambda c: id_of(4) not in c),
    'restore': (lambda c: c.restore([id_of(n) for n in DELETED]), lambda c: id_of(2) in c),
    'compact': (lambda c: c.compact(), lambda c: c.snapshot.head.deleted == 0),
    'extend vectors': (lambda c: extend(c), lambda c: c.vector_sets['natural'].length == 12),
    'replace vectors': (lambda c: replace(c, 'second'), lambda c: c.vector_sets['plane'].card['told'] == 'second'),
    'drop vectors': (lambda c: c.drop_vectors('natural'), lambda c: 'natural' not in c.vector_sets),
    'record run': (lambda c: c.record_run('test', {}, {'a': 1}), lambda c: c.runs()[-1].kind == 'test'),
}


def with_facet(number):
    "A scan that brings a facet along"
    made = scan(number)
    made.facets['mode'] = 'DART'
    return made


def check_after(path: Path, operation: str) -> bool:
    "The corpus is whole, before or after the operation; says whether after"
    possible = {id_of(n) for n in (*range(ITEMS), *range(20, 34), 99)}
    check_plain(path, possible)
    corpus = open_corpus(path)
    ids = set(check_items(corpus))
    done = OPERATIONS[operation][1](corpus)
    old = {id_of(n) for n in range(ITEMS) if n not in DELETED}
    expected = {'append': {id_of(n) for n in range(20, 29)}, 'append new kind': {id_of(30), id_of(31)},
                'append new facet': {id_of(33)}, 'restore': {id_of(n) for n in DELETED}}
    right = old - ({id_of(4), id_of(5)} if operation == 'delete' else set()) | expected.get(operation, set())
    assert ids == (right if done else old), 'half an operation is visible'
    assert set(corpus.vector_sets) == {'plane'} | (set() if done and operation == 'drop vectors' else {'natural'})
    if 'natural' in corpus.vector_sets: assert corpus.weights('natural')['mean'].tolist() == [0, 1, 2, 3, 4]
    assert corpus.values('outcome')[0] == ('partial' if done and operation == 'annotate' else 'failed')
    check_plain(path, possible)
    report = corpus.verify(repair=True)
    assert report.ok, str(report)
    return done


def check_again(path: Path, operation: str) -> None:
    "The operation can be done after it failed"
    corpus = open_corpus(path)
    if not OPERATIONS[operation][1](corpus): OPERATIONS[operation][0](corpus)
    assert check_after(path, operation)
    assert corpus.append([scan(99)]).added == [id_of(99)] and corpus.verify().ok


class FailingDisk(Disk):
    "A disk on which the n-th call fails, and (unless once) those after it; or there a person presses stop"

    def __init__(self, at: int, how: str) -> None:
        self.at, self.how, self.calls, self.failed = at, how, 0, False

    def __getattribute__(self, name):
        found = super().__getattribute__(name)
        if name not in CALLS: return found
        self.calls += 1
        if self.calls < self.at or (self.how in ('once', 'stop') and self.failed): return found
        self.failed = True
        if name == 'write' and self.how == 'short': return self.short_write
        return self.fail

    def short_write(self, fd, data, offset):
        "Write a part, and say so; the next call fails"
        self.how = 'full'
        return os.pwrite(fd, data[:max(1, len(data) // 2)], offset)

    def fail(self, *_):
        if self.how == 'stop': raise KeyboardInterrupt
        raise OSError(errno.EIO if self.how == 'once' else errno.ENOSPC, 'on purpose')


CALLS = {name for name in vars(Disk) if not name.startswith('_')}


@contextlib.contextmanager
def instead_of(module, name, value):
    "Replace an attribute for a while"
    usual = getattr(module, name)
    setattr(module, name, value)
    try: yield value
    finally: setattr(module, name, usual)


def attempt(path: Path, operation: str) -> BaseException | None:
    "Do an operation; what went wrong, if anything"
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        try: OPERATIONS[operation][0](open_corpus(path))
        except (OSError, CorpusError, KeyboardInterrupt) as e: return e
    return None


@pytest.mark.parametrize('how', ['full', 'once', 'short', 'stop'])
@pytest.mark.parametrize('operation', OPERATIONS)
def test_disk_fails_at_every_call(template, place, operation, how, most, tally):
    def fail_at(n):
        path = copy_of(template, place/str(n))
        with instead_of(durable, 'disk', FailingDisk(n, how)) as disk: error = attempt(path, operation)
        done = check_after(path, operation)
        assert done or error is not None, 'nothing was done and nobody was told'
        check_again(path, operation)
        shutil.rmtree(path)
        return disk

    calls = fail_at(10**6).calls
    assert calls > 5
    for n in spread(calls, most): assert fail_at(n).failed
    what = 'disk failing (full, short write, one error) or stop pressed'
    tally.setdefault(what, []).extend([len(spread(calls, most)), calls])


@pytest.mark.parametrize('how', ['full', 'once', 'short', 'stop'])
def test_disk_fails_while_publishing(template, place, how, most, tally):
    def fail_at(n):
        with instead_of(durable, 'disk', FailingDisk(n, how)) as disk, warnings.catch_warnings():
            warnings.simplefilter('ignore')
            try: open_corpus(template).publish(place/'copy')
            except (OSError, CorpusError, KeyboardInterrupt): assert disk.failed
        if disk.failed and not (place/'copy').exists(): open_corpus(template).publish(place/'copy')
        copy = open_corpus(place/'copy')
        assert set(check_items(copy)) == {id_of(n) for n in range(ITEMS) if n not in DELETED}
        assert copy.verify(repair=True).ok
        shutil.rmtree(place/'copy')
        assert not list(place.iterdir()), 'drafts were left behind'
        return disk

    calls = fail_at(10**6).calls
    for n in spread(calls, 3 * most): assert fail_at(n).failed
    tally.setdefault('disk failing while publishing', []).extend([len(spread(calls, 3 * most)), calls])
    assert open_corpus(template).verify().ok


@pytest.mark.parametrize('how', ['full', 'once', 'short', 'stop'])
def test_disk_fails_while_creating(place, how):
    for n in range(1, 100):
        with instead_of(durable, 'disk', FailingDisk(n, how)) as disk:
            try: create_corpus(place/str(n), 'new')
            except (OSError, CorpusError, KeyboardInterrupt): assert disk.failed
        if not (place/str(n)/'meta.sqlite').exists(): create_corpus(place/str(n), 'new')
        corpus = open_corpus(place/str(n))
        assert corpus.append([scan(1)]).added and corpus.verify().ok and corpus.title == 'new'
        if not disk.failed: return
    raise AssertionError('creating never went through')


class FailingConnection(sqlite3.Connection):
    "A connection whose n-th statement fails, before or after SQLite has done it"

    at, after, calls = 10**6, False, 0

    def execute(self, *args):
        return self.counted(super().execute, *args)

    def executemany(self, *args):
        return self.counted(super().executemany, *args)

    def counted(self, usual, *args):
        "Do it, or fail"
        if 'ROLLBACK' in args[0]: return usual(*args)
        FailingConnection.calls += 1
        if FailingConnection.calls != FailingConnection.at: return usual(*args)
        if FailingConnection.after: usual(*args)
        raise sqlite3.OperationalError('disk I/O error (on purpose)')


def failing_connect(*args, **kwargs):
    "Like sqlite3.connect"
    return usual_connect(*args, factory=FailingConnection, **kwargs)


usual_connect = sqlite3.connect


@pytest.mark.parametrize('after', [False, True], ids=['before', 'after'])
@pytest.mark.parametrize('operation', OPERATIONS)
def test_sqlite_fails_at_every_statement(template, place, operation, after, monkeypatch, most, tally):
    def fail_at(n):
        path = copy_of(template, place/str(n))
        FailingConnection.at, FailingConnection.after, FailingConnection.calls = n, after, 0
        with monkeypatch.context() as patch:
            patch.setattr(ledger.sqlite3, 'connect', failing_connect)
            error = attempt(path, operation)
        assert check_after(path, operation) or error is not None
        check_again(path, operation)
        shutil.rmtree(path)
        return FailingConnection.calls

    calls = fail_at(10**6)
    for n in spread(calls, most): assert fail_at(n) >= n
    tally.setdefault('SQLite failing (before or after it did it)', []).extend([len(spread(calls, most)), calls])


def in_child(work) -> int:
    "Do something in a process of its own; its exit status"
    child = os.fork()
    if child: return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try: os._exit(work() or 0)
    except BaseException:
        import traceback
        traceback.print_exc()
        os._exit(99)


def limited(path: Path, operation: str, limit: int) -> int:
    "An operation with a limit to the size of files, which SQLite's own writing meets as well; 1 when it failed"
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    return 0 if attempt(path, operation) is None else 1


@pytest.mark.parametrize('operation', OPERATIONS)
def test_files_may_not_grow(template, place, operation, most, tally):
    size = (template/'meta.sqlite').stat().st_size
    steps = [n * 1024 for n in spread(2 * size // 1024, 2 * most)]
    limits = [0, *steps, 1 << 19, (1 << 19) - 1, 1 << 23, 1 << 30]
    failed = 0
    for limit in limits:
        path = copy_of(template, place/str(limit))
        status = in_child(lambda p=path, most=limit: limited(p, operation, most))
        assert status in (0, 1), 'the process died'
        assert check_after(path, operation) or status == 1
        check_again(path, operation)
        failed += status
        shutil.rmtree(path)
    assert 0 < failed < len(limits)
    tally.setdefault('size of files limited, and met', []).extend([failed, len(limits)])


@contextlib.contextmanager
def small_disk(place: Path, size: str):
    "A disk of its own, as small as one likes; yields None where the system does not let us have one"
    place.mkdir()
    mount = ['mount', '-t', 'tmpfs', '-o', f'size={size}', 'tmpfs', place]
    mounted = not subprocess.run(mount, capture_output=True).returncode
    try: yield place if mounted else None
    finally:
        if mounted: subprocess.run(['umount', '-l', place], check=True)


def test_disk_becomes_full(template, place, most, measured):
    "Fill a small disk to the last byte, at different fillings; without the right to mount, limits have to do (above)"
    spares, failed = [n - 1 for n in spread(40, most)], 0
    for operation in OPERATIONS:
        for spare in spares:  # Each on a disk of its own: what an earlier corpus still maps would take its room
            with small_disk(place/f'{operation}{spare}', '6m') as disk:
                if disk is None: return measured('a full disk could not be tried: no right to mount a tmpfs')
                path = copy_of(template, disk/'corpus')
                fill(disk/'filler', leave=spare * 4096)
                failed += attempt(path, operation) is not None
                (disk/'filler').unlink()
                check_after(path, operation)
                check_again(path, operation)
    assert failed >= len(OPERATIONS)
    tried = len(spares) * len(OPERATIONS)
    measured(f'a disk that becomes full: {failed} of {tried} operations failed; the corpus was whole each time')


def fill(file: Path, leave: int) -> None:
    "Take all room but a little"
    with file.open('wb', buffering=0) as f:
        with contextlib.suppress(OSError):
            while f.write(bytes(4096)): pass
        f.truncate(max(0, f.tell() // 4096 * 4096 - leave))
