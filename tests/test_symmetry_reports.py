"What is said of the symmetry of images: right, honest where nothing repeats, and where the elements lie"
import json
import math

import numpy as np
import pytest

from matnb.symmetry.lattices import Lattice
from matnb.symmetry.microscope import Microscope
from matnb.symmetry.overlays import overlay_of
from matnb.symmetry.pattern_source import PatternSource
from matnb.symmetry.plane_groups import GROUP_NAMES
from matnb.symmetry.reports import SIDE, Sights, levels_of, say_with_error, seer_of, square_plane, symmetry_of
from matnb.symmetry.seeing_symmetry import WEIGHTS, SymmetryNetwork
from matnb.symmetry.symmetry_elements import elements_of, place_group
from matnb.symmetry.symmetry_maps import compare_lattices, draw_map, say_map, symmetry_map, windows_over

CLEAN = Microscope(noise=(0.05, 0.3), drift=(0.0, 0.005), defects=0.0)
ORDERS = {'p1': 1, 'p2': 2, 'pm': 1, 'pg': 1, 'cm': 1, 'p2mm': 2, 'p2mg': 2, 'p2gg': 2, 'c2mm': 2, 'p4': 4, 'p4mm': 4,
          'p4gm': 4, 'p3': 3, 'p3m1': 3, 'p31m': 3, 'p6': 6, 'p6mm': 6}


@pytest.fixture(scope='module')
def patterns():
    "Images of all groups, with their lattices"
    families = 'field', 'binary', 'shapes'
    source = PatternSource(families=families, seed=404, smallest=14.0, largest=34.0, microscope=CLEAN)
    made = source.batch(0, 85)
    bases = [Lattice(b).reduced().basis for b in made.bases.double().numpy()]
    return list(zip(made.images.double().numpy(), [GROUP_NAMES[n] for n in made.groups.tolist()], bases, strict=True))


def oracle(name, basis, points=SIDE):
    "A seer that knows what one image shows"
    def seer(windows):
        n = len(windows)
        groups = np.full((n, 17), 0.005)
        groups[:, GROUP_NAMES.index(name)] = 0.92
        likely = np.full(n, 0.1)
        likely[0] = 0.97
        return Sights(likely, groups, np.repeat(basis[None] * SIDE / points, n, 0))
    return seer


def nobody(windows):
    "A seer that finds no period"
    n = len(windows)
    return Sights(np.full(n, 0.02), np.full((n, 17), 1 / 17), np.full((n, 2, 2), np.nan))


# --- Elements

@pytest.mark.parametrize('name', GROUP_NAMES)
def test_the_highest_centre_of_a_group_is_that_of_its_symbol(name):
    centres = [e.order for e in elements_of(name) if e.kind == 'centre']
    assert max(centres, default=1) == ORDERS[name]
    letters = {k: any(e.kind == k for e in elements_of(name)) for k in ('mirror', 'glide')}
    assert letters['mirror'] == ('m' in name) and (letters['glide'] or 'g' not in name)


def test_every_group_is_placed_where_its_operations_hold(patterns):
    worst = {}
    for image, name, basis in patterns:
        placed = place_group(image, basis, name)
        worst.setdefault(name, []).append(placed.worst)
        assert 0 <= overlay_of(placed, image.shape).cell[0][0] + 0.5, name
    assert len(worst) == 17 and min(np.median(w) for w in worst.values()) > 0.95


def test_a_group_that_the_lattice_cannot_have_has_no_place(patterns):
    image, _, _ = patterns[0]
    assert place_group(image, np.array([[0.0, 20.0], [29.0, 4.0]]), 'p4mm') is None
    assert place_group(image, np.array([[0.0, 20.0], [29.0, 4.0]]), 'p2') is not None


# --- Reports

def test_lattices_come_out_in_metres_with_honest_errors(patterns):
    off = []
    for image, name, basis in patterns[:24]:
        seen = symmetry_of(image, 2e-10, oracle(name, basis @ (np.eye(2) + 0.004)))
        true = 4e-20 * abs(np.linalg.det(basis)) * (2 if seen.lattice.system == 'centred' else 1)
        off.append((seen.lattice.area - true) / seen.lattice.errors['area'])
        assert abs(seen.lattice.area / true - 1) < 0.01 and seen.group == name and seen.order == ORDERS[name]
        assert all(o.likeness > 0.6 for o in seen.operations)
        told = json.loads(seen.to_json())
        assert told['group'] == name and told['lattice']['unit'] == 'm' and 'image' not in told
    assert np.median(np.abs(off)) < 2 and np.mean(np.abs(off) < 3) > 0.9


