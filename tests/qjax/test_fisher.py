"""Quantum Fisher information against Qiskit's states, known results and the fidelity."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.circuit.library import real_amplitudes

import qjax
from qjax import _fisher
from tests.circuits import (
    NAMED,
    error,
    finite_gradient,
    random_circuit,
    random_values,
    state_of,
)
from tests.conftest import Compilations, Precision

TOLERANCE = 1e-8  # of the finite differences that we compare with


def fisher_of(circuit: QuantumCircuit, values: np.ndarray) -> np.ndarray:
    """The definition, entry by entry, from finite differences of Qiskit's states."""
    state = state_of(circuit, values)
    fine, coarse = (
        finite_gradient(lambda at: state_of(circuit, at), values, step).T for step in (5e-4, 1e-3)
    )
    tangents = (4 * fine - coarse) / 3  # leaves an error of step**4
    return np.array(
        [
            [
                4 * np.real(np.vdot(left, right) - np.vdot(left, state) * np.vdot(state, right))
                for right in tangents
            ]
            for left in tangents
        ]
    )


def assert_symmetric_and_semidefinite(matrix: jax.Array, rounding: float) -> None:
    assert error(matrix, matrix.T) == 0
    assert np.linalg.eigvalsh(matrix).min() > -rounding


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", NAMED)
def test_named_circuits(name: str) -> None:
    """One parameter in many gates and in expressions, global phases, repeated layers."""
    source = NAMED[name]()
    values = random_values(source, seed=5) / 2
    matrix = qjax.quantum_fisher_information(source, values)
    assert matrix.dtype == np.float64
    assert error(matrix, fisher_of(source, values)) < TOLERANCE
    assert_symmetric_and_semidefinite(matrix, 1e-13)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("seed", range(4))
def test_random_circuits(seed: int) -> None:
    source = random_circuit(seed, num_qubits=2 + seed, num_gates=15, symbolic=True)
    values = random_values(source, seed) / 3
    matrix = qjax.quantum_fisher_information(qjax.from_qiskit(source), values)
    expected = fisher_of(source, values)
    assert error(matrix, expected) < TOLERANCE * (1 + np.abs(expected).max())
    assert_symmetric_and_semidefinite(matrix, 1e-13 * (1 + np.abs(expected).max()))


def test_precision_follows_the_data(precision: Precision) -> None:
    source = NAMED["layered"]()
    values = random_values(source)
    matrix = qjax.quantum_fisher_information(source, values.astype(precision.real))
    assert matrix.dtype == precision.real
    assert error(matrix, fisher_of(source, values)) < max(precision.tolerance, TOLERANCE)
    assert_symmetric_and_semidefinite(matrix, 10 * precision.tolerance)


def test_sphere(x64: None) -> None:
    """RY, then RZ: the metric of the sphere, 4 g = diag(1, sin^2)."""
    polar, azimuth = Parameter("a_polar"), Parameter("b_azimuth")
    circuit = QuantumCircuit(1)
    circuit.ry(polar, 0)
    circuit.rz(azimuth, 0)
    points = np.array([[0.0, 0.3], [0.7, -2.0], [np.pi / 2, 1.0], [3.0, 0.0]])
    matrices = jax.vmap(lambda at: qjax.quantum_fisher_information(circuit, at))(points)
    expected = [np.diag([1, np.sin(polar) ** 2]) for polar, _ in points]
    assert error(matrices, expected) < 1e-14


def test_one_parameter_in_many_gates_adds_up(x64: None) -> None:
    """Equal rotations are one by a multiple k of the angle: F = k**2."""
    angle, circuit = Parameter("angle"), QuantumCircuit(2)
    for _ in range(3):
        circuit.ry(angle, 0)
    circuit.ry(angle / 2, 0)
    circuit.rx(angle, 1)
    assert error(qjax.quantum_fisher_information(circuit, [0.4]), [[3.5**2 + 1]]) < 1e-13


