"""Drawn counts: their distribution, and that they are drawn anew for each key and sample."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import chi2

from qjax._readout import frequencies_of
from qjax._readout.shot_frequencies import _counts

KEYS = jax.random.split(jax.random.key(7), 1000)


def some_probabilities(outcomes, batch=1):
    drawn = np.random.default_rng(outcomes).exponential(size=(outcomes, batch))
    drawn[4::5] = 0
    return (drawn / drawn.sum(axis=0)).astype(np.float32)


def by_words(probabilities, shots):
    words = jax.vmap(lambda key: jax.random.bits(key, (4,), jnp.uint32))(KEYS)
    return jax.jit(jax.vmap(lambda own: _counts(probabilities, own, shots)))(words)


def by_keys(probabilities, shots):
    draw = jax.vmap(lambda key: frequencies_of(probabilities, shots, key))
    return jax.jit(draw)(KEYS) * shots


@pytest.mark.parametrize("draw", [by_words, by_keys])
@pytest.mark.parametrize(("outcomes", "shots"), [(2, 1024), (7, 100), (64, 50), (3, 1)])
def test_counts_are_multinomial(draw, outcomes, shots):
    probabilities = some_probabilities(outcomes)
    counts = np.asarray(draw(jnp.asarray(probabilities), shots), np.float64)[:, :, 0]
    np.testing.assert_allclose(counts.sum(axis=1), shots, atol=1e-3 * shots)
    likely = probabilities[:, 0] > 0
    assert not counts[:, ~likely].any()
    expected = len(KEYS) * shots * probabilities[likely, 0].astype(np.float64)
    total = counts[:, likely].sum(axis=0)
    # Of all shots together; and of the spread of each draw by itself, which too even ones fail too.
    value = chi2.sf(((total - expected) ** 2 / expected).sum(), likely.sum() - 1)
    assert value > 1e-4
    mean = expected / len(KEYS)
    spread = (((counts[:, likely] - mean) ** 2) / mean).mean() / (1 - 1 / likely.sum())
    error = np.sqrt(2 / (len(KEYS) * (likely.sum() - 1))) + 1 / np.sqrt(len(KEYS) * mean.min())
    assert abs(spread - 1) < 5 * error


def test_covariances_are_those_of_shots():
    probabilities, shots = some_probabilities(6), 200
    shares = np.asarray(by_keys(jnp.asarray(probabilities), shots), np.float64)[:, :, 0] / shots
    p = probabilities[:, 0].astype(np.float64)
    exact = (np.diag(p) - np.outer(p, p)) / shots
    error = np.sqrt((np.outer(np.diag(exact), np.diag(exact)) + exact**2) / len(KEYS))
    assert (np.abs(np.cov(shares.T) - exact) <= 5 * error + 1e-12).all()


@pytest.mark.parametrize("outcomes", [2, 64])
def test_samples_of_a_batch_are_independent(outcomes):
    probabilities = jnp.full((outcomes, 64), 1 / outcomes, jnp.float32)
    first = np.asarray(by_keys(probabilities, 100))[:, 0]
    correlations = np.corrcoef(first.T) - np.eye(64)
    assert np.abs(correlations).max() < 5.5 / np.sqrt(len(KEYS))


@pytest.mark.parametrize("impl", ["threefry2x32", "rbg"])
def test_keys_of_neighbouring_seeds_are_independent(impl):
    probabilities, count = jnp.full((2, 8), 0.5, jnp.float32), 3000
    keys = jax.vmap(partial(jax.random.key, impl=impl))(jnp.arange(count))
    heads = np.asarray(jax.jit(jax.vmap(lambda key: frequencies_of(probabilities, 100, key)))(keys))
    spread = (heads[:, 0] - 0.5) * np.sqrt(4 * 100)
    assert abs(spread.mean()) < 5 / np.sqrt(spread.size)
    assert abs(spread.var() - 1) < 5 * np.sqrt(2 / spread.size)
    for distance in (1, 2, 8):
        product = (spread[distance:] * spread[:-distance]).mean()
        assert abs(product) < 5 / np.sqrt(spread[distance:].size)


@pytest.mark.parametrize("tiny", [0.0, 1e-15, 1e-16, 1e-17, 1e-30])
def test_what_rounding_left_is_not_drawn_in_place_of_what_is_certain(tiny):
    given = jnp.array([[1.0, tiny], [tiny, 1.0]], jnp.float32)
    assert np.array_equal(frequencies_of(given, 1000, KEYS[0]), np.eye(2))


def test_missing_numbers_stay_missing_and_derivatives_are_those_of_probabilities():
    given = jnp.array([[0.5, jnp.nan, 0.0], [0.5, 1.0, 1.0]], jnp.float32)
    shares = frequencies_of(given, 10, KEYS[0])
    assert np.isnan(shares[:, 1]).all()
    counts = _counts(given, jax.random.bits(KEYS[1], (4,), jnp.uint32), 10)
    np.testing.assert_array_equal(np.isnan(counts), np.isnan(shares))
    assert np.array_equal(shares[:, 2], [0, 1])
    jacobian = jax.jacrev(lambda p: frequencies_of(p, 10, KEYS[0]))(given[:, ::2])
    np.testing.assert_array_equal(np.asarray(jacobian).reshape(4, 4), np.eye(4))


def test_draws_where_nothing_is_compiled() -> None:
    with jax.disable_jit():
        found = frequencies_of(jnp.array([[0.25], [0.75]]), 10**6, jax.random.key(0))
    assert abs(found[0, 0] - 0.25) < 0.003
