"""Floor 9. What pubs of a sampler measure -> samples, or how those are distributed."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int
from qiskit.primitives.containers.sampler_pub import SamplerPub

from qjax._circuit.circuit import Circuit
from qjax._circuit.measurements import measured_bits, measurements, writes_bits
from qjax._dynamic import deferred
from qjax._engine import Probabilities, deferred_with_noise, with_simulator
from qjax._noise import NoiseModel, noisy_circuit, structure_of
from qjax._qiskit import Distribution
from qjax._sampling import has_exact_form, is_followed
from qjax._simulators import DensityMatrix, Trajectories
from qjax.primitives._requests import (
    Request,
    Simulating,
    circuits_of,
    points_of,
    request,
    rows_per_block,
    values_of,
)
from qjax.primitives._runs import bits_of_runs, means_of_runs

# The qubit that each classical bit shows; None where it stays 0.
Sources = tuple[int | None, ...]


def outcomes_of_pubs(
    sampler: Simulating, pubs: list[SamplerPub], shots: list[int | None]
) -> Iterator[Distribution | Int[np.ndarray, "points shots clbits"]]:
    """Samples of all classical bits, as booleans; or how they are distributed, without shots."""
    circuits = circuits_of(pubs)
    if isinstance(sampler.simulator, Trajectories):
        yield from _outcomes_of_runs(sampler, pubs, circuits, shots)
        return
    exact = {
        circuit: _sources(sampler, circuit)
        for circuit, count in zip(circuits, shots, strict=True)
        if count is None or _is_followed(circuit, sampler.noise)
    }
    points = [points_of(pub.circuit, pub.parameter_values) for pub in pubs]
    asked = [
        _parts(sampler, circuit, exact[circuit], rows) if circuit in exact else []
        for circuit, rows in zip(circuits, points, strict=True)
    ]
    outcome_probabilities = values_of(part for parts in asked for part in parts)
    for circuit, count, rows, parts in zip(circuits, shots, points, asked, strict=True):
        random = np.random.default_rng(sampler.seed)
        if count is None:
            yield _distribution(
                exact[circuit], np.concatenate([next(outcome_probabilities) for _ in parts])
            )
        elif circuit in exact:
            drawn = [_draw(next(outcome_probabilities), count, random) for _ in parts]
            yield _recorded(exact[circuit], np.concatenate(drawn))
        else:
            yield bits_of_runs(circuit, rows, count, random, sampler.noise)


def _outcomes_of_runs(
    sampler: Simulating, pubs: list[SamplerPub], circuits: list[Circuit], shots: list[int | None]
) -> Iterator[Distribution | Int[np.ndarray, "points shots clbits"]]:
    """The same by `Trajectories`."""
    for pub, circuit, count in zip(pubs, circuits, shots, strict=True):
        points = points_of(pub.circuit, pub.parameter_values)
        random = np.random.default_rng(sampler.seed)
        if count is not None:
            runs = Trajectories(count)
            yield bits_of_runs(circuit, points, count, random, sampler.noise, runs)
            continue
        sources = _sources(sampler, circuit)
        readout = _readout(sources)
        means = np.ones((len(points), 1))
        if _measured(sources):
            means = means_of_runs(sampler, circuit, readout, points, random).means
        yield _distribution(sources, means)


def _is_followed(circuit: Circuit, noise: NoiseModel | None) -> bool:
    """Whether samples are drawn from exact probabilities: always with noise, where those exist."""
    return is_followed(circuit) if noise is None else has_exact_form(circuit)


def _distribution(
    sources: Sources, probabilities: Float[np.ndarray, "points states"]
) -> Distribution:
    """Of all classical bits."""
    qubits = _measured(sources)
    places = tuple(None if qubit is None else qubits.index(qubit) for qubit in sources)
    return Distribution(np.clip(probabilities, 0, None), places)


def _sources(sampler: Simulating, circuit: Circuit) -> Sources:
    """The qubit, or record of an outcome, that each classical bit shows; None: it stays 0."""
    # What writes no classical bit has no measurements there either.
    if not writes_bits(circuit.ops):
        return (None,) * circuit.num_clbits
    how, noise = with_simulator(circuit, sampler.simulator, sampler.noise)
    structure = structure_of(noise) if noise else None
    if isinstance(how, DensityMatrix):
        form = deferred_with_noise(circuit, structure)
    elif isinstance(how, Trajectories) and structure is not None:
        form = deferred(noisy_circuit(circuit, structure))
    else:
        form = deferred(circuit)
    return tuple(measured_bits(form)) if measurements(form) else (None,) * circuit.num_clbits


def _readout(sources: Sources) -> Probabilities:
    """Of all states of the measured qubits."""
    size = 1 << len(_measured(sources))
    return Probabilities((size,), np.arange(size, dtype=np.int32).tobytes())


def _measured(sources: Sources) -> list[int]:
    return sorted({qubit for qubit in sources if qubit is not None})


def _parts(
    sampler: Simulating, circuit: Circuit, sources: Sources, points: np.ndarray
) -> list[tuple[Request, np.ndarray]]:
    """What is read out for a pub, block by block."""
    if not _measured(sources):  # of no qubits: nothing is simulated
        circuit = replace(circuit, num_qubits=0, ops=())
    asked = request(sampler, circuit, _readout(sources))
    count = rows_per_block(asked)
    starts = range(0, max(1, len(points)), count)
    return [(asked, points[start : start + count]) for start in starts]


def _recorded(
    sources: Sources, drawn: Int[np.ndarray, "points shots"]
) -> Int[np.ndarray, "points shots clbits"]:
    """Outcomes of the measured qubits, as bits."""
    qubits = _measured(sources)
    bits = np.zeros((*drawn.shape, len(sources)), bool)
    for clbit, qubit in enumerate(sources):
        if qubit is not None:
            bits[:, :, clbit] = drawn >> qubits.index(qubit) & 1
    return bits


def _draw(
    probabilities: Float[np.ndarray, "points outcomes"], shots: int, random: np.random.Generator
) -> Int[np.ndarray, "points shots"]:
    """Outcomes of the measured qubits."""
    size, outcomes = probabilities.shape
    certain = probabilities / probabilities.sum(axis=1, keepdims=True)
    counts = random.multinomial(shots, certain)
    ordered = np.repeat(np.tile(np.arange(outcomes, dtype=np.int32), size), counts.ravel())
    rows = ordered.reshape(size, shots)
    return random.permuted(rows, axis=1, out=rows)
