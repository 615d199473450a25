"Collecting: real scans, tables, hostile files, a process that is killed, and what a terminal sees"
import csv
import json
import os
import random
import resource
import shutil
import signal
import struct
import subprocess
import sys
import time
import zlib
from contextlib import suppress
from functools import partial
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from samples import copy_samples

import matnb.corpus.collect
from matnb.corpus.collect import FileEntry, collect, last_report, report_html
from matnb.corpus.decoding import Decoder, Limits, _fetch, _Gone, _Overdue, _Pipe, _understand, decode, pack
from matnb.corpus.measurement import Channel, Measurement, NotAnImage, Unreadable
from matnb.corpus.readers.formats import read_file
from matnb.corpus.store import open_corpus
from matnb.corpus.tables import read_table

ROOT = Path(__file__).parents[1]
SCRIPT = '<script>alert(1)</script>'
IMAGE = '<img src=x onerror=alert(1)>'


@pytest.fixture(scope='session')
def real_files(tmp_path_factory) -> Path:
    "Real scans in one folder; their absence is a failure"
    return copy_samples(tmp_path_factory.mktemp('real files')/'spm')


@pytest.fixture(scope='session')
def real_corpus(real_files, tmp_path_factory):
    "The real scans, collected once"
    return collect(real_files, to=tmp_path_factory.mktemp('real')/'corpus', progress=False)


def some_scans(folder: Path, count: int, size: int = 24) -> Path:
    "Small scans in two levels of folders"
    rng = np.random.default_rng(7)
    for n in range(count):
        path = folder/f'day{n % 3}'/f'scan{n:03}.npy'
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, rng.random((size, size)).astype('f4'))
    return folder


def contents(corpus):
    "All that a corpus says, for comparison"
    said = [(i.id, i.source, i.facets, i.channels, i.pixel_size, i.metadata) for i in corpus]
    return said, [(i.image.tobytes(), i.image.shape, i.image.dtype) for i in corpus], corpus.facets


def reading_by(monkeypatch, folder: Path, code: str) -> None:
    "Let `collect` decode with a reader made for the test, in a child as ever"
    name = f'reader_{abs(hash(str(folder)))}'
    (folder/f'{name}.py').write_text(code)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(matnb.corpus.collect, 'decode', partial(decode, reader=f'{name}:read'))


# --- Real scans

def test_real_scans_are_collected_as_they_are_read(real_files, real_corpus):
    report, expected = last_report(real_corpus), {}
    for path in sorted(p for p in real_files.iterdir() if p.suffix != '.md'):
        try: expected |= {m.id: m for m in read_file(path)}
        except NotAnImage: assert path.name == 'force_curve.ibw'
    assert report.counts == {'added': 14, 'known': 0, 'skipped': 1, 'rejected': 0}
    assert [(f.file, 'force curve' in f.reason) for f in report.skipped] == [('force_curve.ibw', True)]
    assert report.others == {'.md': 1}
    assert set(real_corpus.ids()) == set(expected)
    for item in real_corpus:
        m = expected[item.id]
        assert np.array_equal(item.image, m.image, equal_nan=True)
        assert item.image.dtype == m.image.dtype.newbyteorder('=')
        assert [(c.key, c.unit) for c in item.channels] == [(c.key, c.unit) for c in m.channels]
        assert (item.pixel_size, item.metadata, item.source) == (m.pixel_size, m.metadata, m.source)
        assert item.facets['origin'] == 'measured' and m.facets.keys() <= item.facets.keys()


def test_a_second_run_adds_nothing(real_files, real_corpus):
    before = contents(real_corpus)
    again = collect(real_files, to=real_corpus.path, progress=False)
    assert last_report(again).counts == {'added': 0, 'known': 14, 'skipped': 1, 'rejected': 0}
    assert contents(again) == before and again.verify().ok


