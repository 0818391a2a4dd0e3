"""Floor 2. Which observables share a state: those whose light cones have much in common.

One state of all that any of them depends on may be far larger than one for each. Costs are in
amplitudes times steps, of about a nanosecond each.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import reduce
from typing import NamedTuple

from qjax._base import tuning
from qjax._circuit.channels import Noise, Step
from qjax._circuit.circuit import Circuit, preparations, steps
from qjax._circuit.dependence import reached


class Sight(NamedTuple):
    """The qubits that something measured acts on, as a mask, and whether it is diagonal."""

    support: int
    diagonal: bool


class _Past(NamedTuple):
    """Qubits, and gates and noise, by their places, as masks."""

    qubits: int
    steps: int


class _Group(NamedTuple):
    """What shares a state.

    Attributes:
        sights: of what is measured.
        diagonal: whether all of it is.
        of_any, of_diagonal: what it depends on; what it would depend on if all were diagonal.
    """

    sights: tuple[Sight, ...]
    diagonal: bool
    of_any: _Past
    of_diagonal: _Past

    @property
    def past(self) -> _Past:
        return self.of_diagonal if self.diagonal else self.of_any

    @property
    def cost(self) -> int:
        return self.past.steps.bit_count() << self.past.qubits.bit_count()


def group_sights(circuit: Circuit, sights: Sequence[Sight]) -> list[tuple[Sight, ...]]:
    """Groups of what is measured, each with a state of its own; one, if that is not far dearer.

    Args:
        circuit: its gates and noise count.
        sights: at least one, each once.
    """
    single = _single(circuit, sights)
    whole = reduce(_joined, single)
    if any(group.past.qubits == whole.past.qubits for group in single):
        return [whole.sights]
    alike, others = _apart(circuit, _absorbed(single))
    others = _merged(others)
    programs = len(alike) + len(others)
    groups = [group for members in alike for group in members] + others
    cost = tuning.SPLIT_PROGRAM * programs + sum(tuning.SPLIT_CALL + group.cost for group in groups)
    is_cheaper = tuning.CLEARLY_CHEAPER * cost < whole.cost
    return [group.sights for group in groups] if is_cheaper else [whole.sights]


def _single(circuit: Circuit, sights: Sequence[Sight]) -> list[_Group]:
    """Each by itself: what several qubits depend on is the union of what each does."""
    measured = [qubit for qubit in range(circuit.num_qubits) if _any_at(sights, qubit)]
    of_any, of_diagonal = (
        {qubit: _past_of(circuit, qubit, diagonal) for qubit in measured}
        for diagonal in (False, True)
    )
    groups = []
    for sight in sights:
        qubits = [qubit for qubit in measured if sight.support >> qubit & 1]
        pasts = (
            reduce(_union, (by_qubit[q] for q in qubits)) for by_qubit in (of_any, of_diagonal)
        )
        groups.append(_Group((sight,), sight.diagonal, *pasts))
    return groups


def _any_at(sights: Sequence[Sight], qubit: int) -> bool:
    return any(sight.support >> qubit & 1 for sight in sights)


def _past_of(circuit: Circuit, qubit: int, diagonal: bool) -> _Past:
    turned = () if diagonal else (qubit,)
    sequence, prepared = steps(circuit), preparations(circuit)
    past = reached(sequence, prepared, (qubit,), turned, circuit.num_qubits)
    return _Past(_mask(past.qubits), _mask(past.steps))


def _mask(bits: Iterable[int]) -> int:
    return sum(1 << bit for bit in bits)


def _union(left: _Past, right: _Past) -> _Past:
    return _Past(left.qubits | right.qubits, left.steps | right.steps)


def _joined(left: _Group, right: _Group) -> _Group:
    return _Group(
        left.sights + right.sights,
        left.diagonal and right.diagonal,
        _union(left.of_any, right.of_any),
        _union(left.of_diagonal, right.of_diagonal),
    )


# ---------------------------------------------------------------- merging


def _absorbed(groups: Sequence[_Group]) -> list[_Group]:
    """Without those that a larger one sees anyway, from the lowest qubit up."""
    kept: list[_Group] = []
    for group in sorted(groups, key=lambda g: (-g.past.qubits.bit_count(), g.past.qubits)):
        for index, other in enumerate(kept):
            joined = _joined(other, group)
            if joined.past.qubits == other.past.qubits:
                kept[index] = joined
                break
        else:
            kept.append(group)
    return sorted(kept, key=_lowest)


def _lowest(group: _Group) -> tuple[int, int]:
    qubits = group.past.qubits
    return qubits & -qubits, qubits


def _apart(circuit: Circuit, groups: Sequence[_Group]) -> tuple[list[list[_Group]], list[_Group]]:
    """Those of which many look alike, and the others."""
    by_shape: dict[tuple, list[_Group]] = defaultdict(list)
    for group in groups:
        by_shape[_shape(circuit, group)].append(group)
    alike = [members for members in by_shape.values() if len(members) >= tuning.MIN_ALIKE]
    same = {id(group) for members in alike for group in members}
    return alike, [group for group in groups if id(group) not in same]


def _shape(circuit: Circuit, group: _Group) -> tuple:
    """What two groups have in common that differ in the numbers and places of qubits only."""
    seen = _bits(group.past.qubits)
    at = {qubit: position for position, qubit in enumerate(seen)}
    sequence = steps(circuit)
    kept = (sequence[index] for index in _bits(group.past.steps))
    acts = tuple((*_kind_of(step), tuple(at[q] for q in step.support)) for step in kept)
    sights = ((tuple(at[q] for q in _bits(s.support)), s.diagonal) for s in group.sights)
    return len(seen), acts, tuple(sorted(sights))


def _kind_of(step: Step) -> tuple:
    return ("noise", step.channel) if isinstance(step, Noise) else (step.name, len(step.angles))


def _bits(mask: int) -> list[int]:
    return [bit for bit in range(mask.bit_length()) if mask >> bit & 1]


def _merged(groups: Sequence[_Group]) -> list[_Group]:
    """Together where this costs less than another program."""
    merged: list[_Group] = []
    for group in groups:
        best, best_index = tuning.SPLIT_PROGRAM + tuning.SPLIT_CALL, len(merged)
        for index, other in enumerate(merged):
            more = _joined(other, group).cost - other.cost - group.cost
            if more < best:
                best, best_index = more, index
        if best_index == len(merged):
            merged.append(group)
        else:
            merged[best_index] = _joined(merged[best_index], group)
    return merged
