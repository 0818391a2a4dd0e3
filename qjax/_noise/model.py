"""Floor 3. Noise model: which channels act after and before which operations, and misreadings."""

from dataclasses import dataclass, field
from typing import Literal

import jax
import numpy as np
from jax import Array

from qjax._noise.channel import Channel


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class Rule:
    """A channel acts where operations of some names stand.

    Attributes:
        when: before or after the operation.
        names: Qiskit's names of the operations.
        qubits: the operation's qubits in Qiskit's order, controls first; None for any.
        exceptions: qubits that it does not hold for, where `qubits` is None.
        channel: what happens to them.
    """

    when: Literal["before", "after"] = field(metadata={"static": True})
    names: tuple[str, ...] = field(metadata={"static": True})
    qubits: tuple[int, ...] | None = field(metadata={"static": True})
    exceptions: frozenset[tuple[int, ...]] = field(metadata={"static": True})
    channel: Channel


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class ReadoutError:
    """Measured bits are misread.

    Attributes:
        qubits: of these, jointly, the first as the least significant bit; None for each qubit.
        matrix: `(2**k, 2**k)`, the probability to read j (column) where i (row) was true.
    """

    qubits: tuple[int, ...] | None = field(metadata={"static": True})
    matrix: Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class NoiseModel:
    """What goes wrong on the way: channels beside gates, and misread measurements.

    Immutable, and a pytree whose leaves are the strengths. Each method returns a new model. All
    rules that fit an operation act, in the order in which they were given.
    """

    rules: tuple[Rule, ...] = ()
    readouts: tuple[ReadoutError, ...] = ()

    def after(
        self, gates: str | list[str], channel: Channel, qubits: tuple[int, ...] | None = None
    ) -> "NoiseModel":
        """The model in which a channel acts after gates of these names."""
        names = (gates,) if isinstance(gates, str) else tuple(gates)
        rule = Rule("after", names, qubits, frozenset(), channel)
        return NoiseModel((*self.rules, rule), self.readouts)

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The channels of all rules, then those of misreadings midway; places name their number."""
        return tuple(rule.channel for rule in self.rules)


def as_noise(noise: object) -> NoiseModel | None:
    """What `noise=` was given.

    Raises:
        TypeError: for what is no noise model.
    """
    if noise is None or isinstance(noise, NoiseModel):
        return noise
    way = ""
    if type(noise).__module__.startswith("qiskit_aer"):
        way = "; qjax.noise.from_aer converts it"
    elif isinstance(noise, Channel):
        way = "; say where the channel acts, as in NoiseModel().after('cx', channel)"
    raise TypeError(
        f"noise: got {type(noise).__name__}; expected a qjax.noise.NoiseModel or None{way}"
    )


def numbers_of(model: NoiseModel | None) -> tuple[object, ...]:
    """What tells apart models of one structure: their numbers, or the arrays that JAX traces."""
    return tuple(
        leaf if isinstance(leaf, jax.core.Tracer) else (np.shape(leaf), np.asarray(leaf).tobytes())
        for leaf in jax.tree.leaves(model)
    )
