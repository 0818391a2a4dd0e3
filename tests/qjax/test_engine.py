"""What runs plans: the permutation of rows, and programs that do not grow with depth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.core import ClosedJaxpr, Jaxpr
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.quantum_info import SparsePauliOp

import qjax
from qjax._plan import plan_circuit
from qjax._simulators import permute_rows, simulate
from tests.circuits import (
    DOUBLE_TOLERANCE,
    error,
    finite_gradient,
    matrix_of,
    random_circuit,
    value_of,
)
from tests.networks import gradient as gradient_of
from tests.networks import slope

# ---------------------------------------------------------------- permutations


SOURCE = np.array([3, 0, 4, 1, 2, 7, 6, 5])
INVERSE = np.argsort(SOURCE)


def rows(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    """Random numbers, complex where the dtype is."""
    rng = np.random.default_rng(len(shape))
    values = rng.normal(size=shape) + 1j * rng.normal(size=shape)
    is_complex = np.issubdtype(dtype, np.complexfloating)
    return (values if is_complex else values.real * 3).astype(dtype)


def permute(x: jax.Array) -> jax.Array:
    return permute_rows(x, SOURCE)


@pytest.mark.parametrize("dtype", [np.float32, np.complex64, np.int32])
@pytest.mark.parametrize("shape", [(8,), (8, 3), (8, 2, 3), (8, 0)])
def test_permute_is_indexing(shape: tuple[int, ...], dtype: Any) -> None:
    x = rows(*shape, dtype=dtype)
    for function in (permute, jax.jit(permute)):
        result = function(x)
        assert result.dtype == dtype
        assert error(result, x[SOURCE]) == 0


@pytest.mark.usefixtures("x64")
def test_permute_in_double() -> None:
    x = rows(8, 2, dtype=np.complex128)
    assert permute(x).dtype == np.complex128
    assert error(permute(x), x[SOURCE]) == 0


def test_permute_of_one_row() -> None:
    assert error(permute_rows(jnp.ones((1, 2)), np.array([0])), np.ones((1, 2))) == 0


def test_permute_under_grad() -> None:
    x, c = rows(8, 3), rows(8, 3, 1)[..., 0]
    gradient = jax.grad(lambda x: (permute(x) * c).sum())(x)
    assert error(gradient, c[INVERSE]) == 0
    squares = jax.jit(jax.grad(lambda x: (permute(x) ** 2 * c).sum()))(x)
    assert error(squares, 2 * x * c[INVERSE]) < 1e-6


def test_permute_of_complex_rows_under_grad() -> None:
    """JAX's gradient of Re(sum(c * p(x))) in complex x is c, permuted back."""
    x, c = rows(8, 2, dtype=np.complex64), rows(8, 2, 1, dtype=np.complex64)[..., 0]
    gradient = jax.grad(lambda x: (permute(x) * c).sum().real)(x)
    assert error(gradient, c[INVERSE]) == 0


def test_permute_under_jvp() -> None:
    x, dx = rows(8, 3), rows(8, 3, 1)[..., 0]
    value, tangent = jax.jvp(permute, (x,), (dx,))
    assert error(value, x[SOURCE]) == 0
    assert error(tangent, dx[SOURCE]) == 0


def test_permute_under_jacobians() -> None:
    matrix = np.eye(8)[SOURCE]
    x = rows(8)
    for transform in (jax.jacfwd, jax.jacrev):
        assert error(transform(permute)(x), matrix) == 0


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_permute_under_vmap(axis: int) -> None:
    x = np.moveaxis(rows(4, 8, 3), 0, axis)
    mapped = jax.vmap(permute, in_axes=axis, out_axes=axis)
    expected = np.moveaxis(np.moveaxis(x, axis, 0)[:, SOURCE], 0, axis)
    assert error(mapped(x), expected) == 0
    assert error(jax.jit(mapped)(x), expected) == 0


