"""Floor 9. Weights as optax has them, a pytree <-> one vector."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax import Array

from qjax._base.arrays import as_real, check_length, common_dtype
from qjax._base.weight_tree import WeightStructure, is_vector, joined

Rebuild = Callable[[Array], Any]


def flat_weights(tree: object, what: str) -> tuple[Array, Rebuild]:
    """All numbers of a pytree as one vector, and the way from another one to such a pytree.

    Raises:
        TypeError: for leaves that are not real.
    """
    raw, outer = jax.tree.flatten(tree)
    leaves = [as_real(leaf, what) for leaf in raw]
    structure = WeightStructure(outer, tuple(leaf.shape for leaf in leaves))
    dtypes = jax.tree.unflatten(outer, [leaf.dtype for leaf in leaves])

    def rebuild(vector: Array) -> Any:
        return jax.tree.map(lambda part, dtype: part.astype(dtype), structure.split(vector), dtypes)

    dtype = np.result_type(*(leaf.dtype for leaf in leaves)) if leaves else np.dtype(np.float32)
    return joined(tuple(leaves), dtype), rebuild


def circuit_weights(
    tree: object, structure: WeightStructure | None, what: str
) -> tuple[Array, Rebuild]:
    """The one vector of a circuit's weights in a pytree, and the way from another one to such.

    Args:
        tree: a vector, or a tree of the structure, anywhere in a pytree without other leaves.
        structure: of the network's weights; None where they are one vector.
        what: how an error message calls them.

    Raises:
        TypeError: for pytrees with other leaves, and numbers that are not real.
        ValueError: for leaves of a wrong shape.
    """

    def is_whole(node: object) -> bool:
        if is_vector(node) and (structure is None or node is tree):
            return True
        return structure is not None and structure.is_like(node)

    nodes, outer = jax.tree.flatten(tree, is_leaf=is_whole)
    if len(nodes) != 1:
        if structure is not None and not any(map(is_whole, nodes)):
            structure.leaves(tree, what)  # tells in which leaves they differ
        expected = "" if structure is None else f", or a tree of the shapes {structure}"
        raise TypeError(
            f"{what}: expected one vector of weights{expected}, got a pytree with {len(nodes)} "
            "leaves. For a model with more weights than the circuit's, put this optimizer into "
            "optax.partition"
        )
    leaves = structure.leaves(nodes[0], what) if structure is not None else None
    if structure is None or leaves is None:
        vector = as_real(nodes[0], what)
        if structure is not None:
            remedy = f"Or a tree of the shapes {structure}"
            check_length(vector, structure.num_weights, what, remedy)
        return vector, lambda vector: jax.tree.unflatten(outer, [_split_as(nodes[0], vector)])
    raw = structure.tree.flatten_up_to(nodes[0])

    def rebuild(vector: Array) -> Any:
        split = jax.tree.leaves(structure.split(vector))
        cast = [
            _split_as(given, part.astype(leaf.dtype))
            for given, part, leaf in zip(raw, split, leaves, strict=True)
        ]
        return jax.tree.unflatten(outer, [structure.tree.unflatten(cast)])

    return joined(leaves, common_dtype(*leaves)), rebuild


def _split_as(given: object, values: Array) -> Any:
    """An array in the form of what was given: nested lists come back as such, as optax wants."""
    nodes, tree = jax.tree.flatten(given)
    if not isinstance(given, (list, tuple)):
        return values
    flat, ends = values.ravel(), np.cumsum([0, *map(np.size, nodes)]).tolist()
    shapes = map(np.shape, nodes)
    parts = [
        flat[start:end].reshape(shape)
        for start, end, shape in zip(ends, ends[1:], shapes, strict=False)
    ]
    return jax.tree.unflatten(tree, parts)
