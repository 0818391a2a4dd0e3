"""Floor 9. Values of a loss at random points -> a step: simultaneous perturbation."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from qjax._base.arrays import check_key
from qjax._base.options import as_flag, as_whole
from qjax._base.process import check_process
from qjax.optimizers._curvature import preconditioned, running_mean, second_differences
from qjax.optimizers._gains import (
    PERTURBATION_EXPONENT,
    Gain,
    PowerSeries,
    check_positive,
    checked_gain,
    gain_at,
)
from qjax.optimizers._transformation import (
    Loss,
    Transformation,
    loss_of_vectors,
    losses_at,
    require_params,
    value_at,
)
from qjax.optimizers._weights import flat_weights

SMALL_STEPS = PowerSeries(0.2, PERTURBATION_EXPONENT)


class SpsaState(NamedTuple):
    """What SPSA knows between steps.

    Attributes:
        steps: how many there were.
        matrix: the mean of the estimates of the Hessian, `(weights, weights)`; None at first order.
    """

    steps: Array
    matrix: Array | None = None


@dataclass(frozen=True)
class Acceptance:
    """What becomes of a step that SPSA proposes.

    Attributes:
        trust_region: whether steps of a norm above 1, before the learning rate, are cut to 1.
        blocking: whether steps are taken only if the loss does not grow.
        allowed_increase: by how much it may, with `blocking`.
    """

    trust_region: bool
    blocking: bool
    allowed_increase: float | Array

    def __post_init__(self) -> None:
        as_flag(self.trust_region, "trust_region")
        as_flag(self.blocking, "blocking")
        check_positive(self.allowed_increase, "allowed_increase", or_zero=True)

    def step(
        self, loss: Loss | None, vector: Array, downhill: Array, rate: Array, value: Any
    ) -> Array:
        """The step along `-rate * downhill` that is taken."""
        if self.trust_region:
            downhill = downhill / jnp.maximum(jnp.linalg.norm(downhill), 1)
        step = -rate * downhill
        if not self.blocking or loss is None:
            return step
        allowed = value_at(loss, vector, value) + jnp.asarray(self.allowed_increase, step.dtype)
        return jnp.where(loss(vector + step) < allowed, step, 0)


def spsa(
    learning_rate: Gain,
    perturbation: Gain = SMALL_STEPS,
    *,
    key: Array,
    resamplings: int = 1,
    second_order: bool = False,
    regularization: float | Array = 0.01,
    hessian_delay: int = 0,
    trust_region: bool = False,
    blocking: bool = False,
    allowed_increase: float | Array = 0.0,
) -> Transformation:
    """Minimise by simultaneous perturbation: two values of the loss for each step.

    The gradient is estimated as [f(x + c d) - f(x - c d)] / 2c times d, with random signs d (J. C.
    Spall, IEEE Trans. Autom. Control 37, 332 (1992)); how to choose rates and perturbations says
    his IEEE Trans. Aerosp. Electron. Syst. 34, 817 (1998): `PowerSeries`, and `calibrate_spsa`. It
    serves where values are random, as on a quantum computer or with finite shots.

    `update` is given the loss as a function of the weights, as `optax.lbfgs` is, and no gradient:

        optimizer = spsa(*calibrate_spsa(loss, weights, key), key=key)
        updates, state = optimizer.update(None, state, weights, value_fn=loss)
        weights = optax.apply_updates(weights, updates)

    A gradient that a training loop gives all the same is not used; in a compiled program XLA
    leaves out what computes it. Put steps inside of `jax.jit` and `lax.scan`, where the points of
    a step are one batch. Called eagerly, the loss is asked for one point after another, and may
    come from NumPy or a machine. Directions along which it is no finite number are left out.

    Weights are any pytree of real arrays. Step k = 0, 1, ... draws its signs as
    `jax.random.rademacher(jax.random.fold_in(key, k), (orders, resamplings, weights))`, where
    orders is 2 with `second_order` and 1 without.

    Args:
        learning_rate: a number, or a schedule: a function of k.
        perturbation: c, a number or a schedule, in units of the weights; the default falls from 0.2
            by Spall's exponent.
        key: a JAX random key. For many runs under `vmap` give each its own.
        resamplings: how many directions each estimate is the mean of.
        second_order: whether to precondition by an estimate of the Hessian, from two more values
            for each direction, averaged over all steps (2SPSA: J. C. Spall, IEEE Trans. Autom.
            Control 45, 1839 (2000)).
        regularization: added to the absolute eigenvalues of that estimate.
        hessian_delay: for so many steps it is averaged and not used.
        trust_region: whether steps of a norm above 1, before the learning rate, are cut to 1.
        blocking: whether a step is taken only where the loss grows by less than
            `allowed_increase`. It takes one more value, and another one if `update` is not told
            `value`, the loss at the weights.
        allowed_increase: for a loss with noise about twice its standard deviation.

    Raises:
        ImportError: when this module is imported without optax.
        TypeError: for a key, flag or number of another kind. In `update`: for weights that are not
            real, or a `value_fn` that is no function.
        ValueError: for numbers out of bounds. In `update`: without weights or `value_fn`, and for a
            loss that is no single number.
    """
    perturb = _Perturbation(perturbation, key, resamplings, as_flag(second_order, "second_order"))
    rates = checked_gain(learning_rate, "learning_rate")
    acceptance = Acceptance(trust_region, blocking, allowed_increase)
    check_positive(regularization, "regularization")
    delay = as_whole(hessian_delay, "hessian_delay", 0)

    def init(params: Any) -> SpsaState:
        vector, _ = flat_weights(params, "params")
        matrix = jnp.eye(len(vector), dtype=vector.dtype) if second_order else None
        return SpsaState(jnp.zeros((), jnp.int32), matrix)

    def update(
        updates: Any,
        state: SpsaState,
        params: Any = None,
        *,
        value: Any = None,
        value_fn: Any = None,
        **_others: object,
    ) -> tuple[Any, SpsaState]:
        del updates  # none is needed
        check_process()
        require_params(params, "steps start from the weights")
        vector, rebuild = flat_weights(params, "params")
        loss = loss_of_vectors(value_fn, rebuild, vector.dtype)
        downhill, sample = perturb.estimates(loss, vector, state.steps)
        matrix = state.matrix
        if matrix is not None and sample is not None:
            matrix = running_mean(matrix, sample, state.steps)
            shift = jnp.asarray(regularization, vector.dtype)
            solved = preconditioned(matrix, downhill, shift)
            downhill = jnp.where(state.steps >= delay, solved, downhill)
        rate = gain_at(rates, state.steps, vector.dtype)
        step = acceptance.step(loss, vector, downhill, rate, value)
        return rebuild(step), SpsaState(state.steps + 1, matrix)

    return Transformation(init, update)


def spsa_gradient(
    perturbation: Gain = SMALL_STEPS, *, key: Array, resamplings: int = 1
) -> Transformation:
    """Replace the gradient by SPSA's estimate of it, for whichever optimizer comes next.

        optimizer = optax.chain(spsa_gradient(0.1, key=key), optax.adam(0.02))

    Arguments, calls and errors as in `spsa`.
    """
    perturb = _Perturbation(perturbation, key, resamplings, False)

    def init(params: Any) -> SpsaState:
        flat_weights(params, "params")
        return SpsaState(jnp.zeros((), jnp.int32))

    def update(
        updates: Any, state: SpsaState, params: Any = None, *, value_fn: Any = None, **_: object
    ) -> tuple[Any, SpsaState]:
        del updates
        check_process()
        require_params(params, "the loss is evaluated around the weights")
        vector, rebuild = flat_weights(params, "params")
        loss = loss_of_vectors(value_fn, rebuild, vector.dtype)
        gradient, _none = perturb.estimates(loss, vector, state.steps)
        return rebuild(gradient), SpsaState(state.steps + 1)

    return Transformation(init, update)


class _Perturbation:
    """Where SPSA evaluates the loss, and what follows for its derivatives."""

    def __init__(self, size: Gain, key: Array, resamplings: int, second_order: bool) -> None:
        check_key(key)
        self.size, self.key = checked_gain(size, "perturbation"), key
        self.resamplings = as_whole(resamplings, "resamplings", 1)
        self.orders = 2 if second_order else 1

    def estimates(
        self, loss: Loss, vector: Float[Array, " weights"], count: Array
    ) -> tuple[Float[Array, " weights"], Float[Array, "weights weights"] | None]:
        """The gradient, and at second order the Hessian."""
        size = gain_at(self.size, count, vector.dtype)
        shape = (self.orders, self.resamplings, len(vector))
        directions = signs(self.key, count, shape, vector.dtype)
        steps = size * directions
        points = [steps[0], -steps[0]]
        if self.orders == 2:
            points += [steps[0] + steps[1], steps[1] - steps[0]]
        values = losses_at(loss, vector[None, None] + jnp.stack(points))
        gradient = mean_slope(values[:2], directions[0], size)
        return gradient, second_differences(values, directions, size) if self.orders == 2 else None


def signs(key: Array, count: Array, shape: tuple[int, ...], dtype: Any) -> Float[Array, "..."]:
    """Random +1 and -1 of a step."""
    return jax.random.rademacher(jax.random.fold_in(key, count), shape, dtype)


def mean_slope(
    values: Float[Array, "2 samples"], directions: Float[Array, "samples weights"], size: Array
) -> Float[Array, " weights"]:
    """The mean of [f(x + c d) - f(x - c d)] / 2c times d, over those d where both are numbers."""
    slopes = (values[0] - values[1]) / (2 * size)
    finite = jnp.isfinite(slopes)
    total = jnp.sum(jnp.where(finite, slopes, 0)[:, None] * directions, axis=0)
    return total / jnp.maximum(jnp.sum(finite.astype(total.dtype)), 1)
