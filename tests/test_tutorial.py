"""The numbers printed in Qiskit Machine Learning's tutorial on its `TorchConnector`.

Each expected value is copied from the output cells of "Torch Connector and Hybrid QNNs", release
0.5, which simulated in float64 and stepped in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.circuit.library import real_amplitudes, zz_feature_map
from torch import Tensor
from torch.nn import CrossEntropyLoss, MSELoss
from torch.optim import LBFGS

from bridge import TorchConnector, jax2torch
from qjax import CircuitQNN, TwoLayerQNN

pytestmark = pytest.mark.usefixtures("full_compilation")

ESTIMATOR_OPERATOR = """
    ComposedOp([
      OperatorMeasurement(1.0 * ZZ),
      CircuitStateFn(
           ┌──────────────────────────┐»
      q_0: ┤0                         ├»
           │  ZZFeatureMap(x[0],x[1]) │»
      q_1: ┤1                         ├»
           └──────────────────────────┘»
      «     ┌──────────────────────────────────────────────────────────┐
      «q_0: ┤0                                                         ├
      «     │  RealAmplitudes(θ[0],θ[1],θ[2],θ[3],θ[4],θ[5],θ[6],θ[7]) │
      «q_1: ┤1                                                         ├
      «     └──────────────────────────────────────────────────────────┘
      )
    ])
"""
REGRESSION_OPERATOR = """
    ComposedOp([
      OperatorMeasurement(1.0 * Z),
      CircuitStateFn(
         ┌───────┐┌───────┐
      q: ┤ fm(x) ├┤ vf(y) ├
         └───────┘└───────┘
      )
    ])
"""
HYBRID_OPERATOR = """
    ComposedOp([
      OperatorMeasurement(1.0 * ZZ),
      CircuitStateFn(
           ┌──────────────────────────┐┌──────────────────────────────────────┐
      q_0: ┤0                         ├┤0                                     ├
           │  ZZFeatureMap(x[0],x[1]) ││  RealAmplitudes(θ[0],θ[1],θ[2],θ[3]) │
      q_1: ┤1                         ├┤1                                     ├
           └──────────────────────────┘└──────────────────────────────────────┘
      )
    ])
"""

ESTIMATOR_WEIGHTS = """
    [-0.01256962  0.06653564  0.04005302 -0.03752667  0.06645196  0.06095287
     -0.02250432 -0.04233438]
"""
SAMPLER_WEIGHTS = "[ 0.0364991  -0.0720495  -0.06001836 -0.09852755]"

FIRST_OUTPUT = "tensor([-0.3285], grad_fn="
ESTIMATOR_LOSSES = [
    25.535646438598633,
    22.696760177612305,
    20.039228439331055,
    19.68790626525879,
    19.267210006713867,
    19.025371551513672,
    18.154708862304688,
    17.33785629272461,
    19.082544326782227,
    17.07332420349121,
    16.21839141845703,
    14.992581367492676,
    14.929339408874512,
    14.914534568786621,
    14.907638549804688,
    14.902363777160645,
    14.902134895324707,
    14.90211009979248,
    14.902111053466797,
]
SAMPLER_FIRST_LOSSES = [
    0.6925069093704224,
    0.6881508231163025,
    0.6516684293746948,
    0.6485998034477234,
    0.6394745111465454,
]
REGRESSION_LOSSES = [
    14.947757720947266,
    2.948650360107422,
    8.952412605285645,
    0.37905153632164,
    0.24995625019073486,
    0.2483610212802887,
    0.24835753440856934,
]
ACCURACY = 0.8


class Draws(NamedTuple):
    X: np.ndarray
    weights1: np.ndarray
    weights2: np.ndarray
    regression_x: np.ndarray
    regression_y: np.ndarray
    weights3: np.ndarray

    @property
    def y01(self) -> np.ndarray:
        return 1 * (np.sum(self.X, axis=1) >= 0)


@pytest.fixture(scope="module")
def draws() -> Draws:
    """All that the tutorial draws at random, in its order."""
    rng = np.random.default_rng(42)
    X = 2 * rng.random([20, 2]) - 1
    weights1 = 0.1 * (2 * rng.random(8) - 1)
    weights2 = 0.1 * (2 * rng.random(4) - 1)
    regression_x = 2 * np.pi * rng.random([20, 1]) - np.pi
    noise = 0.2 * (2 * rng.random([20, 1]) - 1)
    weights3 = 0.1 * (2 * rng.random(1) - 1)
    return Draws(X, weights1, weights2, regression_x, np.sin(regression_x) + noise, weights3)


@pytest.fixture(autouse=True)
def _narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Qiskit wraps its drawings at the terminal's width; the tutorial's had 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture(scope="module")
def estimator_qnn() -> TwoLayerQNN:
    return TwoLayerQNN(num_qubits=2)


@pytest.fixture(scope="module")
def sampler_qnn() -> CircuitQNN:
    feature_map = zz_feature_map(2)
    ansatz = real_amplitudes(2, entanglement="linear", reps=1)
    circuit = QuantumCircuit(2)
    circuit.append(feature_map, range(2))
    circuit.append(ansatz, range(2))
    return CircuitQNN(
        circuit,
        input_params=feature_map.parameters,
        weight_params=ansatz.parameters,
        interpret=lambda x: "{:b}".format(x).count("1") % 2,  # noqa: UP032 - as in the tutorial
        output_shape=2,
    )


@pytest.fixture(scope="module")
def regression_qnn() -> TwoLayerQNN:
    feature_map = QuantumCircuit(1, name="fm")
    feature_map.ry(Parameter("x"), 0)
    ansatz = QuantumCircuit(1, name="vf")
    ansatz.ry(Parameter("y"), 0)
    return TwoLayerQNN(1, feature_map, ansatz)


class DoubleInside(torch.nn.Module):
    """Weights in float32, simulation in float64: what the tutorial's connector did."""

    def __init__(self, qnn: TwoLayerQNN, initial_weights: np.ndarray) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(initial_weights, dtype=torch.float32))
        self._function = jax2torch(qnn.apply)

    def forward(self, inputs: Tensor) -> Tensor:
        return self._function(self.weight.double(), inputs.double()).float()


