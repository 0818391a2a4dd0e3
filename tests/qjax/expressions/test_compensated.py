"""Angle expressions in single precision, against the same in NumPy's double precision."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.circuit.library import RVGate
from qiskit.quantum_info import Pauli, Statevector

import qjax
from qjax._base.trigonometry import cos_sin, wrapped
from qjax._expressions import evaluate_expression
from qjax._expressions.compensated import angle_of
from tests.circuits import error, finite_gradient, state_of, value_of

# 2 (pi - x)(pi - y), the angle of a ZZ feature map; a sum; one with a function inside.
PROGRAMS = {
    "product": ("c c p subtract multiply c p subtract multiply", (2.0, np.pi, np.pi)),
    "sum": ("c p multiply c p multiply add negative", (3.7, -0.1)),
    "function": ("c p sin multiply p add", (np.pi,)),
}


def computed(
    name: str, leaves: np.ndarray, periodic: bool, jitted: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The angles in single precision, and in double precision by NumPy."""
    text, constants = PROGRAMS[name]
    program = tuple(text.split())
    rounded = [np.float32(c) for c in constants]
    rests = [np.float32(c - float(r)) for c, r in zip(constants, rounded, strict=True)]

    def angles(*leaves: jax.Array) -> jax.Array:
        numbers = [[jnp.asarray([each]) for each in table] for table in (rounded, rests)]
        return angle_of(program, periodic, leaves, *numbers)

    found = (jax.jit(angles) if jitted else angles)(*leaves)
    exact = evaluate_expression(program, leaves.astype(np.float64), constants, np)
    return np.asarray(found, np.float64), exact


def without_turns(angle: np.ndarray) -> np.ndarray:
    return (angle + 2 * np.pi) % (4 * np.pi) - 2 * np.pi


@pytest.mark.parametrize("jitted", [True, False])
@pytest.mark.parametrize("name", PROGRAMS)
def test_last_digit_is_right(name: str, jitted: bool) -> None:
    leaves = np.random.default_rng(0).uniform(-1, 1, (2, 10_000)).astype(np.float32)
    found, exact = computed(name, leaves, True, jitted)
    # Half a unit in the last place of 2 pi is 2.4e-7; a sine has a rounding of its own.
    assert np.abs(without_turns(found - exact)).max() < 5e-7


@pytest.mark.parametrize("name", PROGRAMS)
def test_last_digit_is_right_with_full_turns(name: str) -> None:
    leaves = np.random.default_rng(0).uniform(-1, 1, (2, 10_000)).astype(np.float32)
    found, exact = computed(name, leaves, False, True)
    # A little more than half a unit in the last place; a sine has a rounding of its own.
    unit = np.spacing(np.abs(exact).astype(np.float32))
    assert (np.abs(found - exact) <= 0.51 * unit + (3e-7 if name == "function" else 1e-12)).all()


@pytest.mark.usefixtures("full_compilation")
@pytest.mark.parametrize("scale", [10, 1e3, 1e4, 1e5, 4e5])
def test_full_turns_are_taken_off_exactly(scale: float) -> None:
    given = np.random.default_rng(0).uniform(-scale, scale, 100_000).astype(np.float32)
    found = np.asarray(jax.jit(lambda x: angle_of(("p",), True, [x], [], []))(given))
    assert np.abs(found).max() < 6.32
    assert np.abs(without_turns(found - given.astype(np.float64))).max() < 2.5e-7


def test_huge_and_missing_angles_stay_what_they_are() -> None:
    program, rests = ("p", "c", "multiply"), [jnp.zeros(1)]
    given = jnp.asarray(np.array([1e30, np.inf, -np.inf, np.nan, 3e38], np.float32))
    for periodic in (True, False):
        found = angle_of(program, periodic, [given], [jnp.full(1, 2.0)], rests)
        np.testing.assert_array_equal(found, given * 2)


