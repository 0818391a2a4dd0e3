"""Observables of every kind: parameters in coefficients, projectors, layouts, many terms."""

from __future__ import annotations

import re
from typing import Any

import jax
import numpy as np
import pytest
from qiskit import QuantumCircuit, generate_preset_pass_manager
from qiskit.circuit import Parameter, ParameterVector
from qiskit.circuit.library import real_amplitudes
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import Pauli, PauliList, SparseObservable, SparsePauliOp

import qjax
from tests.circuits import (
    bell,
    error,
    finite_gradient,
    finite_hessian,
    random_circuit,
    random_values,
    value_of,
)

SOURCE = random_circuit(5, 4, 30, symbolic=True)
VALUES = random_values(SOURCE) / 2
SHARED, OWN, OTHER = SOURCE.parameters[0], Parameter("own"), Parameter("an other")
VECTOR = ParameterVector("vector", 11)


def random_labels(rng: np.random.Generator, num_qubits: int, count: int) -> list[str]:
    return ["".join(rng.choice(list("IXYZ"), num_qubits)) for _ in range(count)]


# Parameters in coefficients.


def with_parameters(num_terms: int) -> SparsePauliOp:
    rng = np.random.default_rng(num_terms)
    moving = [OWN, 2 * OTHER * SHARED + 1, VECTOR[10].sin(), 3 * VECTOR[2] - OWN]
    numbers = rng.normal(size=num_terms - len(moving)).tolist()
    labels = random_labels(rng, 4, num_terms)
    return SparsePauliOp(labels, np.array([*moving, *numbers], dtype=object))


NAMES = [*(p.name for p in SOURCE.parameters), "an other", "own", "vector[2]", "vector[10]"]
POINT = np.concatenate([VALUES, [0.3, -0.7, 1.1, 0.4]])


def bound_value(operator: SparsePauliOp, point: np.ndarray) -> float:
    values = dict(zip(NAMES, point, strict=True))
    bound = operator.assign_parameters({p: values[p.name] for p in operator.parameters})
    numeric = SparsePauliOp(bound.paulis, np.array([complex(c) for c in bound.coeffs]))
    return value_of(SOURCE, numeric, point[: len(VALUES)])


@pytest.mark.parametrize("num_terms", [5, 70])
def test_parameters_in_coefficients(num_terms: int, x64: None) -> None:
    """Those of the circuit by name, the others behind them, in the order of a circuit's own."""
    operator = with_parameters(num_terms)

    def value(point: jax.Array) -> jax.Array:
        return qjax.expectation(SOURCE, operator, point)

    def oracle(point: np.ndarray) -> float:
        return bound_value(operator, point)

    assert abs(value(POINT) - oracle(POINT)) < 1e-12
    gradient = finite_gradient(oracle, POINT)
    assert error(jax.grad(value)(POINT), gradient) < 1e-6
    assert error(jax.jit(jax.jacfwd(value))(POINT), gradient) < 1e-6
    assert error(jax.jit(jax.hessian(value))(POINT), finite_hessian(oracle, POINT)) < 1e-5
    points = np.stack([POINT, POINT / 2, POINT + 0.1])
    assert error(jax.vmap(value)(points), [oracle(p) for p in points]) < 1e-12
    gradients = [gradient, *(finite_gradient(oracle, p) for p in points[1:])]
    assert error(jax.vmap(jax.grad(value))(points), gradients) < 1e-6


def test_parameters_in_several_observables(x64: None) -> None:
    several = [with_parameters(5), "ZZII", SparsePauliOp(["XIII"], [2 * OWN]), with_parameters(70)]
    actual = qjax.expectation(SOURCE, several, POINT)
    expected = [
        bound_value(each, POINT) if isinstance(each, SparsePauliOp)
        else value_of(SOURCE, Pauli(each), VALUES)
        for each in several
    ]  # fmt: skip
    assert error(actual, expected) < 1e-12


def test_parameters_of_diagonal_observables(x64: None) -> None:
    operator = SparsePauliOp(["ZZII", "IIIZ"], [OWN, OTHER])
    point = np.concatenate([VALUES, [0.3, -0.7]])
    state = [value_of(SOURCE, Pauli(label), VALUES) for label in ("ZZII", "IIIZ")]
    found = jax.grad(lambda p: qjax.expectation(SOURCE, operator, p))(point)
    assert error(found[-2:], [state[1], state[0]]) < 1e-12


