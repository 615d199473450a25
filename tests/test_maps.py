"Maps: reproducible, faithful, whole for odd vectors; stored, extended and drawn with their corpus"
import hashlib
import os
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matnb.corpus.facets import Facet
from matnb.corpus.measurement import Channel, Measurement
from matnb.corpus.store import create_corpus, open_corpus
from matnb.corpus.vectors import MissingVectors, extend_vectors, replace_vectors
from matnb.similarity.faithfulness import judge_map
from matnb.similarity.layout import fit_correction, layout, place, unit_length
from matnb.similarity.map_times import clouds, cold_seconds, compared_times, map_by_peer
from matnb.similarity.maps import (
    extend_map,
    is_stale,
    make_map,
    map_corpus,
    maps_of,
    open_map,
    places_of,
    store_map,
    usual_name,
)
from matnb.similarity.neighbours import nearest_graph
from matnb.similarity.rough_graph import rough_graph


@pytest.fixture(scope='module')
def vectors():
    return clouds(1200, 48)


# --- Layout

SAME = """
import hashlib
from matnb.similarity.layout import layout
from matnb.similarity.map_times import clouds
v = clouds(9000, 32)
print(hashlib.sha256(layout(v[:700]).tobytes()).hexdigest(), hashlib.sha256(layout(v, epochs=20).tobytes()).hexdigest())
"""


def test_the_same_seed_gives_the_same_bytes_in_other_processes_and_with_other_threads():
    def run(threads): return subprocess.run(
        [sys.executable, '-c', SAME], check=True, text=True, stdout=subprocess.PIPE,
        env={**os.environ, 'OMP_NUM_THREADS': threads, 'MATNB_THREADS': threads}).stdout.split()
    once = run('1')
    assert once == run('2') and once[0] != once[1]
    assert hashlib.sha256(layout(clouds(9000, 32)[:700]).tobytes()).hexdigest() == once[0]


def test_no_warning_is_raised_and_the_vectors_are_left_alone(vectors, recwarn):
    before = vectors.copy()
    vectors.flags.writeable = False
    layout(vectors, epochs=5)
    layout(vectors[:3], dimensions=3)
    vectors.flags.writeable = True
    assert np.array_equal(before, vectors) and not recwarn.list


@pytest.mark.parametrize('dimensions', [2, 3])
def test_a_map_is_more_faithful_than_principal_axes(vectors, dimensions):
    curved, straight = (judge_map(vectors, layout(vectors, dimensions=dimensions, method=method))
                        for method in ('umap', 'pca'))
    assert curved.trustworthiness > 0.93 > straight.trustworthiness + 0.05
    assert curved.recall > 2 * straight.recall


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 40), st.integers(1, 12), st.sampled_from([2, 3]), st.sampled_from(['cosine', 'euclidean']),
       st.sampled_from(['umap', 'pca']), st.integers(0, 2**31), st.data())
def test_odd_vectors_get_a_place_or_none(count, width, dimensions, metric, method, seed, data):
    rng = np.random.default_rng(seed)
    odd = rng.standard_normal((count, width)) * 10.0 ** rng.integers(-6, 6)
    kinds = np.array(data.draw(st.lists(st.integers(0, 4), min_size=count, max_size=count)), int)
    odd[kinds == 1] = 1.5                              # copies of one another
    odd[kinds == 2] = np.nan
    odd[kinds == 3] = 0                                # no direction
    if count: odd[kinds == 4, 0] = np.inf
    places = layout(odd, dimensions=dimensions, metric=metric, method=method, neighbours=4, epochs=20, seed=seed)
    held = ~np.isin(kinds, [2, 4]) & ~((kinds == 3) & (metric == 'cosine'))
    assert places.shape == (count, dimensions) and places.dtype == np.float32
    np.testing.assert_array_equal(np.isfinite(places).all(1), held)
    np.testing.assert_array_equal(np.isnan(places).all(1), ~held)


