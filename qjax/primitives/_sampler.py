"""Floor 9. Qiskit's Sampler on this engine."""

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Literal

import jax
import numpy as np
from jaxtyping import Float, Int
from qiskit.primitives import (
    BaseSamplerV2,
    BitArray,
    DataBin,
    PrimitiveJob,
    PrimitiveResult,
    SamplerPubLike,
    SamplerPubResult,
)
from qiskit.primitives.containers.sampler_pub import SamplerPub

from qjax._base.process import check_process
from qjax._circuit.circuit import Circuit
from qjax._circuit.measurements import measured_bits, measurements, writes_bits
from qjax._dynamic import deferred
from qjax._engine import Probabilities, deferred_with_noise, with_simulator
from qjax._noise import NoiseModel, structure_of
from qjax._qiskit import Distribution, DistributionResult
from qjax._readout import check_shots, check_shots_fit
from qjax._sampling import has_exact_form, is_followed, sample
from qjax._simulators import DensityMatrix, Simulator
from qjax.primitives._requests import (
    Request,
    Seed,
    Simulating,
    circuits_of,
    listed,
    of_qiskit,
    points_of,
    request,
    rows_per_block,
    submit,
    unmasked,
    values_of,
)

# The qubit that each classical bit shows; None where it stays 0.
Sources = tuple[int | None, ...]


class Sampler(Simulating, BaseSamplerV2):
    """Samples of the classical registers, drawn from exact probabilities.

    Circuits with more outcomes than can be followed exactly are run shot by shot: see
    `qjax.sample`.

    Args:
        default_shots: of pubs that state none. None gives them exact probabilities instead of
            samples, a `Distribution` for each register, as Qiskit Machine Learning's
            `QMLSampler(shots=None)` does.
        seed: an integer draws the same samples in each run.
        exact: True gives probabilities to all pubs, whatever shots are asked for.
        noise: a `qjax.noise.NoiseModel`, what goes wrong on the way, misread bits included; None
            for nothing.
        simulator: how states are represented, one of `qjax.simulators`; None chooses.

    Raises:
        ValueError: for shots below 1, or a negative seed.
        TypeError: for what is no whole number, and what is no noise model or simulator.
    """

    def __init__(
        self,
        *,
        default_shots: int | None = 1024,
        seed: Seed = None,
        exact: bool = False,
        noise: NoiseModel | None = None,
        simulator: Simulator | None = None,
    ) -> None:
        super().__init__(seed, exact, noise, simulator)
        shots = None if default_shots is None else _shots(default_shots)
        self._default_shots = None if exact else shots

    @property
    def default_shots(self) -> int | None:
        """The shots of pubs that state none; None for exact probabilities."""
        return self._default_shots

    def run(
        self,
        pubs: Iterable[SamplerPubLike | Circuit | tuple[Circuit, *tuple[Any, ...]]],
        *,
        shots: int | None = None,
    ) -> PrimitiveJob[PrimitiveResult[SamplerPubResult]]:
        """Start sampling.

        Args:
            pubs: (circuit, parameter values, shots), the last two optional. A classical bit that
                nothing is measured into stays 0. The circuit is one of Qiskit's or a
                `qjax.Circuit`, whose parameter values have its own order, and whose `registers`
                name its classical bits.
            shots: for pubs that state none. With `exact`, no shots are heeded.

        Returns:
            a job; its result holds one `BitArray` per classical register, by name, for each pub;
            where no shots are asked for, a `Distribution` of exact probabilities. It raises
            `UnsupportedInstructionError` for circuits that `from_qiskit` refuses, and
            `NoExactFormError` where shots are needed.

        Raises:
            ValueError: for no shots, or more than 2**31 or than fit into memory.
            TypeError: for what are no pubs.
        """
        check_process()
        chosen = self._default_shots if shots is None else shots
        coerced = [
            SamplerPub.coerce(of_qiskit(unmasked(pub, 1), 1), chosen) for pub in listed(pubs)
        ]
        for pub in coerced:
            if not self._exact and pub.shots is not None:
                _check_shots(pub)
        if any(not pub.circuit.cregs for pub in coerced):
            warnings.warn(
                "a circuit has no classical register, so its result is empty: add measurements, "
                "for instance by measure_all(); of a qjax.Circuit, name its bits in `registers`",
                stacklevel=2,
            )
        return submit(self._results, coerced)

    def _results(self, pubs: list[SamplerPub]) -> list[SamplerPubResult]:
        shots = [None if self._exact else pub.shots for pub in pubs]
        all_outcomes = _outcomes_of_pubs(self, pubs, shots)
        return [_result(pub, outcomes) for pub, outcomes in zip(pubs, all_outcomes, strict=True)]

    def blurred(
        self, exact: Float[np.ndarray, "points outcomes"], accuracy: float | None
    ) -> Float[np.ndarray, "points outcomes"]:
        """Frequencies of outcomes with these probabilities in a number of shots."""
        shots = self._default_shots if accuracy is None else int(accuracy)
        if self._exact or shots is None:
            return exact
        certain = np.clip(exact, 0, None)
        certain = certain / certain.sum(axis=1, keepdims=True)
        return np.random.default_rng(self._seed).multinomial(shots, certain) / shots


