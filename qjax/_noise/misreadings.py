"""Floor 3. Which measured qubits are misread by which of a model's readout errors."""

from collections.abc import Iterable
from typing import NamedTuple

from qjax._base.store import kept
from qjax._circuit.circuit import Circuit
from qjax._circuit.measurements import writes_bits
from qjax._circuit.operations import Measure
from qjax._noise.noisy_circuit import (
    NoiseStructure,
    check_qubits,
    measured_at_the_end,
    model_of,
)


class Misreading(NamedTuple):
    """Some bits are misread, jointly where there are several.

    Attributes:
        readout: its number among `model.readouts`, whose `matrix` says how.
        bits: which, the first as the least significant of the matrix.
    """

    readout: int
    bits: tuple[int, ...]


def misreadings(structure: NoiseStructure, qubits: Iterable[int]) -> tuple[Misreading, ...]:
    """What happens to the readings of qubits, in order; bits are called as the qubits.

    Where only some of the qubits that are misread jointly are given, the others are among the
    bits all the same: what is read depends on their state.

    Args:
        structure: of the model.
        qubits: which are measured.
    """
    model, given = model_of(structure), sorted(set(qubits))
    found: list[Misreading] = []
    for number, readout in enumerate(model.readouts):
        if readout.channel.num_qubits == 1:
            held = [qubit for qubit in given if readout.holds_for((qubit,))]
            found += [Misreading(number, (qubit,)) for qubit in held]
        else:
            places = readout.places or ()
            found += [Misreading(number, p) for p in places if not set(p).isdisjoint(given)]
    return tuple(found)


@kept()
def final_misreadings(circuit: Circuit, structure: NoiseStructure) -> tuple[Misreading, ...]:
    """What happens to the bits of a sample after all else, in order.

    Bits are classical bits; without measurements, the qubits' numbers. What was measured midway
    was misread there: see `noisy_circuit`.

    Args:
        circuit: the circuit, without or with its noise.
        structure: of the model.

    Raises:
        ValueError: for qubits that are misread jointly and measured in part, and as
            `noisy_circuit`.
    """
    model = model_of(structure)
    check_qubits(circuit, model)
    if writes_bits(circuit.ops):
        shown = _final_bits(circuit)
    else:
        shown = {qubit: qubit for qubit in range(circuit.num_qubits)}
    return tuple(
        misreading
        for number, qubits in misreadings(structure, shown.values())
        for misreading in _on_bits(number, qubits, shown)
    )


def _on_bits(number: int, qubits: tuple[int, ...], shown: dict[int, int]) -> list[Misreading]:
    """A misreading of qubits as one of the bits that show them."""
    if len(qubits) == 1:
        return [Misreading(number, (bit,)) for bit, qubit in shown.items() if qubit == qubits[0]]
    bit_of = {qubit: bit for bit, qubit in shown.items()}
    if missing := [qubit for qubit in qubits if qubit not in bit_of]:
        raise ValueError(
            f"noise: the qubits {qubits} are misread jointly, and the circuit measures some of "
            f"them at its end, but not {missing}; measure all of them there"
        )
    return [Misreading(number, tuple(bit_of[qubit] for qubit in qubits))]


def _final_bits(circuit: Circuit) -> dict[int, int]:
    """The qubit that each bit shows which is measured at the end."""
    final = measured_at_the_end(circuit)
    ends = ((index, op) for index, op in enumerate(circuit.ops) if index in final)
    return {op.clbit: op.qubit for _, op in ends if isinstance(op, Measure)}
