"The network behind the default encoder: the same bits again, stopped or not, and what comes with the package"
from functools import partialmethod

import numpy as np
import pytest
import torch

from matnb.learn.training import Training
from matnb.learn.weights import load_weights, shipped_weights, tensors_hash
from matnb.similarity import default_encoder, second_looks
from matnb.similarity.default_encoder import (
    ScanRecipe,
    film_scans,
    films,
    keep_default,
    load_scan_network,
    train_default,
)
from matnb.similarity.encoders import encoder

TINY = ScanRecipe(films=10, ordered=2, steps=2, course=4, places=8, head_steps=4, head_places=8, judged=0)


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    "A network that was trained without being disturbed, and where its films are"
    folder = tmp_path_factory.mktemp('trained')
    return train_default(TINY, folder, progress=False)[0], folder


def test_an_interrupted_training_ends_with_the_same_bits(trained, tmp_path, monkeypatch):
    network, folder = trained
    (tmp_path/'films').symlink_to(folder/'films')
    whole, calls = second_looks.contrast_of_looks, []

    def interrupted(learning, looks):
        calls.append(1)
        if len(calls) == 2: raise KeyboardInterrupt
        return whole(learning, looks)

    monkeypatch.setattr(Training, '__init__', partialmethod(Training.__init__, save_every=1))
    monkeypatch.setattr(second_looks, 'contrast_of_looks', interrupted)
    with pytest.raises(KeyboardInterrupt): train_default(TINY, tmp_path, progress=False)
    assert (tmp_path/'checkpoints/whole').is_dir() and not (tmp_path/'checkpoints/heads').exists()
    again, (first, second) = train_default(TINY, tmp_path, progress=False)
    assert (first.begun_at, first.step, second.step) == (1, 2, 4) and second.finished
    assert tensors_hash(again.state_dict()) == tensors_hash(network.state_dict())


def test_a_finished_training_is_not_done_again(trained, monkeypatch):
    network, folder = trained
    monkeypatch.setattr(default_encoder, 'seen_films', None)
    again, (first, second) = train_default(TINY, folder, progress=False)
    assert (first.begun_at, second.begun_at) == (2, 4)
    assert tensors_hash(again.state_dict()) == tensors_hash(network.state_dict())


def test_kinds_that_are_left_out_are_not_seen(trained):
    made = films(trained[1]/'films', 10, 2, progress=False)
    left_out = default_encoder.KINDS[int(made.kinds[0])]
    seen = torch.from_numpy(np.tile(made.kinds[:, None, None], (1, 12, 1)).astype('f4'))
    looks = default_encoder.seen_looks((seen, seen), made, 1, 12, (left_out,))
    for step in range(6): assert float(made.kinds[0]) not in looks(step).pictures.flatten().tolist()


def test_films_of_another_simulator_are_made_anew(tmp_path, monkeypatch):
    before = films(tmp_path, 2, 0, progress=False)
    monkeypatch.setattr(default_encoder, 'film_scans', lambda *a: (film_scans(*a)[0], film_scans(*a)[1][..., ::-1]))
    after = films(tmp_path, 2, 0, progress=False)
    assert np.array_equal(after.pictures, before.pictures[..., ::-1])


def test_weights_are_kept_with_their_recipe(trained, tmp_path):
    weights = keep_default(trained[0], TINY, tmp_path/'tiny.safetensors')
    network, card = load_scan_network(tmp_path/'tiny.safetensors')
    assert card.network['recipe']['films'] == 10 and network.design == trained[0].design and not weights.card.figures
    with pytest.raises(ValueError, match='not of a network for scans'): load_scan_network(shipped_weights('symmetry'))


def test_the_weights_in_the_package_say_how_they_were_made():
    card = load_weights(shipped_weights('microscopy'), default_encoder.WEIGHTS).card
    told = card.network['recipe'] | {'without': ()}
    assert ScanRecipe(**told) == ScanRecipe()
    for name, value in told.items(): assert name == 'without' or f'-p {name}={value}' in card.command
    assert encoder('microscopy', 'cpu').card.trained_on == card.trained_on
    first = {name.partition(',')[0]: value for name, value in card.figures.items() if 'deviation' not in name}
    assert first['same place first'] > 0.85 and first['same kind in 10'] > 0.95