def test_global_phase_does_not_count(x64: None) -> None:
    source = NAMED["layered"]()
    values = random_values(source)
    phase, turned = Parameter("zz_phase"), source.copy()
    turned.global_phase = 3 * phase + 0.2 * turned.parameters[0]
    matrix = qjax.quantum_fisher_information(turned, [*values, 0.9])
    assert list(turned.parameters)[-1] == phase
    assert error(matrix[-1], np.zeros(13)) < 1e-14
    assert error(matrix[:-1, :-1], qjax.quantum_fisher_information(source, values)) < 1e-13


def test_fidelity_of_neighbours(x64: None) -> None:
    """1 - |<psi(x)|psi(x + d)>|^2 = d F d / 4 to second order."""
    source = NAMED["interacting"]()
    values, step = random_values(source), 1e-4 * np.linspace(-1, 1, 6)
    states = state_of(source, values - step / 2), state_of(source, values + step / 2)
    moved = 1 - abs(np.vdot(*states)) ** 2
    matrix = qjax.quantum_fisher_information(source, values)
    assert float(step @ matrix @ step / 4) == pytest.approx(moved, rel=1e-6)


def test_nothing_to_vary() -> None:
    circuit = QuantumCircuit(2)
    circuit.h(0)
    matrix = qjax.quantum_fisher_information(circuit)
    assert (matrix.shape, matrix.dtype) == ((0, 0), np.float32)


def test_final_measurements_are_left_out(x64: None) -> None:
    source = NAMED["classifier"]()
    measured, values = source.copy(), random_values(source)
    measured.measure_all()
    matrix = qjax.quantum_fisher_information(measured, values)
    assert error(matrix, fisher_of(source, values)) < TOLERANCE


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", ["shared_angles", "classifier"])
def test_transforms(name: str) -> None:
    """jit, vmap, grad and jacfwd; derivatives of the metric are what geodesics need."""
    source = NAMED[name]()
    circuit = qjax.from_qiskit(source)
    points = np.array([random_values(source, seed) / 2 for seed in range(3)])
    weights = np.random.default_rng(1).uniform(-1, 1, (source.num_parameters,) * 2)

    def metric(at: jax.Array) -> jax.Array:
        return qjax.quantum_fisher_information(circuit, at)

    def weighted(at: jax.Array) -> jax.Array:
        return jnp.sum(metric(at) * weights)

    expected = np.array([fisher_of(source, at) for at in points])
    assert error(jax.jit(jax.vmap(metric))(points), expected) < TOLERANCE
    # Differences of the differences above, at a step that balances their errors.
    slopes = finite_gradient(lambda at: fisher_of(source, at), points[0], 1e-4)
    assert error(jax.jit(jax.jacfwd(metric))(points[0]), slopes) < 1e-5
    gradient = np.einsum("ijp,ij->p", slopes, weights)
    assert error(jax.jit(jax.grad(weighted))(points[0]), gradient) < 1e-5


