"""Floor 9. (network, weights, inputs) -> classical Fisher information of its outputs."""

from collections.abc import Callable
from math import prod
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float

from qjax._base import tuning
from qjax._base.arrays import Numbers, as_real, common_dtype, in_order
from qjax._base.memory import samples_per_pass
from qjax._base.process import check_process
from qjax._base.store import kept
from qjax._base.weight_tree import as_vector, on_vector, structure_of
from qjax._circuit.domain import is_known
from qjax._engine import Expectations, Model, compiled_jacobians, compiled_outputs
from qjax._networks import Network, NeuralNetwork
from qjax._networks.protocol import check_network, output_shape_of
from qjax._noise import NoiseModel

Outputs = Literal["probabilities", "expectations"]
# (weights, inputs of shape (batch, num_inputs)) -> outputs (batch, O), Jacobians (batch, O, P)
Sensitivity = Callable[..., tuple[Array, Array]]


def fisher_information(
    network: Network,
    weights: Any,
    inputs: Numbers | None = None,
    *,
    outputs: Outputs | None = None,
) -> Float[Array, "*batch weights weights"]:
    """The Fisher information of a network's output distribution, mean over inputs.

    F_ij = mean over x of sum over outcomes y of (d_i p)(d_j p) / p, with p = p(y | x; weights)
    exactly, no samples of y (A. Abbas et al., Nat. Comput. Sci. 1, 403 (2021), eq. 2). Outcomes of
    probability 0 add nothing. Each expectation value o of a network is read as the two outcomes of
    probability (1 + o) / 2 and (1 - o) / 2, as in Qiskit Machine Learning's `EffectiveDimension`,
    so observables should have eigenvalues of +1 and -1. Near +1 and -1 the difference has few
    digits: within 1e-5 in single precision, or 1e-13 in double, the small probability and what it
    adds are rounding. The probabilities of a `SamplerQNN` keep their digits, such as those of the
    parity by `interpret`.

    Works under `jit`, `grad` and `vmap`; compiled once per network, shape and dtype. Inputs, and
    sets of weights, are taken in parts of bounded memory.

    Args:
        network: any of `qjax`, simulated; or another one with `apply`, `num_inputs`, `num_weights`
            and `output_shape`, which is not compiled here: put the call inside of `jax.jit`.
        weights: real, shape `(..., num_weights)`: a set of weights, or many. Or a tree, for a
            network whose weights are one.
        inputs: real, shape `(samples, num_inputs)`, or one sample; None where there are none.
        outputs: what the outputs of another kind of network are, "probabilities" or
            "expectations"; networks of `qjax` know it.

    Returns:
        shape `(..., num_weights, num_weights)`, symmetric and positive semidefinite up to rounding.

    Raises:
        ValueError: for weights or inputs of a wrong shape, a network on a primitive, `outputs`
            that is missing or unknown, expectation values beyond +1 and -1 (NaN where JAX traces),
            and what is too large for memory.
        TypeError: for what is no network, and numbers that are not real.
    """
    check_process()
    sets, rows, lead = checked_data(network, weights, inputs)
    kind = _kind_of(network, outputs)
    if isinstance(network, NeuralNetwork):
        matrices = _compiled(network._model)(sets, rows, network.relevant_noise)
    else:
        sensitivity, shape = _sensitivity_of(network), output_shape_of(network)
        matrices = _program(sensitivity, shape, kind == "expectations")(sets, rows)
    if kind == "expectations":
        _check_information(matrices, sets, rows)
    return matrices.reshape(*lead, *matrices.shape[1:])


def _check_information(matrices: Array, *given: Array) -> None:
    """Say why finite numbers gave none, where they are known.

    Raises:
        ValueError: then.
    """
    if not all(map(is_known, (matrices, *given))) or np.isfinite(matrices).all():
        return
    if all(np.isfinite(numbers).all() for numbers in given):
        raise ValueError(
            "network: its expectation values are beyond +1 and -1, and no probabilities follow "
            "from them; divide its observables by their largest eigenvalue"
        )


