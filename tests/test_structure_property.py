"""From structure to property: the statistics keep their promises on data of which the answer is known.

Simulations run over many seeds; tolerances are three standard errors of the simulation, written out where they are
used. With `--flags slow` there are four times as many seeds.
"""
import json
import re
from dataclasses import replace

import numpy as np
import pytest

import matnb
from matnb.similarity.contradictions import contradicting_items, contradictions_of
from matnb.similarity.evidence import groups_of_words, property_of, read_groups, read_space, space_of
from matnb.similarity.explaining import facets_explaining, rank_properties
from matnb.similarity.failures import failed_near, odds_near
from matnb.similarity.foretelling import calibrate, foretell, predict_for
from matnb.similarity.neighbour_prediction import (
    find_surroundings,
    invented_samples,
    neighbours_elsewhere,
    predict_from_neighbours,
    prediction_of,
)
from matnb.similarity.trends import trend_along, trend_of


def slack(share, trials, errors=3):
    "So many standard errors of a share seen in so many trials"
    return errors * np.sqrt(share * (1 - share) / trials)


@pytest.fixture(scope='module')
def effort(request):
    "How many times as many seeds are tried"
    return 4 if 'slow' in request.config.getoption('--flags').split() else 1


# --- Neighbours: never from the own group, never without a value, never fewer than there are

@pytest.mark.parametrize('metric', ['cosine', 'euclidean'])
@pytest.mark.parametrize('reach', [3, 20, 10_000])
def test_neighbours_from_elsewhere_are_those_of_a_plain_search(metric, reach):
    rng = np.random.default_rng(reach)
    vectors = rng.normal(size=(250, 5)).astype('f4')
    vectors[::50] = np.nan
    groups, known = rng.integers(0, 12, 250), rng.random(250) < 0.5
    rows, far = neighbours_elsewhere(find_surroundings(space_of(vectors, metric), reach), 15, known, groups)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    for n in np.flatnonzero(known & np.isfinite(vectors).all(1)):
        away = 1 - unit @ unit[n] if metric == 'cosine' else np.linalg.norm(vectors - vectors[n], axis=1)
        away[~known | (groups == groups[n]) | ~np.isfinite(away)] = np.inf
        assert np.allclose(np.sort(away)[:15], far[n], atol=1e-5)
        assert np.isfinite(away[rows[n][rows[n] >= 0]]).all()


@pytest.mark.parametrize('vectors', [np.ones((60, 3)), np.zeros((60, 3)), np.full((60, 3), np.nan)],
                         ids=['all the same', 'all zero', 'none'])
