"""What plans for several devices do, in NumPy and with Qiskit's matrices: no device is needed."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit.library import RVGate, get_standard_gate_name_mapping
from qiskit.quantum_info import Operator, Statevector

import qjax
from qjax._circuit.known_values import check_known
from qjax._plan.frame import MovingFrame
from qjax._plan.sharding.endings import LocalString, Order, Outcomes
from qjax._plan.sharding.layouts import Exchange
from qjax._plan.sharding.row_operations import Condition, Mixing, RowOperation
from qjax._plan.sharding.sharded_plan import LocalStage, ShardedPlan

_CLASSES = {name: gate.base_class for name, gate in get_standard_gate_name_mapping().items()}
_CLASSES["rv"] = RVGate


def odd(number: int) -> int:
    return bin(number).count("1") % 2


# ---------------------------------------------------------------- operations


def dense(operations: Iterable[RowOperation], size: int) -> np.ndarray:
    """The matrix of operations on rows, one after the other."""
    whole = np.eye(1 << size, dtype=complex)
    for operation in operations:
        whole = _matrix(operation, size) @ whole
    return whole


def _matrix(operation: RowOperation, size: int) -> np.ndarray:
    result = np.zeros((1 << size, 1 << size), complex)
    for row in range(1 << size):
        if not _met(operation.controls, row):
            result[row, row] = 1
        elif isinstance(operation, Mixing):
            for other, entry in _mixed(operation, row):
                result[other, row] = entry
        else:
            sign = (-1) ** odd(row & operation.mask)
            result[row, row] = np.exp(1j * sign * check_known(operation.angle, "angle"))
    return result


def _met(controls: Iterable[Condition], row: int) -> bool:
    return all(odd(row & mask) == value for mask, value in controls)


def _mixed(mixing: Mixing, row: int) -> Iterator[tuple[int, complex]]:
    """Where a row goes, and with which factors."""
    angles = [check_known(angle, "angle") for angle in mixing.gate.angles]
    if mixing.gate.matrix is None:
        matrix = _CLASSES[mixing.gate.name](*angles).to_matrix()
    else:
        matrix = mixing.gate.matrix.array
    own = sum((odd(row & t.mask) ^ t.flip) << k for k, t in enumerate(mixing.targets))
    for value in range(len(matrix)):
        other = row
        for k, target in enumerate(mixing.targets):
            other ^= target.difference if (value ^ own) >> k & 1 else 0
        yield other, matrix[value, own]


def in_frame(frame: MovingFrame, rows: np.ndarray) -> np.ndarray:
    """The rows of a matrix in the order of the basis states that they hold."""
    places = [
        sum((odd(row & mask) ^ flip) << q for q, (mask, flip) in enumerate(_qubits(frame)))
        for row in range(len(rows))
    ]
    result = np.empty_like(rows)
    result[places] = rows
    return result


def _qubits(frame: MovingFrame) -> Iterator[tuple[int, int]]:
    return zip(frame.masks, frame.flips, strict=True)


# ---------------------------------------------------------------- exchanges


def sent_to(exchange: Exchange, num_local: int, place: int) -> int:
    """Where an exchange brings what is at a place."""
    device, own = place >> num_local, place & (1 << num_local) - 1
    (group,) = (group for group in exchange.groups if device in group)
    number = group.index(device)
    chosen = exchange.shifts[device]
    for k, (bit, mask) in enumerate(exchange.sent):
        chosen ^= odd(own & mask) << k
        own = own & ~(1 << bit) | (number >> k & 1) << bit
    return group[chosen] << num_local | own


def after_exchange(exchange: Exchange, parts: np.ndarray) -> np.ndarray:
    """Parts of all devices, `(devices, rows)`, after an exchange."""
    num_local = parts.shape[1].bit_length() - 1
    result = np.full(parts.size, np.nan, complex)
    for place, amplitude in enumerate(parts.reshape(-1)):
        result[sent_to(exchange, num_local, place)] = amplitude
    return result.reshape(parts.shape)


# ---------------------------------------------------------------- plans


def followed(
    plan: ShardedPlan, values: np.ndarray
) -> tuple[np.ndarray, list[tuple[LocalString, complex]]]:
    """(the parts of all devices at the end, strings with their values)."""
    local, device = (_state(circuit, values) for circuit in (plan.local_start, plan.device_start))
    parts, read = np.outer(device, local), []
    for stage in plan.stages:
        if stage.exchange is not None:
            parts = after_exchange(stage.exchange, parts)
        parts = np.stack([told_matrix(stage, values, d) @ part for d, part in enumerate(parts)])
        read += [(string, _value(string, parts)) for string in stage.strings]
    return parts, read


def _state(circuit: qjax.Circuit, values: np.ndarray) -> np.ndarray:
    if circuit.num_qubits == 0:
        return np.ones(1, complex)
    return Statevector(_bound(circuit, values)).data


def _bound(circuit: qjax.Circuit, values: np.ndarray) -> QuantumCircuit:
    """Qiskit's circuit; parameters that it lost are those of no gate."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        exported = qjax.to_qiskit(circuit)
    numbers = dict(zip(circuit.parameters, values, strict=True))
    return exported.assign_parameters({p: numbers[p.name] for p in exported.parameters})


def told_matrix(stage: LocalStage, values: np.ndarray, device: int) -> np.ndarray:
    """What one device does, by the circuit that is told its number."""
    numbers = [odd(mask & device) for mask in stage.numbers]
    return Operator(_bound(stage.told, np.array([*values, *numbers]))).data


def wired_matrices(stage: LocalStage, values: np.ndarray, num_local: int) -> list[np.ndarray]:
    """What all devices do, by the circuit that has their bits as qubits, and one that is 1."""
    both = Operator(_bound(stage.wired, values)).data
    whole = both[len(both) // 2 :, len(both) // 2 :]
    size = 1 << num_local
    blocks = whole.reshape(len(whole) // size, size, len(whole) // size, size)
    for first in range(len(blocks)):
        for second in range(len(blocks)):
            assert first == second or np.abs(blocks[first, :, second]).max() < 1e-12
    return [blocks[device, :, device] for device in range(len(blocks))]


def _value(string: LocalString, parts: np.ndarray) -> complex:
    rows, total = np.arange(parts.shape[1]), 0j
    signs = np.array([(-1) ** odd(row & string.z) for row in rows.tolist()])
    factor = 1j ** bin(string.x & string.z).count("1")
    for device, part in enumerate(parts):
        value = (part[rows ^ string.x].conj() * factor * signs * part).sum()
        total += string.sign * (-1) ** odd(string.device & device) * value
    return total


def states_in_order(plan: ShardedPlan, parts: np.ndarray) -> np.ndarray:
    """What each device holds in the end, in the order of devices."""
    assert isinstance(plan.end, Order)
    return parts[list(plan.end.sources)].reshape(-1)


def outcomes(plan: ShardedPlan, parts: np.ndarray) -> np.ndarray:
    """Probabilities of the qubits that are measured."""
    end = plan.end
    assert isinstance(end, Outcomes)
    assert plan.wanted.qubits is not None
    result = np.zeros(1 << len(plan.wanted.qubits))
    for device, part in enumerate(parts):
        told = (np.abs(part) ** 2).reshape(-1, 1 << end.count).sum(0)
        for setting, probability in enumerate(told):
            result[end.outcomes[setting] ^ end.shifts[device]] += probability
    return result
