"""SPSA: simultaneous perturbations, drawn from the seed and the point."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from qiskit.primitives import StatevectorEstimator

from qjax.gradients import SPSA
from qjax.primitives import Estimator
from tests import networks
from tests.circuits import error
from tests.networks import SMALL, readout
from tests.qjax.qnns import estimator
from tests.qjax.remote.on_primitives import on_estimator


@pytest.mark.parametrize("with_inputs", [False, True])
def test_spsa_tends_to_the_gradient(with_inputs: bool) -> None:
    """The standard error of each component is at most the norm of the gradient over 50."""
    choice = SPSA(1e-3, 2500, seed=2)
    options = {"gradient": choice, "input_gradients": with_inputs}
    network = on_estimator("shuffled", Estimator(), **options)
    inputs, weights = SMALL["shuffled"]().data(2)
    expected = estimator("shuffled", input_gradients=with_inputs).backward(inputs, weights)
    norm = np.sqrt(sum(np.sum(np.square(each)) for each in expected if each is not None))
    for found, exact in zip(network.backward(inputs, weights), expected, strict=True):
        assert (found is None) == (exact is None)
        assert found is None or error(found, exact) < 5 * norm / 50


def test_spsa_of_one_parameter_is_a_difference(x64: None) -> None:
    """Either direction gives the same quotient: a difference of Qiskit's values."""
    network = on_estimator("inputs only", StatevectorEstimator(), gradient=SPSA(0.1))
    function = readout(networks.expectations, SMALL["inputs only"]())
    at = np.array([0.4])
    expected = (function(at + 0.1, np.zeros(0)) - function(at - 0.1, np.zeros(0))) / 0.2
    for derivative in (jax.jacfwd, jax.jacrev):
        found = derivative(lambda x: network.apply((), x))(at)
        np.testing.assert_allclose(found[:, 0], expected, atol=1e-12)


def test_spsa_draws_from_seed_and_point(x64: None) -> None:
    inputs, weights = SMALL["tutorial"]().data(3)

    def signs(weights: np.ndarray, seed: int) -> np.ndarray:
        network = on_estimator("tutorial", Estimator(), gradient=SPSA(1e-3, seed=seed))
        found = network.backward(inputs, weights)[1][:, 0]
        return np.sign(found * found[:, :1])

    network = on_estimator("tutorial", Estimator(), gradient=SPSA(1e-3))
    compiled = jax.jit(jax.jacrev(network.apply))(weights, inputs)
    np.testing.assert_allclose(network.backward(inputs, weights)[1], compiled, atol=1e-9)
    first = signs(weights, 0)
    np.testing.assert_array_equal(first, signs(weights, 0))
    assert (first != signs(weights, 1)).any()
    assert (first != signs(weights + 1e-6, 0)).any()
    assert (first[0] != first[1]).any() or (first[0] != first[2]).any()