def test_large_coefficients_are_no_angles() -> None:
    """Single precision takes full turns off angles, and must not off coefficients."""
    operator = SparsePauliOp(["ZZ"], [OWN * 3 + 1])
    assert abs(qjax.expectation(bell(), operator, np.float32([50])) - 151) < 1e-3


@pytest.mark.parametrize("as_input", [False, True])
def test_network_with_parameters_in_its_observable(as_input: bool, x64: None) -> None:
    operator = with_parameters(5)
    inputs = ["own", SHARED.name] if as_input else [SHARED.name]
    weights = [name for name in NAMES if name not in inputs]
    network = qjax.EstimatorQNN(
        circuit=SOURCE,
        observables=[operator, "XXII"],
        input_params=inputs,
        weight_params=weights,
        input_gradients=True,
    )
    place = [NAMES.index(name) for name in (*inputs, *weights)]
    rows = np.array([[0.2, 0.7], [-0.4, 0.1]])[:, : len(inputs)]
    free = POINT[[NAMES.index(name) for name in weights]]

    def oracle(arguments: np.ndarray) -> np.ndarray:
        point = np.empty(len(NAMES))
        point[place] = arguments
        second = value_of(SOURCE, Pauli("XXII"), point[: len(VALUES)])
        return np.array([bound_value(operator, point), second])

    joined = [np.concatenate([row, free]) for row in rows]
    assert error(network.forward(rows, free), [oracle(each) for each in joined]) < 1e-12
    to_inputs, to_weights = network.backward(rows, free)
    expected = np.stack([finite_gradient(oracle, each) for each in joined])
    assert error(to_inputs, expected[..., : len(inputs)]) < 1e-6
    assert error(to_weights, expected[..., len(inputs) :]) < 1e-6


def test_network_names_parameters_of_observables_that_are_left_out() -> None:
    with pytest.raises(ValueError, match=r"neither input nor weight.*own"):
        qjax.EstimatorQNN(circuit=bell(), observables=SparsePauliOp(["ZZ"], [OWN]))


def test_value_without_the_parameters_of_the_observable() -> None:
    with pytest.raises(ValueError, match=r"params.*\(1,\).*own"):
        qjax.expectation(bell(), SparsePauliOp(["ZZ"], [OWN]))


def test_complex_expression_as_coefficient() -> None:
    with pytest.raises(ValueError, match=r"ZZ.*real.*Hermitian"):
        qjax.expectation(bell(), SparsePauliOp(["ZZ"], [1j * OWN]), [1.0])
    negative = SparsePauliOp([Pauli("-ZZ")], [OWN])
    assert abs(qjax.expectation(bell(), negative, [2.0]) + 2) < 1e-6


# Projectors.

PROJECTORS: dict[str, Any] = {
    "label": "01+-",
    "imaginary label": "rlYX",
    "one state": "0000",
    "with strings": SparseObservable.from_list([("0rXZ", 1.5), ("1+II", -0.3), ("ZZ-l", 0.7)]),
    "diagonal": SparseObservable.from_list([("01ZI", 1.5), ("10IZ", -0.3), ("IIII", 0.7)]),
}


def in_paulis(observable: object) -> SparsePauliOp:
    return SparsePauliOp.from_sparse_observable(SparseObservable(observable))


