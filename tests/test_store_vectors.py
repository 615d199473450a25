"""Vectors of old handles, of parts, of restored items, after others changed what there is"""
import json
import os
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from store_rules import all_ids, check_vectors, extend, id_of, quick_folder, replace, right_vectors, scan

from matnb.corpus import vectors
from matnb.corpus.facets import Facet
from matnb.corpus.ledger import CorpusError
from matnb.corpus.snapshot import CorpusChanged
from matnb.corpus.store import Corpus, create_corpus, open_corpus
from matnb.corpus.vectors import MissingVectors, extend_vectors, leavings, replace_vectors, store_weights


@pytest.fixture
def corpus() -> Corpus:
    "Twelve scans, two deleted, eight with a vector, all on a map"
    with quick_folder() as folder:
        made = create_corpus(folder/'corpus', 'vectors')
        made.append([scan(n) for n in range(12)])
        extend(made, 8)
        replace(made, 'first')
        made.delete([id_of(2), id_of(7)])
        yield made


@pytest.fixture
def compared(monkeypatch):
    "How many bytes were compared with a check sum"
    usual, counted = vectors.column_crc, [0]

    def counting(values, before=0):
        counted[0] += values.nbytes
        return usual(values, before)

    monkeypatch.setattr(vectors, 'column_crc', counting)
    return counted


def test_each_byte_is_compared_once(corpus, compared):
    "At first touch; after a refresh only what is new"
    corpus, counted = open_corpus(corpus.path), compared
    counted[0] = 0
    corpus.vectors('natural', 'nan')
    assert counted[0] == 8 * 20
    corpus.where(thickness=(0, 1)).vectors('natural', 'nan')
    corpus.refresh().vectors('natural', 'nan')
    corpus.append([scan(n) for n in range(20, 23)])
    corpus.vectors('natural', 'nan')
    assert counted[0] == 8 * 20
    extend(open_corpus(corpus.path))
    counted[0] = 0
    assert np.isfinite(corpus.refresh().vectors('natural')).all() and counted[0] == 7 * 20


def test_damage_of_what_is_new_is_noticed(corpus):
    corpus.vectors('natural', 'nan')
    extend(open_corpus(corpus.path))
    file = corpus.path/corpus.vector_sets['natural'].array/'c'/'0'/'0'
    with file.open('r+b') as f:
        f.seek(8 * 20)
        f.write(b'\x77')
    check_vectors(corpus)  # the rows that were promised to it
    with pytest.raises(OSError, match='“natural” are not what was written'): corpus.refresh().vectors('natural')


def test_an_old_handle_shows_what_it_showed(corpus):
    "Rows that others add do not matter to it, whether it has looked before or not"
    fresh, looked = open_corpus(corpus.path), open_corpus(corpus.path)
    right = looked.vectors('natural', 'nan').tobytes()
    extend(corpus)
    replace(corpus.refresh(), 'second')
    for old in (fresh, looked):
        assert old.vectors('natural', 'nan').tobytes() == right and old.vector_sets['natural'].length == 8
        assert old.vector_sets['plane'].card['told'] == 'first'
        with pytest.raises(MissingVectors, match=r'4 of 10 items.*embed\(corpus, \'natural\'\)'): old.vectors('natural')
    with pytest.raises(CorpusChanged, match='lost its vectors “plane”.*refresh'): fresh.vectors('plane')
    check_vectors(fresh.refresh())
    assert np.isfinite(fresh.vectors('plane')).all()


def test_what_one_holds_stays_when_it_is_dropped(corpus):
    held, old = corpus.vectors('plane'), open_corpus(corpus.path)
    right, array = held.copy(), corpus.vector_sets['plane'].array
    old.vectors('plane')
    corpus.drop_vectors('plane')
    assert (held == right).all() and (old.vectors('plane') == right).all() and not (corpus.path/array).exists()
    old.refresh()
    del held
    maps = Path('/proc/self/maps').read_text()
    assert f'{corpus.path}/{array}/' not in maps, 'the room of a dropped set is held'
    with pytest.raises(MissingVectors, match='no vectors .plane.; there are natural'): old.vectors('plane')
    with pytest.raises(CorpusError, match='no vectors'): corpus.drop_vectors('plane')


def test_parts_and_restored_items(corpus):
    rows = right_vectors(all_ids(corpus), 'natural', (5,))
    assert (corpus[:3].vectors('natural') == rows[[0, 1, 3]]).all() and corpus[:0].vectors('natural').shape == (0, 5)
    assert (corpus[[4, 0, 4]].vectors('natural') == rows[[5, 0, 5]]).all()
    corpus.restore([id_of(2)])
    assert (corpus[:3].vectors('natural') == rows[:3]).all()
    assert np.shares_memory(corpus[:3].vectors('natural'), corpus[1:5].vectors('natural'))
    corpus.compact()
    check_vectors(corpus)
    assert corpus.vector_sets['natural'].length == 7 and corpus.verify().ok
    corpus.restore([id_of(7)])
    corpus.append([scan(7)])
    assert len(corpus.vectors('natural', 'nan')) == 12
    extend(corpus)
    check_vectors(corpus.refresh())
    assert np.isfinite(corpus.vectors('natural')).all()


def test_compaction_that_touches_no_vector_moves_none(corpus):
    corpus.restore([id_of(2), id_of(7)])
    corpus.delete([id_of(9)])
    before = corpus.vector_sets['natural']
    corpus.compact()
    assert corpus.vector_sets['natural'] == before and corpus.vector_sets['plane'].length == 11
    check_vectors(corpus)


