"""SPSA: Qiskit ML's trajectories with the same signs, quadratics, and what XLA leaves out."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from qiskit.circuit.library import real_amplitudes
from qiskit_machine_learning.optimizers import SPSA

import qjax
from qjax.optimizers import PowerSeries, calibrate_spsa, spsa, spsa_gradient
from tests.circuits import error

KEY = jax.random.key(7)
START = np.array([0.4, -1.1, 0.7])
STEPS = 12


def loss(x: jax.Array) -> jax.Array:
    """Neither quadratic nor symmetric."""
    return jnp.sum(jnp.cos(x) * jnp.array([1.0, 0.5, -0.3])) + x[0] * x[1] + 0.3 * jnp.sum(x**2)


def plain_loss(x: np.ndarray) -> float:
    return float(np.sum(np.cos(x) * [1.0, 0.5, -0.3]) + x[0] * x[1] + 0.3 * np.sum(x**2))


def trajectory(
    optimizer: optax.GradientTransformationExtraArgs,
    function: Callable = loss,
    start: np.ndarray = START,
    steps: int = STEPS,
) -> np.ndarray:
    """The weights after each step, in one compiled loop."""

    def step(carry: tuple, _: None) -> tuple[tuple, jax.Array]:
        weights, state = carry
        updates, state = optimizer.update(None, state, weights, value_fn=function)
        weights = optax.apply_updates(weights, updates)
        return (weights, state), weights

    @jax.jit
    def run(start: jax.Array) -> jax.Array:
        return jax.lax.scan(step, (start, optimizer.init(start)), length=steps)[1]

    return np.asarray(run(jnp.asarray(start)))


def one_step(
    optimizer: optax.GradientTransformationExtraArgs,
    params: object,
    gradient: object = None,
    value_fn: Callable | None = None,
    **arrays: object,
) -> tuple:
    """The updates and the state of a first step, in one program."""

    @jax.jit
    def run(params: object, gradient: object, arrays: dict) -> tuple:
        state = optimizer.init(params)
        return optimizer.update(gradient, state, params, value_fn=value_fn, **arrays)

    return run(params, gradient, arrays)


class QiskitsSigns:
    """Gives Qiskit ML's optimizer the signs that ours draws, in the order in which it asks."""

    def __init__(self, orders: int, resamplings: int, weights: int = len(START)) -> None:
        shape = (orders, resamplings, weights)
        self.queue: list[np.ndarray] = []
        for step in range(STEPS):
            drawn = jax.random.rademacher(jax.random.fold_in(KEY, step), shape, jnp.float64)
            self.queue += list(np.asarray(drawn).reshape(-1, weights))

    def __call__(self, dim: int, perturbation_dims: int | None = None) -> np.ndarray:
        return self.queue.pop(0)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({}, {}),
        ({"resamplings": 3}, {"resamplings": 3}),
        ({"trust_region": True}, {"trust_region": True}),
        ({"blocking": True}, {"blocking": True, "allowed_increase": 0.0}),
        (
            {"blocking": True, "allowed_increase": 0.05},
            {"blocking": True, "allowed_increase": 0.05},
        ),
        (
            {"second_order": True, "regularization": 2.0},
            {"second_order": True, "regularization": 2.0},
        ),
        (
            {"second_order": True, "resamplings": 2, "hessian_delay": 4, "regularization": 3.0},
            {"second_order": True, "resamplings": 2, "hessian_delay": 4, "regularization": 3.0},
        ),
    ],
)
def test_trajectory_is_qiskits(monkeypatch: pytest.MonkeyPatch, ours: dict, theirs: dict) -> None:
    signs = QiskitsSigns(1 + ours.get("second_order", False), ours.get("resamplings", 1))
    monkeypatch.setattr("qiskit_machine_learning.optimizers.spsa.bernoulli_perturbation", signs)
    rate, size = PowerSeries(0.6, 0.602, 2.0), PowerSeries(0.2, 0.101)
    rates, sizes = (np.array([float(s(k)) for k in range(STEPS)]) for s in (rate, size))
    expected: list[np.ndarray] = []

    def keep(count: int, x: np.ndarray, value: float, step: float, accepted: bool) -> None:
        expected.append(x if accepted else (expected[-1] if expected else START))

    optimizer = SPSA(STEPS, learning_rate=rates, perturbation=sizes, callback=keep, **theirs)
    optimizer.minimize(plain_loss, START)
    reached = trajectory(spsa(rate, size, key=KEY, **ours))
    assert signs.queue == []
    assert error(reached, np.stack(expected)) < 1e-12


