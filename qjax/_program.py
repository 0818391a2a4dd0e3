"""Floor 5. (task, parameters) -> what is read out, for all samples at once."""

from collections.abc import Callable, Sequence
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Shaped

from qjax._memory import check_states_fit
from qjax._simulators import Gradient, jvp_of
from qjax._stacks import Stack, Stacks, differentiated_stacks, stacks_of, stacks_on_device
from qjax._task import Task

# Reverse mode keeps the states of all passes up to this many bytes; more leave the caches, and
# computing them again is as fast. Measured on two CPU cores.
MAX_KEPT = 8 << 20

# A batch whose states take more bytes than this runs in parts that take as many: every pass of a
# part finds its states in the cache. Measured on two CPU cores with 2 MB of cache each.
MAX_CHUNK = 2 << 20


P = ParamSpec("P")
T = TypeVar("T")


def evaluate(
    shared: Float[Array, " shared"], batched: Float[Array, "batched batch"], *, task: Task
) -> Shaped[Array, "outputs batch"]:
    """Simulate inside of another program: the tables are constants of it.

    Args:
        shared: the parameters that all samples have in common, in the circuit's order.
        batched: those that differ per sample, in the circuit's order, batch last.
        task: what to simulate.
    """
    stacks = stacks_of(task, jax.config.read("jax_enable_x64"))
    return _evaluate_stacks(stacks, shared, batched, task.gradient)


def always_compiled(function: Callable[P, T]) -> Callable[P, T]:
    """The same, also under `jax.disable_jit()`.

    That is for looking at operations of one's own. A simulation has thousands, and takes seconds
    where it is run one by one.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        if not jax.config.jax_disable_jit:  # type: ignore[attr-defined]
            return function(*args, **kwargs)
        with jax.disable_jit(False):
            return function(*args, **kwargs)

    return run


@always_compiled
def evaluate_now(
    shared: Float[Array, " shared"], batched: Float[Array, "batched batch"], *, task: Task
) -> Shaped[Array, "outputs batch"]:
    """The same by itself: circuits whose plans have the same structure share a compiled program."""
    stacks = stacks_on_device(task, *_context())
    return _evaluate_stacks(stacks, shared, batched, task.gradient)


@always_compiled
def differentiate_now(
    primals: Sequence[Array], tangents: Sequence[Any], *, task: Task
) -> tuple[Array, Array]:
    """Its value and tangent, in the rule of a primitive."""
    stacks = differentiated_stacks(task, *_context())
    return jvp_of(partial(_evaluate_stacks, stacks, gradient=task.gradient), primals, tangents)


def _context() -> tuple[bool, Any]:
    """The precision, and where tables go."""
    device = jax.config.jax_default_device  # type: ignore[attr-defined]
    return jax.config.read("jax_enable_x64"), device


def _evaluate_stacks(
    planned: Stacks, shared: Array, batched: Array, gradient: Gradient | None
) -> Array:
    stacks, outputs, add = planned
    if batched.shape[1] == 0:
        one = jax.ShapeDtypeStruct((len(batched), 1), batched.dtype)
        result = jax.eval_shape(partial(_evaluate_stacks, planned, gradient=gradient), shared, one)
        return jnp.zeros((result.shape[0], 0), result.dtype)
    found = [_evaluate_stack(stack, shared, batched, gradient) for stack in stacks]
    return found[0] if add is None else add(jnp.asarray(outputs), *found)


def _evaluate_stack(
    stack: Stack, shared: Array, batched: Array, gradient: Gradient | None
) -> Array:
    program, reading, readout, num_passes = stack.planned
    batch, dtype = batched.shape[1], np.result_type(shared.dtype, np.complex64)
    check_states_fit(program.num_qubits, batch, dtype)
    states = batch * dtype.itemsize << program.num_qubits
    held = num_passes * states * (stack.number or 1)
    chosen = gradient or ("backprop" if held <= MAX_KEPT else "adjoint")
    chunks = _count_chunks(batch, states)
    return stack.execute(program, reading, shared, batched, readout, chosen, chunks)


def _count_chunks(batch: int, states: int) -> int:
    """How many parts of the batch run one after the other; `states` is the bytes of all states."""
    if jax.default_backend() != "cpu":
        return 1
    return min(batch, -(-states // MAX_CHUNK)) if states >= 2 * MAX_CHUNK else 1
