"Search for parts of images: windows, candidates, places, and a small trial"
import numpy as np
import pytest

from matnb.corpus.measurement import Channel, Measurement
from matnb.corpus.simulated import simulate_corpus
from matnb.corpus.store import create_corpus
from matnb.corpus.vectors import MissingVectors
from matnb.similarity.embedding import embed
from matnb.similarity.encoders import encoder
from matnb.similarity.regions import Windows, WindowVectors, region_trial, search_regions, windows_of
from matnb.similarity.registration import cut
from matnb.similarity.searching import Box, metric_of, search
from matnb.similarity.views import Window


@pytest.fixture(scope='module')
def corpus(tmp_path_factory):
    made = simulate_corpus(tmp_path_factory.mktemp('regions')/'corpus', 60, size=160, progress=False)
    return embed(made, encoder('spectral', side=48), windows=Windows(), progress=False)


@pytest.mark.parametrize('shape', [(160, 160), (64, 300), (301, 97)])
def test_windows_lie_within_the_image(shape):
    windows = windows_of(shape, Windows())
    assert len(windows) == len(Windows()) and len({(w.y, w.x, w.size) for w in windows}) == len(windows)
    for w in windows: assert (w.corners() > -1e-6).all() and (w.corners() < np.array(shape) + 1e-6).all()


def test_the_nearest_window_is_the_nearest():
    rng = np.random.default_rng(0)
    vectors = (rng.standard_normal((50, 7, 8)) @ rng.standard_normal((8, 40))).astype('f2')  # within 64 directions
    vectors[3], vectors[4, :6] = np.nan, np.nan
    asked = vectors[20, 2].astype('f4') + 0.5
    for metric in ('euclidean', 'cosine'):
        full = vectors.astype('f4')
        if metric == 'cosine':
            full, against = full / np.linalg.norm(full, axis=2, keepdims=True), asked / np.linalg.norm(asked)
        else: against = asked
        true = np.linalg.norm(full - against, axis=2)
        far, which = WindowVectors(vectors, metric).nearest(asked)
        assert np.isinf(far[3]) and which[4] == 6
        known = np.arange(50) != 3
        assert np.allclose(far[known], np.nanmin(true[known], 1), rtol=0.02, atol=0.02 * np.nanmax(true))


def test_sources_of_crops_are_found(corpus):
    trial = region_trial(corpus, 14, seed=3, progress=False)
    told = trial.to_frame()
    assert trial.first >= 0.85, told
    right = told[told['rank'] == 0]
    assert right.off.median() < 0.5 and right.turned.median() < 0.5
    assert (right.correlation > 0.5).mean() > 0.8


def test_one_channel_is_enough_to_ask(corpus):
    item = corpus[next(n for n in range(60) if corpus[n].facets.get('domain_type') == 'stripes')]
    picture = cut(item.image[1:2], item.channels[1:2], Window(80, 70, 70, 140), 100)[0]
    hits = search_regions(corpus, picture, count=3, channels=['amplitude'])
    assert hits[0].id == item.id and abs(hits[0].window.y - 80) < 1 and abs(hits[0].window.x - 70) < 1
    assert hits.view[0].id == item.id and hits._repr_html_().count('<img') >= 4


def test_boxes_and_views(corpus):
    box = Box(5, 80, 80, 60, 30, any_scale=True)
    hits = search(corpus, box, count=5)
    assert len(hits) == 5 and corpus[5].id not in hits.ids and all(h.window for h in hits)
    inside = corpus.where(outcome='success')
    assert set(search(inside, Box(corpus[5].id, 80, 80, 60, any_scale=True), count=5).ids) <= set(inside.ids())
    scaled = search_regions(corpus, Box(5, 80, 80, 60), count=4, looks=10)
    extent = 60 * corpus[5].pixel_size[1]
    for hit in scaled: assert 0.6 < hit.window.size * corpus[hit.id].pixel_size[1] / extent < 1.6


