"""The rule of convergence, against the same in NumPy on whole histories."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from qjax.training import Plateau


@pytest.mark.parametrize("seed", range(4))
def test_rule(seed: int) -> None:
    window, rng = 5, np.random.default_rng(seed)
    losses = np.exp(-0.1 * np.arange(60)) + 0.05 * rng.normal(size=60)
    rule, answers = Plateau(window), []
    for step in range(60):
        last = losses[max(0, step + 1 - 2 * window) : step + 1]
        padded = np.pad(last, (2 * window - len(last), 0), constant_values=np.nan)
        reached = rule.is_reached(jnp.asarray(padded, jnp.float32), jnp.asarray(step))
        late, before = last[-window:], last[:-window]
        expected = step > 2 * window and abs(before.mean() - late.mean()) <= late.std() / (
            2 * np.sqrt(window)
        )
        assert bool(reached) == expected
        answers.append(expected)
    assert True in answers


@pytest.mark.parametrize("window", [0, 2.5, True, "200", None])
def test_windows_are_whole_numbers(window: object) -> None:
    with pytest.raises(ValueError, match="window: expected a whole number of at least 1"):
        Plateau(window)  # type: ignore[arg-type]


@pytest.mark.parametrize("loss", [0.1, 1 / 3, 4.5, -1.0])
def test_losses_that_only_rounding_tells_apart(loss: float) -> None:
    losses = np.float32(loss) * (1 + np.array([0, 1, -1, 0, 1, 0, 0, 1, 0, -1]) * np.float32(6e-8))
    rule, step = Plateau(5), jnp.asarray(11)
    assert rule.is_reached(jnp.asarray(losses, jnp.float32), step)
    assert rule.is_reached(jnp.full(10, loss, jnp.float32), step)
    assert not rule.is_reached(jnp.full(10, loss).at[:5].add(1e-4), step)
