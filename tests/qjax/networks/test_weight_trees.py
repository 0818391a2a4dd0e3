"""Networks whose weights are a pytree: Qiskit's numbers, in the tree's places."""

from __future__ import annotations

import pickle
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree
from qiskit.circuit import Parameter
from qiskit.primitives import StatevectorEstimator

import qjax
from qjax.optimizers import natural_gradient
from tests import networks
from tests.circuits import DOUBLE_TOLERANCE, error
from tests.conftest import Compilations
from tests.qjax.qnns import DERIVATIVE_TOLERANCE
from tests.qjax.weight_trees import INPUTS, SCALE, THETAS, TREES, Pair, circuit, filled, flat, tree

X, W = flat("dict").data(3)


def is_shape(node: Any) -> bool:
    return type(node) is tuple and all(type(size) is int for size in node)


@pytest.mark.parametrize("name", TREES)
def test_structure(name: str) -> None:
    _, shapes, order = TREES[name]
    qnn = tree(name)
    names = [parameter.name for parameter in order]
    assert list(qnn.weight_params) == names
    assert qnn.num_weights == 5
    found = jax.tree.map(lambda leaf: leaf.shape, qnn.weight_structure)
    assert found == shapes
    assert type(found) is type(shapes)
    leaves = jax.tree.leaves(qnn.weight_structure)
    assert [each for leaf in leaves for each in leaf.ravel()] == names
    again = qnn.replace(weight_params=qnn.weight_structure)
    assert again == qnn
    assert hash(again) == hash(qnn)
    copy = pickle.loads(pickle.dumps(qnn))
    assert copy == qnn
    assert jax.tree.structure(copy.weight_structure) == jax.tree.structure(qnn.weight_structure)
    assert qnn.replace(weight_params=names) != qnn


@pytest.mark.parametrize("name", TREES)
def test_values_and_jacobians(name: str) -> None:
    """The tree's and the vector's are Qiskit's."""
    qnn, network = tree(name, input_gradients=True), flat(name)
    function = networks.readout(networks.expectations, network)
    weights = filled(qnn, W)
    assert error(qnn.forward(X, weights), networks.batched(function, X, W)) < DOUBLE_TOLERANCE
    assert error(qnn.forward(X, W), networks.batched(function, X, W)) < DOUBLE_TOLERANCE
    by_input, by_weight = networks.jacobians(function, X, W)
    found_input, found = qnn.backward(X, weights)
    assert error(found_input, by_input) < DERIVATIVE_TOLERANCE
    columns = jax.tree.map(lambda leaf: leaf.reshape(3, 2, -1), found)
    assert jax.tree.structure(columns) == jax.tree.structure(weights)
    joined = np.concatenate(jax.tree.leaves(columns), axis=-1)
    assert error(joined, by_weight) < DERIVATIVE_TOLERANCE
    jax.tree.map(
        lambda leaf, w: np.testing.assert_equal(leaf.shape, (3, 2, *w.shape)), found, weights
    )
    assert error(qnn.backward(X, W)[1], by_weight) < DERIVATIVE_TOLERANCE
    assert error(qjax.evaluate(qnn, weights, X), qnn.forward(X, W)) == 0


def test_transforms(x64: None) -> None:
    """Gradients, Hessians and maps are trees; their numbers are differences of Qiskit's."""
    qnn, network = tree("nested"), flat("nested")
    weights = filled(qnn, jnp.asarray(W))

    def loss(w: Any) -> Any:
        return jnp.sum(jnp.square(qnn.apply(w, X)))

    def expected(w: np.ndarray) -> float:
        function = networks.readout(networks.expectations, network)
        return float(np.sum(networks.batched(function, X, w) ** 2))

    gradient = jax.jit(jax.grad(loss))(weights)
    reference = networks.gradient(expected, W)
    assert jax.tree.structure(gradient) == jax.tree.structure(weights)
    assert error(ravel_pytree(gradient)[0], reference) < 10 * DERIVATIVE_TOLERANCE
    direction = filled(qnn, jnp.linspace(-1, 1, 5))
    along = ravel_pytree(direction)[0]
    _, slope = jax.jvp(loss, (weights,), (direction,))
    assert error(slope, reference @ along) < 10 * DERIVATIVE_TOLERANCE
    curvature = jax.tree.leaves(jax.hessian(loss)(weights))
    assert sum(block.size for block in curvature) == 25
    several = jax.tree.map(lambda leaf: jnp.stack([leaf, 2 * leaf]), weights)
    values = jax.vmap(loss)(several)
    assert error(values, [expected(W), expected(2 * W)]) < 10 * DOUBLE_TOLERANCE


