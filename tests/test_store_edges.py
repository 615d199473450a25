"""Old handles, threads, forks, dask, other people's folders, locks, a thousand images in hand, the end of power"""
import contextlib
import os
import pickle
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dask
import numpy as np
import pytest
import xarray as xr
from store_rules import (
    check_items,
    check_plain,
    copy_sparse,
    everything,
    extend,
    id_of,
    quick_folder,
    replace,
    right_pixels,
    scan,
)

from matnb.corpus import changes, durable, layout, ledger, snapshot, upkeep
from matnb.corpus.durable import Disk
from matnb.corpus.ledger import CorpusError
from matnb.corpus.snapshot import CorpusChanged
from matnb.corpus.store import Corpus, create_corpus, open_corpus

NOBODY = 65534


@pytest.fixture
def folder():
    "A folder that others may enter"
    with quick_folder() as path:
        path.chmod(0o755)
        yield path


@pytest.fixture
def corpus(folder) -> Corpus:
    "Twelve scans, two deleted"
    made = create_corpus(folder/'corpus', 'edges')
    made.append([scan(n) for n in range(12)])
    made.annotate({id_of(n): {'mark': f'old {n}', 'score': float(n)} for n in range(6)}, who='Ana')
    extend(made, 8)
    replace(made, 'first')
    made.delete([id_of(2), id_of(7)])
    return made


def in_child(work) -> int:
    "Do something in a fork; its exit status"
    child = os.fork()
    if child: return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        work()
        os._exit(0)
    except BaseException:
        import traceback
        traceback.print_exc()
        os._exit(99)


def as_nobody(work) -> int:
    "Do something in a fork that may not write here, whoever runs the tests"
    def less():
        if os.getuid() == 0:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        work()
    return in_child(less)


@contextlib.contextmanager
def not_mine(path: Path):
    "A folder in which this account may not write (root becomes another account instead)"
    folders = [p for p in (path, *path.rglob('*'))]
    for p in folders: p.chmod(0o555 if p.is_dir() else 0o444)
    yield
    for p in folders: p.chmod(0o755 if p.is_dir() else 0o644)


# Old handles

def test_an_old_handle_shows_what_it_showed(corpus):
    "Columns that are first asked for after others changed them are those of the handle's commit"
    old, same = open_corpus(corpus.path), open_corpus(corpus.path)
    right = {name: same.column(name).tolist() for name in ('mark', 'score', 'material', 'thickness', 'deleted')}
    facets = [item.facets for item in same]
    corpus.annotate({id_of(0): {'mark': 'new', 'score': 99.}, id_of(1): {'mark': None, 'material': 'BaTiO3'}})
    corpus.annotate({id_of(0): {'mark': 'newer', 'thickness': 1.}})
    corpus.append([scan(n) for n in range(20, 25)])
    corpus.annotate({id_of(20): {'mark': 'came later'}})
    corpus.delete([id_of(3)])
    corpus.restore([id_of(2)])
    for name, column in right.items():
        found, numbers = old.snapshot.column(name)[old.positions], name in ('score', 'thickness')
        assert np.array_equal(found, column, equal_nan=numbers), f'{name} is not what it was'
    assert old.values('mark')[0] == 'old 0' and len(old) == 10 and old[0].history() == same[0].history()
    assert [item.facets for item in old] == facets and id_of(2) not in old and id_of(3) in old
    assert old.refresh().values('mark')[0] == 'newer' and id_of(2) in old and id_of(3) not in old


def test_compaction_under_a_handle(corpus):
    "A handle that knows enough reads on; one that does not says what to do; refreshing always works"
    whole, fresh = open_corpus(corpus.path), open_corpus(corpus.path)
    part = open_corpus(corpus.path).where(score=(0, 4))
    check_items(whole)
    chosen = part.ids().tolist()
    corpus.compact()
    check_items(whole)  # its files are mapped still
    with pytest.raises(CorpusChanged, match='refresh'): fresh.values('material')
    assert sorted(check_items(fresh.refresh())) == sorted(check_items(whole.refresh())) == sorted(corpus.ids())
    assert part.refresh().ids().tolist() == chosen and check_items(part)


