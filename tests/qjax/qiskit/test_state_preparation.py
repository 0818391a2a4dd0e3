"""Amplitudes that are parameters: the state is Qiskit's for the normalised numbers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import Instruction, Parameter, ParameterVector
from qiskit.circuit.exceptions import CircuitError
from qiskit.circuit.library import Initialize, StatePreparation, real_amplitudes
from qiskit.exceptions import QiskitError
from qiskit.quantum_info import SparsePauliOp, Statevector

import qjax
from qjax._circuit.operations import Amplitudes
from qjax._expressions import constant, parameter
from tests.circuits import DOUBLE_TOLERANCE, error, finite_gradient, state_of
from tests.conftest import Precision
from tests.dynamic import mean

X = ParameterVector("x", 4)
SQRT_2 = 2**0.5


class ParameterizedInitialize(Instruction):
    """Known by its name, as Qiskit Machine Learning's is."""

    def __init__(self, amplitudes: Sequence[object]) -> None:
        num_qubits = len(amplitudes).bit_length() - 1
        super().__init__("ParameterizedInitialize", num_qubits, 0, list(amplitudes))


def encoded(amplitudes: Sequence[object]) -> Instruction:
    return ParameterizedInitialize(amplitudes)


def numbers(amplitudes: Sequence[complex]) -> Instruction:
    """What Qiskit has for numbers."""
    return StatePreparation(list(amplitudes), normalize=True)


def surrounded(prepare: Instruction) -> QuantumCircuit:
    """Two qubits out of order, gates on others before, and on all of them after."""
    circuit = QuantumCircuit(4)
    circuit.h(1)
    circuit.ry(0.3, 3)
    circuit.append(prepare, [2, 0])
    circuit.rx(0.4, 2)
    circuit.cx(0, 1)
    circuit.rzz(0.7, 2, 3)
    circuit.ry(0.9, 0)
    return circuit


AMPLITUDES = {
    "parameters": (list(X), lambda x: x),
    "expressions": (
        [2 * X[0] + 9, X[1] * X[2], 0.5, X[3].sin()],
        lambda x: [2 * x[0] + 9, x[1] * x[2], 0.5, np.sin(x[3])],
    ),
    "complex": (
        [X[0] + 1j * X[1], -X[2] / (2 + 1j), 0.3j, (X[3] * 1j).conjugate() - X[0]],
        lambda x: [x[0] + 1j * x[1], -x[2] / (2 + 1j), 0.3j, -1j * x[3] - x[0]],
    ),
}


@pytest.mark.parametrize("name", AMPLITUDES)
def test_state_and_its_derivative_are_those_of_the_normalised_numbers(
    name: str, precision: Precision
) -> None:
    amplitudes, values_of = AMPLITUDES[name]
    circuit = qjax.from_qiskit(surrounded(encoded(amplitudes)))

    def expected(x: np.ndarray) -> np.ndarray:
        return state_of(surrounded(numbers(values_of(x))))

    x = np.array([0.8, -1.7, 0.4, 2.3])
    values = jnp.asarray(x, precision.real)
    assert error(qjax.statevector(circuit, values), expected(x)) < precision.tolerance
    jacobian = jax.jacfwd(lambda x: qjax.statevector(circuit, x))(values)
    assert error(jacobian, finite_gradient(expected, x)) < max(precision.tolerance, 1e-8)


def test_gradient_is_right_where_features_are_zero(x64: None) -> None:
    circuit = qjax.from_qiskit(surrounded(encoded(list(X))))
    observable = SparsePauliOp(["XIZY", "ZZII", "IIIX"], [0.5, 1, 0.3])

    def expected(x: np.ndarray) -> float:
        state = Statevector(surrounded(numbers(x)))
        return float(state.expectation_value(observable).real)

    x = np.array([0.0, 0.7, 0.0, 0.0])
    slope = jax.jit(jax.grad(lambda x: qjax.expectation(circuit, observable, x)))
    gradient = slope(x)
    assert error(gradient, finite_gradient(expected, x)) < 1e-8
    assert abs(gradient @ x) < DOUBLE_TOLERANCE  # the length of x does not matter
    hessian = jax.hessian(lambda x: qjax.expectation(circuit, observable, x))(x)
    assert error(hessian, finite_gradient(slope, x)) < 1e-8