def test_parts_without_any_link_between_them_stay_apart():
    rng = np.random.default_rng(0)
    part = np.repeat([0, 1, 2], 60)
    vectors = rng.standard_normal((180, 8)) + 1000 * np.eye(8)[part]
    places = layout(vectors, metric='euclidean')
    middle = np.array([places[part == n].mean(0) for n in range(3)])
    wide = max(np.linalg.norm(places[part == n] - middle[n], axis=1).max() for n in range(3))
    assert min(np.linalg.norm(middle[a] - middle[b]) for a, b in ((0, 1), (0, 2), (1, 2))) > 2 * wide


def test_a_map_follows_the_one_it_begins_from(vectors):
    parent = layout(vectors)
    some = np.argsort(np.linalg.norm(parent - parent[0], axis=1))[:400]
    child, other = layout(vectors[some], start=parent[some]), layout(vectors[some], start=-parent[some])
    assert all(np.corrcoef(parent[some, n], child[:, n])[0, 1] > 0.9 for n in (0, 1))
    assert all(np.corrcoef(parent[some, n], other[:, n])[0, 1] < -0.9 for n in (0, 1))
    half = parent[some].copy()
    half[::2] = np.nan
    assert np.isfinite(layout(vectors[some], start=half)).all()
    trust = [judge_map(vectors[some], places).trustworthiness for places in (child, layout(vectors[some]))]
    assert abs(trust[0] - trust[1]) < 0.02


def test_given_neighbours_are_used(vectors):
    graph = nearest_graph(unit_length(vectors), 15)
    assert np.array_equal(layout(vectors, graph=graph), layout(vectors))
    assert not np.array_equal(layout(vectors, graph=(graph[0][:, :5], graph[1][:, :5])), layout(vectors))


def test_labels_pull_as_hard_as_their_weight_says(vectors):
    labels = np.array(['', 'a', 'b', 'c'])[np.random.default_rng(1).integers(0, 4, len(vectors))]
    def together(**options):
        near = nearest_graph(layout(vectors, **options), 11, 'euclidean')[0][:, 1:]
        told = labels != ''
        return (labels[near] == labels[:, None])[told].mean()
    loose = together()
    weak, tight = (together(labels=labels, label_weight=weight) for weight in (0.02, 0.9))
    assert loose < 0.35 < 0.9 < tight and loose < weak + 0.05 and weak < tight
    numbers = np.where(labels == '', np.nan, np.random.default_rng(2).random(len(vectors)))
    near = nearest_graph(layout(vectors, labels=numbers, label_weight=0.9), 6, 'euclidean')[0][:, 1:]
    apart = np.nanmean(np.abs(numbers[near] - numbers[:, None]))
    assert apart < 0.15                                 # by chance a third
    days = np.where(np.isnan(numbers), np.datetime64('NaT', 's'), (1e9 * np.nan_to_num(numbers)).astype('M8[s]'))
    assert np.isfinite(layout(vectors, labels=days)).all() and np.isfinite(layout(vectors, correct=days)).all()


def test_what_a_facet_explains_is_taken_off_and_no_more(vectors):
    rng = np.random.default_rng(3)
    who = rng.integers(0, 4, len(vectors))
    tainted = vectors + 0.8 * rng.standard_normal((4, 48)).astype('f4')[who]
    before, after = (nearest_graph(v, 11, 'euclidean')[0][:, 1:] for v in (
        tainted, fit_correction(tainted, who).apply(tainted, who)))
    clean = nearest_graph(vectors, 11, 'euclidean')[0][:, 1:]
    kept = [np.mean([np.isin(a, b).mean() for a, b in zip(near, clean, strict=True)]) for near in (before, after)]
    assert kept[0] < 0.6 and kept[1] > 0.9
    heat = rng.random(len(vectors)) * 500
    heated = vectors + np.outer(heat, rng.standard_normal(48)).astype('f4') / 300
    back = fit_correction(heated, heat).apply(heated, heat)
    assert abs(np.corrcoef(heat, back @ (heated - vectors).mean(0))[0, 1]) < 1e-3
    lone = fit_correction(vectors, np.where(np.arange(1200) == 0, 'once', 'often'))
    assert np.linalg.norm(lone.shifts[0]) < np.linalg.norm(vectors[0] - vectors.mean(0))  # one is not believed
    unknown = fit_correction(tainted, who).apply(tainted[:2], np.array([7, 9]))
    assert np.array_equal(unknown, tainted[:2])
    assert np.array_equal(fit_correction(vectors, np.full(1200, '')).apply(vectors, np.full(1200, '')), vectors)
    with pytest.raises(ValueError, match='a value of its own'): layout(vectors, correct=np.arange(1200))


