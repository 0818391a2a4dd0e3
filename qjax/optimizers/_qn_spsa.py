"""Floor 9. Values of a loss and overlaps of states at random points -> a natural-gradient step."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float
from qiskit import QuantumCircuit

from qjax._base import tuning
from qjax._base.arrays import Numbers, check_key, common_dtype
from qjax._base.memory import bytes_of_states, check_fits, columns_that_fit
from qjax._base.mesh import on_mesh
from qjax._base.options import as_flag, as_whole
from qjax._base.process import check_process
from qjax._base.store import kept
from qjax._circuit.circuit import Circuit
from qjax._engine import States, Task, run
from qjax._networks import NeuralNetwork
from qjax.optimizers._curvature import preconditioned, running_mean, second_differences
from qjax.optimizers._gains import Gain, check_positive, checked_gain, gain_at
from qjax.optimizers._spsa import SMALL_STEPS, Acceptance, SpsaState, mean_slope, signs
from qjax.optimizers._transformation import (
    Transformation,
    loss_of_vectors,
    losses_at,
    require_params,
)
from qjax.optimizers._weighted_circuit import WeightedCircuit, weighted_circuit
from qjax.optimizers._weights import circuit_weights


def qn_spsa(
    model: Circuit | QuantumCircuit | NeuralNetwork,
    learning_rate: Gain,
    perturbation: Gain = SMALL_STEPS,
    *,
    key: Array,
    resamplings: int = 1,
    regularization: float | Array = 0.01,
    metric_delay: int = 0,
    exact_gradient: bool = False,
    blocking: bool = False,
    allowed_increase: float | Array = 0.0,
) -> Transformation:
    """Quantum natural gradient descent from a few values in each step: QN-SPSA.

    Both the gradient and the Fubini-Study metric g are estimated along random directions, the
    metric from overlaps |<psi(x)|psi(y)>|^2 of the state at the weights with four others, as g is
    -1/2 times their second derivative; it is averaged over all steps, from the identity (J. Gacon,
    C. Zoufal, G. Carleo and S. Woerner, Quantum 5, 567 (2021), section 3). A step costs the same
    whatever the number of weights, where `natural_gradient` simulates a state for each of them.

        optimizer = qn_spsa(circuit, 0.05, key=key)
        updates, state = optimizer.update(None, state, weights, value_fn=energy)
        weights = optax.apply_updates(weights, updates)

    For a network with inputs, `update` takes them as `inputs`, of shape `(..., num_inputs)`, and
    the overlaps are means over these samples. Weights are as in `natural_gradient`, and the loss,
    random signs and all other arguments as in `spsa`; g is that of the simulated pure state, also
    for a network on a primitive, or with noise or shots.

    Args:
        model: a circuit, whose parameters are the weights; or a network.
        learning_rate: as in `spsa`; in units of `natural_gradient`.
        perturbation: as in `spsa`.
        key: as in `spsa`; step k draws `(2, resamplings, weights)` signs.
        resamplings: as in `spsa`.
        regularization: added to the absolute eigenvalues of the estimate of g, which are at most
            1/4 for a rotation of one qubit. Much less makes single steps as large as the estimate
            is bad.
        metric_delay: for so many steps the metric is averaged and not used.
        exact_gradient: whether the gradient is the one that `update` is given, in place of an
            estimate; no `value_fn` is needed then, unless for `blocking`.
        blocking: as in `spsa`; it keeps the first steps in bounds, while the estimate of g is bad.
            Qiskit Machine Learning's `QNSPSA` has it on by default.
        allowed_increase: as in `spsa`.

    Raises:
        ImportError: when this module is imported without optax.
        TypeError: for another kind of model, key, flag or number. In `update`: for pytrees with
            other leaves, numbers that are not real, or a `value_fn` that is no function.
        ValueError: for numbers out of bounds. In `update`: for weights, gradients, inputs or
            `value_fn` that are missing or of a wrong shape, for a circuit that ends in a mixture,
            and what is too large for memory.
        UnsupportedInstructionError: see `from_qiskit`.
    """
    read = weighted_circuit(model)
    check_key(key)
    rates = checked_gain(learning_rate, "learning_rate")
    sizes = checked_gain(perturbation, "perturbation")
    samples, delay = (
        as_whole(resamplings, "resamplings", 1),
        as_whole(metric_delay, "metric_delay", 0),
    )
    check_positive(regularization, "regularization")
    exact = as_flag(exact_gradient, "exact_gradient")
    acceptance = Acceptance(False, blocking, allowed_increase)

    def weights_in(tree: Any, what: str) -> tuple[Array, Callable[[Array], Any]]:
        vector, rebuild = circuit_weights(tree, read.structure, what)
        read.check_weights(vector, what)
        return vector, rebuild

    def init(params: Any) -> SpsaState:
        vector, _ = weights_in(params, "params")
        return SpsaState(jnp.zeros((), jnp.int32), jnp.eye(len(vector), dtype=vector.dtype))

    def update(
        updates: Any,
        state: SpsaState,
        params: Any = None,
        *,
        value: Any = None,
        value_fn: Any = None,
        inputs: Numbers | None = None,
        **_others: object,
    ) -> tuple[Any, SpsaState]:
        check_process()
        require_params(params, "the metric depends on the weights")
        vector, rebuild = weights_in(params, "params")
        dtype = vector.dtype
        needs_loss = blocking or not exact
        loss = loss_of_vectors(value_fn, rebuild, dtype) if needs_loss else None
        size = gain_at(sizes, state.steps, dtype)
        directions = signs(key, state.steps, (2, samples, len(vector)), dtype)
        first, second = size * directions
        points = jnp.stack([first, -first, first + second, second - first]) + vector[None, None]
        overlaps = _overlaps(read, vector, points, inputs)
        metric = second_differences(-overlaps / 2, directions, size)
        assert state.matrix is not None
        metric = running_mean(state.matrix, metric, state.steps)
        if loss is None or exact:
            gradient = weights_in(updates, "updates")[0].astype(dtype)
        else:
            gradient = mean_slope(losses_at(loss, points[:2]), directions[0], size)
        solved = preconditioned(metric, gradient, jnp.asarray(regularization, dtype))
        downhill = jnp.where(state.steps >= delay, solved, gradient)
        step = acceptance.step(loss, vector, downhill, gain_at(rates, state.steps, dtype), value)
        return rebuild(step), SpsaState(state.steps + 1, metric)

    return Transformation(init, update)


def _overlaps(
    model: WeightedCircuit,
    weights: Float[Array, " weights"],
    points: Float[Array, "4 samples weights"],
    inputs: Numbers | None,
) -> Float[Array, "4 samples"]:
    """|<psi(weights)|psi(point)>|^2 at each point, mean over the inputs."""
    rows = model.samples(inputs, weights)
    dtype = common_dtype(weights, rows)
    flat = jnp.concatenate([weights[None], points.reshape(-1, points.shape[-1])])
    values = compiled_overlaps(model)(flat.astype(dtype), rows.astype(dtype))
    return values.reshape(points.shape[:-1]).astype(weights.dtype)


@kept(tuning.PROGRAM_BYTES)
def compiled_overlaps(model: WeightedCircuit) -> Callable[[Array, Array], Float[Array, " points"]]:
    """(weights of 1 + points states, inputs) -> the overlaps of the first with each other one."""
    circuit = model.circuit
    task = Task(circuit, frozenset(range(circuit.num_params)), States())
    order = np.argsort(model.weights + model.inputs).astype(np.int32)

    def one(flat: Array, row: Array) -> Float[Array, " points"]:
        shared = jnp.broadcast_to(row[None], (len(flat), len(row)))
        columns = jnp.concatenate([flat, shared], axis=1)[:, order].T
        states = run(task, jnp.zeros((0,), flat.dtype), columns)
        products = jnp.sum(states[:, :1].conj() * states[:, 1:], axis=0)
        return products.real**2 + products.imag**2

    def mean(flat: Array, rows: Array) -> Float[Array, " points"]:
        # States before and after a pass, and one of each kind beside them.
        bytes_of_one = bytes_of_states(circuit.num_qubits, 8 * flat.dtype.itemsize)
        needed = len(flat) * bytes_of_one
        what = f"{len(flat)} states of {circuit.num_qubits} qubits, for the overlaps of a metric,"
        check_fits(needed, what, "fewer resamplings, fewer qubits or single precision")
        at_once = max(1, columns_that_fit(bytes_of_one) // len(flat))
        if len(rows) <= at_once:
            return jnp.mean(jax.vmap(partial(one, flat))(rows), axis=0)
        return jnp.mean(lax.map(partial(one, flat), rows, batch_size=at_once), axis=0)

    return jax.jit(partial(on_mesh, mean))
