"""Floor 3. Circuit -> how large its passes are, without their tables, at any width.

Tables have rows for the settings of half of the qubits, and plans are made of what fits into memory.
What a circuit would take is asked of others, too.
"""

from collections.abc import Sequence
from typing import NamedTuple

from qjax._base import tuning
from qjax._base.store import kept
from qjax._circuit.circuit import Circuit
from qjax._plan.pass_tables import MadePass
from qjax._plan.planner import drafted
from qjax._plan.schedule import is_real_block
from qjax._plan.summary import work_of


class Outline(NamedTuple):
    """What XLA's passes over the state of a circuit are.

    Attributes:
        num_passes: over the state.
        flops: real operations for one sample.
        bytes_moved: that are read and written for one sample, in single precision.
        nanoseconds: for one sample, by the cost model that chose the passes: of an amplitude, and of
            what does not grow with the state.
        matrix_entries: how many complex numbers the matrices of all passes have.
        loops: whether passes run in a loop.
        has_phases: whether any pass applies phases that its matrix does not.
        stays_real: whether all matrices are ones of real numbers.
    """

    num_passes: int
    flops: float
    bytes_moved: float
    nanoseconds: tuple[float, float]
    matrix_entries: int
    loops: bool
    has_phases: bool
    stays_real: bool


@kept()
def outline_of(circuit: Circuit) -> Outline:
    """The passes of a circuit of gates, and of the amplitudes that it starts from."""
    builder = drafted(circuit, frozenset(), True, with_tables=False).builder
    builder.finish()
    segments = builder.made_segments
    flops, moved = work_of(segments, circuit.num_qubits)
    passes = [(one, segment.length) for segment in segments for one in segment.passes]
    return Outline(
        builder.num_passes,
        flops,
        moved,
        _nanoseconds(passes, circuit.num_qubits),
        sum(length * 4 ** len(one.order) for one, length in passes),
        any(segment.length * segment.period > 1 for segment in segments),
        any(one.terms for one, _ in passes),
        all(one.block is None or is_real_block(one.block) for one, _ in passes),
    )


def _nanoseconds(
    passes: Sequence[tuple[MadePass, int]], num_qubits: int
) -> tuple[float, float]:
    per_amplitude = once = 0.0
    for one, length in passes:
        once += length * tuning.PASS
        per_amplitude += length * tuning.REARRANGE * (one.move is not None)
        per_amplitude += length * tuning.ROTATE * bool(one.terms)
        if one.block is None:
            continue
        width = len(one.block.qubits)
        multiply = tuning.MULTIPLY.get(width, 2.0**width / 20)
        per_amplitude += length * multiply * (tuning.REAL if is_real_block(one.block) else 1)
        once += length * tuning.BUILD * len(one.block.members) * 8.0**width
    return per_amplitude, once
