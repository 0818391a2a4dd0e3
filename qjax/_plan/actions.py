"""Floor 3. What a gate does to basis states: permute them, shift their phases, or mix them."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from qjax._base import tuning
from qjax._base.walsh import parity_weights
from qjax._circuit.gates import GATES, ConstantGate, GateKind, PhaseGate
from qjax._circuit.operations import Matrix
from qjax._plan.frame import Image, affine_image


class Parity(NamedTuple):
    """A phase weight * angle * (-1)**parity(bits & mask), of targets' bits, then controls'."""

    mask: int
    weight: float


class Action(NamedTuple):
    """A gate as the planner sees it.

    Attributes:
        kind: its matrix on the targets.
        setting: the values of the controls at which it acts, the first as least significant bit.
        parities: its phases, if all it does is shift phases and permute basis states; None if it
            mixes them. They multiply the angle of a `PhaseGate`, and stand for themselves else.
        image: the permutation, after the phases; None for the identity.
    """

    kind: GateKind
    setting: int
    parities: tuple[Parity, ...] | None
    image: Image | None


def action_of(name: str, matrix: Matrix | None, values: tuple[int, ...]) -> Action:
    """The action of a gate with this name or matrix, and these values of its controls."""
    return _constant_action(matrix, values) if matrix is not None else _named_action(name, values)


@lru_cache(1024)
def _named_action(name: str, values: tuple[int, ...]) -> Action:
    return analyse(GATES[name], values)


@lru_cache(1024)
def _constant_action(matrix: Matrix, values: tuple[int, ...]) -> Action:
    return analyse(ConstantGate(matrix.array), values)


def analyse(kind: GateKind, values: tuple[int, ...] = ()) -> Action:
    """The action of a kind of gate under controls."""
    setting = sum(value << bit for bit, value in enumerate(values))
    mixes = Action(kind, setting, None, None)
    if kind.num_qubits + len(values) > tuning.MAX_PARITY_QUBITS:
        return mixes
    if isinstance(kind, PhaseGate):
        phases = _where_active(np.array(kind.phases, float), 0.0, setting, len(values))
        return Action(kind, setting, _parities(phases), None)
    if not isinstance(kind, ConstantGate) or np.any(np.count_nonzero(kind.matrix, axis=0) != 1):
        return mixes
    targets = np.abs(kind.matrix).argmax(axis=0)
    phases = np.angle(kind.matrix[targets, np.arange(len(targets))])
    stay = np.arange(2 ** (kind.num_qubits + len(values)))
    moved = stay - stay % len(targets) + targets[stay % len(targets)]
    active = stay >> kind.num_qubits == setting
    image = affine_image(np.where(active, moved, stay))
    if image is None:
        return mixes
    parities = _parities(_where_active(phases, 0.0, setting, len(values)))
    return Action(
        kind, setting, parities, None if (targets == stay[: len(targets)]).all() else image
    )


def _where_active(values: np.ndarray, other: float, setting: int, num_controls: int) -> np.ndarray:
    """A function of the targets' bits, made one of all bits."""
    table = np.full((2**num_controls, len(values)), other)
    table[setting] = values
    return table.ravel()


def _parities(values: np.ndarray) -> tuple[Parity, ...]:
    """The phases values[x] as a sum of weight * (-1)**parity(x & mask)."""
    weights = parity_weights(values)
    return tuple(Parity(int(m), float(weights[m])) for m in np.flatnonzero(np.abs(weights) > 1e-15))
