"""Density matrices: by kernels and by XLA, beside Qiskit's, with batches and derivatives."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.circuit.random import random_circuit
from qiskit.quantum_info import DensityMatrix, Kraus, Operator, SparsePauliOp, random_statevector

import qjax
from qjax._base import tuning
from qjax._simulators.density_matrix.native import _words
from qjax._simulators.density_matrix.passes import acted_by_xla
from qjax._simulators.density_matrix.simulation import pauli_vector, plan_mixed
from qjax.noise import NoiseModel, amplitude_damping, depolarizing, phase_damping
from qjax.simulators import DensityMatrix as DensityMatrixSimulator
from qjax.simulators import StateVector

MIXED = DensityMatrixSimulator()
DAMPED = NoiseModel().after(["ry", "rz"], amplitude_damping(0.1)).after("cx", depolarizing(0.05, 2))


def layered(num_qubits: int, layers: int, encodings: int = 1) -> QuantumCircuit:
    """RY(x), and layers of RY(w), RZ(w) and a ring of CX; the first ones with RY(x) before."""
    circuit = QuantumCircuit(num_qubits)
    x, w = ParameterVector("x", num_qubits), ParameterVector("w", 2 * num_qubits * layers)
    weights = iter(w)
    for layer in range(layers):
        for qubit in range(num_qubits):
            if layer < encodings:
                circuit.ry(x[qubit], qubit)
            circuit.ry(next(weights), qubit)
            circuit.rz(next(weights), qubit)
        for qubit in range(num_qubits if num_qubits > 2 else num_qubits - 1):
            circuit.cx(qubit, (qubit + 1) % num_qubits)
    return circuit


def evolved(circuit: QuantumCircuit) -> DensityMatrix:
    """What Qiskit makes of a circuit with the noise of `DAMPED`."""
    damping = Kraus([[[1, 0], [0, np.sqrt(0.9)]], [[0, np.sqrt(0.1)], [0, 0]]])
    pauli = np.sqrt(0.05 / 16)
    labels = [a + b for a in "IXYZ" for b in "IXYZ"]
    strings = [pauli * SparsePauliOp(label).to_matrix() for label in labels]
    strings[0] *= np.sqrt(1 - 15 * 0.05 / 16) / pauli
    state = DensityMatrix.from_label("0" * circuit.num_qubits)
    for instruction in circuit.data:
        qubits = [circuit.find_bit(bit).index for bit in instruction.qubits]
        state = state.evolve(instruction.operation, qubits)
        if instruction.name in ("ry", "rz"):
            state = state.evolve(damping, qubits)
        if instruction.name == "cx":
            state = state.evolve(Kraus(strings), qubits)
    return state


@pytest.fixture
def double() -> object:
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize("seed", range(4))
def test_circuits_of_any_gates(seed: int, double: None) -> None:
    circuit = random_circuit(4, 5, max_operands=4, seed=seed)
    ours = qjax.density_matrix(circuit)
    assert np.allclose(ours, DensityMatrix(circuit).data, rtol=0, atol=1e-12)
    every = qjax.probabilities(circuit, qubits=[2, 0], simulator=MIXED)
    assert np.allclose(every, DensityMatrix(circuit).probabilities([2, 0]), rtol=0, atol=1e-12)


def test_amplitudes_of_some_qubits(double: None) -> None:
    circuit = QuantumCircuit(4)
    circuit.append(qjax.AmplitudeEncoding(2), [3, 1])
    circuit.h(0)
    circuit.cx(0, 2)
    circuit.cx(3, 2)
    state = random_statevector(4, seed=3).data.real
    reference = QuantumCircuit(4)
    reference.prepare_state(state / np.linalg.norm(state), [3, 1])
    reference.h(0)
    reference.cx(0, 2)
    reference.cx(3, 2)
    ours = qjax.density_matrix(circuit, state)
    assert np.allclose(ours, DensityMatrix(reference).data, rtol=0, atol=1e-12)


def test_noise_as_qiskit_has_it(double: None) -> None:
    circuit = layered(3, 2)
    values = np.random.default_rng(0).uniform(-2, 2, circuit.num_parameters)
    reference = evolved(circuit.assign_parameters(values))
    ours = qjax.density_matrix(circuit, values, noise=DAMPED)
    assert np.allclose(ours, reference.data, rtol=0, atol=1e-12)
    observables = ["ZII", "XYZ", SparsePauliOp(["IXX", "ZZI"], [0.3, -1.2]), "0+I"]
    found = qjax.expectation(circuit, observables, values, noise=DAMPED)
    plus = np.kron(np.kron([[1, 0], [0, 0]], [[0.5, 0.5], [0.5, 0.5]]), np.eye(2))
    expected = [np.trace(SparsePauliOp(o).to_matrix() @ reference.data) for o in observables[:3]]
    assert np.allclose(found, [*expected, np.trace(plus @ reference.data)], rtol=0, atol=1e-12)


@pytest.mark.parametrize("encodings", [1, 3])
@pytest.mark.parametrize("batch", [1, 3, 19])
def test_kernels_and_xla_agree(encodings: int, batch: int, double: None) -> None:
    circuit = qjax.from_qiskit(layered(4, 3, encodings))
    moving = frozenset(k for k, name in enumerate(circuit.parameters) if name.startswith("x"))
    plan = plan_mixed(circuit, moving)
    weights = jax.random.uniform(jax.random.key(0), (circuit.num_params - 4,), float)
    inputs = jax.random.uniform(jax.random.key(1), (4, batch), float)

    def look(engine: str) -> tuple:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("QJAX_ENGINE", engine)

            def total(weights: jax.Array, inputs: jax.Array) -> jax.Array:
                return jnp.sum(jnp.sin(3 * pauli_vector(plan, weights, inputs, ())))

            return jax.jit(jax.value_and_grad(total, (0, 1)))(weights, inputs)

    for ours, theirs in zip(*map(jax.tree.leaves, (look("native"), look("xla"))), strict=True):
        assert np.allclose(ours, theirs, rtol=0, atol=1e-11)


@pytest.mark.parametrize("engine", ["native", "xla"])
def test_few_states_are_kept(engine: str, double: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QJAX_ENGINE", engine)
    circuit = layered(3, 9)
    values = np.random.default_rng(1).uniform(-2, 2, circuit.num_parameters)

    def slopes() -> np.ndarray:
        function = lambda p: qjax.expectation(circuit, "ZZZ", p, noise=DAMPED)  # noqa: E731
        return np.asarray(jax.grad(function)(jnp.asarray(values)))

    every = slopes()
    jax.clear_caches()
    for kept in (_words,):
        kept.cache_clear()
    monkeypatch.setattr(tuning, "KEPT_MIXED_BYTES", 0)
    assert np.allclose(slopes(), every, rtol=0, atol=1e-12)


def test_matrices_as_observables_beside_records_of_outcomes(double: None) -> None:
    """A coin decides on X, and its outcome is a qubit that the matrices are not on."""
    circuit = QuantumCircuit(2, 1)
    circuit.ry(0.8, 0)
    circuit.measure(0, 0)
    circuit.ry(0.3, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    matrix = np.random.default_rng(0).normal(size=(4, 4))
    operator = Operator(matrix + matrix.T)
    one, turn = np.sin(0.4) ** 2, QuantumCircuit(2)
    turn.ry(0.3, 0)
    coin = (1 - one) * DensityMatrix.from_label("00").data
    coin = coin + one * DensityMatrix.from_label("11").data
    expected = DensityMatrix(coin).evolve(turn).expectation_value(operator).real

    alone = qjax.expectation(circuit, operator, simulator=MIXED)
    beside = qjax.expectation(circuit, ["ZI", operator], simulator=MIXED)
    np.testing.assert_allclose(alone, expected, atol=1e-12)
    np.testing.assert_allclose(beside, [1 - 2 * one, expected], atol=1e-12)


def test_derivatives_of_all_orders(double: None) -> None:
    circuit = layered(2, 2)

    def value(params: jax.Array, noise: NoiseModel) -> jax.Array:
        return qjax.expectation(circuit, "ZX", params, noise=noise)

    params = jnp.linspace(0.1, 1, circuit.num_parameters)
    hessian = jax.jit(jax.hessian(value))(params, DAMPED)
    for outer, inner in ((jax.jacrev, jax.jacrev), (jax.jacfwd, jax.jacfwd)):
        other = jax.jit(outer(inner(value)))(params, DAMPED)
        assert np.allclose(other, hessian, rtol=0, atol=1e-12)
    step = 1e-5
    slope = jax.jit(jax.grad(value))
    column = (slope(params.at[4].add(step), DAMPED) - slope(params.at[4].add(-step), DAMPED)) / (
        2 * step
    )
    assert np.allclose(column, hessian[4], rtol=0, atol=1e-8)
    several = jnp.stack([params, 2 * params])
    each = jax.vmap(jax.grad(value), (0, None))(several, DAMPED)
    assert np.allclose(each[1], slope(2 * params, DAMPED), rtol=0, atol=1e-12)


def test_strengths_that_are_mapped(double: None) -> None:
    circuit = layered(2, 1)
    values = np.linspace(0.2, 1, circuit.num_parameters)

    def of_strength(p: jax.Array) -> jax.Array:
        noise = NoiseModel().after("ry", phase_damping(p))
        return qjax.expectation(circuit, "XX", values, noise=noise)

    strengths = jnp.array([0.0, 0.2, 0.7])
    each = [float(of_strength(p)) for p in strengths]
    assert np.allclose(jax.vmap(of_strength)(strengths), each, rtol=0, atol=1e-12)


def test_without_noise_it_is_the_pure_state(double: None) -> None:
    circuit = layered(3, 1)
    values = np.linspace(0, 2, circuit.num_parameters)
    pure = qjax.expectation(circuit, ["ZZZ", "XII"], values)
    mixed = qjax.expectation(circuit, ["ZZZ", "XII"], values, simulator=MIXED)
    assert np.allclose(pure, mixed, rtol=0, atol=1e-12)


def test_single_precision() -> None:
    circuit = layered(3, 2)
    values = np.linspace(0, 2, circuit.num_parameters).astype(np.float32)
    ours = qjax.density_matrix(circuit, values, noise=DAMPED)
    assert ours.dtype == np.complex64
    reference = evolved(circuit.assign_parameters(values.astype(float)))
    assert np.abs(ours - reference.data).max() < 1e-6


def test_one_program_for_all_strengths() -> None:
    circuit = layered(2, 1)
    traces = 0

    @jax.jit
    def value(params: jax.Array, noise: NoiseModel) -> jax.Array:
        nonlocal traces
        traces += 1
        return qjax.expectation(circuit, "ZZ", params, noise=noise)

    params = jnp.ones(circuit.num_parameters)
    found = [float(value(params, NoiseModel().after("ry", depolarizing(p)))) for p in (0.1, 0.2)]
    assert traces == 1
    assert found[0] != found[1]


def test_wide_circuits_are_seen_cone_by_cone() -> None:
    circuit = QuantumCircuit(24)
    for qubit in range(24):
        circuit.ry(0.3 + 0.1 * qubit, qubit)
    for qubit in range(23):
        circuit.cz(qubit, qubit + 1)
    noise = NoiseModel().after("ry", depolarizing(0.1))
    observables = [[("Z", [qubit], 1.0)] for qubit in range(24)]
    values = qjax.expectation(circuit, observables, noise=noise)
    assert np.allclose(values, 0.9 * np.cos(0.3 + 0.1 * np.arange(24)), atol=1e-6)


def test_blocks_by_xla_of_no_blocks() -> None:
    plan = plan_mixed(qjax.from_qiskit(QuantumCircuit(2)))
    state = jnp.ones((16, 1))
    assert acted_by_xla(plan.schedule, (), state) is state


def test_what_is_refused() -> None:
    circuit = QuantumCircuit(6)
    circuit.mcx(list(range(5)), 5)
    with pytest.raises(qjax.CircuitTooLargeError, match="on 6 qubits"):
        qjax.density_matrix(circuit)
    small = layered(2, 1)
    values = np.zeros(small.num_parameters)
    with pytest.raises(ValueError, match="StateVector has pure states"):
        qjax.expectation(small, "ZZ", values, noise=DAMPED, simulator=StateVector())
    with pytest.raises(ValueError, match="has no statevector"):
        qjax.statevector(small, values, simulator=MIXED)
    with pytest.raises(ValueError, match="choose by memory"):
        qjax.expectation(small, "ZZ", values, simulator=MIXED, gradient="adjoint")
    with pytest.raises(TypeError, match="the class DensityMatrix"):
        qjax.expectation(small, "ZZ", values, simulator=DensityMatrixSimulator)
    with pytest.raises(TypeError, match="say where the channel acts"):
        qjax.expectation(small, "ZZ", values, noise=depolarizing(0.1))
    wide = QuantumCircuit(20)
    for qubit in range(20):
        wide.ry(0.1, qubit)
    with pytest.raises(qjax.CircuitTooLargeError, match="Trajectories"):
        qjax.expectation(wide, "Z" * 20, noise=NoiseModel().after("ry", depolarizing(0.1)))


def test_the_plan_tells_what_runs() -> None:
    text = str(qjax.plan(layered(3, 2), "x", noise=DAMPED))
    assert "density matrix of 3 qubits, with noise" in text
    assert "4**3" in text


def test_the_plan_says_that_no_rule_is_for_anything() -> None:
    noise = NoiseModel().after("rx", depolarizing(0.1))
    circuit = QuantumCircuit(1)
    circuit.ry(0.1, 0)
    for simulator in (None, MIXED):
        assert "no rule of the noise model" in str(
            qjax.plan(circuit, noise=noise, simulator=simulator)
        )
    circuit.rx(0.1, 0)
    assert "no rule of the noise model" not in str(qjax.plan(circuit, noise=noise))


def test_the_plan_counts_the_records_that_there_are() -> None:
    circuit = QuantumCircuit(1, 2)
    circuit.h(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.h(0)
    circuit.measure(0, 1)
    noise = NoiseModel().after("h", depolarizing(0.1)).readout(0.1)
    # The last bit has a record only where bits are looked at.
    for kind, count in ((qjax.EstimatorQNN, 1), (qjax.SamplerQNN, 2)):
        text = str(kind(circuit=circuit, noise=noise).plan)
        assert f"density matrix of {1 + count} qubits" in text
        assert f"dynamic: {count} further qubit" in text