def test_permute_under_nested_vmap_and_grad() -> None:
    x = rows(2, 3, 8)
    c = rows(8)
    per_row = jax.grad(lambda row: (permute(row) ** 3 * c).sum())
    gradient = jax.jit(jax.vmap(jax.vmap(per_row), in_axes=1, out_axes=1))(x)
    assert error(gradient, 3 * x**2 * c[INVERSE]) < 1e-5


def test_permute_under_hessian() -> None:
    c = rows(8)
    hessian = jax.hessian(lambda x: (permute(x) ** 3 * c).sum())(rows(8))
    assert error(hessian, np.diag(6 * rows(8) * c[INVERSE])) < 1e-4


def test_permute_transposed_is_its_inverse_and_twice_itself() -> None:
    x = jax.ShapeDtypeStruct((8, 2), np.float32)
    once = lambda y: jax.linear_transpose(permute, x)(y)[0]  # noqa: E731
    twice = lambda y: jax.linear_transpose(once, x)(y)[0]  # noqa: E731
    y = rows(8, 2)
    assert error(once(y), y[INVERSE]) == 0
    assert error(twice(y), y[SOURCE]) == 0
    assert error(once(permute(y)), y) == 0


def test_no_derivative_of_permute_scatters() -> None:
    """The reason for its being: JAX's own gather would be transposed to a scatter-add."""
    for transform in (jax.grad, jax.hessian, lambda f: jax.vmap(jax.grad(f))):
        x = rows(2, 8) if transform not in (jax.grad, jax.hessian) else rows(8)
        program = jax.jit(transform(lambda x: (permute(x) ** 2).sum())).lower(x).as_text()
        assert "gather" in program
        assert "scatter" not in program


def test_permute_inside_scan_and_checkpoint() -> None:
    def repeated(x: jax.Array) -> jax.Array:
        body = jax.checkpoint(lambda x, _: (permute(jnp.sin(x)), None))
        return jax.lax.scan(body, x, None, length=3)[0].sum()

    def by_hand(x: np.ndarray) -> float:
        for _ in range(3):
            x = np.sin(x)[SOURCE]
        return float(x.sum())

    x = rows(8)
    expected = finite_gradient(by_hand, x.astype(float))
    assert error(jax.jit(jax.grad(repeated))(x), expected) < 1e-5


# ---------------------------------------------------------------- states


@pytest.mark.usefixtures("x64")
def test_simulate_continues_from_any_states() -> None:
    """Columns of the identity give the matrix; a superposition of them gives its superposition."""
    circuit = random_circuit(11, 3, 25)
    matrix = matrix_of(circuit)
    plan = plan_circuit(qjax.from_qiskit(circuit))
    start = rows(8, 8, dtype=np.complex128)
    run = jax.jit(lambda columns: simulate(plan, jnp.zeros(0), jnp.zeros((0, 8)), columns))
    for columns in (np.eye(8, dtype=complex), start):
        assert error(run(columns), matrix @ columns) < DOUBLE_TOLERANCE


# ---------------------------------------------------------------- depth


def layers(count: int, num_qubits: int = 3) -> QuantumCircuit:
    """Every layer takes the input `x` again, and weights of its own."""
    x, w = Parameter("x"), ParameterVector("w", num_qubits * count)
    circuit = QuantumCircuit(num_qubits)
    for layer in range(count):
        for qubit in range(num_qubits):
            circuit.rx(x, qubit)
            circuit.ry(w[num_qubits * layer + qubit], qubit)
        circuit.rzz(x * w[num_qubits * layer], 0, 1)
        for qubit in range(num_qubits):
            circuit.cx(qubit, (qubit + 1) % num_qubits)
    return circuit


def network(count: int) -> qjax.EstimatorQNN:
    weights = [f"w[{k}]" for k in range(3 * count)]
    return qjax.EstimatorQNN(circuit=layers(count), input_params=["x"], weight_params=weights)


def equations(jaxpr: Jaxpr) -> int:
    """How many equations a program has, with those of its inner programs."""
    return sum(1 + sum(map(equations, _inner(eqn.params.values()))) for eqn in jaxpr.eqns)