def test_people_stay_out_of_facets_unless_asked_for(real_files, tmp_path):
    path = real_files/'pfm_btfo_dso.ibw'
    [scan] = read_file(path)
    assert 'SaveImage' in scan.metadata, 'the sample that names its operator'
    corpus = collect(path, to=tmp_path/'corpus', progress=False)
    assert not {'measured_by', 'grown_by'} & corpus[0].facets.keys()
    assert corpus[0].metadata == scan.metadata, 'metadata are kept whole'
    told = [word for word in str(path.parent).split('/') if word and word != 'spm']
    kept = ' '.join(run.parameters + run.report for run in corpus.runs())
    assert not [word for word in told if f'/{word}' in kept], 'where the folder lies names its owner'

    corpus = collect(path, to=tmp_path/'corpus', personal=True, progress=False)
    assert corpus[0].facets['measured_by'], 'asked for afterwards, they are added to what is held'
    fresh = collect(path, to=tmp_path/'fresh', personal=True, progress=False)
    assert fresh[0].facets == corpus[0].facets


# --- Tables

TABLE = [['File', 'Material', 'Thickness (nm)', 'Outcome', 'Measured on'],
         ['PMN28Pt0000.h5', 'PMN-28PT', 300, 'success', '2016-02-11'],
         ['PZT_final0001', 'PZT', 120, 'failed', '2013-05-01'],
         ['pfm_pto_110.gwy', 'PbTiO3', 'thin', 'success', None],
         ['lost.ibw', 'BiFeO3', 80, 'success', None]]


def write_table(path: Path, rows) -> Path:
    "The same table in each format"
    if path.suffix == '.xlsx':
        import openpyxl
        book = openpyxl.Workbook()
        for row in rows: book.active.append(row)
        book.save(path)
    elif path.suffix == '.parquet':
        import pyarrow as pa
        import pyarrow.parquet as pq
        pq.write_table(pa.table({h: [None if v is None else str(v) for v in c]
                                 for h, *c in zip(*rows, strict=True)}), path)
    else:
        with path.open('w', newline='') as file: csv.writer(file, delimiter=';').writerows(rows)
    return path


@pytest.mark.parametrize('suffix', ['.csv', '.xlsx', '.parquet'])
def test_a_table_joins_in_each_format(real_files, real_corpus, tmp_path, suffix):
    shutil.copytree(real_corpus.path, tmp_path/'corpus')
    corpus = collect(real_files, write_table(tmp_path/f'samples{suffix}', TABLE), to=tmp_path/'corpus', progress=False)
    report = last_report(corpus)
    of = {item.source: item.facets for item in corpus}
    assert of['PMN28Pt0000.h5']['material'] == 'PMN-28PT' and of['PZT_final0001.h5']['outcome'] == 'failed'
    assert of['PZT_final0001.h5']['thickness'] == pytest.approx(120e-9)
    assert str(of['PMN28Pt0000.h5']['date']).startswith('2016-02-11')
    assert 'thickness' not in of['pfm_pto_110.gwy'] and of['pfm_pto_110.gwy']['material'] == 'PbTiO3'
    assert [name for _, name in report.table.unmatched_rows] == ['lost.ibw']
    assert len(report.table.unmatched_files) == 11 and 'PTO_Funakubo0001.h5' in report.table.unmatched_files
    assert [(m.column, m.value) for m in report.table.misfits] == [('Thickness (nm)', 'thin')]
    assert len(corpus.where(outcome='failed')) == 1


def test_what_a_table_says_against_the_file_is_named(real_files, tmp_path):
    path = real_files/'pfm_btfo_dso.ibw'
    corpus = collect(path, to=tmp_path/'corpus', progress=False)
    [size, rate] = [corpus[0].facets[name] for name in ('scan_size', 'scan_rate')]
    rows = [['file', 'scan size (um)', 'scan rate', 'material'], [path.name, 4e6 * size, 1.001 * rate, 'BTFO']]
    corpus = collect(path, write_table(tmp_path/'t.csv', rows), to=corpus.path, progress=False)
    report = last_report(corpus)
    words = f'scan_size {4 * size:g} instead of {size:g} from the file'
    assert report.table.replaced == [(2, words)] and f'row 2: {words}' in str(report)
    assert corpus[0].facets['scan_size'] == pytest.approx(4 * size)

    rows[1][1] = 8e6 * size
    corpus = collect(path, write_table(tmp_path/'t.csv', rows), to=corpus.path, progress=False)
    assert not last_report(corpus).table.replaced, 'what a table said before is not the word of the file'


