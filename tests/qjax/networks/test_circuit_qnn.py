"""Sampling networks: shapes, reproducibility, and the distribution against Qiskit's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest
from scipy.stats import chisquare

import qjax
from tests import networks
from tests.circuits import DOUBLE_TOLERANCE, error
from tests.networks import Network

SHOTS = 4000


def network_of(network: Network, **options: Any) -> qjax.CircuitQNN:
    return qjax.CircuitQNN(network.circuit, network.inputs, network.weights, **options)


def sampling(network: Network | None = None, **options: Any) -> qjax.CircuitQNN:
    return network_of(network or networks.tutorial(), **{"sampling": True, "shots": 7, **options})


def ones(integer: int) -> int:
    return integer.bit_count()


def digits(integer: int) -> tuple[int, int]:
    return integer >> 1, integer & 1


def p_value(samples: np.ndarray, probabilities: np.ndarray) -> float:
    """Pearson's chi-square test of integers against their probabilities."""
    counts = np.bincount(samples, minlength=len(probabilities))
    possible = probabilities > 1e-15
    assert counts[~possible].sum() == 0  # what cannot happen never does
    return chisquare(counts[possible], counts.sum() * probabilities[possible]).pvalue


@pytest.mark.parametrize(
    ("interpret", "width"), [(None, 1), (ones, 1), (lambda i: (i,), 1), (digits, 2)]
)
@pytest.mark.parametrize("batch", [(), (1,), (3,), (2, 3)])
def test_shape(batch: tuple[int, ...], interpret: Callable[[int], Any] | None, width: int) -> None:
    qnn = sampling(interpret=interpret)
    assert qnn.sampling
    assert qnn.output_shape == (7, width)
    samples = qnn.forward(*networks.tutorial().data(*batch))
    assert isinstance(samples, np.ndarray)
    assert samples.shape == (*(batch or (1,)), 7, width)
    assert np.issubdtype(samples.dtype, np.integer)


@pytest.mark.parametrize("name", ["tutorial", "controlled"])
def test_every_sample_of_a_batch_follows_its_own_distribution(name: str) -> None:
    network = networks.SMALL[name]()
    x, w = network.data(3)
    samples = sampling(network, shots=SHOTS, seed=1).forward(x, w)
    for row, drawn in zip(x, samples[..., 0], strict=True):
        assert p_value(drawn, networks.probabilities(network, row, w)) > 1e-3


def test_the_chi_square_test_would_notice_the_wrong_distribution() -> None:
    network = networks.tutorial()
    x, w = network.data(2)
    samples = sampling(network, shots=SHOTS, seed=1).forward(x, w)[..., 0]
    assert p_value(samples[0], networks.probabilities(network, x[1], w)) < 1e-9


def test_equal_inputs_are_sampled_independently() -> None:
    network = networks.tutorial()
    x, w = network.data()
    first, second = sampling(network, shots=SHOTS, seed=2).forward(np.stack([x, x]), w)[..., 0]
    expected = networks.probabilities(network, x, w)
    pairs = p_value(4 * first + second, np.outer(expected, expected).ravel())
    assert pairs > 1e-3


def test_single_and_double_precision_sample_the_same_distribution() -> None:
    network = networks.tutorial()
    x, w = (values.astype(np.float32) for values in network.data(1))
    samples = sampling(network, shots=SHOTS, seed=3).forward(x, w)[0, :, 0]
    assert p_value(samples, networks.probabilities(network, x[0], w)) > 1e-3


def test_interpret_maps_every_sample() -> None:
    x, w = networks.tutorial().data(3)
    plain = sampling(seed=5).forward(x, w)[..., 0]
    assert (
        error(sampling(seed=5, interpret=ones).forward(x, w)[..., 0], np.bitwise_count(plain)) == 0
    )
    pairs = sampling(seed=5, interpret=digits).forward(x, w)
    assert error(pairs, np.stack([plain >> 1, plain & 1], axis=-1)) == 0
    negative = sampling(seed=5, interpret=lambda i: -i - 10**12).forward(x, w)[..., 0]
    assert error(negative, -plain - 10**12) == 0


def test_classical_bits_make_the_integer() -> None:
    """Qubit 2 stands in clbit 0, qubit 0 in clbit 2; clbit 1 stays 0."""
    network = networks.measured()
    x, w = network.data(1)
    samples = sampling(network, shots=SHOTS, seed=1).forward(x, w)[0, :, 0]
    pair = networks.state(network, x[0], w).probabilities([2, 0])
    expected = np.zeros(8)
    expected[[0, 1, 4, 5]] = pair
    assert p_value(samples, expected) > 1e-3


