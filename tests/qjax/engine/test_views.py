"""Several states in the place of one: the values stay Qiskit's."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparseObservable, SparsePauliOp, Statevector

import qjax
from qjax._base import tuning
from qjax._engine.stacks import stacks_of
from qjax._engine.task import Expectations, Task, seen_of
from qjax.primitives import Estimator, Sampler
from tests.circuits import DOUBLE_TOLERANCE, error, finite_gradient, random_values, value_of
from tests.qjax.circuit.test_light_cone import brickwork, z_on

pytestmark = pytest.mark.usefixtures("x64")


@pytest.fixture
def always_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Narrow circuits, which Qiskit simulates too, are looked at cone by cone."""
    monkeypatch.setattr("qjax._base.tuning.MIN_QUBITS_TO_SPLIT", 1)
    monkeypatch.setattr(tuning, "SPLIT_PROGRAM", -(1 << 30))  # none is merged
    monkeypatch.setattr(tuning, "SPLIT_CALL", 0)
    monkeypatch.setattr(tuning, "CLEARLY_CHEAPER", 1)


def chain(num_qubits: int, depth: int, name: str) -> QuantumCircuit:
    """Brickwork of parametrized gates; the name makes it another circuit for the caches."""
    circuit, angles = QuantumCircuit(num_qubits), (Parameter(f"{name}{k:03}") for k in range(999))
    for layer in range(depth):
        for qubit in range(num_qubits):
            circuit.ry(next(angles), qubit)
        for qubit in range(layer % 2, num_qubits - 1, 2):
            circuit.crx(next(angles), qubit, qubit + 1)
    return circuit


def local_observables(num_qubits: int) -> list[SparsePauliOp]:
    """Z and X of every qubit, sums that reach over all of them, 1 and 0."""
    labels = [(p, [q], 1.0) for q in range(num_qubits) for p in "ZX"]
    found = [SparsePauliOp.from_sparse_list([each], num_qubits) for each in labels]
    pairs = [(p + p, [q, q + 1], 0.1 * q - 0.7) for q in range(num_qubits - 1) for p in "XYZ"]
    found.append(SparsePauliOp.from_sparse_list([*pairs, ("", [], 0.4)], num_qubits))
    found.append(SparsePauliOp("I" * num_qubits, 0.3))
    found.append(0 * found[0])
    return found


def parts_of(circuit: QuantumCircuit, observables: list) -> list[int]:
    """How many qubits each state has."""
    converted, known, _ = qjax._simulation.as_observables(circuit, observables)
    return [
        part.circuit.num_qubits
        for part in seen_of(Task(converted, frozenset(), Expectations(known))).parts
    ]


# ---------------------------------------------------------------- values and derivatives


@pytest.mark.usefixtures("always_apart")
def test_values_and_derivatives_of_every_kind() -> None:
    circuit, observables = chain(6, 1, "kinds"), local_observables(6)
    assert len(parts_of(circuit, observables)) > 1
    values, converted = random_values(circuit), qjax.from_qiskit(circuit)

    def qiskits(v: np.ndarray) -> np.ndarray:
        return np.array([value_of(circuit, each, v) for each in observables])

    def ours(v: jax.Array, gradient: str | None = None) -> jax.Array:
        return qjax.expectation(converted, observables, v, gradient=gradient)

    expected = qiskits(values)
    assert error(ours(values), expected) < DOUBLE_TOLERANCE
    slopes = finite_gradient(qiskits, values)
    for gradient in ("backprop", "adjoint"):
        found = jax.jit(jax.jacrev(lambda v, g=gradient: ours(v, g)))(values)
        assert error(found, slopes) < 1e-8
    direction = np.cos(np.arange(len(values)))
    assert error(jax.jvp(ours, (values,), (direction,))[1], slopes @ direction) < 1e-8
    total = lambda v: (qjax.expectation(converted, observables[:8:3], v) ** 2).sum()  # noqa: E731
    assert len(parts_of(circuit, observables[:8:3])) > 1

    def slope(v: np.ndarray) -> np.ndarray:
        found = [value_of(circuit, each, v) for each in observables[:8:3]]
        return 2 * np.array(found) @ finite_gradient(qiskits, v)[:8:3]

    batch = np.stack([values, 1.1 * values])
    mapped = jax.jit(jax.vmap(jax.grad(total)))(batch)
    assert error(mapped, [slope(row) for row in batch]) < 1e-8
    curved = jax.hessian(total)(values) @ direction
    around = [slope(values + s * 1e-4 * direction) for s in (1, -1)]
    assert error(curved, (around[0] - around[1]) / 2e-4) < 1e-5


