"""A circuit, points and readouts for the tests of the engine."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from qiskit.quantum_info import SparsePauliOp

import qjax
from qjax._engine.task import Expectations, Outcomes, Readout, States
from qjax._qiskit.observables import as_observable
from tests.circuits import interacting, value_of

OBSERVABLE = SparsePauliOp(["ZIX", "IZZ", "YXI"], [0.5, -0.8, 0.3])
CIRCUIT = interacting()
CONVERTED = qjax.from_qiskit(CIRCUIT)
NUM_PARAMS = CIRCUIT.num_parameters


def points(*batch: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-3, 3, (*batch, NUM_PARAMS))


def network() -> tuple[qjax.EstimatorQNN, list[int], list[int]]:
    """Inputs and weights interleave; with their places in the circuit."""
    inputs, weights = [4, 1], [0, 3, 5, 2]
    names = [parameter.name for parameter in CIRCUIT.parameters]
    qnn = qjax.EstimatorQNN(
        circuit=CIRCUIT,
        observables=[OBSERVABLE, "ZZZ"],
        input_params=[names[k] for k in inputs],
        weight_params=[names[k] for k in weights],
    )
    return qnn, inputs, weights


def network_values(weights: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Qiskit's outputs for one sample."""
    _, at_inputs, at_weights = network()
    values = np.zeros(NUM_PARAMS)
    values[at_inputs], values[at_weights] = x, weights
    return np.array([value_of(CIRCUIT, o, values) for o in (OBSERVABLE, SparsePauliOp("ZZZ"))])


READOUTS: dict[str, Readout] = {
    "states": States(),
    "outcomes": Outcomes(),
    "diagonal": Expectations((as_observable("ZIZ", 3), as_observable("IZI", 3))),
    "mixed": Expectations((as_observable(OBSERVABLE, 3), as_observable("XYZ", 3))),
}


def loss_of(readout: Readout, result: Any, xp: Any = jnp) -> Any:
    """A number that depends on every entry of what is read out, `(outputs, batch)`."""
    weights = np.random.default_rng(3).normal(size=(2, *result.shape))
    planes = (result.real, result.imag) if isinstance(readout, States) else (result,)
    return sum(xp.sum(xp.sin(w * x)) for w, x in zip(weights, planes, strict=False))