def test_rows_of_other_items_are_refused(corpus):
    "Whoever computed rows before a compaction is told, and nothing is written"
    old, before = open_corpus(corpus.path), (corpus.compact(), corpus.vector_sets)[1]
    rows = right_vectors([id_of(n) for n in range(12)], 'natural', (5,))
    ledger, card, stale = old.snapshot.ledger, before['natural'].card, old.snapshot.head.numbering
    for deed in (lambda: extend_vectors(ledger, 'natural', card, 6, rows[8:], numbering=stale),
                 lambda: extend_vectors(ledger, 'natural', card, 0, rows[:2], numbering=stale),
                 lambda: replace_vectors(ledger, 'plane', {}, rows[:10], numbering=stale)):
        with pytest.raises(CorpusChanged, match='refresh'): deed()
    assert corpus.refresh().vector_sets == before


def test_leavings_of_a_killed_process(corpus):
    "What was written for a number and never promised is not in the way of what gets that number, whatever its shape"
    number = corpus.snapshot.head.next_array
    (corpus.path/f'vectors_{number}'/'c'/'0').mkdir(parents=True)
    (corpus.path/f'vectors_{number}'/'c'/'0'/'0').write_bytes(b'old')
    extend(corpus, name='windows', row=(2, 3))
    assert corpus.refresh().vector_sets['windows'].array == f'vectors_{number}'
    check_vectors(corpus)
    (corpus.path/'vectors_99').mkdir()
    (corpus.path/'vectors_of_mine').mkdir()
    corpus.compact()
    assert not leavings(corpus.path, corpus.snapshot.arrays) and (corpus.path/'vectors_of_mine').exists()
    check_vectors(corpus)


def test_a_dataset_has_vectors(corpus):
    "Lazy, of the same commit in another process, and under another name if a facet took theirs"
    corpus.define(Facet('plane'))
    corpus.define(Facet('natural_feature'))
    dataset = corpus.dataset
    assert dataset['plane vectors'].dims == ('item', 'plane vectors_axis') and dataset.plane.dims == ('item',)
    packed = pickle.dumps(dataset)
    extend(corpus)
    told = pickle.loads(packed)['natural vectors']
    assert json.loads(told.attrs['card'])['kind'] == 'encoder' and np.isnan(told.values[6:]).all()
    assert (told[1:4, 2].values == right_vectors([id_of(n) for n in (1, 3, 4)], 'natural', (5,))[:, 2]).all()
    engine = xr.open_dataset(corpus.path, engine='matnb')
    assert np.isfinite(engine['natural vectors'].values).all()
    replace(corpus.refresh(), 'second')
    corpus.compact()
    check_vectors(corpus)
    corpus.export(corpus.path.with_name('packed'))
    packed = xr.open_zarr(corpus.path.with_name('packed'))['plane vectors']
    assert packed.values.tobytes() == corpus.vectors('plane').tobytes() and packed.dims[0] == 'item'
    with pytest.raises(ValueError, match='natural_feature.*facet'): extend(corpus, name='natural_feature')


def test_a_card_is_data(corpus):
    "Whatever is in it, it comes back the same for the same, and never as HTML"
    odd = {'kind': '<script>alert(1)</script>', 'text': 'a\ud800\u202e"', 'number': float('nan'), 'sees': (1, None),
           'array': np.float32(2), 'n': {'1': [b'\xff']}}
    for start in (0, 3): extend_vectors(
        corpus.snapshot.ledger, 'odd & <b>', odd, start, np.ones((3, 2)), numbering=corpus.snapshot.head.numbering)
    shown = corpus.refresh()._repr_html_()
    assert corpus.vector_sets['odd & <b>'].length == 6 and '<script' not in shown and '&lt;script' in shown
    with pytest.raises(CorpusError, match='made otherwise.*drop_vectors'): extend_vectors(
        corpus.snapshot.ledger, 'odd & <b>', odd | {'kind': ''}, 6, np.ones((1, 2)),
        numbering=corpus.snapshot.head.numbering)
    assert corpus.verify().ok


def test_weights_are_replaced_as_a_whole(corpus):
    ledger = corpus.snapshot.ledger
    store_weights(ledger, 'natural', {'mean': np.arange(5.), 'turn': np.eye(5, dtype='>f4'), 'none': np.zeros((0, 3))})
    corpus.refresh()
    assert corpus.weights('natural')['turn'].tolist() == np.eye(5).tolist() and corpus.verify().ok
    assert corpus.weights('natural')['none'].shape == (0, 3)
    store_weights(ledger, 'natural', {'mean': np.ones(5)})
    assert list(corpus.refresh().weights('natural')) == ['mean'] and not leavings(corpus.path, corpus.snapshot.arrays)
    extend(corpus)
    corpus.compact()
    copy = corpus.publish(corpus.path.with_name('copy'))
    assert copy.weights('natural')['mean'].tolist() == [1] * 5
    assert copy.vectors('natural').tobytes() == corpus.vectors('natural').tobytes()
    check_vectors(copy)
    for path in (copy.path, *copy.path.rglob('*')): os.chmod(path, 0o755 if path.is_dir() else 0o644)


def test_threads_share_a_handle(corpus):
    "Readers in threads beside a thread that adds rows"
    done = threading.Event()

    def look() -> int:
        looks = 0
        while not done.is_set() or not looks:
            check_vectors(open_corpus(corpus.path) if looks % 2 else corpus)
            looks += 1
        return looks

    with ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(look) for _ in range(3)]
        for n in range(10):
            other = open_corpus(corpus.path)
            other.append([scan(40 + n)])
            extend(other, 2)
        done.set()
        assert all(r.result() for r in readers)
