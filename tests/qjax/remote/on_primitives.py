"""Networks on Qiskit's primitives that count what they are sent."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from qiskit.primitives import StatevectorEstimator

import qjax
from tests import networks
from tests.networks import SMALL, batched, jacobians, readout


class Counting(StatevectorEstimator):
    """Remembers the parameter sets of every pub, run by run."""

    def __init__(self) -> None:
        super().__init__()
        self.runs: list[list[int]] = []
        self.precisions: list[float | None] = []

    def run(self, pubs: Any, *, precision: float | None = None) -> Any:
        pubs = list(pubs)
        self.runs.append([len(pub[2]) if len(pub) > 2 else 1 for pub in pubs])
        self.precisions.append(precision)
        return super().run(pubs, precision=precision)


def on_estimator(name: str, primitive: Any, **options: Any) -> qjax.EstimatorQNN:
    network = SMALL[name]()
    return qjax.EstimatorQNN(
        **network.arguments, observables=network.observables, estimator=primitive, **options
    )


def on_sampler(name: str, primitive: Any, **options: Any) -> qjax.SamplerQNN:
    return qjax.SamplerQNN(**SMALL[name]().arguments, sampler=primitive, **options)


@cache
def oracle(name: str) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Qiskit's values, and derivatives by differences."""
    network = SMALL[name]()
    function = readout(networks.expectations, network)
    return batched(function, *network.data(2)), jacobians(function, *network.data(2))