def test_a_part_survives_others_deleting(corpus):
    part = open_corpus(corpus.path).where(score=(0, 5))
    corpus.delete([id_of(0)])
    corpus.compact()
    assert part.refresh().ids().tolist() == [id_of(n) for n in (1, 3, 4, 5)]


def test_deleted_items_stay_out_until_restored(corpus):
    assert corpus.append([scan(2), scan(30)]).known == [id_of(2)]
    corpus.compact()
    assert corpus.append([scan(2)]).known == [id_of(2)] and id_of(2) not in corpus
    assert not corpus.has_source(scan(2).sha256) and corpus.has_source(scan(3).sha256)
    with pytest.raises(KeyError): corpus.restore(['0' * 16])
    assert corpus.restore([id_of(2)]) == 0 and corpus.append([scan(2)]).added == [id_of(2)]
    assert [c.new for c in corpus[id_of(2)].history()][-2:] == ['"deleted"', '"restored"'] and corpus.verify().ok


def test_many_words_are_not_compared_one_by_one(corpus):
    corpus.append([scan(n) for n in range(100, 200)])
    assert 'did you mean' in str(pytest.raises(KeyError, corpus.where, material='PbTiO').value)
    from matnb.corpus.filtering import nearest
    words = [f'scan_{n}' for n in range(200_000)]
    assert 'scan_1234' in nearest('scan_12x34', words[:2000]) and '200000 in all' in nearest('xyz', words)


# Threads, forks, processes

def test_threads(corpus):
    "One handle, one Dataset, many threads"
    right = {i: right_pixels(i, 'f4', 2, (8, 8)) for i in corpus.where(channels='signal 0, signal 1').ids().tolist()}
    handle = open_corpus(corpus.path)

    def look(n):
        for i, pixels in right.items(): assert (handle.image(i) == pixels).all()
        handle[n % 10].metadata['told'], handle.dataset.score.sum()
        return handle.values('material').tolist(), handle.counts('notes')

    with ThreadPoolExecutor(8) as pool: told = list(pool.map(look, range(64)))
    assert len({str(t) for t in told}) == 1
    images = handle.where(channels='signal 0, signal 1').dataset.chunk(item=1).image
    assert np.array_equal(images.mean(('channel', 'y', 'x')).compute(scheduler='threads'),
                          images.mean(('channel', 'y', 'x')).compute(scheduler='sync'))


def test_threads_that_write(corpus):
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda n: open_corpus(corpus.path).append([scan(50 + n)]).added, range(20)))
    assert sorted(sum(done, [])) == sorted(id_of(50 + n) for n in range(20))
    assert len(check_items(corpus.refresh())) == 30 and corpus.verify().ok


def test_forks(corpus):
    "A child uses a handle of its parent, while other threads of the parent write"
    corpus.values('material')
    stop = threading.Event()

    def write():
        mine = open_corpus(corpus.path)
        for n in range(60, 1000):
            if stop.is_set(): return
            mine.append([scan(n)])

    writer = threading.Thread(target=write)
    writer.start()

    def child():
        corpus.refresh()
        check_items(corpus)
        corpus.append([scan(2000 + os.getpid())])

    try:
        for _ in range(10): assert in_child(child) == 0
    finally:
        stop.set()
        writer.join()
    assert len(check_items(corpus.refresh())) >= 20 and corpus.verify().ok


def test_pickled_dataset_is_the_same_commit(corpus):
    "What dask sends to its processes: the commit, not the newest state"
    packed = pickle.dumps((corpus.dataset, corpus, corpus.where(score=(0, 4))))
    marks, ids = corpus.values('mark').tolist(), corpus.ids().tolist()
    corpus.annotate({id_of(0): {'mark': 'new'}})
    corpus.append([scan(40)])
    dataset, whole, part = pickle.loads(packed)
    assert dataset.mark.values.tolist() == marks and whole.ids().tolist() == ids and len(part) == 4
    check_items(whole)
    restored = pickle.loads(packed)[0]
    corpus.compact()
    with pytest.raises(CorpusChanged): restored.mark.load()


