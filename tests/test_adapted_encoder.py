"Learning from a corpus: interrupted and continued, in worker processes, and refused where it cannot be"

import numpy as np
import pytest

from matnb.corpus.simulated import simulate_corpus
from matnb.corpus.store import open_corpus
from matnb.learn.devices import threads
from matnb.similarity import default_encoder, second_looks
from matnb.similarity.adapted_encoder import CHECKPOINTS, NETWORK, adapt, look_windows
from matnb.similarity.embedding import embed
from matnb.similarity.encoders import encoder
from matnb.similarity.scan_network import from_bytes
from matnb.similarity.views import aspect_of, check_inside


@pytest.fixture
def corpus(tmp_path): return simulate_corpus(tmp_path/'corpus', 30, progress=False)


def weights_of(corpus): return corpus.weights(NETWORK)['safetensors'].tobytes()


def test_an_interrupted_adaptation_ends_with_the_same_weights(corpus, tmp_path, monkeypatch):
    plain = simulate_corpus(tmp_path/'plain', 30, progress=False)
    with threads(1): adapt(plain, steps=4, places=8, progress=False)
    whole, calls = second_looks.contrast_of_looks, []

    def interrupted(network, looks):
        calls.append(1)
        if len(calls) == 3: raise KeyboardInterrupt
        return whole(network, looks)

    monkeypatch.setattr(second_looks, 'contrast_of_looks', interrupted)
    monkeypatch.setattr('matnb.learn.training.Training.save_every', 1)
    with threads(1), pytest.raises(KeyboardInterrupt): adapt(corpus, steps=4, places=8, progress=False)
    assert (corpus.path/CHECKPOINTS).is_dir()
    with pytest.raises(ValueError, match='other settings'): adapt(corpus, steps=5, places=8, progress=False)
    with threads(1): adapt(corpus, steps=4, places=8, progress=False)
    assert weights_of(corpus) == weights_of(plain) and not (corpus.path/CHECKPOINTS).exists()


def test_learning_changes_the_heads_alone_or_everything(corpus):
    with threads(1): adapt(corpus, steps=2, places=6, progress=False)
    held, _ = from_bytes(weights_of(corpus))
    with threads(1): adapt(corpus, steps=2, places=6, deep=True, again=True, progress=False)
    deep, story = from_bytes(weights_of(corpus))
    started, _ = default_encoder.load_scan_network()
    lifts = [n.lift.weight.detach().numpy() for n in (started, held, deep)]
    assert np.array_equal(lifts[0], lifts[1]) and not np.array_equal(lifts[0], lifts[2]) and story['deep']
    assert not np.array_equal(*(n.heads[0].weight.detach().numpy() for n in (started, held)))


def test_new_items_get_vectors_and_dropped_vectors_leave_the_network(corpus):
    adapt(corpus, steps=1, places=4, progress=False)
    embed(corpus, 'adapted', progress=False)
    before = corpus.vectors('adapted', missing='nan').copy()
    grown = embed(simulate_corpus(corpus.path, 36, progress=False), 'adapted', progress=False)
    assert len(grown.vectors('adapted', missing='nan')) == 36
    grown.drop_vectors('adapted')
    again = embed(open_corpus(corpus.path), 'adapted', progress=False)
    assert np.allclose(again.vectors('adapted', missing='nan')[:30], before, atol=1e-5, equal_nan=True)


def test_without_a_corpus_that_was_learned_from():
    with pytest.raises(ValueError, match='matnb.adapt'): encoder('adapted')


@pytest.mark.parametrize('shape', [(128, 128), (64, 300), (300, 64)])
def test_looks_stay_inside(shape):
    rng = np.random.default_rng(1)
    for scale in (None, (2e-9, 1e-9), (1e-9, 3e-9)):
        for _ in range(200):
            for window in look_windows(shape, scale, rng): check_inside(window, shape, aspect_of(scale))
