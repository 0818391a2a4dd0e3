"""Inputs, weights and networks that a TorchConnector refuses, and what it says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from bridge import TorchConnector, jax2torch, to_jax
from tests.bridge.connector.small_networks import Bare, Sines

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")


# Bad input.
@pytest.mark.parametrize(
    ("inputs", "error", "message"),
    [
        (torch.ones(3), ValueError, r"shape \(3,\), expected \(\*batch, 2\)"),
        (torch.ones(2, 1), ValueError, r"shape \(2, 1\), expected \(\*batch, 2\)"),
        (torch.ones(()), ValueError, r"shape \(\), expected \(\*batch, 2\)"),
        (torch.ones(0), ValueError, r"shape \(0,\), expected \(\*batch, 2\)"),
        (None, ValueError, r"shape \(0,\), expected \(\*batch, 2\)"),
        (np.ones(2), TypeError, "must be a tensor, got ndarray: use torch.as_tensor"),
        ([1.0, 2.0], TypeError, "must be a tensor, got list"),
        (torch.ones(2) * 1j, TypeError, "must be real, got torch.complex64"),
        (torch.ones(2, device="meta"), ValueError, "got meta"),
        (torch.eye(2).to_sparse(), TypeError, "to_dense"),
    ],
    ids=["3", "2x1", "0-d", "empty", "None", "ndarray", "list", "complex", "meta", "sparse"],
)
def test_bad_inputs(inputs: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        TorchConnector(Sines())(inputs)


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        (np.zeros(5), ValueError, r"shape \(5,\), expected \(6,\)"),
        (np.zeros((6, 1)), ValueError, r"shape \(6, 1\), expected \(6,\)"),
        (0.5, ValueError, r"shape \(\), expected \(6,\)"),
        ([np.nan] * 6, ValueError, "NaN or infinite"),
        (torch.full((6,), torch.inf), ValueError, "NaN or infinite"),
        (np.zeros(6) * 1j, TypeError, "must be real, got torch.complex128"),
        (["a"] * 6, TypeError, "must be numbers, got list of dtype <U1"),
    ],
    ids=["5", "6x1", "scalar", "NaN", "inf", "complex", "strings"],
)
def test_bad_initial_weights(weights: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        TorchConnector(Sines(), weights)


def fake(tensor: torch.Tensor) -> torch.Tensor:
    return FakeTensorMode().from_tensor(tensor)


FORMS: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], type[Exception], str]] = {
    "COO": (torch.Tensor.to_sparse, TypeError, r"is torch\.sparse_coo.*to_dense"),
    "CSR": (lambda x: x[None].to_sparse_csr(), TypeError, r"torch\.sparse_csr.*to_dense"),
    "CSC": (lambda x: x[None].to_sparse_csc(), TypeError, r"torch\.sparse_csc.*to_dense"),
    "BSR": (lambda x: x[None].to_sparse_bsr((1, 1)), TypeError, r"torch\.sparse_bsr.*to_dense"),
    "nested": (lambda x: torch.nested.nested_tensor([x]), TypeError, "nested.*padded"),
    "jagged": (
        lambda x: torch.nested.nested_tensor([x, x], layout=torch.jagged),
        TypeError,
        "nested.*padded",
    ),
    "masked": (lambda x: torch.masked.masked_tensor(x, x > 2), TypeError, "masked.*to_tensor"),
    "fake": (fake, ValueError, "needs values, got fake"),
    "meta": (lambda x: x.to("meta"), ValueError, "needs values, got meta"),
}


DTYPES: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], str]] = {
    "float8": (lambda x: x.to(torch.float8_e4m3fn), r"16 bits or more.*float8.*float\(\)"),
    "quantized": (
        lambda x: torch.quantize_per_tensor(x, 0.1, 0, torch.quint8),
        r"torch\.quint8: tensor\.dequantize\(\)",
    ),
    "complex": (lambda x: x * 1j, r"must be real, got torch\.complex64"),
    "boolean": (lambda x: x > 0, r"real numbers, got booleans"),
}


@pytest.mark.filterwarnings("ignore:.*(prototype|beta|deprecated)")
@pytest.mark.parametrize("name", [*FORMS, *DTYPES])
def test_tensors_that_are_no_dense_real_numbers(name: str) -> None:
    make, error, message = {**FORMS, **{n: (f, TypeError, m) for n, (f, m) in DTYPES.items()}}[name]
    with pytest.raises(error, match=message):
        TorchConnector(Sines())(make(torch.ones(2)))
    if name != "float8":
        with pytest.raises(error, match=f"initial_weights.*{message}"):
            TorchConnector(Sines(), make(torch.ones(6)))
    if name in FORMS:
        for call in (to_jax, jax2torch(jnp.sin)):
            with pytest.raises(error, match=message):
                call(make(torch.ones(2)))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ma.zeros(6), "masked.*fill"),
        ([*[0.5] * 5, np.ma.masked], "masked.*fill"),
        ([None] * 6, "dtype object"),
        ([True] * 6, "booleans"),
        ([*[0.5] * 5, True], "booleans"),
        (np.ones(6, bool), "booleans"),
        (jnp.ones(6, bool), "booleans"),
        (np.ones(6, "m8[s]"), "timedelta64"),
        ([torch.ones((), requires_grad=True)] * 6, "detach"),
        ([[1.0], [1.0, 2.0]], "inhomogeneous"),
    ],
)
def test_weights_that_are_no_numbers(weights: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        TorchConnector(Sines(), weights)


def test_weights_beyond_torchs_dtype() -> None:
    with pytest.raises(ValueError, match=r"infinite values in torch\.float32"):
        TorchConnector(Sines(), [1e300] * 6)


def test_bad_networks() -> None:
    with pytest.raises(TypeError, match=r"the class Sines: make one of it, Sines\(\.\.\.\)"):
        TorchConnector(Sines)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="sparse must be True, False or None, got 'yes'"):
        TorchConnector(Sines(), sparse="yes")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="function lacks apply, num_inputs"):
        TorchConnector(lambda weights, inputs: inputs)
    with pytest.raises(ValueError, match="sparse=True needs a sparse network, got a Sines"):
        TorchConnector(Sines(), sparse=True)


def test_a_network_that_lies_about_its_shape() -> None:
    class Liar(Bare):
        output_shape = (2,)

    with pytest.raises(ValueError, match=r"Liar.apply returned shape \(1,\).*expected \(2,\)"):
        TorchConnector(Liar())(torch.ones(1))