def test_several_examples_and_unlike_ones(corpus):
    parts = [cut(corpus[n].image, corpus[n].channels, Window(80, 80, 70, 20), 70) for n in (8, 30)]
    pictures = [Measurement(p, corpus[n].channels) for p, n in zip(parts, (8, 30), strict=True)]
    hits = search_regions(corpus, pictures, count=4, looks=20)
    assert {corpus[8].id, corpus[30].id} <= set(hits.ids[:2]) and {h.example for h in hits[:2]} == {0, 1}
    without = search_regions(corpus, pictures[0], unlike=pictures[1], count=60, looks=20)
    assert without.ids.index(corpus[8].id) < without.ids.index(corpus[30].id)


def test_told_distances_are_those_of_the_stored_vectors(corpus):
    stored = corpus.vectors('spectral windows').astype('f8')
    assert metric_of(corpus.vector_sets['spectral windows']) == 'euclidean'
    pictures = [Measurement(corpus[n].image[:, 20:110, 30:120], corpus[n].channels) for n in (8, 30)]
    hits = search_regions(corpus, pictures[0], unlike=pictures[1], count=60, looks=10)
    (like,), (unlike,) = hits.asked.like, hits.asked.unlike
    liked, unliked = (np.linalg.norm(stored - e.vector, axis=2) for e in (like, unlike))
    assert len(hits) == 60 and len({h.distance for h in hits}) > 50
    for hit, position in zip(hits, hits.view.positions, strict=True):
        assert np.isclose(liked[position], hit.distance, rtol=1e-5, atol=1e-7).any()
        assert hit.distance < 1.2 * np.nanmin(liked[position])
        assert np.isclose(np.nanmin(unliked[position]), hit.unlike, rtol=1e-5, atol=1e-7)


def test_items_without_windows_are_left_out_when_asked(tmp_path):
    grown = simulate_corpus(tmp_path/'grown', 6, size=64, progress=False)
    embed(grown, 'spectral', windows=Windows((0.5,), (2,)), progress=False)
    grown.append([Measurement(grown[0].image, grown[0].channels)])
    with pytest.raises(MissingVectors, match=r"embed\(corpus, 'spectral', windows=Windows\(sizes=\[0.5\]"):
        search(grown, 3, regions=True)
    assert len(search(grown, 3, regions=True, missing='nan')) == 5
    with pytest.raises(ValueError, match='missing='): search(grown, 3, regions=True, missing='no')


def test_images_with_gaps_other_shapes_and_other_channels(tmp_path):
    rng = np.random.default_rng(0)
    half = rng.standard_normal((1, 96, 96)).astype('f4')
    half[:, 30:] = 0  # the scan was stopped
    wide = rng.standard_normal((2, 64, 128)).astype('f4')
    corpus = create_corpus(tmp_path/'mixed')
    corpus.append([Measurement(half, (Channel('height', 'm'),)),
                   Measurement(wide, (Channel('height', 'm'), Channel('amplitude', 'm')))], 'test', {})
    embed(corpus, encoder('spectral', channels=('height',), side=32), windows=Windows(), progress=False)
    vectors = corpus.vectors('spectral windows')
    blank = np.isnan(vectors).any(2)
    assert blank[0].any() and not blank[0].all() and not blank[1].any(), 'only windows without data have no vector'
    found = search_regions(corpus, cut(wide[:1], [Channel('height', 'm')], Window(32, 90, 40, 10), 50)[0], count=2,
                           channels=['height'])
    assert len(found) == 2


def test_errors_say_what_to_do(corpus, tmp_path):
    with pytest.raises(MissingVectors, match='windows=Windows'): search_regions(corpus, 0, vectors='natural')
    with pytest.raises(ValueError, match='at least one example'): search_regions(corpus, [])
    with pytest.raises(ValueError, match='at least 1'): search_regions(corpus, 0, count=0)
    bare = simulate_corpus(tmp_path/'bare', 2, size=64, progress=False)
    with pytest.raises(MissingVectors, match='has no windows'): search_regions(bare, 0)
