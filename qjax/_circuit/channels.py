"""Floor 2. Channels in their places in a circuit: which of those given beside it acts on what.

A circuit is data that programs are compiled for, and the strengths of noise are numbers that they
are told: so an operation only names the channel, by its number.
"""

from dataclasses import dataclass

from qjax._circuit.operations import Control


@dataclass(frozen=True, slots=True)
class Noise:
    """A channel acts on qubits.

    Attributes:
        channel: which of the channels that are given beside the circuit.
        qubits: what it acts on, the least significant of its operators first.
        controls: qubits that hold classical values, and the values for which the channel acts; for
            others nothing happens. Its Kraus operators are |v><v| x K for each K, and
            (1 - |v><v|) x 1.
    """

    channel: int
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
        channel: which of the channels that are given beside the circuit; it keeps diagonal states
            diagonal.
        clbits: what it acts on, the least significant first.
    """

    channel: int
    clbits: tuple[int, ...]
