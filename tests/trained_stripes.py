"""A small training that tests run in a process of its own: `python trained_stripes.py FOLDER STEPS [SLEEP]`

It prints a line when its first checkpoint stands, and in the end the hash of all that was learnt.
"""
import hashlib
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from matnb.learn.steps import set_seeds
from matnb.learn.training import Settings, Training


def batch_of(step: int) -> tuple[torch.Tensor, torch.Tensor]:
    "Noisy stripes in one of two directions, partly by the generators of the step"
    rng = np.random.default_rng([1, step])
    y, x = np.mgrid[:12, :12]
    which = rng.integers(0, 2, 16)
    pictures = np.sin(np.where(which[:, None, None], x, y) * 1.3) + np.random.normal(0, 0.5, (16, 12, 12))
    return torch.from_numpy(pictures[:, None].astype('f4')), torch.from_numpy(which)


def loss_of(network: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> tuple[torch.Tensor, dict]:
    "How badly the directions are told"
    scores = network(batch[0])
    return nn.functional.cross_entropy(scores, batch[1]), {'right': (scores.argmax(1) == batch[1]).float().mean()}


def training_in(folder: Path | None, steps: int, weights: int = 0, sleep: float = 0.0, **changed) -> Training:
    "The training, with the first weights of a number"
    def batch_slowly(step: int) -> tuple[torch.Tensor, torch.Tensor]:
        time.sleep(sleep)
        return batch_of(step)

    set_seeds(weights)
    network = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.3),
                            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2))
    settings = Settings(**{'steps': steps, 'rate': 1e-2, 'note_every': 7, 'about': {'pictures': 'stripes'}} | changed)
    return Training(network, batch_slowly, loss_of, settings, folder, threads=1, save_every=3)


def learnt(training: Training) -> str:
    "A hash of weights, averages, moments and history"
    digest = hashlib.sha256()
    for held in (training.network.state_dict(), training.average.state_dict()):
        for name in sorted(held): digest.update(held[name].numpy().tobytes())
    for values in training.network.parameters():
        digest.update(training.optimiser.state[values]['exp_avg_sq'].numpy().tobytes())
    rows = [{k: v for k, v in row.items() if k != 'seconds'} for row in training.history]
    digest.update(repr(rows).encode())
    return digest.hexdigest()


if __name__ == '__main__':
    training = training_in(Path(sys.argv[1]), int(sys.argv[2]), sleep=float((sys.argv + ['0'])[3]))
    report = training.run(progress=False)
    print(report.begun_at, learnt(training))
