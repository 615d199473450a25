"""A disk that forgets: flipped bits, files cut short, files lost

For each single-bit flip of each file, what the interface tells is either the same as before, or an error that names the
damage, or `verify` finds it. A quick run tries a seeded sample, dense where the ledger and the promised rows are;
`pytest --flags slow` tries every byte (one bit of each, by seed).
"""
import contextlib
import json
import os
import random
import shutil
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from store_rules import check_vectors, copy_of, everything, extend, id_of, quick_folder, replace, scan

from matnb.corpus.layout import ArraySpec
from matnb.corpus.ledger import CorpusError
from matnb.corpus.measurement import Channel, Measurement
from matnb.corpus.store import create_corpus, open_corpus
from matnb.corpus.vectors import store_weights

NAMED = (OSError, CorpusError)  # errors of the store; anything else would be an accident


@pytest.fixture(scope='module')
def folder():
    "Where the tests of this module work"
    with quick_folder() as path: yield path


@pytest.fixture(scope='module')
def corpus(folder) -> Path:
    "Nine scans of two kinds, one of them large, with a history, a deleted item and a run with a report"
    path = folder/'corpus'
    made = create_corpus(path, 'to be damaged')
    made.append([scan(n) for n in range(5)])
    made.append([scan(n) for n in range(5, 8)])
    said = {id_of(n): {'outcome': 'failed', 'failure_reason': f'drift {n}'} for n in (0, 3)}
    made.annotate(said, who='Ana', why='seen in the image')
    made.annotate({id_of(0): {'outcome': 'partial', 'd33': 12.5}}, who='Ben')
    made.delete([id_of(4)])
    large = Measurement(np.arange(64 * 64, dtype='f4').reshape(1, 64, 64), (Channel('height', 'm'),),
                        metadata={f'key {n}': f'value {n * n}' for n in range(300)})
    made.append([large])
    extend(made.refresh(), 7)
    extend(made, name='windows', row=(2, 3))
    replace(made, 'first')
    store_weights(made.snapshot.ledger, 'natural', {'mean': np.arange(5, dtype='f4'), 'turn': np.eye(5)})
    made.record_run('collect', {'folder': 'scans'}, {'unreadable': {'a.ibw': 'cut short'}})
    made.compact()
    made.delete([id_of(1)])
    return path


def promised_length(path: Path, file: Path) -> int:
    "How much of a file says something; chunks end with a hole"
    if file.suffix in ('.json', '.sqlite'): return file.stat().st_size
    array = open_corpus(path).snapshot.arrays[file.relative_to(path).parts[0]]
    return array.length * ArraySpec(array.name, array.dtype, tuple(json.loads(array.row))).row_bytes


def files_of(path: Path) -> list[Path]:
    "All files that say something"
    return sorted(p for p in path.rglob('*') if p.is_file() and not p.name.startswith('.'))


def verdict(path: Path, right: dict) -> str:
    "What became of the damage: harmless, told on reading, or found by verify; else an error of this test"
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        try: same = everything(path) == right
        except NAMED as e:
            assert len(str(e)) > 20, f'an error that says too little: {e!r}'
            return 'told on reading'
        if same: return 'harmless'
        report = open_corpus(path).verify()
    assert not report.ok, 'changed data, and nobody noticed'
    return 'found by verify'


@contextlib.contextmanager
def damaged(file: Path, offset: int, bit: int):
    "Flip one bit for a while"
    fd, whole = os.open(file, os.O_RDWR), file.stat().st_size
    try:
        before = os.pread(fd, 1, offset)
        os.pwrite(fd, bytes([before[0] ^ (1 << bit)]), offset)
        try: yield
        finally: os.pwrite(fd, before, offset)
        assert file.stat().st_size == whole
    finally:
        os.close(fd)


def positions(path: Path, file: Path, slow: bool, chance: random.Random) -> list[int]:
    "Which bytes to damage"
    said, size = promised_length(path, file), file.stat().st_size
    beyond = [chance.randrange(said, size) for _ in range(3)] if size > said else []
    if slow: return [*range(said), *beyond]
    if file.suffix == '.sqlite':  # the head of the file and of each page, and a sample of the rest
        heads = [n for n in range(0, said, 4096) for n in range(n, n + 12)]
        return [*range(100), *heads, *chance.sample(range(100, said), 700)]
    return [*chance.sample(range(said), min(said, 15)), *beyond]


def test_single_bit_flips(corpus, request, measured):
    slow, chance = 'slow' in request.config.getoption('--flags').split(), random.Random(2026)
    right, tally = everything(corpus), Counter()
    for file in files_of(corpus):
        kind = 'ledger' if file.suffix == '.sqlite' else 'zarr.json' if file.suffix == '.json' else 'array'
        for offset in positions(corpus, file, slow, chance):
            bit = chance.randrange(8)
            with damaged(file, offset, bit):
                try: tally[kind, verdict(corpus, right)] += 1
                except Exception as e:
                    where = f'{file.relative_to(corpus)}, byte {offset}, bit {bit}'
                    raise AssertionError(f'{where}: {type(e).__name__}: {e}') from e
    assert everything(corpus) == right and open_corpus(corpus).verify().ok
    measured('single-bit flips: ' + '; '.join(f'{kind}: {n} {what}' for (kind, what), n in sorted(tally.items())))