def test_degenerate_vectors_give_a_result_or_say_why_not(vectors):
    which = property_of('x', np.arange(60.0))
    groups = groups_of_words('sample', np.arange(60) // 3)
    for metric in ('euclidean', 'cosine'):
        space = space_of(vectors, metric)
        if space.held.sum() < 2:
            with pytest.raises(ValueError, match='neighbours need at least two'): find_surroundings(space)
        else: assert np.isfinite(prediction_of(which, find_surroundings(space), groups, 5, 19).score)


def test_more_neighbours_than_there_are_items_are_no_trouble():
    vectors, sample = invented_samples(0, 12)
    which, groups = property_of('x', vectors[:, 0]), groups_of_words('sample', sample)
    found = prediction_of(which, find_surroundings(space_of(vectors, 'euclidean')), groups, 10_000, 19)
    assert np.isfinite(found.score) and found.basis.group_count == 12


# --- The permutation baseline

def trial(seed, related, by_item=False, samples=50, permutations=99):
    vectors, sample = invented_samples(seed, samples)
    rng = np.random.default_rng([seed, 20])
    first = np.array([vectors[sample == s, 0].mean() for s in range(samples)])
    value = (first if related else 0) + rng.normal(size=samples)
    codes = np.arange(len(sample)) if by_item else sample
    return prediction_of(property_of('x', value[sample]), find_surroundings(space_of(vectors, 'euclidean')),
                         groups_of_words('sample', codes), 10, permutations, seed)


def test_p_values_are_uniform_when_nothing_is_behind_them(effort, measured):
    trials = 80 * effort
    p = np.array([trial(s, False).p_value for s in range(trials)])
    leaky = np.array([trial(s, False, by_item=True).p_value for s in range(15)])
    power = np.mean([trial(s, True).p_value <= 0.05 for s in range(15)])
    shares = {level: (p <= level).mean() for level in (0.05, 0.2, 0.5)}
    measured(f'neighbour prediction, p ≤ 0.05 without any relation: {shares[0.05]:.1%} of {trials} trials by groups, '
             f'{(leaky <= 0.05).mean():.0%} by items; with a relation {power:.0%}')
    for level, share in shares.items(): assert share <= level + slack(level, trials)
    assert (leaky <= 0.05).mean() > 0.9 and power > 0.9


def test_the_interval_of_a_score_holds_its_expectation(effort, measured):
    "Over corpora of one hundred samples each, drawn from the same world"
    found = [trial(seed, True, samples=100, permutations=1) for seed in range(60 * effort)]
    mean = np.mean([f.score for f in found])
    inside = np.mean([f.interval[0] <= mean <= f.interval[1] for f in found])
    measured(f'95 % intervals of a neighbour score hold its expectation in {inside:.0%} of {len(found)} corpora')
    assert 0.95 - slack(0.95, len(found)) <= inside


def test_false_discoveries_among_facets_keep_to_their_rate(effort, measured):
    "Five facets that follow the vectors among fifteen that do not"
    shares, hits = [], []
    for seed in range(10 * effort):
        vectors, sample = invented_samples(seed, 60)
        rng = np.random.default_rng([seed, 21])
        first = np.array([vectors[sample == s, 0].mean() for s in range(60)])
        facets = [property_of(f'real {n}', (first + 0.5 * rng.normal(size=60))[sample]) for n in range(5)]
        facets += [property_of(f'none {n}', rng.normal(size=60)[sample]) for n in range(15)]
        around, groups = find_surroundings(space_of(vectors, 'euclidean')), groups_of_words('sample', sample)
        lines = rank_properties(facets, around, groups, permutations=99, seed=seed)
        listed = [line.facet for line in lines if line.q_value <= 0.1]
        shares.append(sum(f.startswith('none') for f in listed) / max(len(listed), 1))
        hits.append(sum(f.startswith('real') for f in listed) / 5)
    measured(f'facets ranked at q ≤ 0.1: {np.mean(shares):.1%} false, {np.mean(hits):.0%} of the real ones found')
    assert np.mean(shares) <= 0.1 + 3 * np.std(shares) / np.sqrt(len(shares)) and np.mean(hits) > 0.9


# --- Forecasts

def films(seed, samples):
    "Vectors, samples, a quantity with more noise on one side and a category"
    vectors, sample = invented_samples(seed, samples, 4)
    rng = np.random.default_rng([seed, 22])
    noise = np.where(vectors[:, 1] > 0, 2.0, 0.4)
    value = vectors[:, 0] / 3 + 0.5 * rng.normal(size=samples)[sample] + noise * rng.normal(size=len(sample))
    kind = np.digitize(vectors[:, 0] + rng.normal(size=samples)[sample] + 0.5 * rng.normal(size=len(sample)), [-1, 1])
    return vectors, sample, value, np.array(['a', 'b', 'c'])[kind]


def forecasts(seed, coverages, new=10):
    "For one image of each new sample and each coverage: does the interval hold, does the set, its size, is it refused"
    vectors, sample, value, kind = films(seed, 60 + new)
    old = sample < 60
    space, groups = space_of(vectors[old], 'euclidean'), groups_of_words('sample', sample[old])
    made = [calibrate(property_of('x', v[old]), space, groups, seed=seed) for v in (value, kind)]
    rows = np.empty((len(coverages), new, 4))
    for c, coverage in enumerate(coverages):
        a, b = (replace(m, coverage=coverage) for m in made)
        for s in range(new):
            n = int(np.flatnonzero(sample == 60 + s)[0])
            told, word = foretell(a, vectors[n]), foretell(b, vectors[n])
            low, high = told.interval
            rows[c, s] = low <= value[n] <= high, kind[n] in word.words, len(word.words), bool(told.refused)
    return rows


def test_intervals_and_sets_hold_the_truth_as_often_as_they_say(effort, measured):
    "One image of each of ten new samples, for 50 corpora of 60 samples"
    coverages, seeds = (0.8, 0.9), 50 * effort
    rows = np.array([forecasts(seed, coverages) for seed in range(seeds)])
    for coverage, each in zip(coverages, rows.swapaxes(0, 1), strict=True):
        shares, sizes, refused = each[..., :2].mean(1), each[..., 2].mean(), each[..., 3].mean()
        mean, error = shares.mean(0), shares.std(0, ddof=1) / np.sqrt(seeds)
        measured(f'{coverage:.0%} forecasts for {10 * seeds} samples: intervals hold {mean[0]:.1%} ± {error[0]:.1%},'
                 f' sets {mean[1]:.1%} ± {error[1]:.1%} with {sizes:.2f} of 3 words; refused {refused:.1%}')
        assert (mean >= coverage - 3 * error).all()               # never careless
        assert (mean <= coverage + 0.05 + 3 * error).all()        # and not much too cautious: sets have whole words
        assert sizes < 2.4 and refused < 0.03


def test_what_is_unlike_anything_is_refused_and_what_is_alike_is_not():
    vectors, sample, value, _ = films(1, 80)
    calibration = calibrate(property_of('x', value), space_of(vectors, 'euclidean'), groups_of_words('sample', sample))
    rng = np.random.default_rng(0)
    strange = [foretell(calibration, v) for v in rng.normal(size=(40, 4)) + rng.choice([-12, 12], (40, 4))]
    usual = [foretell(calibration, v) for v in rng.normal(size=(40, 4))]
    assert all(t.refused and t.value is None and 'unlike anything seen' in t.refused for t in strange)
    assert not any(t.refused for t in usual)


def test_a_forecast_for_an_item_does_not_see_its_own_sample():
    "With the truth of its sisters made absurd, the forecast stays as it was"
    vectors, sample, value, _ = films(2, 60)
    space, groups = space_of(vectors, 'euclidean'), groups_of_words('sample', sample)
    spoilt = np.where(sample == sample[7], value + 1e3, value)
    own = int(sample[7])
    told = [foretell(calibrate(property_of('x', v), space, groups), vectors[7], own) for v in (value, spoilt)]
    assert all(sample[n] != sample[7] for n, _ in told[1].neighbours)
    assert abs(told[0].centre - told[1].centre) < 1e-9
    assert np.isfinite(told[1].interval).all() and told[1].refused == told[0].refused


def test_the_same_image_gets_the_same_set_of_words():
    vectors, sample, _, kind = films(3, 60)
    space, groups = space_of(vectors, 'euclidean'), groups_of_words('sample', sample)
    a, b = (foretell(calibrate(property_of('x', kind), space, groups), vectors[0]) for _ in range(2))
    assert a.words == b.words and a.shares.argmax() == a.which.words.index(a.value)


# --- Trends

def test_a_map_that_invents_a_trend_is_told_from_one_that_shows_it(measured):
    flagged, honest, false = [], [], []
    for seed in range(25):
        vectors, sample = invented_samples(seed, 120)
        rng = np.random.default_rng([seed, 23])
        space, groups = space_of(vectors, 'euclidean'), groups_of_words('sample', sample)
        real = property_of('x', vectors[:, 0] + 0.5 * rng.normal(size=len(sample)))
        made_up = rng.normal(size=120)[sample]
        layout = np.stack([3 * made_up, rng.normal(size=len(sample))], 1)
        shown = trend_of(real, vectors[:, :2], space, groups, [[-3, 0], [3, 0]], draws=199)
        invented = trend_of(property_of('x', made_up), layout, space, groups, [[-4, 0], [4, 0]], draws=199)
        nothing = trend_of(property_of('x', made_up), vectors[:, :2], space, groups, [[-3, 0], [3, 0]], draws=199)
        honest.append(shown.artefact.mean())
        flagged.append(invented.artefact[invented.supported].mean())
        false.append(nothing.p_value <= 0.05)
    measured(f'trends: an invented one is marked on {np.mean(flagged):.0%} of the path, a real one on '
             f'{np.mean(honest):.1%}; p ≤ 0.05 without a trend in {np.mean(false):.0%} of 25')
    assert np.mean(flagged) > 0.5 > 0.1 > np.mean(honest) and np.mean(false) <= 0.05 + slack(0.05, 25)


# --- Contradictions

def labelled(seed, errors=0.04, samples=150, overlap=0.8):
    rng = np.random.default_rng([seed, 24])
    sample = np.repeat(np.arange(samples), rng.integers(2, 8, samples))
    kind = rng.integers(0, 4, samples)[sample]
    centres = 2.2 * np.array([[1, 1, 0], [-1, 1, 0], [1, -1, 0], [-1, -1, 0]])
    vectors = centres[kind] + overlap * (rng.normal(size=(samples, 3))[sample] + rng.normal(size=(len(sample), 3)))
    wrong = rng.random(len(sample)) < errors
    said = np.where(wrong, (kind + rng.integers(1, 4, len(sample))) % 4, kind)
    return find_surroundings(space_of(vectors, 'euclidean')), np.array(list('abcd'))[said], sample, wrong


def test_planted_errors_are_found(measured):
    total = np.zeros(4)
    for seed in range(20):
        around, words, sample, wrong = labelled(seed)
        found = contradictions_of(property_of('x', words), around, groups_of_words('sample', sample))
        first = wrong[found.order[: wrong.sum()]].sum()
        total += found.count, wrong[found.order[: found.count]].sum(), wrong.sum(), first
    listed, hits, planted, first = total
    guess = planted / (20 * 675)
    measured(f'label errors ({guess:.1%} planted): precision {hits / listed:.0%}, recall {hits / planted:.0%} at a '
             f'stated false discovery rate of 20 %; among as many as were planted {first / planted:.0%} '
             f'(by guessing {guess:.1%})')
    assert hits / listed > 0.65 and hits / planted > 0.6 and first / planted > 0.6


def test_planted_wrong_numbers_are_found(measured):
    total = np.zeros(3)
    for seed in range(20):
        vectors, sample = invented_samples(seed, 120, 4)
        rng = np.random.default_rng([seed, 25])
        value = vectors[:, 0] + 0.4 * rng.normal(size=len(sample))
        wrong = rng.random(len(sample)) < 0.04
        value[wrong] = rng.permutation(value)[: wrong.sum()] * 2.5
        found = contradictions_of(property_of('x', value), find_surroundings(space_of(vectors, 'euclidean')),
                                  groups_of_words('sample', sample))
        total += found.count, wrong[found.order[: found.count]].sum(), wrong.sum()
    listed, hits, planted = total
    measured(f'wrong numbers: precision {hits / listed:.0%}, recall {hits / planted:.0%}')
    assert hits / listed > 0.6 and hits / planted > 0.15


def test_without_errors_hardly_anything_is_listed():
    for seed in range(8):
        around, words, sample, _ = labelled(seed, errors=0)
        found = contradictions_of(property_of('x', words), around, groups_of_words('sample', sample))
        assert found.count <= 5
        assert (found.p_value <= 0.01).mean() <= 0.03


# --- Failures

def test_odds_agree_with_scipy_and_outcomes_of_samples_do_not_deceive(measured):
    from scipy.stats import fisher_exact
    exact, both = [], []
    for seed in range(150):
        vectors, sample = invented_samples(seed, 60)
        failed = (np.random.default_rng(seed).random(60) < 0.3)[sample]
        near = np.zeros(len(sample), bool)
        far = np.linalg.norm(vectors - vectors[0], axis=1)
        near[[n for n in np.argsort(far) if sample[n] != sample[0]][:30]] = True
        odds = odds_near(failed, near, sample, 199, seed)
        exact.append(odds.p_exact <= 0.05)
        both.append(odds.p_value <= 0.05)
        assert odds.p_exact == fisher_exact([odds.near, odds.elsewhere]).pvalue
        assert sum(odds.near) == 30 and sum(odds.elsewhere) == len(sample) - 30
    measured(f'failures near an item, p ≤ 0.05 without a reason: {np.mean(exact):.0%} by the exact test, '
             f'{np.mean(both):.0%} by the larger of both p values')
    assert np.mean(both) <= 0.05 + slack(0.05, 150) < np.mean(exact)


# --- On a corpus

@pytest.fixture(scope='module')
def corpus(tmp_path_factory):
    from matnb.similarity.embedding import embed
    made = matnb.simulate_corpus(tmp_path_factory.mktemp('structure')/'corpus', 160, size=48, progress=False)
    return embed(made, 'spectral', progress=False)


def results(corpus, vectors='spectral'):
    "One result of every kind"
    at = corpus.vectors('spectral')[:, :2].astype('f8')
    ends = np.percentile(at, [20, 80], axis=0)
    yield predict_from_neighbours(corpus, 'domain_type', vectors, permutations=49)
    yield predict_from_neighbours(corpus, 'scan_size', vectors, permutations=49, k=None)
    facets = ['material', 'scan_size', 'outcome', 'sample']
    yield facets_explaining(corpus, vectors, facets, permutations=49, progress=False)
    yield trend_along(corpus, at, ends, 'scan_size', vectors=vectors)
    yield predict_for(corpus, 3, 'domain_type', vectors)
    yield predict_for(corpus, corpus.ids()[5], 'scan_size', vectors)
    yield contradicting_items(corpus, 'material', vectors)
    yield failed_near(corpus, 2, vectors)


def test_every_result_carries_its_basis_and_is_shown(corpus):
    for found in results(corpus):
        basis, page = found.basis, found._repr_html_()
        assert basis.vectors == 'spectral' and basis.groups == 'sample' and basis.simulated and basis.group_count > 20
        assert len(basis.fingerprint) == 12 and basis.fingerprint == read_space(corpus).fingerprint
        assert json.loads(json.dumps(basis.to_dict())) == basis.to_dict()
        assert 'simulated data' in page and 'groups by sample' in page and basis.fingerprint in page
        for tag in re.findall(r'<img[^>]*>', page): assert re.search(r'alt="[^"]{20,}', tag)
        assert len(found.to_frame()) > 0 and not re.search(r'\bnan\b', repr(found))


def test_results_are_the_same_every_time(corpus):
    for a, b in zip(results(corpus), results(corpus), strict=True):
        assert repr(a) == repr(b) and a.to_frame().equals(b.to_frame())


def test_words_of_a_corpus_are_escaped(corpus):
    evil = np.array(['<script>alert(1)</script>', '<img src=x onerror=alert(2)>'])[np.arange(len(corpus)) % 2]
    which = property_of('<b>bold</b>', evil)
    flat = corpus.vectors('spectral')[:, :2]
    for found in (predict_from_neighbours(corpus, which, permutations=19), predict_for(corpus, 0, which),
                  contradicting_items(corpus, which, level=0.99),
                  trend_along(corpus, flat, [[-1, 0], [1, 0]], which, width=5, vectors='spectral')):
        page = found._repr_html_()
        assert '<script' not in page and '<img src=x' not in page and '<b>bold' not in page


def test_a_part_of_a_corpus_is_judged_by_itself(corpus):
    part = corpus.where(outcome='success')
    found = predict_from_neighbours(part, 'domain_type', permutations=19)
    assert found.basis.items <= len(part) and 'outcome = success' in str(found.basis)
    assert set(found.to_frame().index) <= set(part.ids())
    told = predict_for(part, part.ids()[4], 'scan_size')
    assert set(told.to_frame().index) <= set(part.ids())


def test_a_map_is_a_space_of_its_own_and_may_lack_items(corpus):
    from types import SimpleNamespace
    ids = corpus.ids()[::-1][:120]
    at = np.random.default_rng(0).normal(size=(120, 2)).astype('f4')
    drawn = SimpleNamespace(name='half a map', ids=ids, coordinates=at, vectors='spectral', seed=4)
    space = read_space(corpus, drawn)
    assert space.metric == 'euclidean' and space.held.sum() == 120
    assert np.array_equal(space.vectors[list(corpus.ids()).index(ids[7])], at[7])
    found = predict_from_neighbours(corpus, 'domain_type', drawn, permutations=49)
    assert found.basis.vectors == 'half a map' and found.p_value > 0.02 and found.left_out['no vector'] > 10
    assert trend_along(corpus, drawn, [[-1, 0], [1, 0]], 'scan_size').basis.vectors == 'spectral'


def test_a_new_image_is_foretold_from_its_pixels(corpus):
    pytest.importorskip('matnb.similarity.embedding')
    item = corpus[9]
    from_vector = predict_for(corpus, corpus.vectors('spectral')[9], 'scan_size')
    from_pixels = predict_for(corpus, matnb.corpus.simulated.simulate_measurement(9, size=48), 'scan_size')
    assert item.source.endswith('-000009')
    assert np.isclose(from_vector.centre, from_pixels.centre, rtol=1e-3)


@pytest.mark.parametrize('call, says', [
    (lambda c: predict_from_neighbours(c, 'domain_typ'), 'did you mean'),
    (lambda c: predict_from_neighbours(c, 'material', 'natural'), 'no vectors'),
    (lambda c: predict_from_neighbours(c, 'material', groups='sampel'), 'did you mean'),
    (lambda c: predict_from_neighbours(c[:1], 'material'), 'at least two'),
    (lambda c: predict_from_neighbours(c[:3], 'material'), '20 items of 5'),
    (lambda c: predict_for(c, 'nobody', 'material'), 'nobody'),
    (lambda c: predict_for(c, 10_000, 'material'), 'out of range'),
    (lambda c: contradicting_items(c, 'sample'), 'groups=None'),
    (lambda c: failed_near(c[:1], 0), 'two are needed'),
    (lambda c: failed_near(c, 0, failed=['exploded']), 'no item of this view'),
    (lambda c: read_groups(c, groups_of_words('x', np.zeros(3, int))), '3 numbers'),
])
def test_errors_say_what_is_wrong(corpus, call, says):
    with pytest.raises((ValueError, KeyError, IndexError, TypeError, OSError), match=says): call(corpus)