def test_dask_processes(corpus):
    images = corpus.where(channels='signal 0, signal 1').dataset.chunk(item=2).image
    with dask.config.set(scheduler='processes', num_workers=2): told = images.sum(('channel', 'y', 'x')).compute()
    assert np.array_equal(told, images.values.sum((1, 2, 3)))


def test_a_thousand_images_in_hand(folder, monkeypatch):
    "Images can be held without end, since a map holds no file open"
    monkeypatch.setattr(layout, 'CHUNK_BYTES', 4096)
    corpus = create_corpus(folder/'many')
    for start in range(0, 2400, 600): corpus.append([scan(n, kind=0) for n in range(start, start + 600)])
    assert len(list((folder/'many'/'image_0'/'c').iterdir())) == 300

    def hold():
        resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60))
        many = open_corpus(folder/'many')
        held = [many.image(n) for n in range(len(many))]
        for id, image in zip(many.ids().tolist(), held, strict=True):
            assert (image == right_pixels(id, 'f4', 2, (8, 8))).all()
        few = layout.MappedChunks(many.path, keep=3)
        spec = many.snapshot.images[0].spec
        assert [few.chunk(spec, n % 300)[0, 0, 0, 0] for n in range(900)] and len(few.maps) == 3

    assert in_child(hold) == 0


# Other people's folders

def test_reading_what_one_may_not_write(corpus):
    "A class reads a published copy; every question is answered, every change refused with the reason"
    copy, desk = corpus.publish(corpus.path.with_name('published')), corpus.path.with_name('desk')
    right = everything(copy.path)
    desk.mkdir()
    desk.chmod(0o777)

    def student():
        assert everything(copy.path) == right
        mine = open_corpus(copy.path)
        check_items(mine)
        assert mine.verify().ok and mine.dataset.mark.values.tolist() == copy.values('mark').tolist()
        assert xr.open_dataset(copy.path, engine='matnb').sizes['item'] == xr.open_zarr(copy.path).sizes['item'] == 10
        for change in (lambda: mine.append([scan(77)]), lambda: mine.annotate({id_of(0): {'mark': 'x'}}), mine.compact,
                       lambda: mine.delete([id_of(0)])):
            with pytest.raises(CorpusError, match='read but not changed.*[Cc]opy it'): change()
        with pytest.raises(PermissionError, match='mine'): mine.publish(copy.path.with_name('mine'))
        assert len(check_items(mine.publish(desk/'mine'))) == 10
        assert mine.verify(repair=True).ok

    assert as_nobody(student) == 0
    assert everything(copy.path) == right


def test_reading_beside_a_writer_one_is_not(corpus):
    "A reader without the right to write, while the owner works"
    with not_mine(corpus.path):
        assert as_nobody(lambda: check_items(open_corpus(corpus.path))) == 0
    corpus.append([scan(33)])
    assert as_nobody(lambda: check_items(open_corpus(corpus.path))) == 0


def cut_short(path: Path) -> None:
    "Die in the midst of a commit, with half of it in the file and the old half in the journal"
    connection = sqlite3.connect(path/'meta.sqlite', isolation_level=None)
    connection.executescript('PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN IMMEDIATE')
    for _ in range(3): connection.execute("UPDATE items SET facets = facets || '   ', about = about || '   '")
    connection.execute('INSERT INTO runs SELECT run + 1000, kind, at, who, version, parameters, report, seal FROM runs')
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_journal_left_behind(corpus):
    "Whoever may not write is told whom to ask; whoever may write mends it by opening"
    corpus.append([scan(n) for n in range(100, 160)])
    right = everything(corpus.path)
    assert in_child(lambda: cut_short(corpus.path)) == -signal.SIGKILL
    assert (corpus.path/'meta.sqlite-journal').stat().st_size > 0

    def student():
        with pytest.raises(CorpusError, match='cut short.*may write'): open_corpus(corpus.path)

    with not_mine(corpus.path): assert as_nobody(student) == 0
    assert everything(corpus.path) == right and open_corpus(corpus.path).verify().ok
    assert as_nobody(lambda: check_items(open_corpus(corpus.path))) == 0


