"""Floor 11. Qiskit's primitives, version 2, on this engine: exact values, and samples of them.

Programs written for `StatevectorEstimator` and `StatevectorSampler` run on these unchanged. All
parameter sets of a pub, whatever their shape, are simulated by one call of a compiled program, and
so are those of pubs in a row that ask for the same. This module is imported by name
(`import qjax.primitives`): `import qjax` leaves it out.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import ClassVar

import jax
import numpy as np
from jax import Array
from jaxtyping import Float, Int
from qiskit import QuantumCircuit
from qiskit.primitives import (
    BaseEstimatorV2,
    BaseSamplerV2,
    BitArray,
    DataBin,
    EstimatorPubLike,
    PrimitiveJob,
    PrimitiveResult,
    PubResult,
    SamplerPubLike,
    SamplerPubResult,
)
from qiskit.primitives.containers.bindings_array import BindingsArray
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit.quantum_info import SparseObservable
from scipy.sparse import csr_array

from qjax._blurred import Blurred
from qjax._circuit import Circuit
from qjax._deferred import deferred
from qjax._evaluation import evaluate
from qjax._measurements import measured_bits, measurements, writes_bits
from qjax._observable import Observable, PauliSum
from qjax._qiskit import as_observable, from_qiskit
from qjax._sampling import is_followed, sample
from qjax._simulation import expectation, probabilities

Seed = np.random.Generator | int | None

# What is read out that is in memory at once, in bytes: of more than one pub, or of a sampler.
BLOCK = 1 << 28


class _Seeded:
    """What draws from a generator."""

    _seed: Seed

    @property
    def seed(self) -> Seed:
        """What random numbers are drawn from."""
        return self._seed


class Estimator(_Seeded, Blurred, BaseEstimatorV2):
    """Expectation values in double precision, exact unless a precision is asked for.

    Args:
        default_precision: the standard error of pubs that state none. 0 is exact; else normal
            noise of that size is added.
        seed: of the noise; an integer gives the same noise in each run.
    """

    def __init__(self, *, default_precision: float = 0.0, seed: Seed = None) -> None:
        self._default_precision = default_precision
        self._seed = seed

    @property
    def default_precision(self) -> float:
        """The standard error of pubs that state none."""
        return self._default_precision

    def run(
        self, pubs: Iterable[EstimatorPubLike], *, precision: float | None = None
    ) -> PrimitiveJob[PrimitiveResult[PubResult]]:
        """Start estimating.

        Args:
            pubs: (circuit, observables, parameter values, precision), the last two optional;
                observables and parameter values are broadcast against each other.
            precision: for pubs that state none.

        Returns:
            a job; its result holds `data.evs` and `data.stds` for each pub. It raises
            `UnsupportedInstructionError` for circuits that `from_qiskit` refuses, and ValueError
            for observables that are not Hermitian.
        """
        chosen = self._default_precision if precision is None else precision
        return _submit(self._results, [EstimatorPub.coerce(pub, chosen) for pub in pubs])

    def _results(self, pubs: list[EstimatorPub]) -> list[PubResult]:
        found = _expectations(pubs)
        return [self._result(pub, evs) for pub, evs in zip(pubs, found, strict=True)]

    def _result(self, pub: EstimatorPub, evs: np.ndarray) -> PubResult:
        evs = self.blurred(evs, pub.precision)
        data = DataBin(evs=evs, stds=np.full(evs.shape, pub.precision), shape=evs.shape)
        metadata = {"target_precision": pub.precision, "circuit_metadata": pub.circuit.metadata}
        return PubResult(data, metadata=metadata)

    def blurred(
        self, exact: Float[np.ndarray, "*shape"], accuracy: float | None
    ) -> Float[np.ndarray, "*shape"]:
        """Expectation values with the noise of a precision."""
        precision = self._default_precision if accuracy is None else accuracy
        if not precision:
            return exact
        return np.asarray(np.random.default_rng(self._seed).normal(exact, precision))


class Sampler(_Seeded, Blurred, BaseSamplerV2):
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
        """
        chosen = self._default_shots if shots is None else shots
        coerced = [SamplerPub.coerce(pub, chosen) for pub in pubs]
        if any(not pub.circuit.cregs for pub in coerced):
            warnings.warn(
                "a circuit has no classical register, so its result is empty: add measurements, "
                "for instance by measure_all()",
                stacklevel=2,
            )
        return _submit(self._results, coerced)

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


def _submit(run: Callable[[list], list], pubs: list) -> PrimitiveJob:
    """A job that has begun to run the pubs."""
    job = PrimitiveJob(lambda: PrimitiveResult(run(pubs), metadata={"version": 2}))
    job._submit()
    return job


# ---------------------------------------------------------------- what is computed


@dataclass(frozen=True)
class _OfParameters:
    """A circuit as a network without weights: all its parameters are inputs."""

    circuit: Circuit

    num_weights: ClassVar[int] = 0

    @property
    def num_inputs(self) -> int:
        return self.circuit.num_params

    @property
    def output_shape(self) -> tuple[int, ...]:
        raise NotImplementedError

    def read_out(self, params: Array) -> Array:
        raise NotImplementedError

    def apply(self, weights: Array, inputs: Array) -> Array:
        del weights
        return jax.vmap(self.read_out)(inputs)


@dataclass(frozen=True)
class _Values(_OfParameters):
    """Expectation values of Pauli strings, projectors among their factors."""

    strings: tuple[Observable, ...]

    @property
    def output_shape(self) -> tuple[int, ...]:
        return (len(self.strings),)

    def read_out(self, params: Array) -> Array:
        return expectation(self.circuit, list(self.strings), params)


