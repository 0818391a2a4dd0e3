"""Floor 9. A model -> the coefficients of its Fourier series in the inputs, and its frequencies."""

from collections.abc import Callable, Sequence
from functools import partial
from math import prod
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Complex, Float
from qiskit import QuantumCircuit

from qjax._base import tuning
from qjax._base.arrays import as_real_numpy
from qjax._base.memory import check_fits
from qjax._base.options import as_whole, is_whole
from qjax._base.process import check_process
from qjax._base.store import kept
from qjax._circuit.circuit import Circuit
from qjax._circuit.frequencies import common_divisor, parameter_frequencies
from qjax._dynamic import deferred
from qjax._networks import NeuralNetwork, way_from_qiskit_ml
from qjax._qiskit import as_circuit
from qjax.diagnostics._fisher_information import require_simulated, weight_sets

# Points of a grid that are computed at once.
_AT_ONCE = 4096


class FourierSeries(NamedTuple):
    """f(x) = sum over frequencies of coefficient times exp(i w . x).

    Attributes:
        frequencies: for each input those along its axis, increasing from -w to w.
        coefficients: shape `(*batch, 2 d_1 + 1, ..., 2 d_k + 1, *output_shape)`, an axis for each
            of the k inputs. Those of opposite frequencies are complex conjugates.
    """

    frequencies: tuple[Float[np.ndarray, " terms"], ...]
    coefficients: Complex[Array, "*batch_terms_and_outputs"]


def input_frequencies(
    model: Circuit | QuantumCircuit | NeuralNetwork,
) -> tuple[tuple[float, ...], ...]:
    """The positive frequencies that a model can have in each input, increasing.

    Differences of sums of eigenvalues of the gates that an input goes into (M. Schuld, R. Sweke and
    J. J. Meyer, PRA 103, 032430 (2021), eq. 9): k rotations by x give 1, ..., k. Which of them it
    has depends on the other gates, on the weights and the observables.

    Args:
        model: a network; or a circuit, all parameters of which are looked at.

    Raises:
        ValueError: for an input without fixed frequencies, such as one that is multiplied by a
            weight or stands in a sine.
        TypeError: for another kind of model.
        UnsupportedInstructionError: see `from_qiskit`.
    """
    if isinstance(model, NeuralNetwork):
        circuit, names = model.circuit, model.input_params
    elif isinstance(model, (Circuit, QuantumCircuit)):
        circuit = as_circuit(model)
        names = circuit.parameters
    else:
        raise TypeError(
            f"model: expected a circuit or a network, got {type(model).__name__}"
            f"{way_from_qiskit_ml(model)}"
        )
    known = parameter_frequencies(deferred(circuit))
    spectra = []
    for name in names:
        spectrum = known[circuit.parameters.index(name)]
        if isinstance(spectrum, str):
            raise ValueError(f"model: there are no fixed frequencies in {name}: {spectrum}")
        spectra.append(spectrum)
    return tuple(spectra)


def fourier_spectrum(
    network: NeuralNetwork,
    weights: Any = None,
    *,
    degrees: int | Sequence[int] | None = None,
    units: float | Sequence[float] | None = None,
) -> FourierSeries:
    """The Fourier series of a network's outputs in its inputs, for one set of weights or many.

    A model is sum over w of c_w exp(i w . x), whose frequencies follow from where the inputs go in
    and whose coefficients from the rest (M. Schuld, R. Sweke and J. J. Meyer, PRA 103, 032430
    (2021), eqs. 1 and 6). They come from a grid of 2 d + 1 points along each input, by fast Fourier
    transform: exact, as d is the highest frequency. Compiled once per network, degrees and dtype.

    Args:
        network: simulated, with one input or more. The grid has as many axes as there are inputs.
        weights: real, shape `(..., num_weights)`; or a tree. None where there are none.
        degrees: d, the number of positive frequencies, for all inputs or each; None finds them
            from the circuit. With fewer than the network has, the others are folded onto them.
        units: the number that all frequencies are multiples of, for all inputs or each; None finds
            it from the circuit, and with `degrees` takes 1 where it has none.

    Raises:
        ValueError: for weights of a wrong shape, degrees or units out of bounds; where they are not
            given, for inputs without fixed frequencies, or whose frequencies have no common unit;
            for a network without inputs, or on a primitive; for a grid too large for memory.
        TypeError: for what is no network, and numbers that are not real.
    """
    check_process()
    if not isinstance(network, NeuralNetwork):
        raise TypeError(
            f"network: expected a network of qjax, got {type(network).__name__}"
            f"{way_from_qiskit_ml(network)}. fourier_coefficients takes any function"
        )
    if not network.num_inputs:
        raise ValueError("network: it has no inputs, in which it could be a Fourier series")
    require_simulated(network)
    counts, steps = _terms(network, degrees, units)
    sets, lead = weight_sets(network, weights)
    values = _compiled(network, counts, steps)(sets)
    coefficients = values.reshape(*lead, *values.shape[1:])
    frequencies = tuple(
        unit * np.arange(-count, count + 1) for count, unit in zip(counts, steps, strict=True)
    )
    return FourierSeries(frequencies, coefficients)


