"""Floor 5. (task, parameters) -> what is read out, for all samples at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial, wraps
from typing import Any, NamedTuple, ParamSpec, TypeVar, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float, Int, Shaped

from qjax._circuit import Circuit
from qjax._deferred import MAX_FOLLOWED, deferred
from qjax._expectations import expectation_values
from qjax._measure import marginal, probabilities_of
from qjax._memory import CACHED_PROGRAMS, check_states_fit
from qjax._near import near
from qjax._observable import Observable, turned_by
from qjax._plan import Plan, Program, in_precision, light_cone, plan_circuit
from qjax._reading import Reading, reading_of
from qjax._simulators import Gradient, as_complex, finish, in_order, marked, simulate
from qjax._views import views_of

# Reverse mode keeps the states of all passes up to this many bytes; more leave the caches, and
# computing them again is as fast. Measured on two CPU cores.
MAX_KEPT = 8 << 20

# A batch whose states take more bytes than this runs in parts that take as many: every pass of a
# part finds its states in the cache. Measured on two CPU cores with 2 MB of cache each.
MAX_CHUNK = 2 << 20


P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class States:
    """Read out the amplitudes."""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Read out the probabilities of basis states.

    Attributes:
        qubits: of these qubits, the first as least significant bit; None for all, records included.
    """

    qubits: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Expectations:
    """Read out one expectation value per observable."""

    observables: tuple[Observable, ...]

    @property
    def output_shape(self) -> tuple[int, ...]:
        return (len(self.observables),)


Readout = States | Outcomes | Expectations