def fisher_spectrum(
    network: Network,
    weights: Any,
    inputs: Numbers | None = None,
    *,
    outputs: Outputs | None = None,
) -> Float[Array, "*batch weights"]:
    """The eigenvalues of the normalised Fisher information, increasing; arguments as there.

    Normalised such that its trace, mean over all sets of weights, is the number of weights (A.
    Abbas et al., Nat. Comput. Sci. 1, 403 (2021), eq. 4): so 1 is the mean eigenvalue, and a
    spectrum concentrated near 0 tells of a flat landscape. Zeros where no output depends on any
    weight.

    Raises:
        ValueError, TypeError: as `fisher_information`.
    """
    matrices = fisher_information(network, weights, inputs, outputs=outputs)
    return _compiled_spectrum()(matrices)


@kept()
def _compiled_spectrum() -> Callable[[Array], Float[Array, "*batch P"]]:
    """(matrices) -> the eigenvalues of the normalised ones."""
    return jax.jit(lambda matrices: jnp.linalg.eigvalsh(_normalized(matrices)))


def _normalized(matrices: Float[Array, "*batch P P"]) -> Float[Array, "*batch P P"]:
    """Matrices scaled such that the mean of their traces is their size."""
    trace = jnp.mean(jnp.trace(matrices, axis1=-2, axis2=-1))
    scale = jnp.where(trace > 0, matrices.shape[-1] / jnp.where(trace > 0, trace, 1), 0)
    return scale * matrices


def checked_data(
    network: Network, weights: Any, inputs: Numbers | None
) -> tuple[Float[Array, "sets weights"], Float[Array, "samples inputs"], tuple[int, ...]]:
    """Sets of weights and inputs as rows of one dtype, and the leading axes of the sets."""
    check_network(network)
    sets, lead = weight_sets(network, weights)
    rows = as_real(() if inputs is None else inputs, "inputs")
    if rows.ndim not in (1, 2) or rows.shape[-1] != network.num_inputs or 0 in rows.shape[:-1]:
        names = getattr(network, "input_params", ())
        raise ValueError(
            f"inputs: expected one sample or more, shape (samples, {network.num_inputs}), got "
            f"{rows.shape}. {in_order(names)}"
        )
    dtype = common_dtype(sets, rows)
    # Without inputs all samples are the same one.
    rows = rows.reshape(-1, network.num_inputs) if network.num_inputs else jnp.zeros((1, 0), dtype)
    return sets.astype(dtype), rows.astype(dtype), lead


def weight_sets(
    network: Network, weights: Any
) -> tuple[Float[Array, "sets weights"], tuple[int, ...]]:
    """Sets of weights as rows, and their leading axes."""
    structure = structure_of(network)
    leaves = None if structure is None else structure.leaves(weights)
    if leaves is None:
        sets = as_vector(as_real, weights)
    else:
        dtype = common_dtype(*leaves)
        sets = jnp.concatenate([leaf.ravel().astype(dtype) for leaf in leaves])
    if not sets.ndim or sets.shape[-1] != network.num_weights or 0 in sets.shape[:-1]:
        names = getattr(network, "weight_params", ())
        raise ValueError(
            f"weights: expected shape (..., {network.num_weights}), got {sets.shape}. "
            + in_order(names)
        )
    lead = sets.shape[:-1]
    return sets.reshape(prod(lead), network.num_weights), lead


def _kind_of(network: Network, outputs: object) -> str:
    if isinstance(network, NeuralNetwork):
        require_simulated(network)
        return "expectations" if isinstance(network._model.readout, Expectations) else ""
    if outputs not in ("probabilities", "expectations"):
        raise ValueError(
            f"outputs: expected 'probabilities' or 'expectations', got {outputs!r}; "
            f"{type(network).__name__} does not tell which its outputs are"
        )
    return str(outputs)


def require_simulated(network: NeuralNetwork) -> None:
    """Refuse networks whose values come from a primitive.

    Raises:
        ValueError: for one.
    """
    if network.primitive is not None:
        raise ValueError(
            f"network: its values come from {type(network.primitive).__name__}, and random ones "
            "have no exact derivatives here; use network.exact(), which is simulated"
        )
    if network.needs_key:
        raise ValueError(
            "network: its outputs are drawn, and have no exact derivatives here; use "
            "network.exact(), which has the same noise and no shots"
        )