def fourier_coefficients(
    function: Callable[[Array], Array],
    degrees: Sequence[int] | np.ndarray,
    units: float | Sequence[float] = 1.0,
) -> Complex[Array, "*terms_and_outputs"]:
    """The Fourier coefficients of any function of several inputs, from its values on a grid.

    A pure function, for `jit`, `grad` and `vmap`. Exact for a function whose frequencies along
    input i are `units[i]` times -degrees[i], ..., degrees[i]; others are folded onto those.

    Args:
        function: inputs `(k,)` -> an array of any shape, real or complex.
        degrees: for each of the k inputs, a sequence or an array.
        units: for all inputs or each.

    Returns:
        shape `(2 degrees[0] + 1, ..., 2 degrees[k-1] + 1, *output_shape)`; frequencies increase
        along each axis, and 0 stands in the middle.

    Raises:
        ValueError: for no degrees, degrees below 0, units that are not positive, and for a grid too
            large for memory.
    """
    check_process()
    if not isinstance(degrees, (Sequence, np.ndarray)) or not np.size(degrees):
        raise ValueError(f"degrees: expected a whole number for each input, got {degrees!r}")
    counts = _whole_numbers(degrees, np.shape(degrees)[0] if np.ndim(degrees) else 1)
    steps, dtype = _units(units, len(counts)), jnp.result_type(float)
    result = jax.eval_shape(function, jax.ShapeDtypeStruct((len(counts),), dtype))
    _check_grid(counts, result.shape)
    grid = jnp.asarray(_grid(counts, steps), dtype)
    flat = lax.map(function, grid.reshape(-1, len(counts)), batch_size=_AT_ONCE)
    return _transformed(flat.reshape(*grid.shape[:-1], *flat.shape[1:]), len(counts))


def _grid(counts: tuple[int, ...], units: tuple[float, ...]) -> Float[np.ndarray, "*sizes inputs"]:
    """Points at equal distances over a period along each input."""
    axes = [
        np.arange(2 * count + 1) * (2 * np.pi / (unit * (2 * count + 1)))
        for count, unit in zip(counts, units, strict=True)
    ]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)


def _check_grid(counts: tuple[int, ...], output_shape: tuple[int, ...]) -> None:
    """Refuse a grid that does not fit into memory with the outputs there."""
    numbers = prod(2 * count + 1 for count in counts) * (prod(output_shape) + len(counts))
    check_fits(
        32 * numbers,
        f"{numbers} numbers, for the grid of a Fourier series in {len(counts)} inputs and the "
        "outputs there,",
        "fewer inputs or degrees, or fix some inputs: fourier_coefficients takes any function",
    )


def _transformed(values: Array, rank: int) -> Complex[Array, "*terms_and_outputs"]:
    """Values on the grid, its axes first -> coefficients, 0 in the middle."""
    for axis in range(rank):
        values = jnp.fft.fft(values, axis=axis, norm="forward")
    return jnp.fft.fftshift(values, axes=range(rank))


@kept(tuning.PROGRAM_BYTES)
def _compiled(
    network: NeuralNetwork, counts: tuple[int, ...], units: tuple[float, ...]
) -> Callable[[Array], Array]:
    """(sets of weights) -> coefficients of each."""
    _check_grid(counts, network.output_shape)
    points = _grid(counts, units)

    def one(grid: Array, weights: Array) -> Array:
        return _transformed(network.apply(weights, grid), len(counts))

    def run(sets: Array) -> Array:
        grid = jnp.asarray(points, sets.dtype)
        return lax.map(partial(one, grid), sets)

    return jax.jit(run)


def _terms(
    network: NeuralNetwork, degrees: Any, units: Any
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """How many positive frequencies to look for in each input, and their units."""
    count = network.num_inputs
    counts = None if degrees is None else _whole_numbers(degrees, count)
    steps = None if units is None else _units(units, count)
    if counts is not None and steps is not None:
        return counts, steps
    spectra = _spectra(network, counts is not None)
    if steps is None:
        steps = tuple(_unit(s, i, counts is not None) for i, s in enumerate(spectra))
    if counts is None:
        counts = tuple(
            int(np.ceil(max(s, default=0.0) / u - 1e-6))
            for s, u in zip(spectra, steps, strict=True)
        )
    return counts, steps


def _spectra(network: NeuralNetwork, optional: bool) -> tuple[tuple[float, ...], ...]:
    try:
        return input_frequencies(network)
    except ValueError as error:
        if optional:
            return ((),) * network.num_inputs
        raise ValueError(f"{error}. Give degrees=, how many frequencies to look for") from error


def _unit(spectrum: tuple[float, ...], index: int, optional: bool) -> float:
    unit = common_divisor(spectrum)
    if unit is None and spectrum and not optional:
        raise ValueError(
            f"units: the frequencies {spectrum} of input {index} have no common unit; "
            "give degrees= and units=, for an approximation"
        )
    return unit or 1.0


def _whole_numbers(degrees: Any, count: int) -> tuple[int, ...]:
    several = [degrees] * count if is_whole(degrees) else _listed(degrees, "degrees", count)
    return tuple(as_whole(degree, "degrees", 0) for degree in several)


def _units(units: Any, count: int) -> tuple[float, ...]:
    several = [units] * count if np.ndim(units) == 0 else _listed(units, "units", count)
    values = as_real_numpy(several, "units").astype(np.float64)
    if not np.all((values > 0) & (values < np.inf)):
        raise ValueError(f"units: expected positive numbers, got {units}")
    return tuple(values.tolist())


def _listed(values: Any, what: str, count: int) -> list:
    if isinstance(values, (str, bytes, bool)) or not isinstance(values, (Sequence, np.ndarray)):
        raise TypeError(f"{what}: expected a number, or one for each input, got {values!r}")
    if len(values) != count:
        raise ValueError(
            f"{what}: expected one number, or one for each of {count} inputs, got {len(values)}"
        )
    return list(values)
