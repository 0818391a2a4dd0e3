"""Floor 8. The structure of weights <-> JSON, for files that hold no code.

Dicts are `["dict", [[key, node], ...]]`, as JSON knows no keys but strings; lists and tuples
`["list", [node, ...]]` and `["tuple", [node, ...]]`, None `["none", []]`, and a leaf is
`["leaf", shape]`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import jax

from qjax._base.weight_tree import Shape, WeightStructure

_DEEPEST = 100  # containers within containers: what Python's recursion allows, many times over

_SEQUENCES: dict[str, Callable[[list], Any]] = {"list": list, "tuple": tuple}


@dataclass(frozen=True)
class _Leaf:
    shape: Shape


def portable(structure: WeightStructure | None) -> WeightStructure | None:
    """A structure of weights, where JSON can hold it; else None, which stands for one vector."""
    if structure is None:
        return None
    return structure if _is_plain(_skeleton(structure)) else None


def structure_as_json(structure: WeightStructure) -> list:
    """What `json.dumps` takes, for a structure that is portable."""
    return _written(_skeleton(structure))


def structure_from_json(value: object, num_weights: int, what: str) -> WeightStructure | None:
    """A structure from what JSON reads; None stands for one vector.

    Raises:
        ValueError: for what `structure_as_json` did not make, or another number of weights; calls
            the file `what`.
    """
    if value is None:
        return None
    leaves, tree = jax.tree.flatten(_read(value, what, 0))
    structure = WeightStructure(tree, tuple(leaf.shape for leaf in leaves))
    if structure.num_weights != num_weights:
        _refuse(what, f"it has {structure.num_weights} of {num_weights} weights")
    return structure


def _skeleton(structure: WeightStructure) -> Any:
    return structure.tree.unflatten(map(_Leaf, structure.shapes))


def _is_plain(node: Any) -> bool:
    if type(node) is dict:
        return all(type(key) in (str, int) for key in node) and all(map(_is_plain, node.values()))
    if type(node) in (list, tuple):
        return all(map(_is_plain, node))
    return node is None or isinstance(node, _Leaf)


def _written(node: Any) -> list:
    if node is None:
        return ["none", []]
    if isinstance(node, _Leaf):
        return ["leaf", list(node.shape)]
    if isinstance(node, dict):
        return ["dict", [[key, _written(child)] for key, child in node.items()]]
    return [type(node).__name__, [_written(child) for child in node]]


def _read(node: Any, what: str, depth: int) -> Any:
    match node:
        case _ if depth > _DEEPEST:
            _refuse(what, "more than 100 containers within each other")
        case ["none", []]:
            return None
        case ["leaf", list(shape)] if all(type(size) is int and size >= 0 for size in shape):
            return _Leaf(tuple(shape))
        case ["dict", list(pairs)] if all(map(_is_pair, pairs)):
            nodes = {key: _read(child, what, depth + 1) for key, child in pairs}
            if len(nodes) == len(pairs) and len({type(key) for key in nodes}) <= 1:
                return nodes
        case ["list" | "tuple" as kind, list(children)]:
            return _SEQUENCES[kind]([_read(child, what, depth + 1) for child in children])
    return _refuse(what, repr(node)[:60])


def _is_pair(pair: object) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and type(pair[0]) in (str, int)


def _refuse(what: str, fault: str) -> NoReturn:
    raise ValueError(
        f"{what}: the structure of its weights is none that qjax.export wrote: {fault}"
    )
