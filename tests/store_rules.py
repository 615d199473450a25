"""What the tests of the store agree on: scans that follow from their id, and ways to read all of a corpus

An item's id follows from its number; everything else follows from its id. So whoever reads an item, in whatever
process, can tell without asking anybody whether its pixels, facets and metadata are those that were written for it.
"""
import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from matnb.corpus.measurement import Channel, Measurement, item_id
from matnb.corpus.store import Corpus, open_corpus
from matnb.corpus.vectors import arrays_about, extend_vectors, replace_vectors

KINDS = (('f4', 2, (8, 8)), ('u1', 1, (6, 10)), ('f8', 3, (4, 4)))  # Number type, channels, points
WORDS = ('PbTiO3', 'BiFeO3', 'Ünïcode – 強誘電体', 'with "quotes" & <tags>', '')


def sha_of(number: int, family: str = '') -> str:
    "The SHA-256 of the file that a scan is said to come from"
    return hashlib.sha256(f'{family}/{number}'.encode()).hexdigest()


def id_of(number: int, family: str = '') -> str:
    "The id that the scan gets"
    return item_id(sha_of(number, family), 0)


def right_pixels(id: str, dtype: str, channels: int, points: tuple[int, int]) -> np.ndarray:
    "The pixels that belong to an id"
    count = channels * points[0] * points[1]
    mixed = np.arange(count, dtype='u8') * np.uint64(0x9E3779B97F4A7C15) + np.uint64(int(id, 16))
    return ((mixed >> np.uint64(24)) % np.uint64(251)).astype(dtype).reshape(channels, *points)


def right_facets(id: str) -> dict[str, Any]:
    "What is said of an id when it is appended, as the store holds it"
    n = int(id, 16)
    said = {'material': WORDS[n % 5], 'thickness': n % 997 * 1e-9, 'date': float(n % 10**9), 'notes': f'seen as {id}'}
    return {name: value for name, value in said.items() if value != ''}


def right_vectors(ids: list[str], name: str, row: tuple[int, ...], told: str = '') -> np.ndarray:
    "The vectors that belong to ids in the set of a name, whose card says `told`"
    seed, count = np.uint64(zlib.crc32(f'{name}/{told}'.encode())), int(np.prod(row))
    numbers = np.array([int(i, 16) for i in ids], 'u8').reshape(-1, 1)
    mixed = numbers + (np.arange(1, 1 + count, dtype='u8') + seed) * np.uint64(0x9E3779B97F4A7C15)
    return ((mixed >> np.uint64(24)) % np.uint64(8191)).astype('f4').reshape(len(ids), *row)


def all_ids(corpus: Corpus) -> list[str]:
    "Ids by position, deleted items among them"
    return [f'{i:016x}' for i in corpus.snapshot.column('item_id').tolist()] if corpus.snapshot.head.items else []


def extend(corpus: Corpus, count: int = 10**6, name: str = 'natural', row: tuple[int, ...] = (5,)) -> int:
    "Add the right vectors for the next items to a set, which is made if it is not there; how many rows it has then"
    head, held = corpus.snapshot.head, corpus.vector_sets.get(name)
    start = held.length if held else 0
    ids = all_ids(corpus)[start:start + count]
    return extend_vectors(corpus.snapshot.ledger, name, {'kind': 'encoder', 'told': ''}, start,
                          right_vectors(ids, name, row), numbering=head.numbering)


def replace(corpus: Corpus, told: str, name: str = 'plane', row: tuple[int, ...] = (2,)) -> None:
    "Put a map of all items in the place of the one that is there"
    replace_vectors(corpus.snapshot.ledger, name, {'kind': 'map', 'told': told},
                    right_vectors(all_ids(corpus), name, row, told), numbering=corpus.snapshot.head.numbering)