def test_the_place_of_what_is_drawn_moves_with_the_image(patterns):
    image, name, basis = next(p for p in patterns if p[1] == 'p4gm')
    small = symmetry_of(image, 1e-9, oracle(name, basis)).placed
    moved = symmetry_of(np.roll(image, 7, 1)[:, 7:], 1e-9, oracle(name, basis, 121)).placed
    step = (moved.origin - small.origin - (0, 0)) @ np.linalg.inv(small.basis)
    half = 2 * step                                    # either of the two fourfold centres may be the origin
    assert np.abs(half - np.rint(half)).max() < 0.15


def test_nothing_is_named_where_nothing_repeats():
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:150, :200]
    lines = np.sin(0.4 * x + 0.1 * y)
    for image, words in ((rng.normal(size=(150, 200)), 'No periodicity here'), (lines, 'One period only')):
        for seer in (nobody, 'measured'):
            seen = symmetry_of(image, 1e-9, seer)
            assert seen.group is None and seen.lattice is None and seen.overlay is None and seen.order == 1
            assert str(seen).startswith(words) and json.loads(seen.to_json())['group'] is None
    stripes = symmetry_of(np.sin(0.4 * x + 0.1 * y) + 0.3 * rng.normal(size=x.shape), 1e-9, nobody).period
    assert abs(stripes.length / (2e-9 * math.pi / math.hypot(0.4, 0.1)) - 1) < 0.03
    assert abs(stripes.direction - math.degrees(math.atan2(0.4, 0.1))) < 2 and stripes.unit == 'm'


def stripes(rng, points=128):
    "Stripes of any width, direction, profile and noise, without the steps of single points"
    y, x = np.mgrid[:points, :points]
    turn, period, sharp = rng.uniform(0, math.pi), math.exp(rng.uniform(math.log(6), math.log(30))), rng.uniform(1, 8)
    parts = [(x + i) * math.cos(turn) + (y + j) * math.sin(turn) for i in (-0.25, 0.25) for j in (-0.25, 0.25)]
    image = np.mean([np.tanh(sharp * (np.sin(2 * math.pi * p / period) + 0.3)) for p in parts], 0)
    image = image / image.std() + rng.choice([0.0, 0.1, 0.5]) * rng.normal(size=x.shape)
    return image, period, (90 - math.degrees(turn)) % 180


@pytest.mark.parametrize('network', [None, 'measured'])
def test_stripes_are_no_lattice(network):
    rng, right = np.random.default_rng(12), []
    for _ in range(24):
        image, period, direction = stripes(rng)
        seen = symmetry_of(image, network=network)
        right.append(seen.lattice is None and str(seen).startswith('One period only'))
        if not right[-1]: continue
        assert abs(seen.period.length / period - 1) < 0.05
        assert abs((seen.period.direction - direction + 90) % 180 - 90) < 1.5
    assert np.mean(right) > 0.94


def test_neither_a_slope_nor_an_edge_nor_a_disc_has_a_period():
    y, x = np.mgrid[:256, :256]
    for image in (x + 0.3 * y, (x + 0.2 * y > 140).astype(float), np.hypot(x - 120, y - 130) < 60, (x - 100.0) ** 2):
        assert str(symmetry_of(image)).startswith('No periodicity here')


def test_what_fits_badly_or_was_not_measured_is_remarked():
    y, x = np.mgrid[:256, :256]
    ways = [(math.cos(k * math.pi / 5), math.sin(k * math.pi / 5)) for k in range(5)]
    quasicrystal = sum(np.cos(2 * math.pi * (x * c + y * s) / 14) for c, s in ways)
    assert symmetry_of(quasicrystal).lattice is None
    without = np.tile(np.random.default_rng(7).normal(size=(20, 20)), (13, 13))  # Any symmetry but shifts
    assert 'fits badly' in str(symmetry_of(without, network=oracle('p4gm', np.eye(2) * 20, 260)))
    lattice = np.cos(x / 3.1) + np.cos(y / 3.1)
    assert 'no number' not in str(symmetry_of(lattice))
    lattice[40:60] = np.nan
    assert '7.8% of the points hold no number' in str(symmetry_of(lattice))


def test_a_distorted_cell_is_remarked():
    y, x = np.mgrid[:200, :200]
    for drift, said in ((0.0, False), (0.07, True)):
        u = x + drift * y
        seen = symmetry_of(np.cos(2 * np.pi * u / 20) + np.cos(2 * np.pi * y / 20))
        assert seen.group in ('p4mm', 'p2mm') and ('The cell is 7% off the shape that a' in str(seen)) is said