def test_init_has_the_numbers_of_a_flat_network() -> None:
    qnn, key = tree("nested"), jax.random.key(3)
    vector = qnn.replace(weight_params=qnn.weight_params).init(key)
    weights = qnn.init(key)
    assert jax.tree.structure(weights) == jax.tree.structure(qnn.weight_structure)
    np.testing.assert_array_equal(ravel_pytree(weights)[0], vector)
    several = jax.vmap(qnn.init)(jax.random.split(key, 4))
    assert jax.tree.leaves(several)[0].shape == (4, 1, 2)


def test_the_widest_dtype_wins(x64: None) -> None:
    qnn = tree("dict")
    exact = networks.batched(networks.readout(networks.expectations, flat("dict")), X, W)
    weights = filled(qnn, W) | {"scale": jnp.float32(W[0])}
    values = qnn.apply(weights, X.astype(np.float32))
    assert values.dtype == np.float64
    single = jax.tree.map(jnp.float32, weights)
    assert qnn.apply(single, X.astype(np.float32)).dtype == np.float32
    assert error(qnn.apply(single, X), exact) < 1e-6
    gradient = jax.grad(lambda w: qnn.apply(w, X).sum())(weights)
    assert {k: v.dtype for k, v in gradient.items()} == {
        "scale": np.float32, "thetas": np.float64
    }  # fmt: skip


def test_optax_trains_the_tree_as_the_vector() -> None:
    """Adam looks at each component by itself; leaves may have optimizers of their own."""
    qnn = tree("dict")
    vector = jnp.asarray(W, jnp.float32)
    weights = filled(qnn, vector)
    inputs = jnp.asarray(X, jnp.float32)
    slope = jax.jit(jax.grad(lambda w: jnp.sum(qnn.apply(w, inputs) ** 2)))

    def train(start: Any, optimizer: Any) -> Any:
        state = optimizer.init(start)
        for _ in range(5):
            updates, state = optimizer.update(slope(start), state, start)
            start = optax.apply_updates(start, updates)
        return start

    with jax.numpy_dtype_promotion("standard"):  # optax counts steps in integers
        _same_training(train, weights, vector)


def _same_training(train: Any, weights: Any, vector: Any) -> None:
    trained = train(weights, optax.adam(0.1))
    expected = train(vector, optax.adam(0.1))
    assert error(ravel_pytree(trained)[0], expected) < 1e-4
    parts = {"moves": optax.adam(0.1), "rests": optax.set_to_zero()}
    frozen = train(weights, optax.multi_transform(parts, {"thetas": "moves", "scale": "rests"}))
    assert frozen["scale"] == weights["scale"]
    assert error(frozen["thetas"], weights["thetas"]) > 0.1


def test_natural_gradient_gives_the_tree(x64: None) -> None:
    """The metric is that of all leaves together: the flat network's, tested with Qiskit's."""
    qnn = tree("nested")
    plain = qnn.replace(weight_params=qnn.weight_params)
    gradient = np.linspace(-1, 1, 5)
    expected, _ = natural_gradient(plain).update(gradient, optax.EmptyState(), W, inputs=X)
    optimizer = natural_gradient(qnn)
    weights, slopes = filled(qnn, W), filled(qnn, gradient)
    state = optimizer.init(weights)
    updates, _ = jax.jit(optimizer.update)(slopes, state, weights, inputs=X)
    assert jax.tree.structure(updates) == jax.tree.structure(weights)
    assert error(ravel_pytree(updates)[0], expected) < 1e-12
    assert error(optimizer.update(gradient, state, W, inputs=X)[0], expected) < 1e-12
    # One of the parts of a larger model.
    model = {"circuit": weights, "head": np.ones(3)}
    labels = {"circuit": "natural", "head": "plain"}
    both = optax.partition({"natural": optimizer, "plain": optax.identity()}, labels)
    found, _ = both.update(
        {"circuit": slopes, "head": np.ones(3)}, both.init(model), model, inputs=X
    )
    assert error(ravel_pytree(found["circuit"])[0], expected) < 1e-12
    for bad in ({"circuit": weights["a"]}, {"c": weights["c"]}, [weights, weights]):
        with pytest.raises((TypeError, ValueError), match=r"params.*'a': \[\(1, 2\)"):
            optimizer.init(bad)


