"""`export` and `load`: what comes back computes, and differentiates, as Qiskit says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import qjax
from tests import networks
from tests.circuits import DOUBLE_TOLERANCE, SINGLE_TOLERANCE
from tests.conftest import Precision
from tests.qjax.networks.saved_networks import NAME, VALUES, WEIGHTS, samples
from tests.qjax.qnns import DERIVATIVE_TOLERANCE, KINDS, estimator


@pytest.mark.parametrize("kind", KINDS)
def test_values_are_qiskits(kind: str, precision: Precision, tmp_path: Path) -> None:
    """Fewer samples than a block, one block, several; leading axes are kept."""
    build, oracle = KINDS[kind]
    path = tmp_path / "network.qjax"
    written = qjax.export(build(NAME), path, batch_size=4, dtype=precision.real, vjp_order=0)
    assert path.read_bytes() == written
    loaded = qjax.load(str(path))
    weights = WEIGHTS.astype(precision.real)
    for batch in ((), (4,), (2, 5)):
        inputs = samples(*batch)
        found = loaded.apply(weights, inputs.astype(precision.real))
        expected = networks.batched(
            networks.readout(oracle, networks.tutorial()), inputs[None], WEIGHTS
        )
        assert found.dtype == precision.real
        np.testing.assert_allclose(found, expected[0], atol=precision.tolerance)
    assert loaded.apply(weights, np.zeros((3, 0, 2), precision.real)).shape[:2] == (3, 0)


def test_derivatives_are_differences(double: bytes) -> None:
    """In weights and inputs, and the second one, through full and filled-up blocks."""
    loaded, inputs = qjax.load(double), samples(5)

    def total(w: Any, x: Any) -> Any:
        return jnp.sum(jnp.square(loaded.apply(w, x)))

    def expected(w: np.ndarray, x: np.ndarray) -> float:
        return float(np.sum(networks.batched(VALUES, x, w) ** 2))

    with jax.enable_x64(True):
        by_weight, by_input = jax.jit(jax.grad(total, (0, 1)))(WEIGHTS, inputs)
        along = jax.jit(jax.grad(lambda w: jnp.sum(jax.grad(total)(w, inputs))))(WEIGHTS)
    found = networks.gradient(lambda w: expected(w, inputs), WEIGHTS)
    np.testing.assert_allclose(by_weight, found, atol=1e2 * DERIVATIVE_TOLERANCE)
    flat = networks.gradient(lambda x: expected(WEIGHTS, x.reshape(5, 2)), inputs.ravel())
    np.testing.assert_allclose(by_input.ravel(), flat, atol=1e2 * DERIVATIVE_TOLERANCE)
    # Differences of the unsaved network's first derivatives, which other tests hold to Qiskit's.
    exact = jax.jit(jax.grad(lambda w: jnp.sum(jnp.square(estimator(NAME).apply(w, inputs)))))
    with jax.enable_x64(True):
        second = networks.gradient(lambda w: float(np.sum(exact(w))), WEIGHTS)
    np.testing.assert_allclose(along, second, atol=1e2 * DERIVATIVE_TOLERANCE)


@pytest.mark.parametrize(
    ("name", "weights", "inputs"),
    [
        ("weights only", WEIGHTS, None),
        ("inputs only", None, np.array([[0.3], [-1.2], [2.0]])),
        ("shuffled", WEIGHTS[:3], np.linspace(-2, 2, 9).reshape(3, 3)),
    ],
)
def test_networks_of_other_kinds(name: str, weights: Any, inputs: Any) -> None:
    """Without inputs, without weights, with names in another order than the circuit's."""
    qnn = estimator(name, input_gradients=True)
    loaded = qjax.load(qjax.export(qnn, batch_size=1, dtype=np.float64, vjp_order=0))
    found = qjax.evaluate(loaded, weights, inputs)
    np.testing.assert_allclose(found, qnn.forward(inputs, weights), atol=DOUBLE_TOLERANCE)
    assert (loaded.input_params, loaded.weight_params) == (qnn.input_params, qnn.weight_params)
    assert loaded.input_gradients


class Logarithm:
    """A network that is not ours, with no finite value or derivative at zero."""

    num_inputs = num_weights = output_shape = 1

    def apply(self, weights: jax.Array, inputs: jax.Array) -> jax.Array:
        return weights[0] * jnp.log(inputs)


def test_filled_up_blocks_add_nothing() -> None:
    loaded, x = qjax.load(qjax.export(Logarithm(), batch_size=4)), np.float32([[2], [3], [5]])
    value, slope = jax.value_and_grad(lambda w: jnp.sum(loaded.apply(w, x)))(jnp.ones(1))
    np.testing.assert_allclose(value, np.log(30), rtol=SINGLE_TOLERANCE)
    np.testing.assert_allclose(slope, [np.log(30)], rtol=SINGLE_TOLERANCE)
    assert (loaded.input_params, loaded.num_qubits, loaded.output_shape) == ((), None, (1,))


