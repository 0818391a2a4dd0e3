"""Floor 9. Qiskit's Estimator on this engine."""

import math
from collections.abc import Iterable, Iterator
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Int
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

from qjax._base.process import check_process
from qjax._circuit.circuit import Circuit
from qjax._circuit.observable import Observable, PauliSum
from qjax._engine import Expectations
from qjax._estimation import estimate
from qjax._noise import NoiseModel
from qjax._qiskit import as_observable
from qjax._sampling import has_exact_form
from qjax._simulators import Simulator
from qjax.primitives._requests import (
    Seed,
    Simulating,
    check_precision,
    circuits_of,
    listed,
    of_qiskit,
    points_of,
    request,
    submit,
    unmasked,
    values_of,
)
from qjax.primitives._runs import means_of_runs


class Estimator(Simulating, BaseEstimatorV2):
    """Expectation values in double precision, exact unless a precision is asked for.

    Circuits with more outcomes than can be followed exactly need a precision: they are run shot by
    shot, as by `qjax.estimate`, so often that the standard error is at most that.

    With `simulator=Trajectories(samples)` values are means over so many runs for each parameter
    set, in which noise and outcomes midway are drawn, and `stds` their standard errors, of the
    observables as a whole. So the number of runs is told, and no precision is taken beside it. All
    observables of a pub are read from the same runs; those of parameter sets are independent.

    Args:
        default_precision: the standard error of pubs that state none. 0 is exact; else normal
            noise of that size is added.
        seed: of the noise, and of the runs of `Trajectories`; an integer gives the same noise in
            each run.
        exact: True ignores every precision that is asked for, for programs that always ask for
            one, such as Qiskit Machine Learning's networks.
        noise: a `qjax.noise.NoiseModel`: values are those of the noisy states, misread bits
            included, as a device that measures each Pauli string in its own basis gives in the
            limit of many shots (Aer's estimator leaves misread bits out); None for no noise.
        simulator: how states are represented, one of `qjax.simulators`; None chooses.

    Raises:
        ValueError: for a precision that is negative or not finite, or any but 0 beside `exact` or
            `Trajectories`; for a negative seed.
        TypeError: for a precision that is no number, another kind of seed, and what is no noise
            model or simulator.
    """

    def __init__(
        self,
        *,
        default_precision: float = 0.0,
        seed: Seed = None,
        exact: bool = False,
        noise: NoiseModel | None = None,
        simulator: Simulator | None = None,
    ) -> None:
        super().__init__(seed, exact, noise, simulator)
        self._default_precision = check_precision(default_precision, "default_precision")
        if exact and self._default_precision:
            raise ValueError(
                f"default_precision: got {default_precision} with exact=True, which has none; "
                "leave out one of them"
            )
        self.check_accuracy(self._default_precision)

    @property
    def default_precision(self) -> float:
        """The standard error of pubs that state none."""
        return self._default_precision

    def run(
        self,
        pubs: Iterable[EstimatorPubLike | tuple[Circuit, *tuple[Any, ...]]],
        *,
        precision: float | None = None,
    ) -> PrimitiveJob[PrimitiveResult[PubResult]]:
        """Start estimating.

        Args:
            pubs: (circuit, observables, parameter values, precision), the last two optional;
                observables and parameter values are broadcast against each other. The circuit is
                one of Qiskit's or a `qjax.Circuit`, whose parameter values have its own order.
            precision: for pubs that state none. With `exact`, no precision is heeded.

        Returns:
            a job; its result holds `data.evs` and `data.stds` for each pub, and in its metadata
            the `target_precision`, and of `Trajectories` how many `shots` were run. It raises
            `UnsupportedInstructionError` for circuits that `from_qiskit` refuses, ValueError for
            observables that are not Hermitian, and `NoExactFormError` where a precision is needed.

        Raises:
            ValueError: for a precision that is negative or not finite, or any but 0 beside
                `Trajectories`.
            TypeError: for a precision that is no number, and for what are no pubs.
        """
        check_process()
        chosen = self._default_precision if precision is None else precision
        check_precision(chosen, "precision")
        coerced = [
            EstimatorPub.coerce(of_qiskit(unmasked(pub, 2), 2), chosen) for pub in listed(pubs)
        ]
        for pub in coerced:
            self.check_accuracy(check_precision(pub.precision, "precision of a pub"))
        return submit(self._results, coerced)

    def _results(self, pubs: list[EstimatorPub]) -> list[PubResult]:
        asked = list(zip(pubs, circuits_of(pubs), strict=True))
        if self._runs is not None:
            return [self._over_runs(pub, circuit) for pub, circuit in asked]
        # Without a precision, what has no exact form is refused below.
        drawn = [self._precision(pub) > 0 and not has_exact_form(circuit) for pub, circuit in asked]
        exact = self._expectations(
            [one for one, runs in zip(asked, drawn, strict=True) if not runs]
        )
        return [
            self._result(pub, self._means(pub, circuit) if runs else self._noisy(pub, next(exact)))
            for (pub, circuit), runs in zip(asked, drawn, strict=True)
        ]

    def _expectations(
        self, asked: list[tuple[EstimatorPub, Circuit]]
    ) -> Iterator[Float[np.ndarray, "*shape"]]:
        tables = [_table(pub.observables.ravel().tolist()) for pub, _ in asked]
        requests = [
            request(self, circuit, Expectations(strings))
            for (_, circuit), (_, strings) in zip(asked, tables, strict=True)
        ]
        points = [points_of(pub.circuit, pub.parameter_values) for pub, _ in asked]
        values_of_pubs = values_of(zip(requests, points, strict=True))
        for (pub, _), (coefficients, _), values in zip(asked, tables, values_of_pubs, strict=True):
            yield _combined(pub, coefficients, values)

    def _over_runs(self, pub: EstimatorPub, circuit: Circuit) -> PubResult:
        """By `Trajectories`: terms share their runs, so that errors are of whole observables."""
        rows = [_observable(labels) for labels in pub.observables.ravel().tolist()]
        read = tuple(dict.fromkeys(rows))
        points = points_of(pub.circuit, pub.parameter_values)
        random = np.random.default_rng(self._seed)
        found = means_of_runs(self, circuit, Expectations(read), points, random)
        point, row = _pairs(pub)
        columns = np.array([read.index(observable) for observable in rows], int)[row]
        evs, stds = (values[point, columns].reshape(pub.shape) for values in found)
        return self._result(pub, evs, stds, shots=self._runs)

    def _noisy(self, pub: EstimatorPub, exact: np.ndarray) -> np.ndarray:
        return self.blurred(exact, pub.precision)

    def _precision(self, pub: EstimatorPub) -> float:
        return 0.0 if self._exact else pub.precision

    def _means(self, pub: EstimatorPub, circuit: Circuit) -> np.ndarray:
        """Means over as many runs as the precision asks for: each string has values up to 1."""
        coefficients, strings = _table(pub.observables.ravel().tolist())
        points = points_of(pub.circuit, pub.parameter_values)
        random = np.random.default_rng(self._seed)
        keys = jax.random.split(jax.random.key(random.integers(2**63)), len(points))
        largest = abs(coefficients).sum(axis=1).max(initial=0)
        shots = max(1, math.ceil((largest / pub.precision) ** 2))
        with jax.enable_x64(True):
            means = [
                np.asarray(
                    estimate(circuit, list(strings), point, shots, key, noise=self.noise).values
                )
                for point, key in zip(points, keys, strict=True)
                if strings
            ]
        return _combined(pub, coefficients, np.reshape(means, (len(points), len(strings))))

    def _result(
        self, pub: EstimatorPub, evs: np.ndarray, stds: np.ndarray | None = None, **told: Any
    ) -> PubResult:
        precision = self._precision(pub)
        errors = np.full(evs.shape, precision) if stds is None else stds
        data = DataBin(evs=evs, stds=errors, shape=evs.shape)
        metadata = {"target_precision": precision, "circuit_metadata": pub.circuit.metadata}
        return PubResult(data, metadata=metadata | told)

    def blurred(
        self, exact: Float[np.ndarray, "*shape"], accuracy: float | None
    ) -> Float[np.ndarray, "*shape"]:
        """Expectation values with the noise of a precision."""
        precision = self._default_precision if accuracy is None else accuracy
        if self._exact or not precision:
            return exact
        return np.asarray(np.random.default_rng(self._seed).normal(exact, precision))

    def check_accuracy(self, accuracy: float | None) -> None:
        """Require that no precision is asked for where values are means over runs."""
        if accuracy and self._runs is not None and not self._exact:
            raise ValueError(
                f"precision: got {accuracy} beside {self.simulator}, whose samples are the runs "
                "that values are means of; leave precision out, and see stds for the standard "
                "errors. For programs that always ask for one, Estimator(exact=True) ignores it"
            )

    def counts_runs(self, accuracy: float | None) -> bool:  # noqa: ARG002 - of samplers
        """False: the value of each run is exact."""
        return False


