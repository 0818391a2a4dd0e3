"""TensorCircuit-NG's TorchLayer, with JAX behind it, which is its fastest way."""

from __future__ import annotations

import numpy as np
import tensorcircuit
import torch

from tests.benchmarks.layers._weights import with_weights
from tests.benchmarks.peers.tensorcircuit import expectations_of
from tests.benchmarks.workloads import Workload


def layer(workload: Workload, weights: np.ndarray) -> torch.nn.Module:
    expectations = expectations_of(workload)
    made = tensorcircuit.TorchLayer(
        lambda inputs, weights: expectations(weights, inputs), weights_shape=[len(weights)]
    )
    return with_weights(made, weights)
