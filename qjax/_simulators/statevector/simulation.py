"""Floor 4. Pure states: program + parameters -> state, with reverse mode by hand.

The reverse pass needs one array of the size of the state per pass: what the pass's matrix acted
on. "backprop" keeps them from the forward pass; "adjoint" computes them again, from the result
backwards, by the inverse of each pass (Jones and Gacon, arXiv:2009.02823), and keeps none.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Complex, Float, Shaped

from qjax._base.linear_map import linear_map
from qjax._base.mesh import alike
from qjax._expressions import all_angles
from qjax._plan import NativeProgram, Program, Reorder, Segment
from qjax._simulators.statevector.operands import segment_operands
from qjax._simulators.statevector.passes import (
    Operands,
    State,
    apply_matrix,
    before_matrix,
    matrix_cotangent,
    phase_cotangents,
    take_rows,
    undo_before_matrix,
)
from qjax._simulators.statevector.product_state import is_state, product_state

Gradient = Literal["backprop", "adjoint"]


def zero_state(num_qubits: int, batch: int, dtype: np.dtype) -> State:
    """|0...0>, once per sample."""
    return jnp.zeros((2, 2**num_qubits, batch), dtype).at[0, 0].set(1)


def identity_states(num_qubits: int, dtype: np.dtype) -> State:
    """Every basis state, one per column of the batch: `simulate` makes the unitary of them."""
    real = jnp.eye(2**num_qubits, dtype=dtype)
    return jnp.stack([real, jnp.zeros_like(real)])


def as_complex(state: State) -> Complex[Array, "dim batch"]:
    """The amplitudes of a state as complex numbers."""
    return lax.complex(state[0], state[1])


def simulate(
    program: Program,
    shared: Float[Array, " shared"],
    batched: Float[Array, "batched batch"],
    gradient: Gradient = "backprop",
    state: State | None = None,
) -> tuple[State, tuple[Operands, ...]]:
    """Run a program up to its `end`, whose operands come with the result.

    Args:
        program: what to run.
        shared: the parameters that all samples have in common, in the circuit's order.
        batched: those that differ per sample, in the circuit's order, batch last.
        gradient: how reverse mode gets the states it needs.
        state: the initial states, for a program that was planned for any; None for |0...0>.
    """
    rows = _rows(program, shared, batched)
    angles = angles_of(program, shared, batched)
    if state is None:
        state = _start(program, (shared, rows), angles)
    # Loops and rules of derivatives expect one type throughout.
    state, angles, _ = alike((state, angles, (shared, rows)))
    return _run_segments(program, angles, gradient, state)


def angles_of(
    program: Program | NativeProgram, shared: Array, batched: Array
) -> tuple[Array, Array]:
    """All angles of a program: those that all samples share, and those that differ per sample."""
    rows = _rows(program, shared, batched)
    # The kernels take sines of one angle each, and of any size.
    both = partial(all_angles, reduced=not isinstance(program, NativeProgram))
    return both(program.shared_angles, shared), both(program.batched_angles, rows)


def given_states(
    program: NativeProgram, shared: Array, batched: Array, angles: tuple[Array, Array]
) -> State | None:
    """The states that a program starts from where amplitudes are given; None for |0...0>."""
    if program.start is None:
        return None
    return _start(program, (shared, _rows(program, shared, batched)), angles)


def state_of_angles(
    program: Program, angles: tuple[Array, Array], start: State | None = None
) -> State:
    """The state, in Qiskit's order, from these states or, without amplitudes, the program's own."""
    if start is None:
        start = _start(program, angles, angles)
    state, last = _run_segments(program, angles, "adjoint", start)
    return finish(program, state, last, "adjoint")


def _run_segments(
    program: Program, angles: tuple[Array, Array], gradient: Gradient, state: State
) -> tuple[State, tuple[Operands, ...]]:
    operands = [segment_operands(segment, *angles) for segment in (*program.segments, program.end)]
    *operands, last = operands
    for segment, numbers in zip(program.segments, operands, strict=True):
        state = _run(gradient, segment, numbers, state)
    return state, last


def undone(
    program: Program,
    shared: Float[Array, " shared"],
    batched: Float[Array, "batched batch"],
    state: State,
    cotangent: State,
) -> tuple[Array, Array, State, State]:
    """From the states after a whole program, and their cotangents, back to those before.

    Returns:
        the cotangents of the parameters, the states before and their cotangents.
    """
    segments = (*program.segments, program.end)

    def operands_of(shared: Array, batched: Array) -> list[tuple[Operands, ...]]:
        angles = angles_of(program, shared, batched)
        operands = [segment_operands(segment, *angles) for segment in segments]
        found: list[tuple[Operands, ...]] = alike((operands, shared))[0]  # constant ones too
        return found

    operands, pull_back = jax.vjp(operands_of, shared, batched)
    cotangents = []
    for segment, numbers in zip(segments[::-1], operands[::-1], strict=True):
        residuals = segment, numbers, None, state, ()
        to_operands, before, cotangent = _undo(residuals, cotangent)
        assert before is not None
        state = before
        cotangents.append(to_operands)
    return (*pull_back(cotangents[::-1]), state, cotangent)


def _rows(program: Program | NativeProgram, shared: Array, batched: Array) -> Array:
    if not program.mixed:
        return batched
    return jnp.concatenate([batched, _spread(shared, batched.shape[1])])


def marked(
    program: Program | NativeProgram,
    shared: Array,
    batched: Array,
    values: Shaped[Array, "*outputs batch"],
) -> Shaped[Array, "*outputs batch"]:
    """What was read out, as NaN in samples whose amplitudes to start from are all 0."""
    if program.start is None:
        return values
    valid = is_state(program.start, (shared, _rows(program, shared, batched)))
    return values if valid is None else jnp.where(valid, values, jnp.nan)


def finish(
    program: Program, state: State, operands: tuple[Operands, ...], gradient: Gradient = "backprop"
) -> State:
    """The state after a program's `end`: rows in order, all phases applied."""
    return _run(gradient, program.end, operands, state)


