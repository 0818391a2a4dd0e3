"""Floor 3. What Qiskit's samplers return -> states of the measured qubits; exact probabilities."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from qiskit.primitives import BitArray, SamplerPubResult

# The finest counts that stand for probabilities: 2**50 shots.
_FINEST = 50
# What the rounding of double precision leaves of an exact fraction.
_ROUNDING = 1e-15


@dataclass(frozen=True, eq=False)
class Distribution:
    """The exact probabilities of what a classical register shows, in the place of a `BitArray`.

    Made as Qiskit Machine Learning's `QMLSampler(shots=None)` makes them, for its networks,
    kernels and gradients: it reads as counts, out of so many shots that nothing is lost.

    Attributes:
        joint: the probabilities of the states of the measured qubits, `(*shape, 2**k)`.
        places: for each bit of the register, lowest first, the bit of those states that it shows;
            None where nothing was measured, which is 0.
    """

    joint: Float[np.ndarray, "*shape states"]
    places: tuple[int | None, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the parameter sets."""
        return self.joint.shape[:-1]

    @property
    def ndim(self) -> int:
        """The length of `shape`."""
        return self.joint.ndim - 1

    @property
    def size(self) -> int:
        """How many parameter sets there are."""
        return self.joint[..., 0].size

    @property
    def num_bits(self) -> int:
        """Of the register."""
        return len(self.places)

    @property
    def num_shots(self) -> None:
        """None, as nothing is sampled."""
        return None

    def __repr__(self) -> str:
        return f"Distribution(<shape={self.shape}, num_bits={self.num_bits}>)"

    def __getitem__(self, index: Any) -> "Distribution":
        """The distribution of some parameter sets."""
        chosen = np.arange(self.size).reshape(self.shape)[index]
        return Distribution(self.joint.reshape(-1, self.joint.shape[-1])[chosen], self.places)

    def get_probabilities(
        self, loc: int | tuple[int, ...] | None = None
    ) -> dict[str, float] | np.ndarray:
        """Probabilities by bitstring, highest bit first; what has none is left out.

        Args:
            loc: of which parameter set. None: an array of them all, unless there is only one.
        """
        chosen = self if loc is None else self[loc]
        by_bitstring = np.empty(chosen.size, object)
        for row, (values, shares) in enumerate(chosen._rows(chosen.joint)):
            by_bitstring[row] = dict(zip(map(self._bitstring, values), shares, strict=True))
        return by_bitstring.reshape(chosen.shape) if chosen.shape else by_bitstring[0]

    def get_counts(
        self, loc: int | tuple[int, ...] | None = None, shots: int | None = None
    ) -> dict[str, int]:
        """Counts by bitstring, proportional to the probabilities; over all parameter sets.

        Args:
            loc: of which parameter set alone.
            shots: of each set, to which counts are rounded. None: the smallest power of 2 that
                makes whole numbers of all probabilities to 1e-15, at most 2**50.
        """
        counts = self.get_int_counts(loc, shots)
        return {self._bitstring(value): count for value, count in counts.items()}

    def get_int_counts(
        self, loc: int | tuple[int, ...] | None = None, shots: int | None = None
    ) -> dict[int, int]:
        """The same by the register's value as an integer."""
        chosen = self if loc is None else self[loc]
        whole = _counts(chosen.joint.reshape(chosen.size, chosen.joint.shape[-1]), shots)
        total: dict[int, int] = {}
        for values, counts in chosen._rows(whole):
            for value, count in zip(values, counts, strict=True):
                total[value] = total.get(value, 0) + count
        return total

    def _rows(self, table: np.ndarray) -> Iterator[tuple[list[int], list]]:
        """For each parameter set, the register's values and what the table has for them."""
        values = self._values()
        kept, column = np.unique(values, return_inverse=True)
        for row in table.reshape(self.size, len(values)):
            summed = np.zeros(len(kept), row.dtype)
            np.add.at(summed, column, row)
            seen = summed > 0
            yield kept[seen].tolist(), summed[seen].tolist()

    def _values(self) -> Int[np.ndarray, " states"]:
        """The register's value in each state of the measured qubits."""
        states = np.arange(self.joint.shape[-1])
        # From 63 bits on, only Python's integers are long enough.
        values = np.zeros(len(states), np.int64 if self.num_bits < 63 else object)
        for bit, state_bit in enumerate(self.places):
            if state_bit is not None:
                values |= (states >> state_bit & 1).astype(values.dtype) << bit
        return values

    def _bitstring(self, value: int) -> str:
        return f"{value:0{self.num_bits}b}" if self.num_bits else ""


