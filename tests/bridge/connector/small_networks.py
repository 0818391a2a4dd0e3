"""Small networks whose outputs are known in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch


@dataclass(frozen=True)
class Sines:
    """sin(inputs @ W), W being the weights as a matrix."""

    num_inputs: int = 2
    output_shape: Any = (3,)
    input_gradients: bool = True
    sparse: bool = False

    @property
    def num_weights(self) -> int:
        return self.num_inputs * int(np.prod(self.output_shape))

    def apply(self, weights: jax.Array, inputs: jax.Array) -> jax.Array:
        flat = jnp.sin(inputs @ weights.reshape(self.num_inputs, -1))
        shape = self.output_shape if isinstance(self.output_shape, tuple) else (self.output_shape,)
        return flat.reshape((*inputs.shape[:-1], *shape))


class Bare:
    """No more than the connector needs."""

    num_inputs = 1
    num_weights = 1
    output_shape = (1,)

    def apply(self, weights: jax.Array, inputs: jax.Array) -> jax.Array:
        return jnp.sin(weights[0] * inputs)


def angles(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(len(shape))
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)