# --- New items

def test_new_items_are_placed_alike_alone_together_and_in_any_order(vectors):
    old, new = np.arange(1000), np.arange(1000, 1200)
    places = layout(vectors[old])
    together = place(vectors[new], vectors[old], places)
    order = np.random.default_rng(4).permutation(200)
    assert np.array_equal(place(vectors[new][order], vectors[old], places), together[order])
    for n in range(0, 200, 29):
        assert np.array_equal(place(vectors[new][n:n + 1], vectors[old], places)[0], together[n])
    many = place(np.concatenate([vectors[new]] * 8), vectors[old], places)
    assert np.array_equal(many[:200], together) and np.array_equal(many[-200:], together)


def test_new_items_lie_where_the_map_would_have_put_them(vectors, measured):
    old, new = np.arange(1080), np.arange(1080, 1200)
    places = layout(vectors[old])
    placed = place(vectors[new], vectors[old], places)
    true = np.argsort(-vectors[new] @ vectors[old].T, axis=1)[:, :15]
    shown = np.argsort(np.linalg.norm(placed[:, None] - places, axis=2), axis=1)[:, :15]
    found = np.mean([np.isin(a, b).mean() for a, b in zip(true, shown, strict=True)])
    usual = judge_map(vectors, layout(vectors)).recall
    measured(f'neighbours kept: {found:.2f} for new items on an old map, {usual:.2f} for items that were laid out')
    assert found > 0.7 * usual


def test_a_copy_of_a_mapped_item_lies_on_it(vectors):
    places = layout(vectors[:500], dimensions=3)
    assert np.abs(place(vectors[:20], vectors[:500], places) - places[:20]).max() < 1e-4
    scaled = place(5 * vectors[:20], vectors[:500], places)  # the cosine knows no length
    assert np.abs(scaled - places[:20]).max() < 0.05


# --- The nearly exact graph

@pytest.mark.parametrize('metric', ['cosine', 'euclidean'])
def test_the_rough_graph_finds_what_it_promises(metric):
    vectors = clouds(9000, 64) * np.random.default_rng(5).uniform(0.5, 2, (9000, 1)).astype('f4')
    rows, distances = rough_graph(vectors, 15, metric)
    true_rows, true_distances = nearest_graph(vectors, 15, metric)
    assert np.mean([np.isin(a, b).mean() for a, b in zip(rows, true_rows, strict=True)]) > 0.975
    assert (rows[:, 0] == np.arange(9000)).all() and (np.diff(distances) >= 0).all() and not distances[:, 0].any()
    same = rows == true_rows
    np.testing.assert_allclose(distances[same], true_distances[same], rtol=1e-3, atol=1e-6)
    gap = [judge_map(vectors, layout(vectors, metric=metric, graph=g), metric=metric, sample=1500)
           for g in ((rows, distances), (true_rows, true_distances))]
    assert abs(gap[0].trustworthiness - gap[1].trustworthiness) < 0.01


# --- Maps of a corpus

def scan(n):
    "A measurement with hardly any pixels and all kinds of facets"
    facets = {'material': ['PbTiO3', 'BiFeO3', '<b>odd'][n % 3], 'thickness': 1e-9 * (n + 1),
              'date': f'2020-01-{n % 28 + 1:02}', 'measured_by': f'person {n % 4}'}
    if n % 5 == 0: del facets['thickness'], facets['material']
    image, channels = np.zeros((1, 2, 2), 'f4'), (Channel('height', 'm'),)
    return Measurement(image, channels, None, facets, origin='simulated', sha256=f'{n:064x}')


