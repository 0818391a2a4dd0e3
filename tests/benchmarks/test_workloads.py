"""The neutral circuits are those of Qiskit, and their translation computes what Qiskit computes."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit.library import (
    efficient_su2,
    get_standard_gate_name_mapping,
    real_amplitudes,
    zz_feature_map,
)
from qiskit.quantum_info import Pauli, Statevector
from scipy.linalg import expm

from tests.benchmarks import workloads
from tests.benchmarks.families import FAMILIES, Series, select
from tests.benchmarks.peers._angles import angle_table
from tests.benchmarks.peers._qiskit import observables, quantum_circuit, z_labels
from tests.benchmarks.workloads import Workload, parameters

SMALL = {
    "layered": workloads.layered(3, 2, 2),
    "zz": workloads.zz_real_amplitudes(3, 2),
    "esu2": workloads.efficient_su2(3, 2),
    "qaoa": workloads.qaoa(4, 2),
    "random": workloads.random_circuit(4, 60, 2),
    "tfim": workloads.tfim(4, 2),
}


def state_of(workload: Workload, weights: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """Through the translation to Qiskit, for one sample."""
    circuit, input_params, weight_params = quantum_circuit(workload)
    values = dict(zip(input_params, inputs, strict=True))
    values |= dict(zip(weight_params, weights, strict=True))
    return Statevector(circuit.assign_parameters(values)).data


def bound(circuit: QuantumCircuit, values: np.ndarray) -> QuantumCircuit:
    return circuit.assign_parameters(dict(zip(circuit.parameters, values, strict=True)))


def double(workload: Workload) -> tuple[np.ndarray, np.ndarray]:
    weights, inputs = parameters(workload, 1)
    return weights.astype(np.float64), inputs[0].astype(np.float64)


def test_zz_workload_is_qiskits_library() -> None:
    workload = SMALL["zz"]
    weights, inputs = double(workload)
    circuit = bound(zz_feature_map(3, reps=2, entanglement="full"), inputs)
    circuit.compose(bound(real_amplitudes(3, reps=3, entanglement="full"), weights), inplace=True)
    np.testing.assert_allclose(
        state_of(workload, weights, inputs), Statevector(circuit).data, atol=1e-12
    )


def test_esu2_workload_is_qiskits_library() -> None:
    workload = SMALL["esu2"]
    weights, inputs = double(workload)
    circuit = QuantumCircuit(3)
    for qubit, angle in enumerate(inputs):
        circuit.ry(angle, qubit)
    ansatz = efficient_su2(3, reps=3, entanglement="reverse_linear")
    circuit.compose(bound(ansatz, weights), inplace=True)
    np.testing.assert_allclose(
        state_of(workload, weights, inputs), Statevector(circuit).data, atol=1e-12
    )


def test_qaoa_workload_is_the_product_of_exponentials() -> None:
    workload = SMALL["qaoa"]
    weights, inputs = double(workload)
    signs = np.array([[1 - 2 * (index >> qubit & 1) for qubit in range(4)] for index in range(16)])
    edges = [
        op for op in workload.ops if op.gate == "rzz" and op.angle and op.angle.indices == (0,)
    ]
    cost = sum(op.angle.scale * signs[:, op.qubits[0]] * signs[:, op.qubits[1]] for op in edges)
    flips = np.arange(16)[:, None] == np.arange(16)[None, :] ^ (1 << np.arange(4))[:, None, None]
    mixer = flips.sum(axis=0).astype(float)
    state = np.full(16, 0.25, complex)
    for gamma, beta in weights.reshape(2, 2):
        state = expm(-1j * beta * mixer) @ (np.exp(-0.5j * gamma * cost) * state)
    np.testing.assert_allclose(state_of(workload, weights, inputs), state, atol=1e-12)


def test_tfim_workload_is_the_product_of_exponentials() -> None:
    workload = SMALL["tfim"]
    weights, inputs = double(workload)
    bits = np.array([[index >> qubit & 1 for qubit in range(4)] for index in range(16)])
    bonds = sum((1 - 2 * bits[:, q]) * (1 - 2 * bits[:, q + 1]) for q in range(3))
    flips = np.arange(16)[:, None] == np.arange(16)[None, :] ^ (1 << np.arange(4))[:, None, None]
    field = flips.sum(axis=0).astype(float)
    state = np.full(16, 0.25, complex)
    for coupling, transverse in weights.reshape(2, 2):
        state = expm(-0.5j * transverse * field) @ (np.exp(-0.5j * coupling * bonds) * state)
    found = state_of(workload, weights, inputs)
    np.testing.assert_allclose(found, state, atol=1e-12)
    (hamiltonian,) = observables(workload)
    energy = Statevector(found).expectation_value(hamiltonian)
    expected = -np.vdot(state, bonds * state) - np.vdot(state, field @ state)
    np.testing.assert_allclose(energy, expected, atol=1e-12)


@pytest.mark.parametrize("name", SMALL)
def test_translation_applies_gate_by_gate(name: str) -> None:
    workload = SMALL[name]
    weights, inputs = double(workload)
    classes = get_standard_gate_name_mapping()
    state = Statevector.from_label("0" * workload.num_qubits)
    for op in workload.ops:
        angles = []
        if op.angle:
            values = inputs if op.angle.source == "input" else weights
            angles = [
                op.angle.scale * np.prod([values[i] + op.angle.shift for i in op.angle.indices])
            ]
        state = state.evolve(classes[op.gate].base_class(*angles), list(op.qubits))
    np.testing.assert_allclose(state_of(workload, weights, inputs), state.data, atol=1e-12)


@pytest.mark.parametrize("name", SMALL)
def test_angle_table_and_its_gradient(name: str) -> None:
    workload = SMALL[name]
    weights, inputs = double(workload)
    table = angle_table(workload)

    def angles(values: np.ndarray) -> np.ndarray:
        split = values[: len(weights)], values[len(weights) :]
        return np.array([op.angle.value(*split) for op in workload.ops if op.angle])

    values = np.concatenate([weights, inputs])
    np.testing.assert_allclose(table.angles(weights, inputs), angles(values), atol=1e-12)
    gradient = np.random.default_rng(0).normal(size=len(table.first))
    steps = 1e-4 * np.eye(len(values))
    differences = [
        gradient @ (angles(values + step) - angles(values - step)) / 2e-4 for step in steps
    ]
    pulled = np.concatenate(table.pull_back(gradient, weights, inputs))
    np.testing.assert_allclose(pulled, differences, rtol=1e-7, atol=1e-7)


def test_z_labels_are_qiskits_order() -> None:
    state = Statevector.from_label("001")  # qubit 0 is set
    assert [state.expectation_value(Pauli(label)).real for label in z_labels(3)] == [-1, 1, 1]


def test_names_are_unique_and_select_themselves() -> None:
    names = [item.name for family in FAMILIES.values() for item in family()]
    assert len(set(names)) == len(names)
    for name in names[::7]:
        assert [item.name for item in select([name])] == [name]


def test_select_families_beginnings_and_quick() -> None:
    assert [item.name for item in select(["layered n=4", "qaoa"], quick=True)] == [
        "layered n=4 L=3 B=64",
        "qaoa n=10 p=4",
    ]
    assert len(select(["batch n=8", "batch n=8"])) == 6


@pytest.mark.parametrize("word", ["deep", "layered n=5", "layered n", ""])
def test_select_names_what_is_known(word: str) -> None:
    with pytest.raises(ValueError, match="give a family"):
        select([word])


def test_series_have_their_calls() -> None:
    circuits, batches = select(["once"])
    assert isinstance(circuits, Series)
    assert isinstance(batches, Series)
    assert (len(circuits.workloads), len(batches.workloads)) == (20, 12)
    assert len({one.ops for one in circuits.workloads}) == 20
    assert len({one.ops for one in batches.workloads}) == 1
    assert len({one.batch for one in batches.workloads}) == 12


def test_random_circuit_has_no_repetition() -> None:
    ops = SMALL["random"].ops[4:]
    assert len(ops) == 60
    assert {len(op.qubits) for op in ops} == {1, 2}
    for period in range(1, 30):
        assert ops[:period] != ops[period : 2 * period]


@pytest.mark.parametrize(
    ("size", "harder"), [((5, 2, 2), True), ((3, 2, 1), False), ((2, 9, 9), False)]
)
def test_harder_than(size: tuple[int, int, int], harder: bool) -> None:
    assert workloads.layered(*size).harder_than(SMALL["layered"]) == harder
    assert not workloads.layered(9, 9, 9).harder_than(SMALL["zz"])