@dataclass(frozen=True)
class _Probabilities(_OfParameters):
    """Probabilities of what some qubits show."""

    qubits: tuple[int, ...]

    @property
    def output_shape(self) -> tuple[int, ...]:
        return (2 ** len(self.qubits),)

    def read_out(self, params: Array) -> Array:
        return probabilities(self.circuit, params, self.qubits)


def _points(circuit: QuantumCircuit, values: BindingsArray) -> Float[np.ndarray, "points params"]:
    """One row per parameter set, in the circuit's order."""
    return np.asarray(values.as_array(circuit.parameters), float).reshape(
        values.size, circuit.num_parameters
    )


def _circuits(pubs: list) -> list[Circuit]:
    """The circuit of each pub; a circuit that comes several times is converted once."""
    unique = {id(pub.circuit): pub.circuit for pub in pubs}
    converted = {key: from_qiskit(circuit) for key, circuit in unique.items()}
    return [converted[id(pub.circuit)] for pub in pubs]


def _values(
    requests: Iterable[tuple[_OfParameters, np.ndarray]],
) -> Iterator[Float[np.ndarray, "points outputs"]]:
    """What each network reads out at its points; in one go for equal networks in a row."""
    for network, row in groupby(requests, key=itemgetter(0)):
        for together in _blocks(network, (points for _, points in row)):
            found = evaluate(network, None, np.concatenate(together))
            yield from np.split(found, np.cumsum([len(points) for points in together])[:-1])


def _blocks(
    network: _OfParameters, requests: Iterable[np.ndarray]
) -> Iterator[list[Float[np.ndarray, "points params"]]]:
    """Requests in a row that are within a block together, or single ones."""
    limit = _rows_per_block(network)
    block: list[np.ndarray] = []
    for points in requests:
        if block and sum(map(len, block)) + len(points) > limit:
            yield block
            block = []
        block.append(points)
    yield block


def _rows_per_block(network: _OfParameters) -> int:
    (outputs,) = network.output_shape
    return max(1, BLOCK // (8 * outputs))


def _expectations(pubs: list[EstimatorPub]) -> Iterator[Float[np.ndarray, "*shape"]]:
    tables = [_table(pub.observables.ravel().tolist()) for pub in pubs]
    networks = [
        _Values(circuit, paulis)
        for circuit, (_, paulis) in zip(_circuits(pubs), tables, strict=True)
    ]
    points = (_points(pub.circuit, pub.parameter_values) for pub in pubs)
    found = _values(zip(networks, points, strict=True))
    for pub, (coefficients, _), values in zip(pubs, tables, found, strict=True):
        yield _combined(pub, coefficients, values)


def _combined(
    pub: EstimatorPub, coefficients: csr_array, found: Float[np.ndarray, "points paulis"]
) -> Float[np.ndarray, "*shape"]:
    """The expectation values of a pub, from those of Pauli strings."""
    # Which parameter set and which observable each value of the pub is of.
    points = np.arange(pub.parameter_values.size).reshape(pub.parameter_values.shape)
    rows = np.arange(pub.observables.size).reshape(pub.observables.shape)
    point, row = (each.ravel() for each in np.broadcast_arrays(points, rows))
    return coefficients[row].multiply(found[point]).sum(axis=1).reshape(pub.shape)


def _table(observables: list[dict[str, float]]) -> tuple[csr_array, tuple[Observable, ...]]:
    """Coefficients `(observables, strings)`, and the strings, each once."""
    entries = []
    column: dict[Observable, int] = {}
    for row, labelled in enumerate(observables):
        sparse = SparseObservable.from_list(list(labelled.items()))
        total = as_observable(sparse, sparse.num_qubits)
        for term in total.terms if isinstance(total, PauliSum) else ():
            string = PauliSum(total.num_qubits, (term._replace(coefficient=1.0),))
            entries.append((row, column.setdefault(string, len(column)), term.coefficient))
    rows, columns, values = zip(*entries, strict=True) if entries else ((), (), ())
    shape = len(observables), len(column)
    return csr_array((values, (rows, columns)), shape, dtype=float), tuple(column)


def _bits(pubs: list[SamplerPub], seed: Seed) -> Iterator[Int[np.ndarray, "points shots clbits"]]:
    """Samples of all classical bits, as booleans."""
    circuits = _circuits(pubs)
    exact = {circuit: deferred(circuit) for circuit in circuits if is_followed(circuit)}
    points = [_points(pub.circuit, pub.parameter_values) for pub in pubs]
    asked = [
        _parts(exact[circuit], rows) if circuit in exact else []
        for circuit, rows in zip(circuits, points, strict=True)
    ]
    found = _values(part for parts in asked for part in parts)
    for pub, circuit, rows, parts in zip(pubs, circuits, points, asked, strict=True):
        random = np.random.default_rng(seed)
        if circuit not in exact:
            yield _runs(circuit, rows, pub.shots, random)
            continue
        drawn = [_draw(next(found), pub.shots, random) for _ in parts]
        yield _recorded(exact[circuit], np.concatenate(drawn))


def _sources(circuit: Circuit) -> list[int | None]:
    """The qubit that each classical bit shows."""
    return list(measured_bits(circuit)) if measurements(circuit) else [None] * circuit.num_clbits


def _parts(circuit: Circuit, points: np.ndarray) -> list[tuple[_Probabilities, np.ndarray]]:
    """What is read out for a pub, block by block."""
    qubits = tuple(sorted({qubit for qubit in _sources(circuit) if qubit is not None}))
    network = _Probabilities(circuit, qubits)
    size = _rows_per_block(network)
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
    ordered = np.repeat(np.tile(np.arange(outcomes), size), counts.ravel())
    return random.permuted(ordered.reshape(size, shots), axis=1)
