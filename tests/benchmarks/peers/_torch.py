"""What the peers that are used from torch share: loss and gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from tests.benchmarks.peers._step import Step
from tests.benchmarks.workloads import Workload


def asarray(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(values)


def differentiated(
    workload: Workload, expectations: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
) -> Step:
    """The step of `(weights, inputs (batch, inputs)) -> <Z_q>`, or energies, of any shape."""

    def step(weights: torch.Tensor, inputs: torch.Tensor) -> tuple[Any, Any, Any]:
        leaves = weights.detach().requires_grad_(), inputs.detach().requires_grad_()
        values = expectations(*leaves)
        loss = (values if workload.hamiltonian else values.square()).mean()
        return loss.detach(), *torch.autograd.grad(loss, leaves, materialize_grads=True)

    return step
