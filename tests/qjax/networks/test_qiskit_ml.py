"""Qiskit Machine Learning takes our networks and primitives in the place of its own."""

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from qiskit.primitives import StatevectorEstimator

import qjax
from bridge import TorchConnector as OurConnector
from qjax.optimizers import natural_gradient

pytest.importorskip("qiskit_machine_learning", minversion="0.9")

from qiskit_machine_learning import gradients
from qiskit_machine_learning import neural_networks as theirs
from qiskit_machine_learning.circuit.library import qnn_circuit
from qiskit_machine_learning.connectors import TorchConnector
from qiskit_machine_learning.utils import algorithm_globals

from tests.qjax.networks.qiskit_ml_pairs import (
    ANSATZ,
    CIRCUIT,
    FEATURES,
    PAIRS,
    POINTS,
    WEIGHTS,
    close,
    our_estimator,
    our_sampler,
    their_estimator,
    their_sampler,
)


@pytest.mark.parametrize("kind", PAIRS)
@pytest.mark.parametrize("points", [POINTS, POINTS[0], POINTS.reshape(2, 4, 2)], ids=np.shape)
def test_values_and_gradients(kind: str, points: np.ndarray) -> None:
    ours, reference = (make(input_gradients=True) for make in PAIRS[kind])
    close(ours.forward(points, WEIGHTS), reference.forward(points, WEIGHTS))
    for mine, other in zip(
        ours.backward(points, WEIGHTS), reference.backward(points, WEIGHTS), strict=True
    ):
        close(mine, other)


@pytest.mark.parametrize("kind", PAIRS)
def test_their_connector(kind: str) -> None:
    found = []
    for make in PAIRS[kind]:
        module = TorchConnector(make(input_gradients=True), initial_weights=WEIGHTS)
        points = torch.tensor(POINTS, dtype=torch.float32, requires_grad=True)
        values = module(points)
        values.square().sum().backward()
        found.append([values.detach(), points.grad, module.weight.grad, module(points[0]).detach()])
    for mine, other in zip(*found, strict=True):
        assert mine.shape == other.shape
        close(mine, other, 1e-5)


def test_arrays_may_be_written_to() -> None:
    """As those of Qiskit ML's networks; torch warns of arrays that are read-only."""
    network = our_estimator(input_gradients=True)
    for array in (network.forward(POINTS, WEIGHTS), *network.backward(POINTS, WEIGHTS)):
        assert array.flags.writeable


@pytest.mark.parametrize("kind", PAIRS)
def test_effective_dimension(kind: str) -> None:
    """It has a branch for `isinstance(network, EstimatorQNN)`; see `namesakes.py`."""
    found = []
    for make in PAIRS[kind]:
        algorithm_globals.random_seed = 3
        algorithm = theirs.EffectiveDimension(make(), weight_samples=3, input_samples=4)
        found.append(algorithm.get_effective_dimension([100, 10_000]))
    close(*found, 1e-7)


def test_virtual_subclasses() -> None:
    z = qjax.ComposedOp("ZZ", CIRCUIT)
    opflow = qjax.OpflowQNN(z, FEATURES.parameters, ANSATZ.parameters)
    for network in (our_estimator(), opflow, qjax.TwoLayerQNN(2)):
        assert isinstance(network, theirs.EstimatorQNN)
        assert isinstance(network, theirs.NeuralNetwork)
        assert not isinstance(network, theirs.SamplerQNN)
    # Theirs can be told another `interpret`; ours never change.
    assert isinstance(our_sampler(), theirs.NeuralNetwork)
    assert not isinstance(our_sampler(), theirs.EstimatorQNN | theirs.SamplerQNN)
    assert not isinstance(their_estimator(), qjax.EstimatorQNN)
    assert our_estimator().__class__ is qjax.EstimatorQNN


