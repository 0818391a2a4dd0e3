"""Floor 4. Factors -> how many blocks a plan has, at any width: nothing of it grows with states."""

from typing import NamedTuple

from qjax._simulators.density_matrix.blocks import drafts_of, split_start, width_of
from qjax._simulators.density_matrix.factors import Factors
from qjax._simulators.density_matrix.native import groups_of


class ScheduleShape(NamedTuple):
    """How large a plan is.

    Attributes:
        num_blocks: matrices that act on the state.
        width: qubits of a block.
        most_factors: of one block: all are filled up to so many.
        num_groups: passes of the kernels over the state.
    """

    num_blocks: int
    width: int
    most_factors: int
    num_groups: int


def schedule_shape(factors: Factors, num_qubits: int) -> ScheduleShape:
    """How large the plan of these factors is, for one sample, where all samples share them."""
    given = [start.qubits for start in factors.starts]
    _, later = split_start(factors.factors, num_qubits, frozenset().union(*given))
    widths = {kind: width_of(later, kind, num_qubits) for kind in (False, True)}
    drafts = drafts_of(later, widths)
    if not drafts:
        return ScheduleShape(0, widths[False], 0, 0)
    digits = [sorted(draft.qubits) for draft in drafts]
    return ScheduleShape(
        len(drafts),
        widths[False],
        max(len(draft.factors) for draft in drafts),
        len(groups_of(digits, False, num_qubits)),
    )
