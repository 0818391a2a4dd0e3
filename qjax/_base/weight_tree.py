"""Floor 0. The structure of a network's weights: a pytree of arrays <-> one vector.

The vector holds the leaves one after the other, in the order of `jax.tree.leaves` (dicts by sorted
key), each in C order: what `jax.flatten_util.ravel_pytree` makes of the tree.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import prod
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.tree_util import PyTreeDef, all_leaves, keystr, tree_flatten_with_path
from jaxtyping import Float

from qjax._base.arrays import Numbers, as_real, as_real_numpy
from qjax._base.mesh import alike

Shape = tuple[int, ...]
Vector = TypeVar("Vector", Array, np.ndarray)


@dataclass(frozen=True)
class WeightStructure:
    """A pytree whose leaves are arrays of known shapes: hashable, and equal by value.

    Attributes:
        tree: the containers.
        shapes: of the leaves, in their order.
    """

    tree: PyTreeDef
    shapes: tuple[Shape, ...]

    def __reduce__(self) -> tuple:
        """JAX pickles trees of its own containers only; a tree with numbers for leaves is data."""
        return _from_skeleton, (self.tree.unflatten(range(len(self.shapes))), self.shapes)

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        return tuple(map(prod, self.shapes))

    @cached_property
    def is_array(self) -> bool:
        """Whether the tree is no container, but one array."""
        return self.tree == _LEAF

    @property
    def num_weights(self) -> int:
        return sum(self.sizes)

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """Where the leaves stand, such as `['layers'][0]`."""
        skeleton = self.tree.unflatten(range(len(self.shapes)))
        return tuple(keystr(path) for path, _ in tree_flatten_with_path(skeleton)[0])

    def __str__(self) -> str:
        """The tree, with the shape of each leaf in its place."""
        return str(self.tree.unflatten(self.shapes))

    def raw_leaves(self, weights: object, what: str) -> list | None:
        """The leaves of a tree that is like this one; None for what can only be one vector.

        Raises:
            ValueError: for a tree of another structure; names the leaves in which it differs.
        """
        if self.is_array:
            return [weights] if _shape(weights) == self.shapes[0] else None
        if weights is None or isinstance(weights, jax.Array) or all_leaves([weights]):
            return None
        try:
            leaves = self.tree.flatten_up_to(weights)
        except (ValueError, TypeError) as error:
            if is_vector(weights):
                return None
            raise ValueError(_difference(self, weights, what)) from error
        vector = is_vector(weights) and len(weights) == self.num_weights  # type: ignore[arg-type]
        return None if vector and tuple(map(np.shape, leaves)) != self.shapes else leaves

    def is_like(self, weights: object) -> bool:
        """Whether that is such a tree, with numbers in the leaves' places: arrays, lists."""
        if self.is_array:
            return is_numbers(weights) and _shape(weights) == self.shapes[0]
        try:
            return all(map(is_numbers, self.tree.flatten_up_to(weights)))
        except (ValueError, TypeError):
            return False

    def leaves(self, weights: object, what: str = "weights") -> tuple[Array, ...] | None:
        """The same for JAX, as real arrays of the shapes that they must have.

        Raises:
            ValueError: also for a leaf of another shape.
            TypeError: for leaves that are not real.
        """
        raw = self.raw_leaves(weights, what)
        if raw is None:
            return None
        leaves = tuple(map(as_real, raw, self._names(what)))
        self._check_shapes(leaves, what)
        return leaves

    def vector(self, weights: Any, what: str = "weights") -> Float[np.ndarray, " weights"]:
        """A tree in NumPy -> its vector, in the widest of its leaves' dtypes; errors as `leaves`.

        One vector is returned as it is, whatever its length.
        """
        raw = self.raw_leaves(weights, what)
        if raw is None:
            return as_vector(as_real_numpy, weights, what)
        leaves = tuple(map(as_real_numpy, raw, self._names(what)))
        self._check_shapes(leaves, what)
        filled = [leaf.ravel() for leaf in leaves if leaf.size]
        return np.concatenate(filled) if filled else np.zeros(0)

    def place_of(self, index: int) -> str:
        """The path of the leaf that holds this component of the vector."""
        return self.paths[int(np.searchsorted(np.cumsum(self.sizes), index, side="right"))]

    def split(self, values: Any) -> Any:
        """A vector, or arrays of vectors along their last axis -> the tree."""
        ends = np.cumsum((0, *self.sizes)).tolist()
        lead = values.shape[:-1]
        return self.tree.unflatten(
            values[..., start:end].reshape((*lead, *shape))
            for start, end, shape in zip(ends, ends[1:], self.shapes, strict=False)
        )

    def _names(self, what: str) -> Iterable[str]:
        return self._weight_names if what == "weights" else [what + path for path in self.paths]

    @cached_property
    def _weight_names(self) -> tuple[str, ...]:
        return tuple("weights" + path for path in self.paths)

    def _check_shapes(self, leaves: Sequence[Array | np.ndarray], what: str) -> None:
        for leaf, shape, path in zip(leaves, self.shapes, self.paths, strict=True):
            if leaf.shape != shape:
                raise ValueError(
                    f"{what}{path}: expected an array of shape {shape}, got {leaf.shape}. "
                    f"The whole tree has the shapes {self}"
                )


