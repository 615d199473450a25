"""600 damaged copies of a small file per format: 180 cut off, 420 with changed bytes, from a fixed seed.

Allowed are measurements or `Unreadable`: no crash, no hang, no other exception. Where a format carries a checksum, a
copy that decodes to something else than the original must have been refused.
"""
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pytest
import small_files
import tifffile

HERE = Path(__file__).parent
COPIES = 600


@dataclass(frozen=True)
class Seed:
    "An undamaged file, the stretches of it that a checksum guards, and whether damage elsewhere can switch it off"

    suffix: str
    data: bytes
    guarded: tuple[range, ...] = ()
    fragile: bool = False

    def vouches_for(self, places: list[int]) -> bool:
        "Whether a checksum must notice changes at these places"
        inside = [any(place in stretch for stretch in self.guarded) for place in places]
        return all(inside) if self.fragile else any(inside)


def made_by(write, suffix: str, folder: Path) -> bytes:
    path = folder / f'seed{suffix}'
    write(path)
    return path.read_bytes()


def write_hspy(path: Path) -> None:
    from rsciio.hspy import file_writer
    axes = [{'_type': 'UniformDataAxis', 'name': name, 'size': size, 'scale': 2.0, 'offset': 0.0, 'units': 'nm',
             'navigate': False, 'is_binned': False} for name, size in [('y', 12), ('x', 16)]]
    file_writer(str(path), {'data': small_files.ramps()[0], 'axes': axes, 'metadata': {'General': {'title': 'small'}},
                            'original_metadata': {}, 'learning_results': {}, 'attributes': {'_lazy': False},
                            'tmp_parameters': {}, 'models': {},
                            'package_info': {'package': 'hyperspy', 'package_version': '2.0'}})


def zlib_strips(data: bytes) -> tuple[range, ...]:
    with tifffile.TiffFile(io.BytesIO(data)) as tiff:
        pages = [zip(page.dataoffsets, page.databytecounts, strict=True) for page in tiff.pages]
        return tuple(range(start, start + count) for page in pages for start, count in page)


def fletcher_chunks(path: Path) -> tuple[range, ...]:
    with h5py.File(path) as file:
        arrays = [file[f'Measurement_000/Channel_{i}/Channel_{i}/Channel_{i}'].id for i in range(2)]
        chunks = [array.get_chunk_info(n) for array in arrays for n in range(array.get_num_chunks())]
        return tuple(range(c.byte_offset, c.byte_offset + c.size) for c in chunks)


def seed_of(name: str, folder: Path) -> Seed:
    if name == 'igor': return Seed('.ibw', small_files.igor_wave(), (range(384),))
    if name == 'gwyddion': return Seed('.gwy', small_files.gwyddion_file())
    if name == 'bruker': return Seed('.spm', small_files.nanoscope_file())
    if name == 'nsid': return Seed('.h5', made_by(small_files.nsid_file, '.h5', folder))
    if name == 'nsid checksum':
        data = made_by(lambda p: small_files.nsid_file(p, checksum=True), '.h5', folder)
        return Seed('.h5', data, fletcher_chunks(folder / 'seed.h5'), fragile=True)
    if name == 'png': return Seed('.png', data := small_files.picture('PNG'), (range(len(data)),))
    if name == 'jpeg': return Seed('.jpg', small_files.picture('JPEG'))
    if name == 'tiff zlib': return Seed('.tif', data := small_files.tiff(), zlib_strips(data))
    if name == 'tiff': return Seed('.tif', small_files.tiff(None))
    if name == 'npy': return Seed('.npy', small_files.array())
    if name == 'rosettasciio': return Seed('.hspy', made_by(write_hspy, '.hspy', folder))
    raise KeyError(name)


NAMES = ('igor', 'gwyddion', 'bruker', 'nsid', 'nsid checksum', 'png', 'jpeg', 'tiff zlib', 'tiff', 'npy',
         'rosettasciio')


def damaged(seed: Seed) -> Iterator[tuple[bytes, list[int]]]:
    "Copies and the places at which they differ: anywhere, in the first 600 bytes, or only where a checksum guards"
    random, whole = np.random.default_rng(20240820), len(seed.data)
    guarded = [place for stretch in seed.guarded for place in stretch]
    for i in range(COPIES):
        if i < 0.3 * COPIES:
            end = int(random.integers(0, whole))
            yield seed.data[:end], list(range(end, whole))
            continue
        pool = guarded if guarded and i % 5 == 0 else range(min(600, whole) if i % 3 == 0 else whole)
        places = sorted({pool[int(p)] for p in random.integers(0, len(pool), random.integers(1, 9))})
        copy = bytearray(seed.data)
        for place in places: copy[place] ^= int(random.integers(1, 256))
        yield bytes(copy), places


def read_in_child(folder: Path) -> dict[str, dict]:
    environment = os.environ | {'OPENBLAS_NUM_THREADS': '1', 'OMP_NUM_THREADS': '1', 'PYTHONPATH': str(HERE.parent)}
    try:
        done = subprocess.run([sys.executable, str(HERE / 'read_many.py'), str(folder)], env=environment, timeout=240,
                              capture_output=True, text=True)
    except subprocess.TimeoutExpired as e: pytest.fail(f'hangs: {str(e.stdout)[-200:]}')
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, f'crashed with {done.returncode} at {lines[-1:]}: {done.stderr[-500:]}'
    return {line['name']: line for line in lines if 'begun' not in line}


@pytest.mark.timeout(280)
@pytest.mark.parametrize('name', NAMES)
def test_damaged_copies(name: str, tmp_path: Path) -> None:
    (aside := tmp_path / 'seed').mkdir()
    seed = seed_of(name, aside)
    (folder := tmp_path / 'copies').mkdir()
    (folder / f'original{seed.suffix}').write_bytes(seed.data)
    places = {}
    for i, (copy, changed) in enumerate(damaged(seed)):
        (folder / f'{i:03}{seed.suffix}').write_bytes(copy)
        places[f'{i:03}{seed.suffix}'] = changed
    outcomes = read_in_child(folder)
    assert len(outcomes) == COPIES + 1
    original = outcomes.pop(f'original{seed.suffix}')
    assert 'read' in original, original
    raised = [line for line in outcomes.values() if 'raised' in line]
    assert not raised, raised[:5]
    assert max(line['seconds'] for line in outcomes.values()) < 30
    refused = sum('refused' in line for line in outcomes.values())
    assert refused >= 0.2 * COPIES, f'only {refused} of {COPIES} were noticed'
    silent = [n for n, line in outcomes.items()
              if line.get('read', original['read']) != original['read'] and seed.vouches_for(places[n])]
    assert not silent, f'{len(silent)} copies decode differently without a word: {silent[:5]}'