def test_a_table_without_heads_is_all_data(tmp_path):
    scans = some_scans(tmp_path/'scans', 2)
    rows = [['scan000.npy', 'PbTiO3', '50'], ['scan001.npy', 'BiFeO3', '50']]
    corpus = collect(scans, write_table(tmp_path/'t.csv', rows), to=tmp_path/'corpus', progress=False)
    assert {item.source: item.facets['column_2'] for item in corpus} == {
        'day0/scan000.npy': 'PbTiO3', 'day1/scan001.npy': 'BiFeO3'}
    assert 'row 1 looks like data' in ' '.join(last_report(corpus).table.notes)


def test_quantities_with_units_are_understood_in_every_place(tmp_path):
    corpus = collect(some_scans(tmp_path/'scans', 2), to=tmp_path/'corpus', progress=False)
    first, second = corpus.ids().tolist()
    corpus.annotate({first: {'thickness': '80 nm', 'outcome': 'OK'}, second: {'thickness': '1 um', 'outcome': 'bad'}})
    assert corpus.where(thickness=('50 nm', '0.1 µm')).ids().tolist() == [first]
    assert corpus.where(thickness='1000 nm', outcome='failed').ids().tolist() == [second]
    with pytest.raises(ValueError, match='1,200'): corpus.annotate({first: {'thickness': '1,200 nm'}})


def test_a_table_speaks_of_files_by_id_path_and_windows_path(tmp_path):
    scans = some_scans(tmp_path/'scans', 4)
    corpus = collect(scans, to=tmp_path/'corpus', progress=False)
    ids = {item.source: item.id for item in corpus}
    rows = [['which', 'Sample'], [ids['day0/scan000.npy'], 'A'], ['D:\\data\\scans\\day1\\scan001.npy', 'B'],
            ['day2/scan002', 'C'], ['day2/scan003.npy', 'D'], ['SCAN003.NPY', 'E']]
    corpus = collect(scans, write_table(tmp_path/'t.csv', rows), to=tmp_path/'corpus', progress=False)
    assert {item.source: item.facets['sample'] for item in corpus} == {
        'day0/scan000.npy': 'A', 'day1/scan001.npy': 'B', 'day2/scan002.npy': 'C', 'day0/scan003.npy': 'E'}
    assert last_report(corpus).table.unmatched_rows == [(5, 'day2/scan003.npy')], 'scan003 is of day 0'


def test_columns_that_cannot_be_facets_are_named_and_left_out(tmp_path):
    scans = some_scans(tmp_path/'scans', 1)
    rows = [['file', 'origin', 'item id', 'Image 0', 'class'], ['scan000', 'simulated', 'x', '3', 'a']]
    corpus = collect(scans, write_table(tmp_path/'t.csv', rows), to=tmp_path/'corpus', progress=False)
    assert corpus[0].facets['origin'] == 'measured' and corpus[0].facets['class'] == 'a'
    said = ' '.join(last_report(corpus).table.notes)
    assert "'origin'" in said and 'item_id' in said and 'image_0' in said


@pytest.mark.parametrize('suffix', ['.csv', '.xlsx', '.parquet'])
def test_mutated_tables_are_read_or_refused(tmp_path, suffix):
    data = write_table(tmp_path/f'good{suffix}', TABLE).read_bytes()
    choose, limits = random.Random(suffix), Limits(cpu_seconds=5, seconds=20)
    for n in range(12):
        broken = bytearray(data[:choose.randrange(1, len(data))] if n % 3 == 0 else data)
        for _ in range(choose.randrange(1, 9)): broken[choose.randrange(len(broken))] = choose.randrange(256)
        (tmp_path/f'bad{suffix}').write_bytes(broken)
        with suppress(Unreadable): assert len(read_table(tmp_path/f'bad{suffix}', limits=limits).columns) < 100