def test_a_reader_waits_once(corpus, monkeypatch):
    "What a dead writer left is not waited for at each column by those who cannot mend it"
    right, slept = everything(corpus.path), []
    (corpus.path/'zarr.json').unlink()
    for name in ('material', 'thickness', 'notes', 'mark'): (corpus.path/name/'c'/'0').write_bytes(b'')
    monkeypatch.setattr(snapshot.time, 'sleep', slept.append)
    handle = Corpus(snapshot.Snapshot(corpus.path))  # as whoever may not write opens it
    with pytest.warns(UserWarning, match='read from the ledger instead'):
        for name in handle.facets: handle.values(name)
    assert 0.5 < sum(slept) < 1
    assert everything(corpus.path) == right and open_corpus(corpus.path).verify().ok, 'opening mends it'


def test_an_account_without_a_name(corpus, monkeypatch):
    "Containers run under numbers that no table knows"
    def unknown(): raise KeyError('getpwuid(): uid not found: 12345')
    monkeypatch.setattr(changes.getpass, 'getuser', unknown)
    corpus.append([scan(95)])
    corpus.annotate({id_of(95): {'mark': 'x'}})
    assert corpus.runs()[-1].who == corpus[id_of(95)].history()[0].who == f'user {os.getuid()}'


def test_room_of_removed_files_is_given_back(corpus):
    check_items(corpus)
    removed = {f'{corpus.path}/image_{n}/' for n in corpus.snapshot.images}
    corpus.delete([id_of(n) for n in range(12) if id_of(n) in corpus and n not in (0, 1)])
    corpus.compact()
    held = [line for line in Path('/proc/self/maps').read_text().splitlines() if any(r in line for r in removed)]
    assert check_items(corpus) and not [h for h in held if '(deleted)' in h]


# Locks

