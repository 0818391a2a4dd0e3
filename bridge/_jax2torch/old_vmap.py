"""Floor 2. Tensors under torch's old vmap -> tensors with a batch axis, and back.

`torch.autograd.grad(is_grads_batched=True)`, `torch.autograd.functional` with `vectorize=True`
and batched `gradcheck` still run on the vmap before `torch.func`, which knows no rules for
`autograd.Function`. There a batched tensor has to be unwrapped by hand.
"""

from __future__ import annotations

import torch


def is_batched(tensor: torch.Tensor) -> bool:
    """Whether the tensor is batched by the old vmap."""
    return torch._C._functorch.is_legacy_batchedtensor(tensor)


def current_level() -> int:
    """The number of old vmaps that are running.

    Raises:
        RuntimeError: there are several, whose tensors torch gives no means to tell apart.
    """
    level = torch._C._vmapmode_increment_nesting() - 1
    torch._C._vmapmode_decrement_nesting()
    if level > 1:
        raise RuntimeError(
            "a JAX function under nested is_grads_batched or vectorize=True: "
            "use torch.func.vmap, jacrev, jacfwd or hessian instead"
        )
    return level


def unwrap(tensor: torch.Tensor, level: int) -> torch.Tensor:
    """The tensor with its batch axis in front."""
    return torch._remove_batch_dim(tensor, level, 1, 0)


def wrap(tensor: torch.Tensor, level: int) -> torch.Tensor:
    """The tensor with its leading axis hidden from the code under vmap."""
    return torch._add_batch_dim(tensor, 0, level)
