"""Floor 2. What a plan is: segments of passes over the state, as tables of numbers.

A pass is [rearrange the rows; multiply by phases; a matrix on the leading qubits], each optional.
A segment is a body of passes that runs again and again: `length` repetitions of a layer that the
circuit repeats, times `period` passes that differ in their tables only, so that one compiled body
serves a circuit without any repetition. All tables are leaves of a pytree, everything else is
static: two circuits whose plans have the same structure share one compiled program.

"Shared" angles depend on parameters that all samples have in common, "batched" ones on those that
differ per sample.
"""

from dataclasses import dataclass, field
from typing import Any, TypeVar, dataclass_transform

import jax
import numpy as np

from qjax._circuit.gates import GateKind
from qjax._plan.frame import Frame

T = TypeVar("T")


def static() -> Any:
    """A field that is no array: it decides about what is compiled."""
    return field(metadata={"static": True})


@dataclass_transform(frozen_default=True, field_specifiers=(static,))
def table_class(cls: type[T]) -> type[T]:
    """A frozen dataclass that is a pytree of its tables."""
    return jax.tree_util.register_dataclass(dataclass(frozen=True, eq=False)(cls))


def in_precision(tables: T, x64: bool) -> T:
    """New tables, of the dtypes that JAX has with or without its x64 flag.

    JAX 0.10 takes a NumPy array that it has seen with the flag to be the same one without it.

    Raises:
        ValueError: for a finite number that is beyond single precision.
    """
    single = {np.dtype(np.float64): np.float32, np.dtype(np.complex128): np.complex64}

    def convert(table: np.ndarray) -> np.ndarray:
        if x64 or table.dtype not in single:
            return table.copy()
        with np.errstate(over="ignore"):
            converted: np.ndarray = table.astype(single[table.dtype])
        beyond = ~np.isfinite(converted)
        if beyond.any() and np.isfinite(table[beyond]).any():
            raise ValueError(
                f"{np.abs(table[beyond]).max():.3g}, a coefficient of an observable or another "
                "number of the circuit, is beyond float32, which ends at 3.4e38; scale it down, or "
                "compute in double: with jax_enable_x64, and float64 parameters"
            )
        return converted

    return jax.tree.map(convert, tables)


@table_class
class AngleGroup:
    """Angles whose expressions share a program.

    Attributes:
        program: see `qjax._circuit.expression.Expression`.
        periodic: whether all that they turn has the period 4 pi in them.
        parameters: `(leaves, angles)` indices into the parameters.
        constants: `(leaves, angles)` numbers.
        rests: the same, what rounding to single precision takes from them.
    """

    program: tuple[str, ...] = static()
    periodic: bool = static()
    parameters: np.ndarray
    constants: np.ndarray
    rests: np.ndarray


@table_class
class Tape:
    """Long expressions, worked off step by step; one lane for each.

    A step applies an operation to two registers, of which the second counts for operations of two
    operands only, and puts the result into another. Register 0 holds the leaf of the step; the
    last step leaves the value in the register that it writes.

    Attributes:
        operations: the names that `codes` stand for.
        periodic: see `AngleGroup`.
        num_registers: how many there are.
        uniform: whether all lanes take the same steps.
        codes, left, right, out: `(steps,)` if `uniform`, else `(steps, lanes)`.
        parameters: `(steps, lanes)` index of the parameter that is the leaf.
        is_parameter: `(steps, lanes)`, else it is the constant.
        constants, rests: `(steps, lanes)`, see `AngleGroup`.
    """

    operations: tuple[str, ...] = static()
    periodic: bool = static()
    num_registers: int = static()
    uniform: bool = static()
    codes: np.ndarray
    left: np.ndarray
    right: np.ndarray
    out: np.ndarray
    parameters: np.ndarray
    is_parameter: np.ndarray
    constants: np.ndarray
    rests: np.ndarray


Angles = AngleGroup | Tape


@table_class
class Bank:
    """The matrix entries of a segment's gates, `(entries, length, *batch)`.

    It starts with 0, 1 and the entries of the constant matrices; then, for each kind of gate with
    angles, the entries of all gates of that kind.

    Attributes:
        constants: `(entries,)` complex.
        kinds: what `places` belong to: a kind of gate, and whether its angles are batched.
        places: for each kind, `(num_angles, length, gates)` indices of angles.
    """

    constants: np.ndarray
    kinds: tuple[tuple[GateKind, bool], ...] = static()
    places: tuple[np.ndarray, ...]


@table_class
class Lookup:
    """x[source], and what its transpose needs: where each entry of x is used.

    Attributes:
        source: any shape, indices into x.
        uses: `(entries, most)` flat indices into `source`, padded with its size, for the last
            entries of x; those before are constants and get no cotangent.
    """

    source: np.ndarray
    uses: np.ndarray


@table_class
class Product:
    """Matrices of one size; each a product of factors, each a Kronecker product of gates.

    Attributes:
        factors: a lookup `(slots, factors, gates, K, K)` into the bank; factor 0 acts first, and
            the gates of a factor, on different qubits, are multiplied entry by entry.
    """

    factors: Lookup


