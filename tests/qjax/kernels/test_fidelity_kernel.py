"""Fidelity kernels against Qiskit's states, finite differences and the Fubini-Study metric."""

from __future__ import annotations

import copy
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax.test_util import check_grads
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.circuit.library import real_amplitudes, zz_feature_map
from scipy.sparse import csr_matrix

import qjax
from qjax.kernels import FidelityKernel, ProjectedKernel, _gram, _gram_on_mesh
from tests.circuits import error, random_circuit, state_of
from tests.conftest import Compilations, Precision

FEATURES = zz_feature_map(3, reps=1)
X, Y = (np.random.default_rng(seed).uniform(-1, 1, (5 + seed, 3)) for seed in (0, 1))


def trainable() -> tuple[QuantumCircuit, list[Parameter], list[Parameter]]:
    """Weights before, between and behind the inputs; a qubit that nothing else meets."""
    x, w = ParameterVector("x", 3), ParameterVector("w", 4)
    circuit = QuantumCircuit(4)
    circuit.ry(w[0], 0)
    circuit.h([1, 2])
    circuit.rz(x[0] * w[1], 1)
    circuit.cx(0, 1)
    circuit.rx(x[1], 0)
    circuit.rzz(x[0] * x[1], 0, 1)
    circuit.ry(x[2] + w[2], 2)
    circuit.h(3)
    circuit.cz(1, 3)
    circuit.rx(w[3], 3)
    return circuit, list(x), list(w)


