"""Floor 6. (task, parameters) -> what is read out, for all samples at once."""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial, wraps
from typing import Any, NamedTuple, ParamSpec, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Shaped

from qjax._base import tuning
from qjax._base.linear_map import jvp_of
from qjax._base.memory import always_fits, check_fits
from qjax._base.mesh import alike
from qjax._engine.stacks import (
    Extent,
    Stack,
    Stacks,
    check_single,
    differentiated_stacks,
    stacks_of,
    stacks_on_device,
)
from qjax._engine.task import Expectations, States, Task, num_simulated
from qjax._simulators import Gradient

P = ParamSpec("P")
T = TypeVar("T")


class Cost(NamedTuple):
    """What a simulation holds.

    Attributes:
        num_qubits: how many are simulated.
        num_passes: passes over the state.
        num_chunks: parts of the batch, which run one after the other.
        dtype: of amplitudes.
        bytes_of_states: the states of one part of the batch, which run at once.
        bytes_kept: what reverse mode keeps of all parts.
        bytes_between: what it keeps of the other parts, and of what else runs for the task.
        bytes_returned: states or probabilities that are the result.
        gradient: how reverse mode works.
        reads_probabilities: whether amplitudes are not needed.
        stays_real: whether matrices of real numbers act on the states where they stand.
    """

    num_qubits: int
    num_passes: int
    num_chunks: int
    dtype: np.dtype
    bytes_of_states: int
    bytes_kept: int
    bytes_between: int
    bytes_returned: int
    gradient: Gradient
    reads_probabilities: bool
    stays_real: bool


def execute(
    shared: Float[Array, " shared"], batched: Float[Array, "batched batch"], *, task: Task
) -> Shaped[Array, "outputs batch"]:
    """Run a task inside of another program: the tables are constants of it.

    Args:
        shared: the parameters that all samples have in common, in the circuit's order.
        batched: those that differ per sample, in the circuit's order, batch last.
        task: what to simulate.
    """
    stacks = stacks_of(task, _context(task, shared)[0])
    values = _execute_stacks(stacks, shared, batched, task.gradient)
    # What depends on no parameter varies with them all the same: derivatives expect it.
    varying: Array = alike((values, shared, batched))[0]
    return varying


def always_compiled(function: Callable[P, T]) -> Callable[P, T]:
    """The function, run compiled under `jax.disable_jit()` too.

    That mode is for looking at operations of one's own. A simulation has thousands, and takes
    seconds where it is run one by one.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        if not jax.config.jax_disable_jit:  # type: ignore[attr-defined]
            return function(*args, **kwargs)
        with jax.disable_jit(False):
            return function(*args, **kwargs)

    return run


@always_compiled
def execute_now(
    shared: Float[Array, " shared"], batched: Float[Array, "batched batch"], *, task: Task
) -> Shaped[Array, "outputs batch"]:
    """Run a task outside of any program; arguments as in `execute`.

    The tables are arguments of the compiled program: circuits share it whose tables have the same
    shapes.
    """
    alone = all(len(x.devices()) == 1 for x in (shared, batched) if isinstance(x, Array))
    stacks = stacks_on_device(task, *_context(task, shared), alone)
    return _execute_stacks(stacks, shared, batched, task.gradient)


@always_compiled
def differentiate_now(
    primals: Sequence[Array], tangents: Sequence[Any], *, task: Task
) -> tuple[Array, Array]:
    """What a task reads out, and its tangent, outside of any program."""
    stacks = differentiated_stacks(task, *_context(task, primals[0]))
    return jvp_of(partial(_execute_stacks, stacks, gradient=task.gradient), primals, tangents)


def _context(task: Task, shared: Array) -> tuple[bool, Any]:
    """The precision, which tables must fit as well as the parameters', and where tables go."""
    device = jax.config.jax_default_device  # type: ignore[attr-defined]
    x64 = jax.config.read("jax_enable_x64")
    if x64 and shared.dtype == np.float32:
        check_single(task)
    return x64, device


def _execute_stacks(
    planned: Stacks, shared: Array, batched: Array, gradient: Gradient | None
) -> Array:
    stacks, outputs, add = planned
    if batched.shape[1] == 0:
        one = jax.ShapeDtypeStruct((len(batched), 1), batched.dtype)
        result = jax.eval_shape(partial(_execute_stacks, planned, gradient=gradient), shared, one)
        return jnp.zeros((result.shape[0], 0), result.dtype)
    values = [_execute_stack(stack, shared, batched, gradient) for stack in stacks]
    return values[0] if add is None else add(jnp.asarray(outputs), *values)


def type_of_values(task: Task, shared: Any, batched: Any) -> tuple[tuple[int, int], np.dtype]:
    """Shape and dtype of what `execute` returns, without tracing it.

    Args:
        task: what to simulate.
        shared: the parameters that all samples have in common, or their shape and dtype.
        batched: those that differ per sample.

    Raises:
        CircuitTooLargeError: for what does not fit into memory.
        ValueError: for a batch whose size is a symbol of `jax.export`.
    """
    batch = batched.shape[1]
    if not isinstance(batch, int):
        raise ValueError(
            f"a batch of {batch} samples cannot be simulated: plans depend on their number. Export "
            "a program for each size, or one of a large size, and fill smaller batches up"
        )
    for stack in stacks_of(task, _context(task, shared)[0]).stacks if batch else ():
        _checked_cost(stack, shared, batched, task.gradient)
    dtype = np.result_type(shared.dtype, batched.dtype)
    if isinstance(task.readout, States):
        return (1 << num_simulated(task), batch), np.result_type(dtype, np.complex64)
    if isinstance(task.readout, Expectations):
        return (len(task.readout.observables), batch), dtype
    qubits = task.readout.qubits
    return (1 << (num_simulated(task) if qubits is None else len(qubits)), batch), dtype


