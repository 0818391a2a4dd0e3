"""Noise models of Qiskit Aer, and what they do to circuits."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import library as lib
from qiskit.quantum_info import PTM, Operator, SuperOp, random_unitary

import qjax
from qjax.noise import from_aer

aer = pytest.importorskip("qiskit_aer.noise")
matrix = jax.jit(lambda channel: channel.transfer_matrix)


def relaxation(t2: float) -> Any:
    return aer.thermal_relaxation_error(1.0, t2, 0.3, 0.1)


ERRORS: dict[str, tuple[Any, str]] = {
    "depolarizing": (aer.depolarizing_error(0.2, 2), "depolarizing"),
    "depolarizing, its most": (aer.depolarizing_error(64 / 63, 3), "depolarizing"),
    "Pauli strings": (aer.pauli_error([("XZ", 0.1), ("II", 0.9)]), "pauli"),
    "composed Pauli strings": (
        aer.pauli_error([("X", 0.1), ("I", 0.9)]).expand(aer.depolarizing_error(0.1, 1)),
        "pauli",
    ),
    "reset": (aer.reset_error(0.2, 0.1), "reset"),
    "reset to zero": (aer.reset_error(0.2), "reset"),
    "unitary": (aer.coherent_unitary_error(random_unitary(4, seed=1)), "coherent"),
    "unitaries": (
        aer.mixed_unitary_error([(random_unitary(2, seed=k).data, 0.5) for k in (1, 2)]),
        "mixed_unitary",
    ),
    "gates": (aer.QuantumError([(lib.SGate(), 0.3), (lib.RXGate(0.4), 0.7)]), "mixed_unitary"),
    "damping": (aer.amplitude_damping_error(0.2, 0.3), "kraus"),
    "relaxation": (relaxation(0.5), "kraus"),
    "slow relaxation": (relaxation(1.5), "kraus"),
    "many": (
        aer.depolarizing_error(0.1, 2).compose(relaxation(0.5).tensor(relaxation(0.7))),
        "kraus",
    ),
}


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", ERRORS)
def test_errors_keep_their_structure(name: str) -> None:
    error, kind = ERRORS[name]
    model = aer.NoiseModel()
    gate = {1: "x", 2: "cx", 3: "ccx"}[error.num_qubits]
    model.add_all_qubit_quantum_error(error, gate)
    (rule,) = from_aer(model).rules
    assert (rule.channel.name, rule.channel.num_qubits) == (kind, error.num_qubits)
    np.testing.assert_allclose(matrix(rule.channel), PTM(SuperOp(error)).data.real, atol=1e-12)
    if kind == "kraus":
        assert len(rule.channel.kraus) <= 4**error.num_qubits


def aer_model() -> Any:
    model = aer.NoiseModel()
    model.add_all_qubit_quantum_error(aer.amplitude_damping_error(0.2), ["h", "u1"])
    model.add_all_qubit_quantum_error(aer.depolarizing_error(0.1, 2), "cx")
    swapped = aer.pauli_error([("IX", 0.3), ("II", 0.7)])
    model.add_quantum_error(swapped, "cx", [2, 1])
    model.add_quantum_error(relaxation(0.5), "h", [1])
    model.add_all_qubit_quantum_error(aer.pauli_error([("X", 0.1), ("I", 0.9)]), "measure")
    model.add_all_qubit_quantum_error(aer.reset_error(0.2, 0.1), "reset")
    model.add_all_qubit_readout_error([[0.9, 0.1], [0.2, 0.8]])
    model.add_readout_error([[0.7, 0.3], [0.05, 0.95]], [2])
    return model


@pytest.mark.usefixtures("x64")
def test_circuits_have_aers_states_and_probabilities() -> None:
    simulator = pytest.importorskip("qiskit_aer").AerSimulator
    model = aer_model()
    circuit = QuantumCircuit(3)
    circuit.h([0, 1, 2])
    circuit.append(lib.U1Gate(0.4), [0])
    circuit.p(0.3, 1)
    circuit.cx(0, 1)
    circuit.cx(2, 1)
    circuit.cx(1, 2)
    circuit.append(random_gate(), [0, 2])
    noise = from_aer(model)
    saved = circuit.copy()
    saved.save_density_matrix()
    backend = simulator(method="density_matrix", noise_model=model)
    state = np.asarray(backend.run(saved).result().data()["density_matrix"])
    np.testing.assert_allclose(qjax.density_matrix(circuit, noise=noise), state, atol=1e-10)

    circuit.measure_all()
    shots = 20000
    counts = backend.run(circuit, shots=shots, seed_simulator=1).result().get_counts()
    probabilities = np.asarray(qjax.probabilities(circuit, noise=noise))
    seen = np.array([counts.get(f"{k:03b}", 0) for k in range(8)])
    # Chi-square of 7 degrees of freedom: 24.3 is exceeded once in 1000.
    assert np.sum((seen - shots * probabilities) ** 2 / (shots * probabilities)) < 24.3


def random_gate() -> lib.UnitaryGate:
    return lib.UnitaryGate(Operator(random_unitary(4, seed=3)))


def test_what_cannot_be_held_is_named() -> None:
    flip = aer.pauli_error([("X", 0.1), ("I", 0.9)])
    labelled = aer.NoiseModel()
    labelled.add_all_qubit_quantum_error(flip, "my_label")
    with pytest.raises(ValueError, match="an error of 'my_label', which is a label"):
        from_aer(labelled)
    delayed = aer.NoiseModel()
    delayed.add_all_qubit_quantum_error(flip, "delay")
    with pytest.raises(ValueError, match="an error of 'delay'"):
        from_aer(delayed)
    passes = aer.NoiseModel()
    passes._custom_noise_passes.append(aer.LocalNoisePass(lambda *_: None, op_types=lib.XGate))
    with pytest.raises(ValueError, match="custom noise pass, LocalNoisePass"):
        from_aer(passes)
    with pytest.raises(TypeError, match=r"expected a qiskit_aer\.noise\.NoiseModel.*None"):
        from_aer(None)