def _check_shots(pub: SamplerPub) -> None:
    # Drawn outcomes, twice while they are put together, and their bits until they are packed.
    check_shots_fit(check_shots(pub.shots) * pub.size, 8 + 3 * pub.circuit.num_clbits)


def _shots(shots: object) -> int:
    try:
        return check_shots(shots)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise type(error)(f"default_{error}, or None for exact probabilities") from error


def _result(pub: SamplerPub, outcomes: Distribution | np.ndarray) -> SamplerPubResult:
    """A pub's registers, of samples `(points, shots, clbits)` or the distribution of all bits."""
    registers = {
        register.name: [pub.circuit.find_bit(bit).index for bit in register]
        for register in pub.circuit.cregs
    }
    metadata = {"shots": None, "circuit_metadata": pub.circuit.metadata}
    if isinstance(outcomes, Distribution):
        joint = outcomes.joint.reshape(*pub.shape, outcomes.joint.shape[-1])
        shown = {
            name: Distribution(joint, tuple(outcomes.places[clbit] for clbit in clbits))
            for name, clbits in registers.items()
        }
        data = DataBin(**shown, shape=pub.shape)
        return DistributionResult(data, metadata=metadata | {"exact": True})
    bits = outcomes.reshape(*pub.shape, pub.shots, pub.circuit.num_clbits)
    drawn = {
        name: BitArray.from_bool_array(bits[..., clbits], order="little")
        for name, clbits in registers.items()
    }
    data = DataBin(**drawn, shape=pub.shape)
    return SamplerPubResult(data, metadata=metadata | {"shots": pub.shots})


def _outcomes_of_pubs(
    sampler: Sampler, pubs: list[SamplerPub], shots: list[int | None]
) -> Iterator[Distribution | Int[np.ndarray, "points shots clbits"]]:
    """Samples of all classical bits, as booleans; or how they are distributed, without shots."""
    circuits = circuits_of(pubs)
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
            yield _runs(circuit, rows, count, random, sampler.noise)


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


def _sources(sampler: Sampler, circuit: Circuit) -> Sources:
    """The qubit, or record of an outcome, that each classical bit shows; None: it stays 0."""
    # What writes no classical bit has no measurements there either.
    if not writes_bits(circuit.ops):
        return (None,) * circuit.num_clbits
    how, noise = with_simulator(circuit, sampler.simulator, sampler.noise)
    mixed = isinstance(how, DensityMatrix)
    structure = structure_of(noise) if noise else None
    form = deferred_with_noise(circuit, structure) if mixed else deferred(circuit)
    return tuple(measured_bits(form)) if measurements(form) else (None,) * circuit.num_clbits


def _measured(sources: Sources) -> list[int]:
    return sorted({qubit for qubit in sources if qubit is not None})


def _parts(
    sampler: Sampler, circuit: Circuit, sources: Sources, points: np.ndarray
) -> list[tuple[Request, np.ndarray]]:
    """What is read out for a pub, block by block."""
    if not _measured(sources):  # of no qubits: nothing is simulated
        circuit = replace(circuit, num_qubits=0, ops=())
    size = 1 << len(_measured(sources))
    readout = Probabilities((size,), np.arange(size, dtype=np.int32).tobytes())
    asked = request(sampler, circuit, readout)
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


def _runs(
    circuit: Circuit,
    points: np.ndarray,
    shots: int,
    random: np.random.Generator,
    noise: NoiseModel | None,
) -> Int[np.ndarray, "points shots clbits"]:
    """The same by trajectories, for circuits with too many outcomes to follow."""
    if not writes_bits(circuit.ops):
        return np.zeros((len(points), shots, circuit.num_clbits), bool)
    keys = jax.random.split(jax.random.key(random.integers(2**63)), len(points))
    method: Literal["trajectories"] | None = "trajectories" if noise is None else None
    with jax.enable_x64(True):
        drawn = [
            np.asarray(sample(circuit, point, shots, key, method=method, noise=noise), bool)
            for point, key in zip(points, keys, strict=True)
        ]
    return np.reshape(drawn, (len(points), shots, circuit.num_clbits))


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
