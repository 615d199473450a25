"""Made `corpus_1_vectors.zip` and its `.json`: a corpus of format 1 with vectors. Never to be made again.

Vectors came into the store without a new format: an older corpus has none. This one has three sets and some weights. It
ran by `PYTHONPATH=.:tests:tests/golden python tests/golden/make_corpus_1_vectors.py`.
"""
import json
import zipfile
from pathlib import Path

import numpy as np
from make_corpus_1 import scans
from store_rules import quick_folder
from test_store_golden import told_by

from matnb.corpus.store import create_corpus
from matnb.corpus.vectors import extend_vectors, replace_vectors, store_weights

HERE = Path(__file__).parent


def main() -> None:
    "Make both files"
    rng, card = np.random.default_rng(2), {'kind': 'encoder', 'name': 'natural', 'view': {'side': 128, 'extent': None}}
    with quick_folder() as folder:
        corpus = create_corpus(folder/'corpus', 'golden “1” with vectors')
        corpus.append(scans()[:8])
        ledger, numbering = corpus.snapshot.ledger, corpus.snapshot.head.numbering
        rows = rng.normal(size=(8, 5)).astype('f4')
        rows[3] = np.nan  # cannot be shown
        for start in (0, 4): extend_vectors(ledger, 'natural', card, start, rows[start:start + 4], numbering=numbering)
        corpus.delete([corpus.ids()[1]], who='Ben')
        corpus.compact()
        corpus.append(scans()[8:])
        numbering = corpus.snapshot.head.numbering
        few = rng.normal(size=(6, 2, 3)).astype('f2')
        extend_vectors(ledger, 'natural windows', card | {'windows': 2}, 0, few, numbering=numbering)
        for _ in range(2):
            plane = rng.normal(size=(9, 2))
            replace_vectors(ledger, 'plane <b>', {'kind': 'map', 'seed': 0}, plane, numbering=numbering)
        store_weights(ledger, 'natural', {'turn': rng.normal(size=(3, 5)), 'scale': np.float32(1.5)})
        corpus.refresh().delete([corpus.ids()[3]], who='Ben')
        with zipfile.ZipFile(HERE/'corpus_1_vectors.zip', 'w', zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
            for file in sorted(p for p in corpus.path.rglob('*') if p.is_file() and not p.name.startswith('.')):
                packed.write(file, file.relative_to(corpus.path))
        told = json.dumps(told_by(corpus), ensure_ascii=False, indent=1) + '\n'
        (HERE/'corpus_1_vectors.json').write_text(told)


if __name__ == '__main__': main()
