"""Gradients, kernels and inference of Qiskit Machine Learning on our primitives."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from qiskit import QuantumCircuit, QuantumRegister
from qiskit.circuit.library import real_amplitudes
from qiskit.primitives import StatevectorEstimator
from qiskit.quantum_info import SparsePauliOp, Statevector, state_fidelity

import qjax
from qjax.primitives import Estimator, Sampler

pytest.importorskip("qiskit_machine_learning", minversion="0.9")

from qiskit_machine_learning import gradients
from qiskit_machine_learning import neural_networks as theirs
from qiskit_machine_learning.algorithms import QSVC, PegasosQSVC, QBayesian
from qiskit_machine_learning.kernels import (
    FidelityQuantumKernel,
    FidelityStatevectorKernel,
    TrainableFidelityQuantumKernel,
)
from qiskit_machine_learning.kernels.algorithms import QuantumKernelTrainer
from qiskit_machine_learning.optimizers import COBYLA
from qiskit_machine_learning.state_fidelities import ComputeUncompute

from tests.qjax.networks.qiskit_ml_pairs import (
    ANSATZ,
    CIRCUIT,
    CLASSES,
    DEVIATION,
    FEATURES,
    POINTS,
    SHOTS,
    WEIGHTS,
    close,
)

OBSERVABLE = SparsePauliOp(["ZZ", "XI"], [1, 0.5])


# ---------------------------------------------------------------- gradients of primitives


GRADIENTS = {
    "parameter shift": (gradients.ParamShiftEstimatorGradient, {}),
    "linear combination": (gradients.LinCombEstimatorGradient, {}),
    "SPSA": (gradients.SPSAEstimatorGradient, {"epsilon": 0.01, "batch_size": 3, "seed": 4}),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_of_estimators(name: str) -> None:
    rule, options = GRADIENTS[name]
    ours, reference = (
        rule(primitive, **options).run([FEATURES], [OBSERVABLE], [POINTS[0]]).result().gradients
        for primitive in (Estimator(), StatevectorEstimator())
    )
    close(ours, reference)


def test_gradients_of_samplers() -> None:
    measured = CIRCUIT.measure_all(inplace=False)
    values = [*POINTS[0], *WEIGHTS]
    rule = gradients.ParamShiftSamplerGradient(Sampler(default_shots=SHOTS, seed=2))
    (found,) = rule.run([measured], [values]).result().gradients
    network = qjax.SamplerQNN(circuit=CIRCUIT, weight_params=CIRCUIT.parameters)
    _, expected = theirs.SamplerQNN(circuit=CIRCUIT, weight_params=CIRCUIT.parameters).backward(
        None, values
    )
    dense = [[gradient.get(outcome, 0) for gradient in found] for outcome in range(4)]
    # Qiskit ML's circuits for it have gates of their own parameters: at most two shifts each.
    close(dense, expected[0], 6 * DEVIATION)
    close(network.backward(None, values)[1], expected)


def test_metric_of_estimators() -> None:
    rotations = real_amplitudes(2, reps=0)
    ours, reference = (
        gradients.LinCombQGT(primitive).run([rotations], [POINTS[0]]).result().qgts
        for primitive in (Estimator(), StatevectorEstimator())
    )
    close(ours, reference)


# ---------------------------------------------------------------- kernels


def fidelities(left: np.ndarray, right: np.ndarray) -> list[list[float]]:
    states = [[Statevector(FEATURES.assign_parameters(x)) for x in side] for side in (left, right)]
    return [[state_fidelity(a, b) for b in states[1]] for a in states[0]]


def test_kernel() -> None:
    fidelity = ComputeUncompute(Sampler(default_shots=SHOTS, seed=3))
    kernel = FidelityQuantumKernel(feature_map=FEATURES, fidelity=fidelity, enforce_psd=False)
    close(kernel.evaluate(POINTS[:3], POINTS), fidelities(POINTS[:3], POINTS), DEVIATION)
    close(kernel.evaluate(POINTS[:3]), fidelities(POINTS[:3], POINTS[:3]), DEVIATION)


def test_local_fidelity() -> None:
    fidelity = ComputeUncompute(Sampler(default_shots=SHOTS, seed=3), local=True)
    found = fidelity.run([FEATURES], [FEATURES], [POINTS[0]], [POINTS[1]]).result().fidelities[0]
    undone = FEATURES.assign_parameters(POINTS[0]).compose(
        FEATURES.assign_parameters(POINTS[1]).inverse()
    )
    state = Statevector(undone)
    close(found, np.mean([state.probabilities([qubit])[0] for qubit in range(2)]), DEVIATION)


def test_support_vector_machines() -> None:
    fidelity = ComputeUncompute(Sampler(default_shots=SHOTS, seed=3))
    ours = FidelityQuantumKernel(feature_map=FEATURES, fidelity=fidelity)
    exact = FidelityStatevectorKernel(feature_map=FEATURES)
    decisions = [
        QSVC(quantum_kernel=kernel).fit(POINTS, CLASSES).decision_function(POINTS)
        for kernel in (ours, exact)
    ]
    close(*decisions, 0.1)
    predicted = [
        PegasosQSVC(quantum_kernel=kernel, num_steps=12, seed=1)
        .fit(POINTS, CLASSES)
        .decision_function(POINTS)
        for kernel in (ours, exact)
    ]
    close(*predicted, 0.1 * np.abs(predicted[1]).max())


def test_trained_kernel() -> None:
    feature_map = ANSATZ.compose(FEATURES)
    kernel = TrainableFidelityQuantumKernel(
        feature_map=feature_map,
        fidelity=ComputeUncompute(Sampler(seed=3)),
        training_parameters=list(ANSATZ.parameters),
    )
    trainer = QuantumKernelTrainer(
        quantum_kernel=kernel,
        loss="svc_loss",
        optimizer=COBYLA(maxiter=7),
        initial_point=WEIGHTS,
    )
    with warnings.catch_warnings():
        # Of scikit-learn, at how Qiskit ML calls it.
        warnings.simplefilter("ignore", FutureWarning)
        result = trainer.fit(POINTS, CLASSES)
    assert np.isfinite(result.optimal_value)
    assert result.optimal_point.shape == WEIGHTS.shape


def test_bayesian_inference() -> None:
    """P(A=1 | B=1) of a rotation and a controlled rotation, as written out by hand."""
    net = QuantumCircuit(QuantumRegister(1, "A"), QuantumRegister(1, "B"))
    net.ry(0.7, 0)
    net.cry(1.1, 0, 1)
    net.ry(0.4, 1)
    prior, angles = np.sin(0.35) ** 2, np.array([0.4, 1.5])
    likelihood = np.sin(angles / 2) ** 2
    expected = prior * likelihood[1] / (prior * likelihood[1] + (1 - prior) * likelihood[0])
    model = QBayesian(net, sampler=Sampler(default_shots=SHOTS, seed=6))
    found = model.inference(query={"A": 1}, evidence={"B": 1})
    close(found, expected, 0.05)
