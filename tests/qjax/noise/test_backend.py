"""Noise of devices, against what Qiskit Aer makes of the same backends."""

from __future__ import annotations

import warnings
from typing import Any

import jax
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Gate
from qiskit.circuit.library import CXGate, Measure, XGate
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import PTM, SuperOp, average_gate_fidelity
from qiskit.transpiler import InstructionProperties, QubitProperties, Target

import qjax
from qjax._noise import noisy_circuit, structure_of
from qjax.noise import NoiseModel, from_aer, from_backend

matrix = jax.jit(lambda channel: channel.transfer_matrix)


def matrices(model: NoiseModel) -> dict[tuple[str, tuple[int, ...]], np.ndarray]:
    """The matrix of each operation's noise; of a measurement's, of how it is misread."""
    found = {
        (name, place): np.asarray(matrix(rule.channel))
        for rule in model.rules
        for name in rule.names
        for place in rule.places or ()
    }
    for readout in model.readouts:
        for place in readout.places or ():
            found["measure", place] = np.asarray(readout.matrix)
    return found


def aers(backend: Any) -> Any:
    aer = pytest.importorskip("qiskit_aer.noise")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return aer.NoiseModel.from_backend(backend)


def check(backend: Any) -> NoiseModel:
    """Compare with Aer's model of a backend, made of its errors and imported whole."""
    theirs, mine = aers(backend), from_backend(backend)
    expected = {}
    for error in theirs.to_dict()["errors"]:
        (place,) = error["gate_qubits"]
        if error["type"] == "roerror":
            expected["measure", tuple(place)] = np.array(error["probabilities"])
    for name, errors in theirs._local_quantum_errors.items():
        for place, error in errors.items():
            expected[name, place] = PTM(SuperOp(error)).data.real
    for model in (mine, from_aer(theirs)):
        found = matrices(model)
        assert found.keys() == expected.keys()
        for key, values in expected.items():
            np.testing.assert_allclose(found[key], values, atol=1e-12, err_msg=str(key))
    return mine


@pytest.mark.usefixtures("x64")
def test_generic_backends_are_as_in_aer() -> None:
    backend = GenericBackendV2(3, coupling_map=[[0, 1], [2, 1]], seed=1)
    model = check(backend)
    assert (model.num_qubits, model.is_of_device) == (3, True)
    assert structure_of(from_backend(backend.target)) == structure_of(model)
    circuit = QuantumCircuit(2)
    circuit.cx(0, 1)
    assert len(noisy_circuit(qjax.from_qiskit(circuit), structure_of(model)).ops) == 2
    with pytest.raises(ValueError, match="device with 3 qubits, and the circuit has 4"):
        noisy_circuit(qjax.from_qiskit(QuantumCircuit(4)), structure_of(model))


@pytest.mark.usefixtures("x64")
def test_fake_devices_are_as_in_aer() -> None:
    provider = pytest.importorskip("qiskit_ibm_runtime.fake_provider")
    check(provider.FakeManilaV2())


def target(**properties: Any) -> Target:
    made = Target(num_qubits=2, **properties)
    single = {(0,): InstructionProperties(1e-7, 1e-3), (1,): InstructionProperties(None, 0.9)}
    made.add_instruction(XGate(), single)
    made.add_instruction(CXGate(), {(1, 0): InstructionProperties(5e-7, 0.02), (0, 1): None})
    made.add_instruction(Measure(), {(0,): InstructionProperties(1e-6, 0.03), (1,): None})
    return made


@pytest.mark.usefixtures("x64")
def test_gates_have_the_error_that_the_backend_tells() -> None:
    known = [QubitProperties(t1=1e-4, t2=3e-4), QubitProperties()]
    channels = matrices(from_backend(target(qubit_properties=known)))
    assert channels.keys() == {("x", (0,)), ("x", (1,)), ("cx", (1, 0)), ("measure", (0,))}
    errors = {("x", (0,)): 1e-3, ("cx", (1, 0)): 0.02, ("x", (1,)): 2 / 3}
    for key, error in errors.items():
        fidelity = average_gate_fidelity(SuperOp(PTM(channels[key])))
        np.testing.assert_allclose(1 - fidelity, error, atol=1e-12)
    # T2 of 3e-4 counts as 2e-4, and the qubit 1, the first of the gate, does not relax.
    shift = channels["cx", (1, 0)][4 * 3, 0]
    np.testing.assert_allclose(shift, -np.expm1(-5e-7 / 1e-4), rtol=1e-6)
    assert channels["cx", (1, 0)][3, 0] == 0
    without = matrices(from_backend(target()))
    np.testing.assert_allclose(without["x", (0,)], np.diag([1, *[1 - 2e-3] * 3]), atol=1e-12)


def test_what_is_no_device_is_refused() -> None:
    with pytest.raises(TypeError, match=r"backend: expected one of Qiskit with a target.*str 'x'"):
        from_backend("x")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no number of qubits"):
        from_backend(Target())
    other = Target(num_qubits=1)
    other.add_instruction(Gate("mine", 1, []), {(0,): InstructionProperties(1e-7, 1e-3)})
    with pytest.raises(ValueError, match="no operation is called 'mine'"):
        from_backend(other)