def train(
    model: torch.nn.Module,
    loss_function: Callable[[Tensor, Tensor], Tensor],
    inputs: Tensor,
    targets: Tensor,
    **settings: Any,
) -> list[float]:
    """One step of L-BFGS; every loss that the tutorial's closure prints."""
    optimizer = LBFGS(model.parameters(), **settings)
    losses = []

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = loss_function(model(inputs), targets)
        loss.backward()
        losses.append(loss.item())
        return loss

    optimizer.step(closure)
    return losses


def without_indentation(text: object) -> list[str]:
    return [line.strip() for line in str(text).strip().splitlines()]


def test_estimator_operator_prints_alike(estimator_qnn: TwoLayerQNN) -> None:
    assert without_indentation(estimator_qnn.operator) == without_indentation(ESTIMATOR_OPERATOR)


def test_regression_operator_prints_alike(regression_qnn: TwoLayerQNN) -> None:
    assert without_indentation(regression_qnn.operator) == without_indentation(REGRESSION_OPERATOR)


def test_hybrid_operator_prints_alike() -> None:
    qnn = TwoLayerQNN(2, zz_feature_map(2), real_amplitudes(2, reps=1), input_gradients=True)
    assert without_indentation(qnn.operator) == without_indentation(HYBRID_OPERATOR)


def test_estimator_initial_weights(draws: Draws, estimator_qnn: TwoLayerQNN) -> None:
    model = TorchConnector(estimator_qnn, initial_weights=draws.weights1)
    assert without_indentation(draws.weights1) == without_indentation(ESTIMATOR_WEIGHTS)
    np.testing.assert_array_equal(model.weight.detach(), draws.weights1.astype(np.float32))


def test_sampler_initial_weights(draws: Draws, sampler_qnn: CircuitQNN) -> None:
    model = TorchConnector(sampler_qnn, draws.weights2)
    assert without_indentation(draws.weights2) == without_indentation(SAMPLER_WEIGHTS)
    np.testing.assert_array_equal(model.weight.detach(), draws.weights2.astype(np.float32))


def test_estimator_first_output(draws: Draws, estimator_qnn: TwoLayerQNN) -> None:
    model = TorchConnector(estimator_qnn, initial_weights=draws.weights1)
    assert str(model(Tensor(draws.X)[0, :])).startswith(FIRST_OUTPUT)


def test_estimator_training(draws: Draws, estimator_qnn: TwoLayerQNN) -> None:
    model = TorchConnector(estimator_qnn, initial_weights=draws.weights1)
    y = 2 * draws.y01 - 1
    targets = Tensor(y).reshape(20, 1)
    losses = train(model, MSELoss(reduction="sum"), Tensor(draws.X), targets)
    np.testing.assert_allclose(losses, ESTIMATOR_LOSSES, rtol=0, atol=1e-2)
    ends = [losses[0], losses[-1]]
    np.testing.assert_allclose(ends, [ESTIMATOR_LOSSES[0], ESTIMATOR_LOSSES[-1]], rtol=0, atol=1e-4)
    predicted = [np.sign(model(Tensor(x)).detach().numpy())[0] for x in draws.X]
    assert np.mean(predicted == y) == ACCURACY


def test_estimator_training_with_double_inside(draws: Draws, estimator_qnn: TwoLayerQNN) -> None:
    """The angles reach 30: float32 rounds them to 2e-6, which the 9th step magnifies most."""
    model = DoubleInside(estimator_qnn, draws.weights1)
    targets = Tensor(2 * draws.y01 - 1).reshape(20, 1)
    losses = train(model, MSELoss(reduction="sum"), Tensor(draws.X), targets)
    np.testing.assert_allclose(losses, ESTIMATOR_LOSSES, rtol=0, atol=1e-3)


def test_sampler_training_begins_alike(draws: Draws, sampler_qnn: CircuitQNN) -> None:
    """Later losses depend on the last bit of float32: without a line search, steps overshoot."""
    model = TorchConnector(sampler_qnn, draws.weights2)
    labels = torch.tensor(draws.y01)
    losses = train(model, CrossEntropyLoss(), Tensor(draws.X), labels)
    np.testing.assert_allclose(losses[:5], SAMPLER_FIRST_LOSSES, rtol=0, atol=1e-5)


def test_sampler_training_with_line_search(draws: Draws, sampler_qnn: CircuitQNN) -> None:
    model = TorchConnector(sampler_qnn, draws.weights2)
    labels = torch.tensor(draws.y01)
    settings = {"line_search_fn": "strong_wolfe"}
    train(model, CrossEntropyLoss(), Tensor(draws.X), labels, **settings)
    predicted = [np.argmax(model(Tensor(x)).detach().numpy()) for x in draws.X]
    assert np.mean(predicted == draws.y01) >= ACCURACY


def test_regression_training(draws: Draws, regression_qnn: TwoLayerQNN) -> None:
    model = TorchConnector(regression_qnn, draws.weights3)
    inputs, targets = Tensor(draws.regression_x), Tensor(draws.regression_y)
    losses = train(model, MSELoss(reduction="sum"), inputs, targets)
    np.testing.assert_allclose(losses, REGRESSION_LOSSES, rtol=0, atol=1e-3)
