"""Networks do not change; `replace` makes another one, as the constructor would."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.circuit.library import real_amplitudes, zz_feature_map
from qiskit.primitives import StatevectorEstimator, StatevectorSampler
from qiskit.quantum_info import SparsePauliOp
from qiskit.transpiler import generate_preset_pass_manager

import qjax
from qjax.gradients import SPSA
from tests.circuits import DOUBLE_TOLERANCE, error
from tests.qjax.qnns import grid, parity
from tests.qjax.weight_trees import tree

FEATURES, ANSATZ = zz_feature_map(2, reps=1), real_amplitudes(2, reps=1)
CIRCUIT = FEATURES.compose(ANSATZ)
PARAMS = {"input_params": FEATURES.parameters, "weight_params": ANSATZ.parameters}
ESTIMATOR, SAMPLER = StatevectorEstimator(seed=1), StatevectorSampler(seed=1)
PASSES = generate_preset_pass_manager(0, basis_gates=["rz", "sx", "cx"])
WEIGHT = Parameter("J")


def estimator(**options: Any) -> qjax.EstimatorQNN:
    return qjax.EstimatorQNN(circuit=CIRCUIT, **PARAMS, **options)


def sampler(**options: Any) -> qjax.SamplerQNN:
    return qjax.SamplerQNN(circuit=CIRCUIT, **PARAMS, **options)


def sampling(**options: Any) -> qjax.CircuitQNN:
    return qjax.CircuitQNN(CIRCUIT, **PARAMS, **options)


def coefficients() -> qjax.EstimatorQNN:
    """A weight that only an observable has."""
    return qjax.EstimatorQNN(
        circuit=CIRCUIT,
        input_params=FEATURES.parameters,
        weight_params=[*ANSATZ.parameters, WEIGHT],
        observables=SparsePauliOp(["ZZ", "XI"], [WEIGHT, 2]),
    )


NETWORKS: dict[str, Callable[[], qjax.NeuralNetwork]] = {
    "estimator": lambda: estimator(observables=["ZZ", "XI"], gradient="adjoint"),
    "coefficients": coefficients,
    "tree": lambda: tree("nested", input_gradients=True),
    "estimator on a primitive": lambda: estimator(
        estimator=ESTIMATOR, default_precision=0.1, pass_manager=PASSES, gradient=SPSA(seed=3)
    ),
    "sampler": lambda: sampler(sparse=True),
    "interpret": lambda: sampler(interpret=grid, output_shape=(2, 2), gradient="backprop"),
    "sampler on a primitive": lambda: sampler(
        interpret=parity, output_shape=2, sampler=SAMPLER, shots=7, pass_manager=PASSES
    ),
    "sampling": lambda: sampling(sampling=True, interpret=grid, shots=9, seed=4),
    "probabilities": lambda: sampling(interpret=parity, output_shape=2, input_gradients=True),
    "sampling on a primitive": lambda: sampling(sampling=True, sampler=SAMPLER, shots=3),
    "two layers": lambda: qjax.TwoLayerQNN(2, input_gradients=True),
    "two layers on a primitive": lambda: qjax.TwoLayerQNN(
        feature_map=FEATURES, ansatz=ANSATZ, observable="XZ", estimator=ESTIMATOR
    ),
    "opflow": lambda: qjax.OpflowQNN(qjax.ComposedOp(["ZZ", "YI"], CIRCUIT), **PARAMS),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_changed_is_the_same_network(name: str) -> None:
    network = NETWORKS[name]()
    again = network.replace()
    assert again is not network
    assert again == network
    assert hash(again) == hash(network)
    assert type(again) is type(network)
    assert network.__replace__() == network  # `copy.replace`, from Python 3.13 on
    changed = network.replace(input_gradients=not network.input_gradients)
    assert changed.input_gradients is not network.input_gradients
    assert changed != network
    assert changed.replace(input_gradients=network.input_gradients) == network


# A primitive is equal to itself only.
@pytest.mark.parametrize("name", [name for name in NETWORKS if "primitive" not in name])
def test_pickled_networks_are_whole(name: str) -> None:
    network = NETWORKS[name]()
    loaded = pickle.loads(pickle.dumps(network))
    assert loaded == network
    assert loaded.replace() == network
    with pytest.raises(AttributeError, match="replace"):
        loaded.sparse = True
    assert copy.copy(network) == copy.deepcopy(network) == network


# Every name that means something on some network, and two that mean nothing.
NAMES = re.findall(
    r"\w+",
    "circuit observables observable operator input_params weight_params estimator "
    "sampler gradient default_precision pass_manager sparse interpret output_shape sampling shots "
    "seed num_inputs num_weights weight_structure plan primitive num_qubits feature_map ansatz "
    "apply _model input_gradient anything",
)


@pytest.mark.parametrize("name", ["estimator", "sampler", "sampling", "two layers", "opflow"])
def test_no_attribute_can_be_set_or_deleted(name: str) -> None:
    network = NETWORKS[name]()
    for attribute in NAMES:
        with pytest.raises(AttributeError, match=rf"^{attribute}: .*qnn\.replace\("):
            setattr(network, attribute, None)
        with pytest.raises(AttributeError, match=rf"^{attribute}: .*qnn\.replace\("):
            delattr(network, attribute)
    assert network == NETWORKS[name]()


def test_the_message_names_the_change() -> None:
    with pytest.raises(AttributeError, match=r"qnn\.replace\(estimator=\.\.\.\)"):
        estimator().estimator = ESTIMATOR
    with pytest.raises(AttributeError, match=r"Did you mean input_gradients\?"):
        estimator().inputgradients = True
    with pytest.raises(AttributeError, match=r"replace\(interpret=\.\.\., output_shape=\.\.\.\)"):
        sampler().set_interpret(parity, 2)
    assert not hasattr(sampler(), "set_interpret")
    assert not hasattr(sampler(), "no_such_thing")


def test_arguments_can_be_read() -> None:
    remote = NETWORKS["estimator on a primitive"]()
    assert remote.estimator is remote.primitive is ESTIMATOR
    assert remote.pass_manager is PASSES
    assert (remote.default_precision, remote.gradient) == (0.1, SPSA(seed=3))
    plain = NETWORKS["estimator"]()
    assert (plain.estimator, plain.pass_manager, plain.default_precision) == (None, None, None)
    assert plain.gradient == "adjoint"
    assert NETWORKS["interpret"]().interpret is grid
    assert NETWORKS["sampling"]().interpret is grid
    assert sampler().interpret is None
    shots = NETWORKS["sampler on a primitive"]()
    assert (shots.sampler, shots.shots) == (SAMPLER, 7)
    drawn = NETWORKS["sampling"]()
    assert (drawn.shots, drawn.seed, drawn.sampling) == (9, 4, True)
    assert sampling().shots == 1024
    assert NETWORKS["two layers on a primitive"]().observable == "XZ"


def test_interpret_of_a_pickled_network() -> None:
    """A function in a test cannot be pickled; its values can."""
    network = sampler(interpret=lambda integer: (integer % 2, integer // 2), output_shape=(2, 2))
    loaded = pickle.loads(pickle.dumps(network))
    assert [loaded.interpret(k) for k in range(4)] == [(0, 0), (1, 0), (0, 1), (1, 1)]
    with pytest.raises(ValueError, match="never measures 4"):
        loaded.interpret(4)
    assert pickle.loads(pickle.dumps(loaded)) == network


def test_other_arguments() -> None:
    x, w = np.array([[0.3, -0.4]]), np.linspace(-1, 1, 4)
    values = estimator().forward(x, w)
    assert error(estimator(observables="XI").replace(observables=None).forward(x, w), values) == 0
    both = estimator().replace(observables=["ZZ", "XI"])
    assert both == estimator(observables=["ZZ", "XI"])
    swapped = estimator().replace(input_params=FEATURES.parameters[::-1])
    assert error(swapped.forward(x[:, ::-1], w), values) < DOUBLE_TOLERANCE
    remote = estimator().replace(estimator=ESTIMATOR, default_precision=0.0)
    assert error(remote.forward(x, w), values) < 1e-12
    assert remote.replace(estimator=None) == remote.exact() == estimator()
    sampled = NETWORKS["sampler on a primitive"]()
    assert sampled.replace(sampler=None) == sampled.exact()
    drawn = NETWORKS["sampling on a primitive"]()
    assert drawn.replace(sampler=None) == drawn.exact()
    assert drawn.replace(sampler=None).shots == 3


def test_what_follows_from_other_arguments() -> None:
    assert NETWORKS["interpret"]().replace(interpret=None).output_shape == (4,)
    assert sampler().replace(interpret=parity, output_shape=2) == sampler(
        interpret=parity, output_shape=2
    )
    assert sampling(interpret=parity, output_shape=2).replace(sampling=True, shots=5) == sampling(
        interpret=parity, sampling=True, shots=5
    )
    assert NETWORKS["sampling"]().replace(sampling=False, output_shape=(2, 2)).output_shape == (
        2, 2,
    )  # fmt: skip
    wide = qjax.TwoLayerQNN(2).replace(num_qubits=3)
    assert wide == qjax.TwoLayerQNN(3)
    larger = zz_feature_map(3, reps=1).compose(real_amplitudes(3, reps=1))
    names = {"input_params": larger.parameters[:3], "weight_params": larger.parameters[3:]}
    assert sampler().replace(circuit=larger, **names).output_shape == (8,)
    three = (CIRCUIT, FEATURES.parameters, ANSATZ.parameters)
    assert tree("dict").replace(circuit=three, observables=None) == estimator()


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: estimator().replace(sampler=SAMPLER), TypeError, "no argument 'sampler'.*circuit"),
        (lambda: estimator().replace(observable="Z"), TypeError, "Did you mean observables"),
        (lambda: estimator().replace(observables="Z"), ValueError, "2"),
        (lambda: sampler().replace(interpret=parity), ValueError, "output_shape"),
        (lambda: sampler().replace(shots=0), ValueError, "shots: .*at least 1"),
        (
            lambda: coefficients().replace(observables="ZZ"), ValueError,
            r"weight_params: \['J'\] are not among",
        ),
        (lambda: qjax.TwoLayerQNN(2).replace(num_qubits=1.5), TypeError, "num_qubits"),
    ],
)  # fmt: skip
def test_wrong_changes(call: Callable[[], Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        call()


class Named(qjax.EstimatorQNN):
    """One that passes on what it does not know, and has something of its own."""

    def __init__(self, label: str, **options: Any) -> None:
        super().__init__(**options)
        self.label = label


class Fixed(qjax.SamplerQNN):
    """One that keeps its argument elsewhere."""

    def __init__(self, repetitions: int) -> None:
        self._reps = repetitions
        circuit = real_amplitudes(2, reps=repetitions)
        super().__init__(circuit=circuit, weight_params=circuit.parameters)


class Plain(qjax.CircuitQNN):
    """One without a constructor of its own."""


def test_subclasses() -> None:
    named = Named("a", circuit=CIRCUIT, **PARAMS)
    other = named.replace(label="b", observables="XX")
    assert (type(other), other.label, other.input_params) == (Named, "b", named.input_params)
    assert other.observables == estimator(observables="XX").observables
    assert named.replace() == named
    with pytest.raises(AttributeError, match=r"replace\(label=\.\.\.\)"):
        named.label = "c"
    with pytest.raises(TypeError, match="keeps its argument 'repetitions' under no attribute"):
        Fixed(1).replace()
    assert Fixed(1).replace(repetitions=2) == Fixed(2)
    assert Plain(CIRCUIT, **PARAMS).replace(shots=4).shots == 4


def test_what_the_caller_has_may_change() -> None:
    """A network, and its copies, are made of what was given then."""
    circuit, observable = CIRCUIT.copy(), SparsePauliOp(["ZZ"], [1.0])
    network = qjax.EstimatorQNN(circuit=circuit, observables=observable, **PARAMS)
    opflow = qjax.OpflowQNN((observable, circuit), **PARAMS)
    expected = [estimator(observables="ZZ"), opflow.replace()]
    circuit.x(0)
    observable.coeffs[:] = 3
    assert [network.replace(), opflow.replace()] == expected


def test_a_circuit_with_its_parameters() -> None:
    """What Qiskit Machine Learning's `qnn_circuit` returns."""
    three = (CIRCUIT, FEATURES.parameters, ANSATZ.parameters)
    assert qjax.EstimatorQNN(circuit=three) == estimator()
    assert qjax.SamplerQNN(circuit=three, sparse=True) == sampler(sparse=True)
    assert qjax.CircuitQNN(three, shots=3) == sampling(shots=3)
    opflow = qjax.OpflowQNN(("ZZ", three))
    assert opflow == qjax.OpflowQNN(("ZZ", CIRCUIT), **PARAMS)
    assert "CircuitStateFn" in str(opflow.operator)
    for name, given in PARAMS.items():
        with pytest.raises(ValueError, match=f"^{name}: given beside"):
            qjax.SamplerQNN(circuit=three, **{name: given})
    with pytest.raises(TypeError, match="QuantumCircuit"):
        qjax.EstimatorQNN(circuit=(CIRCUIT, FEATURES.parameters))
    assert isinstance(three[0], QuantumCircuit)
