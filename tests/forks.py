"""What happens in a child that is forked: python -m tests.forks BEFORE CALL ...

BEFORE says what the parent does first: "nothing", "qjax", "bridge" or plain "jax". Each CALL, a
name in `CALLS`, is then made in a child of its own, and a line tells what came of it: the name, how
many seconds it took, and the error, or "done".
"""

from __future__ import annotations

import os
import signal
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import torch
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.primitives import StatevectorEstimator

import bridge
import qjax
from qjax.optimizers import natural_gradient
from qjax.primitives import Estimator, Sampler

CIRCUIT = QuantumCircuit(1)
CIRCUIT.ry(Parameter("w"), 0)
MEASURED = CIRCUIT.copy()
MEASURED.measure_all()
WEIGHTS = np.array([0.3])
# Made where JAX may not run yet.
RAW_KEY = np.zeros(2, np.uint32)


def network(kind: type = qjax.EstimatorQNN, **arguments: Any) -> Any:
    return kind(circuit=CIRCUIT, weight_params=["w"], **arguments)


def updated() -> None:
    natural_gradient(CIRCUIT).update(np.ones(1), optax.EmptyState(), np.ones(1))


CALLS: dict[str, Callable[[], object]] = {
    "statevector": lambda: qjax.statevector(CIRCUIT, WEIGHTS),
    "unitary": lambda: qjax.unitary(CIRCUIT, WEIGHTS),
    "probabilities": lambda: qjax.probabilities(CIRCUIT, WEIGHTS),
    "expectation": lambda: qjax.expectation(CIRCUIT, "Z", WEIGHTS),
    "sample": lambda: qjax.sample(CIRCUIT, WEIGHTS, 2, RAW_KEY),
    "trajectories": lambda: qjax.trajectories(CIRCUIT, WEIGHTS, 2, RAW_KEY),
    "estimate": lambda: qjax.estimate(CIRCUIT, "Z", WEIGHTS, 2, RAW_KEY),
    "apply_gate": lambda: qjax.apply_gate(np.ones(2), np.eye(2), [0]),
    "fisher": lambda: qjax.quantum_fisher_information(CIRCUIT, WEIGHTS),
    "evaluate": lambda: qjax.evaluate(network(), WEIGHTS, np.zeros((2, 0))),
    "export": lambda: qjax.export(network()),
    "load": lambda: qjax.load(b"nothing"),
    "init": lambda: network().init(RAW_KEY),
    "apply": lambda: network().apply(WEIGHTS, None),
    "forward": lambda: network().forward(None, WEIGHTS),
    "backward": lambda: network(qjax.SamplerQNN).backward(None, WEIGHTS),
    "network sample": lambda: network(qjax.CircuitQNN, sampling=True).sample(None, WEIGHTS),
    "remote": lambda: network(estimator=StatevectorEstimator()).forward(None, WEIGHTS),
    "natural_gradient": updated,
    "Estimator": lambda: Estimator().run([(CIRCUIT, "Z", WEIGHTS)]).result(),
    "Sampler": lambda: Sampler().run([(MEASURED, WEIGHTS)]).result(),
    "TorchConnector": lambda: bridge.TorchConnector(network()),
    "jax2torch": lambda: bridge.jax2torch(jnp.sin)(torch.ones(3)),
    "torch2jax": lambda: bridge.torch2jax(torch.sin)(np.ones(3, np.float32)),
    "to_torch": lambda: bridge.to_torch([]),
    "to_jax": lambda: bridge.to_jax(torch.ones(3)),
    "module": lambda: MODULE(torch.ones(3)),
}
MODULE = bridge.jax2torch(jnp.cos)

BEFORE: dict[str, Callable[[], object]] = {
    "nothing": lambda: None,
    "qjax": lambda: qjax.expectation(CIRCUIT, "Z", WEIGHTS),
    "bridge": lambda: MODULE(torch.ones(3)),
    "jax": lambda: jax.block_until_ready(jnp.ones(3) + 1),
}


def outcome(call: Callable[[], object]) -> str:
    try:
        call()
    except (AttributeError, RuntimeError, TypeError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return "done"


def main(before: str, *names: str) -> None:
    warnings.simplefilter("ignore")
    BEFORE[before]()
    for name in names:
        if os.fork() == 0:
            signal.alarm(100)
            start = time.monotonic()
            found = outcome(CALLS[name])
            os.write(1, f"{name}\t{time.monotonic() - start:.2f}\t{found}\n".encode())
            os._exit(0)
    for _ in names:
        os.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
