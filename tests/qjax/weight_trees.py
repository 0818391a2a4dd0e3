"""One circuit, and the trees of parameters that its weights may be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector

import qjax
from tests.networks import Network

INPUTS = ParameterVector("x", 2)
THETAS = ParameterVector("t", 4)
SCALE = Parameter("scale")


class Pair(NamedTuple):
    thetas: Any
    scale: Any


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Record:
    thetas: Any
    scale: Any


def circuit() -> QuantumCircuit:
    """Each weight matters in another way, so that two that are exchanged show."""
    built = QuantumCircuit(2)
    built.ry(INPUTS[0] * SCALE, 0)
    built.rx(THETAS[0], 0)
    built.ry(THETAS[1] + INPUTS[1], 1)
    built.cx(0, 1)
    built.ry(THETAS[2] * 0.7, 0)
    built.crx(THETAS[3], 0, 1)
    return built


def square(parameters: Any) -> np.ndarray:
    return np.array(parameters).reshape(2, 2)


# What is handed in, the shapes that it has, and the order of the flat vector.
_SCALE_FIRST, _SCALE_LAST = [SCALE, *THETAS], [*THETAS, SCALE]
TREES: dict[str, tuple[Callable[[], Any], Any, list[Parameter]]] = {
    "dict": (
        lambda: {"thetas": square(THETAS), "scale": SCALE},
        {"thetas": (2, 2), "scale": ()},
        _SCALE_FIRST,
    ),
    "dict of names": (
        lambda: {"thetas": ["t[0]", "t[1]", "t[2]", "t[3]"], "scale": "scale"},
        {"thetas": (4,), "scale": ()},
        _SCALE_FIRST,
    ),
    "dict of a vector": (
        lambda: {"thetas": THETAS, "scale": [[SCALE]]},
        {"thetas": (4,), "scale": (1, 1)},
        _SCALE_FIRST,
    ),
    "nested": (
        lambda: {"a": [[[THETAS[3], THETAS[0]]], {"b": (SCALE, THETAS[1])}], "c": THETAS[2:3]},
        {"a": [(1, 2), {"b": (2,)}], "c": (1,)},
        [THETAS[3], THETAS[0], SCALE, THETAS[1], THETAS[2]],
    ),
    "list of arrays": (
        lambda: [np.array(THETAS[:2]), np.array(THETAS[2:]), SCALE],
        [(2,), (2,), ()],
        _SCALE_LAST,
    ),
    "tuple": (lambda: (THETAS, SCALE), ((4,), ()), _SCALE_LAST),
    "NamedTuple": (lambda: Pair(square(THETAS), SCALE), Pair((2, 2), ()), _SCALE_LAST),
    "dataclass": (lambda: Record(square(THETAS), SCALE), Record((2, 2), ()), _SCALE_LAST),
    "with nothing": (
        lambda: {"a": None, "b": [], "c": _SCALE_LAST},
        {"a": None, "b": (0,), "c": (5,)},
        _SCALE_LAST,
    ),
    "one array": (
        lambda: np.array([*_SCALE_LAST], dtype=object).reshape(5, 1),
        (5, 1),
        _SCALE_LAST,
    ),
    "rows": (lambda: [[each] for each in _SCALE_LAST], (5, 1), _SCALE_LAST),
}


def flat(name: str) -> Network:
    """The same network for Qiskit: its weights in the order of the flat vector."""
    return Network(circuit(), INPUTS, TREES[name][2], ["ZZ", "XI"])


def tree(name: str, **options: Any) -> qjax.EstimatorQNN:
    return qjax.EstimatorQNN(
        circuit=circuit(),
        input_params=INPUTS,
        weight_params=TREES[name][0](),
        observables=["ZZ", "XI"],
        **options,
    )


def filled(qnn: Any, vector: Any) -> Any:
    """The tree of a network with the components of a vector, by the names of its parameters."""
    place = {name: k for k, name in enumerate(qnn.weight_params)}
    return jax.tree.map(
        lambda names: vector[np.vectorize(place.get, otypes=[int])(names)], qnn.weight_structure
    )