def mean_of(source: QuantumCircuit, weights: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """A loop over samples of which the first parameters are the inputs."""
    count = inputs.shape[1]
    matrices = [fisher_of(source, np.concatenate([x, weights])) for x in inputs]
    return np.mean([matrix[count:, count:] for matrix in matrices], axis=0)


@pytest.fixture
def columns(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> int:
    """Only so many states fit into memory."""
    monkeypatch.setattr(_fisher, "columns_that_fit", lambda bytes_of_one: request.param)
    _fisher.compiled_mean_information.cache_clear()
    yield request.param
    _fisher.compiled_mean_information.cache_clear()


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("columns", [1, 6, 20, 1000], indirect=True)
def test_groups_that_fit_into_memory(columns: int) -> None:
    """Groups of directions, of samples, and a last group that is not full."""
    source = random_circuit(3, num_qubits=3, num_gates=20, symbolic=True)
    num_inputs = 2
    values = random_values(source) / 3
    assert source.num_parameters - num_inputs == 8
    inputs = np.random.default_rng(0).uniform(-1, 1, (5, num_inputs))
    places = tuple(range(source.num_parameters))
    compiled = _fisher.compiled_mean_information(
        qjax.from_qiskit(source), places[num_inputs:], places[:num_inputs]
    )
    expected = mean_of(source, values[num_inputs:], inputs)
    matrix = compiled(jnp.asarray(values[num_inputs:]), jnp.asarray(inputs))
    assert error(matrix, expected) < TOLERANCE
    assert_symmetric_and_semidefinite(matrix, 1e-13 * np.abs(expected).max())


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("columns", [1], indirect=True)
def test_gradients_in_groups(columns: int) -> None:
    source = NAMED["shared_angles"]()
    values = random_values(source) / 2
    trace = jax.grad(lambda at: jnp.trace(qjax.quantum_fisher_information(source, at)))
    expected = finite_gradient(lambda at: np.trace(fisher_of(source, at)), values, 1e-4)
    assert error(trace(values), expected) < 1e-5


def test_memory_is_bounded() -> None:
    """Few columns at a time take less than all at once."""
    source = real_amplitudes(9, reps=12)
    params = np.zeros(source.num_parameters, np.float32)

    def bytes_of(fitting: int) -> int:
        _fisher.compiled_mean_information.cache_clear()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_fisher, "columns_that_fit", lambda bytes_of_one: fitting)
            circuit = qjax.from_qiskit(source)
            program = jax.jit(lambda p: qjax.quantum_fisher_information(circuit, p)).lower(params)
        return program.compile().memory_analysis().temp_size_in_bytes

    assert bytes_of(8) < bytes_of(1000) / 4
    _fisher.compiled_mean_information.cache_clear()


def test_new_parameters_do_not_recompile(compilations: Compilations) -> None:
    values = np.random.default_rng(0).uniform(-3, 3, (4, 9)).astype(np.float32)
    qjax.quantum_fisher_information(real_amplitudes(3, reps=2), values[0])
    compilations.reset()
    for row in values[1:]:
        jax.block_until_ready(qjax.quantum_fisher_information(real_amplitudes(3, reps=2), row))
    assert (compilations.traces, compilations.count) == (0, 0)


def test_many_layers_compile_to_a_loop() -> None:
    def size(layers: int) -> int:
        circuit = qjax.from_qiskit(real_amplitudes(3, reps=layers))
        params = np.zeros(3 * (layers + 1), np.float32)
        program = jax.jit(lambda p: qjax.quantum_fisher_information(circuit, p)).lower(params)
        return len(program.as_text().splitlines())

    assert size(60) < 2 * size(6)


def test_errors() -> None:
    circuit = NAMED["layered"]()
    with pytest.raises(ValueError, match=r"params: expected an array of shape \(12,\), got \(3,\)"):
        qjax.quantum_fisher_information(circuit, [0.1, 0.2, 0.3])
    with pytest.raises(ValueError, match=r"params: expected an array of shape \(12,\), got \(0,\)"):
        qjax.quantum_fisher_information(circuit)
    with pytest.raises(TypeError, match=r"params: got .*complex.*expected real numbers"):
        qjax.quantum_fisher_information(circuit, np.zeros(12, complex))
    wide = QuantumCircuit(50)
    wide.rx(ParameterVector("x", 1)[0], 0)
    with pytest.raises(qjax.CircuitTooLargeError, match="50 qubits"):
        qjax.quantum_fisher_information(wide, [0.1])
    reset = QuantumCircuit(2)
    reset.rx(ParameterVector("x", 1)[0], 0)
    reset.cx(0, 1)
    reset.reset(0)
    with pytest.raises(ValueError, match="mixture"):
        qjax.quantum_fisher_information(reset, [0.1])
