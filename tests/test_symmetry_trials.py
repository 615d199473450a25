"Trials are held out: what training uses and what it is judged by have nothing in common"
import dataclasses

import numpy as np
import pytest
import torch

from matnb.symmetry import benchmark
from matnb.symmetry.benchmark import Line, reached, read_lines, write_lines
from matnb.symmetry.motifs import FAMILIES, TRAINED, simulated_channels
from matnb.symmetry.pattern_source import PatternSource
from matnb.symmetry.training_symmetry import SymmetryRecipe
from matnb.symmetry.trials import HELD_OUT, NEVER, TRIALS, Judged, held_out, real_patches, related


def test_families_of_trials_are_not_trained_on():
    assert set(SymmetryRecipe().families) <= set(TRAINED)
    assert not set(TRAINED) & set(NEVER) and {*TRAINED, *NEVER} == set(FAMILIES)


@pytest.mark.parametrize('seed', [0, 1, 2])
def test_patterns_of_trials_are_not_those_of_training(seed):
    ours = held_out(('field',), seed)
    assert ours.seed == HELD_OUT + seed > 10_000
    theirs = PatternSource(ours.side, ('field',), seed=seed)
    assert not torch.isclose(ours.batch(0, 4).images, theirs.batch(0, 4).images).all()


def test_patches_of_trials_are_cut_from_real_scans():
    real, simulated = real_patches(), simulated_channels()
    assert held_out(('patches',), 0).source is real and real.shape != simulated.shape


def test_every_trial_can_be_asked_and_answers_with_a_number():
    kinds = {'classify': lambda images: images[:, 0, :17], 'describe': lambda images: images[:, :8].flatten(1),
             'periodic': lambda images: images[:, 0, 0]}
    for trial in TRIALS.values():
        if 'speed' in trial.name or 'real lattices' in trial.name: continue
        value = trial.measure(Judged('anything', **{trial.asks: kinds[trial.asks]}), 5, 2)
        assert np.isfinite(value), trial.name


def test_related_patterns_differ_in_nothing_but_symmetry():
    images, groups = related('square', 2, 4, side=64)
    again, _ = related('square', 2, 4, side=64)
    assert torch.equal(images, again) and groups.tolist() == [9, 10, 11]


def test_a_table_is_read_as_it_was_written(tmp_path):
    where = ('2026-01-01', 'm, 2 cores', 'c')
    one = Line(next(iter(TRIALS)), 'a, "b"', 'abc', 1, 60, 0.98765, '≥ 0.97', 'yes', 12.34, *where)
    two = dataclasses.replace(one, seed=0, value=float('nan'), met='')
    write_lines([one, two], tmp_path/'table.csv')
    read = read_lines(tmp_path/'table.csv')
    assert [line.seed for line in read] == [0, 1] and np.isnan(read[0].value)
    assert dataclasses.replace(read[1], value=one.value, cpu_s=one.cpu_s) == one and read[1].value == 0.9877


def test_goals_are_least_or_largest_values():
    least, largest = TRIALS['accuracy: atoms'], TRIALS['calibration error: atoms and noise cells']
    assert [reached(least, v) for v in (0.93, 0.92, float('nan'))] == ['yes', 'no', '']
    assert [reached(largest, v) for v in (0.03, 0.04)] == ['yes', 'no']
    assert reached(TRIALS['triplets: group before motif'], 0.1) == ''


def test_goals_for_ten_minutes_are_goals_of_trials():
    assert set(benchmark.TEN_MINUTES) <= set(TRIALS)
    assert all(goal < TRIALS[name].goal for name, goal in benchmark.TEN_MINUTES.items())