def test_files_cut_short(corpus, folder, request, measured):
    "Each file cut at every 4 KiB (of a chunk's hole, some of them)"
    slow, right, tally = 'slow' in request.config.getoption('--flags').split(), everything(corpus), Counter()
    for file in files_of(corpus):
        size, said = file.stat().st_size, promised_length(corpus, file)
        cuts = list(range(0, size, 4096))
        if not slow: cuts = [c for c in cuts if file.suffix == '.sqlite' or c <= said][:40] + cuts[-1:]
        elif len(cuts) > 200: cuts = cuts[:100] + cuts[100::20]
        for cut in dict.fromkeys([*cuts, size - 1]):
            path = copy_of(corpus, folder/'cut')
            os.truncate(path/file.relative_to(corpus), cut)
            try: tally[verdict(path, right)] += 1
            except Exception as e: raise AssertionError(f'{file.relative_to(corpus)} cut at {cut}: {e!r}') from e
            shutil.rmtree(path)
    measured(f'files cut short: {dict(tally)}')


def test_files_lost(corpus, folder, measured):
    right, tally = everything(corpus), Counter()
    for file in files_of(corpus):
        path = copy_of(corpus, folder/'lost')
        (path/file.relative_to(corpus)).unlink()
        try: tally[verdict(path, right)] += 1
        except Exception as e: raise AssertionError(f'{file.relative_to(corpus)} lost: {e!r}') from e
        shutil.rmtree(path)
    measured(f'files lost: {dict(tally)}')


@pytest.mark.parametrize('what', ['column', 'zarr.json'])
def test_derived_files_heal(corpus, folder, what):
    "What can be made again is made again, in place and by the book"
    right, path = everything(corpus), copy_of(corpus, folder/'heal')
    for file in files_of(path):
        if what == 'column' and file.relative_to(path).parts[0] in open_corpus(path).facets and file.name == '0':
            file.write_bytes(b'nonsense')
        if what == 'zarr.json' and file.name == 'zarr.json': file.unlink()
    if what == 'column':
        assert not open_corpus(path).verify().ok
        with pytest.warns(UserWarning, match='not what was written'): assert everything(path) == right
    report = open_corpus(path).verify(repair=True)
    assert report.ok and (report.repaired or what == 'zarr.json')
    assert everything(path) == right and open_corpus(path).verify().ok
    shutil.rmtree(path)


@pytest.mark.parametrize('name', ['natural', 'windows', 'plane'])
def test_damaged_vectors_are_taken_out(corpus, folder, name):
    "A damaged set is named, nothing else suffers, and it can be made again"
    path = copy_of(corpus, folder/'vectors')
    held, others = open_corpus(path).vector_sets[name], {'natural', 'windows', 'plane'} - {name}
    file = path.joinpath(held.array, 'c', *'0' * (1 + len(held.row)))
    with file.open('r+b') as f:
        f.seek(held.length * 4 * int(np.prod(held.row)) - 1)
        f.write(b'\x5a')
    told = f'“{name}” are not what was written.*repair'
    with pytest.raises(OSError, match=told): open_corpus(path).vectors(name, missing='nan')
    with pytest.raises(OSError, match='not what was written'): open_corpus(path).dataset[name].load()
    check_vectors(open_corpus(path), only=others)
    again = open_corpus(path)
    with pytest.raises(OSError, match='not what was written'): again.compact()
    report = again.verify()
    assert report.derived == [held.array] and report.vectors == {held.array: name} and not report.problems
    assert f'“{name}”' in str(report) and 'take' in str(report)
    report = again.verify(repair=True)
    assert report.ok and 'taken out; make them again' in str(report) and not (path/held.array).exists()
    assert set(again.refresh().vector_sets) == others and again.weights('natural') and again.compact() == 1
    extend(again.refresh(), name=name, row=held.row)
    check_vectors(again.refresh())
    assert again.verify().ok
    shutil.rmtree(path)


def test_damaged_weights_are_taken_out(corpus, folder):
    path = copy_of(corpus, folder/'weights')
    array = next(row.name for row in open_corpus(path).snapshot.arrays.values() if 'turn' in row.about)
    (path/array/'c'/'0'/'0').unlink()
    with pytest.raises(OSError, match='weights “natural” are not what was'): open_corpus(path).weights('natural')
    assert open_corpus(path).verify(repair=True).vectors == {array: 'natural'}
    assert list(open_corpus(path).weights('natural')) == ['mean'] and open_corpus(path).verify().ok
    shutil.rmtree(path)


def test_damaged_image_is_told_with_its_source(corpus, folder):
    path = copy_of(corpus, folder/'image')
    item = open_corpus(path)[0]
    file = path/item.array.spec.name/'c'/'0'/'0'/'0'/'0'
    with file.open('r+b') as f: f.write(b'\xff')
    reopened = open_corpus(path)
    with pytest.raises(OSError, match=f'{item.id} from {item.source}.*collect'): _ = reopened[0].image
    report = reopened.verify()
    assert list(report.damaged) == [item.id] and not report.problems
    reopened.delete([item.id])
    assert reopened.verify().ok
    shutil.rmtree(path)