def test_a_report_says_who_looked():
    image = np.random.default_rng(1).normal(size=(64, 64))
    assert json.loads(symmetry_of(image).to_json())['seen_by'] == WEIGHTS
    assert symmetry_of(image, network='measured').seen_by == 'measured'
    other = SymmetryNetwork()
    assert len(seer_of(other).name) == 64 and seer_of(other).name != seer_of(SymmetryNetwork()).name


@pytest.mark.parametrize('change', [
    lambda v: np.ma.masked_array(np.where(v > 1, 1e30, v), v > 1), lambda v: 1e200 * v, lambda v: 1e-300 * v,
    lambda v: v.astype(object), lambda v: v.tolist(), lambda v: v.astype('f4')])
def test_an_image_is_what_its_numbers_are(change):
    image = np.random.default_rng(0).normal(size=(40, 50)).clip(-2, 2)
    plane = square_plane(change(image), np.float32(2))[0]
    known = image <= 1 if isinstance(change(image), np.ma.MaskedArray) else np.ones_like(image, bool)
    assert np.corrcoef(plane[known], image[known])[0, 1] > 0.999999 and abs(plane).max() < 10


def test_long_images_are_looked_at_and_monstrous_ones_refused():
    long = np.random.default_rng(0).normal(size=(30, 3000))
    assert square_plane(long)[0].shape == long.shape
    with pytest.raises(ValueError, match='square'): square_plane(long, (1e-9, 1e-7))
    with pytest.raises(ValueError, match='at most'): square_plane(np.broadcast_to(long[:1], (3000, 3000)), (1e-9, 5e-8))


@pytest.mark.parametrize('network, least', [(None, 0.95), ('measured', 0.8)])
def test_patterns_are_told_from_what_does_not_repeat(network, least, measured):
    source = PatternSource(seed=7, aperiodic=0.5, microscope=CLEAN, largest=34.0, families=('field', 'binary'))
    made = source.batch(0, 60)
    seen = [symmetry_of(image, network=network).lattice is not None for image in made.images.numpy()]
    right = np.mean(np.array(seen) == (made.groups.numpy() >= 0))
    measured(f'patterns told from what does not repeat, {network or "the network"}: {right:.2f} of 60 images')
    assert right > least


def test_the_network_that_ships_names_the_groups_and_is_as_sure_as_it_may_be(patterns, measured):
    seen = [symmetry_of(image) for image, _, _ in patterns[:51]]
    right = np.array([s.group == name for s, (_, name, _) in zip(seen, patterns, strict=False)])
    sure = np.array([max(s.probabilities.values()) for s in seen])
    measured(f'plane groups of {len(right)} images: {right.mean():.2f} right, said with {sure.mean():.2f}')
    assert right.mean() > 0.9 and abs(sure.mean() - right.mean()) < 0.08


@pytest.mark.parametrize('image, said', [
    (np.zeros((5, 300)), 'too small'), (np.full((64, 64), np.nan), 'hold no number'),
    (np.ones((64, 64)), 'same everywhere'),
    (np.zeros((2, 64, 64)), 'one channel'), (np.zeros((0, 0)), 'too small'),
    (1j * np.eye(64), 'complex'), (np.full((30, 30), 'a'), 'numbers')])
def test_what_cannot_be_looked_at_is_refused_in_words(image, said):
    with pytest.raises(ValueError, match=said): symmetry_of(image)


@pytest.mark.parametrize('size', [0, -1e-9, float('nan'), (1e-9, float('inf')), '1 nm', (1, 2, 3)])
def test_a_pixel_size_that_is_none_is_refused(size):
    with pytest.raises(ValueError, match='pixel_size'): square_plane(np.eye(64), size)


def test_points_become_square_and_holes_are_filled():
    image = np.random.default_rng(0).normal(size=(64, 128))
    image[3:9, 5:20] = np.nan
    plane, scale = square_plane(image, (2e-9, 1e-9))
    assert plane.shape == (128, 128) and scale == 1e-9 and np.isfinite(plane).all() and abs(plane.std() - 1) < 0.2
    assert {v.width for views in levels_of((300, 700)) for v in views} == {300, 150, 75}


@pytest.mark.parametrize('value, error, unit, said', [
    (1.2137e-8, 5e-11, 'm', '12.14 ± 0.05 nm'), (4.05e-10, 2e-13, 'm', '405.00 ± 0.20 pm'),
    (90.0, 0.0, '°', '90.0000 ± 0.0001°'),
    (31.26, 1.2, 'px', '31.3 ± 1.2 px'), (2e-6, float('nan'), 'm', '2 µm')])