def check_vectors(corpus: Corpus, only: Iterable[str] | None = None) -> None:
    "Every vector that can be seen is that of its item, and none is missing below the promised length"
    ids, positions = corpus.ids().tolist(), corpus.positions
    for name in corpus.vector_sets if only is None else only:
        held = corpus.vector_sets[name]
        rows, there = corpus.vectors(name, missing='nan'), positions < held.length
        right = right_vectors(ids, name, held.row, held.card['told'])
        assert (rows[there] == right[there]).all(), f'an item has a vector “{name}” of another'
        assert np.isnan(rows[~there]).all()


def scan(number: int, family: str = '', kind: int | None = None) -> Measurement:
    "A scan of which everything follows from its number"
    id = id_of(number, family)
    dtype, channels, points = KINDS[(number % 7 == 3) + (number % 11 == 5) if kind is None else kind]
    facets = right_facets(id)
    facets['date'] = str(np.datetime64(int(facets['date']), 's'))
    return Measurement(
        right_pixels(id, dtype, channels, points), tuple(Channel(f'signal {n}', 'V') for n in range(channels)),
        (2e-9, 1e-9), facets, {'told': id, 'gain': number}, source=f'{family}{number}.ibw',
        sha256=sha_of(number, family))


def check_pixels(corpus: Corpus, position: int, id: str) -> None:
    "The pixels of an item are those of its id, and have the size that was promised"
    image = corpus.snapshot.image(position)
    right = right_pixels(id, image.dtype.str[1:], image.shape[0], image.shape[1:])
    assert image.shape == right.shape and (image == right).all(), f'item {id} has pixels of something else'


def check_items(corpus: Corpus, changed: Iterable[str] = ()) -> list[str]:
    "Every item that can be seen is what its id says, in pixels, columns, vectors and metadata; except changed facets"
    ids, mine = corpus.ids().tolist(), set(right_facets('0' * 16)) | {'material'}
    check_vectors(corpus)
    assert len(set(ids)) == len(ids), 'an item is there twice'
    columns = {name: corpus.values(name) for name in mine - set(changed) if name in corpus.facets}
    for n, (position, id) in enumerate(zip(corpus.positions.tolist(), ids, strict=True)):
        check_pixels(corpus, position, id)
        right, item = right_facets(id), corpus[n]
        for name, values in columns.items(): check_value(id, name, values[n], right.get(name))
        assert item.metadata['told'] == id and item.pixel_size == (2e-9, 1e-9), f'item {id} has metadata of another'
        assert {k: as_stored(v) for k, v in item.facets.items() if k in columns} == {
            k: v for k, v in right.items() if k in columns}, f'item {id}: its row says something else than its columns'
    return ids


def as_stored(value: Any) -> Any:
    "Dates as seconds, everything else as it is"
    return float(value.astype('datetime64[s]').astype('i8')) if isinstance(value, np.datetime64) else value


def check_value(id: str, name: str, value: Any, right: Any) -> None:
    "A value of a column is the one that belongs to the id"
    missing = value == '' if isinstance(value, str) else np.isnat(value) if name == 'date' else np.isnan(value)
    same = missing if right is None else as_stored(value) == right
    assert same, f'item {id}: {name} is {value!r} instead of {right!r}'


