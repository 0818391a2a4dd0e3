"""Floor 8. Which parameter of a circuit is which input or weight.

Inputs are one vector. Weights are one too where `weight_params` is a sequence of parameters (or
their names): a list, a `ParameterVector`, `circuit.parameters`. Anything else is a tree of arrays:

- a NumPy array, and a list or tuple of nothing but parameters and lists of such, is one leaf, of
  the shape that `numpy.array` would give it; a `ParameterVector` and other iterables are leaves
  with one axis, a single parameter a leaf with none;
- every other dict, list, tuple, and what is registered with JAX as a pytree, is a container.

A name that is a vector's, and no parameter's, stands for the elements of that vector in the
circuit, in numerical order: alone for a leaf with one axis, in a list for so many members.

So `[[a, b], [c, d]]` is one array of shape (2, 2), `[np.array([a, b]), np.array([c, d])]` a list of
two vectors.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from jax.tree_util import all_leaves, keystr, tree_flatten_with_path
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector

from qjax._base.arrays import enumerated
from qjax._base.options import check_ordered
from qjax._base.weight_tree import WeightStructure
from qjax._circuit.circuit import Circuit
from qjax._engine import Model, NetworkReadout, Shots, as_gradient, check_alone, with_simulator
from qjax._noise import NoiseModel, structure_of
from qjax._qiskit import as_circuit, vectors_among
from qjax._simulators import Trajectories, as_simulator

Parameters = Iterable[Parameter | str] | str

# Parameters, or a pytree of arrays of them.
WeightParameters = Any

_Names = np.ndarray  # of strings, of any shape

_Vectors = Mapping[str, list[str]]  # the elements of each vector of parameters


def make_model(
    circuit: Circuit | QuantumCircuit,
    input_params: Parameters | None,
    weight_params: WeightParameters | None,
    readout: NetworkReadout,
    gradient: object = None,
    simulator: object = None,
    *,
    noise: NoiseModel | None = None,
    shots: Shots | None = None,
    others_are_inputs: bool = False,
) -> tuple[Model, WeightStructure | None]:
    """Assign every parameter of a circuit to be an input or a weight.

    With `others_are_inputs` and no `input_params`, all that are no weights are inputs, in the
    circuit's order.

    Returns:
        the model, whose weights are one vector, and the structure of what the caller calls weights;
        None where it is that vector.

    Raises:
        ValueError: for a parameter that is both, neither, given twice, or not in the circuit, for a
            ragged array of weights, for an unknown `gradient`, and for one, or shots, beside
            `Trajectories`.
        TypeError: for what are no parameters, and for what is no simulator.
    """
    converted = as_circuit(circuit)
    names = converted.parameters
    vectors = vectors_among(names)
    leaves, structure = _weights(weight_params, vectors)
    weights = _indices(converted, leaves, "weight_params")
    if input_params is None and others_are_inputs:
        input_params = [name for index, name in enumerate(names) if index not in set(weights)]
    inputs = _indices(converted, _vector(input_params, "input_params", vectors), "input_params")
    if both := sorted(set(inputs) & set(weights)):
        raise ValueError(
            f"parameters that are both input and weight: {enumerated([names[p] for p in both])}; "
            "expected each in one of input_params and weight_params"
        )
    if free := sorted(set(range(len(names))) - set(inputs) - set(weights)):
        unassigned = enumerated([names[p] for p in free])
        raise ValueError(
            f"parameters that are neither input nor weight: {unassigned}; name each in "
            "input_params or weight_params, or bind it (`QuantumCircuit.assign_parameters`)"
        )
    method = as_gradient(gradient)
    how, relevant = with_simulator(converted, as_simulator(simulator), noise)
    if isinstance(how, Trajectories):
        check_alone(how, None if shots is None else shots.count, method)
    of_noise = structure_of(relevant) if relevant else None
    return Model(converted, inputs, weights, readout, method, how, of_noise, shots), structure


def unpacked(
    circuit: Any, input_params: Parameters | None, weight_params: WeightParameters | None
) -> tuple[Any, Parameters | None, WeightParameters | None]:
    """Take apart what Qiskit ML's `qnn_circuit` returns: (circuit, inputs, weights).

    Raises:
        ValueError: where inputs or weights are also given beside it.
    """
    if not (isinstance(circuit, tuple) and len(circuit) == 3):
        return circuit, input_params, weight_params
    for name, given in (("input_params", input_params), ("weight_params", weight_params)):
        if given is not None:
            raise ValueError(
                f"{name}: given beside circuit=(circuit, inputs, weights), which tells it; leave "
                f"out {name}, or give the circuit alone"
            )
    return circuit


# ---------------------------------------------------------------- what are inputs and weights


def _vector(params: Parameters | None, what: str, vectors: _Vectors) -> dict[str, _Names]:
    """A sequence of parameters -> their names, as one leaf."""
    if isinstance(params, str) and params in vectors:
        params = [params]
    if isinstance(params, (str, Parameter)) or not isinstance(params, (Iterable, type(None))):
        raise TypeError(
            f"{what}: expected a sequence of parameters or names, got the single "
            f"{type(params).__name__} {params!r}; put it into a list"
        )
    check_ordered(params, what)
    if isinstance(params, Mapping):
        raise TypeError(f"{what}: got a {type(params).__name__}; expected a sequence of parameters")
    return {"": _leaf(() if params is None else list(params), what, vectors, 1)}


def _weights(
    params: WeightParameters | None, vectors: _Vectors
) -> tuple[dict[str, _Names], WeightStructure | None]:
    """The names of each leaf by its path, and their structure, None for a vector."""
    what = "weight_params"
    if _is_flat(params):
        return _vector(params, what, vectors), None
    try:
        pairs, tree = tree_flatten_with_path(params, is_leaf=_is_array)
    except (TypeError, ValueError) as error:  # keys of a dict that cannot be sorted
        raise TypeError(f"{what}: {type(params).__name__} is no pytree of JAX: {error}") from error
    leaves = {keystr(path): _leaf(leaf, what + keystr(path), vectors) for path, leaf in pairs}
    structure = WeightStructure(tree, tuple(leaf.shape for leaf in leaves.values()))
    try:
        hash(structure)
    except TypeError as error:
        raise TypeError(
            f"{what}: a container has static fields without a hash ({error}), which networks need"
        ) from error
    return leaves, structure


def _is_flat(params: object) -> bool:
    """Whether weights are one vector, as Qiskit ML has them."""
    if params is None or isinstance(params, (str, Parameter, ParameterVector)):
        return True
    if isinstance(params, np.ndarray):
        return params.ndim == 1
    if type(params) in (list, tuple):
        return all(isinstance(member, (str, Parameter)) for member in params)  # type: ignore[attr-defined]
    return all_leaves([params]) and not isinstance(params, Mapping)


def _is_array(node: object) -> bool:
    """Whether a node of a tree is one leaf."""
    if type(node) in (list, tuple):
        return all(
            isinstance(member, (str, Parameter))
            or (type(member) in (list, tuple) and _is_array(member))
            for member in node  # type: ignore[attr-defined]
        )
    return all_leaves([node])


def _leaf(node: Any, what: str, vectors: _Vectors, rank: int | None = None) -> _Names:
    """An array of names."""
    if isinstance(node, Mapping):
        raise TypeError(
            f"{what}: got a {type(node).__name__}, which JAX does not know; expected a dict, or "
            "what is registered with jax.tree_util"
        )
    check_ordered(node, what)
    if not isinstance(node, (str, np.ndarray)) and isinstance(node, Iterable):
        node = list(node)
    try:
        array = np.array(_spelled_out(node, vectors), dtype=object)
    except ValueError as error:
        raise ValueError(_ragged(what)) from error
    flat = [_name(param, what) for param in array.ravel().tolist()]
    if rank is not None and array.ndim != rank:
        raise ValueError(f"{what}: got an array of shape {array.shape}; expected one vector")
    return np.array(flat, dtype=object).reshape(array.shape)


def _spelled_out(node: Any, vectors: _Vectors) -> Any:
    """Elements in the place of vectors' names, in nested sequences."""
    if isinstance(node, np.ndarray):
        named = any(
            isinstance(member, str) and member in vectors for member in node.ravel().tolist()
        )
        return _spelled_out(node.tolist(), vectors) if named else node
    if isinstance(node, str):
        return vectors.get(node, node)
    if not isinstance(node, (list, tuple)):
        return node
    members: list[Any] = []
    for member in node:
        if isinstance(member, Parameter):
            members.append(member)
            continue
        spelled = _spelled_out(member, vectors)
        members += spelled if isinstance(member, str) and member in vectors else [spelled]
    return members


