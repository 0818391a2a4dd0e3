"""Extrapolation to no noise: against numpy.polyfit, closed forms and finite differences."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from qjax import Circuit
from qjax.mitigation import extrapolate, zero_noise_extrapolation
from qjax.operations import gate

RANDOM = np.random.default_rng(0)
FACTORS = np.array([1, 1.5, 2, 3.5, 4])
VALUES = RANDOM.normal(size=(5, 2, 3))


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("order", range(5))
def test_polynomials_are_those_of_numpy(order: int) -> None:
    expected = np.polyfit(FACTORS, VALUES.reshape(5, 6), order)[-1].reshape(2, 3)
    assert np.allclose(extrapolate(FACTORS, VALUES, order), expected, atol=1e-11)
    if order == 4:
        assert np.allclose(extrapolate(FACTORS, VALUES, "richardson"), expected, atol=1e-11)


def test_richardson_has_the_weights_of_the_paper() -> None:
    # Temme, Bravyi and Gambetta, below eq. 4: gamma_j = prod_k c_k / (c_k - c_j).
    weights = [np.prod([c / (c - own) for c in (1, 2, 3) if c != own]) for own in (1, 2, 3)]
    assert np.allclose(extrapolate((1, 2, 3), np.eye(3), "richardson"), weights, atol=1e-5)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("asymptote", [0.0, 0.25])
def test_exponentials_are_met(asymptote: float) -> None:
    heights, rates = np.array([0.7, -0.4, 0]), np.array([0.2, 0.5, 1])
    values = asymptote + heights * np.exp(-rates * FACTORS[:, None])
    found = extrapolate(FACTORS, values, "exponential", asymptote=asymptote)
    assert np.allclose(found, asymptote + heights, atol=1e-12)
    mixed = extrapolate(FACTORS, values * np.array([[1], [-1], [1], [1], [1]]), "exponential")
    assert np.isnan(mixed[:1]).all()


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("order", [2, "exponential"])
def test_derivatives(order: int | str) -> None:
    values = jnp.exp(jnp.array(-VALUES) / 4) * jnp.array([1, -1, 1.0])[None, None]

    def at_zero(values: jax.Array) -> jax.Array:
        return extrapolate(FACTORS, values, order)

    check_grads(jax.jit(at_zero), (values,), 1, ["rev"], rtol=1e-5)
    assert np.allclose(jax.jit(jax.vmap(at_zero, 2, 1))(values), at_zero(values), atol=1e-12)


def test_zero_everywhere_has_finite_derivatives() -> None:
    slope = jax.grad(lambda values: extrapolate((1, 2, 3), values, "exponential"))(jnp.zeros(3))
    assert np.isfinite(slope).all()


@pytest.mark.usefixtures("x64")
def test_circuits_are_folded() -> None:
    circuit = Circuit(1, tuple(gate("ry", 0, 0.1) for _ in range(7)))
    lengths = []

    def decaying(longer: Circuit) -> dict[str, np.ndarray]:
        lengths.append(len(longer.ops))
        return {"value": 0.8 * 0.95 ** np.array(len(longer.ops)), "other": np.ones(2)}

    found = zero_noise_extrapolation(decaying, circuit, (1, 1.5, 3), "exponential")
    assert lengths == [7, 11, 21]  # what 1.5 attains counts
    assert abs(found["value"] - 0.8) < 1e-12
    assert np.allclose(found["other"], 1)
    with pytest.raises(ValueError, match=r"factors: expected distinct.*\[1\.0, 1\.0, 3\.0\]"):
        zero_noise_extrapolation(decaying, circuit, (1, 1.01, 3))


@pytest.mark.parametrize(
    ("factors", "values", "order", "kind", "message"),
    [
        ((1, 2), [1.0, 2, 3], 1, ValueError, r"values: expected shape \(2, \.\.\.\)"),
        ((1,), [1.0], 0, ValueError, "factors: expected two"),
        ((1, 1), [1.0, 2], 1, ValueError, "factors: expected distinct"),
        ((0, 1), [1.0, 2], 1, ValueError, "factors: expected distinct numbers above 0"),
        ((1, np.inf), [1.0, 2], 1, ValueError, "factors: expected two finite"),
        ((1, "2"), [1.0, 2], 1, TypeError, "factors: expected real numbers"),
        ((1, 2), [1.0, 2], 2, ValueError, "order: expected a degree below"),
        ((1, 2), [1.0, 2], True, ValueError, "order: expected a degree below"),
        ((1, 2), [1.0, 2], "linear", ValueError, "order: expected a degree below"),
        ((1, 2), [1j, 2], 1, TypeError, "values: got"),
    ],
)
def test_bad_input(
    factors: object, values: object, order: object, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        extrapolate(factors, values, order)


def test_what_is_scaled_is_a_model_or_a_circuit() -> None:
    with pytest.raises(TypeError, match="model: expected a NoiseModel, or a circuit"):
        zero_noise_extrapolation(lambda model: model, 0.1)
