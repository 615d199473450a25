"Learning from a corpus: interrupted and continued, kept only if it helps, and refused where it cannot be"
from functools import partialmethod

import numpy as np
import pytest
import torch

from matnb.corpus.simulated import simulate_corpus
from matnb.corpus.store import open_corpus
from matnb.learn.devices import threads
from matnb.learn.training import Training
from matnb.similarity import adapted_encoder
from matnb.similarity.adapted_encoder import (
    CHECKPOINTS,
    NETWORK,
    adapt,
    found_again,
    is_worse,
    learnable_items,
    look_at,
    look_windows,
    relevelled,
    some_looks,
    starting_network,
    told,
)
from matnb.similarity.described_scans import DESCRIBED
from matnb.similarity.embedding import embed
from matnb.similarity.encoders import encoder
from matnb.similarity.scan_network import from_bytes
from matnb.similarity.views import View, aspect_of, check_inside


@pytest.fixture
def corpus(tmp_path): return simulate_corpus(tmp_path/'corpus', 30, progress=False)


def weights_of(corpus): return corpus.weights(NETWORK)['safetensors'].tobytes()


def interrupt(monkeypatch, name, call):
    "Stop at a certain call of a function of the module"
    whole, calls = getattr(adapted_encoder, name), []

    def interrupted(*given, **named):
        calls.append(1)
        if len(calls) == call: raise KeyboardInterrupt
        return whole(*given, **named)

    monkeypatch.setattr(adapted_encoder, name, interrupted)
    return calls


@pytest.mark.parametrize(('steps', 'name', 'call'), [(0, '_seen', 2), (3, 'kept_likeness', 3)])
def test_an_interrupted_adaptation_ends_with_the_same_weights(corpus, tmp_path, monkeypatch, steps, name, call):
    plain = simulate_corpus(tmp_path/'plain', 30, progress=False)
    with threads(1): adapt(plain, steps=steps, places=8, progress=False)
    calls = interrupt(monkeypatch, name, call)
    monkeypatch.setattr(Training, '__init__', partialmethod(Training.__init__, save_every=1))
    with threads(1), pytest.raises(KeyboardInterrupt): adapt(corpus, steps=steps, places=8, progress=False)
    assert (corpus.path/CHECKPOINTS).is_dir()
    if steps:
        with pytest.raises(ValueError, match='other settings'): adapt(corpus, steps=5, places=8, progress=False)
    before = len(calls)
    with threads(1): adapt(corpus, steps=steps, places=8, progress=False)
    assert weights_of(corpus) == weights_of(plain) and not (corpus.path/CHECKPOINTS).exists()
    assert steps or len(calls) - before == 2  # what was seen before was not looked at again


def test_learning_keeps_the_convolutions_unless_steps_are_asked_for(corpus):
    with threads(1): adapt(corpus, progress=False)
    levelled, story = from_bytes(weights_of(corpus))
    with threads(1): adapt(corpus, steps=2, places=6, again=True, progress=False)
    _, trained = from_bytes(weights_of(corpus))
    start = starting_network()
    assert torch.equal(levelled.lift.weight, start.lift.weight)
    assert torch.equal(levelled.heads[0].weight, start.heads[0].weight) != story['kept']
    assert (story['steps'], trained['steps']) == (0, 2)


def test_training_moves_the_convolutions_alone(corpus):
    items = learnable_items(corpus, View())
    (corpus.path/CHECKPOINTS).mkdir()
    trained, start = adapted_encoder.train_convolutions(corpus, items, View(), 2, 6, progress=False), starting_network()
    assert not torch.equal(trained.lift.weight, start.lift.weight)
    assert all(torch.equal(a.weight, b.weight) for a, b in zip(trained.heads, start.heads, strict=True))


def test_what_does_not_help_is_not_kept(corpus, monkeypatch):
    def spoilt(network, seen):
        learned = relevelled(network, seen)
        for head in learned.heads: head.weight.data[:] = 1.0  # every place looks the same
        return learned

    monkeypatch.setattr(adapted_encoder, 'relevelled', spoilt)
    adapt(corpus, progress=False)
    kept, story = from_bytes(weights_of(corpus))
    assert not story['kept'] and story['after'] < story['before'] and 'was kept' in told(story)
    assert torch.equal(kept.heads[0].weight, starting_network().heads[0].weight)
    embed(corpus, 'adapted', progress=False)
    embed(corpus, 'microscopy', progress=False)
    both = [corpus.vectors(name, missing='nan') for name in ('adapted', 'microscopy')]
    assert np.allclose(*both, atol=1e-5, equal_nan=True)


def test_an_artefact_that_all_scans_share_counts_less():
    "Numbers of looks that wander in one direction, and in no other"
    network, rng = starting_network(), np.random.default_rng(5)
    count = 4 * sum(network.design.widths) + network.design.described
    level = network.level
    places, artefact = rng.normal(size=(400, 1, count)) * 0.3, rng.normal(size=count)
    wander = rng.normal(size=(400, 2, 1)) * 4 * artefact + 3 * artefact
    given = (places + wander) * level.running_var.sqrt().numpy() + level.running_mean.numpy()
    seen = torch.from_numpy(given.astype(np.float32))
    learned = relevelled(network, seen[:200])
    before, after = found_again(network, seen[200:]), found_again(learned, seen[200:])
    assert is_worse(after, before) and not is_worse(before, after)


def test_halves_share_no_line_and_have_square_points(corpus, monkeypatch):
    given = []

    def shown(image, channels, pixel_size, view, window):
        given.append((image, pixel_size))
        check_inside(window, image.shape[1:], aspect_of(pixel_size))
        return np.zeros((3, 8, 8), np.float32)

    class Ruled:
        channels = corpus[0].channels
        image = np.zeros((3, 65, 64), np.float32) + np.arange(65, dtype=np.float32)[:, None]

    monkeypatch.setattr(adapted_encoder, 'show', shown)
    for seed in range(20):
        Ruled.pixel_size = (2e-9, 1e-9) if seed % 2 else None
        some_looks(Ruled, View(), np.random.default_rng(seed), halves=True)
        (first, size), (second, _) = given[-2:]
        lines = [set(image[:, :, 0].ravel().tolist()) for image in (first, second)]
        assert sorted(lines, key=min) == [set(range(0, 64, 2)), set(range(1, 64, 2))]
        assert size == ((4e-9, 1e-9) if seed % 2 else (2.0, 1.0))


def test_new_items_get_vectors_and_dropped_vectors_leave_the_network(corpus):
    adapt(corpus, progress=False)
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


def test_few_and_blank_scans(tmp_path):
    corpus = simulate_corpus(tmp_path/'few', 18, progress=False)
    adapt(corpus, progress=False)
    assert from_bytes(weights_of(corpus))[1]['held'] == 8
    seen = look_at(starting_network(), corpus, [], View(), progress=False)
    assert seen.shape == (0, 2, 352 + DESCRIBED)
