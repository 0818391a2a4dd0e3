"""Floor 2. Channels in their places in a circuit: which of those given beside it acts on what.

A circuit is data that programs are compiled for, and the strengths of noise are numbers that they
are told: so an operation only names the channel, by its number.
"""

from dataclasses import dataclass
from enum import Enum

import numpy as np

from qjax._circuit.operations import Control, Gate


class FixedChannel(Enum):
    """A channel on one qubit that has no strength, so that nobody gives it beside a circuit."""

    RESET = "reset"
    DEPHASING = "dephasing"

    @property
    def kraus(self) -> np.ndarray:
        """Its Kraus operators, real `(2, 2, 2)`.

        A reset leaves |0>; complete dephasing leaves what a measurement does whose outcome is
        lost (Nielsen and Chuang, sec. 8.3).
        """
        if self is FixedChannel.RESET:
            return np.array([[[1.0, 0.0], [0.0, 0.0]], [[0.0, 1.0], [0.0, 0.0]]])
        return np.array([[[1.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 1.0]]])


@dataclass(frozen=True, slots=True)
class Noise:
    """A channel acts on qubits.

    Attributes:
        channel: which of the channels that are given beside the circuit; or a fixed one.
        qubits: what it acts on, the least significant of its operators first.
        controls: qubits that hold classical values, and the values for which the channel acts; for
            others nothing happens. Its Kraus operators are |v><v| x K for each K, and
            (1 - |v><v|) x 1.
    """

    channel: int | FixedChannel
    qubits: tuple[int, ...]
    controls: tuple[Control, ...] = ()

    @property
    def support(self) -> tuple[int, ...]:
        """Every qubit that it touches, controls last."""
        return self.qubits + tuple([control.qubit for control in self.controls])


@dataclass(frozen=True, slots=True)
class BitNoise:
    """A channel on classical bits: what was written there is misread.

    Attributes:
        channel: which of the channels that are given beside the circuit; its Kraus operators take
            basis states to basis states, so that it does to diagonal states what a matrix of
            probabilities does, and sees nothing of others.
        clbits: what it acts on, the least significant first.
    """

    channel: int
    clbits: tuple[int, ...]


# What a circuit without control flow does between its start and its final measurements.
Step = Gate | Noise
