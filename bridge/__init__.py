"""JAX functions in torch, with derivatives of any order; torch functions in JAX.

- `jax2torch`, `torch2jax`: functions. `to_torch`, `to_jax`: their arrays, without copies.
- `TorchConnector`: a neural network as a `torch.nn.Module`. `NeuralNetwork` is what it needs of
  one, another name of `qjax.Network`; `qjax` is imported when it is asked for.

The floors, each importing only from those below; each package lists its modules:

0  _process        whether JAX can run here, or was forked
   _requirements   torch, or how to install it
1  _dlpack         torch.Tensor <-> jax.Array
   _static         arguments that are no tensors
2  _jax2torch      JAX function -> differentiable torch function
   _torch2jax      torch function -> differentiable JAX function
3  _connector      neural network in JAX -> torch.nn.Module
"""

from typing import TYPE_CHECKING

import bridge._requirements  # noqa: F401 - the first: says what is missing
from bridge._connector import TorchConnector, protocol
from bridge._dlpack import to_jax, to_torch
from bridge._jax2torch import jax2torch
from bridge._torch2jax import torch2jax

if TYPE_CHECKING:
    from qjax import Network as NeuralNetwork
else:
    __getattr__ = protocol.find

__all__ = ["NeuralNetwork", "TorchConnector", "jax2torch", "to_jax", "to_torch", "torch2jax"]
