"""Floor 2. torch function of tensors -> differentiable JAX function of arrays.

The mirror image of `_function`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from itertools import compress
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch

from bridge._process import check_process
from bridge._static import Static
from bridge._torch2jax.callback import call as call_back
from bridge._torch2jax.derivatives import Checked, Flat, Typed
from bridge._torch2jax.host import outline

_SHORTER: dict[Any, Any] = {
    np.dtype(np.longdouble): np.float64,
    np.dtype(np.clongdouble): np.complex128,
}

_REMEDY = "make numbers that change arrays (jnp.asarray)"


def torch2jax(function: Callable[..., Any]) -> Callable[..., Any]:
    """A torch function or module as a JAX function, for use inside `jit`, `grad` and `vmap`.

    Args:
        function: a pure torch function of tensors or pytrees of tensors to a tensor or a pytree,
            or a `torch.nn.Module`, whose parameters are constants: gradients go to the arguments
            only. `functools.partial(torch.func.functional_call, module)` makes a function of
            (parameters, arguments), which JAX can train. Runs on the CPU.

    Returns:
        A function with the same arguments that takes arrays (JAX's or NumPy's) where `function`
        takes tensors and returns JAX arrays where it returns tensors. Other arguments are static
        and have to be hashable. `jax.grad`, `jvp`, `vmap`, `jacfwd`, `jacrev`, `hessian` and their
        nestings work where `torch.func` can transform the function; gradients of complex values
        follow JAX's convention.

    Cost: each call leaves the compiled program for Python and copies arguments and results, about
    0.1 ms on a CPU. The backward pass computes the forward pass anew. XLA may drop or repeat a
    call whose result nobody needs or everybody has. When a program is traced, the function runs
    once on random numbers, to see what it returns. `torch.autocast` works inside the function, not
    around it. A function that calls JAX in turn can wait for ever on a busy CPU if several calls
    are under way: wait for each result (`jax.block_until_ready`).

    Raises:
        TypeError: `function` is not callable or returns something else than tensors; a dtype that
            one side lacks; a double-precision result without JAX's 64-bit mode.
        RuntimeError: (when it runs, inside of JAX's own error) the function draws random numbers
            (dropout in training mode), or changes buffers of the module (batch normalization in
            training mode): it has to give the same result for the same arguments. Or it returns
            other shapes than when it was traced.
    """
    if not callable(function):
        raise TypeError(f"torch2jax takes a function or a module, got {type(function).__name__}")

    @torch.compiler.disable
    @functools.wraps(function, updated=())
    def call(*args: Any, **kwargs: Any) -> Any:
        check_process()
        leaves, tree = jax.tree.flatten((args, kwargs))
        if any(isinstance(leaf, torch.Tensor) for leaf in leaves):
            raise TypeError("a JAX function takes arrays, got a tensor: bridge.to_jax makes one")
        moving = tuple(isinstance(leaf, jax.Array | np.ndarray | np.generic) for leaf in leaves)
        statics = tuple(
            None if moves else Static(leaf, "arrays", _REMEDY)
            for leaf, moves in zip(leaves, moving, strict=True)
        )
        arrays = [_as_array(leaf) for leaf in compress(leaves, moving)]
        flat = Flat(function, tree, statics)
        layouts = tuple(jax.ShapeDtypeStruct(array.shape, array.dtype) for array in arrays)
        outputs, structure = outline(flat, layouts)
        checked = Checked(flat, outputs, structure)
        results = call_back(Typed(checked, outputs), *arrays)
        return jax.tree.unflatten(structure, results)

    return call


def _as_array(leaf: jax.Array | np.ndarray | np.generic) -> jax.Array:
    """JAX takes NumPy's numbers in the machine's byte order only, and none beyond 64 bits."""
    if isinstance(leaf, np.ma.MaskedArray):
        raise TypeError("a masked array would lose its mask: fill it first")
    if isinstance(leaf, np.ndarray | np.generic):
        native = leaf.dtype.newbyteorder("=")
        leaf = leaf.astype(_SHORTER.get(native, native), copy=False)
    return jnp.asarray(leaf)