def test_another_process_needs_no_circuit(saved: bytes, tmp_path: Path) -> None:
    """Nothing is imported from a circuit, planned or unpickled on the way."""
    (tmp_path / "network").write_bytes(saved)
    code = f"""
import pickle, numpy as np, qjax
from qjax._engine import executor, runs, stacks, task
def refuse(*args, **kwargs): raise AssertionError
for module, name in [
    (task, "plan_circuit"), (stacks, "plan_circuit"), (runs, "plan_circuit"),
    (executor, "simulate"), (runs, "simulate"), (pickle, "loads"), (pickle, "load"),
]:
    assert hasattr(module, name), (module, name)
    setattr(module, name, refuse)
network = qjax.load({str(tmp_path / "network")!r})
weights = np.array({WEIGHTS.tolist()}, np.float32)
print(*np.asarray(network.apply(weights, np.float32([0.5, -1])) ))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = np.array(done.stdout.split(), float)
    np.testing.assert_allclose(found, VALUES([0.5, -1], WEIGHTS), atol=SINGLE_TOLERANCE)


def test_program_for_another_platform() -> None:
    loaded = qjax.load(qjax.export(estimator(NAME), batch_size=1, platforms=["tpu"], vjp_order=0))
    assert loaded.platforms == ("tpu",)
    with pytest.raises(ValueError, match=r"(?i)platform.*tpu"):
        loaded.apply(WEIGHTS.astype(np.float32), samples().astype(np.float32))


def test_wider_data_are_refused(saved: bytes, double: bytes) -> None:
    with jax.enable_x64(True), pytest.raises(TypeError, match=r"float64 data.*float32.*astype"):
        qjax.load(saved).apply(WEIGHTS, samples(2))
    with pytest.raises(TypeError, match=r"float64 data.*dtype=float64"):
        qjax.evaluate(qjax.load(saved), WEIGHTS, samples(2))
    with pytest.raises(TypeError, match=r"JAX computes in single.*enable_x64"):
        qjax.load(double).apply(WEIGHTS.astype(np.float32), samples(2).astype(np.float32))


def test_single_data_are_widened(double: bytes) -> None:
    weights, inputs = WEIGHTS.astype(np.float32), samples(2).astype(np.float32)
    found = qjax.evaluate(qjax.load(double), weights, inputs)
    expected = networks.batched(VALUES, inputs.astype(float), weights.astype(float))
    np.testing.assert_allclose(found, expected, atol=DOUBLE_TOLERANCE)


def test_files_are_replaced_only_when_asked(saved: bytes, tmp_path: Path) -> None:
    path = tmp_path / "network.qjax"
    path.write_bytes(b"precious")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        qjax.export(estimator(NAME), path, batch_size=4)
    assert path.read_bytes() == b"precious"
    qjax.export(estimator(NAME), path, batch_size=4, overwrite=True)
    assert qjax.load(path).batch_size == 4
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"network": object()}, TypeError, "lacks apply"),
        ({"dtype": np.float16}, ValueError, "expected float32 or float64, got float16"),
        ({"batch_size": 0}, ValueError, "batch_size: .*at least 1, got 0"),
        ({"batch_size": 1.5}, ValueError, r"batch_size: .*got 1\.5"),
        ({"batch_size": True}, ValueError, "batch_size: .*got True"),
        ({"vjp_order": -1}, ValueError, "vjp_order: .*at least 0.*, got -1"),
        ({"vjp_order": 60}, ValueError, "vjp_order: .*at most 8, got 60"),
        ({"network": qjax.EstimatorQNN}, TypeError, "the class EstimatorQNN; expected a network"),
        ({"dtype": "mars"}, TypeError, "expected float32 or float64, got 'mars'"),
        ({"dtype": torch.float32}, TypeError, "torch.float32"),
        ({"dtype": None}, ValueError, "got None"),
        ({"dtype": ">f8"}, ValueError, "got >f8"),
        ({"platforms": ["mars"]}, ValueError, "some of cpu, cuda, rocm, tpu.*'mars'"),
        ({"platforms": "gpu"}, ValueError, "'gpu'"),
        ({"platforms": []}, ValueError, "cpu, cuda"),
        ({"platforms": ["cpu", "cpu"]}, ValueError, "once"),
        ({"platforms": [None]}, ValueError, "None"),
        ({"platforms": 3}, TypeError, "in a list, got 3"),
        ({"overwrite": "no"}, TypeError, "overwrite: expected True or False, got 'no'"),
    ],
)
def test_errors(change: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        qjax.export(**{"network": estimator(NAME), **change})


def test_one_platform_needs_no_list() -> None:
    data = qjax.export(estimator(NAME), batch_size=1, vjp_order=0, platforms="cpu")
    assert qjax.load(data).platforms == ("cpu",)


def test_random_outputs_are_refused() -> None:
    network = qjax.CircuitQNN(**networks.tutorial().arguments, sampling=True)
    with pytest.raises(ValueError, match="sampling=True"):
        qjax.export(network)


def test_wrong_shapes_are_refused(saved: bytes) -> None:
    loaded = qjax.load(saved)
    with pytest.raises(ValueError, match=r"weights: expected an array of shape \(4,\)"):
        loaded.apply(np.zeros(3, np.float32), np.zeros(2, np.float32))
    with pytest.raises(ValueError, match=r"inputs: expected shape \(\.\.\., 2\), got \(5,\)"):
        loaded.apply(np.zeros(4, np.float32), np.zeros(5, np.float32))


def test_without_flatbuffers(saved: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for call in (lambda: qjax.load(saved), lambda: qjax.export(estimator(NAME))):
        with pytest.raises(ModuleNotFoundError, match=r"pip install 'qjax-bridge\[export\]'"):
            call()
