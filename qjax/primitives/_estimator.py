"""Floor 11. Qiskit's Estimator on this engine."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from jax import Array
from jaxtyping import Float
from qiskit.primitives import (
    BaseEstimatorV2,
    DataBin,
    EstimatorPubLike,
    PrimitiveJob,
    PrimitiveResult,
    PubResult,
)
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.quantum_info import SparseObservable
from scipy.sparse import csr_array

from qjax._blurred import Blurred
from qjax._observable import Observable, PauliSum
from qjax._qiskit import as_observable
from qjax._simulation import expectation
from qjax.primitives._requests import (
    OfParameters,
    Seed,
    Seeded,
    circuits_of,
    points_of,
    submit,
    values_of,
)


class Estimator(Seeded, Blurred, BaseEstimatorV2):
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
        return submit(self._results, [EstimatorPub.coerce(pub, chosen) for pub in pubs])

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


@dataclass(frozen=True)
class _Values(OfParameters):
    """Expectation values of Pauli strings, projectors among their factors."""

    strings: tuple[Observable, ...]

    @property
    def output_shape(self) -> tuple[int, ...]:
        return (len(self.strings),)

    def read_out(self, params: Array) -> Array:
        return expectation(self.circuit, list(self.strings), params)


def _expectations(pubs: list[EstimatorPub]) -> Iterator[Float[np.ndarray, "*shape"]]:
    tables = [_table(pub.observables.ravel().tolist()) for pub in pubs]
    networks = [
        _Values(circuit, paulis)
        for circuit, (_, paulis) in zip(circuits_of(pubs), tables, strict=True)
    ]
    points = (points_of(pub.circuit, pub.parameter_values) for pub in pubs)
    found = values_of(zip(networks, points, strict=True))
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
