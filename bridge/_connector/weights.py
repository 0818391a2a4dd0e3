"""Floor 3. A network's weights as parameters of a module: one, or one for each leaf of a tree.

A network has a tree of weights where its attribute `weight_structure` is a pytree of arrays, or of
whatever else has a `shape`; else, and where that is one array, its weights are one parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import accumulate, pairwise
from math import prod
from typing import Any

import jax
import numpy as np
import torch
from jax.tree_util import PyTreeDef, keystr, tree_flatten_with_path

Shape = tuple[int, ...]

WHOLE, LEAVES = "weight", "weights"


@dataclass(frozen=True)
class WeightTree:
    """The structure of weights.

    Attributes:
        tree: the containers.
        shapes: of the leaves.
        names: of the leaves' parameters, such as "weights.layers.0".
        paths: where the leaves stand, such as "['layers'][0]", for error messages.
    """

    tree: PyTreeDef
    shapes: tuple[Shape, ...]
    names: tuple[str, ...]
    paths: tuple[str, ...]

    @property
    def size(self) -> int:
        return sum(map(prod, self.shapes))

    def __str__(self) -> str:
        return str(jax.tree.unflatten(self.tree, self.shapes))

    def split(self, vector: torch.Tensor) -> list[torch.Tensor]:
        """The leaves of a vector that holds one after the other, in memory of their own."""
        ends = accumulate(map(prod, self.shapes), initial=0)
        pairs = zip(pairwise(ends), self.shapes, strict=True)
        return [vector[start:end].reshape(shape).clone() for (start, end), shape in pairs]

    def leaves(self, values: Any, what: str) -> list[Any] | None:
        """The leaves of a tree that is like this one; None for what can only be one vector.

        Raises:
            ValueError: for a tree of another structure.
        """
        if isinstance(values, (torch.Tensor, np.ndarray, jax.Array)):
            return [values] if self.names == (WHOLE,) and _is_shaped(values, self.shapes) else None
        if type(values) in (list, tuple) and all(map(_is_number, values)):
            return None
        try:
            return self.tree.flatten_up_to(values)
        except (ValueError, TypeError) as error:
            given = [keystr(path) for path, _ in tree_flatten_with_path(values)[0]]
            raise ValueError(
                f"{what} is a {type(values).__name__} with leaves {', '.join(given) or 'none'}, "
                f"expected {', '.join(self.paths)} of the shapes {self}, or one vector of shape "
                f"({self.size},): {error}"
            ) from error


class Leaves(torch.nn.Module):
    """Parameters by the names of a tree's leaves."""

    def extra_repr(self) -> str:
        return ", ".join(
            f"{name}={tuple(p.shape)}" for name, p in self._parameters.items() if p is not None
        )


def weight_tree(network: Any) -> WeightTree | None:
    """The tree of a network's weights; None where they are one vector.

    Raises:
        ValueError: for names of leaves that cannot be those of a module's parameters.
        TypeError: for leaves that have no shape.
    """
    pairs, tree = tree_flatten_with_path(getattr(network, "weight_structure", None))
    for path, leaf in pairs:
        if not isinstance(getattr(leaf, "shape", None), tuple):
            raise TypeError(
                f"{type(network).__name__}.weight_structure{keystr(path)}: got the "
                f"{type(leaf).__name__} {leaf!r}, expected an array, or a jax.ShapeDtypeStruct"
            )
    shapes = tuple(tuple(leaf.shape) for _, leaf in pairs)
    if not pairs or (pairs[0][0] == () and len(shapes[0]) == 1):
        return None
    names = [".".join((LEAVES, *map(_name, path))) if path else WHOLE for path, _ in pairs]
    paths = tuple(keystr(path) for path, _ in pairs)
    _check_names(names, paths)
    return WeightTree(tree, shapes, tuple(names), paths)


def register(module: torch.nn.Module, names: Sequence[str], leaves: Sequence[torch.Tensor]) -> None:
    """Make each leaf a parameter under its name."""
    for name, leaf in zip(names, leaves, strict=True):
        *containers, last = name.split(".")
        owner = module
        for container in containers:
            if container not in owner._modules:
                owner.add_module(container, Leaves())
            owner = getattr(owner, container)
        owner.register_parameter(last, torch.nn.Parameter(leaf))


