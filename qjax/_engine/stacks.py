"""Floor 6. Task -> the tables and the compiled functions that run for it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import numpy as np

from qjax._base import tuning
from qjax._base.store import kept
from qjax._base.tables import in_precision
from qjax._engine.executor import (
    Executor,
    adder_of,
    compiled,
    executor_of,
    inlined,
    structure_of,
)
from qjax._engine.task import Expectations, Outcomes, Part, States, Task, check_width, seen_of
from qjax._plan import (
    Dense,
    Frame,
    NativeProgram,
    Program,
    canonical_frame,
    plan_circuit,
    plan_native,
)
from qjax._readout import Reading, reading_of


class Planned(NamedTuple):
    """What runs: its tables are arguments of the compiled function, the rest decides about it.

    `reading` says what to read out for expectation values, and is None otherwise; `num_passes`
    is None for the native engine.
    """

    program: Program | NativeProgram
    reading: Reading | None
    readout: States | Outcomes | None
    num_passes: int | None


class Extent(NamedTuple):
    """How large a simulation is, of one sample.

    Attributes:
        num_qubits: how many are simulated.
        num_passes: passes over the state; None for the native engine.
        number: how many simulations run one after the other.
        reads_probabilities: whether amplitudes are not needed.
        stays_real: whether all its matrices, on XLA's engine, are ones of real numbers.
        reals_returned: how many numbers; of expectation values none that count.
    """

    num_qubits: int
    num_passes: int | None
    number: int
    reads_probabilities: bool
    stays_real: bool
    reals_returned: int


class Stack(NamedTuple):
    """What runs for parts whose plans have the same structure, one after the other.

    Attributes:
        planned: the only one; or all of them, their tables stacked.
        number: how many are stacked; None for one that is not.
        execute: the compiled function.
        extent: how large it is.
    """

    planned: Planned
    number: int | None
    execute: Executor
    extent: Extent


class Stacks(NamedTuple):
    """What runs for a task.

    Attributes:
        stacks: of the parts.
        outputs: which value each output of the parts counts for; None where there is one part.
        add: the compiled function that adds those; None where there is one part.
    """

    stacks: tuple[Stack, ...]
    outputs: np.ndarray | None
    add: Executor | None


def _bytes_of_tables(stacks: Stacks) -> int:
    leaves = jax.tree.leaves([stack.planned[:2] for stack in stacks.stacks])
    return sum(leaf.nbytes for leaf in leaves)


@kept(lambda stacks: tuning.TRACE_BYTES + _bytes_of_tables(stacks), for_tracing=True)
def stacks_of(task: Task, x64: bool) -> Stacks:
    """What runs for a task, with the tables on the host."""
    check_width(task)
    parts = seen_of(task).parts
    plans = [_planned(part, task, x64) for part in parts]
    if len(parts) == 1:
        return Stacks((_stack(plans),), None, None)
    alike: dict[Any, list[int]] = {}
    for number, planned in enumerate(plans):
        alike.setdefault(structure_of(*planned[:2]), []).append(number)
    stacks = tuple(_stack([plans[number] for number in places]) for places in alike.values())
    outputs = [output for places in alike.values() for p in places for output in parts[p].outputs]
    assert isinstance(task.readout, Expectations)
    add = adder_of(len(task.readout.observables), len(stacks))
    return Stacks(stacks, np.array(outputs, np.int32), add)


def _planned(part: Part, task: Task, x64: bool) -> Planned:
    program, frame, num_passes = _program(part, task)
    program, readout = in_precision(program, x64), part.readout
    if not isinstance(readout, Expectations):
        return Planned(program, None, readout, num_passes)
    sizes = program.num_qubits, task.circuit.num_params
    reading = reading_of(readout.observables, *sizes, task.batched, frame, num_passes is None)
    return Planned(program, in_precision(reading, x64), None, num_passes)


def _program(part: Part, task: Task) -> tuple[Program | NativeProgram, Frame, int | None]:
    """What runs, in which frame the state is read out, and how many passes there are."""
    native = plan_native(part.circuit, task.batched) if task.kernels else None
    if native is not None and len(seen_of(task).parts) == 1:
        return native, canonical_frame(native.num_qubits), None
    plan = plan_circuit(part.circuit, task.batched)
    assert plan.frame is not None
    if native is None:
        return plan.program, plan.frame, plan.num_passes
    # Stacked, each has tables of its own for all that may run.
    native = replace(native, passes=plan.program, source=None)
    return native, canonical_frame(native.num_qubits), None


def _stack(members: Sequence[Planned]) -> Stack:
    planned, number = members[0], None
    if len(members) > 1:
        tables, number = [member[:2] for member in members], len(members)
        program, reading = jax.tree.map(lambda *leaves: np.stack(leaves), *tables)
        planned = planned._replace(program=program, reading=reading)
    program, reading = planned.program, planned.reading
    if isinstance(program, NativeProgram) and number is None:
        execute = inlined(program, reading)
    else:
        execute = executor_of(program, reading, number)
    return Stack(planned, number, execute, _extent(planned, number or 1))


def _extent(planned: Planned, number: int) -> Extent:
    program, reading, readout, num_passes = planned
    return Extent(
        num_qubits=program.num_qubits,
        num_passes=num_passes,
        number=number,
        reads_probabilities=isinstance(readout, Outcomes)
        or (reading is not None and reading.diagonal),
        stays_real=isinstance(program, Program) and _is_real(program),
        reals_returned=0 if reading is not None else _reals(readout, program.num_qubits),
    )


def _is_real(program: Program) -> bool:
    passes = [one for segment in program.segments for one in segment.passes]
    operators = [one.operator for one in passes if one.operator is not None]
    return all(isinstance(operator, Dense) and operator.real for operator in operators)


def _reals(readout: States | Outcomes | None, num_qubits: int) -> int:
    if not isinstance(readout, Outcomes):
        return 2 << num_qubits
    return 1 << (num_qubits if readout.qubits is None else len(readout.qubits))


@kept(for_tracing=True)
def check_single(task: Task) -> None:
    """Require tables in double that parameters in single do not take beyond their range.

    Raises:
        ValueError: otherwise.
    """
    for stack in stacks_of(task, True).stacks:
        in_precision(stack.planned[:2], False)


@kept(lambda stacks: len(stacks.stacks) * tuning.PROGRAM_BYTES + 4 * _bytes_of_tables(stacks))
def stacks_on_device(task: Task, x64: bool, device: Any, alone: bool) -> Stacks:
    """What computes values, with the tables on the default device: no call has to bring them.

    Args:
        task: what to simulate.
        x64: the precision.
        device: the default device; a key.
        alone: whether one device runs all. The native engine does then, and needs no passes, so
            that circuits whose tables have the same shapes share a program.
    """
    del device
    stacks = stacks_of(task, x64)
    if alone:
        stacks = stacks._replace(stacks=tuple(map(_without_source, stacks.stacks)))
    return _put(stacks)


def _without_source(stack: Stack) -> Stack:
    program = stack.planned.program
    if not isinstance(program, NativeProgram) or program.source is None:
        return stack
    program = replace(program, source=None)
    execute = executor_of(program, stack.planned.reading, stack.number)
    return stack._replace(planned=stack.planned._replace(program=program), execute=execute)


def _put(stacks: Stacks) -> Stacks:
    # Inside of a trace they would be the trace's, and outlive it here.
    with jax.core.eval_context():
        return stacks._replace(stacks=tuple(map(_put_stack, stacks.stacks)))


def _put_stack(stack: Stack) -> Stack:
    planned = stack.planned
    program, reading = jax.device_put((planned.program, planned.reading))
    return stack._replace(planned=planned._replace(program=program, reading=reading))


@kept(lambda stacks: len(stacks.stacks) * tuning.DERIVATIVES_BYTES + 8 * _bytes_of_tables(stacks))
def differentiated_stacks(task: Task, x64: bool, device: Any) -> Stacks:
    """What runs for a task and its derivatives, which are compiled too: kept as a larger thing."""
    del device
    stacks = stacks_of(task, x64)
    return _put(stacks._replace(stacks=tuple(map(_compiled, stacks.stacks))))


def _compiled(stack: Stack) -> Stack:
    if not isinstance(stack.planned.program, NativeProgram) or stack.number is not None:
        return stack
    return stack._replace(execute=compiled(stack.execute))
