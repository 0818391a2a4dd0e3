"""Floor 0. How a network on one of Qiskit's primitives is differentiated: frozen choices.

For the argument `gradient` of a network that has an `estimator` or a `sampler`.
"""

import math
from dataclasses import dataclass

import numpy as np

__all__ = ["SPSA", "ParameterShift"]


@dataclass(frozen=True, slots=True)
class ParameterShift:
    """Exact derivatives from values at shifted angles; what `gradient=None` means.

    Each occurrence of an angle is shifted by itself: twice where its gate turns with one frequency
    (rotations, phases), four times for two (controlled rotations, `xx_plus_yy`), by the rules of D.
    Wierichs, J. Izaac, C. Wang and C. Y.-Y. Lin, Quantum 6, 677 (2022). Expressions of parameters
    follow by the chain rule. Derivatives of any order.
    """


@dataclass(frozen=True, slots=True)
class SPSA:
    """Estimated derivatives from two values per direction, whatever the number of parameters.

    All parameters move at once, each by plus or minus `epsilon` at random: simultaneous
    perturbation (J. C. Spall, IEEE Transactions on Automatic Control 37, 332 (1992)).

    Args:
        epsilon: how far, in radians. The estimate's bias grows with its square; the noise of the
            values is divided by it.
        batch_size: how many directions are averaged.
        seed: of the directions. They follow from it and from the numbers at which the network is
            differentiated: the same numbers give the same directions, others give others.

    Raises:
        ValueError: for an epsilon that is not positive, or a batch size below 1.
        TypeError: for a batch size or seed that is no whole number.
    """

    epsilon: float = 0.1
    batch_size: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        real = isinstance(self.epsilon, (int, float, np.integer, np.floating))
        strange = isinstance(self.epsilon, (bool, np.timedelta64))
        if not real or strange or not 0 < self.epsilon < math.inf:
            raise ValueError(f"epsilon: expected a positive number, got {self.epsilon!r}")
        for name in ("batch_size", "seed"):
            value = getattr(self, name)
            strange = isinstance(value, (bool, np.timedelta64))  # NumPy counts it as an integer
            if not isinstance(value, (int, np.integer)) or strange:
                raise TypeError(f"{name}: expected a whole number, got {value!r}")
        if self.batch_size < 1:
            raise ValueError(f"batch_size: expected a number of at least 1, got {self.batch_size}")
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"seed: expected a number from 0 to 2**32 - 1, got {self.seed}")
