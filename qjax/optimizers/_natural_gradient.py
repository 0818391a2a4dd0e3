"""Floor 9. (gradient, weights) -> natural gradient, as a transformation of optax's."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float
from qiskit import QuantumCircuit

from qjax._base.arrays import Numbers, as_real, as_real_numpy, check_length, common_dtype, in_order
from qjax._base.process import check_process
from qjax._base.weight_tree import WeightStructure, is_vector, joined, structure_of
from qjax._circuit.circuit import Circuit
from qjax._fisher import compiled_mean_information
from qjax._networks import NeuralNetwork, way_from_qiskit_ml
from qjax._qiskit import as_circuit

try:
    import optax
except ImportError as error:
    raise ImportError(
        "qjax.optimizers needs the package optax: install qjax-bridge with the extra optimizers, "
        "pip install 'qjax-bridge[optimizers]'"
    ) from error

Metric = Callable[[Array, Numbers | None], Array]


def natural_gradient(
    model: Circuit | QuantumCircuit | NeuralNetwork, *, damping: float | Array = 1e-3
) -> optax.GradientTransformationExtraArgs:
    """Precondition gradients with the Fubini-Study metric: quantum natural gradient descent.

    The update is x in (g + damping I) x = gradient, where g = F / 4 is the Fubini-Study metric and
    F the quantum Fisher information at the weights, all of it, not only its diagonal blocks (J.
    Stokes, J. Izaac, N. Killoran and G. Carleo, Quantum 4, 269 (2020), whose pseudo-inverse of g
    the damping replaces; J. J. Meyer, Quantum 5, 539 (2021), eq. 27, for F). As with all of optax's
    transformations, sign and learning rate are the next one's:

        optimizer = optax.chain(natural_gradient(qnn), optax.scale(-0.1))
        updates, state = optimizer.update(gradient, state, weights, inputs=x)

    A learning rate means the same here as in the paper. `update` is a pure function, for `jit` and
    `lax.scan`; called eagerly it compiles once per circuit, shape and dtype.

    For a network with inputs, `update` takes them as `inputs`, of shape `(..., num_inputs)`, and g
    is the mean over these samples of the metric in the weights. It costs a simulation of
    `num_weights` states for each sample, so a part of a large batch may serve.

    Gradient and weights are one vector each, or the tree of weights that the network has, with
    arrays or lists for leaves. Either may stand anywhere in a pytree without other leaves: it may
    be one of the parts of `optax.partition` where a model has other weights too. The metric is that
    of all weights of the network, and updates come back as the tree that gradients were.

    Args:
        model: a circuit, whose parameters are the weights; or a network.
        damping: added to the eigenvalues of g, so in its units: a rotation of one qubit has at most
            1/4. Larger values are safer and nearer to plain gradient descent. It has to stand clear
            of rounding (in float32, 1e-6 times the largest eigenvalue of g), or NaN may result.

    Raises:
        ImportError: when this module is imported without optax.
        TypeError: for another kind of model or damping. In `update`: for pytrees with other
            leaves, and numbers that are not real.
        ValueError: for a damping that is not positive. In `update`: for weights, gradients or
            inputs that are missing or of a wrong shape, or what is too large for memory.
        UnsupportedInstructionError: see `from_qiskit`.
    """
    metric = _metric(model)
    structure = structure_of(model)
    damping = _checked_damping(damping)

    def init(params: optax.Params) -> optax.EmptyState:
        _weights_in(params, structure, "params")
        return optax.EmptyState()

    def update(
        updates: optax.Updates,
        state: optax.EmptyState,
        params: optax.Params | None = None,
        *,
        inputs: Numbers | None = None,
        **_other_transformations: object,
    ) -> tuple[optax.Updates, optax.EmptyState]:
        check_process()
        if params is None:
            raise ValueError(
                "params: got None; the metric depends on the weights: call update(gradient, state, "
                "weights)"
            )
        gradient, rebuild = _weights_in(updates, structure, "updates")
        matrix = metric(_weights_in(params, structure, "params")[0], inputs)
        check_length(gradient, len(matrix), "updates", "It has one component for each weight")
        return rebuild(_solve(matrix, gradient, damping)), state

    return optax.GradientTransformationExtraArgs(init, update)


def _metric(model: Circuit | QuantumCircuit | NeuralNetwork) -> Metric:
    """(weights, inputs) -> the Fubini-Study metric, mean over the inputs."""
    if isinstance(model, NeuralNetwork):
        circuit, names = model.circuit, model.input_params
        places = tuple(circuit.parameters.index(name) for name in model.weight_params)
    elif isinstance(model, (Circuit, QuantumCircuit)):
        circuit, names = as_circuit(model), ()
        places = tuple(range(circuit.num_params))
    else:
        given = f"the class {model.__name__}" if isinstance(model, type) else type(model).__name__
        raise TypeError(
            f"model: expected a circuit or a network, got {given}{way_from_qiskit_ml(model)}"
        )
    weight_names = tuple(circuit.parameters[position] for position in places)
    input_places = tuple(circuit.parameters.index(name) for name in names)
    information = compiled_mean_information(circuit, places, input_places)

    def metric(params: Array, inputs: Numbers | None) -> Float[Array, "weights weights"]:
        weights = as_real(params, "params")
        check_length(weights, len(places), "params", in_order(weight_names))
        samples = _samples(inputs, names, weights)
        dtype = common_dtype(weights, samples)
        return information(weights.astype(dtype), samples.astype(dtype)) / 4

    return metric


def _samples(
    inputs: Numbers | None, names: tuple[str, ...], weights: Array
) -> Float[Array, "batch inputs"]:
    if inputs is None and names:
        raise ValueError(
            "inputs: got None; the metric is a mean over samples: call update(gradient, state, "
            "weights, inputs=x)"
        )
    if inputs is None:
        return jnp.zeros((1, 0), weights.dtype)
    values = as_real(inputs, "inputs")
    if not values.ndim or values.shape[-1] != len(names) or 0 in values.shape[:-1]:
        raise ValueError(
            f"inputs: expected one sample or more, shape (..., {len(names)}), got {values.shape}. "
            + in_order(names)
        )
    # Without inputs all samples are the same one.
    return values.reshape(-1, len(names)) if names else jnp.zeros((1, 0), weights.dtype)


def _weights_in(
    tree: object, structure: WeightStructure | None, what: str
) -> tuple[Array, Callable[[Array], Any]]:
    """The one vector of weights in a pytree, and the way from another one to such a pytree."""

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
            "leaves. For a model with more weights than the circuit's, put natural_gradient into "
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


def _checked_damping(damping: float | Array) -> float | Array:
    if isinstance(damping, jax.core.Tracer):  # a schedule's, from `optax.inject_hyperparams`
        return damping
    number = as_real_numpy(damping, "damping")
    if number.ndim or not 0 < number < np.inf:
        raise ValueError(
            f"damping: expected a positive number, got {damping}; without it the equations have no "
            "single solution where weights are redundant"
        )
    return float(number)


def _solve(metric: Array, gradient: Array, damping: float | Array) -> Float[Array, " weights"]:
    """(metric + damping I)^-1 gradient, in the gradient's dtype."""
    if not len(gradient):
        return gradient
    shift = jnp.asarray(damping, metric.dtype) * jnp.eye(len(metric), dtype=metric.dtype)
    factors = jax.scipy.linalg.cho_factor(metric + shift)
    solution = jax.scipy.linalg.cho_solve(factors, gradient.astype(metric.dtype))
    return solution.astype(gradient.dtype)
