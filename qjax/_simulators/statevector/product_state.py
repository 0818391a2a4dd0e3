"""Floor 4. The product state that a program starts from: gates on single qubits, and amplitudes."""

from collections.abc import Sequence
from itertools import accumulate

import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Bool, Complex, Float

from qjax._base import tuning
from qjax._expressions import all_numbers
from qjax._plan import Encoding, Start
from qjax._simulators.statevector.lookup import look_up
from qjax._simulators.statevector.matrices import bank_entries
from qjax._simulators.statevector.passes import State

Pair = tuple[Array, Array]


def product_state(start: Start, parameters: Pair, angles: Pair) -> State:
    """The state to start from, with a batch of 1 where nothing in it differs per sample.

    Args:
        start: its factors.
        parameters: the shared parameters `(shared,)`, and the rows `(batched, batch)` of those
            that differ per sample, followed by the shared ones if the program is `mixed`.
        angles: the angles that depend on shared parameters only `(angles,)`, and the others
            `(angles, batch)`.
    """
    vectors = _vectors(start, parameters, angles)
    half = _half([vector.shape[0] for vector in vectors])
    # Else XLA would compute both halves anew for every amplitude.
    dtype = np.result_type(parameters[0].dtype, np.complex64)
    halves = _kronecker(vectors[half:], dtype), _kronecker(vectors[:half], dtype)
    state = _outer(*lax.optimization_barrier(halves))
    return state.reshape(2, -1, state.shape[3])


def _vectors(start: Start, parameters: Pair, angles: Pair) -> Sequence[Array] | Array:
    """The amplitudes of each factor; where none are given, in one array: XLA loops better."""
    qubits = _qubit_vectors(start, *angles)
    if all(factor is None for factor in start.factors):
        return qubits
    left = iter(qubits)
    return [next(left) if f is None else encoded(f, *parameters) for f in start.factors]


def _half(sizes: Sequence[int]) -> int:
    """How many factors make the lower half of the bits, or what comes nearest to it."""
    bits = [0, *accumulate(size.bit_length() - 1 for size in sizes)]
    return min(range(len(bits)), key=lambda count: abs(2 * bits[count] - bits[-1]))


def _outer(
    high: Complex[Array, "high batch"], low: Complex[Array, "low batch"]
) -> Float[Array, "2 high low batch"]:
    if high.shape[1] == low.shape[1] == 1:
        # As a GEMM, since XLA is slow to sum over all amplitudes in its transpose.
        (a, b), (c, d) = (high.real[:, 0], high.imag[:, 0]), (low.real[:, 0], low.imag[:, 0])
        left = jnp.stack([jnp.stack([a, -b], axis=1), jnp.stack([b, a], axis=1)])
        return jnp.matmul(left, jnp.stack([c, d]), precision=tuning.PRECISION)[..., None]
    # Numbers of the result's planes, times real and imaginary parts: XLA makes one loop of it.
    re, im = high.real, high.imag
    times_re, times_im = jnp.stack([re, im])[:, :, None], jnp.stack([-im, re])[:, :, None]
    return times_re * low.real[None, None] + times_im * low.imag[None, None]


def _qubit_vectors(start: Start, shared: Array, batched: Array) -> Sequence[Array] | Array:
    """`(2, batch)` for each qubit: what the gates on it make of |0>."""
    if start.gates is None:
        return []
    gates = look_up(start.gates, bank_entries(start.bank, shared, batched, 1)[:, 0])
    while gates.shape[1] > 1:
        # The later gate stands on the left.
        gates = (gates[:, 1::2, :, :, None] * gates[:, 0::2, None]).sum(axis=3)
    return gates[:, 0, :, 0]


def _kronecker(vectors: Sequence[Array] | Array, dtype: np.dtype) -> Array:
    """The Kronecker product, `(rows, batch)`; the last vector is the most significant."""
    state = jnp.ones((1, 1), dtype)
    for vector in vectors:
        product = vector[:, None] * state[None]
        state = product.reshape(-1, product.shape[2])
    return state


# ---------------------------------------------------------------- amplitudes that are given


def encoded(encoding: Encoding, shared: Array, rows: Array) -> Complex[Array, "2**k batch"]:
    """Given amplitudes, divided by their norm; 0 where all values are 0."""
    parts = _parts(encoding, shared, rows)
    # A factor that all amplitudes have in common changes nothing, derivatives included: this one
    # keeps the squares from overflow and underflow.
    largest = lax.stop_gradient(jnp.abs(parts).max(axis=(0, 1), keepdims=True))
    nothing = largest == 0
    # In two steps: XLA divides by reciprocals, and those of the largest numbers underflow.
    root = lax.rsqrt(jnp.where(nothing, 1, largest))
    parts = parts * root * root
    squares = (parts * parts).sum(axis=(0, 1), keepdims=True)
    parts = parts / jnp.sqrt(jnp.where(nothing, 1, squares))
    return lax.complex(parts[0], parts[1] if len(parts) == 2 else jnp.zeros_like(parts[0]))


def _parts(encoding: Encoding, shared: Array, rows: Array) -> Float[Array, "parts 2**k batch"]:
    parameters = rows if encoding.batched else shared[:, None]
    return all_numbers(encoding.groups, parameters)[jnp.asarray(encoding.places)]


def is_state(start: Start, parameters: Pair) -> Bool[Array, " batch"] | None:
    """In which samples there is a state: given amplitudes may all be 0. None where none are given.

    Samples without one are simulated as a vector of zeros: with NaN instead, one of them would
    spoil the derivatives in parameters that it shares with others, even if nothing looks at it.
    """
    nonzero = None
    for encoding in start.factors:
        if encoding is not None:
            here = (_parts(encoding, *parameters) != 0).any(axis=(0, 1))
            nonzero = here if nonzero is None else nonzero & here
    return nonzero
