"""Qiskit Machine Learning takes our networks and primitives in the place of its own."""

from __future__ import annotations

import copy
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from qiskit import QuantumCircuit, QuantumRegister
from qiskit.circuit.library import real_amplitudes, zz_feature_map
from qiskit.primitives import StatevectorEstimator
from qiskit.quantum_info import SparsePauliOp, Statevector, state_fidelity
from qiskit.transpiler import CouplingMap, generate_preset_pass_manager

import qjax
from bridge import TorchConnector as OurConnector
from qjax.optimizers import natural_gradient
from qjax.primitives import Estimator, Sampler

pytest.importorskip("qiskit_machine_learning", minversion="0.9")

from qiskit_machine_learning import gradients
from qiskit_machine_learning import neural_networks as theirs
from qiskit_machine_learning.algorithms import (
    QSVC,
    VQC,
    VQR,
    NeuralNetworkClassifier,
    NeuralNetworkRegressor,
    PegasosQSVC,
    QBayesian,
)
from qiskit_machine_learning.circuit.library import qnn_circuit
from qiskit_machine_learning.connectors import TorchConnector
from qiskit_machine_learning.kernels import (
    FidelityQuantumKernel,
    FidelityStatevectorKernel,
    TrainableFidelityQuantumKernel,
)
from qiskit_machine_learning.kernels.algorithms import QuantumKernelTrainer
from qiskit_machine_learning.optimizers import ADAM, COBYLA, SLSQP
from qiskit_machine_learning.state_fidelities import ComputeUncompute
from qiskit_machine_learning.utils import algorithm_globals

FEATURES, ANSATZ = zz_feature_map(2, reps=1), real_amplitudes(2, reps=1)
CIRCUIT = FEATURES.compose(ANSATZ)
PARAMS = {
    "circuit": CIRCUIT,
    "input_params": FEATURES.parameters,
    "weight_params": ANSATZ.parameters,
}
RANDOM = np.random.default_rng(7)
POINTS = RANDOM.uniform(-1, 1, (8, 2))
SIGNS = np.where(POINTS.sum(axis=1) > 0, 1, -1)
CLASSES = (SIGNS + 1) // 2
WEIGHTS = RANDOM.uniform(-1, 1, ANSATZ.num_parameters)
OBSERVABLE = SparsePauliOp(["ZZ", "XI"], [1, 0.5])

# Of values that we compute and values that Qiskit does.
TOLERANCE = 1e-9
# Of frequencies in this many shots: five standard deviations, at most.
SHOTS = 10_000
DEVIATION = 5 * 0.5 / SHOTS**0.5


def parity(integer: int) -> int:
    return integer.bit_count() % 2


def our_estimator(**options: Any) -> qjax.EstimatorQNN:
    return qjax.EstimatorQNN(**PARAMS, **options)


def their_estimator(primitive: object = None, **options: Any) -> theirs.EstimatorQNN:
    chosen = StatevectorEstimator() if primitive is None else primitive
    return theirs.EstimatorQNN(**PARAMS, estimator=chosen, default_precision=0, **options)


def our_sampler(**options: Any) -> qjax.SamplerQNN:
    return qjax.SamplerQNN(**PARAMS, interpret=parity, output_shape=2, **options)


def their_sampler(**options: Any) -> theirs.SamplerQNN:
    """On its own default, `QMLSampler`, which is exact."""
    return theirs.SamplerQNN(**PARAMS, interpret=parity, output_shape=2, **options)


PAIRS = {"estimator": (our_estimator, their_estimator), "sampler": (our_sampler, their_sampler)}


def bound(inputs: np.ndarray, weights: np.ndarray) -> QuantumCircuit:
    values = dict(zip(FEATURES.parameters, inputs, strict=True))
    return CIRCUIT.assign_parameters(values | dict(zip(ANSATZ.parameters, weights, strict=True)))


def close(actual: Any, expected: Any, tolerance: float = TOLERANCE) -> None:
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance)