CARD = {'kind': 'encoder', 'name': 'natural', 'metric': 'cosine'}


def embed(corpus, vectors, card=CARD):
    held = corpus.vector_sets.get('natural')
    start, stop = held.length if held else 0, corpus.snapshot.head.items
    extend_vectors(corpus.snapshot.ledger, 'natural', card, start, vectors[start:stop],
                   numbering=corpus.snapshot.head.numbering)
    return corpus.refresh()


@pytest.fixture
def corpus(tmp_path, vectors):
    made = create_corpus(tmp_path/'corpus', 'Scans')
    made.append([scan(n) for n in range(90)])
    holed = vectors.copy()
    holed[[4, 40]] = np.nan
    return embed(made, holed)


def test_a_map_is_stored_and_opened_by_another_reader(corpus):
    made = make_map(corpus)
    assert made.without_place == 2 and made.ids.tolist() == corpus.ids().tolist()
    store_map(made)
    reader = open_corpus(corpus.path)
    opened = open_map(reader)
    assert np.array_equal(opened.coordinates, made.coordinates, equal_nan=True)
    assert opened.summary == made.summary and opened.parameters == made.parameters and opened.seed == 0
    assert opened.quality.summary == made.summary and not is_stale(opened)
    run = reader.runs()[-1]
    assert run.kind == 'map' and '"neighbours": 15' in run.parameters
    assert reader.verify().ok and 'map of natural' in reader.dataset


def test_a_map_of_a_part_holds_that_part(corpus):
    part = corpus.where(material='PbTiO3')
    whole = map_corpus(corpus, progress=False)
    map_corpus(part, progress=False, start=open_map(corpus, 'map of natural'))
    assert list(maps_of(whole.refresh())) == ['map of natural', 'map of natural, material = PbTiO3']
    opened = open_map(corpus, 'map of natural, material = PbTiO3')
    on_it = np.isfinite(opened.coordinates).all(1)
    held = np.isin(corpus.ids(), part.ids()) & np.isfinite(corpus.vectors('natural')).all(1)
    np.testing.assert_array_equal(on_it, held)
    assert opened.card['chosen'] == ['material = PbTiO3'] and opened.parameters['start'] == 'map of natural'
    narrow = open_map(part, 'map of natural')
    assert np.array_equal(narrow.coordinates, places_of(open_map(corpus, 'map of natural'), part.ids()), equal_nan=True)


def test_another_map_never_takes_the_place_of_one_that_has_its_name(corpus, vectors):
    map_corpus(corpus, progress=False)
    map_corpus(corpus, progress=False, supervised_by='material')
    map_corpus(corpus, progress=False, corrected_for='measured_by')
    assert list(maps_of(corpus)) == ['map of natural', 'map of natural, guided by material',
                                     'map of natural, corrected for measured_by']
    first = open_map(corpus, 'map of natural')
    with pytest.raises(ValueError, match='give this one a name='): map_corpus(corpus, progress=False, neighbours=5)
    with pytest.raises(ValueError, match='another map'): map_corpus(corpus[:50], name='map of natural', progress=False)
    kept = open_map(corpus.refresh(), 'map of natural').coordinates
    assert np.array_equal(kept, first.coordinates, equal_nan=True)
    corpus.append([scan(n) for n in range(90, 100)])
    embed(corpus, vectors)
    assert len(open_map(map_corpus(corpus, progress=False), 'map of natural')) == 100 and len(maps_of(corpus)) == 3
    corpus.drop_vectors('map of natural')
    assert open_map(map_corpus(corpus, progress=False, neighbours=5), 'map of natural').parameters['neighbours'] == 5