def holder(path: Path, statement: str) -> subprocess.Popen:
    "A process that holds a lock of SQLite"
    code = ('import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); c.execute("BEGIN"); '
            'c.execute(sys.argv[2]).fetchone(); print("held", flush=True); sys.stdin.read()')
    process = subprocess.Popen([sys.executable, '-c', code, path/'meta.sqlite', statement],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdout.readline()
    return process


@pytest.mark.parametrize('statement', ['SELECT * FROM items', 'DELETE FROM runs'], ids=['reader', 'writer'])
def test_somebody_holds_a_lock(corpus, statement, monkeypatch):
    monkeypatch.setattr(ledger, 'PATIENCE', 0.2)
    right = everything(corpus.path)
    process = holder(corpus.path, statement)
    try:
        with pytest.raises(CorpusError, match='another process.*[Ww]ait'): open_corpus(corpus.path).append([scan(80)])
        assert everything(corpus.path) == right
    finally: process.communicate()
    assert open_corpus(corpus.path).append([scan(80)]).added


def test_room_cannot_be_given_back_yet(corpus, monkeypatch):
    "A reader who never ends keeps VACUUM out; the compaction is done all the same"
    monkeypatch.setattr(ledger, 'PATIENCE', 0.2)
    usual, process = durable.remove_drafts, []

    def then_somebody_reads(root):
        usual(root)
        if root == corpus.path: process.append(holder(root, 'SELECT * FROM items'))

    monkeypatch.setattr(durable, 'remove_drafts', then_somebody_reads)
    with pytest.warns(UserWarning, match='taken out, but their room is not free'):
        assert open_corpus(corpus.path).compact() == 2
    process[0].communicate()
    assert len(check_items(open_corpus(corpus.path))) == 10 and open_corpus(corpus.path).verify().ok


def test_verify_beside_a_writer(corpus):
    work = [sys.executable, Path(__file__).with_name('store_worker.py'), 'write', corpus.path, '3', 'x']
    worker = subprocess.Popen(work, stdout=subprocess.DEVNULL)
    reports = 0
    while worker.poll() is None:
        report = open_corpus(corpus.path).verify()
        assert report.ok, str(report)
        reports += 1
    assert worker.returncode == 0 and reports > 2


# The end of power

class CutDisk(Disk):
    "A disk that knows what would be left of a folder if the power failed now: what was synced, and no more"

    def __init__(self, root: Path, kept: Path) -> None:
        self.root, self.kept, self.names, self.trees = root, kept, {}, []
        kept.mkdir()
        for path in (root, *root.rglob('*')): self.keep(path)

    def keep(self, path: Path) -> None:
        "Remember a file's content, or the names in a folder"
        if path.is_dir(): self.names[path] = {p.name: (p.stat().st_ino, p.is_dir()) for p in path.iterdir()}
        elif path.exists(): copy_sparse(path, self.kept/str(path.stat().st_ino))

    def sync(self, fd):
        super().sync(fd)
        self.keep(Path(os.readlink(f'/proc/self/fd/{fd}')))

    def __getattribute__(self, name):
        if name in CALLS: self.trees.append(self.cut())
        return super().__getattribute__(name)

    def cut(self) -> Path:
        "The folder after a power cut now; SQLite looks after its own file"
        to = self.kept.with_name(f'{self.kept.name}-{len(self.trees)}')
        self.survive(self.root, to)
        for file in self.root.glob('meta.sqlite*'): copy_sparse(file, to/file.name)
        return to

    def survive(self, folder: Path, to: Path) -> None:
        "Copy what lasts"
        to.mkdir()
        for name, (inode, is_folder) in self.names.get(folder, {}).items():
            if name.startswith('meta.sqlite'): continue
            if is_folder: self.survive(folder/name, to/name)
            elif (self.kept/str(inode)).exists(): copy_sparse(self.kept/str(inode), to/name)
            else: (to/name).touch()


CALLS = {name for name in vars(Disk) if not name.startswith('_')}


@pytest.mark.filterwarnings('ignore:.*not what was written:UserWarning')
@pytest.mark.parametrize(
    'deed', ['append', 'new kind', 'annotate', 'delete', 'compact', 'extend vectors', 'replace vectors'])
def test_power_cut_at_every_call(corpus, folder, deed, monkeypatch, measured):
    "Whatever was not synced is gone; what was acknowledged is there"
    def seen(path):
        handle = open_corpus(path)
        sets = [(name, held.card['told'], held.length) for name, held in handle.vector_sets.items()]
        return {i: m for i, m in zip(check_items(handle), handle.values('mark').tolist(), strict=True)}, sets

    old = seen(corpus.path)
    disk = CutDisk(corpus.path, folder/'kept')
    monkeypatch.setattr(durable, 'disk', disk)
    said = {'mark': 'new', 'score': 3.}
    {'append': lambda: corpus.append([scan(n) for n in range(40, 48)]),
     'new kind': lambda: corpus.append([scan(60, kind=1)]),
     'annotate': lambda: corpus.annotate({id_of(1): said, id_of(9): said}),
     'delete': lambda: corpus.delete([id_of(5)]), 'compact': corpus.compact,
     'extend vectors': lambda: extend(corpus), 'replace vectors': lambda: replace(corpus, 'second')}[deed]()
    after = disk.cut()
    monkeypatch.undo()
    new = seen(corpus.path)
    assert seen(after) == new, 'what was acknowledged did not survive'
    for tree in disk.trees: assert seen(tree) in (old, new)
    assert open_corpus(after).verify(repair=True).ok
    assert set(check_plain(after, {id_of(n) for n in range(70)})) == set(new[0])
    measured(f'{deed}, power cut at each of {len(disk.trees)} calls of the disk: whole each time')


def test_pixels_are_synced_before_the_commit(corpus, monkeypatch):
    events = []

    class Recorder(Disk):
        def write(self, fd, data, offset):
            events.append(('write', os.readlink(f'/proc/self/fd/{fd}')))
            return super().write(fd, data, offset)

        def sync(self, fd):
            events.append(('sync', os.readlink(f'/proc/self/fd/{fd}')))
            super().sync(fd)

    monkeypatch.setattr(durable, 'disk', Recorder())
    corpus.snapshot.ledger.connection.set_trace_callback(lambda s: events.append(('sql', s)))
    corpus.append([scan(70, kind=0), scan(71, kind=2)])
    commit = events.index(('sql', 'COMMIT'))
    pixels = {p for what, p in events[:commit] if what == 'write' and '/image_' in p and p.endswith('c/0/0/0/0')}
    assert len(pixels) == 2
    for path in pixels:
        last = max(n for n, e in enumerate(events) if e == ('write', path))
        for needed in (path, *map(str, list(Path(path).parents)[:5])):
            assert ('sync', needed) in events[last:commit], f'{needed} is not synced before the commit'
    assert corpus.snapshot.ledger.connection.execute('PRAGMA synchronous').fetchone() == (3,)


# One commit ahead

def test_a_corpus_of_a_newer_matnb(corpus):
    with ledger.transaction(corpus.snapshot.ledger) as connection:
        head = ledger.read_head(connection)
        connection.execute('DELETE FROM head')
        ledger.put(connection, [ledger.replace(head, format=2)])
    with pytest.raises(CorpusError, match='newer matnb'): open_corpus(corpus.path)


def test_creating_twice(folder):
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(lambda _: attempt_to_create(folder/'one'), range(8)))
    assert told.count('made') == 1 and len(open_corpus(folder/'one')) == 0
    shutil.rmtree(folder/'one')
    (folder/'one').mkdir()
    (folder/'one'/'.meta.sqlite.123.draft').write_text('left by a killed process')
    assert attempt_to_create(folder/'one') == 'made'


