"""Floor 11. Qiskit's primitives, version 2, on this engine: exact values, and samples of them.

Programs written for `StatevectorEstimator` and `StatevectorSampler` run on these unchanged. All
parameter sets of a pub, whatever their shape, are simulated by one compiled program. This module
is imported by name (`import qjax.primitives`): `import qjax` leaves it out.
"""

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

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

from qjax._circuit import Circuit
from qjax._deferred import deferred
from qjax._evaluation import evaluate
from qjax._measurements import measured_bits, measurements, writes_bits
from qjax._observable import Observable, PauliSum
from qjax._qiskit import as_observable, from_qiskit
from qjax._sampling import is_followed, sample
from qjax._simulation import expectation, probabilities

Seed = np.random.Generator | int | None

# Probabilities that are in memory at once, in bytes.
BLOCK = 1 << 28


class _Seeded:
    """What draws from a generator."""

    _seed: Seed

    @property
    def seed(self) -> Seed:
        """What random numbers are drawn from."""
        return self._seed


class Estimator(_Seeded, BaseEstimatorV2):
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
        return _submit(self._run_pub, [EstimatorPub.coerce(pub, chosen) for pub in pubs])

    def _run_pub(self, pub: EstimatorPub) -> PubResult:
        evs = _expectations(pub)
        if pub.precision:
            evs = np.asarray(np.random.default_rng(self._seed).normal(evs, pub.precision))
        data = DataBin(evs=evs, stds=np.full(evs.shape, pub.precision), shape=evs.shape)
        metadata = {"target_precision": pub.precision, "circuit_metadata": pub.circuit.metadata}
        return PubResult(data, metadata=metadata)


class Sampler(_Seeded, BaseSamplerV2):
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
        return _submit(self._run_pub, coerced)

    def _run_pub(self, pub: SamplerPub) -> SamplerPubResult:
        bits = _bits(pub, np.random.default_rng(self._seed))
        bits = bits.reshape(*pub.shape, pub.shots, pub.circuit.num_clbits)
        data = {}
        for register in pub.circuit.cregs:
            places = [pub.circuit.find_bit(bit).index for bit in register]
            data[register.name] = BitArray.from_bool_array(bits[..., places], order="little")
        metadata = {"shots": pub.shots, "circuit_metadata": pub.circuit.metadata}
        return SamplerPubResult(DataBin(**data, shape=pub.shape), metadata=metadata)


def _submit(run: Callable[[Any], PubResult], pubs: list) -> PrimitiveJob:
    """A job that has begun to run each pub."""
    job = PrimitiveJob(lambda: PrimitiveResult([run(pub) for pub in pubs], metadata={"version": 2}))
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


def _expectations(pub: EstimatorPub) -> Float[np.ndarray, "*shape"]:
    values = pub.parameter_values
    coefficients, strings = _table(pub.observables.ravel().tolist())
    network = _Values(from_qiskit(pub.circuit), strings)
    found = evaluate(network, None, _points(pub.circuit, values))
    # Which parameter set and which observable each value of the pub is of.
    points = np.arange(values.size).reshape(values.shape)
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


def _bits(pub: SamplerPub, random: np.random.Generator) -> Int[np.ndarray, "points shots clbits"]:
    """Samples of all classical bits, as booleans."""
    circuit, points = from_qiskit(pub.circuit), _points(pub.circuit, pub.parameter_values)
    if not is_followed(circuit):
        return _runs(circuit, points, pub.shots, random)
    circuit = deferred(circuit)
    sources = measured_bits(circuit) if measurements(circuit) else [None] * circuit.num_clbits
    qubits = tuple(sorted({qubit for qubit in sources if qubit is not None}))
    drawn = _draw(_Probabilities(circuit, qubits), points, pub.shots, random)
    bits = np.zeros((len(points), pub.shots, len(sources)), bool)
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
    network: _Probabilities, points: np.ndarray, shots: int, random: np.random.Generator
) -> Int[np.ndarray, "points shots"]:
    """Outcomes of the measured qubits."""
    (outcomes,) = network.output_shape
    size = max(1, BLOCK // (8 * outcomes))
    drawn = [np.zeros((0, shots), np.int64)]
    for start in range(0, len(points), size):
        block = evaluate(network, None, points[start : start + size])
        counts = random.multinomial(shots, block / block.sum(axis=1, keepdims=True))
        ordered = np.repeat(np.tile(np.arange(outcomes), len(block)), counts.ravel())
        drawn.append(random.permuted(ordered.reshape(len(block), shots), axis=1))
    return np.concatenate(drawn)
