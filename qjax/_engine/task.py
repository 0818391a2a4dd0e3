"""Floor 6. What is asked of a circuit -> what is simulated for it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, get_args

import jax
import numpy as np

from qjax._base import tuning
from qjax._base.arrays import counted
from qjax._base.memory import (
    always_fits,
    available_memory,
    bytes_of_states,
    check_fits,
    check_states_fit,
    devices_that_hold,
)
from qjax._base.store import kept
from qjax._circuit.circuit import Circuit, gates
from qjax._circuit.light_cone import light_cone
from qjax._circuit.observable import Observable, turned_by
from qjax._circuit.slopes import expressions_of, near, without_slopes
from qjax._dynamic import deferred
from qjax._engine.views import View, check_view, views_of
from qjax._plan import NativeProgram, Plan, plan_circuit, plan_native, unknown_gate
from qjax._simulators import NATIVE, Gradient, StateSharding, StateVector, engine, resolved


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
    """What the engine runs: a circuit and what to read out, parameters in the circuit's order.

    A network's `Model` says which parameters are weights and inputs; see there why both exist.

    Attributes:
        circuit: the circuit.
        batched: the indices of the parameters that differ per sample.
        readout: what to read out.
        gradient: how reverse mode works; None chooses by the memory it would need.
        near: whether to simulate beside points where angles have no slope: see `near`.
        simulator: which one, and by which engine; None chooses where it runs.
    """

    circuit: Circuit
    batched: frozenset[int]
    readout: Readout
    gradient: Gradient | None = None
    near: bool = False
    simulator: StateVector | None = None

    @property
    def kernels(self) -> bool:
        """Whether the native engine runs where it can."""
        return self.simulator == NATIVE

    @property
    def sharding(self) -> StateSharding | None:
        """Which devices hold which part of a state; None where one holds all."""
        return None if self.simulator is None else self.simulator.sharding


class Part(NamedTuple):
    """A circuit that is simulated, what is read out, and which outputs of the task that is."""

    circuit: Circuit
    readout: Readout
    outputs: tuple[int, ...] = ()


class Seen(NamedTuple):
    """What is simulated for a task: records included, what nothing depends on left out."""

    whole: Circuit
    parts: tuple[Part, ...]

    @property
    def widest(self) -> Part:
        return max(self.parts, key=lambda part: part.circuit.num_qubits)


@kept()
def lack_slopes(task: Task) -> frozenset[int]:
    """Which of (shared, batched) hold parameters of angles that have no slope somewhere.

    Where those move, derivatives are taken beside such points.
    """
    if task.near:
        return frozenset()
    circuits = [part.circuit for part in seen_of(task).parts]
    lacking = frozenset().union(*map(without_slopes, circuits))
    places = frozenset(int(parameter in task.batched) for parameter in lacking)
    if not places:
        return places
    # Angles of both kinds of parameters are evaluated beside the others: what moves with slope 0
    # there would give 0 times infinity.
    mixed = any(len(kinds) > 1 for c in circuits for kinds in _places_in_angles(c, task.batched))
    return frozenset((0, 1)) if mixed else places


def _places_in_angles(circuit: Circuit, batched: frozenset[int]) -> Iterator[set[bool]]:
    for op in circuit.ops:
        for expression in expressions_of(op):
            yield {parameter in batched for parameter in expression.parameters}


def seen_of(task: Task) -> Seen:
    """What is simulated, whatever the batch."""
    return _seen(replace(task, batched=frozenset(), gradient=None, simulator=None))


@kept()
def _seen(task: Task) -> Seen:
    if task.near:
        seen = _seen(replace(task, near=False))
        parts = tuple(part._replace(circuit=near(part.circuit)) for part in seen.parts)
        return seen._replace(parts=parts)
    dynamic, readout = task.circuit, task.readout
    if isinstance(readout, Expectations):
        turned = frozenset().union(*(turned_by(observable) for observable in readout.observables))
        whole = deferred(dynamic, turned if dynamic.is_dynamic else frozenset())
        views = views_of(whole, readout.observables)
        return Seen(whole, tuple(Part(c, Expectations(o), at) for c, o, at in views))
    if isinstance(readout, Outcomes):
        whole = deferred(dynamic)
        if readout.qubits is None:
            return Seen(whole, (Part(whole, readout),))
        cone = light_cone(whole, readout.qubits, diagonal=True)
        places = tuple(cone.qubits.index(qubit) for qubit in readout.qubits)
        everything = places == tuple(range(cone.circuit.num_qubits))
        return Seen(whole, (Part(cone.circuit, Outcomes(None if everything else places)),))
    whole = deferred(dynamic, frozenset(range(dynamic.num_qubits)))  # coherences count too
    if whole.num_qubits > dynamic.num_qubits:
        raise ValueError(
            "the circuit measures or resets qubits midway: it ends in a mixture, which has no "
            "statevector; use expectation, probabilities or sample"
        )
    return Seen(whole, (Part(whole, readout),))


def num_simulated(task: Task) -> int:
    """How many qubits are simulated at once."""
    return seen_of(task).widest.circuit.num_qubits


def check_width(task: Task) -> None:
    """Require that a state of what is simulated at once fits into memory.

    Raises:
        CircuitTooLargeError: otherwise; names the observable that depends on most qubits.
    """
    circuit, readout, outputs = seen_of(task).widest
    if task.sharding is not None:
        check_parts_fit(circuit.num_qubits, 1, np.dtype(np.complex64), task.sharding)
    elif isinstance(readout, Expectations) and isinstance(task.readout, Expectations):
        check_view(View(circuit, readout.observables, outputs), len(task.readout.observables))
    else:
        check_states_fit(circuit.num_qubits, 1, np.dtype(np.complex64))


def check_parts_fit(
    num_qubits: int, columns: int, dtype: np.dtype, sharding: StateSharding, states: float = 2.0
) -> None:
    """Require that the parts of states that devices hold fit into their memory.

    Args:
        num_qubits: n.
        columns: how many states each device has parts of.
        dtype: of amplitudes.
        sharding: which devices.
        states: how many arrays of the size of these parts there are at a time.

    Raises:
        CircuitTooLargeError: otherwise; says how many devices would do.
    """
    bits = sharding.num_devices.bit_length() - 1
    own = [d for d in sharding.mesh.devices.flat if d.process_index == jax.process_index()]
    # Devices that are parts of one CPU share its memory.
    together = max(1, len(own)) if sharding.platform == "cpu" else 1
    whole = int(states * bytes_of_states(num_qubits, columns * dtype.itemsize))
    needed = together * whole >> bits
    if always_fits(needed):
        return
    count = devices_that_hold(whole, available_memory(jax.devices()[0]))
    enough = "" if count is None else f" ({count} with as much memory each would do)"
    check_fits(
        needed,
        f"the parts of {columns} statevector(s) of {num_qubits} qubits in {dtype.name} on "
        f"{counted(together, 'device')} of {sharding.mesh.size}, {states:g} times,",
        f"more devices{enough}, fewer qubits or smaller batches",
    )


def plan_of(task: Task) -> Plan:
    """The plan of what can be seen; of the widest part, where there are several."""
    check_width(task)
    simulator = resolved(task.simulator)
    if simulator == NATIVE:
        circuit = seen_of(task).widest.circuit
        runs = _by_native(circuit, plan_native(circuit, task.batched))
    else:
        runs = engine() if task.simulator is None else str(simulator.engine)
    return _plan_of(replace(task, simulator=simulator), runs)


def _by_native(circuit: Circuit, program: NativeProgram | None) -> str:
    if program is None:
        return f"XLA's passes, as above: the native one lacks {unknown_gate(gates(circuit))}"
    counts = program.steps.counts
    steps = counted(sum(counts.values()), "step")
    if counts:
        steps += f" ({', '.join(f'{count} {kind}' for kind, count in counts.items())})"
    return (
        f"native, as one operation of {steps}; the passes above are what XLA runs instead for "
        "forward mode, second derivatives and exports"
    )


@kept()
def _plan_of(task: Task, runs: str) -> Plan:
    seen = seen_of(task)
    plan = plan_circuit(seen.widest.circuit, task.batched)
    if len(seen.parts) > 1:
        widths = sorted(part.circuit.num_qubits for part in seen.parts)
        note = (
            f"cone by cone: {len(widths)} groups of observables, or of terms of their sums, are "
            f"evaluated one after the other, each on the qubits that it depends on ({widths[0]} to "
            f"{widths[-1]} of {seen.whole.num_qubits}); of a widest group:"
        )
        plan = replace(plan, summary=f"{note}\n{plan.summary}")
    plan = replace(plan, summary=f"{plan.summary}\n  engine: {runs}")
    return _noting(task.circuit, seen.whole, plan)


def _noting(dynamic: Circuit, circuit: Circuit, plan: Plan) -> Plan:
    """The plan, with what became of measurements and control flow."""
    if not dynamic.is_dynamic:
        return plan
    records = circuit.num_qubits - dynamic.num_qubits
    keep = f"{counted(records, 'further qubit')} keep{'s' if records == 1 else ''}"
    note = (
        f"dynamic: all outcomes are followed exactly, as branches of one state; {keep} records of "
        "them"
    )
    if circuit.num_qubits > max(tuning.MAX_FOLLOWED, dynamic.num_qubits):
        note += (
            f"; more than {tuning.MAX_FOLLOWED} qubits in all, so samples are drawn by trajectories"
        )
    return replace(plan, summary=f"{note}\n{plan.summary}")