_LEAF: PyTreeDef = jax.tree.structure(0)


def structure_of(network: object) -> WeightStructure | None:
    """The structure of a network's weights; None where they are one vector.

    It is read from the network's attribute `weight_structure`, if there is one: a pytree of arrays,
    or whatever else has a `shape`.

    Raises:
        TypeError: for leaves that have none.
    """
    held = getattr(network, "weight_structure", None)
    if held is None:
        return None
    leaves, tree = jax.tree.flatten(held)
    for path, leaf in tree_flatten_with_path(held)[0]:
        if not isinstance(getattr(leaf, "shape", None), tuple):
            raise TypeError(
                f"network: {type(network).__name__}.weight_structure{keystr(path)}: expected an "
                f"array, or a jax.ShapeDtypeStruct, got the {type(leaf).__name__} {leaf!r}"
            )
    structure = WeightStructure(tree, tuple(tuple(leaf.shape) for leaf in leaves))
    return None if structure.is_array and len(structure.shapes[0]) == 1 else structure


def on_vector(network: Any) -> Callable[..., Array]:
    """The network's `apply` on one vector of weights, which ours take as it is."""
    structure = structure_of(network)
    if structure is None:
        return network.apply
    return lambda weights, inputs, **key: network.apply(structure.split(weights), inputs, **key)


def joined(weights: Array | tuple[Array, ...], dtype: np.dtype) -> Float[Array, " weights"]:
    """The leaves of a tree as one vector; a vector as it is."""
    if not isinstance(weights, tuple):
        return weights
    if len(weights) == 1:
        return weights[0].ravel().astype(dtype)
    filled = alike([leaf.ravel().astype(dtype) for leaf in weights])
    return jnp.concatenate(filled) if filled else jnp.zeros((0,), dtype)


@lru_cache(64)
def compiled_split(structure: WeightStructure) -> Callable[[Array], Any]:
    """(vector) -> tree."""
    return jax.jit(structure.split)


def as_vector(
    convert: Callable[[Numbers, str], Vector], weights: Numbers | None, what: str = "weights"
) -> Vector:
    """The weights of a network that has one vector of them.

    Raises:
        TypeError, ValueError: as `convert`; for a dict and the like it says how networks have one.
    """
    try:
        return convert(() if weights is None else weights, what)
    except (TypeError, ValueError) as error:
        if type(weights) in (list, tuple) or all_leaves([weights]):
            raise
        raise TypeError(
            f"{error}. This network's weights are one array, no {type(weights).__name__}: "
            "pass jax.flatten_util.ravel_pytree(weights)[0], or name the leaves where the network "
            "is made, as weight_params={...}"
        ) from error


def _from_skeleton(skeleton: object, shapes: tuple[Shape, ...]) -> WeightStructure:
    return WeightStructure(jax.tree.structure(skeleton), shapes)


def _shape(values: Any) -> Shape | None:
    try:
        return np.shape(values)
    except ValueError:  # ragged
        return None


def is_vector(weights: object) -> bool:
    """Whether a plain list or tuple holds nothing but numbers."""
    return type(weights) in (list, tuple) and all(_is_number(weight) for weight in weights)  # type: ignore[attr-defined]


def is_numbers(node: object) -> bool:
    """Whether that is an array, a number, or a nested list or tuple of such."""
    if type(node) in (list, tuple):
        return all(map(is_numbers, node))  # type: ignore[call-overload]
    return all_leaves([node])


def _is_number(value: object) -> bool:
    if isinstance(value, (jax.Array, np.ndarray)):
        return value.ndim == 0
    return isinstance(value, (int, float, complex, np.generic))


def _difference(structure: WeightStructure, weights: object, what: str) -> str:
    """How an error message tells in which leaves two trees differ."""
    given = [keystr(path) for path, _ in tree_flatten_with_path(weights)[0]]
    missing = [p for p in structure.paths if not any(_is_at(g, p) for g in given)]
    unknown = [g for g in given if not any(_is_at(g, p) for p in structure.paths)]
    lists = {"missing": missing, "unexpected": unknown}
    facts = [f"{name} {', '.join(paths)}" for name, paths in lists.items() if paths]
    got = "; ".join(facts) or f"other containers: {jax.tree.structure(weights)}"
    return (
        f"{what}: got a {type(weights).__name__} of another structure ({got}); expected arrays of "
        f"the shapes {structure}, or one vector of shape ({structure.num_weights},)"
    )


def _is_at(path: str, leaf_path: str) -> bool:
    return path == leaf_path or path.startswith((leaf_path + "[", leaf_path + "."))
