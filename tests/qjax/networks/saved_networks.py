"""The network that the tests of saving save."""

from __future__ import annotations

import numpy as np

from tests import networks

NAME = "tutorial"  # two inputs, four weights, two outputs
WEIGHTS = np.random.default_rng(0).uniform(-3, 3, 4)
VALUES = networks.readout(networks.expectations, networks.tutorial())


def samples(*batch: int) -> np.ndarray:
    return np.random.default_rng(1).uniform(-3, 3, (*batch, 2))