def test_import_order_does_not_matter(tmp_path: Path) -> None:
    """A network that was made, and asked for its class, before Qiskit ML was imported."""
    program = (
        "import sys, qjax; finders = list(sys.meta_path)\n"
        "network = qjax.TwoLayerQNN(2); isinstance(network, int)\n"
        "assert 'qiskit_machine_learning' not in sys.modules\n"
        "from qiskit_machine_learning.neural_networks import EstimatorQNN\n"
        "assert isinstance(network, EstimatorQNN)\n"
        "assert sys.meta_path == finders\n"
        "module = sys.modules[EstimatorQNN.__module__.rpartition('.')[0]]\n"
        "assert type(module.__loader__).__module__ == '_frozen_importlib_external'\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


@pytest.mark.parametrize("first", ["qjax", "qiskit_machine_learning.neural_networks"])
def test_classes_do_not_depend_on_what_was_made(first: str) -> None:
    """A network of one class makes all classes subclasses of their namesakes."""
    program = (
        f"import {first}; import qjax\n"
        "network = qjax.SamplerQNN(circuit=qjax.Circuit(1, ()))\n"
        "from qiskit_machine_learning import neural_networks as theirs\n"
        "assert issubclass(qjax.EstimatorQNN, theirs.EstimatorQNN)\n"
        "assert issubclass(qjax.OpflowQNN, theirs.EstimatorQNN)\n"
        "assert issubclass(qjax.SamplerQNN, theirs.NeuralNetwork)\n"
        "assert issubclass(qjax.CircuitQNN, theirs.NeuralNetwork)\n"
        "assert not issubclass(qjax.SamplerQNN, theirs.SamplerQNN)\n"
        "assert not issubclass(qjax.SamplerQNN, theirs.EstimatorQNN)\n"
        "class Own(qjax.TwoLayerQNN): pass\n"
        "assert issubclass(Own, theirs.EstimatorQNN)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


def test_input_gradients_can_be_set() -> None:
    """As their first tutorial does; of all attributes, no other one."""
    ours, theirs_ = our_estimator(), their_estimator()
    assert ours.backward(POINTS, WEIGHTS)[0] is None
    number, twin = hash(ours), copy.copy(ours)
    ours.input_gradients = theirs_.input_gradients = True
    expected = theirs_.backward(POINTS, WEIGHTS)[0]
    np.testing.assert_allclose(ours.backward(POINTS, WEIGHTS)[0], expected, atol=1e-10)
    assert hash(ours) == number
    assert ours == our_estimator(input_gradients=True) != twin
    assert ours.replace() == ours
    assert not twin.input_gradients
    with pytest.raises(TypeError, match="True or False"):
        ours.input_gradients = "no"
    with pytest.raises(AttributeError, match=r"immutable\. Make another"):
        ours.sparse = True


def test_a_connector_follows_input_gradients() -> None:
    network = our_estimator()
    layer, points = OurConnector(network), torch.tensor(POINTS, requires_grad=True)
    layer(points).sum().backward()
    assert points.grad is None
    network.input_gradients = True
    layer(points).sum().backward()
    expected = network.backward(POINTS, layer.weight.detach().numpy())[0].sum(axis=1)
    np.testing.assert_allclose(points.grad, expected, atol=1e-5)


def test_their_networks_are_told_the_way() -> None:
    for theirs_, name in ((their_estimator(), "EstimatorQNN"), (their_sampler(), "SamplerQNN")):
        for call in (
            lambda network=theirs_: OurConnector(network),
            lambda network=theirs_: qjax.evaluate(network, WEIGHTS, POINTS),
            lambda network=theirs_: qjax.export(network),
            lambda network=theirs_: natural_gradient(network),
            lambda network=theirs_: OurConnector(type(network)),
        ):
            with pytest.raises(TypeError, match=rf"use qjax\.{name}"):
                call()


@pytest.mark.parametrize("options", [{}, {"estimator": StatevectorEstimator()}], ids=["", "on"])
def test_their_gradients_are_told_the_way(options: dict[str, Any]) -> None:
    primitive = StatevectorEstimator()
    for rule in (gradients.ParamShiftEstimatorGradient, gradients.LinCombEstimatorGradient):
        with pytest.raises(ValueError, match=rf"{rule.__name__}.*leave it out"):
            our_estimator(gradient=rule(primitive), **options)
    with pytest.raises(ValueError, match=r"SPSAEstimatorGradient.*qjax\.gradients\.SPSA"):
        our_estimator(gradient=gradients.SPSAEstimatorGradient(primitive, 0.1), **options)


def test_their_circuits() -> None:
    """`qnn_circuit` returns the circuit with its inputs and weights."""
    ours = qjax.EstimatorQNN(
        circuit=qnn_circuit(feature_map=FEATURES, ansatz=ANSATZ), input_gradients=True
    )
    circuit, inputs, weights = qnn_circuit(feature_map=FEATURES, ansatz=ANSATZ)
    reference = theirs.EstimatorQNN(
        circuit=circuit, input_params=inputs, weight_params=weights,
        estimator=StatevectorEstimator(), default_precision=0,
    )  # fmt: skip
    point = np.linspace(-1, 1, ours.num_weights)
    close(ours.forward(POINTS, point), reference.forward(POINTS, point))
