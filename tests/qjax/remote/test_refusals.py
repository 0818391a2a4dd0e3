"""What networks on primitives refuse, and what the messages say."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import Parameter
from qiskit.primitives import StatevectorEstimator
from qiskit.quantum_info import SparsePauliOp
from qiskit.transpiler import PassManager

import qjax
from qjax._circuit.circuit import Circuit
from qjax._circuit.operations import Amplitudes
from qjax._expressions import constant, parameter
from qjax.gradients import SPSA
from qjax.primitives import Estimator, Sampler
from tests.networks import SMALL
from tests.qjax.qnns import estimator, sampler
from tests.qjax.remote.on_primitives import on_estimator, on_sampler


def dynamic() -> QuantumCircuit:
    circuit = QuantumCircuit(1, 1)
    circuit.ry(Parameter("w"), 0)
    circuit.measure(0, 0)
    circuit.x(0)
    return circuit


REFUSED: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "a plan": (
        lambda: on_estimator("tutorial", StatevectorEstimator()).plan,
        ValueError,
        "StatevectorEstimator.*num_circuits.*exact",
    ),
    "export": (
        lambda: qjax.export(on_estimator("tutorial", StatevectorEstimator())),
        ValueError,
        "StatevectorEstimator.*exact",
    ),
    "precision without an estimator": (
        lambda: estimator("tutorial", default_precision=0.1), ValueError, "default_precision.*0.1",
    ),
    "no shots without a sampler": (lambda: sampler("tutorial", shots=0), ValueError, "shots.*0"),
    "a pass manager without a sampler": (
        lambda: sampler("tutorial", pass_manager=PassManager()), ValueError, "pass_manager.*give",
    ),
    "SPSA without a sampler": (
        lambda: sampler("tutorial", gradient=SPSA()), ValueError, "SPSA.*sampler=",
    ),
    "a seed beside a sampler": (
        lambda: qjax.CircuitQNN(**SMALL["tutorial"]().arguments, sampler=Sampler(), seed=1),
        ValueError,
        "seed.*sampler",
    ),
    "no such gradient": (
        lambda: on_estimator("tutorial", Estimator(), gradient="adjoint"),
        ValueError,
        "'adjoint'.*'parameter_shift'.*'spsa'",
    ),
    "a sampler for an estimator": (
        lambda: on_estimator("tutorial", Sampler()), TypeError, "Sampler.*BaseEstimatorV2",
    ),
    "an estimator for a sampler": (
        lambda: on_sampler("tutorial", Estimator()), TypeError, "Estimator.*BaseSamplerV2",
    ),
    "a function for a pass manager": (
        lambda: on_estimator("tutorial", Estimator(), pass_manager=transpile),
        TypeError,
        "pass_manager.*function",
    ),
    "a dynamic circuit": (
        lambda: qjax.EstimatorQNN(
            circuit=dynamic(), weight_params=["w"], estimator=StatevectorEstimator()
        ),
        ValueError,
        "midway.*simulation",
    ),
    "a dynamic circuit on a sampler": (
        lambda: qjax.SamplerQNN(circuit=dynamic(), weight_params=["w"], sampler=Sampler()),
        ValueError,
        "midway.*simulation",
    ),
    "parameters as amplitudes": (
        lambda: qjax.EstimatorQNN(
            circuit=Circuit(1, (Amplitudes((0,), (parameter(0), constant(0.5))),), ("w",)),
            weight_params=["w"],
            estimator=StatevectorEstimator(),
        ),
        ValueError,
        "amplitudes have no shift rule",
    ),
    "a parameter in an observable": (
        lambda: qjax.EstimatorQNN(
            circuit=QuantumCircuit(1),
            observables=SparsePauliOp(["Z"], np.array([Parameter("c")])),
            weight_params=["c"],
            estimator=StatevectorEstimator(),
        ),
        ValueError,
        "coefficient has parameters.*outputs",
    ),
    "a precision that is none": (
        lambda: on_estimator("tutorial", Estimator(), default_precision=-1),
        ValueError,
        "default_precision.*-1",
    ),
    "no shots": (lambda: on_sampler("tutorial", Sampler(), shots=0), ValueError, "shots.*at least"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    build, kind, message = REFUSED[name]
    with pytest.raises(kind, match=message):
        build()


def test_samplers_of_qiskit_ml() -> None:
    """With shots it is a sampler like any other; without, it returns probabilities."""
    primitives = pytest.importorskip("qiskit_machine_learning.primitives")
    inputs, weights = SMALL["tutorial"]().data(2)
    network = on_sampler("tutorial", primitives.QMLSampler(shots=4000, seed=0))
    expected = network.exact().forward(inputs, weights)
    np.testing.assert_allclose(network.forward(inputs, weights), expected, atol=0.05)
    exact = on_sampler("tutorial", primitives.QMLSampler()).forward(inputs, weights)
    np.testing.assert_allclose(exact, expected, atol=1e-12)


def test_a_qubit_in_two_bits() -> None:
    circuit = QuantumCircuit(1, 2)
    circuit.measure([0, 0], [0, 1])
    assert qjax.SamplerQNN(circuit=circuit).forward(None, None).shape == (1, 4)
    with pytest.raises(ValueError, match="qubit 0 is measured into several"):
        qjax.SamplerQNN(circuit=circuit, sampler=Sampler())


def test_missing_numbers_are_refused() -> None:
    circuit = QuantumCircuit(1)
    circuit.rx(Parameter("w"), 0)
    network = qjax.EstimatorQNN(
        circuit=circuit, weight_params=["w"], estimator=StatevectorEstimator()
    )
    with pytest.raises(ValueError, match=r"weights or inputs.*NaN"):
        network.apply(np.array([np.nan]), None)