def test_natural_gradient_takes_lists_for_leaves(x64: None) -> None:
    """As `apply` does; updates come back as lists, which `optax.apply_updates` asks for."""
    qnn = tree("dict")
    optimizer = optax.chain(natural_gradient(qnn), optax.scale(-0.1))
    arrays, slopes = filled(qnn, W), filled(qnn, np.linspace(-1, 1, 5))

    def listed(tree: Any) -> Any:
        return {name: np.asarray(leaf).tolist() for name, leaf in tree.items()}

    expected, _ = optimizer.update(slopes, optimizer.init(arrays), arrays, inputs=X)
    weights = listed(arrays)
    updates, _ = optimizer.update(listed(slopes), optimizer.init(weights), weights, inputs=X)
    assert jax.tree.structure(updates) == jax.tree.structure(weights)
    moved = optax.apply_updates(weights, updates)
    assert error(np.array(moved["thetas"]), arrays["thetas"] + expected["thetas"]) < 1e-12
    assert error(moved["scale"], arrays["scale"] + expected["scale"]) < 1e-12
    # One vector may be a list too.
    plain, gradient = ravel_pytree(arrays)[0].tolist(), ravel_pytree(slopes)[0].tolist()
    vector, _ = optimizer.update(gradient, optimizer.init(plain), plain, inputs=X)
    assert error(np.array(vector), ravel_pytree(expected)[0]) < 1e-12
    for bad, message in (
        ({"thetas": weights["thetas"]}, r"params: got a dict .*missing \['scale'\]"),
        (weights | {"thetas": [0.1, 0.2]}, r"params\['thetas'\]: expected .* \(2, 2\), got \(2,\)"),
        (weights | {"more": 0.1}, r"unexpected \['more'\]"),
        (plain[1:], r"params: expected an array of shape \(5,\), got \(4,\)"),
    ):
        with pytest.raises(ValueError, match=message):
            optimizer.init(bad)


def test_on_a_primitive() -> None:
    qnn = tree("dict", estimator=StatevectorEstimator(), input_gradients=True)
    weights = filled(qnn, W)
    exact = qnn.exact()
    assert exact == tree("dict", input_gradients=True)
    assert error(qnn.forward(X, weights), exact.forward(X, weights)) < 1e-12
    for found, expected in zip(
        jax.tree.leaves(qnn.backward(X, weights)),
        jax.tree.leaves(exact.backward(X, weights)),
        strict=True,
    ):
        assert error(found, expected) < 1e-12
    single = jax.tree.map(jnp.float32, weights)
    slope = jax.grad(lambda w: qnn.apply(w, X[0]).sum())(single)
    assert error(slope["thetas"], exact.backward(X[0], weights)[1]["thetas"][0].sum(0)) < 1e-4


@pytest.mark.parametrize("kind", [qjax.SamplerQNN, qjax.CircuitQNN])
def test_probabilities(kind: type) -> None:
    qnn = kind(circuit=circuit(), input_params=INPUTS, weight_params=TREES["dict"][0]())
    expected = networks.batched(networks.readout(networks.probabilities, flat("dict")), X, W)
    assert error(qnn.forward(X, filled(qnn, W)), expected) < DOUBLE_TOLERANCE
    sparse = qnn.replace(sparse=True)
    found = sparse.backward(X, filled(qnn, W))[1]["thetas"]
    assert error(found.todense(), qnn.backward(X, filled(qnn, W))[1]["thetas"]) == 0


def test_samples() -> None:
    options = {"sampling": True, "shots": 50, "seed": 1}
    qnn = qjax.CircuitQNN(circuit(), INPUTS, TREES["dict"][0](), **options)
    np.testing.assert_array_equal(qnn.sample(X, filled(qnn, W)), qnn.sample(X, W))


def test_steps_do_not_recompile(compilations: Compilations) -> None:
    qnn = tree("dict")
    points = [filled(qnn, jnp.asarray(scale * W, jnp.float32)) for scale in (1, 2, 3)]
    inputs = jnp.asarray(X, jnp.float32)
    jax.block_until_ready(qnn.apply(points[0], inputs))
    compilations.reset()
    for weights in points[1:]:
        jax.block_until_ready(qnn.apply(weights, inputs))
    assert (compilations.traces, compilations.count) == (0, 0)


# ---------------------------------------------------------------- errors

