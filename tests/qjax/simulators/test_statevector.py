"""States, unitaries and probabilities of random circuits against Qiskit."""

from __future__ import annotations

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import Operator, Statevector, random_statevector, random_unitary

import qjax
from tests.circuits import (
    NAMED,
    bell,
    bind,
    double,
    error,
    matrix_of,
    num_angles,
    random_circuit,
    random_values,
    standard_gates,
    state_of,
)
from tests.conftest import Precision

CHUNK = 10


def seeded_circuit(seed: int) -> QuantumCircuit:
    """1 to 7 qubits, 40 gates; every other block of seven has parameters."""
    return random_circuit(seed, num_qubits=1 + seed % 7, symbolic=bool(seed // 7 % 2))


@pytest.mark.parametrize("start", range(0, 200, CHUNK))
def test_random_circuits(start: int, precision: Precision) -> None:
    """200 random circuits of 40 gates, each in both precisions.

    Up to four qubits, one of the two is the whole unitary, of which the state is a column. Ten in
    one program: a third less to compile than ten programs.
    """
    seeds = range(start, start + CHUNK)
    sources = [seeded_circuit(seed) for seed in seeds]
    wholes = [c.num_qubits <= 4 and precision.x64 == bool(k % 2) for k, c in enumerate(sources)]
    values = [
        random_values(source, seed).astype(precision.real)
        for source, seed in zip(sources, seeds, strict=True)
    ]

    @jax.jit
    def simulate(values: list[jax.Array]) -> list[jax.Array]:
        given = zip(sources, wholes, values, strict=True)
        return [(qjax.unitary if whole else qjax.statevector)(c, v) for c, whole, v in given]

    for k, actual in enumerate(simulate(values)):
        assert actual.dtype == precision.complex
        expected = (matrix_of if wholes[k] else state_of)(sources[k], values[k])
        assert error(actual, expected) < precision.tolerance, seeds[k]


angles = st.one_of(st.sampled_from([0.0, math.pi, -math.pi / 2]), st.floats(-7, 7))


@st.composite
def circuits(draw: st.DrawFn) -> QuantumCircuit:
    """Few gates, so that a failure shrinks to one."""
    width = draw(st.integers(1, 4))
    circuit = QuantumCircuit(width)
    names = [name for name, gate in standard_gates().items() if name != "global_phase"]
    for name in draw(st.lists(st.sampled_from(names), max_size=8)):
        gate = standard_gates()[name](*[draw(angles) for _ in range(num_angles(name))])
        if gate.num_qubits <= width:
            circuit.append(gate, draw(st.permutations(range(width)))[: gate.num_qubits])
    return circuit


@settings(max_examples=20)
@given(circuits())
def test_short_circuits(circuit: QuantumCircuit) -> None:
    with double():
        assert error(qjax.unitary(circuit), matrix_of(circuit)) < 1e-12


# ---------------------------------------------------------------- shapes, dtypes, conventions


def test_qubit_0_is_the_lowest_bit() -> None:
    circuit = QuantumCircuit(2)
    circuit.x(0)
    np.testing.assert_array_equal(qjax.statevector(circuit), [0, 1, 0, 0])
    np.testing.assert_array_equal(qjax.probabilities(circuit), [0, 1, 0, 0])
    np.testing.assert_array_equal(qjax.probabilities(circuit, qubits=[1, 0]), [0, 0, 1, 0])


@pytest.mark.parametrize("form", [list, tuple, np.asarray, jnp.asarray], ids=lambda f: f.__name__)
def test_forms_of_parameters(form: object, precision: Precision) -> None:
    circuit = NAMED["shared_angles"]()
    values = np.array([0.25, -1.5])  # exact in single precision
    state = qjax.statevector(circuit, form(values.astype(precision.real).tolist()))  # type: ignore[operator]
    assert state.dtype == precision.complex
    assert error(state, state_of(circuit, values)) < precision.tolerance


def test_shapes_and_dtypes(precision: Precision) -> None:
    values = np.zeros(2, precision.real)
    circuit = qjax.from_qiskit(NAMED["shared_angles"]())
    state, matrix = qjax.statevector(circuit, values), qjax.unitary(circuit, values)
    odds = qjax.probabilities(circuit, values)
    assert (state.shape, state.dtype) == ((8,), precision.complex)
    assert (matrix.shape, matrix.dtype) == ((8, 8), precision.complex)
    assert (odds.shape, odds.dtype) == ((8,), precision.real)
    assert all(isinstance(result, jax.Array) for result in (state, matrix, odds))


def test_without_parameters_the_default_precision_holds(precision: Precision) -> None:
    assert qjax.statevector(bell()).dtype == precision.complex
    assert qjax.unitary(bell()).dtype == precision.complex
    assert qjax.probabilities(bell()).dtype == precision.real


def test_single_stays_single_when_double_is_on(x64: None) -> None:
    values = np.zeros(2, np.float32)
    circuit = NAMED["shared_angles"]()
    assert qjax.statevector(circuit, values).dtype == np.complex64
    assert qjax.probabilities(circuit, jnp.asarray(values)).dtype == np.float32
    assert qjax.expectation(circuit, "ZZZ", values).dtype == np.float32


def test_arguments_are_not_written_to() -> None:
    circuit, values = NAMED["layered"](), np.linspace(0, 1, 12, dtype=np.float32)
    qjax.statevector(circuit, values)
    np.testing.assert_array_equal(values, np.linspace(0, 1, 12, dtype=np.float32))


def test_jit_with_the_circuit_as_static_argument(x64: None) -> None:
    circuit, source = qjax.from_qiskit(NAMED["layered"]()), NAMED["layered"]()
    values = random_values(source)
    jitted = jax.jit(qjax.statevector, static_argnums=0)
    assert error(jitted(circuit, values), state_of(source, values)) < 1e-12
    jitted = jax.jit(qjax.unitary, static_argnames="circuit")
    assert error(jitted(circuit=circuit, params=values), matrix_of(source, values)) < 1e-12


def test_vmap_over_a_batch_of_parameters(x64: None) -> None:
    source = NAMED["interacting"]()
    circuit = qjax.from_qiskit(source)
    batch = np.random.default_rng(0).uniform(-3, 3, (2, 3, source.num_parameters))
    over = jax.vmap(jax.vmap(lambda params: qjax.statevector(circuit, params)))
    expected = np.array([[state_of(source, values) for values in row] for row in batch])
    assert error(jax.jit(over)(batch), expected) < 1e-12


def test_nan_and_infinity_are_seen(x64: None) -> None:
    for bad in (math.nan, math.inf):
        values = np.array([0.3, bad])
        circuit = NAMED["shared_angles"]()
        assert np.isnan(qjax.statevector(circuit, values)).any()
        assert np.isnan(qjax.unitary(circuit, values)).any()
        assert np.isnan(qjax.probabilities(circuit, values)).any()
        assert np.isnan(qjax.expectation(circuit, "ZZZ", values))
        assert np.isnan(jax.grad(lambda p: qjax.expectation(circuit, "ZZZ", p))(values)).any()  # noqa: B023


# ---------------------------------------------------------------- probabilities


@pytest.mark.parametrize("count", range(4))
def test_probabilities_of_some_qubits_in_any_order(count: int, x64: None) -> None:
    source = random_circuit(17, 3)
    circuit, state = qjax.from_qiskit(source), Statevector(source)
    for qubits in itertools.permutations(range(3), count):
        expected = state.probabilities(list(qubits))
        assert error(qjax.probabilities(circuit, (), list(qubits)), expected) < 1e-12, qubits
        assert error(qjax.probabilities(circuit, qubits=qubits), expected) < 1e-12, qubits


def test_probabilities_of_all_qubits(precision: Precision) -> None:
    source = NAMED["interacting"]()
    values = random_values(source).astype(precision.real)
    actual = qjax.probabilities(source, values)
    expected = Statevector(bind(source, values)).probabilities()
    assert error(actual, expected) < precision.tolerance
    assert abs(actual.sum() - 1) < precision.tolerance


def test_jacobian_of_probabilities(x64: None) -> None:
    source = NAMED["classifier"]()
    circuit, values = qjax.from_qiskit(source), random_values(source)
    actual = jax.jacrev(lambda params: qjax.probabilities(circuit, params, [1]))(values)
    step = 1e-5
    for index, column in enumerate(np.asarray(actual).T):
        odds = []
        for sign in (1, -1):
            moved = values.copy()
            moved[index] += sign * step
            odds.append(Statevector(bind(source, moved)).probabilities([1]))
        assert error(column, (odds[0] - odds[1]) / (2 * step)) < 1e-6


# ---------------------------------------------------------------- apply_gate


@pytest.mark.parametrize("width", [1, 2, 3])
def test_apply_gate(width: int, precision: Precision) -> None:
    state = random_statevector(16, seed=1)
    gate = random_unitary(2**width, seed=2)
    for qubits in itertools.permutations(range(4), width):
        actual = qjax.apply_gate(
            jnp.asarray(state.data, precision.complex),
            jnp.asarray(gate.data, precision.complex),
            qubits,
        )
        assert actual.dtype == precision.complex
        expected = state.evolve(Operator(gate), qargs=list(qubits)).data
        assert error(actual, expected) < precision.tolerance, qubits


def test_apply_gate_takes_numpy_and_lists(x64: None) -> None:
    gate = random_unitary(4, seed=2)
    actual = qjax.apply_gate(np.eye(1, 8, dtype=complex)[0], gate.data, [2, 0])
    expected = Statevector.from_int(0, 8).evolve(gate, qargs=[2, 0]).data
    assert error(actual, expected) < 1e-12


def rotation(angle: jax.Array) -> jax.Array:
    half = angle / 2
    rows = [[jnp.cos(half), -jnp.sin(half)], [jnp.sin(half), jnp.cos(half)]]
    return jax.lax.complex(jnp.array(rows), jnp.zeros((2, 2)))


def excited(angle: jax.Array, state: jax.Array) -> jax.Array:
    """The probability of 1 on qubit 2 after RY, for a simulator of one's own."""
    after = qjax.apply_gate(state, rotation(angle), (2,))
    return jnp.sum(jnp.abs(after[4:]) ** 2)


def expected_excited(angle: float, state: Statevector) -> float:
    circuit = QuantumCircuit(3)
    circuit.ry(angle, 2)
    return float(state.evolve(circuit).probabilities([2])[1])


def test_apply_gate_under_jit_grad_and_vmap(x64: None) -> None:
    states = [random_statevector(8, seed=seed) for seed in range(3)]
    stack = jnp.array([state.data for state in states])
    values = np.array([0.3, -1.0, 2.0])
    pairs = list(zip(values, states, strict=True))
    function = jax.jit(jax.vmap(jax.value_and_grad(excited)))
    actual, slopes = function(jnp.asarray(values), stack)
    assert error(actual, [expected_excited(*pair) for pair in pairs]) < 1e-12
    numerical = [
        (expected_excited(angle + 1e-5, state) - expected_excited(angle - 1e-5, state)) / 2e-5
        for angle, state in pairs
    ]
    assert error(slopes, numerical) < 1e-6
    shared = jax.vmap(excited, in_axes=(None, 0))(values[0], stack)
    assert error(shared, [expected_excited(values[0], state) for state in states]) < 1e-12


def test_apply_gate_to_a_batch_of_states(x64: None) -> None:
    """Further axes of the state are a batch."""
    states, gate = random_unitary(8, seed=1).data[:, :5], random_unitary(4, seed=2).data
    expected = np.stack(
        [Statevector(column).evolve(Operator(gate), [2, 0]).data for column in states.T], axis=-1
    )
    assert error(qjax.apply_gate(states, gate, [2, 0]), expected) < 1e-12


def test_apply_gate_is_linear_in_the_matrix(x64: None) -> None:
    """Any matrix, not only a unitary: projectors and noise operators are users' business."""
    state = random_statevector(4, seed=5)
    raising = np.array([[0, 0], [1, 0]], complex)
    actual = qjax.apply_gate(jnp.asarray(state.data), raising, [1])
    np.testing.assert_allclose(actual, [0, 0, state.data[0], state.data[1]])


def test_parameter_that_cancels_is_still_counted() -> None:
    theta = Parameter("theta")
    circuit = QuantumCircuit(1)
    circuit.rx(theta - theta, 0)
    assert qjax.from_qiskit(circuit).num_params == circuit.num_parameters


@pytest.mark.parametrize("scale", [30.0, 1e3, 1e5, 4e5])
def test_large_angles_of_several_gates_keep_their_digits(scale: float) -> None:
    """Gates that turn the same phase: their angles are added up, in single precision too."""
    first, second = Parameter("a"), Parameter("b")
    circuit = QuantumCircuit(2)
    circuit.h([0, 1])
    circuit.cp(first, 0, 1)
    circuit.crz(second, 0, 1)
    circuit.ry(0.7, 0)
    circuit.rx(0.4, 1)
    for seed in range(3):
        values = (scale * np.random.default_rng(seed).uniform(0.5, 1, 2)).astype(np.float32)
        assert error(qjax.statevector(circuit, values), state_of(circuit, values)) < 2e-6
        tangent = jax.jvp(lambda v: qjax.statevector(circuit, v), (values,), (values / scale,))[1]
        with double():
            wide = values.astype(np.float64)
            expected = jax.jvp(lambda v: qjax.statevector(circuit, v), (wide,), (wide / scale,))[1]
        assert error(tangent, expected) < 1e-5


def test_parameters_as_a_list_of_traced_numbers() -> None:
    circuit = QuantumCircuit(1)
    circuit.rx(Parameter("a"), 0)
    slope = jax.grad(lambda angle: qjax.expectation(circuit, "Z", [angle]))(0.3)
    assert slope == pytest.approx(-math.sin(0.3), abs=1e-6)
    with pytest.raises(TypeError, match="masked numbers"):
        qjax.expectation(circuit, "Z", np.ma.masked_array([0.3], mask=[True]))