@table_class
class Matrices:
    """All matrices of one width in a segment.

    Attributes:
        width: how many qubits they act on.
        products: products of various numbers of factors.
        order: the places of the matrices, in the order of the passes, among the products'.
    """

    width: int = static()
    products: tuple[Product, ...]
    order: np.ndarray


@table_class
class Reorder:
    """New row p is old row high[p >> l] ^ low[p % 2**l].

    Attributes:
        high, low: `(period, rows)`, with `2**l` rows in `low`.
        back_high, back_low: the same for the inverse.
    """

    high: np.ndarray
    low: np.ndarray
    back_high: np.ndarray
    back_low: np.ndarray


@table_class
class Coefficients:
    """Numbers per parity: constants + weights @ angles[places].

    What is carried stems from the repetition before, so that there is none of it in the first.

    Attributes:
        constants: `(period, parities)`.
        carried_constants: `(period, parities)`, to be added.
        weights: `(period, parities, angles)`.
        places: `(length, period, angles)` indices of angles.
        carried: `(period, angles)` bool.
    """

    constants: np.ndarray
    carried_constants: np.ndarray
    weights: np.ndarray
    places: np.ndarray
    carried: np.ndarray


@table_class
class Phases:
    """Row p gets the phase sum_j coefficient_j * high[j, p >> l] * low[j, p % 2**l].

    Attributes:
        high, low: `(period, parities, rows)`, +1 or -1.
        shared: coefficients that all samples share, or None.
        batched: those per sample, or None.
    """

    high: np.ndarray
    low: np.ndarray
    shared: Coefficients | None
    batched: Coefficients | None


@table_class
class Dense:
    """A matrix on the leading qubits, or on one setting of controls that lead them.

    Attributes:
        width: how many qubits the matrix acts on, behind the controls.
        slot: the first of its `period` places among the segment's matrices of that width.
        num_controls: how many qubits are controls.
        setting: the row of the controls at which it acts.
    """

    width: int = static()
    slot: int = static()
    num_controls: int = static()
    setting: int = static()


@table_class
class PerSample:
    """The same with a matrix for each sample.

    Attributes:
        kind: the gate.
        places: `(num_angles, length)` indices of batched angles.
    """

    kind: GateKind = static()
    num_controls: int = static()
    setting: int = static()
    places: np.ndarray


@table_class
class Pass:
    """Rearrange, multiply by phases, apply a matrix; None: leave out."""

    reorder: Reorder | None
    phases: Phases | None
    operator: Dense | PerSample | None


@table_class
class Segment:
    """A body of passes that runs `length * period` times.

    Attributes:
        length: the repetitions of a layer.
        period: how many passes one body pass stands for, one after the other, in each repetition.
    """

    length: int = static()
    period: int = static()
    passes: tuple[Pass, ...]
    bank: Bank
    matrices: tuple[Matrices, ...]


@table_class
class Encoding:
    """The state of some qubits whose amplitudes are given: values, to be divided by their norm.

    Attributes:
        batched: whether the values differ per sample.
        groups: how the values follow from the batched parameters, followed by the shared ones if
            the program is `mixed`; else from the shared ones. No angles: they have no period.
        places: `(1, 2**k)` real parts or `(2, 2**k)` real and imaginary parts, as places among
            the values.
    """

    batched: bool = static()
    groups: tuple[Angles, ...]
    places: np.ndarray


@table_class
class Start:
    """A product state: gates on single qubits, applied to |0>, beside given amplitudes.

    Attributes:
        bank: the entries of the gates.
        gates: a lookup `(qubits, gates, 2, 2)` into the bank; None where all amplitudes are given.
        blocks: the factors, from the least significant bits of the rows on; None for the next of
            the `gates`' qubits.
    """

    bank: Bank
    gates: Lookup | None
    blocks: tuple[Encoding | None, ...]


@table_class
class Program:
    """What the executor runs.

    Attributes:
        num_qubits: n.
        mixed: whether batched angles depend on shared parameters too.
        shared_angles: how angles follow from the shared parameters.
        batched_angles: from the batched ones, followed by the shared ones if `mixed`.
        start: the state to start from; None for |0...0>.
        segments: what to run.
        end: one pass that brings the rows in order and applies the last phases.
    """

    num_qubits: int = static()
    mixed: bool = static()
    shared_angles: tuple[Angles, ...]
    batched_angles: tuple[Angles, ...]
    start: Start | None
    segments: tuple[Segment, ...]
    end: Segment


@dataclass(frozen=True, eq=False)
class Plan:
    """How a circuit is simulated: what `qjax.plan(circuit)` and the `plan` of a network return.

    `print(plan)` tells which gates were fused into which passes over the state, what a sample
    costs in operations and bytes, and why these passes were chosen. Immutable.

    Attributes:
        program: what the simulator runs: tables of all passes, on the host.
        frame: which basis state each row of the state stands for when the passes are done, before
            the program's `end` brings them into Qiskit's order.
        num_passes: how many times the program goes through the state.
        summary: what `print` says.
    """

    program: Program
    frame: Frame
    num_passes: int
    summary: str

    def __str__(self) -> str:
        return self.summary

    def __repr__(self) -> str:
        return f"Plan(num_qubits={self.program.num_qubits}, num_passes={self.num_passes})"
