"""Floor 2. Gates -> the gates that undo them."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from qjax._circuit.gates import ConstantGate
from qjax._circuit.operations import Gate, freeze_matrix

_INVERSES = {"s": "sdg", "sdg": "s", "t": "tdg", "tdg": "t", "sx": "sxdg", "sxdg": "sx"}
_OWN_INVERSES = ("id", "x", "y", "z", "h", "swap", "ecr")


def inverses_of(sequence: Iterable[Gate]) -> tuple[Gate, ...]:
    """The gates that undo others, in their order."""
    return tuple(inverse_of(gate) for gate in reversed(tuple(sequence)))


def inverse_of(gate: Gate) -> Gate:
    """The gate that undoes another, of the same name where there is one."""
    if gate.matrix is None and gate.name in _OWN_INVERSES:
        return gate
    if gate.matrix is None and gate.name in _INVERSES:
        return replace(gate, name=_INVERSES[gate.name])
    if gate.matrix is None and gate.name == "dcx":
        return replace(gate, qubits=gate.qubits[::-1])
    if gate.name == "u":
        theta, phi, lam = gate.angles
        if gate.label == "u2":  # whose first angle is always pi / 2
            return replace(gate, angles=(theta, -lam - np.pi, -phi + np.pi))
        return replace(gate, angles=(-theta, -lam, -phi))
    if gate.name in ("r", "xx_plus_yy", "xx_minus_yy"):  # the second angle is that of the axis
        return replace(gate, angles=(-gate.angles[0], gate.angles[1]))
    if isinstance(gate.kind, ConstantGate):
        matrix = freeze_matrix(gate.kind.matrix.conj().T)
        return replace(gate, name="unitary", matrix=matrix)
    return replace(gate, angles=tuple(-angle for angle in gate.angles))
