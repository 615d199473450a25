"""The simulated corpus: the same bytes every time, the physics that was put in, and a corpus that can be resumed"""

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter, defaultdict

import numpy as np
import pytest

from matnb.corpus import simulated
from matnb.corpus.domains import DOMAINS, bubbles, polycrystal, stripes, winding_number
from matnb.corpus.facets import VOCABULARY, read_value
from matnb.corpus.pfm_instrument import Settings, follow, measure, terraces
from matnb.corpus.phase_field import measure_period
from matnb.corpus.simulated import (
    CAMPAIGN,
    FAILURES,
    MATERIALS,
    campaign,
    simulate_corpus,
    simulate_measurement,
    simulate_measurements,
)

SEED, MANY = 2021, 2000


@pytest.fixture(scope='module')
def many():
    "Two thousand small scans: enough to count with"
    return list(simulate_measurements(range(MANY), SEED, 32))


def visit_of(number): return campaign(SEED, number // CAMPAIGN)[number % CAMPAIGN]


def first_of(kind, count, outcome='success', limit=20_000):
    "Scans of one kind of domains, at full size"
    found = []
    for number in range(limit):
        visit = visit_of(number)
        if visit.sample.fault or (visit.sample.kind != kind and kind != 'written'): continue
        scan = simulate_measurement(number, SEED)
        if scan.metadata['Simulated domains'] == kind and scan.facets['outcome'] == outcome: found.append(scan)
        if len(found) == count: return found
    raise AssertionError(f'fewer than {count} scans of {kind} in {limit}')


def response(scan):
    "The real part of the piezoresponse, from amplitude and phase"
    _, amplitude, phase = scan.image.astype('f4')
    return amplitude * np.cos(np.deg2rad(phase - scan.metadata['PhaseOffset']))


def spearman(x, y):
    rank = [np.argsort(np.argsort(a)) for a in (x, y)]
    return np.corrcoef(*rank)[0, 1]


# ---- the same bytes ---------------------------------------------------------------------------------------------

DIGESTS = '''
import hashlib, json, sys
import scipy.fft
from matnb.corpus.simulated import simulate_measurement
numbers, workers = json.loads(sys.argv[1]), int(sys.argv[2])
with scipy.fft.set_workers(workers):
    scans = {n: simulate_measurement(n) for n in numbers}
digests = {n: hashlib.sha256(s.image.tobytes()).hexdigest() for n, s in scans.items()}
print(json.dumps({n: [s.id, digests[n], s.facets, s.metadata] for n, s in scans.items()}))
'''


def digests(numbers, workers, threads, hash_seed):
    environment = os.environ | {
        'OMP_NUM_THREADS': threads, 'OPENBLAS_NUM_THREADS': threads, 'PYTHONHASHSEED': hash_seed}
    done = subprocess.run([sys.executable, '-c', DIGESTS, json.dumps(numbers), str(workers)],
                          env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_two_processes_make_the_same_bytes():
    numbers = [*range(0, 600, 32), 100_003]
    first = digests(numbers, 1, '1', '1')
    second = digests([7, *reversed(numbers), 5000], 2, '2', '2')
    assert len(first) == 20
    assert {n: second[n] for n in first} == first
    assert len({d[1] for d in first.values()}) == 20


def test_identity_depends_on_seed_number_and_size_only():
    ids = {simulate_measurement(n, seed, size).id for n in (0, 1) for seed in (1, 2) for size in (32, 48)}
    assert len(ids) == 8
    assert simulate_measurement(3, size=32).sha256 == simulated.simulated_sha256(3, size=32)


@pytest.mark.parametrize(('number', 'size'), [(-1, 64), (0, 8)])
def test_impossible_requests_are_refused(number, size):
    with pytest.raises(ValueError, match='numbers start at 0, sizes at 32'): simulate_measurement(number, size=size)


# ---- what every item is held to -----------------------------------------------------------------------------------

def test_every_image_is_finite_and_in_range(many):
    for scan in many:
        assert scan.image.dtype == np.float16 and scan.image.shape == (3, 32, 32)
        assert np.isfinite(scan.image).all(), scan.source
        height, amplitude, phase = scan.image
        assert np.ptp(height.astype('f4')) < 500 and amplitude.min() >= 0 and phase.min() >= -90 and phase.max() <= 270


def test_everything_says_that_it_is_simulated(many):
    for scan in many:
        assert scan.origin == 'simulated' and scan.source.startswith('simulated ')
        assert 'no such measurement' in scan.metadata['Simulated'] and scan.metadata['Simulated seed'] == SEED


def test_facets_are_those_of_the_vocabulary_and_convert(many):
    for scan in many:
        for name, value in scan.facets.items(): assert read_value(VOCABULARY[name], value) is not None, name
        assert np.isclose(scan.facets['scan_size'] / 32, scan.pixel_size[0])
    seen = {name for scan in many for name in scan.facets}
    assert seen == set(VOCABULARY) - {'channels', 'file', 'origin'}


def test_what_the_instrument_writes_is_never_missing_and_what_people_write_sometimes_is(many):
    missing = {name: np.mean([name not in s.facets for s in many]) for name in VOCABULARY}
    for name in ('material', 'sample', 'instrument', 'mode', 'scan_size', 'drive_amplitude', 'date', 'outcome',
                 'measured_by'):
        assert missing[name] == 0, name
    for name in ('thickness', 'growth_temperature', 'grown_by', 'substrate', 'intent', 'tip', 'domain_type', 'd33',
                 'roughness'):
        assert 0.01 < missing[name] < 0.7, (name, missing[name])
    assert missing['domain_type'] < 0.2


def test_one_in_eight_fails_and_says_why(many):
    failed = [s for s in many if s.facets['outcome'] == 'failed']
    assert 0.10 <= len(failed) / MANY <= 0.15
    reasons = Counter(s.facets.get('failure_reason') for s in failed)
    assert set(reasons) == {*FAILURES, None} and reasons[None] < 0.2 * len(failed)
    assert all('failure_reason' not in s.facets for s in many if s.facets['outcome'] != 'failed')


def test_every_kind_of_domains_occurs(many):
    kinds = Counter(s.metadata['Simulated domains'] for s in many)
    assert set(kinds) == set(DOMAINS) and min(kinds.values()) > 0.02 * MANY
    assert all(s.facets.get('domain_type', kind) == kind for s in many if (kind := s.metadata['Simulated domains']))


# ---- physics in the pictures ------------------------------------------------------------------------------------

def test_kittels_law_is_recovered_from_the_pictures():
    "One scan of each of a hundred samples, wherever a period has eight points or more"
    held, seen, number = defaultdict(list), set(), -1
    while len(seen) < 100:
        visit = visit_of(number := number + 1)
        sample = visit.sample
        if sample.kind not in ('stripes', 'labyrinth') or sample.fault or sample.name in seen: continue
        scan = simulate_measurement(number, SEED)
        unclear = scan.facets['outcome'] != 'success' or scan.metadata['Simulated domains'] != sample.kind
        if unclear or sample.length / scan.pixel_size[0] < 8: continue
        seen.add(sample.name)
        period = measure_period(response(scan)) * scan.pixel_size[0]
        held[sample.material.name, sample.kind].append(np.log([sample.thickness, period, sample.length]))
    centred = np.concatenate([np.array(v) - np.mean(v, 0) for v in held.values()])
    off = np.concatenate([np.array(v)[:, 1] - np.array(v)[:, 2] for v in held.values()])
    assert np.ptp(centred[:, 0]) > 2 and np.mean(np.abs(off) < 0.2) > 0.93
    assert abs(np.polyfit(centred[:, 0], centred[:, 1], 1)[0] - 0.5) < 0.07


def test_stripes_have_two_phases_180_degrees_apart():
    close, share = [], []
    for scan in first_of('stripes', 30):
        phase, weight = np.deg2rad(scan.image[2].astype('f8')), scan.image[1].astype('f8') ** 2
        axis = np.angle((weight * np.exp(2j * phase)).sum()) / 2
        off = np.abs(np.angle(np.exp(2j * (phase - axis)))) / 2
        close.append(np.average(off < np.deg2rad(25), weights=weight))
        share.append(np.average(np.cos(phase - axis) > 0, weights=weight))
    assert np.median(close) > 0.97 and np.quantile(close, 0.2) > 0.85 and min(close) > 0.55, close
    assert np.mean([0.1 < s < 0.9 for s in share]) > 0.8, share  # electrostatic forces may hide one of the two


def test_the_amplitude_dips_at_walls():
    for seed in range(4):
        rng = np.random.default_rng(seed)
        settings = Settings(resolution=30e-9, electrostatic=0.05)
        _, amplitude, phase = measure(stripes(rng, 144, 30), terraces(rng, 144, 25), rng, settings, 128)
        jump = np.abs(np.angle(np.exp(1j * np.deg2rad(np.diff(phase, axis=1))))) > np.pi / 2
        wall, inside = amplitude[:, 1:][jump], np.percentile(amplitude, 75)
        assert jump.sum() > 100 and np.median(wall) < 0.4 * inside


def test_a_feedback_loop_never_runs_away():
    steps = np.cumsum(np.random.default_rng(0).standard_normal((4, 512), dtype='f4'), axis=1)
    for lag in (0, 0.5, 1):
        for ringing in (0, 0.5, 1): assert np.abs(follow(steps, lag, ringing)).max() < 3 * np.abs(steps).max()
    with pytest.raises(ValueError, match='ringing = 1.1'): Settings(ringing=1.1)


def test_bubbles_never_collapse():
    for seed in range(25):
        p = bubbles(np.random.default_rng(seed), 72, 11).polarisation[2]
        assert 0.04 <= min(np.mean(p > 0), np.mean(p < 0)) < 0.45


def test_vortices_turn_around_their_cores():
    d = DOMAINS['vortices'](np.random.default_rng(2), 144, 36.0)
    turns = winding_number(d.polarisation[:2])
    assert (turns > 0).sum() >= 8 and set(np.unique(turns)) <= {-1, 0, 1}


def test_grains_differ_in_response():
    p = polycrystal(np.random.default_rng(2), 144, 30.0).polarisation[2]
    assert len(np.unique(np.round(np.abs(p), 1))) > 5


def describe(scan):
    "A few plain numbers: power by length and by direction, and how the response is distributed"
    r = response(scan)
    scale = np.percentile(np.abs(r), 95) + 1e-6
    power = np.abs(np.fft.fft2((r - r.mean()) * np.hanning(128) * np.hanning(128)[:, None])) ** 2
    f = np.fft.fftfreq(128)
    k, angle = np.hypot(f, f[:, None]) * 128, np.arctan2(f[:, None], f)
    rings = np.histogram(k, (1, 2, 3, 5, 8, 12, 18, 27, 40), weights=power)[0]
    band = power * (k > 2) * (k < 40)
    turns = [np.abs((band * np.exp(1j * n * angle)).sum()) / band.sum() for n in (2, 4, 6)]
    shape = np.percentile(r / scale, [5, 25, 50, 75, 95])
    weak = np.mean(np.abs(r) < 0.3 * scale)
    return np.concatenate([np.log(rings / rings.sum() + 1e-4), turns, shape, np.abs(shape), [weak]])


def test_kinds_of_domains_can_be_told_apart():
    kinds, each = list(DOMAINS), 14
    x = np.array([[describe(s) for s in first_of(kind, each)] for kind in kinds])
    x = (x - x.mean((0, 1))) / x.std((0, 1))
    flat, label = x.reshape(-1, x.shape[-1]), np.repeat(np.arange(len(kinds)), each)
    distance = ((flat[:, None] - flat) ** 2).sum(-1)
    np.fill_diagonal(distance, np.inf)
    votes = label[np.argsort(distance, 1)[:, :5]]
    guess = np.array([np.bincount(v, minlength=len(kinds)).argmax() for v in votes])
    assert np.mean(guess == label) > 0.5, np.mean(guess == label)  # chance is 0.1


# ---- failures that can be seen -----------------------------------------------------------------------------------

@pytest.fixture(scope='module')
def failures(many):
    numbers = defaultdict(list)
    for number, scan in enumerate(many): numbers[scan.facets.get('failure_reason')].append(number)
    return {reason: [simulate_measurement(n, SEED) for n in numbers[reason][:6]] for reason in FAILURES}


def direction(scan): return np.abs(np.mean(np.exp(1j * np.deg2rad(scan.image[2].astype('f8')))))


def test_without_a_signal_the_phase_is_noise(failures):
    for scan in failures['no signal']: assert direction(scan) < 0.05


def test_amorphous_films_show_no_domains(failures):
    for scan in failures['film amorphous']:
        neighbours = np.corrcoef(response(scan)[1:].ravel(), response(scan)[:-1].ravel())[0, 1]
        assert abs(neighbours) < 0.2, scan.source


def test_after_a_crash_the_signal_is_gone(failures):
    planes = [scan.image[1].astype('f4') for scan in failures['tip crash']]
    left = [np.median(a[-20:]) / np.median(a[:20]) for a in planes]
    assert max(left) < 0.8 and np.median(left) < 0.25, left


def test_charge_hides_the_second_phase(failures):
    for good in first_of('labyrinth', 6): assert direction(good) < 0.75
    assert np.median([direction(s) for s in failures['charging']]) > 0.85


def test_lost_contact_leaves_dark_bands(failures):
    rows = [np.median(scan.image[1].astype('f4'), axis=1) for scan in failures['contact lost']]
    darkest = [r.min() / r.max() for r in rows]
    assert max(darkest) < 0.6 and np.median(darkest) < 0.2, darkest


# ---- columns that hang together ----------------------------------------------------------------------------------

def samples(many):
    return {v.sample.name: v.sample for v in map(visit_of, range(MANY))}.values()


def test_coercive_voltage_rises_with_thickness_within_a_material(many):
    tested = 0
    for material in MATERIALS:
        seen = {s.facets['sample']: s.facets for s in many if s.facets['material'] == material.name
                and {'thickness', 'coercive_voltage'} <= set(s.facets)}
        if len(seen) < 20: continue
        tested += 1
        rho = spearman(*np.array([(f['thickness'], f['coercive_voltage']) for f in seen.values()]).T)
        assert rho > 0.4, (material.name, rho)
    assert tested >= 4


def test_roughness_is_least_at_the_usual_temperature():
    grown = {v.sample.name: v.sample for i in range(300) for v in campaign(SEED, i)}.values()
    off = np.array([abs(s.temperature - s.material.temperature) for s in grown])
    rough = np.array([np.log(s.properties['roughness'] / simulated._ROUGHNESS[s.method]) for s in grown])
    assert spearman(off, rough) > 0.15
    assert rough[off > 70].mean() > rough[off < 30].mean() + 0.2


def test_tension_makes_twins_and_compression_upright_domains(many):
    tetragonal = [s for s in samples(many) if s.material.short in ('PTO', 'PZT20', 'BTO')]
    strain = np.array([simulated.remaining_strain(s.material.lattice, s.substrate, s.thickness) for s in tetragonal])
    twin = np.array(['twins' in s.kind for s in tetragonal])
    assert twin[strain > 0.2].mean() > twin[strain < -0.2].mean() + 0.2


def test_scans_of_a_sample_share_what_a_sample_has(many):
    held = defaultdict(list)
    for scan in many: held[scan.facets['sample']].append(scan)
    several = [scans for scans in held.values() if len(scans) > 2]
    assert len(several) > 100
    for scans in several:
        for name in ('material', 'substrate', 'grown_by', 'thickness', 'growth_temperature', 'coercive_voltage'):
            assert len({s.facets[name] for s in scans if name in s.facets}) <= 1, name
        days = [s.facets['date'] for s in scans]
        assert days == sorted(days)
    assert np.mean([len({s.facets['scan_size'] for s in scans}) > 1 for scans in several]) > 0.6


def test_samples_have_names_of_their_own():
    names = [name for i in range(400) for name in {v.sample.name for v in campaign(SEED, i)}]
    assert len(set(names)) == len(names)


# ---- a corpus on disk ---------------------------------------------------------------------------------------------

def picture_digests(corpus):
    images = corpus.dataset.image
    return {i: hashlib.sha256(images[n].values.tobytes()).hexdigest() for n, i in enumerate(corpus.ids())}


def test_a_corpus_that_was_interrupted_ends_up_the_same(tmp_path, monkeypatch):
    whole = simulate_corpus(tmp_path / 'whole', 90, size=32, progress=False)

    def broken(number, seed, size):
        if number == 70: raise KeyboardInterrupt
        return simulate_measurement(number, seed, size)

    with monkeypatch.context() as patch:
        patch.setattr(simulated, 'simulate_measurement', broken)
        with pytest.raises(KeyboardInterrupt): simulate_corpus(tmp_path / 'resumed', 90, size=32, progress=False)
    resumed = simulate_corpus(tmp_path / 'resumed', 90, size=32, progress=False)
    assert len(resumed) == 90 and picture_digests(resumed) == picture_digests(whole)
    assert 'imulated' in resumed.title and set(resumed.dataset.origin.values) == {'simulated'}

    again = simulate_corpus(tmp_path / 'resumed', 90, size=32, progress=False)
    grown = simulate_corpus(tmp_path / 'resumed', 100, size=32, progress=False)
    assert len(again) == 90 and len(grown) == 100 and list(grown.ids()[:90]) == list(resumed.ids())