def _inner(values: Any) -> Iterator[Jaxpr]:
    for value in values:
        if isinstance(value, ClosedJaxpr):
            yield value.jaxpr
        elif isinstance(value, Jaxpr):
            yield value
        elif isinstance(value, (tuple, list)):
            yield from _inner(value)


def simulation(count: int) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    circuit = qjax.from_qiskit(layers(count))
    return lambda params: qjax.statevector(circuit, params), (np.ones(3 * count + 1, np.float32),)


def output(count: int) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    return network(count).apply, (np.ones(3 * count, np.float32), np.ones((4, 1), np.float32))


def gradient(count: int) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    apply, arguments = output(count)
    return jax.grad(lambda w, x: apply(w, x).sum(), (0, 1)), arguments


def second_derivative(count: int) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    apply, (w, x) = output(count)
    slope = jax.grad(lambda w, x: apply(w, x).sum())
    return lambda w, x: jax.jvp(lambda w: slope(w, x), (w,), (w,)), (w, x)


@pytest.mark.parametrize("program", [simulation, output, gradient, second_derivative])
def test_programs_do_not_grow_with_repeated_layers(program: Callable[[int], Any]) -> None:
    sizes = []
    for count in (10, 100):
        function, arguments = program(count)
        sizes.append(equations(jax.make_jaxpr(function)(*arguments).jaxpr))
    assert sizes[0] > 20  # that the inner programs are counted
    assert sizes[0] == sizes[1]


def test_the_size_of_a_program_does_grow_with_what_differs() -> None:
    """What the test above counts is no constant."""
    small, large = (qjax.from_qiskit(random_circuit(5, 3, gates)) for gates in (10, 80))
    sizes = [
        equations(jax.make_jaxpr(lambda c=c: qjax.statevector(c))().jaxpr) for c in (small, large)
    ]
    assert sizes[1] > sizes[0]


OBSERVABLE = SparsePauliOp(["ZIX", "XXI", "IYZ"], [0.5, -1, 0.7])


@pytest.mark.usefixtures("x64")
def test_derivatives_through_repeated_layers() -> None:
    """Reverse mode, forward mode and both at once, through the scan, in a shared parameter too."""
    count = 12
    circuit = layers(count)
    assert count in [s.length for s in plan_circuit(qjax.from_qiskit(circuit)).segments]
    # Of the 37 parameters, three directions: the input, one weight, all weights together.
    names = [parameter.name for parameter in circuit.parameters]
    directions = np.zeros((3, len(names)))
    directions[0, names.index("x")] = directions[1, names.index("w[4]")] = 1
    directions[2] = np.linspace(-1, 1, len(names))
    base = np.random.default_rng(0).uniform(-1, 1, len(names))
    converted = qjax.from_qiskit(circuit)

    def ours(t: jax.Array) -> jax.Array:
        return qjax.expectation(converted, OBSERVABLE, base + t @ directions)

    def qiskits(t: np.ndarray) -> float:
        return value_of(circuit, OBSERVABLE, base + t @ directions)

    at = np.array([0.1, -0.2, 0.05])
    assert error(ours(at), qiskits(at)) < DOUBLE_TOLERANCE

    for transform in (jax.jacrev, jax.jacfwd):
        assert error(jax.jit(transform(ours))(at), gradient_of(qiskits, at)) < 1e-8
    direction = np.array([1, -2, 0.5])
    along = slope(lambda t: gradient_of(qiskits, at + t * direction))
    assert error(jax.jit(jax.hessian(ours))(at) @ direction, along) < 1e-5


def test_thousands_of_layers_run() -> None:
    """Rotations by one angle add up: <Z> = cos(4000 x) at x = pi / 4000 is -1."""
    x = Parameter("x")
    circuit = QuantumCircuit(1)
    for _ in range(4000):
        circuit.ry(x, 0)
    qnn = qjax.EstimatorQNN(circuit=circuit, input_params=[x])
    assert error(qnn.forward([[np.pi / 4000], [np.pi / 8000]], None), [[-1], [0]]) < 1e-9
