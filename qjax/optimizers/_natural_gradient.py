"""Floor 9. (gradient, weights) -> natural gradient, as a transformation of optax's."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float
from qiskit import QuantumCircuit

from qjax._base.arrays import Numbers, as_real, as_real_numpy, check_length, common_dtype
from qjax._base.process import check_process
from qjax._circuit.circuit import Circuit
from qjax._fisher import compiled_mean_information
from qjax._networks import NeuralNetwork
from qjax.optimizers._transformation import Transformation, optax
from qjax.optimizers._weighted_circuit import WeightedCircuit, weighted_circuit
from qjax.optimizers._weights import circuit_weights

Metric = Callable[[Array, Numbers | None], Array]


def natural_gradient(
    model: Circuit | QuantumCircuit | NeuralNetwork, *, damping: float | Array = 1e-3
) -> Transformation:
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
        model: a circuit, whose parameters are the weights; or a network. The metric is that of the
            pure states, also of a network with noise or shots.
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
    read = weighted_circuit(model)
    metric, structure = _metric(read), read.structure
    damping = _checked_damping(damping)

    def init(params: optax.Params) -> optax.EmptyState:
        circuit_weights(params, structure, "params")
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
        gradient, rebuild = circuit_weights(updates, structure, "updates")
        matrix = metric(circuit_weights(params, structure, "params")[0], inputs)
        check_length(gradient, len(matrix), "updates", "It has one component for each weight")
        return rebuild(_solve(matrix, gradient, damping)), state

    return Transformation(init, update)


def _metric(model: WeightedCircuit) -> Metric:
    """(weights, inputs) -> the Fubini-Study metric, mean over the inputs."""
    information = compiled_mean_information(model.circuit, model.weights, model.inputs)

    def metric(params: Array, inputs: Numbers | None) -> Float[Array, "weights weights"]:
        weights = as_real(params, "params")
        model.check_weights(weights, "params")
        samples = model.samples(inputs, weights)
        dtype = common_dtype(weights, samples)
        return information(weights.astype(dtype), samples.astype(dtype)) / 4

    return metric


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