def _ragged(what: str) -> str:
    return (
        f"{what}: a nested sequence of parameters whose rows have different lengths; expected rows "
        "of one length, which are one array, or numpy.array(row) for each row that is an array of "
        "its own"
    )


def _name(param: object, what: str) -> str:
    if isinstance(param, str):
        return str(param)
    if isinstance(param, Parameter):
        return param.name
    if isinstance(param, (list, tuple)):
        raise ValueError(_ragged(what))
    raise TypeError(f"{what}: expected Parameters or their names, got {type(param).__name__}")


def _indices(circuit: Circuit, leaves: dict[str, _Names], what: str) -> tuple[int, ...]:
    known = {name: index for index, name in enumerate(circuit.parameters)}
    first: dict[str, str] = {}
    for path, array in leaves.items():
        names = array.ravel().tolist()
        if unknown := [name for name in names if name not in known]:
            raise ValueError(
                f"{what}{path}: {enumerated(unknown)} are not among the circuit's parameters "
                f"{enumerated(circuit.parameters)}"
            )
        for name in names:
            if name in first:
                places = f"{what}{first[name]} and {what}{path}" if path else what
                raise ValueError(
                    f"{places}: a parameter is given twice, {name!r}, in {enumerated(names)}"
                )
            first[name] = path
    return tuple(known[name] for name in first)


def weight_names(names: Iterable[str | int], structure: WeightStructure | None) -> Any:
    """The names of weights, in arrays of their structure."""
    array = np.array(tuple(names), dtype=object)
    array.flags.writeable = False
    return array if structure is None else structure.split(array)