def test_feature_map_in_single_precision() -> None:
    """With plain single precision the error is 2e-6."""
    x, y = Parameter("x"), Parameter("y")
    circuit = QuantumCircuit(2)
    circuit.h([0, 1])
    circuit.rzz(2 * (np.pi - x) * (np.pi - y), 0, 1)
    circuit.rx((np.pi + x) * (np.pi + y) ** 1 * 2, 0)
    values = np.random.default_rng(1).uniform(-1, 1, (200, 2)).astype(np.float32)
    found = jax.vmap(lambda v: qjax.statevector(circuit, v))(values)
    for state, (a, b) in zip(found, values.astype(float), strict=True):
        exact = Statevector(circuit.assign_parameters({x: a, y: b})).data
        np.testing.assert_allclose(state, exact, rtol=0, atol=7e-7)


# ---------------------------------------------------------------- RV, which has no such period

SCALES = [1, 3, 10, 30]
A, B, C = Parameter("a"), Parameter("b"), Parameter("c")


def rotated() -> QuantumCircuit:
    """RV by computed and by plain angles that other gates have too; and a controlled RV."""
    circuit = QuantumCircuit(2)
    circuit.h([0, 1])
    circuit.append(RVGate(2 * A, 3 * B, 1.5 * C), [0])
    circuit.rx(2 * A, 0)
    circuit.rzz(3 * B, 0, 1)
    circuit.append(RVGate(A, 3 * B, C), [1])
    circuit.ry(A, 1)
    circuit.append(RVGate(A * B / 10, C - A, 0.3).control(1, annotated=True), [1, 0])
    return circuit


def drawn(scale: float, *batch: int) -> np.ndarray:
    return np.random.default_rng(5).uniform(-scale, scale, (*batch, 3)).astype(np.float32)


def tolerance(scale: float) -> float:
    """The angle is the length of a vector of single-precision numbers."""
    return 1e-6 + 2e-7 * scale


@pytest.mark.parametrize("scale", SCALES)
def test_rv_keeps_its_turns(scale: float) -> None:
    values = drawn(scale)
    assert error(qjax.statevector(rotated(), values), state_of(rotated(), values)) < tolerance(
        scale
    )


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("axes", [(0, 0, 0), (None, None, 0), (0, None, None)], ids=str)
def test_rv_per_sample(scale: float, axes: tuple[int | None, ...]) -> None:
    batch = drawn(scale, 5)
    columns = [batch[:, k] if axis == 0 else batch[0, k] for k, axis in enumerate(axes)]
    found = jax.vmap(lambda *v: qjax.statevector(rotated(), jnp.stack(v)), axes)(*columns)
    rows = np.stack([np.broadcast_to(column, 5) for column in columns], axis=1)
    expected = [state_of(rotated(), values) for values in rows]
    assert error(found, expected) < tolerance(scale)


@pytest.mark.parametrize("scale", SCALES)
def test_gradient_of_rv(scale: float) -> None:
    values = drawn(scale)

    def energy(values: jax.Array) -> jax.Array:
        return qjax.expectation(rotated(), "XZ", values)

    expected = finite_gradient(
        lambda v: value_of(rotated(), Pauli("XZ"), v), values.astype(np.float64)
    )
    found = jax.grad(energy)(values)
    assert found.dtype == np.float32
    # Derivatives by the parameters are as many times larger as the expressions say.
    assert error(found, expected) < 10 * tolerance(scale)
    tangent = np.array([0.3, -1.0, 0.7], np.float32)
    slope = jax.jvp(energy, (values,), (tangent,))[1]
    assert error(slope, expected @ tangent) < 10 * tolerance(scale)


@pytest.mark.parametrize("scale", [1.0, 1e2, 1e4, 1e6])
def test_cosine_and_sine_in_double(scale: float, x64: None) -> None:
    """Many angles take a series of ours in place of XLA's functions; NumPy's are the reference."""
    angles = np.random.default_rng(1).uniform(-scale, scale, 10_000)
    cosine, sine = cos_sin(jnp.asarray(angles))
    assert np.abs(cosine - np.cos(angles)).max() < 2e-15
    assert np.abs(sine - np.sin(angles)).max() < 2e-15
    huge = np.tile([1e300, 1e17, np.inf, np.nan], 2000)
    with np.errstate(invalid="ignore"):
        wanted = np.cos(huge)
    np.testing.assert_allclose(cos_sin(wrapped(jnp.asarray(huge)))[0], wanted, atol=1e-15)
