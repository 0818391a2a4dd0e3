"""Floor 3. Noise model: which channels act before and after which operations, and misreadings."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import jax
import numpy as np
from jax.typing import ArrayLike

from qjax._base.arrays import counted
from qjax._noise.channel import Channel, check_channel
from qjax._noise.gate_names import size_of
from qjax._noise.places import as_places
from qjax._noise.rules import ReadoutError, Rule
from qjax._noise.strengths import as_misreading

# What is printed of a model.
_MOST_LINES = 40

# An operation's qubits, or several of these.
Qubits = int | Sequence[int] | Sequence[Sequence[int]] | None


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False, repr=False)
class NoiseModel:
    """What goes wrong on the way: channels beside operations, and misread measurements.

    Immutable, and a pytree whose leaves are the strengths: `jax.grad` differentiates in them. Each
    method returns a new model. All rules that fit an operation act, in the order in which they
    were given.

        noise = NoiseModel().after(["h", "ry"], depolarizing(0.001)).readout(0.02)

    Operations are called as in Qiskit ("cx", "ccx", "unitary", "measure", "reset", ...) and
    their qubits stand in Qiskit's order, controls first. What becomes other gates when it is
    imported has the noise of those. Noise after a measurement acts where something follows on the
    qubit; before one, on what is measured. Circuits without measurements are read out at the end,
    with misreadings and without the noise of "measure". Numbers of "initialize" become gates and
    resets when they are imported; with parameters it keeps its name.

    A rule for a qubit that a circuit has not is an error, unless the model is one of a device,
    as `qjax.noise.from_backend` and `from_aer` make.

    Attributes:
        rules: of channels beside operations.
        readouts: misreadings.
        num_qubits: the most qubits that circuits may have, of a device's model; None for any.
        is_of_device: whether circuits may have less qubits than there are rules for.
    """

    rules: tuple[Rule, ...] = ()
    readouts: tuple[ReadoutError, ...] = ()
    num_qubits: int | None = field(default=None, metadata={"static": True})
    is_of_device: bool = field(default=False, metadata={"static": True})

    def after(
        self, gates: str | Sequence[str], channel: Channel, qubits: Qubits = None
    ) -> "NoiseModel":
        """The model in which a channel acts after operations of these names.

        Beside all that acts there already: a rule for some qubits does not replace one for all.

        Args:
            gates: Qiskit's name of an operation, or several.
            channel: on as many qubits as these operations have.
            qubits: an operation's qubits in Qiskit's order (controls first), or a list of such
                tuples for several places; of operations on one qubit its number, or several.
                None for any.

        Raises:
            ValueError: for names that no operation has, a channel of another size, and qubits that
                do not fit.
            TypeError: for what is no name, no channel, or no qubit.
        """
        return self._with("after", gates, channel, qubits)

    def before(
        self, gates: str | Sequence[str], channel: Channel, qubits: Qubits = None
    ) -> "NoiseModel":
        """The model in which a channel acts before operations of these names.

        Arguments and errors are those of `after`. Not of "cu", which is imported as two gates.
        """
        return self._with("before", gates, channel, qubits)

    def readout(
        self,
        matrix_or_p01: ArrayLike | Sequence,
        p10: ArrayLike | None = None,
        qubits: Qubits = None,
    ) -> "NoiseModel":
        """The model in which measured bits are misread, after all that misreads them already.

        Args:
            matrix_or_p01: the probability to read 1 where 0 is true; or a matrix whose entry
                [i][j] is that to read j where i is true, as of Qiskit Aer's `ReadoutError`:
                `(2, 2)`, or `(2**k, 2**k)` for k qubits that are read jointly. May be traced.
            p10: the probability to read 0 where 1 is true; the same as the other one by default.
            qubits: of one qubit's matrix a number, or several, or None for every qubit; of k
                qubits' their tuple, the first as the least significant bit, or a list of tuples.

        Raises:
            ValueError: for probabilities out of range or rows whose sum is not 1 within 1e-8,
                where they are known (traced ones give NaN), other shapes, and qubits that do not
                fit.
            TypeError: for what holds no real numbers.
        """
        size, strengths = as_misreading(matrix_or_p01, p10)
        places = as_places(qubits, size)
        if places is None and size > 1:
            raise ValueError(
                f"qubits: expected the {size} qubits that the matrix is for, or a list of such "
                "tuples, got None"
            )
        channel = Channel("misread", size, strengths)
        added = ReadoutError(places, frozenset(), channel)
        return replace(self, readouts=(*self.readouts, added))

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The channels of all rules, then those of misreadings midway; places name their number."""
        channels = [rule.channel for rule in self.rules]
        return (*channels, *(readout.channel for readout in self.readouts))

    def _with(
        self, when: Literal["before", "after"], gates: Any, channel: Channel, qubits: Qubits
    ) -> "NoiseModel":
        check_channel(channel)
        names = (gates,) if isinstance(gates, str) else _as_names(gates)
        for name in names:
            check_size(name, size_of(name), channel)
            if when == "before" and name.startswith("cu") and name.partition("_")[0] == "cu":
                raise ValueError("before: 'cu' is imported as two gates; use after, or its parts")
        rule = Rule(when, names, as_places(qubits, channel.num_qubits), frozenset(), channel)
        return replace(self, rules=(*self.rules, rule))

    def __repr__(self) -> str:
        lines = [*map(repr, self.rules), *map(repr, self.readouts)]
        if len(lines) > _MOST_LINES:
            lines = [*lines[:_MOST_LINES], f"and {len(lines) - _MOST_LINES} more"]
        return "\n  ".join(["NoiseModel:", *lines]) if lines else "NoiseModel()"


def check_size(name: str, size: int | None, channel: Channel) -> None:
    """Require a channel of an operation's size, where that is known.

    Raises:
        ValueError: for another size.
    """
    if size is None or size == channel.num_qubits:
        return
    remedy = ""
    if channel.num_qubits < size:
        parts = ".tensor(channel)" * (size - 1)
        remedy = f"; channel{parts} acts on each of several qubits"
    raise ValueError(
        f"channel: {name!r} acts on {counted(size, 'qubit')}, and {channel} on "
        f"{channel.num_qubits}{remedy}"
    )


def _as_names(gates: Any) -> tuple[str, ...]:
    if isinstance(gates, (list, tuple, set, frozenset)) and gates:
        return tuple(sorted(gates) if isinstance(gates, (set, frozenset)) else gates)
    raise TypeError(
        "gates: expected Qiskit's name of a gate, such as 'cx', or a list of them, got the "
        f"{type(gates).__name__} {gates!r}"
    )


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