@pytest.mark.parametrize("expand", [True, False])
@pytest.mark.parametrize("name", PROJECTORS)
def test_projectors(name: str, expand: bool, x64: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against Qiskit's expansion in Pauli strings; both ways that we have."""
    if not expand:
        monkeypatch.setattr("qjax._readout.tables.cheaply_expanded", list)
    # A circuit of its own for each case: plans are kept by circuit.
    source = SOURCE.copy()
    source.rx(0.1 + expand, 0)

    def value(point: jax.Array) -> jax.Array:
        return qjax.expectation(source, PROJECTORS[name], point)

    def oracle(point: np.ndarray) -> float:
        return value_of(source, in_paulis(PROJECTORS[name]), point)

    assert abs(value(VALUES) - oracle(VALUES)) < 1e-12
    assert error(jax.grad(value)(VALUES), finite_gradient(oracle, VALUES)) < 1e-6
    points = np.stack([VALUES, VALUES / 2])
    assert error(jax.vmap(value)(points), [oracle(point) for point in points]) < 1e-12


def test_all_basis_states_at_once(x64: None) -> None:
    """1024 projectors of ten qubits are the probabilities."""
    source = random_circuit(7, 10, 40)
    labels = [f"{index:010b}" for index in range(1024)]
    expected = np.abs(np.asarray(qjax.statevector(source))) ** 2
    assert error(qjax.expectation(source, labels), expected) < 1e-12


def test_projector_of_many_qubits(x64: None) -> None:
    """As Pauli strings it were a million terms."""
    source = real_amplitudes(20, reps=1)
    values = np.random.default_rng(1).uniform(-0.3, 0.3, source.num_parameters)
    actual, turned = qjax.expectation(source, ["0" * 20, "+" * 19 + "r"], values)
    state = np.asarray(qjax.statevector(source, values))
    assert abs(actual - abs(state[0]) ** 2) < 1e-12
    hadamards = source.copy()
    hadamards.h(range(1, 20))
    hadamards.sdg(0)
    hadamards.h(0)
    assert abs(turned - qjax.expectation(hadamards, "0" * 20, values)) < 1e-12


# Phases of Paulis, kinds of objects.


def test_phases_of_paulis(x64: None) -> None:
    assert abs(qjax.expectation(bell(), Pauli("-XX")) + 1) < 1e-12
    assert abs(qjax.expectation(bell(), Pauli("-YY")) - 1) < 1e-12
    with pytest.raises(ValueError, match="Hermitian"):
        qjax.expectation(bell(), Pauli("iXX"))
    with pytest.raises(ValueError, match="Hermitian"):
        qjax.expectation(bell(), SparseObservable.from_list([("0+", 1j)]))


def test_lists_of_paulis_say_what_they_mean() -> None:
    paulis = PauliList(["ZZ", "XX"])
    with pytest.raises(TypeError, match=r"list\(paulis\).*SparsePauliOp"):
        qjax.expectation(bell(), paulis)
    assert error(qjax.expectation(bell(), list(paulis)), np.float32([1, 1])) < 1e-6


# Layouts.


@pytest.mark.parametrize("num_qubits", [5, 7])
def test_transpiled_circuits(num_qubits: int, x64: None) -> None:
    source = real_amplitudes(4, entanglement="full", reps=1)
    backend = GenericBackendV2(
        num_qubits, coupling_map=[[k, k + 1] for k in range(num_qubits - 1)], seed=1
    )
    manager = generate_preset_pass_manager(2, backend, seed_transpiler=3)
    transpiled = manager.run(source)
    assert transpiled.num_qubits == num_qubits
    operator = SparsePauliOp(["ZIXY", "IZZI", "XIII"], [0.5, -1.2, 2])
    projector = SparseObservable("0+1I")
    values = np.random.default_rng(0).uniform(-2, 2, source.num_parameters)
    laid_out = [each.apply_layout(transpiled.layout) for each in (operator, projector)]
    actual = qjax.expectation(transpiled, laid_out, values)
    expected = [value_of(source, operator, values), value_of(source, in_paulis(projector), values)]
    assert error(actual, expected) < 1e-10
    for virtual in (operator, Pauli("ZZZZ")):
        with pytest.raises(ValueError, match=re.escape("observable.apply_layout(circuit.layout)")):
            qjax.expectation(transpiled, virtual, values)
    with pytest.raises(ValueError, match=r"was transpiled.*apply_layout"):
        qjax.EstimatorQNN(circuit=transpiled, observables=["ZZZZ"], weight_params=source.parameters)


# Many terms.


def molecule(num_qubits: int) -> SparsePauliOp:
    """All ZZ, XX and YY of two qubits, and a field."""
    rng = np.random.default_rng(0)
    pairs = [[i, j] for i in range(num_qubits) for j in range(i)]
    terms = [(letters, pair, rng.normal()) for pair in pairs for letters in ("ZZ", "XX", "YY")]
    terms += [("X", [i], rng.normal()) for i in range(num_qubits)]
    return SparsePauliOp.from_sparse_list(terms, num_qubits)


MANY = {
    "pairs": molecule(9),
    "random strings": SparsePauliOp(
        random_labels(np.random.default_rng(1), 9, 400), np.random.default_rng(2).normal(size=400)
    ),
    "many strings of one flip": SparsePauliOp(
        [*("".join("XY"[k >> q & 1] for q in range(9)) for k in range(300)), "ZZZZZZZZZ"],
        np.random.default_rng(3).normal(size=301),
    ),
}


@pytest.mark.parametrize("name", MANY)
@pytest.mark.parametrize("several", [False, True])
def test_many_terms(name: str, several: bool, x64: None) -> None:
    source = real_amplitudes(9, reps=1)
    source.rz(0.4, range(9))
    operator = MANY[name]
    operators = [operator, operator[:150], operator[100:]] if several else [operator]
    values = np.random.default_rng(4).uniform(-1, 1, (2, source.num_parameters))

    def of(point: jax.Array) -> jax.Array:
        return qjax.expectation(source, operators, point)

    def oracle(point: np.ndarray) -> np.ndarray:
        return np.array([value_of(source, each, point) for each in operators])

    assert error(jax.vmap(of)(values), [oracle(point) for point in values]) < 1e-10
    direction = np.random.default_rng(5).normal(size=source.num_parameters)
    step = 1e-5
    moved = (oracle(values[0] + step * direction) - oracle(values[0] - step * direction)) / step / 2
    assert error(jax.jit(jax.jacrev(of))(values[0]) @ direction, moved) < 1e-6
    assert error(jax.jvp(of, (values[0],), (direction,))[1], moved) < 1e-6


def test_second_derivatives_of_many_terms(x64: None) -> None:
    source = real_amplitudes(5, reps=0)
    source.rz(Parameter("z"), 0)
    labels = random_labels(np.random.default_rng(1), 5, 80)
    weighted = SparsePauliOp(labels, np.array([OWN, *np.linspace(-1, 1, 79)], dtype=object))
    numbers = SparsePauliOp(labels, np.linspace(-1, 1, 80))
    circuit = qjax.from_qiskit(source)
    point = np.random.default_rng(2).uniform(-1, 1, 7)
    names = [*circuit.parameters, "own"]

    def oracle(at: np.ndarray) -> np.ndarray:
        bound = weighted.assign_parameters({OWN: at[names.index("own")]})
        numeric = SparsePauliOp(labels, np.array([complex(c) for c in bound.coeffs]))
        return np.array([value_of(source, numeric, at[:6]), value_of(source, numbers, at[:6])])

    expected = finite_hessian(oracle, point)
    both = jax.hessian(lambda at: qjax.expectation(circuit, [weighted, numbers], at))
    assert error(jax.jit(both)(point), expected) < 1e-5
    one = jax.jacrev(jax.jacrev(lambda at: qjax.expectation(circuit, weighted, at)))
    assert error(jax.jit(one)(point), expected[0]) < 1e-5


@pytest.mark.usefixtures("xla_engine")
def test_program_does_not_grow_with_the_terms(x64: None) -> None:
    circuit = qjax.from_qiskit(real_amplitudes(10, reps=1))
    values = np.zeros(circuit.num_params)

    def size(count: int) -> int:
        labels = random_labels(np.random.default_rng(1), 10, count)
        operator = SparsePauliOp(labels, np.ones(count))
        program = jax.jit(jax.grad(lambda params: qjax.expectation(circuit, operator, params)))
        return len(program.lower(values).as_text().splitlines())

    assert size(3000) < 1.5 * size(100)


@pytest.mark.parametrize("several", [False, True])
def test_single_precision_of_many_amplitudes(several: bool) -> None:
    """Sums over 2**20 equal numbers keep six digits; one after the other they lose two more."""
    circuit = QuantumCircuit(20)
    circuit.h(range(20))
    circuit.rz(0.3, range(20))
    operator = SparsePauliOp.from_sparse_list([("X", [q], 1.0) for q in range(20)], 20)
    found = qjax.expectation(circuit, [operator, operator] if several else operator)
    assert error(np.asarray(found) / 20, np.full(found.shape, np.cos(0.3))) < 2e-6


@pytest.mark.parametrize("observable", ["", "Z", SparsePauliOp([""], [2.0]), [("", [], 2.0)]])
def test_a_circuit_without_qubits_says_so(observable: object) -> None:
    with pytest.raises(ValueError, match="circuit has no qubits, so there is nothing to observe"):
        qjax.expectation(QuantumCircuit(0), observable)


def test_an_estimator_of_a_circuit_without_qubits_says_so() -> None:
    job = [(QuantumCircuit(0), SparsePauliOp([""], [2.0]))]
    with pytest.raises(ValueError, match="circuit has no qubits"):
        qjax.primitives.Estimator().run(job).result()
