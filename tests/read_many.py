"""Read every file of a folder within limited memory and print one line of JSON for each.

Run as a program, in a process of its own: `python read_many.py FOLDER`. A crash or a hang of a decoder then costs this
process, and the lines that were printed say which file it was.
"""
import hashlib
import json
import resource
import sys
import time
from pathlib import Path

from matnb.corpus.measurement import Unreadable
from matnb.corpus.readers.formats import read_file

MEMORY = 1536 * 2**20


def fingerprint(path: Path) -> str:
    "Of all that a file says: pixels, names, units, scale and metadata"
    said = hashlib.sha256()
    for m in read_file(path):
        about = [[c.name, c.unit, c.direction] for c in m.channels], m.pixel_size, str(m.image.dtype), m.metadata
        said.update(json.dumps(about, sort_keys=True).encode() + m.image.tobytes())
    return said.hexdigest()


def outcome(path: Path) -> dict[str, str]:
    "What came of a file"
    try: return {'read': fingerprint(path)}
    except Unreadable as e: return {'refused': e.reason}
    except BaseException as e: return {'raised': f'{type(e).__name__}: {e}'}  # the failure this program looks for


if __name__ == '__main__':
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for path in sorted(Path(sys.argv[1]).iterdir()):
        start = time.monotonic()
        print(json.dumps({'name': path.name, 'begun': True}), flush=True)
        line = {'name': path.name} | outcome(path) | {'seconds': time.monotonic() - start}
        print(json.dumps(line), flush=True)
