"""How many circuits a network sends to its primitive."""

from __future__ import annotations

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.primitives import StatevectorEstimator

import qjax
from qjax.gradients import SPSA
from tests.circuits import error
from tests.networks import SMALL
from tests.qjax.qnns import estimator
from tests.qjax.remote.on_primitives import Counting, on_estimator


def test_number_of_circuits() -> None:
    """Two for a rotation, four for a controlled one; none for what does not move or is not seen."""
    x, w, v = Parameter("x"), Parameter("w"), Parameter("v")
    circuit = QuantumCircuit(3, global_phase=w)
    circuit.ry(x, 0)
    circuit.ry(w, 0)
    circuit.crx(w * x, 0, 1)
    circuit.cp(w, 0, 1)
    circuit.rx(0.3, 1)
    circuit.rz(w, 1)  # commutes with Z
    circuit.ry(v, 2)  # another qubit
    arguments = {
        "circuit": circuit,
        "observables": "IZI",
        "input_params": [x],
        "weight_params": [w, v],
        "estimator": StatevectorEstimator(),
    }
    network = qjax.EstimatorQNN(**arguments)
    assert network.num_circuits() == (1, 2 + 4 + 2)
    assert network.num_circuits(5) == (5, 40)
    assert qjax.EstimatorQNN(**arguments, input_gradients=True).num_circuits(5) == (5, 50)
    assert qjax.EstimatorQNN(**arguments, gradient=SPSA(batch_size=3)).num_circuits(5) == (5, 30)
    assert network.exact().num_circuits(5) == (0, 0)
    assert error(network.backward([0.3], [0.5, 1])[1][..., 1], np.zeros((1, 1))) == 0


def test_samples_without_inputs_are_sent_once() -> None:
    primitive = Counting()
    network = on_estimator("weights only", primitive)
    _, weights = SMALL["weights only"]().data()
    assert network.forward(np.zeros((5, 0)), weights).shape == (5, 2)
    assert network.backward(np.zeros((5, 0)), weights)[1].shape == (5, 2, 4)
    assert network.apply(weights, np.zeros((2, 3, 0))).shape == (2, 3, 2)
    assert primitive.runs == [[count] for count in network.num_circuits(5)] + [[1]]


def test_nothing_is_sent_for_no_samples() -> None:
    primitive = Counting()
    network = on_estimator("shuffled", primitive)
    assert network.forward(np.zeros((0, 3)), np.zeros(3)).shape == (0, 2)
    assert network.backward(np.zeros((0, 3)), np.zeros(3))[1].shape == (0, 2, 3)
    assert network.apply(np.zeros(3), np.zeros((0, 3))).shape == (0, 2)
    assert primitive.runs == []


def test_evaluate_sends_each_sample_once() -> None:
    primitive = Counting()
    network = on_estimator("shuffled", primitive)
    inputs, weights = SMALL["shuffled"]().data(7)
    found = qjax.evaluate(network, weights, inputs, batch_size=4)
    np.testing.assert_allclose(found, estimator("shuffled").forward(inputs, weights), atol=1e-12)
    assert primitive.runs == [[4], [3]]


def test_precision_is_asked_for() -> None:
    primitive = Counting()
    on_estimator("shuffled", primitive, default_precision=0.25).forward(np.zeros(3), np.zeros(3))
    on_estimator("shuffled", primitive).forward(np.zeros(3), np.zeros(3))
    assert primitive.precisions == [0.25, None]
