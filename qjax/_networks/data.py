"""Floor 8. What callers hand to a network <-> what it computes with."""

from collections.abc import Sequence
from typing import Any, Protocol

import jax
import numpy as np
import scipy.sparse
from jaxtyping import Float

from qjax._base.arrays import Numbers, as_real_numpy, check_length, common_dtype, in_order
from qjax._base.process import check_process
from qjax._base.weight_tree import WeightStructure, as_vector
from qjax._circuit.domain import check_domain, has_partial, is_known
from qjax._circuit.observable import coefficients_of
from qjax._engine import Model

Numbered = Any  # an array of JAX or NumPy


class Sizes(Protocol):
    """What a network tells of its inputs and weights."""

    @property
    def num_inputs(self) -> int:
        """Length of one input vector."""

    @property
    def num_weights(self) -> int:
        """Length of the weight vector."""

    @property
    def input_params(self) -> tuple[str, ...]:
        """The names of the inputs; none where they are unknown."""

    @property
    def weight_params(self) -> tuple[str, ...]:
        """The names of the weights; none where they are unknown."""


def check_sizes(
    network: Sizes,
    structure: WeightStructure | None,
    weights: Numbered | None,
    inputs: Numbered,
    call: str,
) -> None:
    """Require a vector of weights (None: a tree that was checked), and inputs.

    Raises:
        ValueError: for other shapes; tells where the two are in the wrong order for `call`.
    """
    if weights is not None and weights.shape != (network.num_weights,):
        swapped = weights.shape[-1:] == (network.num_inputs,) and inputs.shape == (
            network.num_weights,
        )
        tree = "" if structure is None else f"; or a tree of the shapes {structure}"
        order = f". Weights and inputs are swapped; the order is {call}" if swapped else ""
        remedy = in_order(network.weight_params) + tree + order
        check_length(weights, network.num_weights, "weights", remedy)
    if not inputs.ndim or inputs.shape[-1] != network.num_inputs:
        raise ValueError(
            f"inputs: expected shape (..., {network.num_inputs}), got {inputs.shape}. "
            + in_order(network.input_params)
        )


def weight_vector(structure: WeightStructure | None, weights: Any) -> Float[np.ndarray, " weights"]:
    """The weights in NumPy as one vector; a number is a vector of one.

    Raises:
        ValueError: for NaN and infinity, and a tree of another structure.
        TypeError: for what are no real numbers.
    """
    flat = as_vector(as_real_numpy, weights) if structure is None else structure.vector(weights)
    vector = np.atleast_1d(flat)
    finite = np.isfinite(vector)
    if not finite.all():
        whole = structure is not None and vector.shape == (structure.num_weights,)
        path = structure.place_of(int(np.argmin(finite))) if structure and whole else ""
        raise ValueError(f"weights{path}: holds NaN or infinity; expected finite numbers")
    return vector


def prepared(
    network: Sizes,
    model: Model | None,
    structure: WeightStructure | None,
    input_data: Numbers | None,
    weights: Any,
) -> tuple[Float[np.ndarray, "batch inputs"], Float[np.ndarray, " weights"], tuple[int, ...]]:
    """Inputs and weights of one dtype, and the shape of the batch.

    Raises:
        ValueError: for other shapes, and for NaN and infinity.
        TypeError: for what are no real numbers.
    """
    check_process()
    inputs = np.atleast_1d(as_real_numpy(() if input_data is None else input_data, "input_data"))
    vector = weight_vector(structure, weights)
    check_sizes(network, structure, vector, inputs, "forward(input_data, weights)")
    if not np.isfinite(inputs).all():
        raise ValueError("input_data: holds NaN or infinity; expected finite numbers")
    if model is not None:
        check_defined(model, (vector,), inputs, "input_data")
    batch = inputs.shape[:-1] or (1,)
    dtype = common_dtype(inputs, vector)
    flat = inputs.reshape(int(np.prod(batch)), network.num_inputs)
    return flat.astype(dtype), vector.astype(dtype), batch


def filled_up(rows: np.ndarray, size: int) -> np.ndarray:
    """Rows, of which the last comes again until there are so many."""
    if len(rows) >= size:
        return rows
    return np.concatenate([rows, np.repeat(rows[-1:], size - len(rows), axis=0)])


def check_defined(model: Model, weights: Sequence[Numbered], inputs: Numbered, what: str) -> None:
    """Refuse known numbers that an angle, an amplitude or a coefficient has no value for.

    Args:
        model: the network's.
        weights: a vector, or the leaves that it is made of.
        inputs: shape `(..., num_inputs)`.
        what: how an error calls the inputs.

    Raises:
        ValueError: for such numbers.
    """
    observed = coefficients_of(getattr(model.readout, "observables", ()))
    if has_partial(model.circuit, observed) and all(map(is_known, (*weights, inputs))):
        given = np.zeros((*inputs.shape[:-1], model.circuit.num_params), inputs.dtype)
        given[..., list(model.inputs)] = np.asarray(inputs)
        parts = [np.zeros(0), *(np.ravel(np.asarray(leaf)) for leaf in weights)]
        given[..., list(model.weights)] = np.concatenate(parts)
        check_domain(model.circuit, given, what, observed)


def finished(values: np.ndarray, sparse: bool) -> Any:
    """An array that may be written to, or a sparse one."""
    # JAX's arrays are read-only in NumPy; torch warns of such.
    dense = np.require(values, requirements="W")
    return scipy.sparse.coo_array(dense) if sparse else dense


def weight_jacobian(
    structure: WeightStructure | None, weights: Any, values: np.ndarray, sparse: bool
) -> Any:
    """The Jacobian in the weights: a tree where they were given as one."""
    if structure is None or structure.raw_leaves(weights, "weights") is None:
        return finished(values, sparse)
    return jax.tree.map(lambda leaf: finished(leaf, sparse), structure.split(values))