# ---------------------------------------------------------------- networks


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
    """It has a branch for `isinstance(network, EstimatorQNN)`; see `_namesakes.py`."""
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
        "import sys, qjax; network = qjax.TwoLayerQNN(2); isinstance(network, int)\n"
        "assert 'qiskit_machine_learning' not in sys.modules\n"
        "from qiskit_machine_learning.neural_networks import EstimatorQNN\n"
        "assert isinstance(network, EstimatorQNN)\n"
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


# ---------------------------------------------------------------- training


@pytest.mark.parametrize("model", [NeuralNetworkClassifier, NeuralNetworkRegressor])
@pytest.mark.parametrize(
    "optimizer",
    [COBYLA(maxiter=15), SLSQP(maxiter=4), ADAM(maxiter=4)],
    ids=lambda o: type(o).__name__,
)
def test_same_training(model: type, optimizer: Any) -> None:
    trained = [
        model(network, optimizer=optimizer, initial_point=WEIGHTS).fit(POINTS, SIGNS)
        for network in (our_estimator(), their_estimator(), their_estimator(Estimator()))
    ]
    for other in trained[1:]:
        close(trained[0].fit_result.fun, other.fit_result.fun, 1e-6)
        close(trained[0].weights, other.weights, 1e-5)
        close(trained[0].predict(POINTS), other.predict(POINTS), 1e-5)


@pytest.mark.parametrize(
    ("targets", "options"),
    [
        (CLASSES, {}),
        (CLASSES, {"loss": "cross_entropy", "one_hot": True}),
        (np.where(CLASSES, "a", "b"), {"loss": "absolute_error"}),
    ],
    ids=["integers", "one hot", "strings"],
)
def test_same_training_of_probabilities(targets: np.ndarray, options: dict[str, Any]) -> None:
    ours, reference = (
        NeuralNetworkClassifier(
            make(), optimizer=SLSQP(maxiter=4), initial_point=WEIGHTS, **options
        ).fit(POINTS, targets)
        for make in PAIRS["sampler"]
    )
    close(ours.fit_result.fun, reference.fit_result.fun, 1e-6)
    close(ours.predict_proba(POINTS), reference.predict_proba(POINTS), 1e-5)
    assert ours.predict(POINTS).tolist() == reference.predict(POINTS).tolist()


def test_trained_models_are_saved(tmp_path: Path) -> None:
    path = str(tmp_path / "model.dill")
    model = NeuralNetworkClassifier(our_sampler(), optimizer=SLSQP(maxiter=2))
    model.fit(POINTS, CLASSES).to_dill(path)
    loaded = NeuralNetworkClassifier.from_dill(path)
    assert loaded.neural_network == model.neural_network
    close(loaded.predict_proba(POINTS), model.predict_proba(POINTS), 0)


def test_vqr() -> None:
    ours, reference = (
        VQR(
            feature_map=FEATURES,
            ansatz=ANSATZ,
            estimator=estimator,
            optimizer=SLSQP(maxiter=3),
            initial_point=WEIGHTS,
        ).fit(POINTS, POINTS[:, 0])
        # A VQR asks for a precision of 1/64. The seeds give the same noise to both.
        for estimator in (Estimator(seed=5), StatevectorEstimator(seed=5))
    )
    close(ours.fit_result.fun, reference.fit_result.fun, 1e-6)
    close(ours.predict(POINTS), reference.predict(POINTS), 1e-5)


@pytest.mark.parametrize("passes", [False, True], ids=["", "pass manager"])
def test_vqc(passes: bool) -> None:
    """Each call of the sampler gives frequencies of Qiskit's probabilities at these weights."""
    line = CouplingMap.from_line(2)
    manager = generate_preset_pass_manager(1, coupling_map=line, basis_gates=["cx", "rz", "sx"])
    model = VQC(
        feature_map=FEATURES,
        ansatz=ANSATZ,
        sampler=Sampler(default_shots=SHOTS, seed=1),
        optimizer=COBYLA(maxiter=8),
        initial_point=WEIGHTS,
        pass_manager=manager if passes else None,
    )
    model.fit(POINTS, CLASSES)
    states = (bound(x, model.weights) for x in POINTS)
    # The default of a VQC: what is measured, modulo the number of classes.
    odd = [Statevector(state).probabilities([0])[1] for state in states]
    close(model.predict_proba(POINTS)[:, 1], odd, DEVIATION)


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
