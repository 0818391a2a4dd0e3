"""What kernels read out, and its gradients, against Qiskit: Pauli strings, outcomes, projectors."""

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparseObservable, SparsePauliOp, Statevector

import qjax
from qjax._engine import Expectations, Outcomes, Task, run
from qjax._qiskit import as_observable
from qjax._simulators.native.library import why_missing
from tests.circuits import error, finite_gradient, random_circuit
from tests.conftest import Precision

pytestmark = pytest.mark.skipif(why_missing() is not None, reason=f"{why_missing()}")

# Of vectors of samples: fewer than a vector, one and more than one; of rows: any.
BATCHES = (1, 3, 16, 33)


def random_labels(num_qubits: int, count: int, seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list("IXYZ"), num_qubits)) for _ in range(count)]


def sums(num_qubits: int) -> list[SparsePauliOp]:
    """A weighted sum; then few and many strings that flip the same qubits, some more than once."""
    weights = np.random.default_rng(num_qubits).normal(size=40)
    weighted = SparsePauliOp(random_labels(num_qubits, 40, 1), weights)
    every = ["".join(letters).rjust(num_qubits, "Z") for letters in product("IXYZ", repeat=3)]
    of_z = ["".join(letters).rjust(num_qubits, "I") for letters in product("IZ", repeat=3)]
    return [weighted, *map(SparsePauliOp, [*every, *of_z]), weighted @ weighted.adjoint()]


@pytest.mark.parametrize("count", [1, None])
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("num_qubits", [3, 6])
def test_sums_of_strings(
    count: int | None, batch: int, num_qubits: int, precision: Precision
) -> None:
    observables = sums(num_qubits)[:count]
    converted = tuple(as_observable(o, num_qubits) for o in observables)

    matrices = np.array([o.to_matrix() for o in observables])

    def of_qiskit(state: Statevector) -> np.ndarray:
        return ((matrices @ state.data) @ state.data.conj()).real

    check(num_qubits, batch, Expectations(converted), of_qiskit, precision)


@pytest.mark.parametrize("qubits", [None, (2,), (4, 0, 3), (1, 2, 3, 4, 0)])
@pytest.mark.parametrize("batch", BATCHES)
def test_probabilities(qubits: Any, batch: int, precision: Precision) -> None:
    def of_qiskit(state: Statevector) -> np.ndarray:
        return np.asarray(state.probabilities(qubits))

    check(5, batch, Outcomes(qubits), of_qiskit, precision)


@pytest.mark.parametrize("label", ["0" * 5, "01Z1I", "r+XIl"])
def test_projectors(label: str, precision: Precision) -> None:
    observable = SparseObservable(label)
    converted = (as_observable(observable, 5),)

    def of_qiskit(state: Statevector) -> list[float]:
        return [state.expectation_value(SparsePauliOp.from_sparse_observable(observable)).real]

    check(5, 3, Expectations(converted), of_qiskit, precision)


def check(
    num_qubits: int,
    batch: int,
    readout: Any,
    of_qiskit: Callable[[Statevector], Sequence[float]],
    precision: Precision,
) -> None:
    """Values, and a slope against Qiskit's values a step away; half of the angles per sample."""
    rng = np.random.default_rng(num_qubits + batch)
    circuit = random_circuit(num_qubits, num_qubits, 10, symbolic=True)
    count = circuit.num_parameters
    differs = np.arange(count) % 2 == 1
    values = rng.uniform(-3, 3, (count, batch))
    values[~differs] = values[~differs, :1]
    task = Task(qjax.from_qiskit(circuit), frozenset(np.flatnonzero(differs).tolist()), readout)

    def expected(at: np.ndarray) -> np.ndarray:
        states = [Statevector(circuit.assign_parameters(sample)) for sample in at.T]
        return np.array([of_qiskit(state) for state in states]).T

    parts = [jnp.asarray(part, precision.real) for part in (values[~differs, 0], values[differs])]
    found, pull_back = jax.vjp(lambda *given: run(task, *given), *parts)
    here = expected(values)
    scale = 1 + np.abs(here).max()
    assert error(found, here) < precision.tolerance * scale
    weights = rng.normal(size=found.shape)
    slopes = pull_back(jnp.asarray(weights, precision.real))
    along = rng.normal(size=values.shape)
    along[~differs] = along[~differs, :1]
    ahead, behind = (expected(values + step * along) for step in (1e-5, -1e-5))
    slope = (np.asarray(slopes[0]) * along[~differs, 0]).sum()
    slope += (np.asarray(slopes[1]) * along[differs]).sum()
    wanted = (weights * (ahead - behind)).sum() / 2e-5
    assert abs(slope - wanted) < (1e-6 if precision.x64 else 1e-3) * scale * found.size


