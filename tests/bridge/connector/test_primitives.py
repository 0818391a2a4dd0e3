"""The connector on networks whose values come from one of Qiskit's primitives."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from qiskit.primitives import StatevectorEstimator

import qjax
from bridge import TorchConnector
from qjax.primitives import Estimator, Sampler
from tests.networks import SMALL, batched, expectations, jacobians, readout


@pytest.mark.parametrize("primitive", [StatevectorEstimator(), Estimator()])
def test_gradients(primitive: Any) -> None:
    """Weights and inputs get Qiskit's derivatives; a copy of the module has the same primitive."""
    network = SMALL["shuffled"]()
    inputs, weights = network.data(3)
    arguments = {**network.arguments, "observables": network.observables}
    qnn = qjax.EstimatorQNN(**arguments, estimator=primitive, input_gradients=True)
    module = copy.deepcopy(TorchConnector(qnn, weights).double())
    assert module.neural_network == qnn
    x = torch.tensor(inputs, requires_grad=True)
    output = module(x)
    output.sum().backward()
    function = readout(expectations, network)
    by_input, by_weight = jacobians(function, inputs, weights)
    np.testing.assert_allclose(
        output.detach(), batched(function, inputs, module.weight.detach().numpy()), atol=1e-12
    )
    np.testing.assert_allclose(x.grad, by_input.sum(axis=1), atol=1e-6)
    np.testing.assert_allclose(module.weight.grad, by_weight.sum(axis=(0, 1)), atol=1e-6)


def test_a_hybrid_model_trains_on_a_sampler() -> None:
    """Trained on samples, it classifies by exact probabilities too."""
    torch.manual_seed(0)
    options = {"interpret": lambda i: i.bit_count() % 2, "output_shape": 2}
    ansatz = SMALL["tutorial"]()
    qnn = qjax.SamplerQNN(
        **ansatz.arguments, **options, sampler=Sampler(seed=0), shots=2000, input_gradients=True
    )
    layer = TorchConnector(qnn)
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), layer)
    x = torch.rand(40, 2) * 2 - 1
    y = (x.sum(axis=1) > 0).long()
    adam = torch.optim.Adam(model.parameters(), lr=0.1)
    for _ in range(40):
        adam.zero_grad()
        loss = torch.nn.functional.nll_loss(torch.log(model(x) + 1e-3), y)
        loss.backward()
        adam.step()
    simulated = torch.nn.Sequential(model[0], TorchConnector(qnn.exact(), layer.weight))
    assert (simulated(x).argmax(axis=1) == y).float().mean() > 0.85
