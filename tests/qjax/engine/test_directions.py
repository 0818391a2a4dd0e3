"""Derivatives in many directions run in groups that fit into memory, and are the same numbers."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from qiskit.circuit.library import real_amplitudes
from qiskit.quantum_info import SparsePauliOp, Statevector

import qjax
from qjax._base import memory, tuning
from qjax._engine import directions, execution

SOURCE = real_amplitudes(2, reps=1)
PARAMS = np.random.default_rng(0).uniform(-1, 1, 4)
OBSERVABLES = [SparsePauliOp(["ZI", "XX"], [0.5, 2.0]), SparsePauliOp("YY")]


def values(params: jax.Array) -> jax.Array:
    return qjax.expectation(qjax.from_qiskit(SOURCE), OBSERVABLES, params)


def first(params: jax.Array) -> jax.Array:
    return values(params)[0]


def exact(params: np.ndarray) -> np.ndarray:
    state = Statevector(SOURCE.assign_parameters(params))
    return np.array([state.expectation_value(each).real for each in OBSERVABLES])


def shifted(function: Callable[[np.ndarray], np.ndarray], at: np.ndarray) -> np.ndarray:
    """Derivatives by the two-term rule, exact for RY: last axis the parameters."""
    half = np.pi / 2 * np.eye(len(at))
    return np.stack([(function(at + e) - function(at - e)) / 2 for e in half], axis=-1)


def jacobian(at: np.ndarray) -> np.ndarray:
    return shifted(exact, at)


def hessian(at: np.ndarray) -> np.ndarray:
    return shifted(jacobian, at)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch, x64: None) -> None:
    """A device on which not all directions of this circuit fit side by side."""
    state = 16 << 2
    monkeypatch.setattr(tuning, "ALWAYS_FITS", 0)
    monkeypatch.setattr(directions, "available_memory", lambda device: 31 * state)
    monkeypatch.setattr(tuning, "IN_GROUPS_COPIES", 2)
    jax.clear_caches()


CASES: dict[str, tuple[Callable[..., jax.Array], Callable[[np.ndarray], np.ndarray]]] = {
    "jacfwd": (jax.jacfwd(values), jacobian),
    "jacrev": (jax.jacrev(values), jacobian),
    "hessian": (jax.hessian(values), hessian),
    "reverse over reverse": (jax.jacrev(jax.jacrev(first)), lambda at: hessian(at)[0]),
    "gradient of a product": (
        jax.grad(lambda x: jnp.vdot(jax.grad(first)(x), PARAMS)),
        lambda at: hessian(at)[0] @ PARAMS,
    ),
    "vmap of hessian": (
        lambda at: jax.vmap(jax.hessian(first))(jnp.stack([at, 2 * at])),
        lambda at: np.stack([hessian(at)[0], hessian(2 * at)[0]]),
    ),
}


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("name", CASES)
def test_groups_give_the_same(name: str) -> None:
    function, expected = CASES[name]
    found = jax.jit(function)(PARAMS)
    assert np.abs(found - expected(PARAMS)).max() < 1e-12


@pytest.mark.parametrize("width", [1, 3, 4, 7])
def test_groups_of_any_width(width: int) -> None:
    """The last one may not be full; arguments may be mapped along any axis, or not at all."""
    x, y = np.arange(21.0).reshape(3, 7), np.arange(3.0)
    run = directions.in_groups(lambda x, y: (x @ y, x + 1), (1, None), 7, width)
    first, second = run(jnp.asarray(x), jnp.asarray(y))
    assert np.array_equal(first, x.T @ y)
    assert np.array_equal(second, x.T + 1)


def refuse(monkeypatch: pytest.MonkeyPatch, gibibytes: float) -> None:
    for module in (directions, memory):
        monkeypatch.setattr(module, "available_memory", lambda device: int(gibibytes * 2**30))


WIDE = real_amplitudes(22, reps=1)
ANGLES = np.zeros(44, np.float32)


def wide(params: jax.Array) -> jax.Array:
    return qjax.expectation(WIDE, "Z" * 22, params)


def temporaries(function: Callable[..., jax.Array], *arguments: np.ndarray) -> float:
    """GiB, by XLA's own account; nothing is run."""
    program = jax.jit(function).lower(*arguments).compile()
    return program.memory_analysis().temp_size_in_bytes / 2**30


