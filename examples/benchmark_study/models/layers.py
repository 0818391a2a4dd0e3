"""Pieces of circuits that several models share. Qubits are numbered as the paper numbers wires."""

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterExpression, ParameterVector

from qjax import AmplitudeEncoding

Angles = Sequence[ParameterExpression]
Entangler = Literal["cx", "cz"]


def parameters(name: str, *shape: int) -> np.ndarray:
    """An array of parameters."""
    return np.array(list(ParameterVector(name, int(np.prod(shape)))), object).reshape(shape)


def rotate(circuit: QuantumCircuit, qubit: int, angles: Angles) -> None:
    """Any rotation of a qubit, by three angles: RZ, then RY, then RZ."""
    first, second, third = angles
    circuit.rz(first, qubit)
    circuit.ry(second, qubit)
    circuit.rz(third, qubit)


def strongly_entangling(
    circuit: QuantumCircuit, weights: np.ndarray, entangler: Entangler, wires: Sequence[int]
) -> None:
    """Layers of rotations and rings of two-qubit gates, whose range grows by one each layer.

    Schuld et al., arXiv:1804.00633, figure 4.

    Args:
        circuit: what they are appended to.
        weights: the angles, shape `(layers, wires, 3)`.
        entangler: the gate of the rings.
        wires: the qubits.
    """
    count = len(wires)
    for layer, angles in enumerate(weights):
        for wire, own in zip(wires, angles, strict=True):
            rotate(circuit, wire, own)
        if count == 1:
            continue
        reach = layer % (count - 1) + 1
        for place, wire in enumerate(wires):
            partner = wires[(place + reach) % count]
            (circuit.cx if entangler == "cx" else circuit.cz)(wire, partner)


def encode_iqp(
    circuit: QuantumCircuit, x: Angles, repeats: int, *, pairs_once: bool = False
) -> None:
    """Features as phases of single qubits, their products as phases of pairs.

    Havlicek et al., arXiv:1804.11326: instantaneous quantum polynomials.

    Args:
        circuit: what they are appended to.
        x: the features, one for each qubit.
        repeats: how often they enter.
        pairs_once: whether pairs have phases in the first repetition only.
    """
    for repetition in range(repeats):
        for qubit, feature in enumerate(x):
            circuit.h(qubit)
            circuit.rz(feature, qubit)
        if pairs_once and repetition > 0:
            continue
        for qubit, feature in enumerate(x):
            for other in range(qubit + 1, len(x)):
                circuit.rzz(feature * x[other], qubit, other)


def encode_amplitudes(
    circuit: QuantumCircuit, x: Iterable[ParameterExpression], wires: Sequence[int]
) -> None:
    """Features as amplitudes, filled up by 2**-n, and normalised; the first wire leads."""
    size = 2 ** len(wires)
    encoding = AmplitudeEncoding(len(wires), list(x), pad_with=1 / size)
    circuit.append(encoding, list(reversed(wires)))  # Qiskit's first qubit counts least