def test_a_network_without_inputs() -> None:
    network = networks.weights_only()
    _, w = network.data()
    samples = sampling(network, shots=SHOTS, seed=1).forward(None, w)
    assert samples.shape == (1, SHOTS, 1)
    expected = networks.probabilities(network, np.zeros(0), w)
    assert p_value(samples[0, :, 0], expected) > 1e-3


def test_a_seed_fixes_the_samples() -> None:
    x, w = networks.tutorial().data(3)
    first, again, other = (sampling(shots=50, seed=s).forward(x, w) for s in (1, 1, 2))
    assert error(first, again) == 0
    assert error(first, other) > 0
    qnn = sampling(shots=50, seed=1)
    assert error(qnn.forward(x, w), first) == 0
    assert error(qnn.forward(x, w), first) == 0


def test_without_a_seed_every_call_draws_afresh() -> None:
    x, w = networks.tutorial().data(3)
    qnn = sampling(shots=100)
    first, second = qnn.forward(x, w), qnn.forward(x, w)
    assert error(first, second) > 0


def test_a_key_fixes_the_samples_whatever_the_seed() -> None:
    x, w = networks.tutorial().data(3)
    one, two = (sampling(shots=50, seed=seed) for seed in (1, None))
    drawn = [qnn.sample(x, w, jax.random.key(8)) for qnn in (one, two, one)]
    assert error(drawn[0], drawn[1]) == 0
    assert error(drawn[0], drawn[2]) == 0
    assert error(drawn[0], one.sample(x, w, jax.random.key(9))) > 0


@pytest.mark.parametrize("seed", [0, 2**31, 2**40 + 1, -1])
def test_large_and_negative_seeds(seed: int) -> None:
    x, w = networks.tutorial().data(1)
    qnn = sampling(shots=50, seed=seed)
    assert error(qnn.forward(x, w), qnn.forward(x, w)) == 0


def test_an_empty_batch() -> None:
    assert sampling().forward(np.zeros((0, 2)), np.zeros(4)).shape == (0, 7, 1)


def test_a_network_of_probabilities_can_be_sampled_too() -> None:
    x, w = networks.tutorial().data(3)
    qnn = network_of(networks.tutorial(), interpret=digits, output_shape=(2, 2), shots=9, seed=5)
    assert not qnn.sampling
    samples = qnn.sample(x, w)
    assert samples.shape == (3, 9, 2)
    assert error(samples, sampling(interpret=digits, shots=9, seed=5).sample(x, w)) == 0
    assert qnn.forward(x, w).shape == (3, 2, 2)


def test_a_network_of_probabilities_with_unused_clbits_can_be_sampled() -> None:
    network = networks.measured()
    x, w = network.data(1)
    samples = network_of(network, shots=200, seed=1).sample(x, w)
    assert set(np.unique(samples)) == {0, 1, 4, 5}


def test_samples_have_no_gradients() -> None:
    x, w = networks.tutorial().data(3)
    assert sampling(input_gradients=True).backward(x, w) == (None, None)


@pytest.mark.parametrize("method", ["probabilities", "probability_gradients"])
def test_a_sampling_network_has_no_probabilities(method: str) -> None:
    with pytest.raises(ValueError, match=rf"(?s){method}.*sampling"):
        getattr(sampling(), method)(*networks.tutorial().data(1))


def test_a_sampling_network_is_no_pure_function() -> None:
    x, w = (values.astype(np.float32) for values in networks.tutorial().data(1))
    with pytest.raises(ValueError, match=r"(?s)apply.*sampling"):
        sampling().apply(w, x)


def test_sampling_leaves_the_probabilities_of_others_alone() -> None:
    """Two networks of one circuit share what is compiled."""
    x, w = networks.tutorial().data(3)
    sampling(seed=1).forward(x, w)
    outputs = network_of(networks.tutorial()).forward(x, w)
    expected = networks.batched(networks.readout(networks.probabilities, networks.tutorial()), x, w)
    assert error(outputs, expected) < DOUBLE_TOLERANCE


def test_all_bits_of_a_seed_count() -> None:
    seeds = (1, 1 + 2**32, -1, 2**32 - 1)
    circuit = qjax.from_qasm('OPENQASM 2.0; include "qelib1.inc"; qreg q[4]; h q;')
    drawn = [
        qjax.CircuitQNN(circuit, sampling=True, shots=50, seed=seed).forward(None, None)
        for seed in seeds
    ]
    assert len(np.unique(np.reshape(drawn, (len(seeds), -1)), axis=0)) == len(seeds)