def parameter(module: torch.nn.Module, name: str) -> torch.Tensor:
    """The parameter, or what a parametrization makes of it."""
    return reduce(getattr, name.split("."), module)  # type: ignore[return-value]


def refuse_other_form(
    module: torch.nn.Module,
    state_dict: dict[str, Any],
    prefix: str,
    local_metadata: Any,
    strict: bool,
    missing_keys: list[str],
    unexpected_keys: list[str],
    error_msgs: list[str],
) -> None:
    """A checkpoint of one vector for a tree, or of a tree for one vector: say how to convert it.

    Like other shapes in torch, also where `strict` is False, which a hook is not told.
    """
    del local_metadata, strict, missing_keys, unexpected_keys
    flat = WHOLE in module._parameters
    vector = prefix + WHOLE in state_dict
    leaves = [key for key in state_dict if key.startswith(f"{prefix}{LEAVES}.")]
    if flat == vector or vector == bool(leaves):
        return
    error_msgs.append(
        f"the checkpoint has {', '.join(leaves)}, a tree of weights, and this network has one "
        "vector: load it into a connector of the network with that tree as weight_params; "
        "torch.cat([leaf.ravel() for leaf in jax.tree.leaves(that.weight_tree)]) is the vector, in "
        "the order of that network's weight_params"
        if flat
        else f"the checkpoint has one vector, {prefix}{WHOLE}, and this network a tree of weights: "
        f"TorchConnector(network, checkpoint['{prefix}{WHOLE}']) splits it, if its order is that "
        "of network.weight_params"
    )


def as_leaves(
    tree: WeightTree, values: Any, convert: Callable[[Any, Shape, str], torch.Tensor], what: str
) -> list[torch.Tensor]:
    """A tree, or one vector, of initial weights -> new tensors for the leaves.

    Raises:
        ValueError: for another structure; as `convert`, which names the leaf.
    """
    raw = tree.leaves(values, what)
    if raw is None:
        return tree.split(convert(values, (tree.size,), what))
    return [
        convert(leaf, shape, what + path)
        for leaf, shape, path in zip(raw, tree.shapes, tree.paths, strict=True)
    ]


def _name(key: Any) -> str:
    """How a state dict calls a part of a path."""
    for attribute in ("key", "idx", "name"):
        if hasattr(key, attribute):
            return str(getattr(key, attribute))
    return str(key)


def _check_names(names: Sequence[str], paths: Sequence[str]) -> None:
    taken = set(dir(torch.nn.Module())) - {WHOLE, LEAVES}
    for name, path in zip(names, paths, strict=True):
        parts = name.split(".")
        inner = [other for other in names if other.startswith(name + ".")]
        if "" in parts or inner or names.count(name) > 1 or taken & set(parts):
            raise ValueError(
                f"the weights at {path} cannot be a torch parameter called {name!r}: the name is "
                "empty in parts, that of another leaf too, or torch.nn.Module's own. Give the leaf "
                "another key where the network is made"
            )


def _is_shaped(values: Any, shapes: tuple[Shape, ...]) -> bool:
    return tuple(values.shape) == shapes[0]


def _is_number(value: Any) -> bool:
    if isinstance(value, (torch.Tensor, np.ndarray, jax.Array)):
        return value.ndim == 0
    return isinstance(value, (int, float, complex, np.generic))


def accept_alias(
    module: torch.nn.Module,
    state_dict: dict[str, Any],
    prefix: str,
    local_metadata: Any,
    strict: bool,
    missing_keys: list[str],
    unexpected_keys: list[str],
    error_msgs: list[str],
) -> None:
    """Qiskit Machine Learning saves the weights twice, as `weight` and as `_weights`."""
    del module, local_metadata, strict, missing_keys, unexpected_keys
    alias = state_dict.pop(prefix + "_weights", None)
    if alias is None:
        return
    weight = state_dict.setdefault(prefix + "weight", alias)
    if not torch.equal(weight, alias):
        error_msgs.append(
            f"the checkpoint's {prefix}weight and {prefix}_weights differ, expected two copies of "
            "the same tensor: delete the wrong one"
        )