def test_a_workbook_that_unfolds_to_gigabytes_is_refused(tmp_path):
    import zipfile
    path = write_table(tmp_path/'bomb.xlsx', TABLE)
    parts = {n: zipfile.ZipFile(path).read(n) for n in zipfile.ZipFile(path).namelist()}
    sheet = 'xl/worksheets/sheet1.xml'
    parts[sheet] = parts[sheet].replace(b'lost.ibw', b'A' * 2**28)
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for name, part in parts.items(): file.writestr(name, part)
    assert path.stat().st_size < 2**21
    with pytest.raises(Unreadable, match='bomb.xlsx.*more than 512 MiB'):
        read_table(path, limits=Limits(memory=2**29, cpu_seconds=20, seconds=60))


# --- Files that do harm

def png(width: int, height: int, pixels: bytes) -> bytes:
    "A PNG that claims a size"
    def chunk(kind, data):
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))

    head = struct.pack('>IIBBBBB', width, height, 8, 0, 0, 0, 0)
    return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', head) + chunk(b'IDAT', pixels) + chunk(b'IEND', b'')


def zeros(count: int) -> bytes:
    "Deflated zeros, without holding them"
    pack = zlib.compressobj(9)
    return b''.join([pack.compress(bytes(2**20)) for _ in range(count // 2**20)]) + pack.flush()


def test_broken_and_lying_files_are_named_and_the_rest_goes_in(tmp_path):
    folder = some_scans(tmp_path/'scans', 3)
    (folder/'bomb.png').write_bytes(png(60_000, 60_000, zeros(2**28)))
    (folder/'cut.npy').write_bytes((folder/'day0'/'scan000.npy').read_bytes()[:300])
    with (folder/'huge.npy').open('wb') as file:
        np.lib.format.write_array_header_1_0(file, {'descr': '<f8', 'fortran_order': False, 'shape': (2**20,) * 2})
    np.save(folder/'pickled.npy', np.array([{'a': 1}], object), allow_pickle=True)
    (folder/'text.png').write_text('not a picture')
    (folder/'empty.npy').touch()
    os.mkfifo(folder/'pipe.png')
    (folder/'gone.npy').symlink_to(folder/'nowhere.npy')
    (folder/'loop').symlink_to(folder)
    (folder/'self.npy').symlink_to('self.npy')
    (folder/'folder.npy').mkdir()
    (folder/'day0'/'.hidden.npy').write_bytes(b'x')
    (folder/'scans.zip').write_bytes(b'PK')

    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    corpus = collect(folder, to=folder/'corpus', progress=False, limits=Limits(cpu_seconds=10, seconds=60))
    report = last_report(corpus)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 300_000, 'kB in the parent'
    assert [f.file for f in report.added] == [f'day{n}/scan00{n}.npy' for n in range(3)] and len(corpus) == 3
    assert [f.file for f in report.rejected] == [
        'bomb.png', 'cut.npy', 'empty.npy', 'gone.npy', 'huge.npy', 'pickled.npy', 'pipe.png', 'self.npy', 'text.png']
    assert all(f.reason for f in report.rejected)
    assert [f.file for f in report.skipped] == ['scans.zip']

    shutil.copy(folder/'day0'/'scan000.npy', folder/'cut.npy')
    np.save(folder/'huge.npy', np.eye(8))
    again = last_report(collect(folder, to=folder/'corpus', progress=False))
    assert [f.file for f in again.added] == ['huge.npy'], 'a file that was mended is read'


VICES = """
import os, signal, time, hashlib
import numpy as np
from matnb.corpus.measurement import Channel, Measurement

def read(path):
    vice, sha = path.stem, hashlib.sha256(path.read_bytes()).hexdigest()
    if vice == 'hangs': time.sleep(3600)
    if vice == 'computes':
        while True: pass
    if vice == 'allocates': return [np.ones(2**31)]
    if vice == 'crashes': os.kill(os.getpid(), signal.SIGSEGV)
    if vice == 'changed': sha = 64 * 'a'
    if vice == 'nothing': return []
    if vice == 'floods':
        signal.setitimer(signal.ITIMER_REAL, 0)
        while True: os.write(2, bytes(65536))
    if vice == 'drips':
        signal.setitimer(signal.ITIMER_REAL, 0)
        os.write(3, b'mtnb' + (60_000).to_bytes(8, 'little'))
        while True: time.sleep(os.write(3, b' ') / 100)
    return [Measurement(np.full((1, 8, 8), 7.), (Channel('height'),), sha256=sha)]
"""


def test_decoders_that_hang_crash_or_take_all_memory(monkeypatch, tmp_path):
    reading_by(monkeypatch, tmp_path, VICES)
    folder = tmp_path/'scans'
    folder.mkdir()
    names = ['a', 'allocates', 'b', 'changed', 'computes', 'crashes', 'd', 'hangs', 'nothing', 'z']
    for name in names: (folder/f'{name}.npy').write_text(name)
    corpus = collect(folder, to=tmp_path/'corpus', progress=False, workers=2,
                     limits=Limits(memory=2**31, cpu_seconds=1, seconds=4))
    reasons = {f.file.removesuffix('.npy'): f.reason for f in last_report(corpus).rejected}
    assert [item.source for item in corpus] == ['a.npy', 'b.npy', 'd.npy', 'z.npy']
    expected = {'allocates': 'more than 2 GiB', 'changed': 'changed while', 'computes': 'took more than',
                'crashes': 'signal 11', 'hangs': 'more than 4 s', 'nothing': 'no image'}
    assert reasons.keys() == expected.keys()
    for vice, why in expected.items(): assert why in reasons[vice]


REFUSALS = (_Gone, Unreadable, ValueError, TypeError, KeyError, IndexError, OverflowError, RecursionError)


def test_a_child_that_evades_its_own_clocks_is_ended(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr('matnb.corpus.decoding._GRACE', 0.2)
    (tmp_path/'evasive.py').write_text(VICES)
    for vice in ('floods', 'drips', 'a'): (tmp_path/f'{vice}.npy').write_text(vice)
    files = [tmp_path/f'{vice}.npy' for vice in ('a', 'floods', 'drips', 'a')]
    done = list(decode(files, Limits(seconds=2), reader='evasive:read'))
    assert [bool(d.error) for d in done] == [False, True, True, False]
    assert 'more than 2 s' in str(done[1].error) and 'more than 2 s' in str(done[2].error)


def test_a_mutated_answer_of_the_child_is_refused_or_understood():
    scan = Measurement(np.arange(48, dtype='f4').reshape(2, 4, 6), (Channel('height', 'm'), Channel('phase', 'deg')),
                       (1e-9, 2e-9), {'mode': 'PFM'}, {'Gain': 1.5, 'Note': 'x' * 50}, sha256='ab' * 32)
    answer, images = pack([scan])
    text = json.dumps(answer).encode()
    whole = struct.pack('<4sQ', b'mtnb', len(text)) + text + images[0].tobytes()
    choose, limits, refused = random.Random(2), Limits(pixel_bytes=2**20, metadata_bytes=2**16), 0
    for n in range(600):
        data = bytearray(whole[:choose.randrange(len(whole))] if n % 3 == 0 else whole)
        for _ in range(choose.randrange(1, 4)): data[choose.randrange(len(data))] = choose.randrange(256)
        with os.fdopen(_piped(bytes(data)), 'rb') as answers, os.fdopen(_piped(b'oops'), 'rb') as errors:
            try: done = _understand(Path('x'), *_fetch(_Pipe(answers, errors), limits, 5), limits)
            except REFUSALS: refused += 1
            else: assert done.error or len(done.measurements) == 1
    assert 200 < refused < 600


def _piped(data: bytes) -> int:
    read, write = os.pipe()
    os.write(write, data)
    os.close(write)
    return read


def test_a_silent_child_is_given_up():
    with os.fdopen(_piped(b''), 'rb') as errors:
        read, write = os.pipe()
        with os.fdopen(read, 'rb') as answers, pytest.raises(_Overdue): _fetch(_Pipe(answers, errors), Limits(), 0.1)
        os.close(write)


def test_what_a_file_gives_does_not_depend_on_the_file_before_it(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(tmp_path))
    code = 'kept = []\ndef read(path):\n    kept.append(bytearray(600 * 2**20))\n    return {}'
    (tmp_path/'forgetful.py').write_text(code)
    decoder = Decoder(Limits(memory=2**30), 'forgetful:read')
    for _ in range(3):
        decoder.send(tmp_path/'x')
        assert decoder.receive().error is None, 'memory that an earlier file kept is not held against a later one'
    decoder.close()


# --- Text from files is never HTML

class Tags(HTMLParser):
    "What a page is made of"

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes = set(), []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs


def test_hostile_words_stay_inert_in_the_report(tmp_path):
    folder = some_scans(tmp_path/'scans', 1)
    names = (IMAGE, '"><b>x', '\x1b[31mred', 'turned\u202egnp', '&lt;')
    for n, name in enumerate(names): np.save(folder/f'{name}.npy', np.eye(9) * n)
    (folder/f'{IMAGE}.png').write_text(SCRIPT)
    (folder/f'x.{IMAGE[:-1]}').touch()
    rows = [['file', SCRIPT, 'd33 (pm/V)'], ['scan000', SCRIPT, IMAGE], [f'no{SCRIPT}', 'x', '1']]
    table = write_table(tmp_path/f'{IMAGE}.csv', rows)
    report = last_report(collect(folder, table, to=tmp_path/'corpus', progress=False))
    report.add(FileEntry('x', 'added', '', (), (SCRIPT, 'javascript:alert(1)')))
    for page in (report_html(report), report._repr_html_()):
        found = Tags(page)
        assert found.tags == {'div', 'p', 'b', 'details', 'summary', 'ul', 'li'}
        assert set(found.attributes) <= {('open', None)}
        assert IMAGE not in page and '&lt;img' in page
    for character in ('\x1b', '\u202e'): assert character not in str(report) + report_html(report)
    assert len(report.added) == 7 and len(report.to_frame()) == 8


# --- A process that is killed or interrupted

SLOW = """
import hashlib, os, sys, time
import numpy as np
from functools import partial
import matnb.corpus.collect
from matnb.corpus.decoding import decode
from matnb.corpus.measurement import Channel, Measurement

def read(path):
    time.sleep(float(os.environ.get('SECONDS_A_FILE', 0.01)))
    image, sha = np.load(path)[None], hashlib.sha256(path.read_bytes()).hexdigest()
    channels = (Channel('height', 'm'),)
    return [Measurement(image, channels, metadata={'name': path.name}, sha256=sha),
            Measurement(image * 2, channels, sha256=sha, place=1)]

if __name__ == '__main__':
    matnb.corpus.collect._BATCH_ITEMS = 16
    matnb.corpus.collect.decode = partial(decode, reader='slow_collect:read')
    from matnb.command_line import main
    folder, table, to, workers = sys.argv[1:]
    sys.exit(main(['collect', folder, '--table', table, '--to', to, '--quiet', '--workers', workers]))
"""


def start(folder: Path, to: Path, workers: int) -> subprocess.Popen:
    "Collect in a process of its own"
    (folder.parent/'slow_collect.py').write_text(SLOW)
    command = [sys.executable, folder.parent/'slow_collect.py', folder, folder.parent/'table.csv', to, str(workers)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            preexec_fn=hear_interrupts)


def hear_interrupts() -> None:
    "A process started in the background by a shell ignores Ctrl-C, and so would its children"
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def children(pid: int) -> list[int]:
    "Processes that a process started"
    with suppress(FileNotFoundError):
        return [int(p) for p in Path(f'/proc/{pid}/task/{pid}/children').read_text().split()]
    return []


def held(to: Path) -> int:
    "Items that are committed"
    if not (to/'meta.sqlite').exists(): return 0
    return len(open_corpus(to))


def wait_until(what, seconds: float = 60) -> None:
    ends = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < ends, 'it did not happen'
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] != 'Z'
    return False


@pytest.fixture(scope='module')
def undisturbed(tmp_path_factory):
    "What comes out when nothing goes wrong"
    place = tmp_path_factory.mktemp('killed')
    folder = some_scans(place/'scans', 60)
    rows = [['file', 'Material'], *([f'scan{n:03}', f'M{n % 4}'] for n in range(0, 60, 2))]
    write_table(place/'table.csv', rows)
    process = start(folder, place/'undisturbed', 1)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert '120 images from 60 files added' in out
    return folder, contents(open_corpus(place/'undisturbed'))


@pytest.mark.parametrize('items', [0, 16, 48, 96, 120])
def test_killed_in_the_middle_and_run_again_it_is_as_if_nothing_had_happened(undisturbed, tmp_path, items):
    folder, expected = undisturbed
    process, to = start(folder, tmp_path/'corpus', 1 + items % 32 // 16), tmp_path/'corpus'
    wait_until(lambda: held(to) >= items and children(process.pid) or process.poll() is not None)
    own = children(process.pid)
    process.kill()
    process.communicate()
    wait_until(lambda: not any(is_alive(pid) for pid in own), 10)
    assert held(to) % 2 == 0, 'never half a file'
    again = start(folder, to, 1)
    _, err = again.communicate(timeout=120)
    assert again.returncode == 0, err
    corpus = open_corpus(to)
    assert contents(corpus) == expected and corpus.verify().ok


def test_an_interrupt_keeps_what_is_committed_and_says_so(undisturbed, tmp_path, monkeypatch):
    folder, expected = undisturbed
    monkeypatch.setenv('SECONDS_A_FILE', '0.1')
    process, to = start(folder, tmp_path/'corpus', 2), tmp_path/'corpus'
    wait_until(lambda: held(to) >= 16)
    own = children(process.pid)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and 'Run the same again' in err and 'Traceback' not in err, err
    wait_until(lambda: not any(is_alive(pid) for pid in own), 10)
    report = last_report(open_corpus(to))
    assert report.interrupted and 16 <= held(to) == sum(len(f.items) for f in report.added) < 120
    assert start(folder, to, 2).wait(120) == 0
    assert contents(open_corpus(to)) == expected


# --- What a terminal sees

def terminal(*words: object, **environment: str) -> subprocess.CompletedProcess:
    "Run the command line in a process of its own"
    code = 'import sys; from matnb.command_line import main; sys.exit(main())'
    return subprocess.run([sys.executable, '-c', code, *map(str, words)], text=True, capture_output=True, timeout=120,
                          env=os.environ | environment)


def test_exit_status_says_what_happened(tmp_path):
    scans, corpus = some_scans(tmp_path/'scans', 3), tmp_path/'corpus'
    assert terminal('collect', scans, '--to', corpus, '--quiet').returncode == 0
    (scans/'bad.npy').write_bytes(b'bad')
    done = terminal('collect', scans, '--to', corpus, '--quiet')
    assert done.returncode == 1 and 'bad.npy' in done.stdout and '3 files known already' in done.stdout
    for words in (['info', corpus], ['verify', corpus], ['publish', corpus, tmp_path/'copy'], ['compact', corpus],
                  ['export', corpus, tmp_path/'zarr'], ['--help'], ['collect', '--help'], ['--version']):
        done = terminal(*words)
        assert (done.returncode, done.stderr) == (0, ''), (words, done.stderr)
    for words in ([], ['nonsense'], ['info', tmp_path/'no'], ['collect', tmp_path/'no', '--to', corpus],
                  ['collect', scans], ['collect', scans, '--to', scans, '--quiet'],
                  ['collect', scans, '--to', corpus, '--memory', '0.001', '--quiet'],
                  ['publish', corpus, tmp_path/'copy']):
        done = terminal(*words)
        assert done.returncode == 2 and 'Traceback' not in done.stderr, (words, done.stderr)
        assert done.stderr or done.stdout
    assert 'Traceback' in terminal('info', tmp_path/'no', MATNB_DEBUG='1').stderr


def test_the_module_runs_as_a_command(tmp_path):
    done = subprocess.run([sys.executable, '-m', 'matnb.command_line', 'info', tmp_path/'no'], text=True,
                          capture_output=True, cwd=ROOT, timeout=120)
    assert done.returncode == 2 and 'is not a corpus' in done.stderr


def test_damage_is_told_by_the_status(tmp_path):
    corpus = collect(some_scans(tmp_path/'scans', 3), to=tmp_path/'corpus', progress=False)
    chunk = max((p for p in corpus.path.glob('image_0/**/*') if p.is_file()), key=lambda p: p.stat().st_blocks)
    data = bytearray(chunk.read_bytes())
    at = data.index(corpus[0].image.tobytes()[:64])
    data[at] ^= 4
    chunk.write_bytes(data)
    done = terminal('verify', corpus.path)
    assert done.returncode == 1 and 'day0/scan000.npy' in done.stdout


def test_a_reader_of_the_output_that_has_had_enough_is_no_error(tmp_path):
    corpus = collect(some_scans(tmp_path/'scans', 1), to=tmp_path/'corpus', progress=False)
    code = 'import sys; from matnb.command_line import main; sys.exit(main())'
    process = subprocess.Popen([sys.executable, '-c', code, 'info', corpus.path], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    process.stdout.close()
    said = process.stderr.read()
    assert (process.wait(60), said) == (0, '')


def test_help_answers_at_once():
    code = ('import sys; from matnb.command_line import main; main(["--help"]); '
            'print({"numpy", "pandas", "sqlite3", "h5py"} & sys.modules.keys(), file=sys.stderr)')
    done = subprocess.run([sys.executable, '-c', code], text=True, capture_output=True, cwd=ROOT, check=True)
    assert done.stderr.strip() == 'set()' and 'collect' in done.stdout


def test_wrong_arguments_are_refused_before_anything_is_made(tmp_path):
    scans = some_scans(tmp_path/'scans', 1)
    table = write_table(tmp_path/'t.csv', [['file', 'x'], ['scan000', '1']])
    for arguments in ({'paths': tmp_path/'no'}, {'table': tmp_path/'no.csv'}, {'table': scans/'day0'/'scan000.npy'},
                      {'table': table, 'key': 'scan'}, {'paths': []}):
        with pytest.raises((FileNotFoundError, ValueError)):
            collect(**({'paths': scans, 'to': tmp_path/'corpus', 'progress': False} | arguments))
        assert not (tmp_path/'corpus').exists()
    with pytest.raises(ValueError, match='to='): collect(scans)
    with pytest.raises(ValueError, match='makes itself'): collect(scans, to='pfm-demo')


# --- How fast

def best(job) -> float:
    "The quickest of three, in seconds"
    return min(job() for _ in range(3))


def reading(paths) -> float:
    "Seconds that reading takes in this process"
    started = time.perf_counter()
    for path in paths: read_file(path)
    return time.perf_counter() - started


def decoding(paths, workers: int) -> float:
    "Seconds that decoding takes once the children have started"
    results = decode([*paths[:1] * workers, *paths], workers=workers)
    for _ in range(workers): assert not next(results).error
    started = time.perf_counter()
    for done in results: assert not done.error
    return time.perf_counter() - started


def test_collecting_is_measured_against_bare_reading(real_files, tmp_path, measured):
    paths = sorted(p for p in real_files.iterdir() if p.suffix != '.md' and p.stem != 'force_curve')
    quick = [p for p in paths if p.suffix != '.h5'] * 10
    for name, some in (('real scans', paths), ('of them not HDF5, ten times', quick)):
        took = [best(partial(reading, some)), best(partial(decoding, some, 1)), best(partial(decoding, some, 2))]
        rates = [len(some) / t for t in took]
        measured('{} {}: {:.0f} files/s read in this process, {:.0f} in a limited child, {:.0f} in two; '.format(
            len(some), name, *rates) + f'{(took[1] - took[0]) / len(some) * 1000:.1f} ms more per file')
    rate = last_report(collect(real_files, to=tmp_path/'corpus', progress=False)).rate
    measured(f'15 real files: {rate:.0f} files/s collected into a corpus')
    assert all(np.array_equal(d.measurements[0].image, read_file(p)[0].image, equal_nan=True)
               for d, p in zip(decode(paths, workers=2), paths, strict=True))
