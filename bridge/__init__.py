"""JAX functions in torch: tensors across, derivatives of any order back.

The floors, lowest first; each imports only from those below:

0. `_dlpack` (torch.Tensor <-> jax.Array), `_derivative` (flat JAX function -> its derivatives),
   `_operator` (what stands for a function where torch records), `_shape` (of unknown sizes),
   `_static` (arguments that are no tensors), `_requirements` (torch, or how to install it)
1. `_program` (flat JAX function -> compiled for tensors), `_legacy` (torch's old vmap),
   `_flat` (flat torch function -> its derivatives), `_numbers` (what the connector is given)
2. `_blocked` (no gradient back, and none silently), `_host` (flat torch function, run for JAX)
3. `_function` (JAX function -> differentiable torch function),
   `_callback` (flat torch function -> JAX primitive)
4. `_connector` (neural network in JAX -> torch.nn.Module),
   `_jax_function` (torch function -> differentiable JAX function)
"""

import bridge._requirements  # noqa: F401 - the first: says what is missing
from bridge._connector import NeuralNetwork, TorchConnector
from bridge._dlpack import to_jax, to_torch
from bridge._function import jax2torch
from bridge._jax_function import torch2jax

__all__ = ["NeuralNetwork", "TorchConnector", "jax2torch", "to_jax", "to_torch", "torch2jax"]
