"""Networks of probabilities on Qiskit's samplers."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.primitives import StatevectorSampler

import qjax
from qjax.primitives import Sampler
from tests.networks import SMALL, batched, readout
from tests.qjax.qnns import parity, sampled, sampler
from tests.qjax.remote.on_primitives import on_sampler


@pytest.mark.parametrize("primitive", [StatevectorSampler, Sampler])
def test_frequencies(primitive: type) -> None:
    """Within five standard errors of Qiskit's probabilities, derivatives of the exact ones."""
    name, shots = "measured", 10_000
    network = on_sampler(name, primitive(seed=0), shots=shots, input_gradients=True)
    inputs, weights = SMALL[name]().data(2)
    found = network.forward(inputs, weights)
    expected = batched(readout(sampled, SMALL[name]()), inputs, weights)
    np.testing.assert_allclose(found, expected, atol=2.5 / np.sqrt(shots))
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-12)
    exact = sampler(name, input_gradients=True).backward(inputs, weights)
    for left, right in zip(network.backward(inputs, weights), exact, strict=True):
        np.testing.assert_allclose(left, right, atol=10 / np.sqrt(shots))
    compiled = jax.jit(network.apply)(weights.astype("f4"), inputs.astype("f4"))
    np.testing.assert_allclose(compiled, expected, atol=2.5 / np.sqrt(shots))


def test_interpret_and_sparse() -> None:
    options = {"interpret": parity, "output_shape": 2, "sparse": True, "shots": 4000}
    network = on_sampler("tutorial", Sampler(seed=1), **options)
    inputs, weights = SMALL["tutorial"]().data(3)
    exact = network.exact()
    assert exact == sampler("tutorial", interpret=parity, output_shape=2, sparse=True)
    for found, expected in (
        (network.forward(inputs, weights), exact.forward(inputs, weights)),
        (network.backward(inputs, weights)[1], exact.backward(inputs, weights)[1]),
    ):
        assert found.shape == expected.shape
        np.testing.assert_allclose(found.todense(), expected.todense(), atol=0.15)


def test_samples_of_a_measured_circuit() -> None:
    """Clbit 0 shows qubit 2, clbit 2 qubit 0, clbit 1 nothing."""
    arguments = SMALL["measured"]().arguments
    options = {"sampling": True, "shots": 8000}
    network = qjax.CircuitQNN(**arguments, **options, sampler=StatevectorSampler(seed=3))
    inputs, weights = SMALL["measured"]().data(2)
    samples = network.forward(inputs, weights)
    assert samples.shape == (2, 8000, 1)
    expected = batched(readout(sampled, SMALL["measured"]()), inputs, weights)
    for found, probabilities in zip(samples[..., 0], expected, strict=True):
        np.testing.assert_allclose(np.bincount(found, minlength=8) / 8000, probabilities, atol=0.03)
    assert network.exact() == qjax.CircuitQNN(**arguments, **options)
    with pytest.raises(ValueError, match="key: the sampler draws"):
        network.sample(inputs, weights, jax.random.key(0))


def test_a_few_measured_qubits_of_a_wide_circuit() -> None:
    """Of 40 qubits, two are measured: no table of all basis states is made."""
    angle = Parameter("a")
    circuit = QuantumCircuit(40, 2)
    circuit.ry(angle, 35)
    circuit.cx(35, 3)
    circuit.measure([35, 3], [0, 1])
    narrow = QuantumCircuit(2, 2)
    narrow.ry(angle, 0)
    narrow.cx(0, 1)
    narrow.measure([0, 1], [0, 1])

    class Narrow(StatevectorSampler):
        """Runs what is equivalent on two qubits."""

        def run(self, pubs: Any, *, shots: int | None = None) -> Any:
            ((sent, values),) = pubs
            assert sent.num_qubits == 40
            return super().run([(narrow, values)], shots=shots)

    network = qjax.SamplerQNN(circuit=circuit, weight_params=[angle], sampler=Narrow(seed=0))
    found = network.forward(None, [2 * np.pi / 3])
    np.testing.assert_allclose(found, [[0.25, 0, 0, 0.75]], atol=0.05)
    exact = network.exact().forward(None, [2 * np.pi / 3])
    np.testing.assert_allclose(exact, [[0.25, 0, 0, 0.75]], atol=1e-12)
