"""Floor 4. What kernels read out of a state, and how XLA does."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jax import Array

from qjax._base.tables import static, table_class


@table_class
class NativeReading:
    """Expectation values of Pauli strings, or probabilities of outcomes of some qubits.

    Attributes:
        of_strings: which of these.
        num_values: how many values each sample has.
        words: `(2, strings)` the masks of the X's and of the Z's of i**popcount(x & z) X^x Z^z,
            best with those of equal x in a row; or `(qubits,)`, the first is the lowest bit of an
            outcome.
        tables: what XLA's way takes.
        by_xla: `(tables, state)` -> `(values, batch)`.
    """

    of_strings: bool = static()
    num_values: int = static()
    words: np.ndarray | Array
    tables: Any
    by_xla: Callable[[Any, Array], Array] = static()