@pytest.mark.parametrize("num_qubits", [9, 15])
def test_rows_in_lanes(num_qubits: int, precision: Precision) -> None:
    """Flips of rows in a vector, in a block of vectors, and beyond; in parts, on threads."""
    circuit = random_circuit(3, num_qubits, 3 * num_qubits, symbolic=True)
    values = np.random.default_rng(0).uniform(-3, 3, circuit.num_parameters)
    of_qubits = [
        letter.rjust(k + 1, "I").ljust(num_qubits, "I")
        for letter in "XY"
        for k in range(num_qubits)
    ]
    labels = [*of_qubits, *random_labels(num_qubits, 20, 2), "Z" * num_qubits]
    weights = np.random.default_rng(1).normal(size=len(labels))
    observables = [SparsePauliOp(labels, weights), SparsePauliOp(labels[-1])]
    task = Task(
        qjax.from_qiskit(circuit),
        frozenset(),
        Expectations(tuple(as_observable(o, num_qubits) for o in observables)),
    )
    at = jnp.asarray(values, precision.real)

    def function(at: Any) -> Any:
        return run(task, at, jnp.zeros((0, 1), precision.real))[:, 0]

    def of_qiskit(at: np.ndarray) -> np.ndarray:
        state = Statevector(circuit.assign_parameters(at))
        return np.array([state.expectation_value(o).real for o in observables])

    assert error(function(at), of_qiskit(values)) < 10 * precision.tolerance
    along = np.random.default_rng(2).normal(size=len(values))
    slope = jax.grad(lambda at: function(at).sum())(at) @ jnp.asarray(along, precision.real)
    wanted = (of_qiskit(values + 1e-5 * along) - of_qiskit(values - 1e-5 * along)).sum() / 2e-5
    assert abs(slope - wanted) < (1e-6 if precision.x64 else 1e-3) * (1 + abs(wanted))
    again = jax.jit(jax.grad(lambda at: function(at).sum()))
    assert (again(at) == again(at)).all()


def test_coefficients_with_parameters(precision: Precision) -> None:
    """Mapped over and differentiated in coefficients and angles, once and twice."""
    theta, a, b = (Parameter(name) for name in ("t", "a", "b"))
    circuit = QuantumCircuit(2)
    circuit.ry(theta, 0)
    circuit.cx(0, 1)
    circuit.rx(2 * theta, 1)
    labels = ["XX", "YI", "ZZ", "ZI"]
    observable = SparsePauliOp(labels, np.array([a, a * b, b, 0.5 + 0 * a]))

    def value(p: Any) -> Any:
        return qjax.expectation(circuit, observable, {"t": p[0], "a": p[1], "b": p[2]})

    def of_qiskit(p: np.ndarray) -> float:
        state = Statevector(circuit.assign_parameters([p[0]]))
        numbers = [p[1], p[1] * p[2], p[2], 0.5]
        return float(state.expectation_value(SparsePauliOp(labels, numbers)).real)

    points = np.random.default_rng(0).normal(size=(5, 3)).astype(precision.real)
    values, slopes = jax.vmap(jax.value_and_grad(value))(points)
    at = points.astype(float)
    assert error(values, np.array([of_qiskit(p) for p in at])) < precision.tolerance
    wanted = np.array([finite_gradient(of_qiskit, p) for p in at])
    assert error(slopes, wanted) < max(10 * precision.tolerance, 1e-8)
    if not precision.x64:
        return
    second = jax.jit(jax.hessian(value))(points[0])
    curved = finite_gradient(lambda p: finite_gradient(of_qiskit, p, 1e-4), at[0], 1e-4)
    assert error(second, curved) < 1e-4
