"""Floor 3. What wires hold wherever the amplitude is not 0 -> gates that do less, equal wires.

Affine functions over the field of two elements, as for the supports of stabilizer states (Dehaene
and De Moor, Phys. Rev. A 68, 042318 (2003)), but of any state: what has no such form is a variable.
"""

from collections.abc import Mapping
from dataclasses import replace

from qjax._circuit.channels import FixedChannel, Noise, Step
from qjax._circuit.gates import ConstantGate, GateKind, PhaseGate, is_diagonal
from qjax._circuit.operations import Control, Gate

Known = dict[int, int]
"""For each wire a sum modulo 2 of variables, as a mask, and 1 if bit 0 is set."""


def without_known(step: Step, known: Known) -> Step | None:
    """A gate or channel with fewer controls that does as this one where wires hold what is known.

    None where it does nothing.
    """
    if any(known[control.qubit] == 1 - control.value for control in step.controls):
        return None
    controls = tuple(c for c in step.controls if known[c.qubit] != c.value)
    if isinstance(step, Noise):
        return None if _does_nothing(step, known) else replace(step, controls=controls)
    return _gate_without_known(step, controls, known)


def _does_nothing(noise: Noise, known: Known) -> bool:
    """Whether a fixed channel leaves what a wire is known to hold; controls are classical."""
    if not isinstance(noise.channel, FixedChannel):
        return False
    held = known[noise.qubits[0]]
    return held == 0 or (held == 1 and noise.channel is FixedChannel.DEPHASING)


def _gate_without_known(gate: Gate, controls: tuple[Control, ...], known: Known) -> Gate | None:
    if _is_phase_of_one(gate.kind) and controls:
        (target,) = gate.qubits
        if known[target] == 0:
            return None
        if known[target] == 1 and controls[0].value == 1:
            # Target and controls of such a gate may be exchanged.
            return replace(gate, qubits=(controls[0].qubit,), controls=controls[1:])
    return replace(gate, controls=controls)


def _is_phase_of_one(kind: GateKind) -> bool:
    """Whether a gate is diag(1, phase)."""
    if isinstance(kind, PhaseGate):
        return len(kind.phases) == 2 and kind.phases[0] == 0
    if not isinstance(kind, ConstantGate) or kind.num_qubits != 1:
        return False
    return bool(kind.matrix[0, 0] == 1) and is_diagonal(kind)


def sum_of(target: int, known: Mapping[int, int]) -> list[int] | None:
    """Wires whose sum is this sum of variables, or its opposite; None if there are none.

    By elimination modulo 2.
    """
    pivots: dict[int, tuple[int, int]] = {}  # of the highest variable: (known, wires as a mask)
    for wire, held in known.items():
        rest, used = _reduced(held, 1 << wire, pivots)
        if rest > 1:
            pivots[rest.bit_length()] = rest, used
    rest, used = _reduced(target, 0, pivots)
    if rest > 1:
        return None
    return [wire for wire in range(used.bit_length()) if used >> wire & 1]


def _reduced(known: int, used: int, pivots: Mapping[int, tuple[int, int]]) -> tuple[int, int]:
    while known > 1 and (pivot := pivots.get(known.bit_length())) is not None:
        known, used = known ^ pivot[0], used ^ pivot[1]
    return known, used