def test_long_names_differ_where_their_ends_do(corpus):
    long = [corpus.where(material=['PbTiO3', 'BiFeO3'], measured_by=['person 0', 'person 1', who])
            for who in ('person 2', 'person 3')]
    names = [usual_name(part, 'natural') for part in long]
    assert names[0] != names[1] and all(len(n) <= 60 for n in names) and names[0][:49] == names[1][:49]


@pytest.mark.parametrize('word', ['$x$', '$\\frac{$', '_hidden', '$5'])
def test_words_are_drawn_as_they_are(corpus, word, monkeypatch):
    import matplotlib.pyplot as plt
    drawn = []
    monkeypatch.setattr(plt, 'close', drawn.append)
    map_corpus(corpus, progress=False, name='mine')
    words = np.where(np.arange(90) % 2, word, 'plain')
    assert word in open_map(corpus, 'mine').figure(words).alt
    texts = [t.get_text() for t in drawn[0].axes[0].get_legend().get_texts()]
    monkeypatch.undo()
    plt.close(drawn[0])
    assert len(texts) == 2 and any(word in t.replace(r'\$', '$') for t in texts)


def test_a_map_follows_its_items_through_delete_compact_and_publish(corpus, tmp_path):
    map_corpus(corpus, progress=False)
    before = open_map(corpus)
    corpus[np.arange(10, 30)].delete(why='test')
    assert len(open_map(corpus)) == 70
    corpus.compact()
    after = open_map(corpus)
    assert np.array_equal(after.coordinates, places_of(before, after.ids), equal_nan=True)
    corpus.publish(tmp_path/'copy')
    copy = open_map(open_corpus(tmp_path/'copy'))
    assert np.array_equal(copy.coordinates, after.coordinates, equal_nan=True)
    assert copy.ids.tolist() == after.ids.tolist()


@pytest.mark.parametrize('options', [{}, {'method': 'pca'}, {'dimensions': 3}, {'corrected_for': 'measured_by'},
                                     {'supervised_by': 'material'}])
def test_an_extended_map_leaves_old_items_where_they_are(corpus, vectors, options):
    map_corpus(corpus, name='mine', progress=False, **options)
    before = open_map(corpus)
    corpus.append([scan(n) for n in range(90, 130)])
    with pytest.raises(MissingVectors): extend_map(corpus)
    assert open_map(corpus).without_place == 42
    embed(corpus, vectors)
    extend_map(corpus[np.arange(90, 100)], 'mine')
    extend_map(corpus, 'mine')
    after = open_map(corpus.refresh(), 'mine')
    assert np.array_equal(after.coordinates[:90], before.coordinates, equal_nan=True) and after.without_place == 2
    assert after.card['placed'] == 40 and after.summary['items'] == 128 and corpus.runs()[-1].kind == 'extend map'
    assert len(corpus.runs()) == len(extend_map(corpus).runs())       # nothing is left to be done


def test_a_map_of_vectors_that_were_made_anew_says_so(corpus, vectors):
    map_corpus(corpus, progress=False)
    card = {**CARD, 'notes': 'other weights'}
    replace_vectors(corpus.snapshot.ledger, 'natural', card, vectors[:90], numbering=corpus.snapshot.head.numbering)
    corpus.refresh()
    opened = open_map(corpus)
    assert is_stale(opened) and 'made anew' in opened._repr_html_()
    with pytest.raises(ValueError, match='made anew'): extend_map(corpus)


