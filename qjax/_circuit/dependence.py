"""Floor 2. Gates, noise and the qubits that are looked at -> what of it all they depend on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from qjax._circuit.channels import FixedChannel, Noise, Step
from qjax._circuit.gates import is_diagonal
from qjax._circuit.operations import Amplitudes, Control, Gate


class Reached(NamedTuple):
    """What qubits depend on.

    Attributes:
        qubits: those, and what they meet.
        steps: the indices of the gates and channels, in order.
        prepared: the amplitudes.
    """

    qubits: set[int]
    steps: tuple[int, ...]
    prepared: tuple[Amplitudes, ...]


def reached(
    sequence: Sequence[Step],
    prepared: Iterable[Amplitudes],
    looked_at: Iterable[int],
    turned: Iterable[int],
    num_qubits: int,
) -> Reached:
    """What qubits depend on at the end; for several it is the union of what it is for each.

    Args:
        sequence: gates and noise.
        prepared: amplitudes that qubits start from, before all gates.
        looked_at: the qubits.
        turned: those among them that are not only looked at in the computational basis, so that
            phases at the end matter.
        num_qubits: how many there are.
    """
    past = _Past(set(looked_at), set(turned), set())
    seen, mixed = past.seen, past.mixed
    kept: list[int] = []
    for index in range(len(sequence) - 1, -1, -1):
        if len(mixed) == num_qubits:  # then all that comes before acts on them
            kept += [k for k in range(index, -1, -1) if sequence[k].support]
            break
        step = sequence[index]
        support = step.support
        if seen.isdisjoint(support):
            continue
        if isinstance(step, Noise):
            if past.add_noise(step):
                kept.append(index)
            continue
        if mixed.isdisjoint(support) and is_diagonal(step.kind):
            continue
        kept.append(index)
        seen.update(support)
        mixed.update(support)
    # They come first in time, and gates on a qubit that they add act on what nobody sees.
    starts = tuple(amplitudes for amplitudes in prepared if not seen.isdisjoint(amplitudes.qubits))
    for amplitudes in starts:
        seen.update(amplitudes.qubits)
    return Reached(seen | past.reset, tuple(reversed(kept)), starts)


class _Past(NamedTuple):
    """Qubits at some time, and what the end depends on of them.

    Attributes:
        seen: those that it depends on.
        mixed: those among them that it does not depend on in the computational basis only, so that
            diagonal gates on others commute with all that comes, or are followed by dephasing.
        reset: those whose states at this time do not matter, as a reset comes later.
    """

    seen: set[int]
    mixed: set[int]
    reset: set[int]

    def add_noise(self, noise: Noise) -> bool:
        """Go to before a channel; whether anything depends on it.

        It keeps the trace: where nobody sees what it acts on, nothing is left but that its controls
        are dephased. These it leaves where they are: diagonal gates on them commute with it.
        """
        alone = noise.qubits[0] if not noise.controls else None
        if noise.channel is FixedChannel.DEPHASING:
            if self.mixed.isdisjoint(noise.support):
                return False
            self.seen.update(noise.support)
            if alone is not None:
                self.mixed.discard(alone)
            return True
        if self.seen.isdisjoint(noise.qubits) and self.mixed.isdisjoint(noise.support):
            return False
        if alone is not None and noise.channel is FixedChannel.RESET:
            self.seen.discard(alone)
            self.mixed.discard(alone)
            self.reset.add(alone)
            return True
        self.seen.update(noise.support)
        self.mixed.update(noise.qubits)
        return True


def moved_step(step: Step, positions: Mapping[int, int]) -> Step:
    """The step with other numbers for the qubits."""
    return moved_noise(step, positions) if isinstance(step, Noise) else moved_gate(step, positions)


def moved_noise(noise: Noise, positions: Mapping[int, int]) -> Noise:
    """The channel with other numbers for the qubits."""
    controls = tuple(Control(positions[qubit], value) for qubit, value in noise.controls)
    return Noise(noise.channel, tuple(positions[qubit] for qubit in noise.qubits), controls)


def moved_gate(gate: Gate, positions: Mapping[int, int]) -> Gate:
    """The gate with other numbers for the qubits."""
    controls = tuple(Control(positions[control.qubit], control.value) for control in gate.controls)
    qubits = tuple(positions[qubit] for qubit in gate.qubits)
    return Gate(gate.name, qubits, gate.angles, controls, gate.matrix, gate.label)


def moved_amplitudes(amplitudes: Amplitudes, positions: Mapping[int, int]) -> Amplitudes:
    """The amplitudes with other numbers for the qubits."""
    return replace(amplitudes, qubits=tuple(positions[qubit] for qubit in amplitudes.qubits))
