"A corpus that was written in 2026 opens for ever, with the same content"
import json
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from matnb.corpus.measurement import Channel, Measurement
from matnb.corpus.store import Corpus, open_corpus

GOLDEN = Path(__file__).with_name('golden')


def told_by(corpus: Corpus) -> dict[str, Any]:
    "All that a corpus says, as JSON can hold it; pixels as hexadecimal digits"
    return json.loads(json.dumps(vectors_of(corpus) | {
        'title': corpus.title, 'facets': [asdict(f) for f in corpus.facets.values()], 'ids': corpus.ids().tolist(),
        'columns': {n: as_text(corpus.values(n)) for n in corpus.facets},
        'counts': {n: corpus.counts(n) for n, f in corpus.facets.items() if f.kind in ('category', 'text')},
        'runs': [[r.kind, r.parameters, r.report] for r in corpus.runs()], 'sources': corpus.sources(),
        'items': [{'id': i.id, 'dtype': i.image.dtype.str, 'shape': i.image.shape, 'pixels': i.image.tobytes().hex(),
                   'channels': [c.key for c in i.channels], 'units': [c.unit for c in i.channels], 'about': i.about,
                   'facets': {n: str(v) for n, v in i.facets.items()}, 'pixel_size': i.pixel_size, 'source': i.source,
                   'metadata': i.metadata, 'history': [[c.facet, c.old, c.new, c.who, c.why] for c in i.history()]}
                  for i in corpus]}))


def vectors_of(corpus: Corpus) -> dict[str, Any]:
    "Vectors and their weights, if there are any; numbers as hexadecimal digits"
    if not corpus.vector_sets: return {}
    told = {name: [held.card, held.row, held.dtype, corpus.vectors(name, missing='nan').tobytes().hex()]
            for name, held in corpus.vector_sets.items()}
    weights = {part: [a.dtype.str, a.shape, a.tobytes().hex()] for part, a in corpus.weights('natural').items()}
    return {'vectors': told, 'weights': weights}


def as_text(values: np.ndarray) -> list[str]:
    "Values as text, exactly"
    return [str(v) for v in values.tolist()]


@pytest.fixture(params=sorted(GOLDEN.glob('corpus_*.zip')), ids=lambda p: p.stem)
def golden(request, tmp_path):
    "A corpus of an earlier format, and what it must say"
    with zipfile.ZipFile(request.param) as packed: packed.extractall(tmp_path/'corpus')
    return tmp_path/'corpus', json.loads(request.param.with_suffix('.json').read_text())


def test_golden_corpora_say_the_same(golden):
    path, right = golden
    corpus = open_corpus(path)
    assert told_by(corpus) == right
    assert corpus.verify().ok
    copy = told_by(corpus.publish(path.with_name('copy')))
    assert copy == right | {'runs': [*right['runs'], ['compact', '{"items": 1}', '{}']]}
    assert corpus.where(material='PbTiO3', thickness=(None, 1e-8)).ids().tolist()


def test_golden_corpora_can_be_added_to(golden):
    path, right = golden
    corpus = open_corpus(path)
    said = {'material': 'KNbO3', 'thickness': 1.}
    new = Measurement(np.ones((1, 6, 8), 'u1'), (Channel('height', 'm'),), facets=said)
    assert corpus.append([new]).added == [new.id]
    gone = corpus.ids()[0]
    corpus.annotate({gone: {'outcome': 'lost'}})
    corpus.delete([gone])
    assert corpus.compact() == 2 and corpus.verify().ok
    assert told_by(corpus)['items'][:-1] == right['items'][1:]


def test_golden_corpora_need_no_matnb(golden):
    path, right = golden
    seen = xr.open_zarr(path)
    visible = seen.isel(item=np.flatnonzero(seen.deleted.values == 0))
    assert [f'{n:016x}' for n in visible.item_id.values.tolist()] == right['ids']
    assert as_text(visible.thickness.values) == right['columns']['thickness']
    assert [seen.material.attrs['words'][n] for n in visible.material.values] == right['columns']['material']
    for item, number, row in zip(right['items'], visible.image_array.values, visible.image_row.values, strict=True):
        assert seen[f'image_{number}'][row].values.tobytes().hex() == item['pixels']
    sets = [v for n, v in visible.variables.items() if n.startswith('vectors_')]
    whole = {v.attrs['long_name']: v for v in sets if 'item' in v.dims}
    for name, variable in whole.items():
        assert variable.values.tobytes().hex() == right['vectors'][name][-1]
        assert json.loads(variable.attrs['card']) == right['vectors'][name][0]
    assert list(whole) == [n for n in right.get('vectors', ()) if n.startswith('plane')]


def test_there_is_a_golden_corpus():
    assert sorted(p.name for p in GOLDEN.glob('corpus_*.zip')) == ['corpus_1.zip', 'corpus_1_vectors.zip']
    assert sum(p.stat().st_size for p in GOLDEN.iterdir()) < 150_000
