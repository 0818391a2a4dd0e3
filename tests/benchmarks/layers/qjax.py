"""Ours."""

from __future__ import annotations

import numpy as np

from bridge import TorchConnector
from tests.benchmarks.peers.qjax import network
from tests.benchmarks.workloads import Workload


def layer(workload: Workload, weights: np.ndarray) -> TorchConnector:
    return TorchConnector(network(workload), weights)
