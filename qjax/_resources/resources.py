"""Floor 7. Circuit -> memory, operations, bytes exchanged and seconds."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from qiskit import QuantumCircuit

from qjax._base.options import as_whole
from qjax._circuit.circuit import Circuit
from qjax._engine import as_gradient, chosen_gradient
from qjax._plan import outline_of
from qjax._qiskit import as_circuit
from qjax._resources.description import described
from qjax._resources.machine import known_machine
from qjax._resources.memory import memory_of
from qjax._resources.subject import Subject, subject
from qjax._resources.time import seconds_of
from qjax._resources.traffic import BACKWARDS, FORWARDS, bytes_sent, exchanges_of
from qjax._resources.work import work_of
from qjax._simulators import Gradient, Simulator, as_simulator

_DTYPES = ("complex64", "complex128")

# Real operations of a value and its gradient, for each of a value. Adjoint: forwards; then undo a
# step on the state, pull the cotangent back, and multiply both for the derivative. Backprop keeps
# states, which need not be undone.
_OF_GRADIENT = {"adjoint": 3.5, "backprop": 2.5}


@dataclass(frozen=True)
class Resources:
    """What simulating a circuit takes: what `qjax.resources` returns; `print` shows a table.

    All figures are of the whole state and of all samples: of an expectation value of a Pauli string
    on all qubits. Observables of few qubits need less, as what they do not depend on is left out.
    Bytes and operations are those of each device.

    Attributes:
        num_qubits: how many qubits are simulated: those of the circuit, and of a circuit that
            measures midway those that keep records of outcomes.
        num_records: how many of them keep records.
        simulator: "native" or "xla", the engines of state vectors; "density matrix" or
            "trajectories".
        batch: how many samples.
        dtype: of amplitudes.
        gradient: how the gradient is computed that `gradient_seconds` is of.
        devices: how many there are.
        devices_used: how many hold a part of the state: a power of two.
        value_bytes: memory of a value.
        gradient_bytes: memory of a value and its gradient, by how reverse mode works.
        hessian_bytes: memory of a Hessian, all directions side by side; fewer follow each other
            where this does not fit.
        flops: real operations of a value.
        gradient_flops: of a value and its gradient.
        passes: how many times a value goes through the state: steps of the native engine, which
            runs several while a part of the state is in the cache; passes of XLA; groups of blocks
            of a density matrix.
        exchanges: how many times devices exchange parts of the state, for a value.
        bytes_exchanged: what each device sends for a value.
        gradient_bytes_exchanged: for a value and its gradient.
        value_seconds: estimated time of a compiled call for a value.
        gradient_seconds: of one for a value and its gradient.
        measured: whether the times follow from figures of this machine.
    """

    num_qubits: int
    num_records: int
    simulator: str
    batch: int
    dtype: str
    gradient: str
    devices: int
    devices_used: int
    value_bytes: float
    gradient_bytes: Mapping[str, float]
    hessian_bytes: float
    flops: float
    gradient_flops: float
    passes: int
    exchanges: int
    bytes_exchanged: float
    gradient_bytes_exchanged: float
    value_seconds: float
    gradient_seconds: float
    measured: bool

    def __str__(self) -> str:
        return described(self)


def resources(
    circuit: Circuit | QuantumCircuit,
    *,
    batch: int = 1,
    dtype: str = "complex64",
    gradient: Gradient | None = None,
    simulator: Simulator | None = None,
    devices: int = 1,
) -> Resources:
    """What simulating a circuit takes, on paper: nothing is run, whatever would fit.

    The value is an expectation value of a Pauli string on all qubits. All parameters are taken to
    be shared by the samples, as weights are.

    Args:
        circuit: the circuit; what does not fit anywhere is fine, such as 40 qubits.
        batch: how many samples.
        dtype: of amplitudes, "complex64" or "complex128".
        gradient: how reverse mode works on XLA's engine, as in `expectation`; None chooses as that
            does. The native engine, density matrices and trajectories have one way.
        simulator: as in `expectation`. One with a `StateSharding` says how many devices there are,
            and figures are for the part of the batch that each has.
        devices: how many there are. States are cut into a power of two parts: 512 of 1000 devices
            hold one. Each is taken to be as fast as this machine.

    Returns:
        the figures; `print` shows them. Times follow from what `python -m qjax.calibrate` measured
        on this machine, and kept; before, from those of a typical CPU.

    Raises:
        ValueError: for a batch or devices below 1, another dtype or gradient, several devices with
            a simulator that has none, and an engine that cannot run.
        TypeError: for what is no circuit, and no simulator.
        NoExactFormError: for a circuit that measures more midway than can be followed.
        UnsupportedInstructionError: see `from_qiskit`.
    """
    if not isinstance(circuit, (Circuit, QuantumCircuit)):
        raise TypeError(
            f"circuit: got {circuit!r} of type {type(circuit).__name__}; expected a qjax.Circuit "
            "or a Qiskit QuantumCircuit"
        )
    given = subject(
        as_circuit(circuit),
        as_whole(batch, "batch", 1),
        _as_dtype(dtype),
        as_gradient(gradient),
        as_simulator(simulator),
        as_whole(devices, "devices", 1),
    )
    return _resources(given)


def _as_dtype(dtype: object) -> np.dtype:
    try:
        found = np.dtype(dtype)  # type: ignore[call-overload]
    except TypeError:
        found = None
    if dtype is None or found is None or found.name not in _DTYPES:
        raise ValueError(
            f"dtype: got {dtype!r}; expected 'complex64' (of float32) or 'complex128' (of float64)"
        )
    return found


def _resources(given: Subject) -> Resources:
    machine, work = known_machine(), work_of(given)
    exchanges = exchanges_of(given.circuit, given.device_bits)
    sent = bytes_sent(given, exchanges)
    memory = memory_of(given, machine.threads, len(exchanges))
    mode = _mode(given, memory.gradients)
    back = sent * (FORWARDS + BACKWARDS)
    return Resources(
        num_qubits=given.num_qubits,
        num_records=given.num_qubits - given.asked,
        simulator=given.method,
        batch=given.batch,
        dtype=given.dtype.name,
        gradient=mode,
        devices=given.devices,
        devices_used=1 << given.device_bits,
        value_bytes=memory.value,
        gradient_bytes=MappingProxyType(memory.gradients),
        hessian_bytes=memory.hessian,
        flops=work.flops,
        gradient_flops=_OF_GRADIENT[mode] * work.flops,
        passes=work.passes,
        exchanges=len(exchanges),
        bytes_exchanged=sent,
        gradient_bytes_exchanged=back,
        value_seconds=seconds_of(given, "value", work, sent, machine),
        gradient_seconds=seconds_of(given, mode, work, back, machine),
        measured=machine.measured,
    )


def _mode(given: Subject, modes: Mapping[str, float]) -> str:
    if len(modes) == 1:
        return next(iter(modes))
    passes = outline_of(given.circuit, given.batch > 1).num_passes
    return chosen_gradient(given.gradient, passes, given.batch * given.one_state)