def expected(circuit: QuantumCircuit, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """|<a|b>|^2 of Qiskit's states; rows hold all parameters, in Qiskit's order."""
    first, second = (np.array([state_of(circuit, row) for row in rows]) for rows in (left, right))
    return np.abs(first.conj() @ second.T) ** 2


def with_weights(kernel: FidelityKernel, rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    order = [*kernel.input_params, *kernel.weight_params]
    whole = np.concatenate([rows, np.broadcast_to(weights, (len(rows), len(weights)))], axis=1)
    return whole[:, [order.index(name) for name in kernel.circuit.parameters]]


def test_against_qiskit(precision: Precision) -> None:
    kernel = FidelityKernel(FEATURES)
    x, y = X.astype(precision.real), Y.astype(precision.real)
    for matrix in (kernel.matrix(x, y), kernel.evaluate(x, y)):
        assert matrix.dtype == precision.real
        assert error(matrix, expected(FEATURES, X, Y)) < precision.tolerance
    for matrix in (kernel.matrix(x), kernel.evaluate(x)):
        assert error(matrix, expected(FEATURES, X, X)) < precision.tolerance
        assert (matrix == matrix.T).all()
        assert (np.diag(matrix) == 1).all()
        assert np.linalg.eigvalsh(np.float64(matrix)).min() > -10 * precision.tolerance


@pytest.mark.parametrize("seed", range(3))
def test_random_circuits(seed: int) -> None:
    """Any gates, and parameters in expressions."""
    source = random_circuit(seed, num_qubits=3, num_gates=12, symbolic=True)
    x = np.random.default_rng(seed).uniform(-1, 1, (4, source.num_parameters))
    kernel = FidelityKernel(source)
    assert error(kernel.evaluate(x), expected(source, x, x)) < 1e-12
    assert error(kernel.evaluate(x, x[1:]), expected(source, x, x[1:])) < 1e-12


def test_weights() -> None:
    circuit, inputs, weights = trainable()
    values = np.array([0.3, -0.7, 1.1, 0.4])
    kernel = FidelityKernel(circuit, weight_params=weights)
    assert kernel.input_params == ("x[0]", "x[1]", "x[2]")
    reference = expected(circuit, with_weights(kernel, X, values), with_weights(kernel, Y, values))
    bound = kernel.with_weights(values)
    for matrix in (kernel.evaluate(X, Y, weights=values), bound.evaluate(X, Y)):
        assert error(matrix, reference) < 1e-12
    with jax.enable_x64(True):
        assert error(kernel.matrix(X, Y, values), reference) < 1e-12
        assert error(bound.matrix(X, Y), reference) < 1e-12
    turned = FidelityKernel(circuit, input_params=inputs[::-1], weight_params=weights[::-1])
    again = turned.evaluate(X[:, ::-1], Y[:, ::-1], weights=values[::-1])
    assert error(again, reference) < 1e-12


def test_a_tree_of_weights() -> None:
    circuit, inputs, w = trainable()
    tree = {"angles": [[w[0], w[1]]], "scale": w[2], "last": w[3]}
    kernel = FidelityKernel((circuit, inputs, tree))
    vector = np.array([0.3, -0.7, 0.4, 1.1])
    values = {"angles": np.array([[0.3, -0.7]]), "scale": 1.1, "last": 0.4}
    assert kernel.weight_params == ("w[0]", "w[1]", "w[3]", "w[2]")
    assert error(kernel.evaluate(X, weights=values), kernel.evaluate(X, weights=vector)) == 0
    bound = kernel.with_weights(values)
    assert jax.tree.all(jax.tree.map(np.array_equal, bound.weights, values))
    gradient = jax.grad(lambda tree: kernel.matrix(X, weights=tree).sum())(values)
    assert jax.tree.map(np.shape, gradient) == jax.tree.map(np.shape, values)


@pytest.mark.usefixtures("x64")
def test_derivatives() -> None:
    circuit, _, weights = trainable()
    kernel = FidelityKernel(circuit, weight_params=weights)
    values = jnp.array([0.3, -0.7, 1.1, 0.4])
    reverse = {"order": 1, "modes": ["rev"], "rtol": 1e-5}
    check_grads(kernel.matrix, (X[:2], Y[:2], values), **reverse)
    check_grads(lambda x, w: kernel.matrix(x, weights=w), (X[:3], values), **reverse)
    # What follows the last input cancels.
    assert jax.grad(lambda w: kernel.matrix(X, weights=w).sum())(values)[3] == 0


@pytest.mark.usefixtures("x64")
def test_curvature_where_points_are_equal() -> None:
    """cos^2(a/2) cos^2(b/2) of two differences curves by -1/2 where it is exactly 1."""
    circuit = QuantumCircuit(2)
    circuit.rx(Parameter("a"), 0)
    circuit.ry(Parameter("b"), 1)
    kernel, x = FidelityKernel(circuit), jnp.array(X[:2, :2])
    assert (jnp.diag(kernel.matrix(X[:, :2], X[:, :2])) == 1).all()
    curvature = jax.hessian(lambda at: kernel.matrix(at[None], x)[0, 0])(x[0])
    assert error(curvature, -np.eye(2) / 2) < 1e-12
    slope = jax.grad(lambda x: jnp.trace(kernel.matrix(x)))(x)
    assert (slope == 0).all()


@given(st.lists(st.sampled_from([0.0, 0.5, -1.3, np.pi, 2.0]), min_size=6, max_size=12))
def test_what_is_known_is_exact(numbers: list[float]) -> None:
    points = np.array(numbers[: len(numbers) // 3 * 3]).reshape(-1, 3)
    matrix = FidelityKernel(FEATURES).evaluate(points, points[::-1])
    equal = (points[:, None] == points[None, ::-1]).all(axis=2)
    assert (matrix[equal] == 1).all()
    assert (matrix >= 0).all()
    assert (matrix <= 1).all()


def test_orthogonal_states() -> None:
    circuit = QuantumCircuit(1)
    circuit.rx(Parameter("a"), 0)
    assert FidelityKernel(circuit).evaluate([[0.0]], [[np.pi]])[0, 0] < 1e-31


def test_separate_qubits_have_no_width_limit() -> None:
    """60 qubits, of which pairs meet: fidelities multiply."""
    x = ParameterVector("x", 60)
    pair = QuantumCircuit(2)
    pair.ry(Parameter("a"), 0)
    pair.rx(Parameter("b"), 1)
    pair.cx(0, 1)
    pair.ry(Parameter("c"), 0)  # cx stays before it
    circuit, third = QuantumCircuit(60), [x[k : k + 3] for k in range(0, 60, 3)]
    for number, angles in enumerate(third):
        circuit.compose(
            pair.assign_parameters(dict(zip("abc", angles, strict=True))),
            [2 * number, 2 * number + 1],
            inplace=True,
        )
    points = np.random.default_rng(2).uniform(-0.2, 0.2, (3, 60))
    kernel = FidelityKernel(circuit, input_params=x)
    reference = np.prod(
        [expected(pair, part, part) for part in np.split(points, 20, axis=1)], axis=0
    )
    assert error(kernel.evaluate(points), reference) < 1e-12


@pytest.mark.usefixtures("x64")
def test_blocks_of_states_that_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values and derivatives do not depend on what fits into memory."""
    circuit = QuantumCircuit(2)
    circuit.ry(Parameter("w"), 0)
    circuit.rx(Parameter("a"), 0)
    circuit.cx(0, 1)
    circuit.rx(Parameter("b"), 1)
    kernel = FidelityKernel(circuit, weight_params=["w"])
    x, y, w = jnp.array(X[:, :2]), jnp.array(Y[:3, :2]), jnp.array([0.7])

    def both(w: jax.Array) -> jax.Array:
        return (kernel.matrix(x, y, w) ** 2).sum() + (kernel.matrix(x, weights=w) ** 3).sum()

    whole = jax.value_and_grad(both)(w)
    _gram_on_mesh.compiled_matrix.cache_clear()
    monkeypatch.setattr(_gram, "columns_that_fit", lambda bytes_of_one: 4)
    parts = jax.value_and_grad(both)(w)
    alone = kernel.matrix(x, weights=w)
    _gram_on_mesh.compiled_matrix.cache_clear()
    assert jax.tree.all(jax.tree.map(lambda a, b: error(a, b) < 1e-12, whole, parts))
    assert (alone == alone.T).all()


def test_mapped_and_compiled() -> None:
    kernel = FidelityKernel(FEATURES)
    batch = np.float32(np.stack([X, X[::-1]]))
    mapped = jax.jit(jax.vmap(kernel.matrix))(batch)
    assert error(mapped[1], kernel.matrix(batch[1])) < 1e-6
    static = jax.jit(lambda kernel, x: kernel.matrix(x), static_argnums=0)
    assert error(static(kernel, batch[0]), mapped[0]) < 1e-6


def test_compiled_once(compilations: Compilations) -> None:
    circuit = zz_feature_map(2)
    x = np.float32(X[:, :2])
    FidelityKernel(circuit).matrix(x)
    FidelityKernel(circuit).evaluate(x)
    compilations.reset()
    kernel = FidelityKernel(circuit.copy())
    kernel.matrix(x + 1)
    for count in range(1, 6):  # sizes of blocks are few
        kernel.evaluate(x[:count] + 1)
        kernel.evaluate(x + 1, x[:count])
    assert compilations.count <= 1  # of two sets of points


def test_values_equal_by_value() -> None:
    circuit, _, weights = trainable()
    kernel = FidelityKernel(circuit, weight_params=weights)
    bound = kernel.with_weights([1, 2, 3, 4])
    assert kernel == FidelityKernel(qjax.from_qiskit(circuit), weight_params=["w"])
    assert hash(kernel) == hash(kernel.replace())
    assert kernel != bound
    for same in (copy.copy(bound), copy.deepcopy(bound), pickle.loads(pickle.dumps(bound))):
        assert same == bound
        assert hash(same) == hash(bound)
        assert (same.evaluate(X) == bound.evaluate(X)).all()
    assert bound.replace(simulator=qjax.simulators.StateVector("xla")).weights.tolist() == [
        1,
        2,
        3,
        4,
    ]
    with pytest.raises(AttributeError, match=r"kernels do not change.*kernel.replace\(circuit"):
        kernel.circuit = circuit
    assert repr(kernel) == "FidelityKernel(num_qubits=4, num_inputs=3, num_weights=4)"


WEIGHTED = FidelityKernel(real_amplitudes(3, reps=1), weight_params=["θ[5]", "θ[4]", "θ[3]"])


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda k: k.evaluate(X[:, :2]), ValueError, r"x_vec: expected shape \(points, 3\), got"),
        (lambda k: k.evaluate(X, X[:, :2]), ValueError, r"y_vec: expected shape \(points, 3\)"),
        (lambda k: k.evaluate(X[None]), ValueError, r"x_vec: .*got \(1, 5, 3\)"),
        (lambda k: k.evaluate(1.0), ValueError, r"x_vec: expected shape .*got \(\)"),
        (lambda k: k.evaluate(X[:, 0]), ValueError, r"x_vec: .*got \(1, 5\)"),
        (lambda k: k.evaluate(np.where(X[2, 1] == X, np.nan, X)), ValueError, r"x_vec\[2\]: holds"),
        (lambda k: k.evaluate(X + 1j), TypeError, "x_vec: got ndarray of dtype complex128"),
        (lambda k: k.evaluate([["a", "b", "c"]]), TypeError, "x_vec: got list of dtype <U1"),
        (lambda k: k.evaluate(np.array([[None] * 3])), TypeError, "x_vec: .*NoneType"),
        (lambda k: k.evaluate(X > 0), TypeError, "x_vec: got ndarray of dtype bool"),
        (lambda k: k.evaluate(X, max_bytes=0), ValueError, "max_bytes: expected a whole number"),
        (lambda k: k.evaluate(X, progress="no"), TypeError, "progress: expected True or False"),
        (lambda k: k.evaluate(X, out=np.zeros((5, 4))), ValueError, "out: got shape"),
        (lambda k: k.evaluate(X, out="gram.txt"), ValueError, "out: got gram.txt"),
        (lambda k: k.evaluate(X, weights=[1.0]), ValueError, r"weights: expected shape \(0,\)"),
        (lambda k: k.matrix(X[0]), ValueError, r"x: expected .*for one point, x\[None\]"),
        (lambda k: WEIGHTED.evaluate(X), ValueError, "weights: none given, and the kernel has 3"),
        (lambda k: WEIGHTED.matrix(X), ValueError, "weights: none given, and the kernel has 3"),
        (lambda k: WEIGHTED.with_weights([1, np.nan, 2]), ValueError, "weights: holds NaN"),
        (lambda k: WEIGHTED.with_weights([1, 2]), ValueError, r"weights: expected shape \(3,\)"),
        (lambda k: FidelityKernel(None), TypeError, "QuantumCircuit"),
        (lambda k: FidelityKernel(QuantumCircuit(2)), ValueError, "no parameter that takes"),
        (lambda k: FidelityKernel(FEATURES, weight_params=["y"]), ValueError, "weight_params: "),
        (lambda k: FidelityKernel(FEATURES, input_params=["x[0]"]), ValueError, "neither input"),
        (lambda k: FidelityKernel(feature_map=FEATURES), TypeError, "first argument, circuit"),
        (lambda k: FidelityKernel(FEATURES, shots=0), ValueError, "shots: expected a number of at"),
        (lambda k: ProjectedKernel(FEATURES, shots=0), ValueError, "shots: expected"),
        (lambda k: ProjectedKernel(FEATURES, shots=9).matrix(X), TypeError, "random key"),
        (lambda k: k.replace(noise="thermal"), TypeError, "noise: got str"),
        (lambda k: k.evaluate(csr_matrix(X)), TypeError, r"sparse: use \.toarray\(\)"),
        (lambda k: k.replace(fidelity=1), TypeError, "fidelities are exact"),
        (lambda k: FidelityKernel(FEATURES, simulator="xla"), TypeError, "simulator"),
    ],
)  # fmt: skip
def test_bad_input(call: object, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        call(FidelityKernel(FEATURES))


@pytest.mark.parametrize("kind", [FidelityKernel, ProjectedKernel])
def test_points_that_are_no_numbers(kind: type) -> None:
    """Nor is their kernel with themselves."""
    kernel = kind(FEATURES, noise=None, shots=None)
    assert kernel == kernel.replace()
    lost = np.isnan(kernel.matrix(np.float32([[0.1, np.nan, 0.2], [0.1, 0.3, 0.2]])))
    assert lost.tolist() == [[True, True], [True, False]]


def test_more_than_memory() -> None:
    kernel = FidelityKernel(FEATURES)
    many = jax.ShapeDtypeStruct((10**6, 3), np.float32)
    with pytest.raises(qjax.CircuitTooLargeError, match="fewer points, or `evaluate`"):
        jax.eval_shape(kernel.matrix, many)
    with pytest.raises(qjax.CircuitTooLargeError, match=r"the path of a \.npy file as out"):
        kernel.evaluate(np.zeros((10**6, 3), np.float32))
    circuit = QuantumCircuit(60)
    circuit.ry(Parameter("a"), 59)
    for qubit in range(59):
        circuit.cx(qubit, qubit + 1)
    circuit.rx(Parameter("b"), 59)
    wide = FidelityKernel(circuit)
    for call in (wide.evaluate, wide.matrix):
        with pytest.raises(qjax.CircuitTooLargeError, match="60 qubits"):
            call(np.zeros((3, 2), np.float32))


def test_no_points() -> None:
    kernel = FidelityKernel(FEATURES)
    none = np.zeros((0, 3))
    assert kernel.evaluate(none).shape == (0, 0)
    assert kernel.evaluate(none, X).shape == (0, 5)
    assert kernel.matrix(X, none).shape == (5, 0)


def test_mixtures_have_no_fidelity_kernel() -> None:
    circuit = QuantumCircuit(2, 1)
    circuit.ry(Parameter("a"), 0)
    circuit.cx(0, 1)
    circuit.measure(0, 0)
    circuit.reset(0)
    with pytest.raises(ValueError, match="mixture"):
        FidelityKernel(circuit)


def test_numbers_that_angles_are_not_defined_for() -> None:
    circuit, a = QuantumCircuit(1), Parameter("a")
    circuit.rx(a.arccos(), 0)
    with pytest.raises(ValueError, match="x_vec"):
        FidelityKernel(circuit).evaluate([[0.5], [2.0]])