def attempt_to_create(path):
    "Make a corpus where others try the same"
    try: create_corpus(path)
    except CorpusError as e: return str(e)
    return 'made'


def test_what_names_a_facet(corpus):
    "No facet can hide an image, a dimension or an id; everything else that is a name in Python goes"
    dataset = corpus.dataset
    for name in ('image', 'id', 'item', 'x', 'y', 'channel', 'image_3', 'item_0', 'channel_0_unit', 'vectors_1',
                 'deleted', 'two words', '2d', '', 'a' * 300, '../up', 'a/b'):
        with pytest.raises(ValueError, match='cannot name a facet'): corpus.annotate({id_of(0): {name: 'x'}})
    corpus.annotate({id_of(0): {'image_quality': 'good', 'größe': 3, 'class_': 'a', 'values': 'b', 'x_offset': 2}})
    assert set(dataset.variables) < set(corpus.dataset.variables) and corpus.verify().ok
    assert {'größe', 'image_quality'} <= set(xr.open_zarr(corpus.path).variables)


def test_time_is_not_lost_to_a_dead_writer(corpus):
    "A lock dies with its holder"
    read, write = os.pipe()
    child = os.fork()
    if not child:
        with ledger.turn(corpus.snapshot.ledger):
            os.write(write, b'held')
            time.sleep(60)
    os.read(read, 4)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert corpus.append([scan(90)]).added == [id_of(90)]


def test_metadata_of_the_same_file_is_stored_once(corpus):
    one, two = scan(200), scan(201)
    two.metadata = one.metadata
    corpus.append([one, two])
    assert corpus[id_of(200)].row.document == corpus[id_of(201)].row.document


def test_a_copy_that_may_only_be_read_is_copied_again(corpus, tmp_path, monkeypatch):
    "A class's copy is published once more by somebody who may not write to it; a change meanwhile is noticed"
    monkeypatch.setattr(upkeep, 'may_write', lambda path: path.parent != corpus.path)
    copy, other = upkeep.copy_promised, open_corpus(corpus.path)
    assert len(corpus.publish(tmp_path/'again')) == len(corpus)

    def disturbed(ledger, to):
        copy(ledger, to)
        other.append([scan(77)])

    monkeypatch.setattr(upkeep, 'copy_promised', disturbed)
    with pytest.raises(CorpusError, match='changed while it was copied'): corpus.publish(tmp_path/'third')
    assert not (tmp_path/'third').exists()
