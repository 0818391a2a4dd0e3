"""Floor 2. JAX function of arrays -> differentiable torch function of tensors.

function    the function: what is traced
node        a compiled function in torch's graph
compiled    flat JAX function -> one compiled for tensors, and its derivatives
derivative  flat JAX function -> its pullback, pushforward and batched function
operator    what stands for a compiled function in graphs that torch records
shapes      of outputs, for sizes that are not known yet
blocked     no gradient back, and none silently
old_vmap    tensors under torch's old vmap
"""

from bridge._jax2torch.function import TorchFunction as TorchFunction
from bridge._jax2torch.function import jax2torch as jax2torch
from bridge._jax2torch.operator import is_recording as is_recording
