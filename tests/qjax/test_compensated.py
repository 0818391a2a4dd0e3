"""Angle expressions in single precision, against the same in NumPy's double precision."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import Statevector

import qjax
from qjax._expression import evaluate
from qjax._simulators._compensated import angle_of

# 2 (pi - x)(pi - y), the angle of a ZZ feature map; a sum; one with a function inside.
PROGRAMS = {
    "product": ("c c p subtract multiply c p subtract multiply", (2.0, np.pi, np.pi)),
    "sum": ("c p multiply c p multiply add negative", (3.7, -0.1)),
    "function": ("c p sin multiply p add", (np.pi,)),
}


@pytest.mark.parametrize("jitted", [True, False])
@pytest.mark.parametrize("name", PROGRAMS)
def test_last_digit_is_right(name: str, jitted: bool) -> None:
    text, constants = PROGRAMS[name]
    program = tuple(text.split())
    leaves = np.random.default_rng(0).uniform(-1, 1, (2, 10_000)).astype(np.float32)
    rounded = [np.float32(c) for c in constants]
    rests = [np.float32(c - float(r)) for c, r in zip(constants, rounded, strict=True)]

    def angles(x: jax.Array, y: jax.Array) -> jax.Array:
        numbers = [[jnp.asarray([each]) for each in table] for table in (rounded, rests)]
        return angle_of(program, [x, y], *numbers)

    found = np.asarray((jax.jit(angles) if jitted else angles)(*leaves), np.float64)
    exact = evaluate(program, leaves.astype(np.float64), constants, np)
    error = np.abs((found - exact + 2 * np.pi) % (4 * np.pi) - 2 * np.pi)
    # Half a unit in the last place of 2 pi is 2.4e-7; a sine has a rounding of its own.
    assert error.max() < 5e-7


def test_huge_and_missing_angles_stay_what_they_are() -> None:
    program, rests = ("p", "c", "multiply"), [jnp.zeros(1)]
    given = jnp.asarray(np.array([1e30, np.inf, -np.inf, np.nan, 3e38], np.float32))
    found = angle_of(program, [given], [jnp.full(1, 2.0)], rests)
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