def test_digits_follow_the_error(value, error, unit, said): assert say_with_error(value, error, unit) == said


# --- Maps

def test_lattices_are_compared_whatever_their_vectors_are_called():
    rng = np.random.default_rng(1)
    start = np.array([[0.0, 20.0], [23.0, 4.0]])
    for _ in range(20):
        t = math.radians(rng.uniform(-20, 20))
        turned = start @ np.array([[math.cos(t), math.sin(t)], [-math.sin(t), math.cos(t)]])
        other = np.array([[1, 0], [int(rng.integers(-1, 2)), 1]]) @ turned
        seen = compare_lattices(other[None], start)
        assert abs(abs(seen.rotation[0]) - abs(math.degrees(t))) < 1e-6 and np.abs(seen.strain).max() < 1e-9


def test_a_map_shows_where_the_lattice_turns():
    y, x = np.mgrid[:160, :200]
    def pattern(degrees):
        t = math.radians(degrees)
        u, v = x * math.cos(t) - y * math.sin(t), x * math.sin(t) + y * math.cos(t)
        return np.cos(2 * np.pi * u / 14) + np.cos(2 * np.pi * v / 14) + 0.3 * np.cos(2 * np.pi * (u + v) / 14)
    image = np.where(x < 100, pattern(0), pattern(12)) + 0.2 * np.random.default_rng(5).normal(size=x.shape)
    seen = symmetry_map(image, 64, 16, pixel_size=1e-9, network='measured', progress=False)
    turn = seen.rotation.values
    assert abs(abs(np.nanmedian(turn[:, -2:]) - np.nanmedian(turn[:, :2])) - 12) < 0.3
    assert seen.y.attrs['units'] == 'm' and seen.sizes['line'] == 160
    told = []
    symmetry_map(image, 64, 48, network=nobody, progress=told.append)
    assert told and told == sorted(told) and told[-1] <= 1
    assert 'alt=' in draw_map(seen).html and len(windows_over((100, 300), 64, 16)[1]) == 16


def test_what_a_map_is_given_is_checked(tmp_path):
    image, file = np.random.default_rng(6).normal(size=(100, 120)), tmp_path/'seen.npz'
    kept = {'network': nobody, 'window': 64, 'step': 20, 'progress': False, 'keep_in': file}
    assert symmetry_map(image, **kept).attrs['seen_by'] == 'nobody'
    whole = file.read_bytes()
    np.savez(tmp_path/'others.npz', data=image)
    np.save(tmp_path/'one.npy', image)
    for content in (whole[:300], b'', b'text', (tmp_path/'others.npz').read_bytes(), (tmp_path/'one.npy').read_bytes()):
        file.write_bytes(content)
        with pytest.raises(ValueError, match='not written by a symmetry map'): symmetry_map(image, **kept)
        assert file.read_bytes() == content
    for wrong in ([[1, 0], [2, 0]], np.eye(3), [[math.nan, 1], [1, 2]]):
        with pytest.raises(ValueError, match='reference='): symmetry_map(image, network=nobody, reference=wrong)
    with pytest.raises(ValueError, match='longer steps'):
        symmetry_map(np.random.default_rng(0).normal(size=(600, 600)), 64, 1, network=nobody)


def test_turns_are_said_on_a_circle():
    import xarray as xr

    for turns, said in (([44.0, -44.0, 43.5], 'turned by 44° to 46°'), ([0.0, 30.0, -2.0], 'turned by -2° to 30°'),
                        ([3.0, 3.2, 3.1], 'turned alike')):
        maps = {'group': (('y', 'x'), np.full((1, 3), 9, 'i1')), 'rotation': (('y', 'x'), np.array([turns]))}
        assert said in say_map(xr.Dataset(maps, attrs={'fold': 90.0, 'window_said': '64 points'}))


def test_missing_lines_lie_between_their_neighbours():
    "The mean of all points would be a line of one value, which is its own mirror image"
    from matnb.symmetry.reports import square_plane

    y, x = np.mgrid[:96, :96]
    whole = 3.0 * y + np.sin(x / 5) * 4
    torn = whole.copy()
    torn[[20, 21, 60], :] = np.nan
    torn[:, 40][::2] = np.nan
    seen, full = (square_plane(plane)[0] for plane in (torn, whole))
    assert np.abs(seen - full).max() < 0.01
