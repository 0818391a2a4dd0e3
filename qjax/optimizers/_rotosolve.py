"""Floor 9. Values of a loss along each weight in turn -> the lowest point along it."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float
from qiskit import QuantumCircuit

from qjax._base.arrays import as_real_numpy
from qjax._base.options import as_whole, check_ordered
from qjax._base.process import check_process
from qjax._circuit.circuit import Circuit
from qjax._circuit.domain import is_known
from qjax._circuit.frequencies import parameter_frequencies
from qjax._dynamic import deferred
from qjax._networks import NeuralNetwork
from qjax.optimizers._coordinates import Coordinates, compiled_lowest, coordinates_of
from qjax.optimizers._transformation import (
    Loss,
    Transformation,
    loss_of_vectors,
    losses_at,
    optax,
    require_params,
    value_at,
)
from qjax.optimizers._weighted_circuit import weighted_circuit
from qjax.optimizers._weights import Rebuild, circuit_weights, flat_weights

Model: TypeAlias = Circuit | QuantumCircuit | NeuralNetwork
Frequencies = float | Sequence[float] | Sequence[Sequence[float]]
Spectra = tuple[tuple[float, ...], ...]
Row = tuple[Array, ...]
# (loss, weights, row of a weight, loss at the weights, its number) -> the loss at the row's shifts
Look = Callable[[Loss, Array, Row, Array, Array], Array]


def rotosolve(
    model: Model | None = None, *, frequencies: Frequencies | None = None
) -> Transformation:
    """Minimise along each weight in turn, exactly: one update is one sweep over all weights.

    An expectation value is a sinusoid in the angle of a rotation, of which three values tell the
    minimum (M. Ostaszewski, E. Grant and M. Benedetti, Quantum 5, 391 (2021), algorithm 1, which
    calls this Rotosolve). A weight of R frequencies takes 2R + 1 values: it may stand in several
    gates, or be scaled (D. Wierichs et al., Quantum 6, 677 (2022), section 3 and appendix A). The
    loss never grows, up to rounding; noise makes it as inexact as the values are.

    `update` is given the loss as a function of the weights, as `optax.lbfgs` is, and no gradient:

        optimizer = rotosolve(circuit)
        updates, state = optimizer.update(None, state, weights, value_fn=energy)
        weights = optax.apply_updates(weights, updates)

    There is no learning rate. Put sweeps inside of `jax.jit` and `lax.scan`: a sweep is a loop over
    the weights whose body evaluates the points of a weight as one batch. Called eagerly, the loss
    is asked for one point after another, and may come from NumPy or a machine.

    The minimum is that of a whole period where the frequencies are multiples, up to 512, of one
    number. Others have no period, and the loss no least value that it must reach: then it is that
    of one period of the lowest frequency around the weight.

    Args:
        model: a circuit, or a network, whose weights have frequencies that follow from its gates.
            They are those of expectation values and probabilities. Where the loss is quadratic in
            these, as squared errors are, it has sums of two of them too: give `frequencies`, such
            as (1, 2) for rotations.
        frequencies: in place of a model: a number, or several, which all weights have; or one such
            sequence for each weight. The default is 1, as for a rotation by the weight.

    Raises:
        ImportError: when this module is imported without optax.
        TypeError: for a model or frequencies of another kind, and for both. In `update`: for
            weights that are not real, or a `value_fn` that is no function.
        ValueError: for frequencies that are not positive, or too close to each other; for a model
            with a weight that has none, such as one that is multiplied with another parameter. In
            `update`: without weights or `value_fn`, for another number of weights, and for a loss
            that is no single number.
        UnsupportedInstructionError: see `from_qiskit`.
    """

    def look(loss: Loss, vector: Array, row: Row, value: Array, number: Array) -> Array:
        del value, number
        return losses_at(loss, _points(vector, *row[:2]))

    return _sweeps(model, frequencies, look, _unknown)


def nft(
    model: Model | None = None,
    *,
    frequencies: Frequencies | None = None,
    reset_interval: int = 32,
) -> Transformation:
    """Minimise along each weight in turn, as `rotosolve`, with one value less for each.

    The loss at the minimum along a weight is known from the sinusoid, and serves as a value along
    the next one (K. M. Nakanishi, K. Fujii and S. Todo, Phys. Rev. Research 2, 043158 (2020)). As
    errors add up, it is evaluated anew before the first weight of a sweep, or taken from `value`
    where `update` is given it, and again after `reset_interval` weights.

    Args:
        model: as in `rotosolve`.
        frequencies: as in `rotosolve`.
        reset_interval: after how many weights of a sweep the loss is evaluated anew; 0 for never.

    Raises:
        ValueError: also for a `reset_interval` that is no whole number, or below 0.
        Exception: else as `rotosolve`.
    """
    interval = as_whole(reset_interval, "reset_interval", 0)

    def look(loss: Loss, vector: Array, row: Row, value: Array, number: Array) -> Array:
        if interval:
            due = (number > 0) & (number % interval == 0)
            if is_known(due):
                value = loss(vector) if due else value
            else:
                value = lax.cond(due, loss, lambda _: value, vector)
        index, shifts = row[:2]
        return jnp.concatenate([value[None], losses_at(loss, _points(vector, index, shifts[1:]))])

    return _sweeps(model, frequencies, look, value_at)


def _unknown(_loss: Loss, vector: Array, _value: Any) -> Array:
    """What stands for the loss at the weights where nobody asks for it."""
    return jnp.zeros((), vector.dtype)


def _sweeps(
    model: Model | None,
    frequencies: Frequencies | None,
    look: Look,
    first_value: Callable[[Loss, Array, Any], Array],
) -> Transformation:
    spectra_of, read = _reader(model, frequencies)

    def init(params: Any) -> optax.EmptyState:
        coordinates_of(spectra_of(len(read(params)[0])))
        return optax.EmptyState()

    def update(
        updates: Any,
        state: optax.EmptyState,
        params: Any = None,
        *,
        value: Any = None,
        value_fn: Any = None,
        **_others: object,
    ) -> tuple[Any, optax.EmptyState]:
        del updates  # none is needed
        check_process()
        require_params(params, "a sweep starts from the weights")
        vector, rebuild = read(params)
        coordinates = coordinates_of(spectra_of(len(vector)))
        loss = loss_of_vectors(value_fn, rebuild, vector.dtype)
        known = first_value(loss, vector, value)
        return rebuild(_swept(loss, vector, coordinates, look, known) - vector), state

    return Transformation(init, update)


def _swept(
    loss: Loss, vector: Float[Array, " weights"], table: Coordinates, look: Look, value: Array
) -> Float[Array, " weights"]:
    """The weights after each was moved to the minimum along it, one after the other."""
    if not len(vector):
        return vector
    numbers = jnp.arange(len(vector))
    rows = numbers, *(jnp.asarray(part, vector.dtype) for part in table)
    to_lowest = compiled_lowest(table.num_points)

    def move(carry: tuple[Array, Array], row: Row) -> tuple[tuple[Array, Array], None]:
        vector, value = carry
        values = look(loss, vector, row, value, row[0])
        fit, turns, span = row[2:]
        shift, value = to_lowest(values, fit, turns, span)
        return (vector.at[row[0]].add(shift), value), None

    if not is_known(vector):
        return lax.scan(move, (vector, value), rows)[0][0]
    # Values may come from NumPy. Nor is anything compiled for this loss.
    for number in range(len(vector)):
        (vector, value), _ = move((vector, value), tuple(part[number] for part in rows))
    return vector


def _points(vector: Array, index: Array, shifts: Array) -> Float[Array, "values weights"]:
    """The weights with one of them shifted."""
    return jnp.tile(vector, (len(shifts), 1)).at[:, index].add(shifts)


def _reader(
    model: Model | None, frequencies: Frequencies | None
) -> tuple[Callable[[int], Spectra], Callable[[Any], tuple[Array, Rebuild]]]:
    """The frequencies of so many weights, and how weights are read."""
    if model is None:
        given = _checked_frequencies(1.0 if frequencies is None else frequencies)
        return lambda count: _for_each(given, count), lambda params: flat_weights(params, "params")
    if frequencies is not None:
        raise TypeError(
            "frequencies: got a model too, from which they would follow; expected one of both"
        )
    read = weighted_circuit(model)
    known = parameter_frequencies(deferred(read.circuit))
    spectra = []
    for position in read.weights:
        spectrum = known[position]
        if isinstance(spectrum, str):
            raise ValueError(
                f"model: the loss has no fixed frequencies in {read.circuit.parameters[position]}: "
                f"{spectrum}. If you know them, give frequencies="
            )
        spectra.append(spectrum)

    def weights(params: Any) -> tuple[Array, Rebuild]:
        vector, rebuild = circuit_weights(params, read.structure, "params")
        read.check_weights(vector, "params")
        return vector, rebuild

    return lambda _: tuple(spectra), weights


def _checked_frequencies(frequencies: Frequencies) -> tuple[float, ...] | Spectra:
    """One set for all weights, or one for each."""
    check_ordered(frequencies, "frequencies")
    if isinstance(frequencies, (str, bytes)):
        raise TypeError(f"frequencies: expected numbers, got {frequencies!r}")
    if not isinstance(frequencies, Sequence) and np.ndim(frequencies) == 0:
        return _spectrum(frequencies)
    several: Any = frequencies
    parts = list(several)
    nested = [np.ndim(part) > 0 or isinstance(part, Sequence) for part in parts]
    if parts and all(nested):
        return tuple(map(_spectrum, parts))
    return _spectrum(parts)


def _spectrum(numbers: Any) -> tuple[float, ...]:
    values = np.atleast_1d(as_real_numpy(numbers, "frequencies")).astype(np.float64)
    if values.ndim != 1 or not np.all((values > 0) & (values < np.inf)):
        raise ValueError(
            "frequencies: expected positive numbers, or a sequence of them for each weight, got "
            f"{numbers}"
        )
    return tuple(sorted(set(values.tolist())))


def _for_each(given: tuple[float, ...] | Spectra, count: int) -> Spectra:
    per_weight = tuple(part for part in given if isinstance(part, tuple))
    if not per_weight:
        return (tuple(part for part in given if not isinstance(part, tuple)),) * count
    if len(per_weight) != count:
        raise ValueError(
            f"frequencies: expected one sequence for each of the {count} weights, got {len(given)}"
        )
    return per_weight