def _checked_cost(stack: Stack, shared: Any, batched: Any, gradient: Gradient | None) -> Cost:
    cost = _cost(stack, shared, batched, gradient)
    check_values(cost, batched.shape[1], cost.num_chunks > 1 or stack.number is not None)
    return cost


def _execute_stack(stack: Stack, shared: Array, batched: Array, gradient: Gradient | None) -> Array:
    program, reading, readout, _ = stack.planned
    cost = _checked_cost(stack, shared, batched, gradient)
    return stack.execute(program, reading, shared, batched, readout, cost.gradient, cost.num_chunks)


def check_values(cost: Cost, batch: int, in_loop: bool) -> None:
    """Require that values fit into memory: the states of what runs at once, and the results.

    What XLA holds, in multiples of those states, is by its own account.

    Args:
        cost: of the simulation.
        batch: how many samples there are.
        in_loop: whether parts of them, or samples, run one after the other.

    Raises:
        CircuitTooLargeError: otherwise.
    """
    if cost.stays_real:
        alone, repeated = (3.0, 4.0) if cost.reads_probabilities else (4.0, 4.75)
    else:
        alone, repeated = (3.0, 5.0) if cost.reads_probabilities else (5.0, 6.5)
    needed = int((repeated if in_loop else alone) * cost.bytes_of_states) + cost.bytes_returned
    if always_fits(needed):  # before a message is made of it
        return
    check_fits(
        needed,
        f"{batch} statevector(s) of {cost.num_qubits} qubits in {cost.dtype.name}",
        "fewer qubits, smaller batches or single precision",
        True,
    )


def cost_of(task: Task, shared: Any, batched: Any) -> Cost:
    """What simulating a task for parameters of these shapes and dtype holds."""
    stacks = stacks_of(task, jax.config.read("jax_enable_x64")).stacks
    costs = [_cost(stack, shared, batched, task.gradient) for stack in stacks]
    widest = max(costs, key=lambda cost: (cost.bytes_of_states, cost.num_passes))
    others = sum(cost.bytes_kept for cost in costs) - widest.bytes_kept
    return widest._replace(bytes_between=widest.bytes_between + others)


def _cost(stack: Stack, shared: Any, batched: Any, gradient: Gradient | None) -> Cost:
    dtype = np.result_type(shared.dtype, np.complex64)
    backend = tuning.of_backend(jax.default_backend())
    return _cost_of(stack.extent, dtype, batched.shape[1], gradient, backend)


@lru_cache(4096)
def _cost_of(
    extent: Extent, dtype: np.dtype, batch: int, gradient: Gradient | None, backend: tuning.Backend
) -> Cost:
    one = dtype.itemsize << extent.num_qubits
    num_passes = extent.num_passes or 0
    chosen = chosen_gradient(gradient, num_passes, batch * one * extent.number, backend)
    if extent.num_passes is None:
        chosen = "adjoint"
    chunks = _count_chunks(batch, batch * one, backend.chunk_bytes)
    states = -(-batch // chunks) * one
    kept = 1 + num_passes if chosen == "backprop" else 1
    return Cost(
        num_qubits=extent.num_qubits,
        num_passes=num_passes,
        num_chunks=chunks,
        dtype=dtype,
        bytes_of_states=states,
        bytes_kept=kept * batch * one * extent.number,
        bytes_between=kept * (batch * one * extent.number - states),
        bytes_returned=batch * extent.reals_returned * dtype.itemsize // 2,
        gradient=chosen,
        reads_probabilities=extent.reads_probabilities,
        stays_real=extent.stays_real,
    )


def chosen_gradient(
    gradient: Gradient | None,
    num_passes: int,
    states: int,
    backend: tuning.Backend | None = None,
) -> Gradient:
    """How reverse mode works on XLA's engine: as it was asked for, or as memory has it.

    Args:
        gradient: what was asked for.
        num_passes: over the states.
        states: bytes of all of them.
        backend: where it runs; None: by default.
    """
    if gradient is not None:
        return gradient
    backend = backend or tuning.of_backend(jax.default_backend())
    many = num_passes > backend.many_passes
    kept_bytes = backend.kept_bytes_of_many if many else backend.kept_bytes
    return "backprop" if num_passes * states <= kept_bytes else "adjoint"


def _count_chunks(batch: int, states: int, chunk: int | None) -> int:
    """How many parts of the batch run one after the other.

    Args:
        batch: how many samples there are.
        states: bytes of all their states.
        chunk: bytes of the states of one part; None: the batch is never cut.
    """
    return 1 if chunk is None or states < 2 * chunk else min(batch, -(-states // chunk))
