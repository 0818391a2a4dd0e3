"""Qiskit Machine Learning's classifiers and trainers take our kernels in the place of its own."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.circuit.library import zz_feature_map

pytest.importorskip("qiskit_machine_learning", minversion="0.9")

from qiskit_machine_learning import kernels as theirs
from qiskit_machine_learning.algorithms import QSVC, PegasosQSVC
from qiskit_machine_learning.kernels.algorithms import QuantumKernelTrainer
from qiskit_machine_learning.optimizers import COBYLA
from qiskit_machine_learning.state_fidelities import ComputeUncompute

from qjax.kernels import FidelityKernel, ProjectedKernel
from qjax.primitives import Sampler
from tests.circuits import error
from tests.conftest import Compilations

FEATURES = zz_feature_map(2, reps=1)
X = np.random.default_rng(0).uniform(-1, 1, (24, 2))
LABELS = np.sign(X[:, 0] * X[:, 1])


def test_values_and_attributes() -> None:
    ours, reference = (
        FidelityKernel(FEATURES),
        theirs.FidelityStatevectorKernel(feature_map=FEATURES),
    )
    for x, y in ((X, None), (X, X[:5]), (X[0], None), (X[0], X[1]), (X[0], X)):
        assert error(ours.evaluate(x, y), reference.evaluate(x, y)) < 1e-12
    assert ours.num_features == reference.num_features
    assert ours.feature_map.parameters == ours.feature_map.parameters
    again = FidelityKernel(ours.feature_map)
    assert error(again.evaluate(X), ours.evaluate(X)) == 0
    for kernel in (ours, ProjectedKernel(FEATURES)):
        assert isinstance(kernel, theirs.BaseKernel)
        assert isinstance(kernel, theirs.TrainableKernel)
        assert not kernel.enforce_psd


def test_import_order_does_not_matter() -> None:
    program = (
        "import sys, qjax; from qjax.kernels import FidelityKernel\n"
        "from qiskit.circuit.library import zz_feature_map\n"
        "finders = list(sys.meta_path); kernel = FidelityKernel(zz_feature_map(2))\n"
        "qjax.TwoLayerQNN(2)\n"
        "heavy = {'qiskit_machine_learning', 'sklearn', 'optax', 'tqdm', 'torch'}\n"
        "assert heavy.isdisjoint(sys.modules)\n"
        "from qiskit_machine_learning.kernels import BaseKernel\n"
        "from qiskit_machine_learning.neural_networks import EstimatorQNN\n"
        "assert isinstance(kernel, BaseKernel) and isinstance(qjax.TwoLayerQNN(2), EstimatorQNN)\n"
        "assert sys.meta_path == finders\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_classifiers(compilations: Compilations) -> None:
    ours, reference = (
        FidelityKernel(FEATURES),
        theirs.FidelityStatevectorKernel(feature_map=FEATURES),
    )
    predicted = [QSVC(quantum_kernel=k).fit(X, LABELS).predict(X + 0.1) for k in (ours, reference)]
    assert (predicted[0] == predicted[1]).all()
    compilations.reset()
    values = [
        PegasosQSVC(quantum_kernel=k, num_steps=60, seed=1).fit(X, LABELS).decision_function(X)
        for k in (ours, reference)
    ]
    assert error(*values) < 1e-9
    assert compilations.count < 12  # the support vectors become more, step by step


def trainable() -> tuple[QuantumCircuit, ParameterVector]:
    w = ParameterVector("w", 2)
    circuit = QuantumCircuit(2)
    circuit.ry(w[0], 0)
    circuit.ry(w[1], 1)
    return circuit.compose(FEATURES), w


def test_their_trainer() -> None:
    circuit, w = trainable()
    found = []
    fidelity = ComputeUncompute(Sampler(default_shots=None))
    for kernel in (
        FidelityKernel(circuit, weight_params=w),
        theirs.TrainableFidelityQuantumKernel(
            feature_map=circuit, training_parameters=w, fidelity=fidelity
        ),
    ):
        trainer = QuantumKernelTrainer(
            kernel, "svc_loss", COBYLA(maxiter=4), initial_point=[0.2, 0.4]
        )
        result = trainer.fit(X[:10], LABELS[:10])
        found.append((result.optimal_point, result.quantum_kernel.evaluate(X)))
        assert error(kernel.parameter_values, result.optimal_point) == 0
    assert error(found[0][0], found[1][0]) < 1e-6
    assert error(found[0][1], found[1][1]) < 1e-6


def test_assigned_numbers() -> None:
    circuit, w = trainable()
    kernel = FidelityKernel(circuit, weight_params=w)
    assert [p.name for p in kernel.training_parameters] == ["w[0]", "w[1]"]
    assert kernel.parameter_values.tolist() == [None, None]
    before = hash(kernel)
    kernel.assign_training_parameters({w[0]: 0.5, "w[1]": 0.25})
    assert hash(kernel) == before
    assert kernel.num_training_parameters == 2
    bound = kernel.with_weights([0.5, 0.25])
    assert error(kernel.evaluate(X), bound.evaluate(X)) == 0
    kernel.assign_training_parameters({w[0]: 1.0})
    assert kernel.parameter_values.tolist() == [1.0, 0.25]
    for wrong, message in (
        ([1.0], r"expected shape \(2,\)"), ({"x[0]": 1.0}, "not among the weights"),
        ({w[0]: np.nan}, "holds NaN"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            kernel.assign_training_parameters(wrong)
    half = FidelityKernel(circuit, weight_params=w)
    with pytest.raises(ValueError, match="holds NaN"):
        half.assign_training_parameters({w[0]: 1.0})
