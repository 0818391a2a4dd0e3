"""Qubits that are reset keep no record of what is known, recorded already or seen by nobody."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import jax
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import Pauli, Statevector

import qjax
from qjax._circuit.measurements import measured_bits
from qjax._dynamic.deferral import deferred, num_records
from tests.circuits import DOUBLE_TOLERANCE, error
from tests.dynamic import distribution, mean

pytestmark = pytest.mark.usefixtures("x64")


def syndrome_rounds(distance: int, rounds: int, turn: float = 0.0) -> QuantumCircuit:
    """A repetition code in superposition, each ancilla measured into a bit of its own and reset."""
    checks = distance - 1
    circuit = QuantumCircuit(distance + checks, checks * rounds + distance)
    circuit.ry(0.8, 0)
    for qubit in range(1, distance):
        circuit.cx(0, qubit)
    if turn:
        circuit.rx(turn, 1)
    for k in range(rounds):
        for check in range(checks):
            circuit.cx(check, distance + check)
            circuit.cx(check + 1, distance + check)
            circuit.measure(distance + check, checks * k + check)
            circuit.reset(distance + check)
    circuit.measure(range(distance), range(checks * rounds, circuit.num_clbits))
    return circuit


def pending_gates() -> QuantumCircuit:
    """Resets after gates on single qubits."""
    circuit = QuantumCircuit(3, 3)
    for angle in (0.3, 0.7, 1.1):
        circuit.ry(angle, range(3))
        circuit.reset(range(3))
    circuit.rx(0.9, 0)
    circuit.cx(0, 2)
    circuit.measure(range(3), range(3))
    return circuit


def discarded_block() -> QuantumCircuit:
    """Ancillas that are entangled with each other only, then reset one by one, four times."""
    circuit = QuantumCircuit(5, 2)
    circuit.ry(0.4, 0)
    for _ in range(4):
        circuit.h(2)
        circuit.cx(2, 3)
        circuit.crx(0.7, 3, 4)
        circuit.reset([2, 3, 4])
        circuit.cry(0.3, 0, 1)
    circuit.measure([0, 1], [0, 1])
    return circuit


def classical_values() -> QuantumCircuit:
    """Basis states through X, CX, CCX, SWAP and phases of what is known."""
    circuit = QuantumCircuit(5, 5)
    circuit.h(4)
    circuit.x(0)
    circuit.cx(0, 1)
    circuit.ccx(0, 1, 2)
    circuit.swap(2, 3)
    circuit.cp(0.7, 3, 4)
    circuit.cz(2, 4)
    circuit.h(4)
    for qubit in range(4):
        circuit.measure(qubit, qubit)
        circuit.reset(qubit)
    circuit.cx(3, 4)
    circuit.measure(4, 4)
    return circuit


def reuse_of_a_qubit() -> QuantumCircuit:
    """Three outcomes of one qubit: all but the last need a record."""
    circuit = QuantumCircuit(1, 3)
    for clbit, angle in enumerate((0.5, 0.9, 1.7)):
        circuit.ry(angle, 0)
        circuit.measure(0, clbit)
        circuit.reset(0)
    return circuit


def entangled_with_what_stays() -> QuantumCircuit:
    """The reset dephases the other qubit."""
    circuit = QuantumCircuit(2, 1)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.reset(1)
    circuit.h(0)
    circuit.measure(0, 0)
    return circuit


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (pending_gates, 0),
        (discarded_block, 0),
        (classical_values, 1),  # that holds the 1 of all bits that are always 1
        (lambda: syndrome_rounds(3, 3), 0),
        (lambda: syndrome_rounds(3, 2, turn=0.6), 1),
        (reuse_of_a_qubit, 3),
        (entangled_with_what_stays, 1),
    ],
    ids=["pending", "block", "classical", "syndromes", "error", "reuse", "entangled"],
)
def test_records(make: Callable[[], QuantumCircuit], expected: int) -> None:
    circuit = make()
    assert num_records(qjax.from_qiskit(circuit)) == expected
    _compare_distributions(circuit)


def test_rounds_that_had_too_many_outcomes_are_exact_now() -> None:
    """65 resets of 9 qubits."""
    circuit = syndrome_rounds(5, 16)
    circuit.reset(5)
    values = qjax.SamplerQNN(
        circuit=circuit, interpret=lambda measured: measured >> 64, output_shape=32
    ).forward([], [])[0]
    expected = np.zeros(32)
    expected[[0, 31]] = np.cos(0.4) ** 2, np.sin(0.4) ** 2
    assert error(values, expected) < DOUBLE_TOLERANCE
    drawn = np.asarray(qjax.sample(circuit, [], 4000, jax.random.key(0)))
    assert not drawn[:, :64].any()
    assert abs(drawn[:, 64].mean() - expected[31]) < 5 * 0.5 / np.sqrt(4000)


def _compare_distributions(circuit: QuantumCircuit) -> None:
    """Of the form without resets, by Qiskit, with every branch of the circuit, by Qiskit."""
    form = deferred(qjax.from_qiskit(circuit))
    found: dict[int, float] = defaultdict(float)
    for state, probability in enumerate(_state(form).probabilities()):
        bits = enumerate(measured_bits(form))
        found[sum((state >> q & 1) << k for k, q in bits if q is not None)] += probability
    expected = distribution(circuit)
    for outcome in found.keys() | expected.keys():
        assert abs(found.get(outcome, 0.0) - expected.get(outcome, 0.0)) < 1e-10


def _state(form: qjax.Circuit) -> Statevector:
    circuit = qjax.to_qiskit(form)
    circuit.data = [each for each in circuit.data if each.operation.name != "measure"]
    return Statevector.from_int(0, 2**form.num_qubits).evolve(circuit)


def random_resets(seed: int, num_qubits: int) -> QuantumCircuit:
    """Mostly classical gates and resets, so that much is known; some conditions."""
    rng = np.random.default_rng(seed)
    circuit = QuantumCircuit(num_qubits, num_qubits)
    for _ in range(30):
        first, second, third = (int(q) for q in rng.permutation(num_qubits)[:3])
        kind = rng.choice(
            ["reset", "measure", "x", "cx", "ccx", "swap", "cz", "one", "ry", "start", "if"],
            p=[0.24, 0.13, 0.12, 0.14, 0.05, 0.05, 0.05, 0.07, 0.06, 0.03, 0.06],
        )
        clbit, value = int(rng.integers(num_qubits)), int(rng.integers(2))
        if kind in ("reset", "x"):
            getattr(circuit, kind)(first)
        elif kind in ("cx", "swap", "cz"):
            getattr(circuit, kind)(first, second)
        elif kind == "ccx":
            circuit.ccx(first, second, third)
        elif kind == "measure":
            circuit.measure(first, clbit)
        elif kind == "one":
            getattr(circuit, str(rng.choice(["h", "t", "y", "s"])))(first)
        elif kind == "ry":
            circuit.ry(rng.uniform(-3, 3), first)
        elif kind == "start":
            circuit.initialize([0.6, 0.8j], first)
        else:
            with circuit.if_test((circuit.clbits[clbit], value)):
                getattr(circuit, str(rng.choice(["x", "reset", "h"])))(first)
    circuit.measure(0, 0)
    return circuit


@pytest.mark.parametrize("seed", range(40))
def test_random_circuits_with_many_resets(seed: int) -> None:
    """Distributions of bits, and means of what is not diagonal: every branch, by Qiskit."""
    num_qubits = 3 + seed % 3
    circuit = random_resets(seed, num_qubits)
    _compare_distributions(circuit)
    circuit.h(0)  # no measurement of qubit 0 is final
    label = "".join(np.random.default_rng(seed).choice(list("XYZ"), num_qubits))
    bare = circuit.copy()
    bare.barrier()
    for qubit in range(num_qubits):
        circuit.id(qubit)
        bare.ry(0.0, qubit)  # the same, after every measurement
    form = deferred(qjax.from_qiskit(bare), frozenset(range(num_qubits)))
    wide = Pauli("I" * (form.num_qubits - num_qubits) + label)
    found = _state(form).expectation_value(wide).real
    assert abs(found - mean(circuit, Pauli(label))) < 1e-10


def test_gradients_through_resets() -> None:
    a, b = Parameter("a"), Parameter("b")
    circuit = QuantumCircuit(3)
    circuit.ry(b, 1)
    circuit.reset(1)
    circuit.rx(a, 0)
    circuit.cx(0, 1)
    circuit.ry(a * b, 2)
    circuit.crx(b, 0, 2)
    circuit.reset(0)
    circuit.cry(a, 1, 0)
    at = np.array([0.7, -0.4])

    def qiskits(values: np.ndarray) -> float:
        return mean(circuit.assign_parameters(values), Pauli("XZZ"))

    value, slope = jax.value_and_grad(lambda v: qjax.expectation(circuit, "XZZ", v))(at)
    assert abs(value - qiskits(at)) < DOUBLE_TOLERANCE
    steps = 1e-5 * np.eye(2)
    assert error(slope, [(qiskits(at + s) - qiskits(at - s)) / 2e-5 for s in steps]) < 1e-8


def test_states_after_resets_that_leave_them_pure() -> None:
    circuit, after = QuantumCircuit(2), QuantumCircuit(2)
    circuit.h(0)
    circuit.x(1)
    circuit.reset([0, 1])
    for each in (circuit, after):
        each.ry(0.3, 0)
        each.cx(0, 1)
    assert error(qjax.statevector(circuit), Statevector(after).data) < DOUBLE_TOLERANCE
    circuit.reset(0)
    with pytest.raises(ValueError, match="mixture"):
        qjax.statevector(circuit)
