"""Expectation values of every kind of observable, and their derivatives."""

from __future__ import annotations

import itertools

import jax
import numpy as np
import pytest
from qiskit.quantum_info import Operator, Pauli, SparsePauliOp, Statevector, random_hermitian

import qjax
from tests.circuits import (
    NAMED,
    bell,
    bind,
    error,
    finite_gradient,
    finite_hessian,
    random_circuit,
    random_observable,
    random_values,
    value_of,
)
from tests.conftest import Precision

SOURCE = random_circuit(23, 3, symbolic=True)

OBSERVABLES: dict[str, object] = {
    "label": "XYZ",
    "identity label": "III",
    "pauli": Pauli("YIX"),
    "minus": Pauli("-ZZI"),
    "minus by two phases": Pauli("-iIXZ").compose(Pauli("iIII")),
    "sum": SparsePauliOp(["XXI", "IYZ", "ZZZ", "III"], [0.3, -1.2, 0.5, 2.0]),
    "sum with repeated terms": SparsePauliOp(["XXI", "XXI", "IIZ"], [0.3, 0.4, 0.5]),
    "sum with complex dtype": SparsePauliOp(["YXY", "ZIX"], np.array([0.3 + 0j, 1.5 + 0j])),
    "sum that cancels its imaginary part": SparsePauliOp(["XII", "XII"], [1 + 1j, 1 - 1j]),
    "sparse list": SparsePauliOp.from_sparse_list([("XY", [2, 0], 0.7), ("Z", [1], -0.2)], 3),
    "operator": Operator(random_hermitian(8, seed=2)),
    "zero": SparsePauliOp("ZZZ", [0.0]),
}


def qiskit_observable(observable: object) -> object:
    return Pauli(observable) if isinstance(observable, str) else observable


@pytest.mark.parametrize("name", OBSERVABLES)
def test_observable(name: str, precision: Precision) -> None:
    values = random_values(SOURCE).astype(precision.real)
    actual = qjax.expectation(SOURCE, OBSERVABLES[name], values)
    assert (actual.shape, actual.dtype) == ((), precision.real)
    expected = value_of(SOURCE, qiskit_observable(OBSERVABLES[name]), values)
    assert abs(actual - expected) < 10 * precision.tolerance


@pytest.mark.parametrize("form", [list, tuple])
def test_several_observables(form: type, precision: Precision) -> None:
    values = random_values(SOURCE).astype(precision.real)
    actual = qjax.expectation(SOURCE, form(OBSERVABLES.values()), values)
    assert (actual.shape, actual.dtype) == ((len(OBSERVABLES),), precision.real)
    expected = [value_of(SOURCE, qiskit_observable(o), values) for o in OBSERVABLES.values()]
    assert error(actual, expected) < 10 * precision.tolerance


def test_list_of_one_keeps_its_axis() -> None:
    assert qjax.expectation(bell(), ["ZZ"]).shape == (1,)
    assert qjax.expectation(bell(), [SparsePauliOp("ZZ")]).shape == (1,)
    assert qjax.expectation(bell(), "ZZ").shape == ()
    with pytest.raises(ValueError, match=r"observables: .*expected at least one"):
        qjax.expectation(bell(), [])


def test_sums_of_paulis_of_every_label(x64: None) -> None:
    """All 64 labels on three qubits, one call."""
    labels = ["".join(letters) for letters in itertools.product("IXYZ", repeat=3)]
    values = random_values(SOURCE)
    state = Statevector(bind(SOURCE, values))
    expected = [state.expectation_value(Pauli(label)).real for label in labels]
    assert error(qjax.expectation(SOURCE, labels, values), expected) < 1e-12


def test_diagonal_observables_of_a_larger_circuit(x64: None) -> None:
    source = random_circuit(24, 7)
    observables = [SparsePauliOp("Z" + "I" * 6), SparsePauliOp(["ZZIIIIZ", "IIZIZII"], [0.3, 2])]
    expected = [value_of(source, observable) for observable in observables]
    assert error(qjax.expectation(source, observables), expected) < 1e-12


def test_same_observable_object_changed_afterwards() -> None:
    """Observables are mutable in Qiskit; a cached one must not be the old one."""
    observable = SparsePauliOp(["ZZ", "XX"], [1.0, 0.0])
    assert abs(qjax.expectation(bell(), observable) - 1) < 1e-6
    observable.coeffs[:] = [0.0, -3.0]
    assert abs(qjax.expectation(bell(), observable) + 3) < 1e-6


@pytest.mark.parametrize("start", range(0, 50, 10))
def test_gradients_of_random_expectation_values(start: int, x64: None) -> None:
    """50 random circuits and observables; differences of Qiskit's own values."""
    for seed in range(start, start + 10):
        source = random_circuit(seed, 1 + seed % 5, num_gates=12, symbolic=True)
        observable = random_observable(np.random.default_rng(seed), source.num_qubits)
        circuit, values = qjax.from_qiskit(source), random_values(source, seed) / 2

        def function(
            params: jax.Array, circuit: qjax.Circuit = circuit, o: SparsePauliOp = observable
        ) -> jax.Array:
            return qjax.expectation(circuit, o, params)

        value, gradient = jax.jit(jax.value_and_grad(function))(values)

        def oracle(
            point: np.ndarray, source: object = source, o: SparsePauliOp = observable
        ) -> float:
            return value_of(source, o, point)  # type: ignore[arg-type]

        assert abs(value - oracle(values)) < 1e-12, seed
        assert error(gradient, finite_gradient(oracle, values)) < 1e-6, seed


@pytest.mark.parametrize("name", ["shared_angles", "classifier", "interacting"])
def test_hessian(name: str, x64: None) -> None:
    source = NAMED[name]()
    observable = random_observable(np.random.default_rng(1), source.num_qubits)
    circuit, values = qjax.from_qiskit(source), random_values(source) / 2
    actual = jax.jit(jax.hessian(lambda params: qjax.expectation(circuit, observable, params)))(
        values
    )
    expected = finite_hessian(lambda point: value_of(source, observable, point), values)
    assert error(actual, expected) < 1e-6


def test_gradient_where_the_state_has_zeros(x64: None) -> None:
    """Amplitudes that vanish, where a derivative through |z| would be NaN."""
    source = NAMED["one_angle"]()
    circuit = qjax.from_qiskit(source)
    for function in (
        lambda params: qjax.expectation(circuit, "Z", params),
        lambda params: qjax.probabilities(circuit, params)[0],
    ):
        gradient = jax.grad(function)(np.zeros(1))
        hessian = jax.hessian(function)(np.zeros(1))
        assert error(gradient, [0.0]) < 1e-12
        assert np.isfinite(hessian).all()


@pytest.mark.usefixtures("xla_engine")
def test_number_of_observables_is_no_number_of_simulations(x64: None) -> None:
    """A program for 40 observables is not 40 times as long as for one."""
    circuit = qjax.from_qiskit(NAMED["layered"]())
    # The last one acts on all qubits: the light cone of fewer is a smaller circuit.
    labels = ["".join(letters) for letters in itertools.product("IXYZ", repeat=3)][-40:]
    values = np.zeros(12)

    def size(observables: list[str]) -> int:
        program = jax.jit(lambda params: qjax.expectation(circuit, observables, params))
        return len(program.lower(values).as_text().splitlines())

    assert size(labels) < 3 * size(labels[-2:-1])
