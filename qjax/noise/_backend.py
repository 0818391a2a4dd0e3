"""Floor 5. Backend -> noise model: what a device's calibration tells of its gates and readings."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from qiskit.circuit import Gate, Measure
from qiskit.providers import BackendV2
from qiskit.transpiler import Target

from qjax._noise import Channel, NoiseModel
from qjax._noise.kinds import most_depolarizing
from qjax.noise._channels import depolarizing, thermal_relaxation


class _Times(NamedTuple):
    """T1, T2 and the duration of what is done, in seconds."""

    t1: float
    t2: float
    duration: float

    @property
    def trace(self) -> float:
        """That of the relaxation's matrix in the Pauli basis."""
        return float(1 + 2 * np.exp(-self.duration / self.t2) + np.exp(-self.duration / self.t1))


def from_backend(backend: BackendV2 | Target) -> NoiseModel:
    """The noise of a device, from what its backend tells of it.

    As Qiskit Aer's `NoiseModel.from_backend` has it: after each gate depolarizing noise, and then
    thermal relaxation of its qubits for the gate's duration, such that the average gate fidelity
    is 1 less the gate's error; after other operations, such as resets, relaxation alone; and
    misread measurements. Unlike there, delays have none, as circuits hold no delays.

    A T2 above 2 T1 counts as 2 T1, and an error above what depolarizing noise can do as that, both
    as in Aer.

    Args:
        backend: with a `target`, a fake one too; or its `Target`.

    Returns:
        a model of a device: circuits may have less qubits, and their gates should be those that the
        device has, on the qubits where it has them, as after `qiskit.transpile(circuit, backend)`.

    Raises:
        TypeError: for what is no backend of that kind.
        ValueError: for a backend that tells no number of qubits, and for errors of an operation
            that circuits do not hold; names it.
    """
    target = backend if isinstance(backend, Target) else getattr(backend, "target", None)
    if not isinstance(target, Target):
        raise TypeError(
            "backend: expected one of Qiskit with a target (BackendV2), such as "
            f"GenericBackendV2(5), or a Target, got the {type(backend).__name__} {backend!r}"
        )
    if not target.num_qubits:
        raise ValueError("backend: its target has no number of qubits, so it is of no device")
    model = NoiseModel(num_qubits=target.num_qubits, is_of_device=True)
    for name, qubits, channel in _channels(target):
        model = model.after(name, channel, qubits)
    for qubit, (p01, p10) in _misread(target):
        model = model.readout(p01, p10, qubits=qubit)
    return model


def _channels(target: Target) -> Iterator[tuple[str, tuple[int, ...], Channel]]:
    """What acts after which operation, on which qubits."""
    for name in target.operation_names:
        operation = target.operation_from_name(name)
        if isinstance(operation, Measure):
            continue
        for qubits, properties in (target[name] or {}).items():
            if qubits is None or properties is None:
                continue
            error = properties.error if isinstance(operation, Gate) else None
            times = _times(target, qubits, properties.duration)
            channel = _channel(error, times, len(qubits))
            if channel is not None:
                yield name, qubits, channel


def _times(target: Target, qubits: Sequence[int], duration: float | None) -> list[_Times]:
    """Those of each qubit; none where nothing is known of them."""
    if not duration or not target.qubit_properties:
        return []
    times = []
    for qubit in qubits:
        known = target.qubit_properties[qubit]
        t1 = np.inf if known is None or known.t1 is None else known.t1
        t2 = np.inf if known is None or known.t2 is None else known.t2
        times.append(_Times(t1, min(t2, 2 * t1), duration))
    return times


def _channel(error: float | None, times: list[_Times], num_qubits: int) -> Channel | None:
    """Depolarizing noise and relaxation that together have an average error; None for neither."""
    relaxation: Channel | None = None
    for each in times:
        single = thermal_relaxation(*each)
        # The first qubit of a gate is the least significant one.
        relaxation = single if relaxation is None else single.tensor(relaxation)
    strength = _depolarizing_strength(error or 0, times, num_qubits)
    if strength <= 0:
        return relaxation
    depolarized = depolarizing(strength, num_qubits)
    return depolarized if relaxation is None else depolarized.then(relaxation)


def _depolarizing_strength(error: float, times: list[_Times], num_qubits: int) -> float:
    """What depolarizing noise lacks, beside relaxation, to the average error of a gate.

    With d = 2**k and the average fidelity f of relaxation, depolarizing noise of strength p before
    it makes (1 - p) f + p / d of it: it is 1 - error at p = (f - 1 + error) / (f - 1 / d). The
    average fidelity is (d F + 1) / (d + 1) with the process fidelity F = tr R / d**2. (M. Nielsen,
    Phys. Lett. A 303, 249 (2002), eq. 3.)
    """
    size = 2**num_qubits
    process = np.prod([each.trace / 4 for each in times])
    fidelity = (size * process + 1) / (size + 1)
    strength = (fidelity - 1 + min(error, size / (size + 1))) / (fidelity - 1 / size)
    return float(min(strength, most_depolarizing(num_qubits)))


def _misread(target: Target) -> Iterator[tuple[int, tuple[float, float]]]:
    """Qubits, and the probabilities to read 1 for 0 and 0 for 1."""
    if "measure" not in target.operation_names:
        return
    for qubits, properties in (target["measure"] or {}).items():
        if qubits is None or properties is None:
            continue
        p01, p10 = _probabilities(properties)
        if p01 or p10:
            yield qubits[0], (p01, p10)


def _probabilities(properties: Any) -> tuple[float, float]:
    error = properties.error or 0.0
    p01 = getattr(properties, "prob_meas1_prep0", None)
    p10 = getattr(properties, "prob_meas0_prep1", None)
    return (error, error) if p01 is None or p10 is None else (p01, p10)
