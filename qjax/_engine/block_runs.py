"""Floor 6. Blocks on the states of all runs, each with what is drawn for it: a kernel, or a loop.

What is drawn has no derivatives. So this is two functions: `followed` draws, and finds the states;
`with_derivatives` gives them the derivatives of what was drawn, a matrix for each block and run.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Complex, Float, Int, Int32

from qjax._base.linear_map import linear_map
from qjax._base.mesh import alike
from qjax._base.store import kept
from qjax._engine.block_matrices import adjoint, choose, multiplied
from qjax._engine.block_states import Parts, State, apply_blocks, as_parts, products
from qjax._engine.noise_blocks import BlockProgram
from qjax._simulators import zero_state
from qjax._simulators.native.library import target, why_not
from qjax._simulators.native.primitive import kernel_primitive

# `trajectory_call.h` has this too: qubits of a block.
_MOST_WIDTH = 3


class Draws(NamedTuple):
    """What is drawn from, real and imaginary parts first; nothing of it has derivatives.

    Attributes:
        parts: the unitary parts of all blocks, for each run or for all.
        operators: K_m of all jumps, the identity's last.
        effects: K_m^+ K_m.
        numbers: from 0 to 1, one for each jump of each run.
    """

    parts: Float[Array, "2 blocks parts K K columns"]
    operators: Float[Array, "2 jumps m K K"]
    effects: Float[Array, "2 jumps m K K"]
    numbers: Float[Array, "blocks parts-1 runs"]


class Followed(NamedTuple):
    """What happened.

    Attributes:
        state: after all blocks.
        drawn: which operator each jump has; 0 where a block has fewer jumps.
        probabilities: of these; 1 where a block has fewer.
    """

    state: State
    drawn: Int32[Array, "blocks parts-1 runs"]
    probabilities: Float[Array, "blocks parts-1 runs"]


def followed(program: BlockProgram, draws: Draws, start: State) -> Followed:
    """Draw what happens in each run, and apply it; a start without rows is |0...0>."""
    follow = _follow if _has_kernel(program) else _by_xla
    return Followed(*follow(draws, start, program=program))


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def with_derivatives(
    program: BlockProgram,
    matrices: Float[Array, "2 blocks K K runs"],
    start: State,
    state: State,
) -> State:
    """`state`, with the derivatives of applying the matrices to `start`, which makes it."""
    del program, matrices, start
    return state


@with_derivatives.defjvp
def _jvp(program: BlockProgram, primals: tuple, tangents: tuple) -> tuple[State, State]:
    matrices, start, state = primals

    def forwards(given: Any, moving: Any) -> State:
        tangent: State = jax.jvp(partial(_applied, program), given, moving)[1]
        return tangent

    def backwards(given: Any, cotangent: State) -> tuple[Array, State]:
        return _pulled_back(program, *given, cotangent)

    like = jax.ShapeDtypeStruct(state.shape, state.dtype)
    moved = linear_map(forwards, backwards, (matrices, start), tangents[:2], like=like)
    return state, moved


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _pulled_back(
    program: BlockProgram, matrices: Array, start: State, cotangent: State
) -> tuple[Array, State]:
    pull_back = _pull_back if _has_kernel(program) else _back_by_xla
    to_matrices, to_start = pull_back(matrices, start, cotangent, program=program)
    return to_matrices, to_start


@_pulled_back.defjvp
def _pulled_back_jvp(program: BlockProgram, primals: tuple, tangents: tuple) -> tuple[Any, Any]:
    """Second derivatives: through XLA."""

    def pull_back(*given: Array) -> tuple[Array, Array]:
        to_matrices, to_start = _back_by_xla(*given, program=program)
        return to_matrices, to_start

    return _pulled_back(program, *primals), jax.jvp(pull_back, primals, tangents)[1]


def _has_kernel(program: BlockProgram) -> bool:
    return program.width <= _MOST_WIDTH and why_not() is None


# ---------------------------------------------------------------- by XLA


class _Block(NamedTuple):
    """What a step of the loop takes: one block.

    Attributes:
        where: which qubits.
        parts: the unitary parts.
        jumping: which jump follows each but the last.
        numbers: what it is drawn with.
    """

    where: Int[Array, ""]
    parts: Complex[Array, "parts K K columns"]
    jumping: Int[Array, " jumps"]
    numbers: Float[Array, "jumps runs"]


def _by_xla(draws: Draws, start: State, *, program: BlockProgram) -> list[Array]:
    state, draws = alike((_start(program, start), draws))
    operators, effects = (lax.complex(x[0], x[1]) for x in (draws.operators, draws.effects))
    steps = _Block(
        jnp.asarray(program.where, jnp.int32),
        lax.complex(draws.parts[0], draws.parts[1]),
        jnp.asarray(program.jumping_table),
        draws.numbers,
    )

    def body(state: State, block: _Block) -> tuple[State, tuple[Array, Array]]:
        matrices, drawn = block.parts[0], (block.numbers.astype(jnp.int32), block.numbers)
        if program.num_jumps:
            rho = products(program.supports, block.where, state, state)
            jump = partial(_jumped, operators, effects, lax.complex(rho[0], rho[1]))
            steps = block.jumping, block.numbers, block.parts[1:]
            spread = jnp.broadcast_to(matrices, (*matrices.shape[:-1], state.shape[-1]))
            matrices, drawn = lax.scan(jump, spread, steps)
        spread = jnp.broadcast_to(matrices, (*matrices.shape[:-1], state.shape[-1]))
        return apply_blocks(program.supports, block.where, as_parts(spread), state), drawn

    state, (drawn, probabilities) = lax.scan(body, state, steps)
    return [state, drawn, probabilities]


def _jumped(
    operators: Complex[Array, "jumps m K K"],
    effects: Complex[Array, "jumps m K K"],
    rho: Complex[Array, "K K runs"],
    matrices: Complex[Array, "K K runs"],
    given: tuple[Array, Array, Array],
) -> tuple[Complex[Array, "K K runs"], tuple[Array, Array]]:
    """One jump, and the unitary part after it, of a block on a density matrix."""
    which, numbers, following = given
    reached = multiplied(multiplied(matrices, rho), adjoint(matrices))
    likely = jnp.einsum("mij,jir->mr", effects[which], reached, precision="highest").real
    drawn = choose(likely, numbers)
    probabilities = jnp.take_along_axis(likely, drawn[None], axis=0)[0]
    chosen = jnp.moveaxis(operators[which][drawn], 0, -1)
    chosen = chosen * lax.rsqrt(probabilities)[None, None].astype(chosen.dtype)
    return multiplied(following, multiplied(chosen, matrices)), (drawn, probabilities)


def _start(program: BlockProgram, start: State) -> State:
    if start.shape[1]:
        return start
    return zero_state(program.num_qubits, start.shape[-1], start.dtype)


def _applied(program: BlockProgram, matrices: Array, start: State) -> State:
    where = jnp.asarray(program.where, jnp.int32)

    def body(state: State, given: tuple[Array, Parts]) -> tuple[State, None]:
        return apply_blocks(program.supports, *given, state), None

    state, matrices = alike((_start(program, start), matrices))
    return lax.scan(body, state, (where, jnp.moveaxis(matrices, 1, 0)))[0]


def _back_by_xla(
    matrices: Array, start: State, cotangent: State, *, program: BlockProgram
) -> list[Array]:
    return list(jax.vjp(partial(_applied, program), matrices, start)[1](cotangent))


# ---------------------------------------------------------------- by a kernel


def _by_kernel(draws: Draws, start: State, *, program: BlockProgram) -> list[Array]:
    types = _types(draws, start, program=program)
    call = jax.ffi.ffi_call(target("Trajectories", start.dtype), types)
    return list(call(_words(program, draws.operators.shape[2]), *draws, start))


def _types(draws: Draws, start: Any, *, program: BlockProgram) -> tuple[jax.ShapeDtypeStruct, ...]:
    rows, numbers = 1 << program.num_qubits, draws.numbers
    return (
        jax.ShapeDtypeStruct((2, rows, start.shape[-1]), start.dtype),
        jax.ShapeDtypeStruct(numbers.shape, jnp.int32),
        jax.ShapeDtypeStruct(numbers.shape, numbers.dtype),
    )


def _back_by_kernel(
    matrices: Array, start: State, cotangent: State, *, program: BlockProgram
) -> list[Array]:
    types = _back_types(matrices, start, cotangent, program=program)
    call = jax.ffi.ffi_call(target("PullBackTrajectories", start.dtype), types)
    return list(call(_words(program, 0), matrices, start, cotangent))


def _back_types(
    matrices: Any, start: Any, cotangent: Any, *, program: BlockProgram
) -> tuple[jax.ShapeDtypeStruct, ...]:
    del cotangent, program
    return tuple(jax.ShapeDtypeStruct(x.shape, x.dtype) for x in (matrices, start))


_follow = kernel_primitive("trajectories", _by_kernel, _by_xla, _types)
_pull_back = kernel_primitive("trajectories_back", _back_by_kernel, _back_by_xla, _back_types)


@kept()
def _words(program: BlockProgram, most_operators: int) -> Int32[np.ndarray, " words"]:
    """The program as the kernel reads it: a header, blocks, then the jumps of each."""
    table = program.jumping_table
    unused = [0] * (_MOST_WIDTH - program.width)
    identity = program.num_jumps
    words = [program.num_qubits, program.width, len(table), table.shape[1]]
    words += [identity + 1, most_operators]
    for where, jumping in zip(program.where, table, strict=True):
        words += [*program.supports[where], *unused, int((jumping != identity).sum())]
    return np.array([*words, *table.ravel()], np.int32)
