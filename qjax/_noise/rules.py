"""Floor 3. Rules of a noise model: a channel beside operations, and misread measurements."""

from dataclasses import dataclass, field
from typing import Literal

import jax
from jax import Array
from jaxtyping import Float

from qjax._noise.channel import Channel
from qjax._noise.places import Place


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class Rule:
    """A channel acts where operations of some names stand.

    Attributes:
        when: before or after the operation.
        names: Qiskit's names of the operations.
        places: the operations' qubits in Qiskit's order, controls first; None for any.
        exceptions: qubits that it does not hold for, where `places` is None.
        channel: what happens to them.
    """

    when: Literal["before", "after"] = field(metadata={"static": True})
    names: tuple[str, ...] = field(metadata={"static": True})
    places: tuple[Place, ...] | None = field(metadata={"static": True})
    exceptions: frozenset[Place] = field(metadata={"static": True})
    channel: Channel

    def holds_for(self, qubits: Place) -> bool:
        """Whether it holds for an operation on these qubits, if it has one of the names."""
        return qubits not in self.exceptions if self.places is None else qubits in self.places

    def __repr__(self) -> str:
        return f"{self.when} {', '.join(self.names)}{_where(self)}: {self.channel}"


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class ReadoutError:
    """Measured bits are misread.

    Attributes:
        places: of these qubits, each time jointly, the first as the least significant bit; None
            for each qubit by itself.
        exceptions: qubits that it does not hold for, where `places` is None.
        channel: on classical bits.
    """

    places: tuple[Place, ...] | None = field(metadata={"static": True})
    exceptions: frozenset[Place] = field(metadata={"static": True})
    channel: Channel

    @property
    def matrix(self) -> Float[Array, "2**k 2**k"]:
        """The probability to read j (column) where i (row) was true; NaN where out of range."""
        return self.channel.misreading

    def holds_for(self, qubits: Place) -> bool:
        """Whether these qubits are misread so, jointly where there are several."""
        return qubits not in self.exceptions if self.places is None else qubits in self.places

    def __repr__(self) -> str:
        return f"readout{_where(self)}: {self.channel}"


def _where(rule: Rule | ReadoutError) -> str:
    if rule.places is None:
        return f" but on {_listed(tuple(sorted(rule.exceptions)))}" if rule.exceptions else ""
    return f" on {_listed(rule.places)}"


def _listed(places: tuple[Place, ...] | None) -> str:
    shown = [str(place[0]) if len(place) == 1 else str(place) for place in places or ()]
    return ", ".join(shown[:8]) + (f" and {len(shown) - 8} more" if len(shown) > 8 else "")
