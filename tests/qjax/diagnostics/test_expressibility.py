"""Expressibility and entangling capability: closed forms, Qiskit's purities, and Sim et al."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.quantum_info import Statevector, partial_trace, random_statevector

import qjax
from qjax.diagnostics import (
    _entanglement,
    _expressibility,
    entangling_capability,
    expressibility,
    meyer_wallach,
    random_fidelities,
)
from tests.circuits import error
from tests.conftest import Compilations, Precision

KEY = jax.random.key(5)


def sims_circuit(number: int) -> QuantumCircuit:
    """Circuits 1, 4, 9 and 19 of Sim et al., figure 2, on four qubits, one layer."""
    angles, circuit = iter(ParameterVector("t", 12)), QuantumCircuit(4)
    if number == 9:
        circuit.h(range(4))
        circuit.cz([3, 2, 1], [2, 1, 0])
        for qubit in range(4):
            circuit.rx(next(angles), qubit)
        return circuit
    for qubit in range(4):
        circuit.rx(next(angles), qubit)
        circuit.rz(next(angles), qubit)
    chain, ring = [(3, 2), (2, 1), (1, 0)], [(3, 0), (2, 3), (1, 2), (0, 1)]
    for control, target in {1: [], 4: chain, 19: ring}[number]:
        circuit.crx(next(angles), control, target)
    return circuit


@pytest.mark.parametrize(
    ("number", "published"), [(1, 0.2999), (4, 0.1343), (9, 0.6773), (19, 0.0809)]
)
def test_published_expressibilities(number: int, published: float) -> None:
    """Sim et al., figure 3: from one such sample, where this is the mean of several.

    Their circuits 1 and 2, of equal fidelities, have 0.2999 and 0.2860: so exact are these.
    """
    circuit = qjax.from_qiskit(sims_circuit(number))
    values = [expressibility(circuit, key=key) for key in jax.random.split(KEY, 6)]
    assert np.mean(values) == pytest.approx(published, abs=0.03)


def test_entangling_capability() -> None:
    """None without entangling gates; all of it for cluster states, whatever rotations follow.

    CX on two qubits after RX and RZ: the mean squares of the Bloch vectors' components are 1/4, 1/4
    and 1/2, and those of both qubits have a mean square length of 5/8 after it.
    """
    assert entangling_capability(sims_circuit(1), key=KEY) == pytest.approx(0, abs=1e-5)
    assert entangling_capability(sims_circuit(9), key=KEY) == pytest.approx(1, abs=1e-5)
    angles, circuit = ParameterVector("t", 4), QuantumCircuit(2)
    for qubit in range(2):
        circuit.rx(angles[qubit], qubit)
        circuit.rz(angles[2 + qubit], qubit)
    circuit.cx(0, 1)
    found = entangling_capability(circuit, samples=20_000, key=KEY)
    assert found == pytest.approx(3 / 8, abs=0.01)


def one_qubit(gates: str) -> QuantumCircuit:
    circuit, angles = QuantumCircuit(1), iter(ParameterVector("t", 3))
    circuit.h(0)
    for name in gates:
        getattr(circuit, f"r{name}")(next(angles), 0)
    return circuit


def test_one_qubit_in_closed_form() -> None:
    """Sim et al., figure 1. One angle has fidelities cos^2, so they follow the arcsine's law."""
    bins, samples = 75, 40_000
    edges = 2 / np.pi * np.arcsin(np.sqrt(np.arange(bins + 1) / bins))
    shares = np.diff(edges)
    exact = np.sum(shares * np.log(shares * bins))
    found = expressibility(one_qubit("z"), samples=samples, key=KEY)
    assert found == pytest.approx(exact, abs=0.01)
    assert expressibility(one_qubit("zx"), key=KEY) == pytest.approx(0.02, abs=0.015)
    idle = expressibility(one_qubit(""), samples=10, bins=bins, key=KEY)
    assert idle == pytest.approx(np.log(bins), rel=1e-5)  # 4.3 as published


@pytest.mark.usefixtures("x64")
def test_haar_random_states_have_no_divergence() -> None:
    """The formula of the bins, with fidelities that are drawn from Haar's law."""
    for dimension, bins in ((2.0, 10), (16.0, 75), (2.0**20, 75)):
        logs = _expressibility._haar_logs(dimension, bins)
        edges = (1 - np.arange(bins + 1) / bins) ** (dimension - 1)
        exact = edges[:-1] - edges[1:]
        assert np.exp(logs) == pytest.approx(exact, rel=1e-9, abs=1e-300)
        assert np.exp(logs).sum() == pytest.approx(1)
        assert np.isfinite(logs).all()