def test_only_the_direction_of_the_features_matters() -> None:
    """Squares of these overflow or vanish in single precision."""
    circuit = qjax.from_qiskit(surrounded(encoded(list(X))))
    x = np.array([0.8, -1.7, 0.0, 2.3], np.float32)
    expected = state_of(surrounded(numbers(x.astype(float))))
    for scale in (1e-30, 1.0, 1e30, 1e38):
        values = jnp.asarray(x * np.float32(scale))
        assert error(qjax.statevector(circuit, values), expected) < 1e-6
        gradient = jax.grad(lambda x: qjax.expectation(circuit, "IIIX", x))(values)
        assert np.isfinite(gradient).all()


def test_all_zero_features_are_nan_and_harm_no_other_sample() -> None:
    circuit = QuantumCircuit(2)
    circuit.append(encoded(list(X)), [0, 1])
    qnn = qjax.EstimatorQNN(circuit=circuit, input_params=list(X), input_gradients=True)
    x = np.array([[0, 0, 0, 0], [1, 0, 0, 2]], np.float32)
    values = jax.jit(qnn.apply)(np.zeros(0, np.float32), x)  # known numbers raise
    assert np.isnan(values[0]).all()
    assert error(values[1], [1.0]) < 1e-6
    gradient = jax.grad(lambda x: qnn.apply(np.zeros(0, np.float32), x).sum())(x)
    # Nothing comes back from a value that is NaN, lest it spoil what the samples share.
    assert not gradient[0].any()
    assert np.isfinite(gradient[1]).all()


def test_batches_and_vmap_are_the_samples_one_by_one(x64: None) -> None:
    """Amplitudes per sample and shared ones, with angles per sample and shared ones."""
    theta = Parameter("a")
    circuit = surrounded(encoded([X[0], theta * X[1], X[2] + 1, X[3]]))
    circuit.ry(theta, 1)
    converted = qjax.from_qiskit(circuit)
    samples = np.random.default_rng(0).normal(size=(3, 5))

    def expected(sample: np.ndarray) -> np.ndarray:
        a, x = sample[0], sample[1:]
        other = surrounded(numbers([x[0], a * x[1], x[2] + 1, x[3]]))
        other.ry(a, 1)
        return state_of(other)

    states = jax.vmap(lambda x: qjax.statevector(converted, x))(samples)
    assert error(states, [expected(sample) for sample in samples]) < DOUBLE_TOLERANCE
    states = jax.vmap(lambda x: qjax.statevector(converted, x.at[0].set(0.3)))(samples)
    fixed = np.concatenate([np.full((3, 1), 0.3), samples[:, 1:]], axis=1)
    assert error(states, [expected(sample) for sample in fixed]) < DOUBLE_TOLERANCE

    for inputs, weights in ((list(X), [theta]), ([theta], list(X))):
        qnn = qjax.EstimatorQNN(
            circuit=circuit,
            observables=["ZXIY", "IIZI"],
            input_params=inputs,
            weight_params=weights,
            input_gradients=True,
        )
        split = (
            [samples[:, 1:], samples[0, :1]]
            if inputs != [theta]
            else [samples[:, :1], samples[0, 1:]]
        )
        check_network(qnn, *split, inputs != [theta], expected)


def check_network(qnn, rows, weights, features_vary, expected) -> None:
    """Values, and gradients in inputs and weights by differences of Qiskit's values."""

    def of(row: np.ndarray, weights: np.ndarray) -> list[float]:
        parts = (weights, row) if features_vary else (row, weights)
        state = Statevector(expected(np.concatenate(parts)))
        return [state.expectation_value(SparsePauliOp(o)).real for o in ("ZXIY", "IIZI")]

    values = qnn.apply(weights, rows)
    assert error(values, [of(row, weights) for row in rows]) < DOUBLE_TOLERANCE
    by_weights, by_rows = jax.jacrev(qnn.apply, (0, 1))(weights, rows)
    for k, row in enumerate(rows):
        by_row = finite_gradient(lambda moved: of(moved, weights), row)
        assert error(by_rows[k, :, k], by_row) < 1e-8
        assert error(by_weights[k], finite_gradient(partial(of, row), weights)) < 1e-8


