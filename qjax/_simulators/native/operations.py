"""Floor 4. Steps + angles -> what is read out, and its cotangent -> those of angles, by kernels.

Each kernel is a primitive of JAX. Where a program is lowered for another platform, for several
devices, or to be exported, they are lowered as what XLA computes of the same program. Forward mode
and second derivatives are XLA's everywhere.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Float, Int

from qjax._base import tuning
from qjax._base.linear_map import linear_map
from qjax._base.tables import in_precision
from qjax._plan import NativeProgram, plan_circuit
from qjax._simulators.native.library import target
from qjax._simulators.native.primitive import kernel_primitive
from qjax._simulators.statevector.simulation import State, state_of_angles

Angles = tuple[Float[Array, " angles"], Float[Array, "angles batch"]]
Sums = Float[Array, "strings batch"]

# Bytes of a vector of the kernels.
_VECTOR = 64


# ---------------------------------------------------------------- the state


@jax.custom_jvp
def native_state(program: NativeProgram, angles: Angles) -> State:
    """The state after a program that has steps, rows in Qiskit's order, all phases applied.

    Args:
        program: what to run, from |0...0>.
        angles: those that all samples share, and those that differ per sample.
    """
    return _state(program, angles)[0]


@partial(native_state.defjvp, symbolic_zeros=True)
def _native_state_jvp(primals: tuple, tangents: tuple) -> tuple[State, State]:
    program, angles = primals
    state = native_state(program, angles)
    residuals = program, angles, state
    return state, _moved(_push_state, _pull_back_state, residuals, tangents[1], state)


def _push_state(residuals: tuple, tangents: Angles) -> State:
    program, angles, _ = residuals
    return jax.jvp(lambda *given: _state_by_xla(program, given), angles, tangents)[1]


@jax.custom_jvp
def _pull_back_state(residuals: tuple, cotangent: State) -> Angles:
    shared, batched = _state_back(*residuals, cotangent)
    return shared, batched


@_pull_back_state.defjvp
def _pull_back_state_jvp(primals: tuple, tangents: tuple) -> tuple[Angles, Angles]:
    """Of the angles and the cotangent; the state moves with the angles."""
    (program, angles, _), cotangent = primals
    (_, moved, _), along = tangents

    def cotangents(angles: Angles, cotangent: State) -> Angles:
        return _pull_back_by_xla(lambda *given: _state_by_xla(program, given), angles, cotangent)

    moving = jax.jvp(cotangents, (angles, cotangent), (moved, along))[1]
    return _pull_back_state(primals[0], cotangent), moving


# ---------------------------------------------------------------- sums of probabilities


@jax.custom_jvp
def native_sums(program: NativeProgram, masks: Int[Array, " strings"], angles: Angles) -> Sums:
    """<Z...Z> after a program that has steps, for strings of Z by the masks of their qubits."""
    return _sums(program, masks, angles, keep=False)[0]


@partial(native_sums.defjvp, symbolic_zeros=True)
def _native_sums_jvp(primals: tuple, tangents: tuple) -> tuple[Sums, Sums]:
    (sums, _), (moved, _) = _sums_and_tiles_jvp(primals, tangents)
    return sums, moved


@jax.custom_jvp
def _sums_and_tiles(program: NativeProgram, masks: Array, angles: Angles) -> tuple[Sums, Array]:
    """The same, with the states as the kernels have them, for reverse mode."""
    sums, tiles = _sums(program, masks, angles, keep=True)
    return sums, tiles


@partial(_sums_and_tiles.defjvp, symbolic_zeros=True)
def _sums_and_tiles_jvp(primals: tuple, tangents: tuple) -> tuple[tuple, tuple]:
    """Nothing takes the tangents of the states: whatever uses those computes them anew."""
    program, masks, angles = primals
    sums, tiles = _sums_and_tiles(program, masks, angles)
    residuals = program, masks, angles, tiles
    moved = _moved(_push_sums, _pull_back_sums, residuals, tangents[2], sums)
    return (sums, tiles), (moved, jnp.zeros_like(tiles))


def _push_sums(residuals: tuple, tangents: Angles) -> Sums:
    program, masks, angles, _ = residuals
    return jax.jvp(lambda *given: _sums_by_xla(program, masks, given), angles, tangents)[1]


@jax.custom_jvp
def _pull_back_sums(residuals: tuple, cotangent: Sums) -> Angles:
    shared, batched = _sums_back(*residuals, cotangent)
    return shared, batched


@_pull_back_sums.defjvp
def _pull_back_sums_jvp(primals: tuple, tangents: tuple) -> tuple[Angles, Angles]:
    (program, masks, angles, _), cotangent = primals
    (_, _, moved, _), along = tangents

    def cotangents(angles: Angles, cotangent: Sums) -> Angles:
        return _pull_back_by_xla(
            lambda *given: _sums_by_xla(program, masks, given), angles, cotangent
        )

    moving = jax.jvp(cotangents, (angles, cotangent), (moved, along))[1]
    return _pull_back_sums(primals[0], cotangent), moving


def _sums_by_xla(program: NativeProgram, masks: Array, angles: Angles) -> Sums:
    state = _state_by_xla(program, angles)
    probabilities = jnp.square(state[0]) + jnp.square(state[1])
    rows = jnp.arange(2**program.num_qubits, dtype=masks.dtype)
    odd = lax.population_count(masks[:, None] & rows[None]) & 1
    signs = (1 - 2 * odd).astype(probabilities.dtype)
    return jnp.matmul(signs, probabilities, precision=tuning.PRECISION)


def _state_by_xla(program: NativeProgram, angles: Angles) -> State:
    """The state by passes, which are planned only here."""
    passes, source = program.passes, program.source
    if passes is None:
        assert source is not None
        planned = plan_circuit(source.circuit, source.batched).program
        passes = in_precision(planned, jax.config.read("jax_enable_x64"))
    return state_of_angles(passes, angles)


def _pull_back_by_xla(function: Callable[..., Array], angles: Angles, cotangent: Array) -> Angles:
    shared, batched = jax.vjp(function, *angles)[1](cotangent)
    return shared, batched


def _moved(
    push: Callable[[Any, Angles], Array],
    pull_back: Callable[[Any, Array], Angles],
    residuals: Any,
    tangents: Sequence[Any],
    like: Array,
) -> Array:
    """push(residuals, tangents), transposed by pull_back; what does not move takes no part."""
    fixed = tuple(isinstance(tangent, SymbolicZero) for tangent in tangents)
    operand = [t for t, is_fixed in zip(tangents, fixed, strict=True) if not is_fixed]

    def along(residuals: Any, operand: Sequence[Array]) -> Array:
        given = iter(operand)
        shared, batched = (
            jnp.zeros(t.shape, t.dtype) if is_fixed else next(given)
            for t, is_fixed in zip(tangents, fixed, strict=True)
        )
        return push(residuals, (shared, batched))

    def back(residuals: Any, cotangent: Array) -> list[Array]:
        results = pull_back(residuals, cotangent)
        return [x for x, is_fixed in zip(results, fixed, strict=True) if not is_fixed]

    return linear_map(along, back, residuals, operand, like=like) if operand else 0 * like


# ---------------------------------------------------------------- kernels


def _by_samples(num_qubits: int, batch: int, dtype: np.dtype) -> bool:
    """Whether the lanes of a vector are samples, instead of rows of one sample."""
    lanes = _VECTOR // dtype.itemsize
    if 2**num_qubits < 2 * lanes:
        return True
    return num_qubits <= tuning.MAX_LANES_OF_SAMPLES and 2 * batch >= lanes


def _tile_size(num_qubits: int, batch: int, dtype: np.dtype) -> int:
    """How many numbers the states of all tiles are."""
    lanes = _VECTOR // dtype.itemsize
    samples = -(-batch // lanes) * lanes if _by_samples(num_qubits, batch, dtype) else batch
    return samples * 2 << num_qubits


def _call(name: str, program: NativeProgram, angles: Angles, results: Any, *more: Array) -> Any:
    shared, batched = angles
    steps = program.steps
    call = jax.ffi.ffi_call(target(name, shared.dtype), results)
    numbers = jnp.asarray(steps.numbers, shared.dtype)
    by_samples = _by_samples(program.num_qubits, batched.shape[1], shared.dtype)
    return call(jnp.asarray(steps.words), numbers, shared, batched, *more, by_samples=by_samples)


def _like(arrays: Sequence[Any]) -> list[jax.ShapeDtypeStruct]:
    return [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in arrays]


def _state_types(program: NativeProgram, angles: Angles) -> list[jax.ShapeDtypeStruct]:
    batch = angles[1].shape[1]
    return [jax.ShapeDtypeStruct((2, 2**program.num_qubits, batch), angles[0].dtype)]


def _sums_types(
    program: NativeProgram, masks: Array, angles: Angles, keep: bool
) -> list[jax.ShapeDtypeStruct]:
    batch, dtype = angles[1].shape[1], angles[0].dtype
    sums = jax.ShapeDtypeStruct((masks.shape[0], batch), dtype)
    size = _tile_size(program.num_qubits, batch, np.dtype(dtype))
    return [sums, jax.ShapeDtypeStruct((size,), dtype)] if keep else [sums]


def _angle_types(*given: Any) -> list[jax.ShapeDtypeStruct]:
    angles = given[-3]
    return [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in angles]


_state = kernel_primitive(
    "state",
    lambda program, angles: _call("State", program, angles, _state_types(program, angles)),
    lambda program, angles: [_state_by_xla(program, angles)],
    _state_types,
)

_state_back = kernel_primitive(
    "state_back",
    lambda program, angles, state, cotangent: _call(
        "PullBackState", program, angles, _like(angles), state, cotangent
    ),
    lambda program, angles, _, cotangent: _pull_back_by_xla(
        lambda *given: _state_by_xla(program, given), angles, cotangent
    ),
    _angle_types,
)


def _sums_by_kernel(
    program: NativeProgram, masks: Array, angles: Angles, keep: bool
) -> Sequence[Array]:
    name, results = "SumsAndTiles" if keep else "Sums", _sums_types(program, masks, angles, keep)
    return _call(name, program, angles, results, masks)


def _sums_without(
    program: NativeProgram, masks: Array, angles: Angles, keep: bool
) -> Sequence[Array]:
    """By XLA, which computes the state again where it needs it."""
    sums, *tiles = _sums_types(program, masks, angles, keep)
    del sums
    return [_sums_by_xla(program, masks, angles), *(jnp.zeros(x.shape, x.dtype) for x in tiles)]


_sums = kernel_primitive("sums", _sums_by_kernel, _sums_without, _sums_types)

_sums_back = kernel_primitive(
    "sums_back",
    lambda program, masks, angles, tiles, cotangent: _call(
        "PullBackSums", program, angles, _like(angles), masks, tiles, cotangent
    ),
    lambda program, masks, angles, _, cotangent: _pull_back_by_xla(
        lambda *given: _sums_by_xla(program, masks, given), angles, cotangent
    ),
    _angle_types,
)
