"""Trees of weights in files: their structure as JSON, and what is no such structure."""

from __future__ import annotations

import functools
import json
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import qjax
from qjax._base.weight_tree import structure_of
from qjax._networks.weight_tree_json import portable, structure_as_json, structure_from_json
from tests.circuits import DOUBLE_TOLERANCE, SINGLE_TOLERANCE
from tests.qjax import weight_trees
from tests.qjax.networks.saved_networks import WEIGHTS, samples


def test_trees_of_weights_are_kept() -> None:
    """In a file without code; the program takes the tree or the vector."""
    qnn = weight_trees.tree("nested")
    data = qjax.export(qnn, batch_size=1)
    loaded = qjax.load(data)
    assert loaded == qjax.load(data)
    assert jax.tree.structure(loaded.weight_structure) == jax.tree.structure(qnn.weight_structure)
    vector, inputs = np.linspace(-1, 1, 5, dtype=np.float32), samples(2).astype(np.float32)
    weights = weight_trees.filled(qnn, vector)
    expected = qnn.forward(inputs, vector)
    for found in (
        loaded.forward(inputs, weights),
        loaded.forward(inputs, vector),
        qjax.evaluate(loaded, weights, inputs),
    ):
        np.testing.assert_allclose(found, expected, atol=SINGLE_TOLERANCE)
    slopes = (network.backward(inputs, weights)[1] for network in (loaded, qnn))
    jax.tree.map(lambda *pair: np.testing.assert_allclose(*pair, atol=1e-5), *slopes)
    gradient = jax.grad(lambda w: loaded.apply(w, inputs).sum())(weights)
    assert jax.tree.structure(gradient) == jax.tree.structure(weights)
    with pytest.raises(ValueError, match=r"unexpected \['wrong'\]"):
        loaded.forward(inputs, {"wrong": vector})


@pytest.mark.parametrize("name", weight_trees.TREES)
def test_structures_in_json(name: str) -> None:
    structure = structure_of(weight_trees.tree(name))
    if name in ("NamedTuple", "dataclass"):
        assert portable(structure) is None
        return
    assert portable(structure) == structure
    written = json.loads(json.dumps(structure_as_json(structure)))
    assert structure_from_json(written, 5, "a file") == structure
    with pytest.raises(ValueError, match="5 of 6 weights"):
        structure_from_json(written, 6, "a file")


def test_other_trees_become_a_vector() -> None:
    qnn = weight_trees.tree("NamedTuple")
    loaded = qjax.load(qjax.export(qnn, batch_size=1, dtype=np.float64, vjp_order=0))
    assert loaded.weight_structure.tolist() == list(qnn.weight_params)
    vector, inputs = np.linspace(-1, 1, 5), samples(3)
    np.testing.assert_allclose(
        loaded.forward(inputs, vector), qnn.forward(inputs, vector), atol=DOUBLE_TOLERANCE
    )
    with pytest.raises(TypeError, match="one array, no Pair"):
        loaded.forward(inputs, weight_trees.filled(qnn, vector))


class Tree:
    """A network that is not ours, with a tree of weights."""

    num_inputs, num_weights, output_shape = 1, 3, (1,)
    weight_structure: ClassVar = {"a": jax.ShapeDtypeStruct((2,), np.float32), "b": np.empty(())}

    def apply(self, weights: dict[str, jax.Array], inputs: jax.Array) -> jax.Array:
        return weights["a"][0] * jnp.sin(weights["a"][1] * inputs) + weights["b"]


def test_foreign_trees() -> None:
    weights = {"a": np.float32([2, 3]), "b": np.float32(0.5)}
    inputs = np.linspace(0, 1, 4, dtype=np.float32)[:, None]
    loaded = qjax.load(qjax.export(Tree(), batch_size=2, vjp_order=0))
    found = [
        qjax.evaluate(Tree(), weights, inputs),
        qjax.evaluate(Tree(), np.float32([2, 3, 0.5]), inputs),
        qjax.evaluate(loaded, weights, inputs),
        loaded.forward(inputs, [2, 3, 0.5]),
    ]
    for values in found:
        np.testing.assert_allclose(values, 2 * np.sin(3 * inputs) + 0.5, rtol=1e-6)
    assert jax.tree.map(np.shape, loaded.weight_structure) == {"a": (2,), "b": ()}


@pytest.mark.parametrize(
    "written",
    [
        5, "leaf", [], ["leaf"], ["leaf", [-1]], ["leaf", [1.5]], ["leaf", [True]], ["none", [1]],
        ["set", []], ["dict", [["a"]]], ["dict", [[None, ["none", []]]]], ["list", [3]],
        ["dict", [["a", ["leaf", []]], ["a", ["leaf", []]]]], {"a": 1},
        ["dict", [["a", ["leaf", []]], [1, ["leaf", []]]]],
        functools.reduce(lambda node, _: ["list", [node]], range(200), ["leaf", []]),
    ],
    ids=lambda written: repr(written)[:30],
)  # fmt: skip
def test_crafted_structures_are_refused(written: Any) -> None:
    with pytest.raises(ValueError, match=r"a file: the structure of its weights"):
        structure_from_json(written, 1, "a file")


def test_orders_that_were_not_saved_are_refused(saved: bytes) -> None:
    loaded, x = qjax.load(saved), samples(2).astype(np.float32)

    def slope(w: jax.Array) -> jax.Array:
        return jnp.sum(jax.grad(lambda w: jnp.sum(loaded.apply(w, x)))(w))

    weights = jnp.asarray(WEIGHTS, jnp.float32)
    assert np.isfinite(slope(weights))
    with pytest.raises(ValueError, match="No VJP is available"):
        jax.grad(slope)(weights)
