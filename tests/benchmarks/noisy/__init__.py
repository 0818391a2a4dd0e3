"""Circuits with noise by density matrices, one module for each peer.

A module of this package offers `asarray` and `build`, as those of `peers` do, for a circuit that
has a depolarizing channel after each gate. Every library has a parameter of its own for that; here
a channel is rho -> (1 - p) rho + p tr(rho) 1 / 2**k on the k qubits of the gate, with the p below:
each Pauli string but the identity has the probability p / 4**k.
"""

ONE_QUBIT, TWO_QUBITS = 0.01, 0.02
"""p of the channel after a gate on one qubit, and on two."""

NOISY_PEERS = {
    "qjax": "qjax",
    "tensorcircuit": "TensorCircuit-NG DMCircuit",
    "pennylane": "PennyLane default.mixed",
    "deepquantum": "deepquantum",
    "aer": "Aer, value alone",
}
"""Modules, and what they are called."""


def strength(num_qubits: int) -> float:
    """The p of the channel after a gate on so many qubits."""
    return ONE_QUBIT if num_qubits == 1 else TWO_QUBITS