GOOD = {"scale": 0.3, "thetas": np.ones((2, 2))}
WRONG: dict[str, tuple[Any, type[Exception], str]] = {
    "a leaf is missing": ({"scale": 0.3}, ValueError, r"missing \['thetas'\]"),
    "a leaf too many": (GOOD | {"bias": 1.0}, ValueError, r"unexpected \['bias'\]"),
    "a leaf by another name": (
        {"scale": 0.3, "theta": np.ones((2, 2))}, ValueError,
        r"missing \['thetas'\]; unexpected \['theta'\]",
    ),
    "transposed": (
        GOOD | {"thetas": np.ones((4,))}, ValueError, r"weights\['thetas'\].*\(2, 2\), got \(4,\)"
    ),
    "an axis too many": (
        GOOD | {"scale": np.ones(1)}, ValueError, r"weights\['scale'\].*\(\), got \(1,\)"
    ),
    "a tree in place of a leaf": (
        GOOD | {"thetas": {"a": 1.0}}, TypeError, r"weights\['thetas'\]: got dict"
    ),
    "other containers": (Pair(np.ones((2, 2)), 0.3), ValueError, r"got a Pair.*\.thetas"),
    "a list": ([0.3, np.ones((2, 2))], ValueError, r"got a list.*unexpected \[0\], \[1\]"),
    "a short vector": (np.ones(4), ValueError, r"\(5,\), got \(4,\).*'thetas': \(2, 2\)"),
    "a number": (0.5, ValueError, r"\(5,\), got \("),
    "nothing": (None, ValueError, r"\(5,\), got \(0,\)"),
    "a text": (GOOD | {"scale": "a"}, TypeError, r"weights\['scale'\]: got str"),
    "complex": (GOOD | {"scale": 1j}, TypeError, r"weights\['scale'\].*complex"),
    "ragged": (
        GOOD | {"thetas": [[1.0], [1.0, 2.0]]}, ValueError, r"weights\['thetas'\].*inhomogeneous"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_trees(name: str) -> None:
    weights, kind, message = WRONG[name]
    qnn = tree("dict")
    for call in (
        lambda: qnn.apply(weights, X[0]),
        lambda: qnn.forward(X, weights),
        lambda: qjax.evaluate(qnn, weights, X),
    ):
        with pytest.raises(kind) as caught:
            call()
        assert re.search(message, str(caught.value)), caught.value


def test_a_leaf_that_is_not_finite_is_named() -> None:
    weights = GOOD | {"thetas": np.array([[1, 2], [np.nan, 4]])}
    for call in (tree("dict").forward, lambda x, w: qjax.evaluate(tree("dict"), w, x)):
        with pytest.raises(ValueError, match=r"weights\['thetas'\]: holds NaN"):
            call(X, weights)


def test_a_dict_for_one_vector() -> None:
    qnn = tree("dict").replace(weight_params=tree("dict").weight_params)
    for call in (lambda: qnn.apply(GOOD, X), lambda: qnn.forward(X, GOOD)):
        with pytest.raises(TypeError, match=r"one array, no dict.*weight_params=\{\.\.\.\}"):
            call()


A = Parameter("a")
CONSTRUCTION: dict[str, tuple[Any, type[Exception], str]] = {
    "ragged": (
        {"w": [[THETAS[0]], [THETAS[1], THETAS[2]]]}, ValueError,
        r"weight_params\['w'\].*different lengths.*numpy\.array",
    ),
    "rows beside parameters": (
        {"w": [THETAS[0], [THETAS[1]]]}, ValueError, r"weight_params\['w'\].*different lengths"
    ),
    "a number": ({"w": THETAS, "s": 0.5}, TypeError, r"weight_params\['s'\].*got float"),
    "an expression": ({"w": [2 * A]}, TypeError, r"weight_params\['w'\].*ParameterExpression"),
    "not in the circuit": (
        {"w": THETAS, "s": A}, ValueError, r"weight_params\['s'\]: \['a'\] are not among"
    ),
    "twice": (
        {"w": THETAS, "s": [SCALE, THETAS[1]]}, ValueError,
        r"weight_params\['s'\] and weight_params\['w'\]: a parameter is given twice, 't\[1\]'",
    ),
    "not all": ({"w": THETAS}, ValueError, r"neither input nor weight: \['scale'\]"),
    "keys that cannot be sorted": ({"w": THETAS, 1: SCALE}, TypeError, "no pytree"),
}  # fmt: skip


@pytest.mark.parametrize("name", CONSTRUCTION)
def test_wrong_parameters(name: str) -> None:
    params, kind, message = CONSTRUCTION[name]
    with pytest.raises(kind) as caught:
        qjax.EstimatorQNN(circuit=circuit(), input_params=INPUTS, weight_params=params)
    assert re.search(message, str(caught.value)), caught.value


def test_inputs_are_one_vector() -> None:
    for params in ({"x": INPUTS}, np.array(INPUTS).reshape(2, 1)):
        with pytest.raises((TypeError, ValueError), match=r"input_params.*expected"):
            qjax.EstimatorQNN(circuit=circuit(), input_params=params, weight_params=[*THETAS])
