"""Floor 3. Circuit -> how large its passes are, without their tables, at any width.

Tables have rows for the settings of half of the qubits, and plans are made of what fits into
memory. What a circuit would take is asked of others, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from qjax._base import tuning
from qjax._base.store import kept
from qjax._circuit.circuit import Circuit
from qjax._plan.builder import MadeSegment
from qjax._plan.frame import MovingFrame
from qjax._plan.pass_tables import MadePass
from qjax._plan.planner import count_steps, drafted
from qjax._plan.schedule import is_real_block
from qjax._plan.step_tables import Steps, StepTables, Target, Term
from qjax._plan.summary import work_of

Loops = Literal["layers", "passes", "none"]


class Outline(NamedTuple):
    """What XLA's passes over the state of a circuit are.

    Attributes:
        num_passes: over the state.
        flops: real operations for one sample.
        bytes_moved: that are read and written for one sample, in single precision.
        nanoseconds: for one sample, by the cost model that chose the passes, of an amplitude.
        entries_built: how many complex numbers all matrices have that are multiplied to those of
            passes: where layers repeat, and elsewhere.
        loops: what most passes run in: a loop over layers, one over passes, or none.
        has_phases: whether any pass applies phases that its matrix does not.
        stays_real: whether all matrices are ones of real numbers.
    """

    num_passes: int
    flops: float
    bytes_moved: float
    nanoseconds: float
    entries_built: tuple[int, int]
    loops: Loops
    has_phases: bool
    stays_real: bool


@kept()
def outline_of(circuit: Circuit, many: bool = False) -> Outline:
    """The passes of a circuit of gates, and of the amplitudes that it starts from.

    Args:
        circuit: gates that all samples share, of any width.
        many: whether there are many samples, which makes wider matrices cheaper.
    """
    builder = drafted(circuit, frozenset(), True, with_tables=False, many=many).builder
    builder.finish()
    segments = builder.made_segments
    flops, moved = work_of(segments, circuit.num_qubits)
    passes = [(one, segment.length) for segment in segments for one in segment.passes]
    return Outline(
        builder.num_passes,
        flops,
        moved,
        _nanoseconds(passes),
        _entries_built(passes),
        _loops(segments),
        any(one.terms for one, _ in passes),
        all(one.block is None or is_real_block(one.block) for one, _ in passes),
    )


def _entries_built(passes: Sequence[tuple[MadePass, int]]) -> tuple[int, int]:
    built = [0, 0]
    for one, length in passes:
        if one.block is not None:
            built[length == 1] += length * len(one.block.members) * 4 ** len(one.order)
    return built[0], built[1]


def _loops(segments: Sequence[MadeSegment]) -> Loops:
    most = max(segments, key=lambda each: each.length * len(each.passes), default=None)
    if most is None or most.length * most.period == 1:
        return "none"
    return "layers" if most.length > 1 else "passes"


def _nanoseconds(passes: Sequence[tuple[MadePass, int]]) -> float:
    total = 0.0
    for one, length in passes:
        total += length * tuning.REARRANGE * (one.move is not None)
        total += length * tuning.ROTATE * bool(one.terms)
        if one.block is not None:
            width = len(one.block.qubits)
            multiply = tuning.MULTIPLY.get(width, 2.0**width / 20)
            total += length * multiply * (tuning.REAL if is_real_block(one.block) else 1)
    return total


# Terms that one action of the kernels takes; `kTermsAtOnce` of `phases.h`.
_TERMS_AT_ONCE = 6


class StepCounts(NamedTuple):
    """How many steps the native engine takes that touch the whole state.

    Attributes:
        pairs: steps that mix rows in pairs.
        phases: actions that give phases to rows, of a few terms each.
        of_matrices: settings that matrices mix: 2**k for one on k qubits.
    """

    pairs: int
    phases: int
    of_matrices: int

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self)


@kept()
def step_counts(circuit: Circuit) -> StepCounts | None:
    """The steps of a circuit of gates, of any width; None where the native engine lacks a gate."""
    counter = _Counter(circuit.num_qubits)
    known = count_steps(circuit, counter)
    return StepCounts(counter.pairs, counter.phases, counter.of_matrices) if known else None


@dataclass
class _Counter(StepTables):
    """Tables that nothing is written to: masks of wide circuits do not fit into theirs."""

    pairs: int = 0
    phases: int = 0
    of_matrices: int = 0

    def add_phases(self, terms: Sequence[Term]) -> None:
        self.phases += -(-len(terms) // _TERMS_AT_ONCE)

    def add_pairs(self, *step: Any) -> None:
        # Those that mix the first rows only make the product state to start from.
        self.pairs += step[-1] is None

    def add_matrix(self, targets: Sequence[Target], *_: Any) -> None:
        self.of_matrices += 1 << len(targets)

    def finish(self, _: MovingFrame) -> Steps:
        return Steps(self.num_qubits, np.zeros(0, np.int32), np.zeros(0))
