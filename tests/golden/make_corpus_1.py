"""Made `corpus_1.zip` and `corpus_1.json`: a corpus of format 1 and what it holds. Never to be made again.

A later matnb must open the corpus of 2026 and find the same in it. When the format changes, this script is copied under
the next number, and the files of this one stay. It ran by `PYTHONPATH=.:tests python tests/golden/make_corpus_1.py`.
"""
import json
import zipfile
from pathlib import Path

import numpy as np
from store_rules import quick_folder
from test_store_golden import told_by

from matnb.corpus.facets import Facet
from matnb.corpus.measurement import Channel, Measurement
from matnb.corpus.store import create_corpus

HERE = Path(__file__).parent
BOTH_WAYS = (Channel('phase', 'deg', 'trace', 'Phase1Trace'), Channel('phase', 'deg', 'retrace', 'Phase1Retrace'))
ODD = np.array([np.nan, np.inf, -np.inf, -0.0, 1e-40, 3.4e38], 'f4')


def scans() -> list[Measurement]:
    "Images of three kinds, with facets of each kind, some missing, some odd"
    rng, made = np.random.default_rng(1), []
    for n in range(8):
        image = rng.normal(size=(2, 5, 7)).astype('f4')
        image.flat[:6] = ODD
        facets = {'material': ['PbTiO3', 'BiFeO₃', 'Pb(Zr,Ti)O3 “PZT”'][n % 3], 'thickness': 1e-9 * n,
                  'date': ['2019-04-03', '1969-07-20T20:17:40', '2026-01-01T12:00:00.5'][n % 3], 'rating': n % 4,
                  'notes': f'Nº {n} <b>'}
        made.append(Measurement(
            image, BOTH_WAYS, (2e-9, 1e-9) if n % 3 else None, dict(list(facets.items())[n % 2:]),
            {'Gain': 3.5, 'Notes': ['a', None, True], 'größe': {'x': n // 2}}, source=f'2019/scan_{n // 2}.ibw',
            sha256=f'{n // 2:064x}', place=n % 2, warnings=['odd'] if n == 3 else []))
    small, bins = np.arange(48, dtype='u1').reshape(1, 6, 8), np.arange(12, dtype='i8').reshape(3, 2, 2) * 10**12
    made.append(Measurement(small, (Channel('height', 'm'),), facets={'material': 'BaTiO3'}))
    made.append(Measurement(bins, tuple(Channel(f'bin {n}') for n in range(3)), origin='simulated'))
    return made


def main() -> None:
    "Make both files"
    with quick_folder() as folder:
        corpus = create_corpus(folder/'corpus', 'golden “1”')
        corpus.append(scans()[:6], 'collect', {'folder': 'scans'})
        corpus.define(Facet('coercive_voltage', 'quantity', 'V', 'half the width'))
        corpus.append(scans()[6:])
        ids = corpus.ids().tolist()
        corpus.delete([ids[1], ids[4]], who='Ben', why='tip crash')
        corpus.compact()
        said = {ids[0]: {'outcome': 'failed', 'thickness': 5e-8}, ids[2]: {'outcome': 'success'}}
        corpus.annotate(said, who='Ana', why='seen')
        corpus.annotate({ids[0]: {'outcome': 'partial', 'notes': None}}, who='Ana')
        corpus.delete([ids[3]], who='Ben')
        corpus.record_run('collect', {'folder': 'more'}, {'unreadable': {'a.ibw': 'cut short'}})
        with zipfile.ZipFile(HERE/'corpus_1.zip', 'w', zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
            for file in sorted(p for p in corpus.path.rglob('*') if p.is_file() and not p.name.startswith('.')):
                packed.write(file, file.relative_to(corpus.path))
        (HERE/'corpus_1.json').write_text(json.dumps(told_by(corpus), ensure_ascii=False, indent=1) + '\n')


if __name__ == '__main__': main()
