"""What the module of a peer offers: `asarray` and `build`, with these types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.benchmarks.workloads import Workload

AsArray = Callable[[np.ndarray], Any]
"""float32 NumPy -> what a training loop of this library holds."""

Step = Callable[[Any, Any], tuple[Any, Any, Any]]
"""`(weights, inputs) -> (loss, gradient of weights, gradient of inputs)`, when they are there."""

Build = Callable[[Workload], Step]
"""Translates the circuit. It runs after `asarray`, which has started the library's runtime."""
