"""Floor 7. Circuit -> a longer one that does the same, and takes more noise."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from qiskit import QuantumCircuit
from qiskit.circuit import ControlFlowOp, Instruction
from qiskit.circuit import Gate as QiskitGate

from qjax._base.arrays import as_numpy
from qjax._circuit.circuit import Circuit
from qjax._circuit.control_flow import Op, blocks_of
from qjax._circuit.inverses import inverse_of
from qjax._circuit.operations import Gate
from qjax._noise.gate_names import name_of
from qjax._qiskit import as_circuit

Folded = TypeVar("Folded", Circuit, QuantumCircuit)


def fold(circuit: Folded, factor: float, *, gates: Sequence[str] | None = None) -> Folded:
    """The circuit with some of its gates G in the form G (G^dagger G)^k: as long by a factor.

    T. Giurgica-Tiron, Y. Hindy, R. LaRose, A. Mari and W. J. Zeng, IEEE QCE (2020), section II B,
    folding of gates: each gate that is folded once counts three times. Of d gates, n = round(d
    (factor - 1) / 2) foldings are spread evenly: gate number i, from 0, takes floor((i + 1) n / d)
    - floor(i n / d) of them. So the odd numbers 1, 3, 5, ... are met exactly, and others within 1 /
    d; `folded_length` tells by how much. Without noise the circuit does what it did.

    Parameters stay, in their order. An inverse has its own name, such as sdg of s, which a noise
    model has to know too. In a circuit of Qiskit's, barriers keep its transpiler from taking out
    what cancels.

    Args:
        circuit: one of Qiskit's, or of ours; measurements and resets stay as they are.
        factor: how many times as long, at least 1.
        gates: Qiskit's names of those that are folded, such as `("cx",)`; None for all.

    Returns:
        a circuit of the same kind.

    Raises:
        ValueError: for a factor below 1, a circuit without such gates, and control flow.
        TypeError: for what is no circuit or no number.
    """
    number, names = _checked_factor(factor), _checked_names(gates)
    if isinstance(circuit, QuantumCircuit):
        return _folded_of_qiskit(circuit, number, names)
    if not isinstance(circuit, Circuit):
        as_circuit(circuit)  # says what was expected
    if any(blocks_of(op) for op in circuit.ops):
        raise _has_control_flow()
    chosen = [isinstance(op, Gate) and _is_chosen(name_of(op), names) for op in circuit.ops]
    counts = _foldings(chosen, number, names)
    ops: list[Op] = []
    for op, count in zip(circuit.ops, counts, strict=True):
        ops.append(op)
        ops += [inverse_of(op), op] * count if isinstance(op, Gate) and count else []
    return replace(circuit, ops=tuple(ops))


def folded_length(
    circuit: Circuit | QuantumCircuit, factor: float, gates: Sequence[str] | None = None
) -> float:
    """The factor that `fold` attains: how many times as long its gates are together."""
    names = _checked_names(gates)
    if isinstance(circuit, QuantumCircuit):
        chosen = [_is_chosen_of_qiskit(one.operation, names) for one in circuit.data]
    else:
        chosen = [isinstance(op, Gate) and _is_chosen(name_of(op), names) for op in circuit.ops]
    counts = _foldings(chosen, _checked_factor(factor), names)
    return 1 + 2 * sum(counts) / sum(chosen)


def _foldings(chosen: list[bool], factor: float, names: frozenset[str] | None) -> list[int]:
    """How often each operation is folded."""
    size = sum(chosen)
    if not size:
        some = f" of the names {sorted(names)}" if names else ""
        raise ValueError(f"circuit: it has no gates{some} that could be folded")
    total = round(size * (factor - 1) / 2)
    ranks: Iterator[int] = iter(range(size))
    return [
        (rank + 1) * total // size - rank * total // size if one else 0
        for one in chosen
        for rank in (next(ranks) if one else 0,)
    ]


def _folded_of_qiskit(
    circuit: QuantumCircuit, factor: float, names: frozenset[str] | None
) -> QuantumCircuit:
    if any(isinstance(one.operation, ControlFlowOp) for one in circuit.data):
        raise _has_control_flow()
    chosen = [_is_chosen_of_qiskit(one.operation, names) for one in circuit.data]
    counts = _foldings(chosen, factor, names)
    folded = circuit.copy_empty_like()
    for one, count in zip(circuit.data, counts, strict=True):
        folded.append(one.operation, one.qubits, one.clbits)
        for _ in range(count):
            for operation in (one.operation.inverse(), one.operation):
                folded.barrier(one.qubits)
                folded.append(operation, one.qubits)
    return folded


def _is_chosen_of_qiskit(operation: Instruction, names: frozenset[str] | None) -> bool:
    return isinstance(operation, QiskitGate) and _is_chosen(operation.name, names)


def _is_chosen(name: str | None, names: frozenset[str] | None) -> bool:
    return name != "global_phase" if names is None else name in names


def _checked_factor(factor: Any) -> float:
    number = as_numpy(factor, "factor")
    if number.shape or number.dtype.kind not in "iuf":
        raise TypeError(f"factor: expected a number of at least 1, got {factor!r}")
    if not 1 <= number < float("inf"):
        raise ValueError(f"factor: expected a number of at least 1, got {factor}")
    return float(number)


def _checked_names(gates: Sequence[str] | None) -> frozenset[str] | None:
    if gates is None:
        return None
    if isinstance(gates, str) or not all(isinstance(name, str) for name in gates):
        raise TypeError(f"gates: expected names of gates, such as ('cx',), got {gates!r}")
    return frozenset(gates)


def _has_control_flow() -> ValueError:
    return ValueError(
        "circuit: it has control flow, whose blocks are not folded; expected gates, measurements "
        "and resets"
    )
