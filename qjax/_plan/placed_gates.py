"""Floor 3. Gates in their places; those that differ per sample as phases between fixed matrices.

A matrix per sample would cost a batch of small products. A rotation is V diag(phases) V^dagger with
a constant V, and V joins the matrices around it, which all samples share: what differs per sample
is a phase vector (the spectral decomposition of each generator; Nielsen and Chuang, ch. 4).
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np

from qjax._circuit.gates import ConstantGate, PhaseGate, RotationGate
from qjax._circuit.operations import Gate
from qjax._plan.actions import Action, action_of, analyse


class Member(NamedTuple):
    """A gate in its place.

    Attributes:
        action: what it does.
        qubits: its targets, least significant first.
        controls: its control qubits.
        angles: `(num_angles, length)` places of its angles among the shared or batched angles,
            for each repetition of the layer it stands in.
        batched: whether the angles differ per sample.
    """

    action: Action
    qubits: tuple[int, ...]
    controls: tuple[int, ...]
    angles: np.ndarray
    batched: bool

    @property
    def support(self) -> tuple[int, ...]:
        return self.qubits + self.controls


_H = np.array([[1, 1], [1, -1]]) / 2**0.5
_SH = np.diag([1, 1j]) @ _H
_PAIR = np.array([[1, 0, 0, 0], [0, 1, 1, 0], [0, 1, -1, 0], [0, 0, 0, 2**0.5]]) / 2**0.5
_PAIR[0, 0] = 1
_ENDS = _PAIR[[1, 0, 3, 2]][:, [1, 0, 3, 2]]
_MINUS = PhaseGate((0.5, -0.5))
_P, _RZ = PhaseGate((0, 1)), PhaseGate((-0.5, 0.5))
_RZZ = PhaseGate((-0.5, 0.5, 0.5, -0.5))


# XX, YY and ZZ of a pair commute. U = H(first) CX(first, second) diagonalises all of them at once
# (the Bell basis): U XX U^dagger = Z1, U ZZ U^dagger = Z2, and YY = -XX ZZ becomes -Z1 Z2.
_BELL = {
    "rxx": (PhaseGate((-0.5, 0.5)), (0,)),
    "ryy": (PhaseGate((0.5, -0.5, -0.5, 0.5)), (0, 1)),
    "rzz": (PhaseGate((-0.5, 0.5)), (1,)),
}


class _Factor(NamedTuple):
    """A diagonal factor of a rotation: the angle it takes and the places of its targets."""

    kind: PhaseGate
    angle: int
    places: tuple[int, ...]


class _Spectrum(NamedTuple):
    """before, then V^dagger, core, V, then after; gates in the order of time.

    `bases` are pairs of the places of targets and V on them.
    """

    before: tuple[_Factor, ...]
    bases: tuple[tuple[tuple[int, ...], np.ndarray], ...]
    core: _Factor
    after: tuple[_Factor, ...]


_SPECTRA: dict[str, _Spectrum] = {
    "rx": _Spectrum((), (((0,), _H),), _Factor(_RZ, 0, (0,)), ()),
    "ry": _Spectrum((), (((0,), _SH),), _Factor(_RZ, 0, (0,)), ()),
    "r": _Spectrum(
        (_Factor(_MINUS, 1, (0,)),),
        (((0,), _H),),
        _Factor(_RZ, 0, (0,)),
        (_Factor(_RZ, 1, (0,)),),
    ),
    "u": _Spectrum(
        (_Factor(_P, 2, (0,)),), (((0,), _SH),), _Factor(_RZ, 0, (0,)), (_Factor(_P, 1, (0,)),)
    ),
    "rxx": _Spectrum((), (((0,), _H), ((1,), _H)), _Factor(_RZZ, 0, (0, 1)), ()),
    "ryy": _Spectrum((), (((0,), _SH), ((1,), _SH)), _Factor(_RZZ, 0, (0, 1)), ()),
    "rzx": _Spectrum((), (((1,), _H),), _Factor(_RZZ, 0, (0, 1)), ()),
    "xx_plus_yy": _Spectrum(
        (_Factor(PhaseGate((0, -1)), 1, (1,)),),
        (((0, 1), _PAIR),),
        _Factor(PhaseGate((0, -0.5, 0.5, 0)), 0, (0, 1)),
        (_Factor(_P, 1, (1,)),),
    ),
    "xx_minus_yy": _Spectrum(
        (_Factor(PhaseGate((0, -1)), 1, (1,)),),
        (((0, 1), _ENDS),),
        _Factor(PhaseGate((-0.5, 0, 0, 0.5)), 0, (0, 1)),
        (_Factor(_P, 1, (1,)),),
    ),
}


def whole(gate: Gate, batched: bool, angles: np.ndarray) -> Member:
    """A gate with the places of its angles."""
    controls = tuple(control.qubit for control in gate.controls)
    action = action_of(gate.name, gate.matrix, tuple(control.value for control in gate.controls))
    return Member(action, gate.qubits, controls, angles, batched)


def place_all(layer: Iterable[tuple[Gate, bool, np.ndarray]]) -> list[Member]:
    """`place` of gates in order; rotations about XX, YY and ZZ of one pair share their basis."""
    members: list[Member] = []
    for pair, same in groupby(layer, key=lambda entry: _bell_pair(entry[0], entry[1])):
        entries = list(same)
        if pair is not None and len({gate.name for gate, _, _ in entries}) > 1:
            members += _in_bell_basis(entries)
        else:
            members += [member for entry in entries for member in place(*entry)]
    return members


def _bell_pair(gate: Gate, batched: bool) -> frozenset[int] | None:
    """The pair that a gate rotates about XX, YY or ZZ, by an angle per sample; else None."""
    fits = batched and gate.matrix is None and gate.name in _BELL and not gate.controls
    return frozenset(gate.qubits) if fits else None


def _in_bell_basis(entries: Sequence[tuple[Gate, bool, np.ndarray]]) -> list[Member]:
    """Phases between CX, H and H, CX: one matrix on one qubit before and after all of them."""
    first, second = entries[0][0].qubits
    nothing = np.zeros((0, entries[0][2].shape[1]), np.int32)
    cx = Member(action_of("x", None, (1,)), (second,), (first,), nothing, False)
    h = Member(analyse(ConstantGate(_H)), (first,), (), nothing, False)
    phases = []
    for gate, _, angles in entries:
        kind, places = _BELL[gate.name]
        targets = tuple((first, second)[position] for position in places)
        phases.append(Member(analyse(kind), targets, (), angles, True))
    return [cx, h, *phases, h, cx]


def place(gate: Gate, batched: bool, angles: np.ndarray) -> list[Member]:
    """The same, split into a spectrum if it differs per sample."""
    member = whole(gate, batched, angles)
    if not (batched and isinstance(member.action.kind, RotationGate) and gate.name in _SPECTRA):
        return [member]
    controls, values = member.controls, tuple(control.value for control in gate.controls)
    spectrum = _SPECTRA[gate.name]

    def phase(factor: _Factor) -> Member:
        targets = tuple(gate.qubits[position] for position in factor.places)
        places = angles[factor.angle][None]
        return Member(analyse(factor.kind, values), targets, controls, places, True)

    def basis(places: tuple[int, ...], matrix: np.ndarray) -> Member:
        targets = tuple(gate.qubits[position] for position in places)
        nothing = np.zeros((0, angles.shape[1]), np.int32)
        # Uncontrolled: where the gate does not act, V and its inverse cancel.
        return Member(analyse(ConstantGate(matrix)), targets, (), nothing, False)

    return [
        *(phase(factor) for factor in spectrum.before),
        *(basis(places, matrix.conj().T) for places, matrix in spectrum.bases),
        phase(spectrum.core),
        *(basis(places, matrix) for places, matrix in spectrum.bases),
        *(phase(factor) for factor in spectrum.after),
    ]
