"""The networks of `tests.networks` as the product builds them, and what Qiskit reads out."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

import qjax
from tests import networks
from tests.networks import (
    LARGE,
    SMALL,
    Function,
    Network,
)

DERIVATIVE_TOLERANCE = 1e-10  # of the differences that we compare with


def parity(integer: int) -> int:
    return integer.bit_count() % 2


def grid(integer: int) -> tuple[int, int]:
    """Parity, and the number of ones beyond the first."""
    return parity(integer), max(integer.bit_count() - 1, 0)


@cache
def estimator(name: str, **options: Any) -> qjax.EstimatorQNN:
    network = (SMALL | LARGE)[name]()
    return qjax.EstimatorQNN(**network.arguments, observables=network.observables, **options)


@cache
def sampler(name: str, **options: Any) -> qjax.SamplerQNN:
    return qjax.SamplerQNN(**(SMALL | LARGE)[name]().arguments, **options)


def sampled(network: Network, x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Qiskit's probabilities of what is measured: of the clbits where there are any."""
    everything = networks.probabilities(network, x, w)
    measures = [i for i in network.circuit.data if i.operation.name == "measure"]
    if not measures:
        return everything
    result = np.zeros(2**network.circuit.num_clbits)
    for index, probability in enumerate(everything):
        integer = 0
        for measure in measures:
            qubit = network.circuit.find_bit(measure.qubits[0]).index
            integer |= (index >> qubit & 1) << network.circuit.find_bit(measure.clbits[0]).index
        result[integer] += probability
    return result


def interpreted(function: Callable[[int], Any], shape: tuple[int, ...]) -> Function:
    """What `interpret` makes of Qiskit's probabilities of the tutorial's network."""

    def outputs(x: np.ndarray, w: np.ndarray) -> np.ndarray:
        result = np.zeros(shape)
        for integer, probability in enumerate(networks.probabilities(networks.tutorial(), x, w)):
            result[function(integer)] += probability
        return result

    return outputs


KINDS = {"estimator": (estimator, networks.expectations), "sampler": (sampler, sampled)}