def in_order(program: Program, values: Float[Array, "dim batch"]) -> Float[Array, "dim batch"]:
    """Bring rows in order that no phases matter to, such as probabilities."""
    reorder = program.end.passes[0].reorder
    return values if reorder is None else linear_map(_forth, _back, reorder, values)


def _forth(reorder: Reorder, values: Array) -> Array:
    return take_rows(values[None], reorder.high[0], reorder.low[0])[0]


def _back(reorder: Reorder, values: Array) -> Array:
    return take_rows(values[None], reorder.back_high[0], reorder.back_low[0])[0]


def _start(
    program: Program | NativeProgram, parameters: tuple[Array, Array], angles: tuple[Array, Array]
) -> State:
    batch = parameters[1].shape[1]
    if program.start is None:
        return zero_state(program.num_qubits, batch, parameters[0].dtype)
    state = product_state(program.start, parameters, angles)
    return jnp.broadcast_to(state, (*state.shape[:2], batch))


def _spread(shared: Array, batch: int) -> Array:
    return jnp.broadcast_to(shared[:, None], (len(shared), batch))


# ---------------------------------------------------------------- segments


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _run(
    gradient: Gradient, segment: Segment, operands: tuple[Operands, ...], state: State
) -> State:
    """Run a segment."""
    del gradient
    return _forward(segment, operands, state, keep=False)[0]


@_run.defjvp
def _run_jvp(gradient: Gradient, primals: tuple, tangents: tuple) -> tuple[State, State]:
    segment, operands, state = primals
    result, kept = _forward(segment, operands, state, keep=gradient == "backprop")
    residuals = (segment, operands, state, result, kept)
    return result, linear_map(_push_forward, _pull_back, residuals, tangents[1:])


class _Step(NamedTuple):
    """What one run of a body takes besides the state: which tables to use, and its numbers."""

    tables: Array | int
    operands: tuple[Operands, ...]
    kept: tuple[State, ...] = ()


def _steps(segment: Segment, operands: tuple[Operands, ...]) -> _Step:
    """All steps of a segment, stacked."""
    flat = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), operands)
    return _Step(jnp.arange(segment.length * segment.period) % segment.period, flat)


def _loop(
    body: Callable[[Any, _Step], tuple[Any, Any]],
    carry: Any,
    steps: _Step,
    segment: Segment,
    reverse: bool = False,
) -> Any:
    """`lax.scan`; where there is but one table, or one step, it is known when tracing."""
    if segment.length * segment.period == 1:
        carry, results = body(carry, jax.tree.map(lambda x: x[0], steps)._replace(tables=0))
        return carry, jax.tree.map(lambda x: x[None], results)
    if segment.period == 1:
        return lax.scan(lambda c, s: body(c, s._replace(tables=0)), carry, steps, reverse=reverse)
    return lax.scan(body, carry, steps, reverse=reverse)


def _forward(
    segment: Segment, operands: tuple[Operands, ...], state: State, keep: bool
) -> tuple[State, tuple[State, ...]]:
    """The state after a segment, and what each matrix acted on."""

    def body(state: State, step: _Step) -> tuple[State, tuple[State, ...]]:
        kept = []
        for pass_, numbers in zip(segment.passes, step.operands, strict=True):
            state = before_matrix(pass_, step.tables, numbers, state)
            if keep:
                kept.append(state)
            state = apply_matrix(pass_, numbers, state)
        return state, tuple(kept)

    return _loop(body, state, _steps(segment, operands), segment)


def _push_forward(residuals: tuple, tangents: tuple) -> State:
    segment, operands, state, _, _ = residuals

    def run(operands: tuple[Operands, ...], state: State) -> State:
        return _forward(segment, operands, state, keep=False)[0]

    return jax.jvp(run, (operands, state), tangents)[1]


def _pull_back(residuals: tuple, cotangent: State) -> tuple[tuple[Operands, ...], State]:
    to_operands, _, cotangent = _undo(residuals, cotangent)
    return to_operands, cotangent


def _undo(residuals: tuple, cotangent: State) -> tuple[tuple[Operands, ...], State | None, State]:
    """(cotangents of the operands, the state before if none were kept, its cotangent)."""
    segment, operands, _, result, kept = residuals

    def body(carry: tuple, step: _Step) -> tuple[tuple, tuple[Operands, ...]]:
        after, cotangent = carry
        cotangents = []
        for number in reversed(range(len(segment.passes))):
            pass_, numbers = segment.passes[number], step.operands[number]
            acted_on = (
                step.kept[number] if kept else apply_matrix(pass_, numbers, after, transposed=True)
            )
            to_matrix = matrix_cotangent(pass_, acted_on, cotangent)
            cotangent = apply_matrix(pass_, numbers, cotangent, transposed=True)
            to_phases = phase_cotangents(pass_, step.tables, numbers, acted_on, cotangent)
            cotangents.append(Operands(*to_phases, to_matrix))
            cotangent = undo_before_matrix(pass_, step.tables, numbers, cotangent)
            if not kept:
                after = undo_before_matrix(pass_, step.tables, numbers, acted_on)
        return (after, cotangent), tuple(reversed(cotangents))

    steps = _steps(segment, operands)._replace(kept=kept)
    carry = (None if kept else result, cotangent)
    (before, cotangent), flat = _loop(body, carry, steps, segment, reverse=True)
    to_operands = jax.tree.map(lambda x, y: x.reshape(y.shape), flat, operands)
    return to_operands, before, cotangent
