"""Floor 3. Batches of any size -> batches of a few sizes, for which programs are compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from bridge._jax2torch import is_recording

if TYPE_CHECKING:
    from qjax import Network


def filled_up(inputs: torch.Tensor, network: Network) -> torch.Tensor:
    """The inputs, of which the last comes again until a size is reached that others have too.

    No gradient comes back from what is added: its outputs are left out. Where torch records, and
    under transforms of functions, where sizes may stand for others, inputs stay as they are.

    Args:
        inputs: `(*batch, num_inputs)`; filled up are those with one axis of batches.
        network: says how far, if it has `padded_batch`.
    """
    padded = getattr(network, "padded_batch", None)
    # Whether sizes stand for others is asked first: to ask for one makes it fixed.
    if padded is None or inputs.ndim != 2 or _has_other_sizes() or len(inputs) == 0:
        return inputs
    missing = padded(len(inputs)) - len(inputs)
    if missing <= 0:
        return inputs
    last = inputs[-1:].detach()
    return torch.cat([inputs, last.expand(missing, -1)])


def _has_other_sizes() -> bool:
    if torch.compiler.is_compiling() or is_recording():
        return True
    return torch._C._are_functorch_transforms_active()
