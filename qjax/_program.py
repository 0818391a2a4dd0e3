"""Floor 5. (task, parameters) -> what is read out, for all samples at once."""

from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float, Shaped

from qjax._circuit import Circuit
from qjax._deferred import MAX_FOLLOWED, deferred
from qjax._expectations import expectation_values
from qjax._measure import probabilities_of
from qjax._memory import CACHED_PROGRAMS, check_states_fit
from qjax._observable import Observable, is_diagonal, on_qubits, support_of, turned_by
from qjax._plan import Plan, Program, in_precision, light_cone, plan_circuit
from qjax._reading import Reading, reading_of
from qjax._simulators import Gradient, as_complex, finish, in_order, simulate

# Reverse mode keeps the states of all passes up to this many bytes; more leave the caches, and
# computing them again is as fast. Measured on two CPU cores.
MAX_KEPT = 8 << 20

# A batch whose states take more bytes than this runs in parts that take as many: every pass of a
# part finds its states in the cache. Measured on two CPU cores with 2 MB of cache each.
MAX_CHUNK = 2 << 20


@dataclass(frozen=True, slots=True)
class States:
    """Read out the amplitudes."""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Read out the probabilities of the basis states of all qubits, records included."""


@dataclass(frozen=True, slots=True)
class Expectations:
    """Read out one expectation value per observable."""

    observables: tuple[Observable, ...]

    @property
    def output_shape(self) -> tuple[int, ...]:
        return (len(self.observables),)


Readout = States | Outcomes | Expectations


def as_gradient(gradient: object) -> Gradient | None:
    """A name of how reverse mode works, or None.

    Raises:
        ValueError: for anything else.
    """
    for known in (None, *get_args(Gradient)):
        if gradient is known or (isinstance(gradient, str) and gradient == known):
            return known
    raise ValueError(
        f"gradient: {gradient!r} is not supported; expected 'backprop' (keeps a state per pass), "
        "'adjoint' (keeps none, and computes them again) or None (chooses by memory)"
    )


@dataclass(frozen=True, slots=True)
class Task:
    """What to simulate.

    Attributes:
        circuit: the circuit.
        batched: the indices of the parameters that differ per sample.
        readout: what to read out.
        gradient: how reverse mode works; None chooses by the memory it would need.
    """

    circuit: Circuit
    batched: frozenset[int]
    readout: Readout
    gradient: Gradient | None = None


class _Planned(NamedTuple):
    """What runs: its tables are arguments of the compiled function, the rest decides about it.

    `reading` says what to read out for expectation values, and is None otherwise.
    """

    program: Program
    reading: Reading | None
    readout: States | Outcomes | None
    num_passes: int


class _Seen(NamedTuple):
    """What is simulated for a task: records included, what nothing depends on left out."""

    whole: Circuit
    circuit: Circuit
    readout: Readout


@lru_cache(CACHED_PROGRAMS)
def _seen(task: Task) -> _Seen:
    dynamic = task.circuit
    if not isinstance(task.readout, Expectations):
        # Of a state, coherences count too.
        observed = range(dynamic.num_qubits if isinstance(task.readout, States) else 0)
        circuit = deferred(dynamic, frozenset(observed))
        if isinstance(task.readout, States) and circuit.num_qubits > dynamic.num_qubits:
            raise ValueError(
                "the circuit measures or resets qubits midway: it ends in a mixture, which has no "
                "statevector; use expectation, probabilities or sample"
            )
        return _Seen(circuit, circuit, task.readout)
    observables = task.readout.observables
    measured = set().union(*(support_of(observable) for observable in observables))
    turned = frozenset().union(*(turned_by(observable) for observable in observables))
    whole = deferred(dynamic, turned if dynamic.is_dynamic else frozenset())
    cone = light_cone(whole, measured, is_diagonal(*observables))
    readout = Expectations(tuple(on_qubits(observable, cone.qubits) for observable in observables))
    return _Seen(whole, cone.circuit, readout)


def num_simulated(task: Task) -> int:
    """How many qubits are simulated."""
    return _seen(replace(task, batched=frozenset(), gradient=None)).circuit.num_qubits


@lru_cache(CACHED_PROGRAMS)
def plan_of(task: Task) -> tuple[Plan, Readout]:
    """The plan of what can be seen, and the readout on the qubits that are left."""
    seen = _seen(replace(task, batched=frozenset(), gradient=None))
    plan = plan_circuit(seen.circuit, task.batched)
    return _noting(task.circuit, seen.whole, plan), seen.readout


def _noting(dynamic: Circuit, circuit: Circuit, plan: Plan) -> Plan:
    """The plan, with what became of measurements and control flow."""
    if not dynamic.is_dynamic:
        return plan
    note = (
        f"dynamic: all outcomes are followed exactly, as branches of one state; "
        f"{circuit.num_qubits - dynamic.num_qubits} further qubits keep records of them"
    )
    if circuit.num_qubits > max(MAX_FOLLOWED, dynamic.num_qubits):
        note += f"; more than {MAX_FOLLOWED} qubits in all, so samples are drawn by trajectories"
    return replace(plan, summary=f"{note}\n{plan.summary}")


@lru_cache(CACHED_PROGRAMS)
def _planned(task: Task, x64: bool) -> _Planned:
    plan, readout = plan_of(task)
    program = in_precision(plan.program, x64)
    if not isinstance(readout, Expectations):
        return _Planned(program, None, readout, plan.num_passes)
    sizes = program.num_qubits, task.circuit.num_params
    reading = reading_of(readout.observables, *sizes, task.batched, plan.frame)
    return _Planned(program, in_precision(reading, x64), None, plan.num_passes)


@lru_cache(CACHED_PROGRAMS)
def _on_device(task: Task, x64: bool) -> _Planned:
    """With the tables where they need not be transferred at every call."""
    planned = _planned(task, x64)
    program, reading = jax.device_put((planned.program, planned.reading))
    return planned._replace(program=program, reading=reading)


def evaluate(
    shared: Float[Array, " shared"], batched: Float[Array, "batched batch"], *, task: Task
) -> Shaped[Array, "outputs batch"]:
    """Simulate inside of another program: the tables are constants of it.

    Args:
        shared: the parameters that all samples have in common, in the circuit's order.
        batched: those that differ per sample, in the circuit's order, batch last.
        task: what to simulate.
    """
    planned = _planned(task, jax.config.read("jax_enable_x64"))
    return _evaluate_planned(planned, shared, batched, task.gradient)


def evaluate_now(
    shared: Float[Array, " shared"], batched: Float[Array, "batched batch"], *, task: Task
) -> Shaped[Array, "outputs batch"]:
    """The same by itself: circuits whose plans have the same structure share a compiled program."""
    planned = _on_device(task, jax.config.read("jax_enable_x64"))
    return _evaluate_planned(planned, shared, batched, task.gradient)


def _evaluate_planned(
    planned: _Planned, shared: Array, batched: Array, gradient: Gradient | None
) -> Array:
    program, reading, readout, num_passes = planned
    if batched.shape[1] == 0:
        one = jax.ShapeDtypeStruct((len(batched), 1), batched.dtype)
        result = jax.eval_shape(partial(_evaluate_planned, planned, gradient=gradient), shared, one)
        return jnp.zeros((result.shape[0], 0), result.dtype)
    batch, dtype = batched.shape[1], np.result_type(shared.dtype, np.complex64)
    check_states_fit(program.num_qubits, batch, dtype)
    kept = num_passes * batch * dtype.itemsize << program.num_qubits
    chosen = gradient or ("backprop" if kept <= MAX_KEPT else "adjoint")
    chunks = _count_chunks(batch, batch * dtype.itemsize << program.num_qubits)
    return _execute(program, reading, shared, batched, readout, chosen, chunks)


def _count_chunks(batch: int, states: int) -> int:
    """How many parts of the batch run one after the other; `states` is the bytes of all states."""
    if jax.default_backend() != "cpu":
        return 1
    return min(batch, -(-states // MAX_CHUNK)) if states >= 2 * MAX_CHUNK else 1


@partial(jax.jit, static_argnums=(4, 5, 6))
def _execute(
    program: Program,
    reading: Reading | None,
    shared: Array,
    batched: Array,
    readout: States | Outcomes | None,
    gradient: Gradient,
    chunks: int,
) -> Array:
    def run(batched: Array) -> Array:
        state, last = simulate(program, shared, batched, gradient)
        if isinstance(readout, Outcomes) or (reading is not None and reading.diagonal):
            found = probabilities_of(state)
            if reading is None:
                return in_order(program, found)
            if not reading.any_order:
                found = in_order(program, found)
            return expectation_values(reading, found[None], shared, batched)
        state = finish(program, state, last, gradient)
        if reading is not None:
            return expectation_values(reading, state, shared, batched)
        return as_complex(state)

    if chunks == 1:
        return run(batched)
    batch = batched.shape[1]
    size = -(-batch // chunks)
    padded = jnp.pad(batched, ((0, 0), (0, size * chunks - batch)), mode="edge")
    parts = jnp.moveaxis(padded.reshape(len(batched), chunks, size), 1, 0)
    results = jnp.moveaxis(lax.map(run, parts), 0, 1)
    return results.reshape(len(results), -1)[:, :batch]
