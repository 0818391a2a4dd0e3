"""Floor 3. What a pass over the state is, as tables of numbers.

A pass is [rearrange the rows; multiply by phases; a matrix on the leading qubits], each optional.
"Shared" angles depend on parameters that all samples have in common, "batched" ones on those that
differ per sample.
"""

import numpy as np

from qjax._base.tables import static, table_class
from qjax._circuit.gates import GateKind


@table_class
class Reorder:
    """New row p is old row high[p >> l] ^ low[p % 2**l].

    Attributes:
        high, low: `(period, rows)`, with `2**l` rows in `low`.
        back_high, back_low: the same for the inverse.
    """

    high: np.ndarray
    low: np.ndarray
    back_high: np.ndarray
    back_low: np.ndarray


@table_class
class Coefficients:
    """Numbers per parity: constants + weights @ angles[places].

    What is carried stems from the repetition before, so that there is none of it in the first.

    Attributes:
        constants: `(period, parities)`.
        carried_constants: `(period, parities)`, to be added.
        weights: `(period, parities, angles)`.
        places: `(length, period, angles)` indices of angles.
        carried: `(period, angles)` bool.
    """

    constants: np.ndarray
    carried_constants: np.ndarray
    weights: np.ndarray
    places: np.ndarray
    carried: np.ndarray


@table_class
class Phases:
    """Row p gets the phase sum_j coefficient_j * high[j, p >> l] * low[j, p % 2**l].

    Attributes:
        high, low: `(period, parities, rows)`, +1 or -1.
        shared: coefficients that all samples share, or None.
        batched: those per sample, or None.
    """

    high: np.ndarray
    low: np.ndarray
    shared: Coefficients | None
    batched: Coefficients | None


@table_class
class Dense:
    """A matrix on the leading qubits, or on one setting of controls that lead them.

    One of real numbers, which acts on real and imaginary parts alike, may have its qubits anywhere
    as long as they are adjacent bits of the rows.

    Attributes:
        width: how many qubits the matrix acts on, behind the controls.
        slot: the first of its `period` places among the segment's matrices of that width.
        num_controls: how many qubits are controls.
        setting: the row of the controls at which it acts.
        above: how many bits are more significant than its own: 0 unless it is real.
        real: whether it is applied as a matrix of real numbers.
    """

    width: int = static()
    slot: int = static()
    num_controls: int = static()
    setting: int = static()
    above: int = static()
    real: bool = static()


@table_class
class PerSample:
    """The same with a matrix for each sample.

    Attributes:
        kind: the gate.
        places: `(num_angles, length)` indices of batched angles.
    """

    kind: GateKind = static()
    num_controls: int = static()
    setting: int = static()
    places: np.ndarray


@table_class
class Pass:
    """Rearrange, multiply by phases, apply a matrix; None: leave out."""

    reorder: Reorder | None
    phases: Phases | None
    operator: Dense | PerSample | None
