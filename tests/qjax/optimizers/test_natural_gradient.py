"""The natural gradient: NumPy's solution, its place in optax, and how fast it descends."""

from __future__ import annotations

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.circuit.library import real_amplitudes
from qiskit.quantum_info import SparsePauliOp

import qjax
from qjax.optimizers import natural_gradient
from tests.circuits import NAMED, error, random_values
from tests.conftest import Compilations, Precision
from tests.qjax.test_fisher import fisher_of

DAMPING = 1e-2


def interleaved() -> tuple[QuantumCircuit, dict[str, object]]:
    """Inputs and weights in another order than the circuit's; an input and a weight in one gate."""
    x, w = ParameterVector("m", 2), ParameterVector("w", 3)
    circuit = QuantumCircuit(2)
    circuit.ry(w[1], 0)
    circuit.rx(x[1], 1)
    circuit.cx(0, 1)
    circuit.ry(w[0] * x[0] + w[2], 1)
    circuit.rz(w[2], 0)
    circuit.rx(w[0], 0)
    return circuit, {"input_params": [x[1], x[0]], "weight_params": [w[2], w[0], w[1]]}


def network() -> qjax.EstimatorQNN:
    circuit, arguments = interleaved()
    return qjax.EstimatorQNN(circuit=circuit, observables=["ZZ", "XI"], **arguments)


