"Spacing, orientation and place of pairs of pictures, against what was put in"
import numpy as np
import pytest

from matnb.corpus.measurement import Channel
from matnb.corpus.simulated import simulate_measurement
from matnb.similarity.likeness import compare_pictures, dominant_spacing, power_spectrum
from matnb.similarity.registration import Finder, cut, signal_planes
from matnb.similarity.views import Window, resample_window


def waves(period, degrees, size=128, noise=0.0, seed=0):
    "Stripes of a period, whose wavevector points in a direction"
    y, x = np.mgrid[:size, :size]
    turn = np.deg2rad(degrees)
    clean = np.sin(2 * np.pi * (x * np.cos(turn) - y * np.sin(turn)) / period)
    return (clean + noise * np.random.default_rng(seed).standard_normal(clean.shape)).astype('f4')


@pytest.fixture(scope='module')
def scan():
    return simulate_measurement(77, size=192)


@pytest.mark.parametrize('noise', [0.0, 1.0])
@pytest.mark.parametrize('period', [5.0, 9.3, 20.0])
def test_spacing_and_direction_of_stripes(period, noise):
    seen = compare_pictures(waves(period, 20, noise=noise), waves(period * 1.3, 55, noise=noise, seed=1), 1e-9, 2e-9)
    assert abs(seen.spacing[0].length / (period * 1e-9) - 1) < 0.06
    assert abs(seen.spacing_ratio / 2.6 - 1) < 0.08
    assert abs(seen.orientation_difference - 35) < 3 and seen.orientation.period == 180


def test_noise_has_neither_spacing_nor_direction_nor_place():
    rng = np.random.default_rng(5)
    for smooth in (0, 2):
        from scipy.ndimage import gaussian_filter
        a, b = (gaussian_filter(rng.standard_normal((128, 128)), smooth) for _ in range(2))
        seen = compare_pictures(a, b)
        assert seen.spacing[0].length is None and seen.spacing_ratio is None
        assert seen.orientation_difference is None and not seen.match.same_place


@pytest.mark.parametrize('angle, size, side', [(0, 100, 100), (33, 70, 110), (170, 110, 60), (-95, 60, 60)])
def test_a_part_is_found_where_it_was_cut(scan, angle, size, side):
    window = Window(98, 92, size, angle)
    part = cut(scan.image, scan.channels, window, side)
    seen = compare_pictures(part, scan.image, None, scan.pixel_size, channels_a=scan.channels)
    assert seen.match.same_place and abs(seen.match.scale / (size / side) - 1) < 0.02
    assert abs((seen.match.rotation - angle + 180) % 360 - 180) < 1
    assert np.abs(seen.match.corners - window.corners()).max() < 1.5


def test_overlapping_fields_are_registered(scan):
    planes = scan.image.astype('f4')
    a = cut(planes, scan.channels, Window(80, 80, 120), 120)
    b = cut(planes, scan.channels, Window(108, 104, 120, 12), 120)
    seen = compare_pictures(a, b, 1e-9, 1e-9, channels_a=scan.channels)
    assert seen.match.same_place and abs(seen.match.rotation + 12) < 1 and abs(seen.match.scale - 1) < 0.02


def test_a_mirror_image_is_another_place(scan):
    seen = compare_pictures(scan.image[:, :, ::-1], scan.image, channels_a=scan.channels, channels_b=scan.channels)
    assert not seen.match.same_place


def test_a_phase_that_comes_round_is_one_pattern():
    stripes = np.where(waves(16, 30) > 0, 179.0, 3.0) + np.random.default_rng(0).normal(0, 6, (128, 128))
    around = (stripes + 180) % 360 - 180
    channels = [Channel('phase', 'deg')]
    seen = compare_pictures(around, around[:90, 20:110], channels_a=channels)
    assert abs(seen.spacing[0].length - 16) < 1 and seen.match.correlation > 0.9


def test_pixels_that_are_not_square(scan):
    tall = scan.image[:, ::2].astype('f4')
    seen = compare_pictures(scan.image, tall, (1e-9, 1e-9), (2e-9, 1e-9), channels_a=scan.channels)
    assert seen.match.same_place and abs(seen.match.rotation) < 1 and abs(seen.match.scale - 1) < 0.02


@pytest.mark.parametrize('dull', [np.zeros((40, 40)), np.full((64, 64), np.nan), np.ones((2, 3)), np.zeros((1, 200))])
def test_pictures_that_show_nothing(dull, scan):
    for other in (dull, scan.image[0]):
        seen = compare_pictures(dull, other)
        assert seen.spacing[0].length is None and seen.orientation_difference is None
        assert seen.match is None or not seen.match.same_place
        assert seen._repr_html_().count('<img') == 2


def test_holes_do_not_matter_much(scan):
    image = scan.image.astype('f4')
    image[:, 60:80, 50:90] = np.nan
    part = cut(scan.image, scan.channels, Window(96, 96, 110, 25), 110)
    seen = compare_pictures(part, image, channels_a=scan.channels, channels_b=scan.channels)
    assert seen.match.same_place and abs(seen.match.rotation - 25) < 1


def test_what_is_drawn_is_escaped():
    hostile = [Channel('<script>alert(1)</script>', '"onload="x')]
    html = compare_pictures(waves(9, 0), waves(9, 5), channels_a=hostile)._repr_html_()
    assert '<script' not in html and 'onload="x' not in html and html.count('alt="') == 2


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match='share no channel'):
        compare_pictures(np.stack([waves(9, 0)] * 2), np.stack([waves(9, 0)] * 2), channels_a=['height', 'image'],
                         channels_b=['amplitude', 'grey'])
    with pytest.raises(ValueError, match='names of channels'): compare_pictures(np.zeros((3, 20, 20)), waves(9, 0))
    with pytest.raises(ValueError, match='in metres'): compare_pictures(waves(9, 0), waves(9, 0), -1)


def test_a_picture_of_one_channel_is_compared_with_whatever_the_other_shows():
    wanted, there = [Channel('grey')], [Channel('phase', 'deg'), Channel('height', 'm')]
    seen = compare_pictures(waves(9, 0), np.stack([waves(20, 0), waves(9, 0)]), channels_a=wanted, channels_b=there)
    assert seen.match.correlation > 0.9 and abs(seen.spacing_ratio - 1) < 0.01
    assert 'grey' in seen.pictures[0].alt and 'height' in seen.pictures[1].alt and 'grey' not in seen.pictures[1].alt
    with pytest.raises(ValueError, match='share no channel'):
        compare_pictures(waves(9, 0), waves(9, 0), channels_a=wanted, channels_b=there[:1])


def test_plain_lists_are_pictures():
    assert compare_pictures(waves(9, 0).tolist(), waves(9, 0)).match.correlation > 0.9


def test_a_finder_serves_many_pictures(scan):
    planes = signal_planes(scan.image, scan.channels)
    finder = Finder(resample_window(planes, Window(90, 100, 80, 60), 80))
    for angle in (0, 90, 200):
        turned = resample_window(planes, Window(96, 96, 130, angle), 130)
        found = finder.refine(turned, finder.search(turned, 80))
        assert found.correlation > 0.8 and abs((found.angle - 60 + angle + 180) % 360 - 180) < 1


def test_long_pictures_have_their_spacing():
    wide = np.sin(2 * np.pi * np.arange(400) / 11)[None].repeat(64, 0)
    assert abs(dominant_spacing(power_spectrum(wide[None])).length - 11) < 0.6
