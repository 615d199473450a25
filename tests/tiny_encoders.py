"Encoders that worker processes can import: quick or slow, sound or not"
import time

import numpy as np

from matnb.similarity.encoders import Encoder, wrap
from matnb.similarity.views import View

SMALL = View(('image',), 12)
MATRIX = np.random.default_rng(7).normal(size=(144, 20)).astype('f4')


def product(pictures: np.ndarray) -> np.ndarray:
    "A matrix product, whose last bits depend on how it is cut into batches and threads"
    return np.tanh(pictures.reshape(len(pictures), -1) @ MATRIX)


def quick() -> Encoder:
    "As fast as can be"
    return wrap(product, 'quick', SMALL)


def slow() -> Encoder:
    "A tenth of a second for 32 pictures"
    def slowly(pictures):
        time.sleep(0.1 / 4)
        return product(pictures)

    return wrap(slowly, 'slow', SMALL)


def network() -> Encoder:
    "A small convolutional network"
    import torch

    torch.manual_seed(3)
    layers = torch.nn.Conv2d(1, 16, 3), torch.nn.BatchNorm2d(16), torch.nn.ReLU(), torch.nn.Conv2d(16, 20, 3)
    return wrap(torch.nn.Sequential(*layers), 'network', SMALL, device='cpu')


def weights_differ() -> Encoder:
    "Another network in each process"
    import os

    import torch

    torch.manual_seed(os.getpid())
    return wrap(torch.nn.Conv2d(1, 20, 3), 'unstable', SMALL, device='cpu')


def wide() -> Encoder:
    "Long vectors"
    return wrap(lambda pictures: np.repeat(product(pictures), 150, 1), 'wide', SMALL)