@pytest.mark.usefixtures("full_compilation")
def test_wide_circuits_stay_within_what_is_available(monkeypatch: pytest.MonkeyPatch) -> None:
    """All directions at once would take 4.8 GiB."""
    refuse(monkeypatch, 3)
    assert temporaries(jax.jacfwd(wide), ANGLES) < 3


@pytest.mark.usefixtures("full_compilation", "xla_engine")
@pytest.mark.parametrize("observable", ["Z" * 18, "X" + "Y" * 17])
def test_values_that_are_mapped_take_what_is_counted(
    observable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    circuit = qjax.from_qiskit(real_amplitudes(18, reps=1))
    mapped = jax.vmap(lambda x: qjax.expectation(circuit, observable, x))
    counted: list[int] = []
    monkeypatch.setattr(tuning, "ALWAYS_FITS", 0)
    monkeypatch.setattr(execution, "check_fits", lambda size, *rest: counted.append(size))
    taken = temporaries(mapped, np.zeros((8, 36), np.float32)) * 2**30
    assert taken / 1.3 < max(counted) < 1.5 * taken


REFUSED: dict[str, Callable[[], object]] = {
    "value": lambda: jax.jit(wide).lower(ANGLES),
    "gradient": lambda: jax.jit(jax.grad(wide)).lower(ANGLES),
    "hessian": lambda: jax.jit(jax.hessian(wide)).lower(ANGLES),
    "jacfwd": lambda: jax.jit(jax.jacfwd(wide)).lower(ANGLES),
    "eager gradient": lambda: jax.grad(wide)(ANGLES),
    "vmap of jacfwd": lambda: jax.jit(jax.vmap(jax.jacfwd(wide))).lower(np.zeros((8, 44), "f")),
    "fisher": lambda: qjax.quantum_fisher_information(WIDE, ANGLES),
    "states": lambda: jax.jit(jax.vmap(lambda x: qjax.statevector(WIDE, x))).lower(
        np.zeros((64, 44), "f")
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused_before_it_is_compiled(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, 0.05)
    monkeypatch.setattr(tuning, "ALWAYS_FITS", 0)
    with pytest.raises(qjax.CircuitTooLargeError, match=r"available.*Use "):
        REFUSED[name]()


@pytest.mark.parametrize("result", [qjax.statevector, qjax.probabilities])
def test_states_that_are_mapped_count_all_results(
    result: Callable[..., jax.Array], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They run one by one, 32 MiB at a time; but the results are 4 GiB of states, half of reals."""
    mapped = jax.jit(jax.vmap(lambda x: result(WIDE, x)))
    refuse(monkeypatch, 1)
    with pytest.raises(qjax.CircuitTooLargeError, match=r"^128 statevector.*available.*Use "):
        mapped.lower(np.zeros((128, 44), "f"))
    mapped.lower(np.zeros((4, 44), "f"))


def test_jacobians_of_networks_count_samples_and_parameters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Forward mode follows them side by side: 16 times 3.5 states of 32 MiB."""
    first, *others, last = WIDE.parameters
    circuit = WIDE.assign_parameters(dict.fromkeys(others, 0.3))
    network = qjax.EstimatorQNN(
        circuit=circuit,
        observables=["Z" * 22, "I" * 21 + "Z"],
        input_params=[first],
        weight_params=[last],
    )
    refuse(monkeypatch, 1)
    with pytest.raises(qjax.CircuitTooLargeError, match=r"in 16 direction.*available.*Use "):
        network.backward(np.zeros((16, 1), np.float32), [0.1])
