"""Floor 7. Circuits that prepare known bits, and the matrix of misread bits from their counts."""

from collections.abc import Sequence

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float
from qiskit import QuantumCircuit

from qjax._base.options import as_flag, as_whole
from qjax._circuit.circuit import Circuit
from qjax._circuit.operations import Measure, Register, gate
from qjax._qiskit import to_qiskit
from qjax.mitigation._frequencies import Results, frequencies_of

# So many circuits are a day's work for a device.
_MOST_JOINT = 12


def calibration_circuits(num_qubits: int, *, joint: bool = False) -> list[QuantumCircuit]:
    """Circuits that prepare known bits and measure them, as `measure_all` does.

        circuits = calibration_circuits(3)
        results = sampler.run(circuits).result()
        matrices = calibration_matrix([result.data.meas.get_counts() for result in results])

    Args:
        num_qubits: how many bits.
        joint: whether misreadings of several bits depend on each other: then a circuit for each
            basis state in order, `2**num_qubits` of them, for 12 qubits at most; otherwise two, of
            all bits 0 and of all bits 1.

    Raises:
        ValueError: for fewer than one qubit, or more than can be done jointly.
    """
    most = _MOST_JOINT if as_flag(joint, "joint") else None
    width = as_whole(num_qubits, "num_qubits", 1, most)
    states = range(2**width) if joint else (0, 2**width - 1)
    return [_preparation(width, state) for state in states]


def _preparation(width: int, state: int) -> QuantumCircuit:
    flips = [gate("x", qubit) for qubit in range(width) if state >> qubit & 1]
    measured = [Measure(qubit, qubit) for qubit in range(width)]
    registers = (Register("meas", tuple(range(width))),)
    return to_qiskit(Circuit(width, (*flips, *measured), (), width, registers))


def calibration_matrix(
    results: Sequence[Results], *, joint: bool = False
) -> Float[Array, "*bits outcomes outcomes"]:
    """How often bits are misread, from what was seen of `calibration_circuits`.

    Args:
        results: of each circuit, in order: counts by bitstring, sampled bits or probabilities, as
            in `readout`.
        joint: as in `calibration_circuits`.

    Returns:
        `(bits, 2, 2)`, or `(2**bits, 2**bits)` where joint: entry [i, j] is the relative frequency
        of reading j where i was prepared. `readout` takes both.

    Raises:
        ValueError: for another number of results, or results of different numbers of bits.
        TypeError: for what are no results.
    """
    as_flag(joint, "joint")
    if isinstance(results, (str, dict)) or not isinstance(results, Sequence):
        raise TypeError(
            f"results: expected a list, what was seen of each circuit, got {type(results).__name__}"
        )
    rows = [frequencies_of(one, f"results[{k}]") for k, one in enumerate(results)]
    shapes = sorted({row.shape for row in rows})
    if len(shapes) != 1 or len(shapes[0]) != 1:
        raise ValueError(f"results: expected as many bits of each circuit, got shapes {shapes}")
    seen = jnp.stack(rows)
    expected = seen.shape[1] if joint else 2
    if len(seen) != expected:
        prepared = "each basis state" if joint else "all bits 0 and all bits 1"
        raise ValueError(
            f"results: expected those of {expected} circuits, of {prepared}, got {len(seen)}"
        )
    return seen if joint else _of_each_bit(seen)


def _of_each_bit(seen: Float[Array, "2 2**bits"]) -> Float[Array, "bits 2 2"]:
    num_bits = seen.shape[1].bit_length() - 1
    matrices = [
        seen.reshape(2, 2 ** (num_bits - 1 - bit), 2, 2**bit).sum(axis=(1, 3))
        for bit in range(num_bits)
    ]
    return jnp.stack(matrices)
