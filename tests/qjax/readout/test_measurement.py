"""Draws from given probabilities: how exact they are, whatever the number of outcomes."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from qiskit import QuantumCircuit
from scipy import stats

import qjax
from qjax._readout.measurement import (
    MOST_SHOTS,
    bits_of,
    check_shots,
    choices_of,
    draw_states,
    in_parts,
)

KEY = jax.random.key(3)


def drawn_from(probabilities: np.ndarray) -> np.ndarray:
    """The distribution that the tables of whole numbers stand for, in double."""
    found = np.ones(1)
    for table in choices_of(jnp.asarray(probabilities)):
        ends = np.asarray(table)
        widths = np.diff(ends, axis=1, prepend=ends.dtype.type(0)) / np.maximum(ends[:, -1:], 1)
        found = (found[:, None] * widths).ravel()
    return found


def shapes_of(num_bits: int) -> dict[str, np.ndarray]:
    random, size = np.random.default_rng(num_bits), 2**num_bits
    peaked = np.full(size, 1e-10)
    peaked[size // 3] = 1
    holes = random.exponential(size=size) * (random.random(size) < 0.5)
    return {"even": np.full(size, 1 / size), "random": holes / holes.sum(), "peaked": peaked}


@pytest.mark.parametrize("num_bits", [3, 12, 20])
@pytest.mark.parametrize("shape", ["even", "random", "peaked"])
def test_no_number_of_shots_tells_the_difference(num_bits: int, shape: str) -> None:
    """Each bit, and all bits together, are off by less than 2**31 shots can show."""
    given = shapes_of(num_bits)[shape].astype(np.float32)
    exact = given.astype(np.float64) / given.astype(np.float64).sum()
    found = drawn_from(given)
    assert not found[exact == 0].any()
    assert np.abs(found - exact).sum() / 2 < 2e-6
    for bit in range(num_bits):
        ones = np.arange(2**num_bits) >> bit & 1 == 1
        chance = exact[ones].sum()
        assert abs(found[ones].sum() - chance) < 2 * np.sqrt(chance / 2**31)


def test_double_precision_is_kept() -> None:
    with jax.enable_x64(True):
        given = shapes_of(13)["peaked"]
        found = drawn_from(given)
    np.testing.assert_allclose(found, given / given.sum(), rtol=1e-8)


@pytest.mark.parametrize("num_bits", [3, 14])
@pytest.mark.parametrize("x64", [False, True])
def test_draws_follow_the_probabilities(num_bits: int, x64: bool) -> None:
    with jax.enable_x64(x64):
        given = shapes_of(num_bits)["random"]
        chances = jnp.asarray(given, jnp.float64 if x64 else jnp.float32)
        states = np.asarray(draw_states(choices_of(chances), 100_000, KEY))
    counts = np.bincount(states, minlength=len(given))
    assert not counts[given == 0].any()
    common = given * 100_000 > 5
    expected = given[common] / given[common].sum() * counts[common].sum()
    assert stats.chisquare(counts[common], expected).pvalue > 1e-4


def test_no_qubits_have_one_state() -> None:
    assert not np.asarray(draw_states(choices_of(jnp.ones(1)), 5, KEY)).any()


def test_a_batch_of_distributions() -> None:
    rows = jnp.asarray(np.eye(4, dtype=np.float32))
    draw = jax.jit(jax.vmap(lambda row, key: draw_states(choices_of(row), 7, key)))
    states = draw(rows, jax.random.split(KEY, 4))
    np.testing.assert_array_equal(states, np.repeat(np.arange(4), 7).reshape(4, 7))


@pytest.mark.parametrize("shots", [10, 20, 25])
def test_parts_fill_their_axis(shots: int) -> None:
    def draw(key: jax.Array, count: int) -> tuple[jax.Array, jax.Array]:
        uniform = jax.random.uniform(key, (3, count))
        return uniform, 1 + uniform

    first, second = in_parts(draw, KEY, shots, 10, axis=1)
    assert first.shape == (3, shots)
    assert len(np.unique(first)) == 3 * shots
    np.testing.assert_array_equal(second, 1 + first)


def test_shots_beyond_32_bits_are_refused() -> None:
    assert check_shots(MOST_SHOTS) == 2**31
    with pytest.raises(ValueError, match=r"at most 2\*\*31"):
        check_shots(2**31 + 1)


def test_samples_take_their_own_size_and_no_more() -> None:
    """2**31 shots of one bit are 2 GiB, and what is needed to draw them does not grow."""
    lowered = jax.jit(lambda key: qjax.sample(QuantumCircuit(1), (), 2**31, key)).lower(KEY)
    memory = lowered.compile().memory_analysis()
    assert memory.output_size_in_bytes == 2**31
    assert memory.temp_size_in_bytes < 2**25


@pytest.mark.parametrize("bits", [[], [0], [2, None, 0, 0], [None, None]])
def test_bits_of_states(bits: list[int | None]) -> None:
    states = np.arange(8)
    expected = [[0 if bit is None else int(f"{s:03b}"[2 - bit]) for bit in bits] for s in states]
    found = bits_of(jnp.asarray(states), bits)
    assert (found.dtype, found.shape) == (np.uint8, (8, len(bits)))
    assert found.tolist() == expected


def test_programs_do_not_grow_with_classical_bits() -> None:
    """They took half a minute to compile for ten thousand."""
    lengths = [
        len(jax.make_jaxpr(lambda s, n=n: bits_of(s, [None] * n + [0]))(np.arange(4)).eqns)
        for n in (1, 1000)
    ]
    assert lengths[0] == lengths[1]