@pytest.mark.usefixtures("always_apart")
def test_projectors_and_coefficients_with_parameters() -> None:
    circuit, a = chain(6, 1, "terms"), Parameter("~a")
    projected = SparseObservable.from_sparse_list(
        [("0+", [0, 1], 0.7), ("1", [5], -0.2), ("Zr", [2, 3], 0.5)], 6
    )
    weighted = SparsePauliOp.from_sparse_list(
        [("ZZ", [0, 1], a), ("XX", [4, 5], 2.0), ("Y", [3], a * a)], 6
    )
    values = random_values(circuit)
    dense = SparsePauliOp.from_sparse_observable(projected)
    expected = [
        value_of(circuit, dense, values),
        value_of(circuit, weighted.assign_parameters([0.8]), values),
    ]
    given = np.append(values, 0.8)
    assert len(parts_of(circuit, [projected, weighted])) > 1
    found, pull = jax.vjp(lambda v: qjax.expectation(circuit, [projected, weighted], v), given)
    assert error(found, expected) < DOUBLE_TOLERANCE
    step = [value_of(circuit, weighted.assign_parameters([0.8 + h]), values) for h in (1e-5, -1e-5)]
    assert abs(pull(np.array([0.0, 1.0]))[0][-1] - (step[0] - step[1]) / 2e-5) < 1e-8


@pytest.mark.usefixtures("always_apart")
def test_networks_and_batches() -> None:
    circuit, observables = chain(7, 1, "network"), local_observables(7)[:-2]
    inputs, weights = circuit.parameters[:3], circuit.parameters[3:]
    qnn = qjax.EstimatorQNN(
        circuit=circuit,
        observables=observables,
        input_params=inputs,
        weight_params=weights,
        input_gradients=True,
    )
    x = np.random.default_rng(1).uniform(-2, 2, (3, 3))
    w = random_values(circuit)[3:]

    def qiskits(row: np.ndarray) -> np.ndarray:
        return np.array([value_of(circuit, each, np.append(row, w)) for each in observables])

    assert error(qnn.forward(x, w), [qiskits(row) for row in x]) < DOUBLE_TOLERANCE
    by_inputs, by_weights = qnn.backward(x, w)
    assert error(by_inputs, [finite_gradient(qiskits, row) for row in x]) < 1e-8
    step = 1e-5 * np.eye(len(w))[2]
    difference = qnn.forward(x, w + step) - qnn.forward(x, w - step)
    assert error(by_weights[:, :, 2], difference / 2e-5) < 1e-8
    assert "cone by cone" in str(qnn.plan)
    assert qnn.forward(np.zeros((0, 3)), w).shape == (0, len(observables))


@pytest.mark.usefixtures("always_apart")
@pytest.mark.parametrize("seed", range(3))
def test_random_circuits(seed: int) -> None:
    """Cones of many shapes, phases at the end, preparations, records of measurements midway."""
    rng = np.random.default_rng(seed)
    circuit = QuantumCircuit(6)
    circuit.initialize([0.6, 0.8j], 2)
    for _ in range(7):
        first, second = (int(q) for q in rng.permutation(6)[:2])
        circuit.ry(rng.uniform(-3, 3), first)
        (circuit.cx if rng.random() < 0.5 else circuit.cz)(first, second)
    labels = ["".join(rng.choice(list("IIIIXYZ"), 6)) for _ in range(8)]
    observable = SparsePauliOp(labels, rng.uniform(-1, 1, 8))
    state = Statevector(circuit)
    operators = [observable, *map(SparsePauliOp, labels)]
    expected = [state.expectation_value(each).real for each in operators]
    assert error(qjax.expectation(circuit, [observable, *labels]), expected) < DOUBLE_TOLERANCE


# ---------------------------------------------------------------- forty qubits