def outcomes_of(circuit: Circuit, qubits: Sequence[int]) -> Outcomes:
    """Read out the probabilities of some qubits of a circuit."""
    everything = not circuit.is_dynamic and tuple(qubits) == tuple(range(circuit.num_qubits))
    return Outcomes(None if everything else tuple(qubits))


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
        near: whether to simulate beside points where angles have no slope: see `near`.
    """

    circuit: Circuit
    batched: frozenset[int]
    readout: Readout
    gradient: Gradient | None = None
    near: bool = False


class _Planned(NamedTuple):
    """What runs: its tables are arguments of the compiled function, the rest decides about it.

    `reading` says what to read out for expectation values, and is None otherwise.
    """

    program: Program
    reading: Reading | None
    readout: States | Outcomes | None
    num_passes: int


class _Stack(NamedTuple):
    """What runs for parts whose plans have the same structure, one after the other.

    Attributes:
        planned: the only one; or all of them, their tables stacked.
        number: how many are stacked; None for one that is not.
    """

    planned: _Planned
    number: int | None


class _Stacks(NamedTuple):
    """What runs for a task.

    Attributes:
        stacks: of the parts.
        outputs: which value each output of the parts counts for; None where there is one part.
        num_outputs: of the task.
    """

    stacks: tuple[_Stack, ...]
    outputs: np.ndarray | None
    num_outputs: int


class _Part(NamedTuple):
    """A circuit that is simulated, what is read out, and which outputs of the task that is."""

    circuit: Circuit
    readout: Readout
    outputs: tuple[int, ...] = ()


class _Seen(NamedTuple):
    """What is simulated for a task: records included, what nothing depends on left out."""

    whole: Circuit
    parts: tuple[_Part, ...]

    @property
    def widest(self) -> _Part:
        return max(self.parts, key=lambda part: part.circuit.num_qubits)


@lru_cache(CACHED_PROGRAMS)
def differentiable(task: Task) -> Task:
    """The task to take derivatives of; itself, where no angle lacks a slope that it may need."""
    if task.near:
        return task
    parts = _seen(replace(task, batched=frozenset(), gradient=None)).parts
    is_same = all(near(part.circuit) is part.circuit for part in parts)
    return task if is_same else replace(task, near=True)


@lru_cache(CACHED_PROGRAMS)
def _seen(task: Task) -> _Seen:
    if task.near:
        seen = _seen(replace(task, near=False))
        parts = tuple(part._replace(circuit=near(part.circuit)) for part in seen.parts)
        return seen._replace(parts=parts)
    dynamic, readout = task.circuit, task.readout
    if isinstance(readout, Expectations):
        turned = frozenset().union(*(turned_by(each) for each in readout.observables))
        whole = deferred(dynamic, turned if dynamic.is_dynamic else frozenset())
        views = views_of(whole, readout.observables)
        return _Seen(whole, tuple(_Part(c, Expectations(o), at) for c, o, at in views))
    if isinstance(readout, Outcomes):
        whole = deferred(dynamic)
        if readout.qubits is None:
            return _Seen(whole, (_Part(whole, readout),))
        cone = light_cone(whole, readout.qubits, diagonal=True)
        kept = tuple(cone.qubits.index(qubit) for qubit in readout.qubits)
        everything = kept == tuple(range(cone.circuit.num_qubits))
        return _Seen(whole, (_Part(cone.circuit, Outcomes(None if everything else kept)),))
    whole = deferred(dynamic, frozenset(range(dynamic.num_qubits)))  # coherences count too
    if whole.num_qubits > dynamic.num_qubits:
        raise ValueError(
            "the circuit measures or resets qubits midway: it ends in a mixture, which has no "
            "statevector; use expectation, probabilities or sample"
        )
    return _Seen(whole, (_Part(whole, readout),))


def num_simulated(task: Task) -> int:
    """How many qubits are simulated at once."""
    return _seen(_alone(task)).widest.circuit.num_qubits


def _alone(task: Task) -> Task:
    return replace(task, batched=frozenset(), gradient=None)


@lru_cache(CACHED_PROGRAMS)
def plan_of(task: Task) -> Plan:
    """The plan of what can be seen; of the widest part, where there are several."""
    seen = _seen(_alone(task))
    plan = plan_circuit(seen.widest.circuit, task.batched)
    if len(seen.parts) > 1:
        widths = sorted(part.circuit.num_qubits for part in seen.parts)
        note = (
            f"cone by cone: {len(widths)} groups of observables, or of terms of their sums, are "
            f"evaluated one after the other, each on the qubits that it depends on ({widths[0]} to "
            f"{widths[-1]} of {seen.whole.num_qubits}); of a widest group:"
        )
        plan = replace(plan, summary=f"{note}\n{plan.summary}")
    return _noting(task.circuit, seen.whole, plan)


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
def _planned(task: Task, x64: bool) -> _Stacks:
    parts = _seen(_alone(task)).parts
    each = [_planned_part(part, task, x64) for part in parts]
    if len(parts) == 1:
        return _Stacks((_Stack(each[0], None),), None, 0)
    alike: dict[Any, list[int]] = {}
    for place, planned in enumerate(each):
        alike.setdefault(_structure(planned), []).append(place)
    stacks = tuple(_stack([each[place] for place in places]) for places in alike.values())
    outputs = [output for places in alike.values() for p in places for output in parts[p].outputs]
    assert isinstance(task.readout, Expectations)
    return _Stacks(stacks, np.array(outputs, np.int32), len(task.readout.observables))


def _planned_part(part: _Part, task: Task, x64: bool) -> _Planned:
    plan, readout = plan_circuit(part.circuit, task.batched), part.readout
    program = in_precision(plan.program, x64)
    if not isinstance(readout, Expectations):
        return _Planned(program, None, readout, plan.num_passes)
    sizes = program.num_qubits, task.circuit.num_params
    reading = reading_of(readout.observables, *sizes, task.batched, plan.frame)
    return _Planned(program, in_precision(reading, x64), None, plan.num_passes)


def _structure(planned: _Planned) -> Any:
    """What must be equal for two plans to run as one program."""
    leaves, structure = jax.tree.flatten((planned.program, planned.reading))
    return structure, tuple((leaf.shape, leaf.dtype) for leaf in leaves)


def _stack(members: Sequence[_Planned]) -> _Stack:
    if len(members) == 1:
        return _Stack(members[0], None)
    tables = [(each.program, each.reading) for each in members]
    program, reading = jax.tree.map(lambda *leaves: np.stack(leaves), *tables)
    return _Stack(members[0]._replace(program=program, reading=reading), len(members))


@lru_cache(CACHED_PROGRAMS)
def _on_device(task: Task, x64: bool, device: Any) -> _Stacks:
    """With the tables where they need not be transferred at every call: on the default device."""
    del device  # a key
    planned = _planned(task, x64)
    # Inside of a trace they would be the trace's, and outlive it here.
    with jax.core.eval_context():
        return planned._replace(stacks=tuple(map(_put, planned.stacks)))


def _put(stack: _Stack) -> _Stack:
    planned = stack.planned
    program, reading = jax.device_put((planned.program, planned.reading))
    return stack._replace(planned=planned._replace(program=program, reading=reading))


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
    return _evaluate_stacks(planned, shared, batched, task.gradient)


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
    x64 = jax.config.read("jax_enable_x64")
    device = jax.config.jax_default_device  # type: ignore[attr-defined]
    planned = _on_device(task, x64, device)
    return _evaluate_stacks(planned, shared, batched, task.gradient)


def _evaluate_stacks(
    planned: _Stacks, shared: Array, batched: Array, gradient: Gradient | None
) -> Array:
    stacks, outputs, num_outputs = planned
    if batched.shape[1] == 0:
        one = jax.ShapeDtypeStruct((len(batched), 1), batched.dtype)
        result = jax.eval_shape(partial(_evaluate_stacks, planned, gradient=gradient), shared, one)
        return jnp.zeros((result.shape[0], 0), result.dtype)
    found = [_evaluate_stack(stack, shared, batched, gradient) for stack in stacks]
    if outputs is None:
        return found[0]
    return _summed(jnp.asarray(outputs), num_outputs, *found)


def _evaluate_stack(
    stack: _Stack, shared: Array, batched: Array, gradient: Gradient | None
) -> Array:
    program, reading, readout, num_passes = stack.planned
    batch, dtype = batched.shape[1], np.result_type(shared.dtype, np.complex64)
    check_states_fit(program.num_qubits, batch, dtype)
    states = batch * dtype.itemsize << program.num_qubits
    kept = num_passes * states * (stack.number or 1)
    chosen = gradient or ("backprop" if kept <= MAX_KEPT else "adjoint")
    execute = _execute if stack.number is None else _execute_all
    return execute(program, reading, shared, batched, readout, chosen, _count_chunks(batch, states))


@partial(jax.jit, static_argnums=1)
def _summed(
    outputs: Int[Array, " found"], num_outputs: int, *found: Float[Array, "part batch"]
) -> Float[Array, "outputs batch"]:
    """Each value of the task, from those of its parts."""
    values = jnp.concatenate(found)
    return jnp.zeros((num_outputs, values.shape[1]), values.dtype).at[outputs].add(values)


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
        return marked(program, shared, batched, read_out(batched))

    def read_out(batched: Array) -> Array:
        state, last = simulate(program, shared, batched, gradient)
        if isinstance(readout, Outcomes) or (reading is not None and reading.diagonal):
            found = probabilities_of(state)
            if reading is None:
                found, kept = in_order(program, found), _qubits_of(readout)
                return found if kept is None else marginal(found, kept)
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


def _qubits_of(readout: States | Outcomes | None) -> tuple[int, ...] | None:
    return readout.qubits if isinstance(readout, Outcomes) else None


@partial(jax.jit, static_argnums=(4, 5, 6))
def _execute_all(
    program: Program, reading: Reading, shared: Array, batched: Array, *how: Any
) -> Float[Array, "outputs batch"]:
    """The same for programs whose tables are stacked, one after the other."""

    def run(tables: tuple[Program, Reading]) -> Array:
        return _execute(*tables, shared, batched, *how)

    found = lax.map(run, (program, reading))
    return found.reshape(-1, found.shape[-1])
