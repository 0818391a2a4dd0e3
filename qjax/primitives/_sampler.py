"""Floor 11. Qiskit's Sampler on this engine."""

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import jax
import numpy as np
from jax import Array
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

from qjax._blurred import Blurred
from qjax._circuit import Circuit, Measure
from qjax._deferred import deferred
from qjax._measure import check_shots, check_shots_fit
from qjax._measurements import measured_bits, measurements, writes_bits
from qjax._process import check_process
from qjax._program import Outcomes, outcomes_of
from qjax._sampling import is_followed, sample
from qjax._simulation import probabilities
from qjax.primitives._requests import (
    OfParameters,
    Seed,
    Seeded,
    circuits_of,
    points_of,
    rows_per_block,
    submit,
    values_of,
)


class Sampler(Seeded, Blurred, BaseSamplerV2):
    """Samples of the classical registers, drawn from exact probabilities.

    Circuits with more outcomes than can be followed exactly are run shot by shot: see
    `qjax.sample`.

    Args:
        default_shots: of pubs that state none.
        seed: an integer draws the same samples in each run.
    """

    def __init__(self, *, default_shots: int = 1024, seed: Seed = None) -> None:
        self._default_shots = default_shots
        self._seed = seed

    @property
    def default_shots(self) -> int:
        """The shots of pubs that state none."""
        return self._default_shots

    def run(
        self, pubs: Iterable[SamplerPubLike], *, shots: int | None = None
    ) -> PrimitiveJob[PrimitiveResult[SamplerPubResult]]:
        """Start sampling.

        Args:
            pubs: (circuit, parameter values, shots), the last two optional. A classical bit that
                nothing is measured into stays 0.
            shots: for pubs that state none.

        Returns:
            a job; its result holds one `BitArray` per classical register, by name, for each pub.
            It raises `UnsupportedInstructionError` for circuits that `from_qiskit` refuses.

        Raises:
            ValueError: for no shots, or more than 2**31 or than fit into memory.
        """
        check_process()
        chosen = self._default_shots if shots is None else shots
        coerced = [SamplerPub.coerce(pub, chosen) for pub in pubs]
        for pub in coerced:
            _check_shots(pub)
        if any(not pub.circuit.cregs for pub in coerced):
            warnings.warn(
                "a circuit has no classical register, so its result is empty: add measurements, "
                "for instance by measure_all()",
                stacklevel=2,
            )
        return submit(self._results, coerced)

    def _results(self, pubs: list[SamplerPub]) -> list[SamplerPubResult]:
        found = _bits(pubs, self._seed)
        return [self._result(pub, bits) for pub, bits in zip(pubs, found, strict=True)]

    def _result(self, pub: SamplerPub, bits: np.ndarray) -> SamplerPubResult:
        bits = bits.reshape(*pub.shape, pub.shots, pub.circuit.num_clbits)
        data = {}
        for register in pub.circuit.cregs:
            places = [pub.circuit.find_bit(bit).index for bit in register]
            data[register.name] = BitArray.from_bool_array(bits[..., places], order="little")
        metadata = {"shots": pub.shots, "circuit_metadata": pub.circuit.metadata}
        return SamplerPubResult(DataBin(**data, shape=pub.shape), metadata=metadata)

    def blurred(
        self, exact: Float[np.ndarray, "points outcomes"], accuracy: float | None
    ) -> Float[np.ndarray, "points outcomes"]:
        """Frequencies of outcomes with these probabilities in a number of shots."""
        shots = self._default_shots if accuracy is None else int(accuracy)
        certain = np.clip(exact, 0, None)
        certain = certain / certain.sum(axis=1, keepdims=True)
        return np.random.default_rng(self._seed).multinomial(shots, certain) / shots


def _check_shots(pub: SamplerPub) -> None:
    # Drawn outcomes, twice while they are put together, and their bits until they are packed.
    check_shots_fit(check_shots(pub.shots) * pub.size, 8 + 3 * pub.circuit.num_clbits)


@dataclass(frozen=True)
class _Probabilities(OfParameters):
    """Probabilities of what some qubits show."""

    qubits: tuple[int, ...]

    @property
    def output_shape(self) -> tuple[int, ...]:
        return (2 ** len(self.qubits),)

    @property
    def readout(self) -> Outcomes:
        return outcomes_of(self.circuit, self.qubits)

    def read_out(self, params: Array) -> Array:
        return probabilities(self.circuit, params, self.qubits)


def _bits(pubs: list[SamplerPub], seed: Seed) -> Iterator[Int[np.ndarray, "points shots clbits"]]:
    """Samples of all classical bits, as booleans."""
    circuits = circuits_of(pubs)
    exact = {circuit: _form(circuit) for circuit in circuits if is_followed(circuit)}
    points = [points_of(pub.circuit, pub.parameter_values) for pub in pubs]
    asked = [
        _parts(exact[circuit], rows) if circuit in exact else []
        for circuit, rows in zip(circuits, points, strict=True)
    ]
    found = values_of(part for parts in asked for part in parts)
    for pub, circuit, rows, parts in zip(pubs, circuits, points, asked, strict=True):
        random = np.random.default_rng(seed)
        if circuit not in exact:
            yield _runs(circuit, rows, pub.shots, random)
            continue
        drawn = [_draw(next(found), pub.shots, random) for _ in parts]
        yield _recorded(exact[circuit], np.concatenate(drawn))


def _form(circuit: Circuit) -> Circuit:
    """The exact form. What writes no classical bit has no measurements there either."""
    form = deferred(circuit)
    if writes_bits(circuit.ops):
        return form
    gates_only = tuple(op for op in form.ops if not isinstance(op, Measure))
    return replace(form, ops=gates_only, num_clbits=circuit.num_clbits)


def _sources(circuit: Circuit) -> list[int | None]:
    """The qubit that each classical bit shows."""
    return list(measured_bits(circuit)) if measurements(circuit) else [None] * circuit.num_clbits


def _parts(circuit: Circuit, points: np.ndarray) -> list[tuple[_Probabilities, np.ndarray]]:
    """What is read out for a pub, block by block."""
    qubits = tuple(sorted({qubit for qubit in _sources(circuit) if qubit is not None}))
    network = _Probabilities(circuit, qubits)
    size = rows_per_block(network)
    starts = range(0, max(1, len(points)), size)
    return [(network, points[start : start + size]) for start in starts]


def _recorded(
    circuit: Circuit, drawn: Int[np.ndarray, "points shots"]
) -> Int[np.ndarray, "points shots clbits"]:
    """Outcomes of the measured qubits, as bits."""
    sources = _sources(circuit)
    qubits = sorted({qubit for qubit in sources if qubit is not None})
    bits = np.zeros((*drawn.shape, len(sources)), bool)
    for place, qubit in enumerate(sources):
        if qubit is not None:
            bits[:, :, place] = drawn >> qubits.index(qubit) & 1
    return bits


def _runs(
    circuit: Circuit, points: np.ndarray, shots: int, random: np.random.Generator
) -> Int[np.ndarray, "points shots clbits"]:
    """The same by trajectories, for circuits with too many outcomes to follow."""
    if not writes_bits(circuit.ops):
        return np.zeros((len(points), shots, circuit.num_clbits), bool)
    keys = jax.random.split(jax.random.key(random.integers(2**63)), len(points))
    with jax.enable_x64(True):
        drawn = [
            np.asarray(sample(circuit, point, shots, key, method="trajectories"), bool)
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
