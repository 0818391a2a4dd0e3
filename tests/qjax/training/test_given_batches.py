"""Batches that the caller chose, as another program drew them."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch

from qjax.training import minimize, minimize_many

rng = np.random.default_rng(5)
POINTS, TARGETS = rng.normal(size=(12, 3)).astype("f"), rng.normal(size=12).astype("f")
POSITIONS = rng.integers(12, size=(7, 4))


def loss(weights, batch):
    x, y = batch
    return jnp.mean((x @ weights - y) ** 2)


def by_torch(positions: np.ndarray) -> np.ndarray:
    """The same steps, by torch's loop."""
    weights = torch.zeros(3, requires_grad=True)
    optimizer = torch.optim.SGD([weights], lr=0.1)
    x, y = torch.tensor(POINTS), torch.tensor(TARGETS)
    for rows in positions:
        optimizer.zero_grad()
        ((x[rows] @ weights - y[rows]) ** 2).mean().backward()
        optimizer.step()
    return weights.detach().numpy()


@pytest.mark.parametrize("steps_per_call", [None, 3])
def test_as_torch_with_the_same_batches(steps_per_call: int | None) -> None:
    trained = minimize(
        loss,
        np.zeros(3, "f"),
        optax.sgd(0.1),
        (POINTS, TARGETS),
        steps=7,
        sampling=POSITIONS,
        steps_per_call=steps_per_call,
    )
    np.testing.assert_allclose(trained.weights, by_torch(POSITIONS), atol=1e-6)


def test_each_run_its_own() -> None:
    positions = np.stack([POSITIONS, POSITIONS[::-1]])
    rows = np.stack([np.arange(12), np.roll(np.arange(12), 5)])
    trained = minimize_many(
        loss,
        np.zeros((2, 3), "f"),
        optax.sgd(0.1),
        (POINTS, TARGETS),
        steps=7,
        rows=rows,
        sampling=positions,
    )
    for weights, own, seen in zip(trained.weights, positions, rows, strict=True):
        np.testing.assert_allclose(weights, by_torch(seen[own]), atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"sampling": POSITIONS[:6]}, ValueError, r"at least 7 steps .* got \(6, 4\)"),
        ({"sampling": POSITIONS[0]}, ValueError, r"shape \(steps, batch\)"),
        ({"sampling": POSITIONS + 1}, ValueError, "positions from 0 to 11, got . to 12"),
        ({"sampling": POSITIONS / 2}, TypeError, "positions of rows, whole numbers, got"),
        ({"sampling": None}, TypeError, "expected one of .'epochs', 'replacement'.*got None"),
        ({"batch_size": 4}, ValueError, "batch_size: got 4; expected None"),
    ],
)
def test_bad_positions(changes: dict, error: type[Exception], message: str) -> None:
    options = {"steps": 7, "sampling": POSITIONS, **changes}
    with pytest.raises(error, match=message):
        minimize(loss, np.zeros(3, "f"), optax.sgd(0.1), (POINTS, TARGETS), **options)