def _combined(
    pub: EstimatorPub, coefficients: csr_array, values: Float[np.ndarray, "points paulis"]
) -> Float[np.ndarray, "*shape"]:
    """The expectation values of a pub, from those of Pauli strings."""
    point, row = _pairs(pub)
    return coefficients[row].multiply(values[point]).sum(axis=1).reshape(pub.shape)


def _pairs(pub: EstimatorPub) -> tuple[Int[np.ndarray, " values"], Int[np.ndarray, " values"]]:
    """Which parameter set, and which observable, each value of a pub is of."""
    points = np.arange(pub.parameter_values.size).reshape(pub.parameter_values.shape)
    rows = np.arange(pub.observables.size).reshape(pub.observables.shape)
    point, row = (indices.ravel() for indices in np.broadcast_arrays(points, rows))
    return point, row


def _observable(labels: dict[str, float]) -> Observable:
    sparse = SparseObservable.from_list(list(labels.items()))
    return as_observable(sparse, sparse.num_qubits)


def _table(observables: list[dict[str, float]]) -> tuple[csr_array, tuple[Observable, ...]]:
    """Coefficients `(observables, strings)`, and the strings, each once."""
    entries = []
    column: dict[Observable, int] = {}
    for row, labelled in enumerate(observables):
        total = _observable(labelled)
        for term in total.terms if isinstance(total, PauliSum) else ():
            string = PauliSum(total.num_qubits, (term._replace(coefficient=1.0),))
            entries.append((row, column.setdefault(string, len(column)), term.coefficient))
    rows, columns, values = zip(*entries, strict=True) if entries else ((), (), ())
    shape = len(observables), len(column)
    return csr_array((values, (rows, columns)), shape, dtype=float), tuple(column)
