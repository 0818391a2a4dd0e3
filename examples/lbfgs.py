"""Full-batch training by torch's L-BFGS, with a progress bar."""

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import Module
from torch.optim import LBFGS
from tqdm import tqdm


def fit(
    model: Module,
    loss_function: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    inputs: torch.Tensor,
    targets: torch.Tensor,
    **settings: Any,
) -> list[float]:
    """Fit the model in place; the losses in the order in which L-BFGS asked for them.

    `settings` are those of `torch.optim.LBFGS`.
    """
    optimizer = LBFGS(model.parameters(), **settings)
    losses = []
    model.train()
    with tqdm(desc="L-BFGS", unit=" evaluations") as progress:

        def closure() -> torch.Tensor:
            """L-BFGS evaluates loss and gradient several times in each step."""
            optimizer.zero_grad()
            loss = loss_function(model(inputs), targets)
            loss.backward()
            losses.append(loss.item())
            progress.write(f"{losses[-1]}")
            progress.update()
            return loss

        optimizer.step(closure)
    return losses
