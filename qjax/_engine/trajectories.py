"""Floor 6. Dynamic circuit, parameters, random key -> what happened in each of many runs.

Every run (a quantum trajectory, or quantum jump: Dalibard, Castin and Molmer, PRL 68, 580 (1992))
has a state of its own, drawn outcomes and classical values; all of them go through the circuit
together, batch last, and what happens only in some is computed for all and kept for those. The
gates between two measurements run as one plan, or with noise among them as blocks of one loop.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple, TypeGuard

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from qjax._base.errors import NoExactFormError
from qjax._base.mesh import alike
from qjax._circuit.channels import BitNoise, Noise
from qjax._circuit.circuit import Circuit, unset_variable
from qjax._circuit.classical import (
    DTYPES,
    MAX_TRACED_WIDTH,
    OPERATIONS,
    TRACED,
    Bits,
    ClassicalExpression,
    ClassicalType,
    Variable,
    evaluate_classical,
    expressions_in,
)
from qjax._circuit.control_flow import (
    Block,
    Break,
    Continue,
    For,
    Op,
    Reset,
    Store,
    Switch,
    While,
    blocks_of,
    expressions_of,
)
from qjax._circuit.operations import Amplitudes, Gate, Measure
from qjax._engine.noise_blocks import MOST_QUBITS
from qjax._engine.noisy_steps import misread, noisy_start, with_noise
from qjax._engine.runs import Runs, World, measured, prepared, reset, with_gates
from qjax._noise import Channel
from qjax._simulators import zero_state


class _Site(NamedTuple):
    """Where in the circuit an operation stands.

    Attributes:
        circuit: the whole.
        params: its parameters, the same for all runs, or a column for each.
        channels: those that noise names by their numbers.
        written: the variables that have values here, in the order of the program.
        loop: the depth of the innermost loop, among the depths of `running`.
    """

    circuit: Circuit
    params: Array
    channels: tuple[Channel, ...]
    written: set[int]
    loop: int = -1


# Which runs take part, for every depth of blocks from the outermost to the innermost.
Running = tuple[Runs, ...]


def follow(
    circuit: Circuit,
    params: Float[Array, " params"],
    shots: int,
    key: Array,
    channels: Sequence[Channel] = (),
) -> World:
    """Run a circuit `shots` times, without derivatives.

    Raises:
        NoExactFormError: for integers of more than 32 bits.
        ValueError: for a variable that is read before it is written.
        TypeError: where derivatives are asked for.
    """
    return follow_noisy(circuit, _without_derivatives(params), channels, shots, key)


def follow_noisy(
    circuit: Circuit,
    params: Float[Array, "params *runs"],
    channels: Sequence[Channel],
    runs: int,
    key: Array,
) -> World:
    """Run a circuit many times; errors as `follow`, but that there are derivatives.

    The squared norms of the states are 1, and their derivatives those of the logarithm of how
    likely what was drawn is (see `qjax._engine.jumps`).

    Args:
        circuit: any, with noise in its places.
        params: its parameters, the same for all runs, or a column for each.
        channels: those that noise names by their numbers.
        runs: how many.
        key: a JAX random key.
    """
    _check_widths(circuit.ops)
    world = World(
        zero_state(circuit.num_qubits, runs, params.dtype),
        jnp.zeros((circuit.num_clbits, runs), bool),
        tuple(jnp.zeros(runs, DTYPES[declared.type.kind]) for declared in circuit.variables),
        key,
    )
    # Loops expect one type throughout.
    given = world, (jnp.ones(runs, bool),), params, tuple(channels)
    world, running, params, channels = alike(given)
    site = _Site(circuit, params, tuple(channels), set())
    first = _first_blocks(circuit.ops)
    if first:
        world = noisy_start(first, params, channels, world)
    return _block(site, circuit.ops[len(first) :], world, running)[0]


def _first_blocks(block: Block) -> tuple[Gate | Noise, ...]:
    """What comes before anything that is no block, where noise is among it."""
    first: list[Gate | Noise] = []
    for op in block:
        if not _fits_blocks(op):
            break
        first.append(op)
    return tuple(first) if any(isinstance(op, Noise) for op in first) else ()


@jax.custom_jvp
def _without_derivatives(params: Array) -> Array:
    """Derivatives of drawn runs would lack how likely the runs are."""
    return params


@_without_derivatives.defjvp
def _refuse_derivatives(*_: tuple) -> tuple:
    raise TypeError(
        "trajectories are drawn at random and have no derivatives; expectation, probabilities and "
        "networks follow all outcomes exactly and have some"
    )


def _check_widths(block: Block) -> None:
    for op in block:
        for part in (inner for outer in expressions_of(op) for inner in expressions_in(outer)):
            if part.type.kind == "uint" and part.type.width > MAX_TRACED_WIDTH:
                raise NoExactFormError(
                    f"a classical integer of {part.type.width} bits: trajectories have at most "
                    f"{MAX_TRACED_WIDTH}; use narrower ones"
                )
        for inner in blocks_of(op):
            _check_widths(inner)


def _block(site: _Site, block: Block, world: World, running: Running) -> tuple[World, Running]:
    """Run a block where its innermost condition holds."""
    for are_gates, several in groupby(block, lambda op: isinstance(op, (Gate, Noise))):
        if are_gates:
            ops = tuple(op for op in several if isinstance(op, (Gate, Noise)))
            world = _gates_and_noise(site, ops, world, running[-1])
        else:
            for op in several:
                world, running = _step(site, op, world, running)
    return world, running


def _gates_and_noise(
    site: _Site, block: tuple[Gate | Noise, ...], world: World, runs: Runs
) -> World:
    if not any(isinstance(op, Noise) for op in block):
        gates = tuple(op for op in block if isinstance(op, Gate))
        return with_gates(site.circuit, site.params, gates, world, runs)
    for fits, ops in groupby(block, _fits_blocks):
        if fits:
            world = with_noise(tuple(ops), site.params, site.channels, world, runs)
        else:
            gates = tuple(op for op in ops if isinstance(op, Gate))
            world = with_gates(site.circuit, site.params, gates, world, runs)
    return world


def _fits_blocks(op: Op) -> TypeGuard[Gate | Noise]:
    return isinstance(op, Noise) or (isinstance(op, Gate) and len(op.support) <= MOST_QUBITS)


def _step(site: _Site, op: Op, world: World, running: Running) -> tuple[World, Running]:
    match op:
        case Measure(qubit, clbit):
            world, outcome = measured(world, qubit, running[-1])
            return world._replace(bits=_kept(world.bits, clbit, outcome, running[-1])), running
        case Reset(qubit):
            return reset(world, qubit, running[-1]), running
        case BitNoise(channel, clbits):
            return misread(world, site.channels[channel], clbits, running[-1]), running
        case Amplitudes():
            return prepared(site.circuit, site.params, op, world, running[-1]), running
        case Store():
            return _store(site, op, world, running[-1]), running
        case Switch():
            return _switch(site, op, world, running)
        case For():
            return _for(site, op, world, running)
        case While():
            return _while(site, op, world, running)
    assert isinstance(op, (Break, Continue))
    return world, _left(running, site.loop + isinstance(op, Continue))


def _left(running: Running, depth: int) -> Running:
    """Without the runs of the innermost block, from a depth on."""
    leaving = running[-1]
    return running[:depth] + tuple(runs & ~leaving for runs in running[depth:])


# ---------------------------------------------------------------- classical values


def _value(site: _Site, world: World, expression: ClassicalExpression) -> Array:
    def read(source: Bits | Variable) -> Array:
        if isinstance(source, Variable):
            if source.number not in site.written:
                raise unset_variable(site.circuit, source.number)
            return world.variables[source.number]
        if source.type.kind == "bool":
            return world.bits[source.clbits[0]]
        bits = (world.bits[clbit] for clbit in source.clbits)
        return sum(TRACED.uint(bit) << position for position, bit in enumerate(bits))

    def compute(name: str, kind: ClassicalType, *operands: Array) -> Array:
        return OPERATIONS[name](TRACED, kind, *operands)

    value = evaluate_classical(expression, read, compute, TRACED)
    return jnp.asarray(value, DTYPES[expression.type.kind])


def _kept(table: Array, row: int, values: Array, runs: Runs) -> Array:
    return table.at[row].set(jnp.where(runs, values, table[row]))


def _store(site: _Site, op: Store, world: World, runs: Runs) -> World:
    value = _value(site, world, op.value)
    if isinstance(op.target, Variable):
        number = op.target.number
        site.written.add(number)
        stored = jnp.where(runs, value, world.variables[number])
        variables = (*world.variables[:number], stored, *world.variables[number + 1 :])
        return world._replace(variables=variables)
    bits = world.bits
    for position, clbit in enumerate(op.target.clbits):
        bits = _kept(bits, clbit, TRACED.uint(value) >> position & 1 == 1, runs)
    return world._replace(bits=bits)


# ---------------------------------------------------------------- control flow


def _inside(
    site: _Site, block: Block, world: World, running: Running, runs: Runs
) -> tuple[World, Running]:
    world, after = _block(site, block, world, (*running, runs))
    return world, after[:-1]


def _switch(site: _Site, op: Switch, world: World, running: Running) -> tuple[World, Running]:
    value, left, chosen = _value(site, world, op.target), running[-1], []
    for values, _ in op.cases:
        hit = left if values is None else left & jnp.isin(TRACED.uint(value), _numbers(values))
        chosen.append(hit)
        left = left & ~hit
    for hit, (_, block) in zip(chosen, op.cases, strict=True):
        world, running = _inside(site, block, world, running, hit)
    return world, running


def _numbers(values: tuple[int, ...]) -> Array:
    return jnp.array([value for value in values if value < 2**MAX_TRACED_WIDTH], jnp.uint32)


def _for(site: _Site, op: For, world: World, running: Running) -> tuple[World, Running]:
    inner = site._replace(loop=len(running))
    looping = (*running, running[-1])
    for block, same in groupby(op.iterations):
        turns = len(list(same))

        def turn(
            _: Any, carry: tuple[World, Running], block: Block = block
        ) -> tuple[World, Running]:
            world, running = carry
            return _inside(inner, block, world, running, running[-1])

        if turns == 1:
            world, looping = turn(None, (world, looping))
        else:
            world, looping = lax.fori_loop(0, turns, turn, (world, looping))
    return world, looping[:-1]


def _while(site: _Site, op: While, world: World, running: Running) -> tuple[World, Running]:
    inner = site._replace(loop=len(running))

    def asked(world: World, running: Running) -> tuple[World, Running]:
        return world, (*running[:-1], running[-1] & _value(inner, world, op.condition))

    def turn(carry: tuple[World, Running]) -> tuple[World, Running]:
        world, running = carry
        return asked(*_inside(inner, op.block, world, running, running[-1]))

    start = asked(world, (*running, running[-1]))
    world, looping = lax.while_loop(lambda carry: carry[1][-1].any(), turn, start)
    return world, looping[:-1]