def metric_of(weights: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """A loop over samples and finite differences of Qiskit's states; parameters go by name."""
    circuit, arguments = interleaved()
    names = [parameter.name for parameter in circuit.parameters]
    weight_names = [parameter.name for parameter in arguments["weight_params"]]
    order = [names.index(name) for name in weight_names]
    total = np.zeros((len(order),) * 2)
    for sample in inputs:
        values = dict(zip(weight_names, weights, strict=True))
        values |= {p.name: x for p, x in zip(arguments["input_params"], sample, strict=True)}
        fisher = fisher_of(circuit, np.array([values[name] for name in names]))
        total += fisher[np.ix_(order, order)] / 4
    return total / len(inputs)


def test_solution_is_numpys(precision: Precision) -> None:
    source = NAMED["layered"]()
    weights = random_values(source).astype(precision.real)
    gradient = np.linspace(-1, 1, 12, dtype=precision.real)
    optimizer = natural_gradient(source, damping=DAMPING)
    solution, _ = optimizer.update(gradient, optimizer.init(weights), weights)
    damped = fisher_of(source, weights.astype(np.float64)) / 4 + DAMPING * np.eye(12)
    expected = np.linalg.solve(damped, gradient.astype(np.float64))
    assert solution.dtype == precision.real
    largest = np.abs(expected).max()
    assert error(solution, expected) < largest * (1e-8 if precision.x64 else 1e-3)


def test_metric_is_the_mean_over_inputs(x64: None) -> None:
    rng = np.random.default_rng(3)
    weights, inputs = rng.uniform(-2, 2, 3), rng.uniform(-2, 2, (4, 2))
    gradient = np.array([0.3, -1.0, 2.0])
    optimizer = natural_gradient(network(), damping=DAMPING)
    state = optimizer.init(weights)
    solution, _ = optimizer.update(gradient, state, weights, inputs=inputs)
    damped = metric_of(weights, inputs) + DAMPING * np.eye(3)
    assert error(solution, np.linalg.solve(damped, gradient)) < 1e-8
    in_axes, _ = optimizer.update(gradient, state, weights, inputs=inputs.reshape(2, 2, 2))
    assert error(in_axes, solution) < 1e-14
    single, _ = optimizer.update(gradient, state, weights, inputs=inputs[1])
    damped = metric_of(weights, inputs[1:2]) + DAMPING * np.eye(3)
    assert error(single, np.linalg.solve(damped, gradient)) < 1e-8


def test_network_without_inputs_is_its_circuit(x64: None) -> None:
    """Readouts do not matter, and the weights' order is the network's."""
    source = NAMED["layered"]()
    names = [parameter.name for parameter in source.parameters][::-1]
    qnn = qjax.SamplerQNN(circuit=source, weight_params=names)
    weights, gradient = random_values(source), np.linspace(-1, 2, 12)
    of_network, of_circuit = natural_gradient(qnn), natural_gradient(source)
    state = of_network.init(weights)
    solution, _ = of_network.update(gradient, state, weights)
    expected, _ = of_circuit.update(gradient[::-1], state, weights[::-1])
    assert error(solution[::-1], expected) < 1e-11
    with_batch, _ = of_network.update(gradient, state, weights, inputs=np.zeros((5, 0)))
    assert error(with_batch, solution) == 0


def ising(num_qubits: int) -> SparsePauliOp:
    """The transverse-field Ising chain at its critical point."""
    bonds = [("ZZ", [i, i + 1], -1.0) for i in range(num_qubits - 1)]
    fields = [("X", [i], -1.0) for i in range(num_qubits)]
    return SparsePauliOp.from_sparse_list(bonds + fields, num_qubits)


def test_fewer_steps_than_gradient_descent(x64: None) -> None:
    """A VQE whose energy has flat and steep directions; gradient descent with its best rate."""
    source, hamiltonian = real_amplitudes(4, reps=2), ising(4)
    circuit = qjax.from_qiskit(source)
    ground = np.linalg.eigvalsh(hamiltonian.to_matrix())[0]
    start = jnp.asarray(np.random.default_rng(1).uniform(-1, 1, source.num_parameters))

    def energies(optimizer: optax.GradientTransformation, steps: int) -> jax.Array:
        def step(carry: tuple, _: None) -> tuple[tuple, jax.Array]:
            weights, state = carry
            energy, gradient = jax.value_and_grad(
                lambda w: qjax.expectation(circuit, hamiltonian, w)
            )(weights)
            updates, state = optimizer.update(gradient, state, weights)
            return (optax.apply_updates(weights, updates), state), energy

        return jax.lax.scan(step, (start, optimizer.init(start)), length=steps)[1]

    natural = optax.chain(natural_gradient(circuit), optax.scale(-0.1))
    reached = np.asarray(jax.jit(lambda: energies(natural, 30))()) - ground < 1e-2
    assert reached[25:].all()
    rates = jnp.array([0.02, 0.05, 0.1, 0.2, 0.3, 0.5])
    plain = jax.jit(jax.vmap(lambda rate: energies(optax.sgd(rate), 150)))(rates)
    assert plain.min() - ground > 1e-2


def test_one_step_where_the_metric_is_known(x64: None) -> None:
    """RY(k w): g = k**2 / 4, so the step is 4 / k**2 times the gradient, whatever the scale k."""
    w, circuit = ParameterVector("w", 3), QuantumCircuit(3)
    scales = np.array([0.1, 1.0, 10.0])
    for qubit, scale in enumerate(scales):
        circuit.ry(scale * w[qubit], qubit)
    optimizer = natural_gradient(circuit, damping=1e-9)
    gradient = np.array([0.5, -2.0, 3.0])
    solution, _ = optimizer.update(gradient, optax.EmptyState(), np.array([0.3, 0.2, 0.1]))
    assert solution == pytest.approx(4 * gradient / scales**2, rel=1e-5)


def test_hybrid_model_through_partition() -> None:
    """The circuit's weights go one way, the others another; extra arguments reach theirs."""
    qnn = network()
    params = {"circuit": jnp.array([0.4, -0.2, 1.0]), "scale": jnp.ones((2, 2))}
    inputs = jnp.array([[0.3, -0.6], [1.0, 0.5]])
    optimizer = optax.partition(
        {"natural": natural_gradient(qnn, damping=DAMPING), "plain": optax.sgd(0.5)},
        {"circuit": "natural", "scale": "plain"},
    )
    gradient = jax.tree.map(jnp.ones_like, params)
    updates, _ = optimizer.update(gradient, optimizer.init(params), params, inputs=inputs)
    damped = metric_of(np.asarray(params["circuit"]), np.asarray(inputs)) + DAMPING * np.eye(3)
    assert error(updates["circuit"], np.linalg.solve(damped, np.ones(3))) < 1e-3
    assert error(updates["scale"], np.full((2, 2), -0.5)) == 0


def test_damping_by_schedule() -> None:
    source = NAMED["one_angle"]()
    schedule = optax.inject_hyperparams(lambda damping: natural_gradient(source, damping=damping))
    optimizer = schedule(damping=lambda count: jnp.where(count == 0, 0.75, 0.25))
    weights, gradient = jnp.array([0.3]), jnp.array([2.0])
    first, state = optimizer.update(gradient, optimizer.init(weights), weights)
    second, _ = optimizer.update(gradient, state, weights)
    # g = 1/4 for a rotation of one qubit.
    assert (first.item(), second.item()) == (pytest.approx(2.0), pytest.approx(4.0))


def test_no_weights() -> None:
    circuit = QuantumCircuit(1)
    circuit.h(0)
    optimizer, nothing = natural_gradient(circuit), jnp.zeros(0)
    updates, _ = optimizer.update(nothing, optimizer.init(nothing), nothing)
    assert updates.shape == (0,)


def test_eager_steps_do_not_recompile(compilations: Compilations) -> None:
    optimizer, inputs = natural_gradient(network()), jnp.ones((3, 2))
    weights = jnp.array([0.1, 0.2, 0.3])
    state = optimizer.init(weights)
    for _ in range(2):
        updates, state = optimizer.update(weights, state, weights, inputs=inputs)
        weights = optax.apply_updates(weights, updates)
    compilations.reset()
    updates, _ = natural_gradient(network()).update(weights, state, weights, inputs=inputs)
    jax.block_until_ready(updates)
    assert compilations.count == 0


GOOD = np.zeros(3, np.float32)
SAMPLE = np.zeros((1, 2), np.float32)


@pytest.mark.parametrize(
    ("kind", "expected", "gradient", "params", "inputs"),
    [
        (ValueError, r"params: got None; .* call update\(gradient, state, ", GOOD, None, SAMPLE),
        (ValueError, r"inputs: got None; .* weights, inputs=x\)", GOOD, GOOD, None),
        (ValueError, r"shape \(..., 2\), got \(3,\). .* m\[1\], m\[0\]", GOOD, GOOD, GOOD),
        (ValueError, r"one sample or more, .* got \(0, 2\)", GOOD, GOOD, SAMPLE[:0]),
        (
            ValueError,
            r"params: expected .* \(3,\), got \(2,\). .*w\[2\], w\[0\]",
            GOOD,
            GOOD[1:],
            SAMPLE,
        ),
        (
            ValueError,
            r"updates: expected an array of shape \(3,\), got \(2,\)",
            GOOD[1:],
            GOOD,
            SAMPLE,
        ),
        (TypeError, "updates: .* pytree with 2 leaves.* optax.partition", [GOOD] * 2, GOOD, SAMPLE),
        (TypeError, "params: .* pytree with 0 leaves", GOOD, {}, SAMPLE),
        (TypeError, "updates: got .*complex64.*expected real", GOOD * 1j, GOOD, SAMPLE),
        (TypeError, "inputs: got .*bool.*expected real", GOOD, GOOD, SAMPLE > 0),
    ],
)
def test_wrong_updates(kind: type, expected: str, gradient, params, inputs) -> None:
    optimizer = natural_gradient(network())
    with pytest.raises(kind, match=expected):
        optimizer.update(gradient, optimizer.init(GOOD), params, inputs=inputs)


def test_wrong_arguments() -> None:
    circuit = NAMED["one_angle"]()
    for damping in (0, -1e-3, float("nan"), float("inf"), [0.1, 0.2]):
        with pytest.raises(ValueError, match="damping: expected a positive number, got"):
            natural_gradient(circuit, damping=damping)
    for damping in (True, 1j, "small", None):
        with pytest.raises(TypeError, match="damping: got"):
            natural_gradient(circuit, damping=damping)
    with pytest.raises(TypeError, match=r"model: .* got the class EstimatorQNN"):
        natural_gradient(qjax.EstimatorQNN)
    with pytest.raises(TypeError, match="model: expected a circuit or a network, got str"):
        natural_gradient("circuit")
    with pytest.raises(TypeError, match=r"params: .* pytree with 2 leaves"):
        natural_gradient(circuit).init({"a": GOOD, "b": GOOD})
    optimizer, angle = natural_gradient(circuit), jnp.zeros(1)
    with pytest.raises(ValueError, match=r"inputs: .*shape \(..., 0\), got \(1, 2\). .*: none"):
        optimizer.update(angle, optimizer.init(angle), angle, inputs=SAMPLE)


def run(code: str) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_optax_is_optional() -> None:
    """`import qjax` works where optax is missing; this module then names the remedy."""
    code = """
import sys
sys.modules["optax"] = None
import qjax
try:
    import qjax.optimizers
except ImportError as error:
    print(error)
"""
    expected = "qjax.optimizers needs the package optax: install qjax-bridge with the extra"
    assert run(code).startswith(expected)


def test_import_leaves_optax_out() -> None:
    code = "import sys, qjax; print('optax' in sys.modules, 'qjax.optimizers' in sys.modules)"
    assert run(code) == "False False"
