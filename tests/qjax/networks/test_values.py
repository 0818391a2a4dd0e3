"""Networks as values: equal, hashable, copied, sent to other processes, printed."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np
import pytest
import scipy.sparse

import qjax
from tests import networks
from tests.circuits import DOUBLE_TOLERANCE, error
from tests.networks import SMALL
from tests.qjax.qnns import estimator, parity

# ---------------------------------------------------------------- equality


def test_equal_networks_are_one_value() -> None:
    for name in ("tutorial", "measured"):
        network = SMALL[name]()
        again = qjax.EstimatorQNN(**network.arguments, observables=network.observables)
        assert again == estimator(name)
        assert hash(again) == hash(estimator(name))


def test_different_networks_are_different_values() -> None:
    network = networks.tutorial()
    arguments = network.arguments
    swapped = {**arguments, "weight_params": list(network.weights)[::-1]}
    several = [
        qjax.EstimatorQNN(**arguments),
        qjax.EstimatorQNN(**arguments, observables="XX"),
        qjax.EstimatorQNN(**arguments, input_gradients=True),
        qjax.EstimatorQNN(**swapped),
        qjax.SamplerQNN(**arguments),
        qjax.SamplerQNN(**arguments, sparse=True),
        qjax.SamplerQNN(**arguments, interpret=parity, output_shape=2),
        qjax.SamplerQNN(**arguments, interpret=parity, output_shape=3),
        qjax.SamplerQNN(**arguments, interpret=lambda i: 1 - parity(i), output_shape=2),
        *(
            qjax.CircuitQNN(*arguments.values(), sampling=True, shots=shots, seed=seed)
            for shots in (2, 3)
            for seed in (None, 1, 2)
        ),
    ]
    assert len(set(several)) == len(several)
    assert several[0] != "a network"


# ---------------------------------------------------------------- values that travel
def travellers() -> list[qjax.NeuralNetwork]:
    """One network of each kind; called in two processes."""
    network = networks.tutorial()
    parameters = (network.inputs, network.weights)
    return [
        qjax.EstimatorQNN(**network.arguments, observables=network.observables),
        qjax.SamplerQNN(**network.arguments, interpret=lambda i: i % 2, output_shape=2),
        qjax.TwoLayerQNN(2, observable="XZ"),
        qjax.OpflowQNN(qjax.ComposedOp("ZI", network.circuit), *parameters, input_gradients=True),
        qjax.CircuitQNN(network.circuit, *parameters, sparse=True),
        qjax.CircuitQNN(
            network.circuit,
            *parameters,
            sampling=True,
            interpret=lambda i: (i, 0),
            shots=5,
            seed=1,
        ),
    ]


def results(qnn: qjax.NeuralNetwork) -> np.ndarray:
    outputs = qnn.forward([0.3, -0.4], np.linspace(-1, 1, qnn.num_weights))
    return outputs.todense() if scipy.sparse.issparse(outputs) else outputs


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, *(partial(pickle.dumps, protocol=p) for p in (2, 5))],
    ids=["copy", "deepcopy", "pickle 2", "pickle 5"],
)
def test_copies_are_equal_and_compute_the_same(copied: Callable[[Any], Any]) -> None:
    for qnn in travellers():
        twin = copied(qnn)
        twin = pickle.loads(twin) if isinstance(twin, bytes) else twin
        assert type(twin) is type(qnn)
        assert twin == qnn
        assert hash(twin) == hash(qnn)
        assert repr(twin) == repr(qnn)
        assert (twin.sparse, twin.input_gradients) == (qnn.sparse, qnn.input_gradients)
        assert error(results(twin), results(qnn)) == 0


CHILD = """
import pickle, sys
from tests.qjax.networks.test_values import results, travellers
received = pickle.load(sys.stdin.buffer)
built = travellers()
print([a == b and hash(a) == hash(b) and a in set(built) for a, b in zip(received, built)])
sys.stdout.flush()
sys.stdout.buffer.write(pickle.dumps((received, [results(qnn) for qnn in received])))
"""


def test_networks_travel_to_another_process_and_back(pytestconfig: pytest.Config) -> None:
    """String hashes differ there: nothing that depends on them may travel."""
    mine = travellers()
    environment = {
        **os.environ,
        "PYTHONHASHSEED": "12345",
        "PYTHONPATH": str(pytestconfig.rootpath),
    }
    done = subprocess.run(
        [sys.executable, "-c", CHILD],
        input=pickle.dumps(mine),
        capture_output=True,
        env=environment,
        cwd=pytestconfig.rootpath,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    line, _, data = done.stdout.partition(b"\n")
    assert line.decode().strip() == str([True] * len(mine))
    returned, outputs = pickle.loads(data)
    for qnn, twin, output in zip(mine, returned, outputs, strict=True):
        assert twin == qnn
        assert hash(twin) == hash(qnn)
        assert error(output, results(qnn)) < DOUBLE_TOLERANCE


def test_repr_tells_kind_and_sizes() -> None:
    for qnn in travellers():
        shown = repr(qnn)
        assert type(qnn).__name__ in shown
        assert f"num_inputs={qnn.num_inputs}" in shown
        assert f"num_weights={qnn.num_weights}" in shown
        assert str(qnn.output_shape) in shown


def test_networks_cannot_be_changed_through_what_they_show() -> None:
    qnn = estimator("tutorial")
    for name in ("num_inputs", "num_weights", "output_shape", "sparse"):
        with pytest.raises(AttributeError):
            setattr(qnn, name, 1)


# ---------------------------------------------------------------- initial weights
def test_initial_weights_are_uniform_between_minus_one_and_one() -> None:
    qnn = estimator("deep")
    weights = qnn.init(jax.random.key(0))
    assert isinstance(weights, jax.Array)
    assert weights.shape == (120,)
    assert weights.dtype == np.float32
    drawn = np.concatenate([qnn.init(jax.random.key(seed)) for seed in range(40)])
    assert drawn.min() >= -1
    assert drawn.max() < 1
    counts, _ = np.histogram(drawn, 8, (-1, 1))
    # Binomial(4800, 1/8): mean 600, standard deviation 23.
    assert np.abs(counts - 600).max() < 5 * 23


def test_initial_weights_follow_the_key_and_the_precision() -> None:
    qnn = estimator("tutorial")
    first, again, other = (qnn.init(jax.random.key(seed)) for seed in (0, 0, 1))
    assert error(first, again) == 0
    assert error(first, other) > 0
    assert error(jax.jit(qnn.init)(jax.random.key(0)), first) == 0
    with jax.enable_x64(True):
        assert qnn.init(jax.random.key(0)).dtype == np.float64
    assert estimator("inputs only").init(jax.random.key(0)).shape == (0,)