def test_forty_local_observables_of_forty_qubits() -> None:
    """Each is that of the ten qubits around, by Qiskit; few programs serve them all."""
    wide, depth = brickwork(40, 3), 3
    values, observables = random_values(wide), [z_on(qubit, 40) for qubit in range(40)]
    pairs = [(p + p, [q, q + 1], 0.5 + 0.1 * q) for q in range(39) for p in "XYZ"]
    heisenberg = SparsePauliOp.from_sparse_list(pairs, 40)

    def around(first: int, observable: SparsePauliOp) -> float:
        """On the even number of qubits from `first` on, as the bricks begin at an even one."""
        kept = [40 * layer + first + q for layer in range(depth) for q in range(12)]
        return value_of(brickwork(12, depth), observable, values[kept])

    found = qjax.expectation(wide, observables, values)
    starts = [min(max(0, 2 * (q // 2) - 4), 28) for q in range(40)]
    expected = [around(first, z_on(q - first, 12)) for q, first in enumerate(starts)]
    assert error(found, expected) < DOUBLE_TOLERANCE
    total = sum(
        around(first, SparsePauliOp.from_sparse_list([(pair, [q - first, q + 1 - first], c)], 12))
        for (pair, (q, _), c) in pairs
        for first in [starts[q]]
    )
    assert abs(qjax.expectation(wide, heisenberg, values) - total) < 1e-11
    converted, known, _ = qjax._simulation.as_observables(wide, observables)
    task = Task(converted, frozenset(), Expectations(known))
    assert len(stacks_of(task, True).stacks) <= 4
    evs = Estimator().run([(wide, observables, values)]).result()[0].data.evs
    assert error(evs, expected) < DOUBLE_TOLERANCE


def test_what_is_narrow_or_seen_whole_stays_one_state() -> None:
    narrow = brickwork(10, 2)
    assert parts_of(narrow, [z_on(q, 10) for q in range(10)]) == [10]
    ladder = QuantumCircuit(18)
    ladder.h(range(18))
    for qubit in range(17):
        ladder.cx(qubit, qubit + 1)
        ladder.ry(0.1, qubit + 1)
    assert parts_of(ladder, [z_on(q, 18) for q in range(18)]) == [18]


def test_a_network_is_evaluated_in_blocks_of_what_is_simulated() -> None:
    """By the size of the whole circuit, each sample would be a block of its own."""
    wide = brickwork(40, 1)
    qnn = qjax.EstimatorQNN(
        circuit=wide, observables=[z_on(3, 40), z_on(20, 40)], weight_params=wide.parameters
    )
    assert qnn.num_simulated == 4
    assert "cone by cone" not in str(qnn.plan)


# ---------------------------------------------------------------- probabilities and samples


def test_marginals_and_samples_of_wide_circuits() -> None:
    wide, narrow = brickwork(40, 3), brickwork(16, 3)
    values = random_values(wide)
    kept = [40 * layer + 12 + qubit for layer in range(3) for qubit in range(16)]
    state = Statevector(narrow.assign_parameters(values[kept]))
    expected = state.probabilities([8, 6])
    assert error(qjax.probabilities(wide, values, [20, 18]), expected) < DOUBLE_TOLERANCE
    measured = QuantumCircuit(40, 3)
    measured.compose(wide, inplace=True)
    measured.measure([20, 18], [0, 2])
    qnn = qjax.SamplerQNN(circuit=measured, weight_params=wide.parameters)
    by_bits = np.zeros(8)
    by_bits[[0, 1, 4, 5]] = expected
    assert error(qnn.forward([], values)[0], by_bits) < DOUBLE_TOLERANCE
    step = 1e-5 * (np.arange(120) == 57)
    slope = (qnn.forward([], values + step) - qnn.forward([], values - step)) / 2e-5
    assert error(qnn.backward([], values)[1][0, :, 57], slope[0]) < 1e-8
    drawn = qjax.sample(measured, values, 20_000, jax.random.key(1))
    assert drawn.shape == (20_000, 3)
    counted = np.bincount(np.asarray(drawn) @ np.array([1, 2, 4]), minlength=8) / 20_000
    assert error(counted, by_bits) < 5 * 0.5 / np.sqrt(20_000)
    counts = Sampler(seed=3).run([(measured, values, 20_000)]).result()[0].data.c.get_counts()
    assert sum(counts.values()) == 20_000
    assert abs(counts["101"] / 20_000 - by_bits[5]) < 5 * 0.5 / np.sqrt(20_000)
    sampling = qjax.CircuitQNN(measured, [], wide.parameters, sampling=True, shots=4000, seed=2)
    found = np.bincount(sampling.sample([], values).ravel(), minlength=8) / 4000
    assert error(found, by_bits) < 5 * 0.5 / np.sqrt(4000)


def test_no_qubits_have_one_outcome() -> None:
    assert (
        error(qjax.probabilities(brickwork(30, 1), random_values(brickwork(30, 1)), []), [1]) == 0
    )