def test_ten_qubits_and_several_blocks_start_as_a_product(x64: None) -> None:
    """1024 features; then two blocks that interleave beside a qubit of gates."""
    features = ParameterVector("x", 1024)
    wide = QuantumCircuit(10)
    wide.append(encoded(list(features)), range(10))
    rng = np.random.default_rng(1)
    x = rng.normal(size=(64, 1024))
    x[:, ::3] = 0
    states = jax.vmap(lambda x: qjax.statevector(wide, x))(x)
    assert error(states, x / np.linalg.norm(x, axis=1, keepdims=True)) < DOUBLE_TOLERANCE
    assert "0 passes" in str(qjax.plan(wide))
    assert "start: product state of amplitudes of 10 qubits" in str(qjax.plan(wide))

    several = QuantumCircuit(5)
    several.append(encoded(list(X)), [4, 1])
    several.ry(0.7, 2)
    several.append(encoded([X[0], 2]), [3])
    several.cx(1, 3)
    y = rng.normal(size=4)
    other = QuantumCircuit(5)
    other.append(numbers(y), [4, 1])
    other.ry(0.7, 2)
    other.append(numbers([y[0], 2]), [3])
    other.cx(1, 3)
    assert error(qjax.statevector(several, y), state_of(other)) < DOUBLE_TOLERANCE
    assert error(qjax.probabilities(several, y), abs(state_of(other)) ** 2) < DOUBLE_TOLERANCE


def test_observables_see_the_block_that_they_depend_on(x64: None) -> None:
    """29 other qubits, entangled in pairs, do not fit into memory."""
    circuit = QuantumCircuit(40)
    circuit.append(encoded(list(X)), [7, 3])
    circuit.append(encoded([X[0], X[1]]), [30])
    circuit.h(range(8, 20))
    circuit.ry(0.4, 7)
    circuit.cx(7, 9)
    circuit.rz(0.3, 3)
    x = np.array([0.3, -0.4, 1.2, 0.1])
    observable = SparsePauliOp.from_sparse_list([("Z", [3], 1.0)], 40)
    a = x**2 / (x**2).sum()
    assert error(qjax.expectation(circuit, observable, x), a[0] + a[1] - a[2] - a[3]) < 1e-12
    observable = SparsePauliOp.from_sparse_list([("X", [30], 1.0)], 40)
    expected = 2 * x[0] * x[1] / (x[0] ** 2 + x[1] ** 2)
    assert error(qjax.expectation(circuit, observable, x), expected) < 1e-12
    gradient = jax.grad(lambda x: qjax.expectation(circuit, observable, x))(x)
    assert error(gradient[2:], [0, 0]) == 0


def test_initialize_whose_params_are_parameters(x64: None) -> None:
    """Qiskit builds it of numbers, and lets one assign parameters."""
    for kind in (Initialize, StatePreparation):
        operation = kind([1, 0, 0, 0])
        operation.params = list(X)
        circuit = QuantumCircuit(2)
        circuit.append(operation, [1, 0])
        x = np.array([0.1, 0.5, 0.5, 0.7])
        assert error(qjax.statevector(circuit, x), state_of(circuit, x)) < DOUBLE_TOLERANCE


def test_raw_feature_vector_of_qiskit_machine_learning(x64: None) -> None:
    library = pytest.importorskip("qiskit_machine_learning.circuit.library")
    circuit = library.raw_feature_vector(8).compose(real_amplitudes(3, reps=1))
    x = np.random.default_rng(0).normal(size=circuit.num_parameters)
    assert error(qjax.statevector(circuit, x), state_of(circuit, x)) < DOUBLE_TOLERANCE
    bound = circuit.assign_parameters(x)
    assert error(qjax.statevector(bound), state_of(circuit, x)) < DOUBLE_TOLERANCE
    assert error(qjax.statevector(qjax.to_qiskit(circuit), x), state_of(circuit, x)) < 1e-12


def test_samples_follow_the_amplitudes() -> None:
    circuit = QuantumCircuit(2)
    circuit.append(encoded(list(X)), [0, 1])
    shots = qjax.sample(circuit, [0.0, 3.0, 0.0, 4.0], 2000, jax.random.key(0))
    assert shots[:, 0].all()
    assert abs(float(shots[:, 1].mean()) - 0.64) < 0.05


# ---------------------------------------------------------------- the way to Qiskit and back


@pytest.mark.parametrize(
    "amplitudes",
    [AMPLITUDES["parameters"][0], AMPLITUDES["expressions"][0], [X[0] + 1j * X[1], 0.3j, X[2], 1]],
    ids=["parameters", "expressions", "complex"],
)
def test_round_trip(amplitudes: list[object]) -> None:
    circuit = qjax.from_qiskit(surrounded(encoded(amplitudes)))
    assert qjax.from_qiskit(qjax.to_qiskit(circuit)) == circuit


