"""Floor 3. What a program is: a state to start from, and segments of passes over it, as tables.

A segment is a body of passes that runs again and again: `length` repetitions of a layer that the
circuit repeats, times `period` passes that differ in their tables only, so that one compiled body
serves a circuit without any repetition. All tables are leaves of a pytree, everything else is
static: circuits whose plans differ in the tables' numbers alone, not in their shapes, share a
compiled program where the tables are its arguments.
"""

from dataclasses import dataclass

import numpy as np

from qjax._base.tables import static, table_class
from qjax._circuit.circuit import Circuit
from qjax._expressions import ExpressionTable
from qjax._plan.matrices import Bank, Lookup, Matrices
from qjax._plan.passes import Pass
from qjax._plan.step_tables import Steps


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
    groups: tuple[ExpressionTable, ...]
    places: np.ndarray


@table_class
class Start:
    """A product state: gates on single qubits, applied to |0>, beside given amplitudes.

    Attributes:
        bank: the entries of the gates.
        gates: a lookup `(qubits, gates, 2, 2)` into the bank; None where all amplitudes are given.
        factors: of the product, from the least significant bits of the rows on; None for the next
            of the `gates`' qubits.
    """

    bank: Bank
    gates: Lookup | None
    factors: tuple[Encoding | None, ...]


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
    shared_angles: tuple[ExpressionTable, ...]
    batched_angles: tuple[ExpressionTable, ...]
    start: Start | None
    segments: tuple[Segment, ...]
    end: Segment


@dataclass(frozen=True, slots=True)
class Source:
    """What a program was planned of: the arguments of `plan_circuit`."""

    circuit: Circuit
    batched: frozenset[int]
    from_zero: bool


@table_class
class NativeProgram:
    """What the native engine runs.

    What it lacks, such as forward mode, needs passes: they are planned where it is asked for.

    Attributes:
        num_qubits: n.
        mixed, shared_angles, batched_angles: as in `Program`, whose angles are the same ones.
        start: the states to start from, of given amplitudes and the gates beside them; None for
            |0...0>.
        steps: what to run.
        passes: the same in passes; None: they follow from the source.
        source: what was planned; None where `passes` are there, or nothing needs them.
    """

    num_qubits: int = static()
    mixed: bool = static()
    shared_angles: tuple[ExpressionTable, ...]
    batched_angles: tuple[ExpressionTable, ...]
    start: Start | None
    steps: Steps
    passes: Program | None
    source: Source | None = static()
