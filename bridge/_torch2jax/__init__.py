"""Floor 2. torch function of tensors -> differentiable JAX function of arrays.

function     the function
callback     flat torch function -> JAX primitive that calls it back
host         flat torch function, run for JAX
derivatives  flat torch function -> its derivatives and batched function
"""

from bridge._torch2jax.function import torch2jax as torch2jax
