"""`Circuit` as a value: equality, hash, immutability, and what it says about itself."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import jax
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.circuit.library import real_amplitudes
from qiskit.quantum_info import random_unitary

import qjax
from tests.circuits import NAMED, bell, error, random_circuit, state_of


def with_matrix(seed: int = 0) -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    circuit.unitary(random_unitary(4, seed=seed), [1, 0])
    return circuit


def measured() -> QuantumCircuit:
    circuit = bell()
    circuit.measure_all()
    return circuit


BUILDERS: dict[str, Callable[[], QuantumCircuit]] = {
    **NAMED,
    "bell": bell,
    "matrix": with_matrix,
    "measured": measured,
    "random": lambda: random_circuit(3, 3),
    "random with parameters": lambda: random_circuit(4, 3, symbolic=True),
    "empty": lambda: QuantumCircuit(2),
}


@pytest.mark.parametrize("name", BUILDERS)
def test_equal_circuits_are_one_value(name: str) -> None:
    """Built twice, with parameters of the same names that are different objects to Qiskit."""
    first, second = (qjax.from_qiskit(BUILDERS[name]()) for _ in range(2))
    assert first is not second
    assert first == second
    assert hash(first) == hash(second)
    assert len({first, second}) == 1


def test_different_circuits_are_different_values() -> None:
    circuits = [qjax.from_qiskit(build()) for build in BUILDERS.values()]
    circuits += [qjax.from_qiskit(with_matrix(seed=1)), qjax.from_qiskit(QuantumCircuit(3))]
    assert len(set(circuits)) == len(circuits)


CHANGES: dict[str, Callable[[QuantumCircuit], object]] = {
    "gate": lambda circuit: circuit.x(0),
    "kind of gate": lambda circuit: circuit.ry(0.5, 0),
    "angle": lambda circuit: circuit.rx(0.5000001, 0),
    "parameter": lambda circuit: circuit.rx(Parameter("theta"), 0),
    "qubit": lambda circuit: circuit.rx(0.5, 1),
    "measurement": lambda circuit: (circuit.rx(0.5, 0), circuit.measure_all()),
    "phase": lambda circuit: (circuit.rx(0.5, 0), setattr(circuit, "global_phase", 0.1)),
    "nothing at all": lambda circuit: None,
}


@pytest.mark.parametrize("name", CHANGES)
def test_any_change_makes_another_value(name: str) -> None:
    base, changed = bell(), bell()
    base.rx(0.5, 0)
    CHANGES[name](changed)
    assert qjax.from_qiskit(base) != qjax.from_qiskit(changed)


def test_is_no_other_thing() -> None:
    circuit = qjax.from_qiskit(bell())
    assert circuit != bell()
    assert circuit != "bell"


def test_attributes() -> None:
    source = QuantumCircuit(3, 4)
    source.ry(Parameter("b"), 0)
    source.rx(Parameter("a") * 2, 1)
    source.measure(0, 3)
    circuit = qjax.from_qiskit(source)
    assert (circuit.num_qubits, circuit.num_clbits, circuit.num_params) == (3, 4, 2)
    assert circuit.parameters == ("a", "b")
    assert isinstance(circuit.ops, tuple)
    assert len(circuit.ops) >= 2
    hash(circuit.ops)


@pytest.mark.parametrize("name", ["num_qubits", "num_clbits", "num_params", "parameters", "ops"])
def test_attributes_cannot_be_set(name: str) -> None:
    circuit = qjax.from_qiskit(bell())
    with pytest.raises((AttributeError, TypeError)):
        setattr(circuit, name, getattr(circuit, name))


def test_arrays_inside_cannot_be_changed() -> None:
    """A matrix that its owner overwrites later is not the circuit's any more."""
    matrix = random_unitary(4, seed=2).data.copy()
    source = QuantumCircuit(2)
    source.unitary(matrix, [0, 1])
    circuit = qjax.from_qiskit(source)
    before, key = np.asarray(qjax.unitary(circuit)), hash(circuit)
    source.data[0].operation.params[0].setflags(write=True)
    source.data[0].operation.params[0][:] = np.eye(4)
    matrix[:] = 0
    assert hash(circuit) == key
    assert error(qjax.unitary(circuit), before) == 0


@pytest.mark.parametrize("name", BUILDERS)
def test_copies_are_equal(name: str) -> None:
    circuit = qjax.from_qiskit(BUILDERS[name]())
    for other in (copy.copy(circuit), copy.deepcopy(circuit), pickle.loads(pickle.dumps(circuit))):
        assert other == circuit
        assert hash(other) == hash(circuit)


def test_repr_is_short_and_names_the_type() -> None:
    text = repr(qjax.from_qiskit(real_amplitudes(6, reps=8)))
    assert "Circuit" in text


def test_mutation_after_a_call_shows_in_the_next(x64: None) -> None:
    circuit = QuantumCircuit(2)
    circuit.h(0)
    for _ in range(3):
        assert error(qjax.statevector(circuit), state_of(circuit)) < 1e-12
        circuit.ry(0.3, 1)
        circuit.cx(0, 1)
    circuit.data.pop()
    assert error(qjax.statevector(circuit), state_of(circuit)) < 1e-12
    circuit.global_phase = 1.1
    assert error(qjax.statevector(circuit), state_of(circuit)) < 1e-12


def test_conversion_leaves_the_source_alone() -> None:
    source = random_circuit(9, 3, symbolic=True)
    kept = source.copy()
    qjax.from_qiskit(source)
    assert source == kept


def test_sizes_are_numbers_of_python() -> None:
    """NumPy's overflow at 64 bits."""
    circuit = qjax.Circuit(np.int64(70), (), (), np.int32(3))  # type: ignore[arg-type]
    assert (type(circuit.num_qubits), type(circuit.num_clbits)) == (int, int)
    assert circuit == qjax.Circuit(70, (), (), 3)
    with pytest.raises(qjax.CircuitTooLargeError, match="70 qubits"):
        qjax.statevector(circuit)
    with pytest.raises(ValueError, match=r"num_qubits.*at most 1000000"):
        qjax.Circuit(10**9, ())


CALLS: dict[str, Callable[[qjax.Circuit], object]] = {
    "statevector": qjax.statevector,
    "unitary": qjax.unitary,
    "probabilities": qjax.probabilities,
    "plan": qjax.plan,
    "samples": lambda circuit: qjax.sample(circuit, (), 2, jax.random.key(0)),
    "trajectories": lambda circuit: qjax.trajectories(circuit, (), 2, jax.random.key(0)),
    "Fisher information": lambda circuit: qjax.quantum_fisher_information(circuit, [0.1]),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_fits_no_machine(name: str) -> None:
    """Numbers of bytes that are no float any more."""
    ops, parameters = (), ()
    if name.startswith("Fisher"):
        ops, parameters = (qjax.operations.gate("rx", 0, qjax.operations.parameter(0)),), ("a",)
    with pytest.raises(qjax.CircuitTooLargeError, match="20000 qubits"):
        CALLS[name](qjax.Circuit(20_000, ops, parameters))
