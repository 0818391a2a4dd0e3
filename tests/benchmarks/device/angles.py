"""Weights and inputs of the wide circuits: small, so that there is something to compare.

With angles of all sizes <Z_q> is about 2**(-n/2), and value and gradient vanish in the rounding.
"""

from __future__ import annotations

import numpy as np

from tests.benchmarks.workloads import Workload, parameters

SCALE = 0.1


def small_angles(workload: Workload, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights `(num_weights,)` and inputs `(batch, num_inputs)`, float32, up to pi / 10."""
    weights, inputs = parameters(workload, seed)
    return weights * np.float32(SCALE), inputs * np.float32(SCALE)
