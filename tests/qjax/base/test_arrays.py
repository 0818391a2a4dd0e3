"""Numbers of every dtype, byte order and container: the precision of the data, and no mask lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import torch
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp

import qjax
from qjax.optimizers import natural_gradient
from qjax.primitives import Estimator, Sampler
from tests.circuits import DOUBLE_TOLERANCE, SINGLE_TOLERANCE

X, W = Parameter("x"), Parameter("a")  # the circuit's order: a, x


def rotated() -> QuantumCircuit:
    """<Z> = cos(a + x)."""
    circuit = QuantumCircuit(1)
    circuit.ry(X, 0)
    circuit.ry(W, 0)
    return circuit


def network(**options: Any) -> qjax.EstimatorQNN:
    return qjax.EstimatorQNN(
        circuit=rotated(), input_params=[X], weight_params=[W], input_gradients=True, **options
    )


POINT = np.array([1 / 3])
WEIGHT = np.array([0.7])

DOUBLE: dict[str, Callable[[np.ndarray], Any]] = {
    ">f8": lambda x: x.astype(">f8"),
    "<f8": lambda x: x.astype("<f8"),
    "longdouble": lambda x: x.astype(np.longdouble),
    "strided >f8": lambda x: np.repeat(x, 3).astype(">f8")[::3],
    "list of float64": lambda x: [np.float64(each) for each in x],
    "list of longdouble": lambda x: [np.longdouble(each) for each in x],
    "tuple of >f8": lambda x: tuple(x.astype(">f8")),
    "subclass": lambda x: np.ma.array(x).filled(),
}
SINGLE = ["<f4", ">f4"]
HALF = [">f2", np.float16, ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn]


@pytest.mark.parametrize("kind", DOUBLE)
def test_doubles_are_computed_in_double_on_numpy_data(kind: str) -> None:
    inputs, weights = DOUBLE[kind](POINT), DOUBLE[kind](WEIGHT)
    qnn = network()
    expected, slope = np.cos(POINT + WEIGHT), -np.sin(POINT + WEIGHT)
    for found in (qnn.forward(inputs, weights), qjax.evaluate(qnn, weights, inputs)):
        assert found.dtype == np.float64
        np.testing.assert_allclose(found[0], expected, atol=DOUBLE_TOLERANCE)
    for gradient in qnn.backward(inputs, weights):
        np.testing.assert_allclose(gradient[0, 0], slope, atol=DOUBLE_TOLERANCE)


@pytest.mark.parametrize("kind", DOUBLE)
@pytest.mark.parametrize("wide", [True, False], ids=["x64", "default"])
def test_doubles_are_computed_in_the_default_dtype_by_functions(kind: str, wide: bool) -> None:
    values = DOUBLE[kind](np.concatenate([WEIGHT, POINT]))
    expected = np.cos(POINT + WEIGHT)[0]
    tolerance = DOUBLE_TOLERANCE if wide else SINGLE_TOLERANCE
    with jax.enable_x64(wide):
        found = qjax.expectation(rotated(), "Z", values)
        state = qjax.statevector(rotated(), values)
        applied = network().apply(DOUBLE[kind](WEIGHT), DOUBLE[kind](POINT))
        information = qjax.quantum_fisher_information(rotated(), values)
    assert found.dtype == applied.dtype == (np.float64 if wide else np.float32)
    half = (POINT + WEIGHT)[0] / 2
    np.testing.assert_allclose(found, expected, atol=tolerance)
    np.testing.assert_allclose(applied[0], expected, atol=tolerance)
    np.testing.assert_allclose(state, [np.cos(half), np.sin(half)], atol=tolerance)
    np.testing.assert_allclose(information, np.ones((2, 2)), atol=10 * tolerance)


@pytest.mark.parametrize("dtype", [*SINGLE, *HALF], ids=str)
def test_what_is_at_most_single_is_computed_in_single(dtype: Any) -> None:
    inputs, weights = POINT.astype(dtype), WEIGHT.astype(dtype)
    angle = np.float64(inputs.astype(float)[0]) + np.float64(weights.astype(float)[0])
    qnn = network()
    for found in (qnn.forward(inputs, weights), qjax.evaluate(qnn, weights, inputs)):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found[0], np.cos(angle), atol=SINGLE_TOLERANCE)
    with jax.enable_x64(True):
        both = np.concatenate([weights, inputs])
        found = qjax.expectation(rotated(), "Z", both)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.cos(angle), atol=SINGLE_TOLERANCE)


@pytest.mark.parametrize("dtype", [">i4", ">u2", "i1", "u8", ml_dtypes.int4], ids=str)
def test_integers_of_any_kind(dtype: Any) -> None:
    values = np.array([3, 1]).astype(dtype)
    assert network().forward(values[1:], values[:1]).dtype == np.float64
    np.testing.assert_allclose(
        network().forward(values[1:], values[:1])[0], np.cos(4.0), atol=DOUBLE_TOLERANCE
    )
    found = qjax.expectation(rotated(), "Z", values)
    np.testing.assert_allclose(found, np.cos(4.0), atol=SINGLE_TOLERANCE)


def test_one_double_among_singles_is_enough(tmp_path: Any) -> None:
    rows = np.memmap(tmp_path / "rows", ">f8", "w+", shape=(5, 1))
    rows[:] = np.linspace(-2, 2, 5)[:, None]
    weights = WEIGHT.astype(np.float32)
    expected = np.cos(np.array(rows, float) + weights.astype(float))
    for found in (
        qjax.evaluate(network(), weights, rows, batch_size=2),
        network().forward(rows, weights),
    ):
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, expected, atol=DOUBLE_TOLERANCE)


@pytest.mark.parametrize("dtype", ["<c16", ">c16", np.clongdouble, ">f8", np.longdouble, "f2", "?"])
def test_states_and_matrices_of_any_dtype(dtype: Any, x64: None) -> None:
    state, flip = np.eye(4)[1].astype(dtype), np.eye(2)[::-1].astype(dtype)
    found = qjax.apply_gate(state, flip, [1])
    wide = np.dtype(dtype).itemsize >= 8
    assert found.dtype == (np.complex128 if wide else np.complex64)
    np.testing.assert_array_equal(found, np.eye(4)[3])


HIDDEN = np.ma.array([0.5, 0.3], mask=[True, False])
MASKED: dict[str, Any] = {
    "array": HIDDEN,
    "nothing hidden": np.ma.array([0.5, 0.3]),
    "constant": [np.ma.masked, 0.3],
    "tuple": (0.5, np.ma.masked),
    "nested": [HIDDEN],
    "beside JAX": [jnp.float32(0.5), np.ma.masked],
}
CALLS: dict[str, Callable[[Any], Any]] = {
    "expectation": lambda x: qjax.expectation(rotated(), "Z", x),
    "statevector": lambda x: qjax.statevector(rotated(), x),
    "unitary": lambda x: qjax.unitary(rotated(), x),
    "probabilities": lambda x: qjax.probabilities(rotated(), x),
    "sample": lambda x: qjax.sample(rotated(), x, 3, jax.random.key(0)),
    "estimate": lambda x: qjax.estimate(rotated(), "Z", x, 3, jax.random.key(0)),
    "trajectories": lambda x: qjax.trajectories(rotated(), x, 3, jax.random.key(0)),
    "fisher": lambda x: qjax.quantum_fisher_information(rotated(), x),
    "apply inputs": lambda x: network().apply([0.1], x),
    "apply weights": lambda x: network().apply(x, [0.1]),
    "forward inputs": lambda x: network().forward(x, [0.1]),
    "forward weights": lambda x: network().forward([0.1], x),
    "backward inputs": lambda x: network().backward(x, [0.1]),
    "backward weights": lambda x: network().backward([0.1], x),
    "evaluate inputs": lambda x: qjax.evaluate(network(), [0.1], x),
    "evaluate weights": lambda x: qjax.evaluate(network(), x, [0.1]),
    "state": lambda x: qjax.apply_gate(x, np.eye(2), [0]),
    "matrix": lambda x: qjax.apply_gate([1.0, 0.0], [x, x], [0]),
    "natural gradient": lambda x: natural_gradient(network()).update(
        jnp.ones(1), None, jnp.ones(1), inputs=x
    ),
    "estimator": lambda x: Estimator().run([(rotated(), "Z", x)]),
    "estimator by name": lambda x: Estimator().run([(rotated(), "Z", {"x": x, "a": [1.0, 2.0]})]),
    "sampler": lambda x: Sampler().run([(rotated(), x)]),
    "damping": lambda x: natural_gradient(network(), damping=x),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("kind", MASKED)
def test_masks_are_refused(call: str, kind: str) -> None:
    with pytest.raises(TypeError, match="mask"):
        CALLS[call](MASKED[kind])


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ([0.1, None], TypeError, "NoneType"),
        (np.array([0.1, 0.2], object), TypeError, "astype"),
        ([[0.1], [0.1, 0.2]], ValueError, "inhomogeneous"),
        ([jnp.float32(0.1), "f4"], TypeError, "str"),
        ([jnp.float32(0.1), None], TypeError, "NoneType"),
        (jax.random.key(0), TypeError, "key"),
        (np.array(["2020-01-01"], "M8[D]"), TypeError, "datetime64"),
        (np.zeros(2, [("a", "f4")]), TypeError, "real numbers"),
        ({"a": 1.0, 3: 2.0}.keys(), TypeError, "dict_keys"),
        (torch.ones(2, requires_grad=True), TypeError, r"jax2torch.*detach\(\)"),
        (torch.ones(2, dtype=torch.bfloat16), TypeError, r"jax2torch.*double\(\)"),
        ([torch.ones(2, device="meta")], TypeError, "jax2torch"),
        (torch.ones(2).to_sparse(), TypeError, "jax2torch"),
    ],
)
def test_what_is_no_real_numbers(values: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        qjax.expectation(rotated(), "Z", values)
    with pytest.raises((TypeError, ValueError)):
        network().forward(values, WEIGHT)


def test_a_list_that_holds_itself() -> None:
    endless: list[Any] = []
    endless += [endless, endless]
    with pytest.raises(ValueError, match="dimension"):
        qjax.expectation(rotated(), "Z", endless)


@pytest.mark.parametrize(
    ("qubits", "error", "message"),
    [
        ([0.0], TypeError, "got 0.0"),
        ([True], TypeError, "got True"),
        ([np.bool_(True)], TypeError, "True"),
        ([None], TypeError, "None"),
        ("0", TypeError, "'0'"),
        (3.5, TypeError, "float"),
        (0, TypeError, r"\[0\]"),
        ([np.array([0, 1])], TypeError, "array"),
        ([10**30], ValueError, "distinct numbers from 0 to 0"),
        ([-1], ValueError, "distinct"),
        ([0, 0], ValueError, "distinct"),
    ],
)
def test_qubits(qubits: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        qjax.probabilities(rotated(), [0.1, 0.2], qubits)
    with pytest.raises(error, match=message):
        qjax.apply_gate([1.0, 0.0], np.eye(2), qubits)


@pytest.mark.parametrize("qubits", [[np.int64(0)], np.array([0]), jnp.array([0]), range(1)])
def test_qubits_of_every_integer_type(qubits: Any) -> None:
    found = qjax.probabilities(rotated(), [0.1, 0.2], qubits)
    np.testing.assert_allclose(found, [np.cos(0.15) ** 2, np.sin(0.15) ** 2], atol=SINGLE_TOLERANCE)


@pytest.mark.parametrize("inputs", [[0], [None], 5, None, "x", X])
def test_inputs_of_a_plan(inputs: Any) -> None:
    with pytest.raises(TypeError, match="inputs: expected"):
        qjax.plan(rotated(), inputs)


def test_masked_coefficients_are_refused() -> None:
    """Qiskit keeps them where its coefficients are objects; elsewhere it drops masks itself."""
    observable = SparsePauliOp(["Z", "X"], np.array([0.5, np.ma.masked], object))
    with pytest.raises(TypeError, match="the coefficient of X: got masked numbers"):
        qjax.expectation(rotated(), observable, [0.1, 0.2])


def test_masked_coefficients_of_sparse_terms_are_refused() -> None:
    """`np.ma.masked` alone would be read as 0."""
    with pytest.raises(TypeError, match=r"coefficient of the sparse term .*: got masked numbers"):
        qjax.expectation(rotated(), [("Z", [0], np.ma.masked)], [0.1, 0.2])


@pytest.mark.parametrize("dtype", [np.int64, np.uint64, ">i8"])
def test_whole_numbers_beyond_32_bits(dtype: Any) -> None:
    """JAX would keep their last 32 bits: 2**40 would be 0."""
    flip, large = np.array([[0, 1], [1, 0]]), np.array([2**40, 1], dtype)
    np.testing.assert_array_equal(qjax.apply_gate(large, flip, [0]), [1, 2**40])
    np.testing.assert_array_equal(
        qjax.apply_gate([1, 0], [[0, jnp.float32(1)], [large[0], 0]], [0]), [0, 2**40]
    )


def test_whole_numbers_of_jax_warn_of_nothing(recwarn: pytest.WarningsRecorder) -> None:
    found = qjax.apply_gate(jnp.array([1, 0]), jnp.array([[0, 1], [1, 0]]), [0])
    assert found.dtype == jnp.complex64
    assert not recwarn
