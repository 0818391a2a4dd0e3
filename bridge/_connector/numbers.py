"""Floor 3. What a caller hands to the connector -> dense, real tensors that hold numbers."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import torch

from bridge._dlpack import FLOATS, INTEGERS, check_form, check_values

_REAL = INTEGERS | FLOATS


def as_weights(values: Any, shape: tuple[int, ...], what: str) -> torch.Tensor:
    """Initial weights of this shape as a new tensor in torch's own memory and default dtype.

    Raises:
        TypeError: what is no real numbers, or hides some.
        ValueError: another shape, no values, or none that are finite in this dtype.
    """
    if isinstance(values, torch.Tensor):
        check_form(values, what)
        if not values.is_floating_point():  # of any length: they are converted
            check_real(values, what)
        tensor = values.detach()
    else:
        tensor = _from_numpy(values, what)
        if tensor.is_complex() or tensor.dtype == torch.bool:
            check_real(tensor, what)
    if tuple(tensor.shape) != shape:
        raise ValueError(
            f"{what} has shape {tuple(tensor.shape)}, expected {shape}: "
            "one value for each weight of the network"
        )
    check_values(tensor, what)
    weights = tensor.to(dtype=torch.get_default_dtype(), copy=True)
    if not bool(torch.isfinite(weights).all()):
        raise ValueError(
            f"{what} holds NaN or infinite values in {weights.dtype}, expected finite numbers"
        )
    return weights


def check_real(tensor: torch.Tensor, what: str) -> None:
    """Require a dtype of real numbers that the connector computes with.

    Raises:
        TypeError: otherwise.
    """
    if tensor.dtype in _REAL:
        return
    if tensor.dtype == torch.bool:
        raise TypeError(f"{what} must be real numbers, got booleans: tensor.float()")
    if tensor.dtype.is_complex:
        raise TypeError(
            f"{what} must be real, got {tensor.dtype}: pass angles, for instance tensor.real or "
            "tensor.angle()"
        )
    remedy = "tensor.dequantize()" if tensor.is_quantized else "tensor.float()"
    raise TypeError(f"{what} must be real numbers of 16 bits or more, got {tensor.dtype}: {remedy}")


def _from_numpy(values: Any, what: str) -> torch.Tensor:
    """Numbers of any dtype, byte order and container, in double; booleans as they are."""
    if _hides(values):
        raise TypeError(f"{what} has masked numbers, whose mask would be lost: fill them first")
    if _has_booleans(values):
        raise TypeError(f"{what} must be real numbers, got booleans among them")
    expected = "pass a tensor, a NumPy array or a list of floats"
    try:
        array = np.array(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            f"{what} must be numbers, got {type(values).__name__} ({error}): {expected}"
        ) from error
    if array.dtype == np.bool_:
        return torch.from_numpy(array)
    kinds = jnp.integer, jnp.floating, jnp.complexfloating  # bfloat16 among them
    duration = array.dtype.kind == "m"  # which NumPy counts as an integer
    if duration or not any(jnp.issubdtype(array.dtype, kind) for kind in kinds):
        raise TypeError(
            f"{what} must be numbers, got {type(values).__name__} of dtype {array.dtype}: "
            f"{expected}"
        )
    complex_ = jnp.issubdtype(array.dtype, jnp.complexfloating)
    return torch.from_numpy(array.astype(np.complex128 if complex_ else np.float64))


def _has_booleans(values: Any) -> bool:
    """Whether a nested list does; an array has a dtype that tells."""
    if isinstance(values, (list, tuple)):
        return any(map(_has_booleans, values))
    return isinstance(values, (bool, np.bool_))


def _hides(values: Any) -> bool:
    if isinstance(values, (list, tuple)):
        return any(map(_hides, values))
    return isinstance(values, np.ma.MaskedArray)