@kept(tuning.DERIVATIVES_BYTES)
def _compiled(model: Model) -> Callable[..., Array]:
    values, jacobians = compiled_outputs(model), compiled_jacobians(model, False)

    def sensitivity(weights: Array, inputs: Array, noise: NoiseModel | None) -> tuple[Array, Array]:
        return values(weights, inputs, noise), jacobians(weights, inputs, noise)[0]

    readout = model.readout
    return jax.jit(_program(sensitivity, readout.output_shape, isinstance(readout, Expectations)))


def _sensitivity_of(network: Network) -> Sensitivity:
    apply = on_vector(network)

    def sensitivity(weights: Array, inputs: Array) -> tuple[Array, Array]:
        slopes = jax.vmap(jax.jacrev(apply), in_axes=(None, 0))(weights, inputs)
        return apply(weights, inputs), slopes

    return sensitivity


def _program(
    sensitivity: Sensitivity, output_shape: tuple[int, ...], binary: bool
) -> Callable[..., Float[Array, "sets P P"]]:
    """(sets of weights, inputs, ...) -> a matrix for each set, mean over the inputs.

    What comes after the inputs is handed on to `sensitivity`.
    """

    def of_set(weights: Array, inputs: Array, *more: Any) -> Float[Array, "P P"]:
        numbers = prod(output_shape) * (len(weights) + 1)
        groups, size = _groups(len(inputs), numbers * weights.dtype.itemsize)
        padded = jnp.pad(inputs, ((0, groups * size - len(inputs)), (0, 0)), mode="edge")
        shares = jnp.asarray(np.arange(groups * size) < len(inputs), inputs.dtype) / len(inputs)

        def add(total: Array, part: tuple[Array, Array]) -> tuple[Array, None]:
            rows, share = part
            outputs, slopes = sensitivity(weights, rows, *more)
            flat = outputs.reshape(len(rows), -1), slopes.reshape(len(rows), -1, len(weights))
            return total + _information(*flat, share, binary), None

        start = jnp.zeros((len(weights),) * 2, weights.dtype)
        parts = padded.reshape(groups, size, -1), shares.reshape(groups, size)
        if groups == 1:
            return add(start, (parts[0][0], parts[1][0]))[0]
        return lax.scan(add, start, parts)[0]

    def run(sets: Array, inputs: Array, *more: Any) -> Float[Array, "sets P P"]:
        return lax.map(lambda weights: of_set(weights, inputs, *more), sets)

    return run


def _groups(samples: int, bytes_of_one: int) -> tuple[int, int]:
    """How many parts the inputs are cut into, and how large one is."""
    at_once = samples_per_pass(bytes_of_one, jax.devices()[0])
    groups = -(-samples // at_once)
    return groups, -(-samples // groups)


def _information(
    outputs: Float[Array, "samples outputs"],
    slopes: Float[Array, "samples outputs P"],
    shares: Float[Array, " samples"],
    binary: bool,
) -> Float[Array, "P P"]:
    if binary:
        # No probabilities follow from larger values than 1: beyond rounding they become NaN.
        largest = 1 + jnp.sqrt(jnp.finfo(outputs.dtype).eps)
        outputs = jnp.where(jnp.abs(outputs) <= largest, outputs, jnp.nan)
        outputs = jnp.concatenate([(1 + outputs) / 2, (1 - outputs) / 2], axis=1)
        slopes = jnp.concatenate([slopes / 2, -slopes / 2], axis=1)
    # A probability below the square of rounding, and its slope, are rounding.
    least = (16 * jnp.finfo(outputs.dtype).eps) ** 2
    counted = ~(outputs <= least)
    weights = jnp.where(counted, shares[:, None] / jnp.where(counted, outputs, 1), 0)
    scaled = (slopes * jnp.sqrt(weights)[..., None]).reshape(-1, slopes.shape[-1])
    return jnp.matmul(scaled.T, scaled, precision=tuning.PRECISION)
