"""Floor 7. (circuit, params) -> quantum Fisher information, of one state or the mean over samples.

One forward-mode pass carries the state and its derivatives, one column for each parameter, so that
the simulator sees nothing but a batch.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float
from qiskit import QuantumCircuit

from qjax._base import tuning
from qjax._base.memory import bytes_of_states, check_fits, columns_that_fit
from qjax._base.mesh import alike, on_mesh
from qjax._base.process import check_process
from qjax._base.store import kept
from qjax._circuit.circuit import Circuit
from qjax._engine import States, Task, run
from qjax._qiskit import ParameterValues, as_circuit, as_parameters


def quantum_fisher_information(
    circuit: Circuit | QuantumCircuit, params: ParameterValues = ()
) -> Float[Array, "params params"]:
    """The quantum Fisher information matrix of the state that a circuit prepares from |0...0>.

    F_ij = 4 Re(<d_i psi|d_j psi> - <d_i psi|psi><psi|d_j psi>), with d_i the derivative by
    parameter i: four times the Fubini-Study metric (J. J. Meyer, Quantum 5, 539 (2021), eq. 27).
    It does not depend on the global phase. Works under `jit`, `grad` and `vmap`.

    Costs about as much as simulating a batch of `num_params` states. They are held at once where
    half of the free memory allows it; beyond that some are computed again instead of being kept.

    Args:
        circuit: the circuit; final measurements are left out.
        params: real, shape `(num_params,)`, in the order of `circuit.parameters`; angles are in
            radians. Or by name, as in `qjax.statevector`; rows and columns are in the circuit's
            order all the same.

    Returns:
        real, symmetric, shape `(num_params, num_params)`, positive semidefinite up to rounding;
        float32 parameters give float32, float64 ones float64.

    Raises:
        ValueError: for another number of parameters, wrong names, or a circuit too large for
            memory.
        TypeError: for parameters that are not real.
        UnsupportedInstructionError: see `from_qiskit`.
    """
    check_process()
    circuit = as_circuit(circuit)
    values = as_parameters(circuit, params)
    nothing = jnp.zeros((1, 0), values.dtype)
    return compiled_mean_information(circuit, tuple(range(circuit.num_params)), ())(values, nothing)


@kept(tuning.DERIVATIVES_BYTES)
def compiled_mean_information(
    circuit: Circuit, weights: tuple[int, ...], inputs: tuple[int, ...]
) -> Callable[[Array, Array], Float[Array, "weights weights"]]:
    """(weights, inputs of shape (batch, num_inputs)) -> F in the weights, mean over the batch.

    Args:
        circuit: the circuit.
        weights: which of its parameters, by index, the weights are.
        inputs: which of its parameters the inputs are, which stay fixed.
    """
    # int32: JAX 0.10 refuses an int64 array that it has seen in both precisions.
    order = np.argsort(weights + inputs).astype(np.int32)
    directions = np.eye(circuit.num_params)[list(weights)]

    def information(values: Array, rows: Array) -> Float[Array, "weights weights"]:
        if not weights:
            return jnp.zeros((0, 0), values.dtype)
        shared = jnp.broadcast_to(values[None], (len(rows), len(values)))
        samples = jnp.concatenate([shared, rows], axis=1)[:, order]
        total = _mean(circuit, *alike((samples, jnp.asarray(directions, values.dtype))))
        # The two triangles differ by rounding; solvers and eigenvalues want them equal.
        return jnp.triu(total) + jnp.triu(total, 1).T

    return jax.jit(partial(on_mesh, information))


def _mean(
    circuit: Circuit, samples: Float[Array, "batch params"], directions: Float[Array, "P params"]
) -> Float[Array, "P P"]:
    """F along the directions, upper triangle, in groups of samples that fit into memory."""
    check_fits(
        bytes_of_states(circuit.num_qubits, tuning.FISHER_STATES * 2 * samples.dtype.itemsize),
        f"the Fisher information of a circuit of {circuit.num_qubits} qubits, two directions at a "
        "time,",
        "fewer qubits or single precision",
    )
    batch, columns = len(samples), columns_that_fit(_bytes_of_column(circuit, samples.dtype))
    size = min(batch, max(1, columns // len(directions)))
    groups = -(-batch // size)
    # The last group is filled up with samples that count for nothing.
    padded = jnp.pad(samples, ((0, groups * size - batch), (0, 0)), mode="edge")
    shares = jnp.asarray(np.arange(groups * size) < batch, samples.dtype) / batch
    width = len(directions) if size * len(directions) <= columns else max(1, columns // 2)

    def add(total: Array, group: tuple[Array, Array]) -> tuple[Array, None]:
        return total + _information(circuit, *group, directions, width), None

    split = padded.reshape(groups, size, -1), shares.reshape(groups, size)
    start, _ = alike((jnp.zeros((len(directions),) * 2, samples.dtype), samples))
    if groups == 1:
        return add(start, (split[0][0], split[1][0]))[0]
    return lax.scan(add, start, split)[0]


def _bytes_of_column(circuit: Circuit, dtype: np.dtype) -> int:
    """What one column takes in a pass: states before and after, and a fused matrix per gate."""
    matrices = len(circuit.ops) << 2 * min(circuit.num_qubits, 4)
    return 2 * dtype.itemsize * ((8 << circuit.num_qubits) + matrices)


def _information(
    circuit: Circuit, samples: Array, shares: Array, directions: Array, width: int
) -> Float[Array, "P P"]:
    """The sum over samples of their share times F; `width` directions are held at once."""
    count = len(directions)
    if width >= count:
        tangents = _tangents(circuit, samples, shares, directions)
        return _products(tangents, tangents)
    groups = -(-count // width)
    split = jnp.pad(directions, ((0, groups * width - count), (0, 0))).reshape(groups, width, -1)

    def rows(i: Array) -> Float[Array, "groups width width"]:
        left = _tangents(circuit, samples, shares, split[i])

        def block(j: Array) -> Array:
            return _products(left, _tangents(circuit, samples, shares, split[j]))

        def upper(j: Array) -> Array:
            nothing, _ = alike((jnp.zeros((width, width), samples.dtype), samples))
            return lax.cond(j < i, lambda _: nothing, block, j)

        return lax.map(upper, jnp.arange(groups))

    blocks = lax.map(rows, jnp.arange(groups))
    return blocks.transpose(0, 2, 1, 3).reshape(groups * width, -1)[:count, :count]


def _tangents(
    circuit: Circuit, samples: Array, shares: Array, directions: Array
) -> Float[Array, "2*dim directions samples"]:
    """Derivatives of the states, orthogonal to them, times the square root of the shares.

    Real and imaginary parts in one column: their scalar product is the real part of the complex.
    """
    task = Task(circuit, frozenset(range(circuit.num_params)), States())
    nothing = jnp.zeros((0,), samples.dtype)
    shape = (len(directions), *samples.shape)
    rows = jnp.broadcast_to(samples, shape).reshape(-1, shape[2])
    moves = jnp.broadcast_to(directions[:, None], shape).reshape(-1, shape[2])
    state, moved = jax.jvp(lambda batch: run(task, nothing, batch.T), (rows,), (moves,))
    # What lies along the state changes its phase only.
    across = moved - state * jnp.sum(state.conj() * moved, axis=0, keepdims=True)
    real = jnp.concatenate([across.real, across.imag]).reshape(-1, *shape[:2])
    return real * jnp.sqrt(shares)[None, None]


def _products(left: Array, right: Array) -> Float[Array, "left right"]:
    """4 Re <left|right>, summed over samples."""
    return 4 * jnp.einsum("dis,djs->ij", left, right, precision=tuning.PRECISION)
