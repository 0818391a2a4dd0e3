"""Variances of derivatives: product states in closed form, and the decay of random circuits."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.quantum_info import SparsePauliOp

import qjax
from qjax.diagnostics import _gradient_variance, gradient_variance
from tests.circuits import error
from tests.conftest import Compilations

KEY = jax.random.key(2)


def product(num_qubits: int) -> QuantumCircuit:
    """<Z...Z> is the product of the cosines: derivatives have the variance 2^-n."""
    circuit, angles = QuantumCircuit(num_qubits), ParameterVector("t", num_qubits)
    for qubit in range(num_qubits):
        circuit.rx(angles[qubit], qubit)
    return circuit


@pytest.mark.parametrize("num_qubits", [1, 3, 6])
def test_product_states(num_qubits: int) -> None:
    """The square has the mean 2^-n and the fourth power (3/8)^n, which gives the error."""
    samples = 40_000
    found = gradient_variance(product(num_qubits), "Z" * num_qubits, samples=samples, key=KEY)
    deviation = np.sqrt((1.5**num_qubits - 1) / samples)
    assert found.shape == (num_qubits,)
    assert error(found * 2**num_qubits, np.ones(num_qubits)) < 4 * deviation + 1e-3


def random_circuit(num_qubits: int, layers: int, seed: int) -> QuantumCircuit:
    """McClean et al.: RY(pi/4), then layers of rotations about random axes and CZ on neighbours."""
    rng = np.random.default_rng(seed)
    angles = ParameterVector("t", num_qubits * layers)
    circuit = QuantumCircuit(num_qubits)
    circuit.ry(np.pi / 4, range(num_qubits))
    for layer in range(layers):
        for qubit in range(num_qubits):
            rotate = (circuit.rx, circuit.ry, circuit.rz)[rng.integers(3)]
            rotate(angles[layer * num_qubits + qubit], qubit)
        for qubit in range(num_qubits - 1):
            circuit.cz(qubit, qubit + 1)
    return circuit


def test_barren_plateau() -> None:
    """The mean over weights falls by about 2 for each further qubit; for few layers by far less."""
    slopes = {}
    for layers in (4, 24):
        means = [
            np.mean(gradient_variance(random_circuit(n, layers, n), "I" * (n - 2) + "ZZ",
                                      samples=300, key=KEY))
            for n in (2, 4, 6)
        ]  # fmt: skip
        slopes[layers] = np.polyfit((2, 4, 6), np.log2(means), 1)[0]
    assert -1.5 < slopes[24] < -0.6
    assert slopes[24] < slopes[4] - 0.2


def test_one_parameter_in_several_forms() -> None:
    circuit = product(2)
    everything = gradient_variance(circuit, "ZZ", samples=50, key=KEY)
    for parameter in (1, "t[1]", circuit.parameters[1]):
        single = gradient_variance(circuit, "ZZ", samples=50, key=KEY, parameter=parameter)
        assert single.shape == ()
        assert single == everything[1]


def test_parts_give_the_same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = gradient_variance(product(3), "ZZZ", samples=37, key=KEY)
    monkeypatch.setattr(
        "qjax.diagnostics._random_parameters.samples_per_pass", lambda size, device: 8
    )
    _gradient_variance._compiled.cache_clear()
    assert error(gradient_variance(product(3), "ZZZ", samples=37, key=KEY), whole) < 1e-6
    _gradient_variance._compiled.cache_clear()


def test_other_keys_compile_nothing(compilations: Compilations) -> None:
    observable = SparsePauliOp(["ZI", "XX"], [0.5, 1.0])
    keys = jax.random.key(9), jax.random.key(10)
    gradient_variance(product(2), observable, samples=20, key=keys[0]).block_until_ready()
    compilations.reset()
    gradient_variance(product(2), observable, samples=20, key=keys[1]).block_until_ready()
    assert compilations.count == 0


def test_no_parameters() -> None:
    circuit = QuantumCircuit(1)
    circuit.h(0)
    assert gradient_variance(circuit, "Z", key=KEY).shape == (0,)


@pytest.mark.parametrize(
    ("kind", "expected", "arguments"),
    [
        (TypeError, "key: expected one JAX", {"key": 1}),
        (ValueError, "samples: expected a whole number of at least 2", {"samples": 1}),
        (ValueError, "observable: expected one, got a list of 2", {"observable": ["ZZ", "XX"]}),
        (ValueError, "'u' is not among the circuit's", {"parameter": "u"}),
        (ValueError, "parameter: expected a whole number", {"parameter": 2}),
        (TypeError, "parameter: expected a parameter of the circuit", {"parameter": 1.0}),
        (TypeError, "expected a label", {"observable": 3}),
    ],
)
def test_wrong_arguments(kind: type, expected: str, arguments: dict) -> None:
    settings = {"observable": "ZZ", "samples": 10, "key": KEY, **arguments}
    with pytest.raises(kind, match=expected):
        gradient_variance(product(2), **settings)


def test_parameters_of_observables_are_refused() -> None:
    observable = SparsePauliOp(["ZZ"], [Parameter("c")])
    with pytest.raises(
        ValueError, match=r"observable: its coefficients have parameters .*'c'.*bind them first"
    ):
        gradient_variance(qjax.from_qiskit(product(2)), observable, samples=10, key=KEY)