def test_fidelities_are_those_of_random_pairs(precision: Precision) -> None:
    """Their moments over Haar-like states: for RX(a)|0> the mean of cos^2 is 1/2, variance 1/8."""
    circuit, angle = QuantumCircuit(1), ParameterVector("t", 1)
    circuit.rx(angle[0], 0)
    values = random_fidelities(circuit, samples=20_000, key=KEY)
    assert values.dtype == precision.real
    assert np.mean(values) == pytest.approx(0.5, abs=0.01)
    assert np.var(values) == pytest.approx(0.125, abs=0.005)
    assert values.min() >= 0
    assert values.max() <= 1


def test_parts_give_the_same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    circuit = qjax.from_qiskit(sims_circuit(4))
    whole = random_fidelities(circuit, samples=37, key=KEY)
    mean = entangling_capability(circuit, samples=37, key=KEY)
    monkeypatch.setattr(
        "qjax.diagnostics._random_parameters.samples_per_pass", lambda size, device: 8
    )
    _expressibility._compiled.cache_clear()
    _entanglement._compiled.cache_clear()
    assert error(random_fidelities(circuit, samples=37, key=KEY), whole) < 1e-6
    assert error(entangling_capability(circuit, samples=37, key=KEY), mean) < 1e-6
    _expressibility._compiled.cache_clear()
    _entanglement._compiled.cache_clear()


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("num_qubits", [1, 2, 3, 5])
def test_measure_is_that_of_qiskits_purities(num_qubits: int) -> None:
    states = [random_statevector(2**num_qubits, seed=seed) for seed in range(3)]
    expected = [
        2 - 2 * np.mean([
            partial_trace(state, [q for q in range(num_qubits) if q != qubit]).purity().real
            for qubit in range(num_qubits)
        ])
        for state in states
    ]  # fmt: skip
    values = meyer_wallach(jnp.stack([state.data for state in states]))
    assert error(values, np.array(expected)) < 1e-12
    assert error(jax.jit(meyer_wallach)(states[0].data), np.asarray(expected[0])) < 1e-12


def test_known_states() -> None:
    ghz = np.zeros(8, np.complex64)
    ghz[[0, 7]] = 0.5**0.5
    w = np.zeros(8, np.complex64)
    w[[1, 2, 4]] = 3**-0.5
    product = Statevector.from_label("+r0-").data.astype(np.complex64)
    assert meyer_wallach(ghz) == pytest.approx(1, abs=1e-6)
    assert meyer_wallach(w) == pytest.approx(8 / 9, abs=1e-6)
    assert meyer_wallach(product) == pytest.approx(0, abs=1e-6)
    assert meyer_wallach(np.zeros((3, 0, 4))).shape == (3, 0)


def test_other_keys_compile_nothing(compilations: Compilations) -> None:
    circuit = qjax.from_qiskit(sims_circuit(1))
    keys = [jax.random.key(seed) for seed in range(2)]
    first = [expressibility(circuit, samples=20, key=keys[0])]
    first += [entangling_capability(circuit, samples=20, key=keys[0])]
    jax.block_until_ready(first)
    compilations.reset()
    again = qjax.from_qiskit(sims_circuit(1))
    second = [expressibility(again, samples=20, key=keys[1])]
    second += [entangling_capability(again, samples=20, key=keys[1])]
    jax.block_until_ready(second)
    assert compilations.count == 0
    assert first[0] != second[0]


@pytest.mark.parametrize("function", [expressibility, entangling_capability, random_fidelities])
def test_wrong_arguments(function) -> None:
    circuit = sims_circuit(1)
    with pytest.raises(TypeError, match="key: expected one JAX random key"):
        function(circuit, samples=3, key=0)
    with pytest.raises(ValueError, match="samples: expected a whole number of at least 1"):
        function(circuit, samples=0, key=KEY)
    with pytest.raises(ValueError, match="circuit: expected at least one qubit"):
        function(QuantumCircuit(0), samples=3, key=KEY)
    with pytest.raises(ValueError, match="bins: expected a whole number of at least 1"):
        expressibility(circuit, bins=0, key=KEY)
    measured = QuantumCircuit(1, 1)
    measured.h(0)
    measured.measure(0, 0)
    measured.h(0)
    measured.rx(ParameterVector("t", 1)[0], 0)
    with pytest.raises(ValueError, match="ends in a mixture"):
        function(measured, samples=3, key=KEY)
    for state in (np.ones(3), np.ones(1), np.float32(1)):
        with pytest.raises(ValueError, match="state: expected a last axis of length 2"):
            meyer_wallach(state)
    with pytest.raises(TypeError, match="state: "):
        meyer_wallach(np.array(["a", "b"]))
