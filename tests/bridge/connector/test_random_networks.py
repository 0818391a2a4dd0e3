"""Networks whose outputs are drawn, in torch: its generator decides."""

import pytest
import torch
from qiskit.circuit.library import real_amplitudes, z_feature_map
from torch.utils.data import DataLoader, TensorDataset

import qjax
from bridge import TorchConnector


def connector(**options):
    network = qjax.TwoLayerQNN(
        feature_map=z_feature_map(2, reps=1),
        ansatz=real_amplitudes(2, reps=1),
        observable="ZX",
        input_gradients=True,
        shots=100,
        **options,
    )
    return TorchConnector(network, [0.3, -0.2, 1.1, 0.6])


INPUTS = torch.tensor([[0.1, 0.7], [-0.4, 0.2], [1.0, 2.0]])


def test_manual_seed_makes_a_run_reproducible():
    module = connector()

    def run():
        torch.manual_seed(3)
        outputs = [module(INPUTS), module(INPUTS)]
        (gradient,) = torch.autograd.grad(sum(o.square().sum() for o in outputs), module.weight)
        return *outputs, gradient

    first, second = run(), run()
    assert all(torch.equal(x, y) for x, y in zip(first, second, strict=True))
    assert not torch.equal(first[0], first[1])


def test_what_loads_the_data_makes_no_difference():
    module = connector()
    torch.manual_seed(5)
    direct = torch.cat([module(INPUTS[:2]), module(INPUTS[2:])])
    torch.manual_seed(5)
    loader = DataLoader(TensorDataset(INPUTS), batch_size=2, generator=torch.Generator())
    loaded = torch.cat([module(batch) for (batch,) in loader])
    assert torch.equal(direct, loaded)


def test_second_derivatives_and_transforms():
    module = connector(gradient="exact")
    exact = TorchConnector(module.neural_network.exact(), module.weight.detach())

    def twice(network):
        value = network(INPUTS).sum()
        (gradient,) = torch.autograd.grad(value, network.weight, create_graph=True)
        return torch.autograd.grad(gradient.sum(), network.weight)[0]

    torch.testing.assert_close(twice(module), twice(exact), atol=1e-5, rtol=0)
    mapped = torch.func.vmap(module, randomness="different")(INPUTS.expand(20, 3, 2))
    assert len(mapped[:, 0].unique()) > 3
    same = torch.func.vmap(module, randomness="same")(INPUTS.expand(20, 3, 2))
    assert len(same[:, 0].unique()) == 1
    with pytest.raises(RuntimeError, match="randomness"):
        torch.func.vmap(module)(INPUTS)


def test_batches_are_filled_up_without_a_trace():
    module = connector()
    torch.manual_seed(0)
    for size in (1, 2, 3):
        assert module(INPUTS[:size]).shape == (size, 1)
    module.double()
    assert module(INPUTS.double()).dtype == torch.float64


def test_runs_are_drawn_from_torchs_generator():
    noise = qjax.noise.NoiseModel().after("ry", qjax.noise.amplitude_damping(0.5))
    circuit = real_amplitudes(1, reps=1)
    network = qjax.EstimatorQNN(
        circuit=circuit,
        weight_params=circuit.parameters,
        simulator=qjax.simulators.Trajectories(100),
        noise=noise,
    )
    module = TorchConnector(network, [1.3, 0.8])

    def run(seed):
        torch.manual_seed(seed)
        value = module(torch.zeros(0)).sum()
        return value, *torch.autograd.grad(value, module.weight)

    first, second, other = run(3), run(3), run(4)
    assert all(torch.equal(x, y) for x, y in zip(first, second, strict=True))
    assert not torch.equal(first[0], other[0])
