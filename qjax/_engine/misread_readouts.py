"""Floor 6. What is read out of pure states, and misread: linear maps of exact readouts.

Bits are misread after all else, so that what is read depends on the exact probabilities, or values
of Pauli strings, alone; the density matrix of the whole is not needed. A misreading of k qubits
makes of each string 2**k others at most, whose coefficients `qjax._noise.misreading` derives;
misreadings act on strings from the last to the first. A qubit is measured in the basis of the
observable's letter, also where a later misreading has left the letter out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float, Int

from qjax._base import tuning
from qjax._base.store import kept
from qjax._circuit.observable import DenseObservable, Observable, PauliSum, PauliTerm
from qjax._noise import Misreading, NoiseModel, strings_read, transfer_of_misreading
from qjax._readout import MixedReading, marginal, mixed_reading, sums_of_values

# How many factors of a string may be misread, and projectors taken apart into strings.
MOST_FACTORS = 12

# How many strings may be read out in all.
MOST_STRINGS = 1 << 14


class ReadStrings(NamedTuple):
    """Values of some strings, from those of others before a misreading.

    Attributes:
        readout: its number among `model.readouts`.
        rows: which string each is on the misread qubits, by the digits 0 to 3 for I, X, Y, Z.
        columns: those that it is read as.
        counts: which of these count: of the identity only itself.
        places: where they stand among the strings before.
    """

    readout: int
    rows: Int[np.ndarray, " strings"]
    columns: Int[np.ndarray, "strings 2**k"]
    counts: Bool[np.ndarray, " 2**k or strings 2**k"]
    places: Int[np.ndarray, "strings 2**k"]


@dataclass(frozen=True, eq=False)
class MisreadStrings:
    """How observables are read out where bits are misread.

    Attributes:
        strings: Pauli strings whose exact values are needed, as observables.
        steps: misreadings, from the first to the last.
        reading: the observables, as sums of the strings that are read.
    """

    strings: tuple[Observable, ...]
    steps: tuple[ReadStrings, ...]
    reading: MixedReading


def that_matter(
    misread: Sequence[Misreading], qubits: Sequence[int]
) -> tuple[tuple[Misreading, ...], tuple[int, ...]]:
    """The misreadings that some qubits' readings depend on, and all qubits that these depend on.

    Args:
        misread: in order, their bits called as the qubits.
        qubits: which are read.

    Returns:
        the misreadings, in order, and `qubits` followed by what else they are of.
    """
    needed, chosen = list(qubits), []
    for wrong in reversed(misread):
        if not set(wrong.bits).isdisjoint(needed):
            chosen.append(wrong)
            needed += [qubit for qubit in wrong.bits if qubit not in needed]
    return tuple(reversed(chosen)), tuple(needed)


def misread_probabilities(
    probabilities: Float[Array, "2**k batch"],
    misread: Sequence[Misreading],
    qubits: Sequence[int],
    count: int,
    model: NoiseModel,
) -> Float[Array, "2**count batch"]:
    """The probabilities to read each basis state of the first `count` qubits.

    Args:
        probabilities: of all `qubits`, exact; the first is the least significant bit.
        misread: in order, of those qubits.
        qubits: as `that_matter` has them.
        count: how many of them are looked at.
        model: with the matrices.
    """
    size, batch = len(qubits), probabilities.shape[1]
    split = probabilities.reshape(*(2,) * size, batch)
    for wrong in misread:
        k = len(wrong.bits)
        matrix = model.readouts[wrong.readout].matrix.astype(probabilities.dtype)
        axes = [size - 1 - qubits.index(bit) for bit in reversed(wrong.bits)]
        front = jnp.moveaxis(split, axes, range(k))
        read = jnp.matmul(matrix.T, front.reshape(2**k, -1), precision=tuning.PRECISION)
        split = jnp.moveaxis(read.reshape(front.shape), range(k), axes)
    whole = split.reshape(2**size, batch)
    return whole if count == size else marginal(whole, range(count))


@kept()
def misread_strings(
    observables: tuple[Observable, ...],
    misread: tuple[Misreading, ...],
    num_params: int,
    batched: frozenset[int],
) -> MisreadStrings:
    """How observables are read out.

    Args:
        observables: all of one size.
        misread: in order, their bits called as the qubits.
        num_params: as in `mixed_reading`.
        batched: as in `mixed_reading`.

    Raises:
        ValueError: for strings with too many factors that are misread, and too many strings.
    """
    wrong = {bit for one in misread for bit in one.bits}
    for number, observable in enumerate(observables):
        _check_factors(observable, wrong, number)
    reading = mixed_reading(observables, num_params, batched)
    strings, steps = np.asarray(reading.strings), []
    bases = np.where(strings > 0, strings, 3)
    for number in reversed(range(len(misread))):
        bases = _bases_that_matter(bases, misread[: number + 1])
        if strings[:, list(misread[number].bits)].any():
            step, strings, bases = _before(misread[number], strings, bases)
            steps.append(step)
    return MisreadStrings(tuple(map(_observable, strings)), tuple(reversed(steps)), reading)


def _check_factors(observable: Observable, wrong: set[int], number: int) -> None:
    if isinstance(observable, DenseObservable):
        most = 2 * observable.num_qubits
        what = f"a matrix on {observable.num_qubits} qubits"
    else:
        most = max((_num_factors(term, wrong) for term in observable.terms), default=0)
        what = f"a string with {most} factors that are misread"
    if most > MOST_FACTORS:
        raise ValueError(
            f"noise: observables[{number}] has {what}, whose reading is a sum of 2**{most} "
            f"Pauli strings; expected 2**{MOST_FACTORS} at most; measure bits instead, by "
            "shots= and a key or by qjax.sample, which trajectories have too, or give "
            "simulator=DensityMatrix() of qjax.simulators where it fits"
        )


def _num_factors(term: PauliTerm, wrong: set[int]) -> int:
    misread = sum((term.x | term.z) >> qubit & 1 for qubit in wrong)
    return misread + len(term.projectors)


def _bases_that_matter(bases: np.ndarray, misread: Sequence[Misreading]) -> np.ndarray:
    """The bases that qubits are measured in; Z where none of these brings a letter back."""
    joint = [bit for one in misread if len(one.bits) > 1 for bit in one.bits]
    return np.where(np.isin(np.arange(bases.shape[1]), joint), bases, 3)


def _before(
    one: Misreading, strings: np.ndarray, bases: np.ndarray
) -> tuple[ReadStrings, np.ndarray, np.ndarray]:
    """What is read of strings by a misreading, and the strings before it with their bases."""
    bits, k = list(one.bits), len(one.bits)
    weights = 4 ** np.arange(k)
    rows = strings[:, bits] @ weights
    _, table = strings_read(k)
    columns = table[rows]
    counts = (rows[:, None] > 0) | (np.arange(2**k) == 0)
    columns = np.where(counts, columns, 0)
    digits = columns[:, :, None] // weights & 3
    is_new = (digits > 0) & (strings[:, None, bits] == 0)
    before = np.repeat(np.stack([strings, bases], axis=-1)[:, None], 2**k, axis=1)
    before[:, :, bits, 0] = np.where(is_new, bases[:, None, bits], digits)
    distinct, places = np.unique(before.reshape(-1, *before.shape[2:]), axis=0, return_inverse=True)
    if len(distinct) > MOST_STRINGS:
        raise ValueError(
            f"noise: with misread bits the observables are sums of more than {MOST_STRINGS} Pauli "
            "strings; expected fewer observables, or shots= and a key, which measures bits, or "
            "simulator=DensityMatrix() of qjax.simulators where it fits"
        )
    # Programs in single and double precision share them, and keep one dtype of those of 64 bits.
    tables = [table.astype(np.int32) for table in (rows, columns, places.reshape(rows.size, -1))]
    step = ReadStrings(one.readout, tables[0], tables[1], counts, tables[2])
    return step, distinct[..., 0], distinct[..., 1]


def _observable(digits: np.ndarray) -> PauliSum:
    """A string of the digits 0 to 3 for I, X, Y and Z."""
    x = sum(1 << qubit for qubit, digit in enumerate(digits) if digit in (1, 2))
    z = sum(1 << qubit for qubit, digit in enumerate(digits) if digit in (2, 3))
    return PauliSum(len(digits), (PauliTerm(x, z, 1.0),))


def misread_values(
    read: MisreadStrings,
    values: Float[Array, "strings batch"],
    model: NoiseModel,
    shared: Float[Array, " shared"],
    batched: Float[Array, "batched batch"],
) -> Float[Array, "observables batch"]:
    """The observables as they are read, from exact values of `read.strings`."""
    for step in read.steps:
        matrix = model.readouts[step.readout].matrix.astype(values.dtype)
        shares = transfer_of_misreading(matrix)[step.rows[:, None], step.columns]
        shares = jnp.where(step.counts, shares, 0)
        values = (shares[:, :, None] * values[jnp.asarray(step.places)]).sum(axis=1)
    return sums_of_values(read.reading, values, shared, batched)
