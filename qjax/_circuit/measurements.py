"""Floor 2. What a circuit measures: into which bits, and which measurements are final."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from qjax._circuit.channels import BitNoise, Noise
from qjax._circuit.circuit import Circuit
from qjax._circuit.classical import Bits, expressions_in
from qjax._circuit.control_flow import Op, Reset, Store, blocks_of, expressions_of
from qjax._circuit.operations import Amplitudes, Gate, Measure


def measurements(circuit: Circuit) -> tuple[Measure, ...]:
    """The measurements of a circuit, outside of its control flow."""
    return tuple(op for op in circuit.ops if isinstance(op, Measure))


def measured_bits(circuit: Circuit) -> list[int | None]:
    """The qubit that each bit of a sample shows; None for a classical bit that nothing sets.

    Without measurements, every qubit is measured into the bit of its own number.
    """
    final = measurements(circuit)
    if not final:
        return list(range(circuit.num_qubits))
    latest = {measure.clbit: measure.qubit for measure in final}
    return [latest.get(clbit) for clbit in range(circuit.num_clbits)]


def measured_qubits(circuit: Circuit) -> list[int]:
    """The qubits that some bit of a sample shows, in order."""
    return sorted({qubit for qubit in measured_bits(circuit) if qubit is not None})


def writes_bits(ops: Iterable[Op]) -> bool:
    """Whether anything is measured, or stored in classical bits, or these are misread."""
    return any(
        isinstance(op, (Measure, BitNoise))
        or (isinstance(op, Store) and isinstance(op.target, Bits))
        or any(writes_bits(block) for block in blocks_of(op))
        for op in ops
    )


def draws_outcomes(circuit: Circuit) -> bool:
    """Whether a run has outcomes to draw, beside those of final measurements."""
    return circuit.is_noisy or (circuit.is_dynamic and _draws(circuit.ops))


def _draws(ops: Iterable[Op]) -> bool:
    return any(
        isinstance(op, (Measure, Reset, Amplitudes)) or any(map(_draws, blocks_of(op)))
        for op in ops
    )


def without_final_measurements(circuit: Circuit) -> tuple[Op, ...]:
    """The operations but for measurements that nothing comes after, outside of control flow."""
    final = final_measurements(circuit)
    return tuple([op for index, op in enumerate(circuit.ops) if index not in final])


def final_measurements(circuit: Circuit) -> frozenset[int]:
    """The places of measurements that nothing comes after, outside of control flow."""
    final: list[int] = []
    touched: set[int] = set()
    read: set[int] = set()
    for index in range(len(circuit.ops) - 1, -1, -1):
        op = circuit.ops[index]
        if isinstance(op, Measure) and op.qubit not in touched and op.clbit not in read:
            final.append(index)
            continue
        touched |= qubits_of(op)
        if isinstance(op, Measure):
            read.discard(op.clbit)  # what was there before is overwritten
        read |= _clbits_read_in(op)
    return frozenset(final)


def bits_read_later(ops: Sequence[Op], at_end: frozenset[int]) -> list[frozenset[int]]:
    """For each operation, the classical bits whose values after it are still looked at.

    Args:
        ops: those of a circuit. What control flow reads and writes counts as read before it.
        at_end: the bits that are looked at after all.
    """
    later, read = [], at_end
    for op in reversed(ops):
        later.append(read)
        if isinstance(op, Measure):
            read -= {op.clbit}  # what was there before is overwritten
        read |= _clbits_read_in(op)
    return later[::-1]


def without_unread_noise(circuit: Circuit) -> Circuit:
    """The circuit without noise of bits that nothing reads afterwards.

    For those who do not look at the bits at the end: a measurement that nothing comes after is
    then left out, as it is without noise.
    """
    later = bits_read_later(circuit.ops, frozenset())
    is_unread = (
        isinstance(op, BitNoise) and read.isdisjoint(op.clbits)
        for op, read in zip(circuit.ops, later, strict=True)
    )
    ops = tuple(op for op, drops in zip(circuit.ops, is_unread, strict=True) if not drops)
    return circuit if len(ops) == len(circuit.ops) else replace(circuit, ops=ops)


def qubits_of(op: Op) -> set[int]:
    """The qubits that an operation touches."""
    if isinstance(op, (Gate, Measure, Amplitudes, Noise)):
        return set(op.support)
    if isinstance(op, Reset):
        return {op.qubit}
    return {qubit for block in blocks_of(op) for inner in block for qubit in qubits_of(inner)}


def _clbits_read_in(op: Op) -> set[int]:
    if isinstance(op, BitNoise):
        return set(op.clbits)
    parts = (inner for outer in expressions_of(op) for inner in expressions_in(outer))
    own = {clbit for part in parts if isinstance(part, Bits) for clbit in part.clbits}
    return own.union(*(_clbits_read_in(inner) for block in blocks_of(op) for inner in block))