def test_qiskit_binds_and_runs_what_we_write(x64: None) -> None:
    circuit = qjax.from_qiskit(surrounded(encoded(AMPLITUDES["complex"][0])))
    written = qjax.to_qiskit(circuit)
    x = np.array([0.8, -1.7, 0.4, 2.3])
    bound = written.assign_parameters(x)
    assert error(Statevector(bound).data, qjax.statevector(circuit, x)) < DOUBLE_TOLERANCE
    basic = transpile(bound, basis_gates=["cx", "u"], optimization_level=0)
    assert error(Statevector(basic).data, qjax.statevector(circuit, x)) < 1e-10
    assert error(qjax.statevector(bound), qjax.statevector(circuit, x)) < DOUBLE_TOLERANCE
    with pytest.raises(QiskitError, match="bind"):
        Statevector(written)


def test_qiskit_cannot_bind_zeros() -> None:
    circuit = QuantumCircuit(2)
    circuit.append(encoded(list(X)), [0, 1])
    bound = qjax.to_qiskit(circuit).assign_parameters(np.zeros(4))
    with pytest.raises(CircuitError, match="0"):
        Statevector(bound)


# ---------------------------------------------------------------- what is refused


def test_there_is_no_unitary() -> None:
    with pytest.raises(ValueError, match=r"starts from given amplitudes of qubits \(2, 0\)"):
        qjax.unitary(surrounded(encoded(list(X))), np.ones(4))


def in_use(prepare: Instruction) -> QuantumCircuit:
    """Prepared again, once always and once where an outcome says so."""
    circuit = QuantumCircuit(3, 1)
    circuit.h(2)
    circuit.s(0)
    circuit.cx(1, 2)
    circuit.cx(2, 0)
    circuit.append(prepare, [0, 1])
    circuit.measure(0, 0)
    circuit.ry(0.4, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.append(prepare, [2, 0])
    circuit.ry(0.7, [0, 1, 2])
    return circuit


def test_qubits_in_use_are_reset() -> None:
    values = np.array([0.3, -0.2, 0.9, 0.5])
    circuit = in_use(encoded(list(X)))
    exact = mean(in_use(Initialize(values, normalize=True)), SparsePauliOp("XZZ"))
    assert abs(exact) > 0.01
    with jax.enable_x64(True):
        found = qjax.expectation(circuit, "XZZ", values)
        again = qjax.expectation(qjax.to_qiskit(qjax.from_qiskit(circuit)), "XZZ", values)
        drawn = qjax.estimate(circuit, "XZZ", values, 4000, jax.random.key(0))
    assert abs(float(found) - exact) < DOUBLE_TOLERANCE
    assert abs(float(again) - exact) < DOUBLE_TOLERANCE
    assert abs(float(drawn.values) - exact) < 4.5 * float(drawn.errors)


def test_a_gate_needs_qubits_that_are_zero() -> None:
    gate = StatePreparation([1, 0])
    gate.params = [X[0], X[1]]
    circuit = QuantumCircuit(2)
    circuit.h(1)
    circuit.append(gate, [1])
    with pytest.raises(qjax.UnsupportedInstructionError, match=r"instruction 1.*\[1\].*in use"):
        qjax.from_qiskit(circuit)
    inverse = StatePreparation([1, 0], inverse=True)
    inverse.params = [X[0], X[1]]
    circuit = QuantumCircuit(1)
    circuit.append(inverse, [0])
    with pytest.raises((qjax.UnsupportedInstructionError, ValueError)):
        qjax.from_qiskit(circuit)


def test_complex_numbers_inside_of_functions_are_refused() -> None:
    circuit = QuantumCircuit(1)
    circuit.append(encoded([(1j * X[0]).exp(), X[1]]), [0])
    with pytest.raises(ValueError, match=r"instruction 0.*exp of complex"):
        qjax.from_qiskit(circuit)


@pytest.mark.parametrize(
    ("ops", "complaint"),
    [
        ((Amplitudes((0,), (parameter(0),)),), "2 amplitudes"),
        ((Amplitudes((0,), (parameter(0),) * 2, (parameter(0),)),), "2 amplitudes"),
        ((Amplitudes((0, 0), (parameter(0),) * 4),), "twice"),
        ((Amplitudes((2,), (parameter(0),) * 2),), "outside"),
        ((Amplitudes((0,), (parameter(0), parameter(1))),), "beyond"),
        ((Amplitudes((0,), (constant(0), constant(0))),), "no state"),
    ],
)
def test_amplitudes_that_do_not_fit_the_circuit(ops: tuple, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        qjax.Circuit(2, ops, ("a",))
