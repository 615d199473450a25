"Verdicts on maps, against the definitions written out, scikit-learn, and maps whose faults are known"
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.manifold import trustworthiness

from matnb.similarity.faithfulness import doubts_figure, excess_ranks, judge_map, nearest_columns, say_quality


def written_out(vectors, places, k):
    "Venna and Kaski's two sums and the recall, item by item, without any shortcut"
    count = len(vectors)
    found = {'trustworthiness': [], 'continuity': [], 'recall': []}
    for i in range(count):
        others = [j for j in range(count) if j != i]
        order = [sorted(others, key=lambda j: np.linalg.norm(points[i] - points[j])) for points in (vectors, places)]  # noqa: B023
        near = [set(o[:k]) for o in order]
        scale = 2 / (k * (2 * count - 3 * k - 1))
        found['trustworthiness'].append(1 - scale * sum(order[0].index(j) + 1 - k for j in near[1] - near[0]))
        found['continuity'].append(1 - scale * sum(order[1].index(j) + 1 - k for j in near[0] - near[1]))
        found['recall'].append(len(near[0] & near[1]) / k)
    return found


@pytest.mark.parametrize(('count', 'k'), [(8, 2), (25, 5), (60, 15)])
def test_every_point_is_judged_as_the_definition_says(count, k):
    rng = np.random.default_rng(count)
    vectors, places = rng.standard_normal((count, 6)), rng.standard_normal((count, 2))
    verdict, expected = judge_map(vectors, places, k, 'euclidean'), written_out(vectors, places, k)
    for name, values in expected.items():
        np.testing.assert_allclose(verdict.per_point[name], values, atol=1e-6)
        assert getattr(verdict, name) == pytest.approx(np.mean(values), abs=1e-6)
    assert verdict.lost == pytest.approx(1 - verdict.recall) and verdict.k == k


@pytest.mark.parametrize('metric', ['euclidean', 'cosine'])
@pytest.mark.parametrize('k', [1, 7, 40])
def test_the_whole_agrees_with_scikit_learn(metric, k):
    rng = np.random.default_rng(k)
    vectors = rng.standard_normal((700, 30)).astype('f4')
    places = vectors[:, :2] + rng.standard_normal((700, 2)).astype('f4')
    verdict = judge_map(vectors, places, k, metric)
    assert verdict.trustworthiness == pytest.approx(
        trustworthiness(vectors, places, n_neighbors=k, metric=metric), abs=1e-5)


def test_a_sample_of_a_large_map_is_judged_among_all_items(measured):
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((9000, 12)).astype('f4')
    places = vectors[:, :2] + 0.3 * rng.standard_normal((9000, 2)).astype('f4')
    part = judge_map(vectors, places, metric='euclidean', sample=600)
    true = 1 - np.array([excess_of(vectors, places, i, 15) for i in part.judged[:40]])
    np.testing.assert_allclose(part.per_point['trustworthiness'][part.judged[:40]], true, atol=1e-5)
    other = judge_map(vectors, places, metric='euclidean', sample=600, seed=1)
    assert set(part.judged) != set(other.judged) and abs(part.trustworthiness - other.trustworthiness) < 0.02
    measured(f'trustworthiness from two samples of 600 of 9,000: '
             f'{part.trustworthiness:.4f}, {other.trustworthiness:.4f}')


def excess_of(vectors, places, i, k):
    "One item's share of what trustworthiness loses"
    true, shown = (np.delete(np.linalg.norm(p - p[i], axis=1), i) for p in (vectors, places))
    rank = np.argsort(np.argsort(true)) + 1
    excess = np.maximum(rank[np.argsort(shown)[:k]] - k, 0).sum()
    return 2 * excess / (k * (2 * len(vectors) - 3 * k - 1))


def test_a_map_that_keeps_everything_loses_nothing_and_chance_scores_half():
    places = np.random.default_rng(2).standard_normal((500, 2)).astype('f4')
    kept = judge_map(places, 7 * places[:, ::-1] + 3, metric='euclidean')
    assert kept.trustworthiness == kept.continuity == kept.recall == 1 and kept.lost == 0
    chance = judge_map(places, np.random.default_rng(3).standard_normal((500, 2)), metric='euclidean')
    assert abs(chance.trustworthiness - 0.5) < 0.03 and chance.recall < 0.06