@pytest.mark.usefixtures("x64")
def test_schedules_are_qiskits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same signs and values: the same learning rates and perturbations."""
    drawn = jax.random.rademacher(jax.random.fold_in(KEY, 0), (25, 3), jnp.float64)
    signs = iter(np.asarray(drawn))
    monkeypatch.setattr(
        "qiskit_machine_learning.optimizers.spsa.bernoulli_perturbation", lambda dim: next(signs)
    )
    rates, sizes = (series() for series in SPSA.calibrate(plain_loss, START, c=0.15))
    rate, size = jax.jit(lambda x: calibrate_spsa(loss, x, KEY, perturbation=0.15))(START)
    for step in range(4):
        assert float(rate(step)) == pytest.approx(next(rates), rel=1e-13)
        assert float(size(step)) == pytest.approx(next(sizes), rel=1e-13)
    later, _ = calibrate_spsa(loss, START, KEY, perturbation=0.15, stability=10.0)
    assert float(later(0)) == pytest.approx(float(rate(0)), rel=1e-12)
    flat, _ = calibrate_spsa(lambda x: 0 * x[0], START, KEY, first_step=0.3)
    assert float(flat(0)) == pytest.approx(0.3)


@pytest.mark.usefixtures("x64")
def test_estimates_of_a_quadratic() -> None:
    """In one dimension the estimates are exact; in several, exact in the mean over all signs."""
    hessian = np.array([[2.0, 0.5], [0.5, 1.0]])

    def quadratic(x: jax.Array) -> jax.Array:
        return x @ hessian @ x / 2

    point = np.array([0.3, -0.8])
    optimizer = spsa_gradient(0.7, key=KEY, resamplings=20_000)
    estimate, _ = one_step(optimizer, point, value_fn=quadratic)
    # (A d) d^T has the deviation |g| / sqrt(resamplings)
    assert error(estimate, hessian @ point) < 4 * np.linalg.norm(hessian @ point) / 141
    single = spsa_gradient(0.7, key=KEY)
    slope, _ = one_step(single, point[:1], value_fn=lambda x: 3 * x[0] ** 2)
    assert slope[0] == pytest.approx(6 * 0.3, rel=1e-13)
    newton = spsa(1.0, 0.3, key=KEY, second_order=True, resamplings=20_000, regularization=1e-9)
    _, state = one_step(newton, point, value_fn=quadratic)
    assert error(2 * state.matrix - np.eye(2), hessian) < 0.1


def test_vqe_converges() -> None:
    """A circuit, in single precision, from its values alone."""
    circuit = qjax.from_qiskit(real_amplitudes(2, reps=1))

    def energy(weights: jax.Array) -> jax.Array:
        return qjax.expectation(circuit, [("ZZ", [0, 1], 1.0), ("X", [0], 0.4)], weights)

    start = jnp.full(4, 0.6)
    calibrate = jax.jit(lambda w: calibrate_spsa(energy, w, jax.random.key(1), stability=10.0))
    schedules = calibrate(start)
    weights = trajectory(spsa(*schedules, key=KEY), energy, start, 200)[-1]
    assert weights.dtype == np.float32
    assert energy(weights) < -np.sqrt(1 + 0.16) + 0.01


def test_any_pytree_and_schedules() -> None:
    params = {"angles": jnp.ones((2, 2)), "scale": jnp.float32(2.0), "list": [1.0, 2.0]}

    def function(p: dict) -> jax.Array:
        return jnp.sum(p["angles"] ** 2) + p["scale"] ** 2 + p["list"][0]

    optimizer = optax.chain(
        spsa_gradient(lambda step: 0.1 / (step.astype(float) + 1), key=KEY, resamplings=2),
        optax.sgd(0.1, momentum=0.9),
    )
    updates, _ = one_step(optimizer, params, value_fn=function)
    assert jax.tree.structure(updates) == jax.tree.structure(params)
    assert updates["angles"].shape == (2, 2)
    whole = spsa(0.1, key=KEY)
    updates, _ = one_step(whole, params, value_fn=function)
    assert jax.tree.structure(updates) == jax.tree.structure(params)


def test_runs_under_vmap_have_their_own_keys() -> None:
    def one(key: jax.Array, rate: jax.Array) -> jax.Array:
        optimizer = spsa(rate, 0.1, key=key)
        weights = jnp.asarray(START, jnp.float32)
        updates, _ = optimizer.update(None, optimizer.init(weights), weights, value_fn=loss)
        return updates

    keys, rates = jax.random.split(KEY, 6), jnp.linspace(0.1, 0.6, 6)
    together, compiled = jax.jit(jax.vmap(one))(keys, rates), jax.jit(one)
    alone = jnp.stack([compiled(key, rate) for key, rate in zip(keys, rates, strict=True)])
    assert error(together, alone) < 1e-6
    assert len({tuple(np.sign(row).tolist()) for row in np.asarray(together)}) > 1


def test_gradients_that_nobody_uses_are_not_computed() -> None:
    """A training loop computes gradients for all optimizers: XLA leaves them out for SPSA."""
    calls = {"value": 0, "gradient": 0}

    def counted(name: str, x: jax.Array) -> jax.Array:
        def count(x: np.ndarray) -> np.ndarray:
            calls[name] += 1
            return np.asarray(x)

        return jax.pure_callback(count, x, x, vmap_method="sequential")

    @jax.custom_vjp
    def function(x: jax.Array) -> jax.Array:
        return jnp.sum(counted("value", x) ** 2)

    function.defvjp(
        lambda x: (function(x), x), lambda x, cotangent: (counted("gradient", 2 * x * cotangent),)
    )

    def run(optimizer: optax.GradientTransformationExtraArgs) -> jax.Array:
        def step(carry: tuple, _: None) -> tuple[tuple, jax.Array]:
            weights, state = carry
            value, gradient = jax.value_and_grad(function)(weights)
            updates, state = optimizer.update(
                gradient, state, weights, value=value, value_fn=function
            )
            return (optax.apply_updates(weights, updates), state), value

        start = jnp.ones(3)
        return jax.jit(lambda: jax.lax.scan(step, (start, optimizer.init(start)), length=5))()

    jax.block_until_ready(run(spsa(0.1, key=KEY)))
    assert calls["gradient"] == 0
    assert calls["value"] >= 10
    jax.block_until_ready(run(optax.with_extra_args_support(optax.sgd(0.1))))
    assert calls["gradient"] == 5  # the test can fail


def test_eager_steps_of_numpys_losses() -> None:
    """Values as a machine gives them, one by one: the steps of a compiled program."""
    optimizer = spsa(0.1, key=KEY, blocking=True, resamplings=2)
    start = START.astype(np.float32)
    eager = optimizer.update(None, optimizer.init(start), start, value_fn=plain_loss)
    for ours, expected in zip(
        jax.tree.leaves(eager), jax.tree.leaves(one_step(optimizer, start, value_fn=loss)),
        strict=True,
    ):  # fmt: skip
        assert error(ours, expected) < 1e-5
    expected = jax.jit(lambda x: calibrate_spsa(loss, x, KEY, samples=3)[0].scale)(start)
    assert error(calibrate_spsa(plain_loss, start, KEY, samples=3)[0].scale, expected) < 1e-5


@pytest.mark.parametrize("second_order", [False, True])
def test_directions_without_a_number_are_left_out(second_order: bool) -> None:
    """Of three, two have a point where the loss is no number."""
    key = jax.random.key(0)
    optimizer = spsa(0.1, 0.2, key=key, resamplings=3, second_order=second_order)
    drawn = jax.random.rademacher(
        jax.random.fold_in(key, 0), (1 + second_order, 3, 3), jnp.float32
    )[0]
    start = START.astype(np.float32)
    lost = start[None] + 0.2 * drawn[:2]  # where the loss is not defined

    def partial_loss(x: jax.Array) -> jax.Array:
        gone = jnp.any(jnp.all(jnp.abs(x[None] - lost) < 1e-3, axis=1))
        return jnp.where(gone, jnp.nan, loss(x))

    updates, state = one_step(optimizer, start, value_fn=partial_loss)
    last = np.asarray(drawn[2])
    assert not any(abs(last @ row) == 3 for row in np.asarray(drawn[:2]))  # another direction
    slope = (plain_loss(start + 0.2 * last) - plain_loss(start - 0.2 * last)) / 0.4
    # The Hessian's estimate has no sample yet, and is the identity.
    assert error(updates, -0.1 * slope * last / (1.01 if second_order else 1)) < 1e-4
    nowhere, state = one_step(optimizer, start, value_fn=lambda x: jnp.nan * x[0])
    assert error(nowhere, np.zeros(3)) == 0
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(state))


def test_calibration_without_numbers() -> None:
    half = lambda x: jnp.where(x[0] > 0.4, jnp.nan, x[0])  # noqa: E731
    with pytest.raises(ValueError, match="value_fn: no finite number at any point"):
        calibrate_spsa(half, START, KEY)
    compiled = jax.jit(lambda x: calibrate_spsa(lambda x: jnp.nan * x[0], x, KEY)[0].scale)
    assert np.isnan(compiled(START))


@pytest.mark.parametrize("second_order", [False, True])
def test_no_weights(second_order: bool) -> None:
    optimizer, none = spsa(0.1, key=KEY, second_order=second_order), jnp.zeros(0)
    assert one_step(optimizer, none, value_fn=jnp.sum)[0].shape == (0,)
    assert calibrate_spsa(jnp.sum, none, KEY)[0].scale > 0


@pytest.mark.parametrize(
    ("kind", "expected", "arguments"),
    [
        (ValueError, "learning_rate: expected a positive number, got -1", {"learning_rate": -1}),
        (ValueError, "learning_rate: .* got nan", {"learning_rate": float("nan")}),
        (TypeError, "learning_rate: got str", {"learning_rate": "fast"}),
        (ValueError, "perturbation: expected a positive number, got 0", {"perturbation": 0}),
        (ValueError, "perturbation.scale: .* got 0", {"perturbation": PowerSeries(0.0, 1.0)}),
        (TypeError, "perturbation.exponent: got str", {"perturbation": PowerSeries(1.0, "a")}),
        (ValueError, "perturbation.offset: .*-1", {"perturbation": PowerSeries(1.0, 1.0, -1)}),
        (TypeError, "key: expected one JAX random key", {"key": 3}),
        (ValueError, "resamplings: expected a whole number of at least 1", {"resamplings": 0}),
        (ValueError, "hessian_delay: expected a whole number", {"hessian_delay": -1}),
        (TypeError, "second_order: expected True or False", {"second_order": "no"}),
        (TypeError, "blocking: expected True or False", {"blocking": 1}),
        (TypeError, "trust_region: expected True or False", {"trust_region": None}),
        (ValueError, "allowed_increase: .* at least 0, got -0.1", {"allowed_increase": -0.1}),
        (ValueError, "regularization: expected a positive", {"regularization": 0.0}),
    ],
)
def test_wrong_arguments(kind: type, expected: str, arguments: dict) -> None:
    with pytest.raises(kind, match=expected):
        spsa(**{"learning_rate": 0.1, "key": KEY, **arguments})


@pytest.mark.parametrize(
    ("kind", "expected", "params", "value_fn"),
    [
        (ValueError, r"params: got None; .* value_fn=loss\)", None, loss),
        (ValueError, r"value_fn: got None; .* value_fn=loss\)", START, None),
        (TypeError, "value_fn: expected a function", START, 3.0),
        (ValueError, r"value_fn: .* one number, got an array of shape \(3,\)", START, jnp.cos),
        (TypeError, "params: .*expected real", START > 0, loss),
        (TypeError, "params: .*expected real", {"a": "b"}, loss),
    ],
)
def test_wrong_updates(kind: type, expected: str, params: object, value_fn: object) -> None:
    optimizer = spsa(0.1, key=KEY)
    for transformation in (optimizer, spsa_gradient(key=KEY)):
        with pytest.raises(kind, match=expected):
            transformation.update(None, optimizer.init(START), params, value_fn=value_fn)
    blocking = spsa(0.1, key=KEY, blocking=True)
    with pytest.raises(ValueError, match="value: expected the loss at the weights, one number"):
        blocking.update(None, blocking.init(START), START, value_fn=loss, value=np.ones(2))
