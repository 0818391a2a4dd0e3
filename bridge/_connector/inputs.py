"""Floor 3. A network's inputs: their shape, and the dtypes to compute in and to return."""

from __future__ import annotations

from typing import Any

import torch

from bridge._connector.numbers import check_real
from bridge._dlpack import FLOATS, check_form

_HALF_DTYPES = frozenset({torch.float16, torch.bfloat16})


_RANKS = {torch.float16: 0, torch.bfloat16: 0, torch.float32: 1, torch.float64: 2}


def check_inputs(inputs: Any, length: int) -> None:
    """Require a dense, real tensor whose last dimension is `length`.

    Raises:
        TypeError: for what is no such tensor.
        ValueError: for another last dimension.
    """
    if not isinstance(inputs, torch.Tensor):
        raise TypeError(
            f"the input must be a tensor, got {type(inputs).__name__}: use torch.as_tensor"
        )
    check_form(inputs, "the input")
    check_real(inputs, "the input")
    if inputs.ndim == 0 or inputs.shape[-1] != length:
        raise ValueError(
            f"the input has shape {tuple(inputs.shape)}, expected (*batch, {length}): "
            "the last dimension is the network's num_inputs"
        )


def choose_dtypes(
    inputs: torch.Tensor, weights: tuple[torch.Tensor, ...]
) -> tuple[torch.dtype, torch.dtype]:
    """The dtypes to compute in and to return."""
    widest = weights[0].dtype
    for weight in weights:
        if weight.dtype not in FLOATS:
            raise TypeError(
                f"the weights must be real numbers of 16 bits or more, got {weight.dtype}: convert "
                "the module to a real dtype, for instance by .float()"
            )
        widest = _promote(widest, weight.dtype)
    promoted = _promote(inputs.dtype, widest) if inputs.is_floating_point() else widest
    computed = torch.float32 if promoted in _HALF_DTYPES else promoted
    return computed, inputs.dtype if inputs.dtype in _HALF_DTYPES else promoted


def _promote(first: torch.dtype, second: torch.dtype) -> torch.dtype:
    """torch.promote_types, which torch.export would record as an operation."""
    if first != second and _RANKS[first] == _RANKS[second]:
        return torch.float32
    return max(first, second, key=_RANKS.__getitem__)