def test_intruders_and_missing_neighbours_are_told_apart():
    line = np.linspace(0, 1, 400)
    folded = np.stack([np.abs(line - 0.5), 0 * line], 1)  # two far ends side by side
    torn = np.stack([line, 0 * line], 1)
    torn[200:, 1] = 5  # the middle is cut
    vectors = np.stack([line, 0 * line], 1)
    fold, cut = judge_map(vectors, folded, metric='euclidean'), judge_map(vectors, torn, metric='euclidean')
    assert fold.trustworthiness < 0.9 < fold.continuity
    assert cut.continuity < cut.trustworthiness
    assert set(cut.worst(10, 'continuity')) <= set(range(190, 210))


def test_principal_axes_say_how_much_variance_they_lose():
    vectors = np.random.default_rng(4).standard_normal((3000, 4)) * [4, 3, 2, 1]
    verdict = judge_map(vectors, vectors[:, :2], metric='euclidean', linear=True, sample=50)
    assert verdict.variance_lost == pytest.approx(5 / 30, abs=0.02)
    assert 'variance' in str(verdict) and 'variance' not in str(judge_map(vectors, vectors[:, :2], sample=50))


@pytest.mark.parametrize('count', range(8))
def test_few_items_are_judged_as_far_as_they_can_be(count):
    points = np.random.default_rng(5).standard_normal((count, 2))
    verdict = judge_map(points, points, metric='euclidean')
    assert verdict.k == max(0, min(15, (count - 1) // 2)) and verdict.count == count
    assert (verdict.trustworthiness == 1) == (count > 2) and say_quality(verdict.summary)
    assert len(verdict.per_point['recall']) == count


def test_items_without_a_place_or_a_vector_take_no_part():
    rng = np.random.default_rng(6)
    vectors, places = rng.standard_normal((300, 5)), rng.standard_normal((300, 2))
    gone, unknown = np.arange(0, 300, 7), np.arange(1, 300, 11)
    with_gaps, without = vectors.copy(), places.copy()
    with_gaps[unknown], without[gone] = np.nan, np.nan
    kept = np.setdiff1d(np.arange(300), np.union1d(gone, unknown))
    verdict = judge_map(with_gaps, without, 9)
    alone = judge_map(vectors[kept], places[kept], 9)
    assert verdict.summary == alone.summary
    np.testing.assert_array_equal(verdict.per_point['recall'][kept], alone.per_point['recall'])
    assert np.isnan(np.delete(verdict.per_point['recall'], kept)).all() and set(verdict.near.ravel()) <= set(kept)


def test_equal_distances_are_no_errors():
    assert judge_map(np.zeros((30, 3)), np.zeros((30, 2)), metric='euclidean').trustworthiness == 1
    grid = np.stack(np.meshgrid(range(12), range(12)), -1).reshape(-1, 2).astype(float)
    verdict = judge_map(grid, 2 * grid, k=4, metric='euclidean')
    assert verdict.trustworthiness == verdict.continuity == 1


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(40, 900), st.integers(0, 2**31), st.booleans())
def test_nearest_columns_are_the_nearest(k, count, seed, ties):
    rng = np.random.default_rng(seed)
    distances = rng.random((3, count)).astype('f4')
    if ties: distances = np.round(distances, 1)
    distances[:, 0] = np.inf
    k = min(k, count - 1)
    found = nearest_columns(distances, k)
    assert all(len(set(row)) == k for row in found.tolist())
    np.testing.assert_array_equal(np.sort(np.take_along_axis(distances, found, 1)), np.sort(distances)[:, :k])
    bound = np.take_along_axis(distances, found, 1).max(1)
    assert not excess_ranks(distances, found, bound).any()


def test_the_figure_says_what_it_shows():
    points = np.random.default_rng(7).standard_normal((80, 3)).astype('f4')
    verdict = judge_map(points, points[:, :2])
    picture = doubts_figure(points[:, :2], verdict)
    assert '80 items' in picture.alt and 'trustworthiness' in picture.html and 'alt=' in picture.html


def test_a_map_of_other_items_is_refused():
    with pytest.raises(ValueError, match='300 vectors, but 3 places'): judge_map(np.ones((300, 2)), np.ones((3, 2)))
