"""What the torch layers share: the same weights in each."""

from __future__ import annotations

import numpy as np
import torch


def with_weights(layer: torch.nn.Module, weights: np.ndarray) -> torch.nn.Module:
    """The layer, whose one parameter now holds the weights."""
    (parameter,) = layer.parameters()
    with torch.no_grad():
        parameter.copy_(torch.from_numpy(weights))
    return layer