def check_plain(path: Path, promised: set[str]) -> set[str]:
    "What a zarr reader sees without matnb: only promised items, each whole"
    import xarray as xr

    seen = xr.open_zarr(path)
    if 'item_id' not in seen: return set()
    ids = [f'{n:016x}' for n in seen.item_id.values.tolist()]
    strange = set(ids) - promised
    assert not strange, f'a zarr reader sees {len(strange)} of {len(ids)} items that were never promised: {strange}'
    arrays = {str(n): v.values for n, v in seen.variables.items() if v.ndim == 4}
    for variable in (v for n, v in seen.variables.items() if str(n).startswith('vectors_')):
        told = json.loads(variable.attrs['card'])['told']
        right = right_vectors(ids[:len(variable)], variable.attrs['long_name'], variable.shape[1:], told)
        assert (variable.values == right).all(), 'a zarr reader sees a vector of another item'
        assert (variable.dims[0] == 'item') == (len(variable) == len(ids))
    for id, number, row in zip(ids, seen.image_array.values, seen.image_row.values, strict=True):
        image = arrays[f'image_{number}'][int(row)]
        right = right_pixels(id, image.dtype.str[1:], image.shape[0], image.shape[1:])
        assert (image == right).all(), f'a zarr reader sees item {id} with wrong pixels'
    if 'thickness' in seen:
        right = [right_facets(i).get('thickness', np.nan) for i in ids]
        assert np.array_equal(seen.thickness.values, right, equal_nan=True), 'a zarr reader sees a wrong facet'
    return {i for i, gone in zip(ids, seen.deleted.values, strict=True) if not gone}


def everything(path: Path) -> dict[str, Any]:
    "All that the interface of a corpus tells, in a form that can be compared"
    corpus = open_corpus(path)
    told: dict[str, Any] = {'ids': corpus.ids().tolist(), 'title': corpus.title, 'facets': corpus.facets}
    told |= {'runs': corpus.runs(), 'sources': corpus.sources()}
    for name, row in corpus.snapshot.arrays.items():
        if row.kind == 'column': told[f'column {name}'] = corpus.column(name).tobytes()
    for name, facet in corpus.facets.items():
        values = corpus.values(name)
        told[f'values {name}'] = values.tobytes() if facet.kind == 'quantity' else values.tolist()
        if facet.kind in ('category', 'text'): told[f'counts {name}'] = corpus.counts(name)
    for item in corpus:
        pixels = (item.image.dtype.str, item.image.shape, item.image.tobytes(), item.channels)
        told[item.id] = (pixels, item.facets, item.about, item.metadata, item.source, item.history())
        told[f'{item.id} looked up'] = (corpus[item.id].position == item.position, corpus.has_source(item.row.sha256))
    for name, held in corpus.vector_sets.items():
        told[f'vectors {name}'] = (held, corpus.vectors(name, missing='nan').tobytes())
    for name in arrays_about(corpus.snapshot.arrays.values(), 'weights'):
        told[f'weights {name}'] = {k: (v.dtype.str, v.shape, v.tobytes()) for k, v in corpus.weights(name).items()}
    return told


def copy_of(path: Path, to: Path) -> Path:
    "A copy that keeps holes as holes, since a corpus of ten scans has chunks for thousands"
    for file in sorted(path.rglob('*')):
        if file.is_dir(): continue
        place = to/file.relative_to(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        copy_sparse(file, place)
    return to


def copy_sparse(file: Path, place: Path) -> None:
    "Copy a file without its holes"
    with file.open('rb') as source, place.open('wb') as target:
        target.truncate(size := file.stat().st_size)
        end = 0
        while end < size:
            try: start = os.lseek(source.fileno(), end, os.SEEK_DATA)
            except OSError: break
            end = os.lseek(source.fileno(), start, os.SEEK_HOLE)
            os.pwrite(target.fileno(), os.pread(source.fileno(), end - start, start), start)
    shutil.copymode(file, place)


def spread(count: int, most: int) -> list[int]:
    "Up to `most` numbers from 1 to `count`, the first and the last among them"
    number = min(count, most)
    return sorted({1 + round(n * (count - 1) / max(number - 1, 1)) for n in range(number)})


@contextlib.contextmanager
def quick_folder() -> Iterator[Path]:
    "A folder in memory where there is one: these tests sync thousands of times and do not need a disk for it"
    memory = Path('/dev/shm')
    usable = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 1 << 28
    path = Path(tempfile.mkdtemp(prefix='matnb-', dir=memory if usable else None))
    try: yield path
    finally: shutil.rmtree(path, ignore_errors=True)