def _counts(
    probabilities: Float[np.ndarray, "points states"], shots: int | None
) -> Int[np.ndarray, "points states"]:
    if shots is not None:
        return np.rint(probabilities * shots).astype(np.int64)
    powers = range(_FINEST + 1)
    total = next(2**k for k in powers if k == _FINEST or _is_whole(probabilities * 2**k, 2**k))
    counts = np.rint(probabilities * total).astype(np.int64)
    # Rounding is taken off where it counts least.
    likeliest = probabilities.argmax(axis=1)
    counts[np.arange(len(counts)), likeliest] += total - counts.sum(axis=1)
    return counts


def _is_whole(numbers: Float[np.ndarray, "..."], scale: int) -> bool:
    return bool((np.abs(numbers - np.rint(numbers)) <= _ROUNDING * scale).all())


class DistributionResult(SamplerPubResult):
    """What an exact sampler returns for a pub: a `Distribution` for each classical register."""

    def join_data(self, names: Iterable[str] | None = None) -> Distribution:
        """The joint distribution of several registers, in the order of `BitArray`s that are joined.

        Args:
            names: which. Default: all.

        Raises:
            ValueError: for no register, or one that does not exist.
        """
        chosen = list(self.data) if names is None else list(names)
        if not chosen or (unknown := [name for name in chosen if name not in self.data]):
            missing = unknown if chosen else "none"
            raise ValueError(f"names: got {missing}; expected some of {list(self.data)}")
        distributions: list[Distribution] = [self.data[name] for name in chosen]
        return Distribution(
            distributions[0].joint,
            tuple(state_bit for distribution in distributions for state_bit in distribution.places),
        )


# ---------------------------------------------------------------- for networks


def states_of(samples: object, places: Mapping[int, int]) -> Int[np.ndarray, "rows shots"]:
    """The state of the measured qubits in each shot.

    Args:
        samples: what a sampler returned for a register.
        places: for each bit of it that is measured, the bit of the state that it shows.

    Raises:
        TypeError: for anything but samples.
    """
    if not isinstance(samples, BitArray):
        raise TypeError(
            f"the sampler returned {type(samples).__name__}, expected Qiskit's BitArray: samples, "
            "not probabilities. Give it a number of shots, or leave sampler=None, which is exact"
        )
    bits = np.unpackbits(samples.array, axis=-1)[..., ::-1]
    states = np.zeros(bits.shape[:-1], np.int64)
    for bit, state_bit in places.items():
        states |= bits[..., bit].astype(np.int64) << state_bit
    return states


def probabilities_of_states(
    register_data: object, places: Mapping[int, int], num_qubits: int
) -> Float[np.ndarray, "*rows states"] | None:
    """The exact probabilities of the measured qubits' states, where a sampler returns such.

    Ours do, and Qiskit Machine Learning's `QMLSampler(shots=None)`.

    Args:
        register_data: what the sampler returned for the one register.
        places: as in `states_of`.
        num_qubits: how many qubits are measured.
    """
    probabilities = getattr(register_data, "get_probabilities", None)
    if isinstance(register_data, BitArray) or probabilities is None:
        return None
    rows = np.asarray(probabilities(), object)
    # Theirs leaves out bits that nothing is measured into.
    num_bits: int = register_data.num_bits  # type: ignore[attr-defined]
    listed = sorted(places) if num_bits == len(places) else range(num_bits)
    bits = [places.get(bit) for bit in listed]
    table = np.zeros((rows.size, 2**num_qubits))
    for row, shares in zip(table, rows.ravel().tolist(), strict=True):
        for bitstring, share in shares.items():
            row[_state(bitstring, bits)] += share
    return table.reshape(*rows.shape, -1)


def _state(bitstring: str, places: Sequence[int | None]) -> int:
    shown = zip(reversed(bitstring), places, strict=True)
    return sum(1 << state_bit for bit, state_bit in shown if bit == "1" and state_bit is not None)
