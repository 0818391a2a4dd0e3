"""Floor 5. (task, parameters) -> what is read out, as one primitive that knows how to be batched.

`jax.vmap` of a simulation would batch every operation in it. This primitive's batching rule plans
the circuit anew instead: what is mapped over becomes what differs per sample, and runs as fast as a
batch that was given as one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import Float, Shaped

from qjax._circuit import Circuit
from qjax._measure import diagonal_values, expectation_values, probabilities_of
from qjax._memory import CACHED_PROGRAMS, check_states_fit
from qjax._observable import Observable, is_diagonal, on_qubits, support_of
from qjax._plan import Plan, light_cone, plan_circuit
from qjax._simulators import Gradient, as_complex, finish, in_order, simulate

# Reverse mode keeps the states of all passes up to this many bytes; more leave the caches, and
# computing them again is as fast. Measured on two CPU cores.
MAX_KEPT = 8 << 20


@dataclass(frozen=True, slots=True)
class States:
    """Read out the amplitudes."""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Read out the probabilities of the basis states of all qubits."""


@dataclass(frozen=True, slots=True)
class Expectations:
    """Read out one expectation value per observable."""

    observables: tuple[Observable, ...]

    @property
    def output_shape(self) -> tuple[int, ...]:
        return (len(self.observables),)


Readout = States | Outcomes | Expectations


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


def run(
    task: Task, shared: Float[Array, " shared"], batched: Float[Array, "batched batch"]
) -> Shaped[Array, "outputs batch"]:
    """Simulate a circuit for all samples at once.

    Args:
        task: what to simulate.
        shared: the parameters that all samples have in common, in the circuit's order.
        batched: those that differ per sample, in the circuit's order, batch last.
    """
    return _run_p.bind(shared, batched, task=task)


@lru_cache(CACHED_PROGRAMS)
def plan_of(task: Task) -> tuple[Plan, Readout]:
    """The plan of what can be seen, and the readout on the qubits that are left."""
    if not isinstance(task.readout, Expectations):
        return plan_circuit(task.circuit, task.batched), task.readout
    observables = task.readout.observables
    measured = set().union(*(support_of(observable) for observable in observables))
    cone = light_cone(task.circuit, measured, is_diagonal(*observables))
    seen = Expectations(tuple(on_qubits(observable, cone.qubits) for observable in observables))
    return plan_circuit(cone.circuit, task.batched), seen


def _evaluate(shared: Array, batched: Array, *, task: Task) -> Array:
    plan, readout = plan_of(task)
    batch, dtype = batched.shape[1], np.result_type(shared.dtype, np.complex64)
    check_states_fit(plan.program.num_qubits, batch, dtype)
    gradient = task.gradient or _cheaper_gradient(plan, batch, dtype)
    state, last = simulate(plan.program, shared, batched, gradient)
    if isinstance(readout, Expectations) and is_diagonal(*readout.observables):
        return diagonal_values(probabilities_of(state), readout.observables, plan.frame)
    if isinstance(readout, Outcomes):
        return in_order(plan.program, probabilities_of(state))
    amplitudes = as_complex(finish(plan.program, state, last, gradient))
    if isinstance(readout, States):
        return amplitudes
    return expectation_values(amplitudes, readout.observables)


def _cheaper_gradient(plan: Plan, batch: int, dtype: np.dtype) -> Gradient:
    kept = plan.num_passes * batch * dtype.itemsize << plan.program.num_qubits
    return "backprop" if kept <= MAX_KEPT else "adjoint"


_run_p = Primitive("simulate")


def _abstract(shared, batched, *, task):
    result = jax.eval_shape(partial(_evaluate, task=task), shared, batched)
    return jax.core.ShapedArray(result.shape, result.dtype)


def _jvp(primals: Sequence[Array], tangents: Sequence, *, task: Task) -> tuple[Array, Array]:
    moving = [place for place, tangent in enumerate(tangents) if not isinstance(tangent, ad.Zero)]

    def of_moving(*given: Array) -> Array:
        arguments = list(primals)
        for place, x in zip(moving, given, strict=True):
            arguments[place] = x
        return _evaluate(*arguments, task=task)

    return jax.jvp(
        of_moving, [primals[place] for place in moving], [tangents[place] for place in moving]
    )


def _batch(arguments: Sequence[Array], dimensions: Sequence[int | None], *, task: Task):
    shared, batched = arguments
    from_shared, from_batched = dimensions
    (size, *_) = (
        x.shape[axis] for x, axis in zip(arguments, dimensions, strict=True) if axis is not None
    )
    if from_batched is not None:
        batched = jnp.moveaxis(batched, from_batched, 2)
    else:
        batched = jnp.broadcast_to(batched[:, :, None], (*batched.shape, size))
    if from_shared is not None:
        task, batched = _all_batched(task, jnp.moveaxis(shared, from_shared, 1), batched)
        shared = jnp.zeros((0,), shared.dtype)
    samples = batched.shape[1] * size
    results = run(task, shared, batched.reshape(len(batched), samples))
    return results.reshape(len(results), -1, size), 2


def _all_batched(task: Task, shared: Array, batched: Array) -> tuple[Task, Array]:
    """The task with every parameter per sample; `shared` is `(shared, size)`."""
    count = task.circuit.num_params
    per_sample = sorted(task.batched)
    order = np.argsort([*per_sample, *(p for p in range(count) if p not in task.batched)])
    spread = jnp.broadcast_to(shared[:, None], (len(shared), *batched.shape[1:]))
    rows = jnp.concatenate([batched, spread])[order.astype(np.int32)]
    return Task(task.circuit, frozenset(range(count)), task.readout, task.gradient), rows


_run_p.def_impl(_evaluate)
_run_p.def_abstract_eval(_abstract)
ad.primitive_jvps[_run_p] = _jvp
batching.primitive_batchers[_run_p] = _batch
mlir.register_lowering(_run_p, mlir.lower_fun(_evaluate, multiple_results=False))
