"""Floor 2. Tensor -> the same tensor, with no way for gradients back through it.

`tensor.detach()` would do in the ordinary backward pass, where a gradient that is missing shows:
`grad` is None. Under `torch.func` and in forward mode it would be zeros, which look like a result:
there the block raises.
"""

from __future__ import annotations

from operator import is_
from typing import Any

import torch
from torch._C._functorch import (
    get_unwrapped,
    is_functorch_wrapped_tensor,
    is_gradtrackingtensor,
)
from torch.autograd import forward_ad
from torch.func import debug_unwrap


def are_plain(tensors: tuple[torch.Tensor, ...]) -> bool:
    """Neither under a torch.func transform nor possibly dual numbers."""
    return forward_ad._current_level < 0 and all(map(is_, map(debug_unwrap, tensors), tensors))


def block_gradient(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor, cut off from gradients; transforms that ask for one get a ValueError."""
    if are_plain((tensor,)):
        return tensor.detach() if tensor.requires_grad else tensor
    return _Blocked.apply(tensor, _is_differentiated(tensor))


def _is_differentiated(tensor: torch.Tensor) -> bool:
    """Whether a `torch.func` transform takes derivatives with respect to the tensor."""
    while is_functorch_wrapped_tensor(tensor):
        if is_gradtrackingtensor(tensor):
            return True
        tensor = get_unwrapped(tensor)
    return False


class _Blocked(torch.autograd.Function):
    @staticmethod
    def forward(tensor: torch.Tensor, raises: bool) -> torch.Tensor:
        return tensor.view_as(tensor)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        ctx.raises = inputs[1]

    @staticmethod
    def backward(ctx: Any, cotangent: torch.Tensor) -> tuple[None, None]:
        if ctx.raises or not are_plain((cotangent,)):
            raise _error()
        return None, None

    @staticmethod
    def jvp(ctx: Any, tangent: torch.Tensor, _: None) -> torch.Tensor:
        raise _error()

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int, None], tensor: torch.Tensor, raises: bool
    ) -> tuple[torch.Tensor, int]:
        return _Blocked.apply(tensor, raises), in_dims[0]


def _error() -> ValueError:
    return ValueError(
        "the network has no gradients with respect to its inputs: build it with "
        "input_gradients=True, or differentiate with respect to the weights only"
    )