def test_what_cannot_be_mapped_is_refused_with_a_reason(corpus, vectors, tmp_path):
    empty = create_corpus(tmp_path/'empty', 'Nothing')
    refused = [
        (ValueError, 'embed', lambda: make_map(empty)),
        (KeyError, 'matnb.map', lambda: open_map(corpus)),
        (MissingVectors, 'spectral', lambda: make_map(corpus, 'spectral')),
        (ValueError, 'nothing to map', lambda: make_map(corpus[[4, 40]])),
        (KeyError, 'did you mean|no facet', lambda: make_map(corpus, supervised_by='materal')),
        (ValueError, 'another name', lambda: map_corpus(corpus, name='natural', progress=False)),
        (ValueError, 'dimensions', lambda: make_map(corpus, dimensions=5)),
        (ValueError, 'start', lambda: make_map(corpus, start=np.zeros((3, 2)))),
        (ValueError, 'facet', lambda: map_corpus(corpus, name='material', progress=False))]
    for kind, words, wrong in refused:
        with pytest.raises(kind, match=words): wrong()
    assert not maps_of(corpus.refresh())
    numbering = corpus.snapshot.head.numbering
    extend_vectors(corpus.snapshot.ledger, 'other', CARD, 0, vectors[:90], numbering=numbering)
    replace_vectors(corpus.snapshot.ledger, 'windows', CARD, np.ones((90, 3, 4), 'f4'), numbering=numbering)
    assert make_map(corpus.refresh()).vectors == 'natural'
    with pytest.raises(ValueError, match='windows per item'): make_map(corpus, 'windows')


class Tags(HTMLParser):
    "Collects tags and alternative texts"

    def __init__(self, text):
        super().__init__()
        self.tags, self.alts = set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag == 'img': self.alts.append(dict(attrs)['alt'])


@pytest.mark.parametrize('colour', [None, 'material', 'thickness', 'date', 'measured_by', 'kept', 'numbers', 'words'])
def test_figures_say_what_they_show_and_run_nothing(corpus, colour):
    given = {'numbers': np.arange(90), 'words': np.array(['<script>', 'b'] * 45)}.get(colour, colour)
    for dimensions in (2, 3):
        made = make_map(corpus, dimensions=dimensions, name='<script>alert(1)</script>', epochs=5)
        for shown in (made.figure(given).html, made._repr_html_()):
            seen = Tags(shown)
            assert 'script' not in seen.tags and '<b>odd' not in shown and seen.alts[0].startswith('Map of 88')
    assert 'simulated' in shown
    said = made.figure(given)
    if colour == 'material': assert 'missing (17)' in said.alt and '&lt;b&gt;odd' in said.html
    if colour == 'thickness': assert ' nm' in said.alt and 'hollow' in said.alt


def test_sizes_and_highlights(corpus):
    made = make_map(corpus, epochs=5)
    assert 'size of a point is its thickness' in made.figure('material', size='thickness').alt
    assert made.figure(highlight=corpus.where(material='BiFeO3')).alt.startswith('Map of 23')  # one has no vector
    assert made.figure(highlight=corpus.ids()[:4]).alt.startswith('Map of 4')
    with pytest.raises(ValueError, match='category'): made.figure(size='material')
    with pytest.raises(ValueError, match='not a facet'): made.figure(size='colour')
    with pytest.raises(ValueError, match='7 values'): made.figure(np.arange(7))
    corpus.define(Facet('strain', 'quantity', '%'))
    assert 'no item has' in make_map(corpus, epochs=5).figure('strain', size='strain').alt


# --- Against umap-learn

def test_as_faithful_as_umap_learn(request, measured):
    count = 3000 if 'slow' in request.config.getoption('--flags').split() else 700
    vectors = clouds(count, 128)
    map_by_peer(vectors[:100])
    told = compared_times(vectors, repeats=1)
    measured(f'map of {count:,}: ' + ', '.join(f'{name} {value:.3f}' for name, value in told.items()))
    assert told['trust_ours'] > told['trust_theirs'] - 0.01 and told['recall_ours'] > told['recall_theirs'] - 0.03


def test_a_first_map_compiles_one_function_only(measured):
    cpu, wall = cold_seconds('layout(vectors)', 1500, 64)
    measured(f'first map of 1,500 items in a fresh Python: {cpu:.1f} CPU s, {wall:.1f} s')
    code = ('import sys; from matnb.similarity.map_times import clouds; from matnb.similarity.layout import layout\n'
            'layout(clouds(300, 16)); print(sorted({"umap", "pynndescent", "sklearn"} & set(sys.modules)))')
    assert subprocess.run([sys.executable, '-c', code], check=True, text=True, stdout=subprocess.PIPE).stdout == '[]\n'
