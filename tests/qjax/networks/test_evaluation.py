"""`evaluate`: many samples, block by block, against Qiskit and against a plain loop."""

from __future__ import annotations

import sys
import tracemalloc
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import qjax
from tests import networks
from tests.circuits import DOUBLE_TOLERANCE, SINGLE_TOLERANCE
from tests.conftest import Compilations
from tests.qjax.qnns import KINDS, estimator, sampler

RNG = np.random.default_rng(0)
NAME = "tutorial"  # two inputs, four weights, two outputs
WEIGHTS = RNG.uniform(-3, 3, 4)


def samples(*batch: int, dtype: type = np.float64) -> np.ndarray:
    return np.random.default_rng(1).uniform(-3, 3, (*batch, 2)).astype(dtype)


def one_by_one(qnn: Any, weights: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """A plain loop, which shares no code with blocks and streams."""
    flat = [qnn.forward(x, weights)[0] for x in inputs.reshape(-1, inputs.shape[-1])]
    return np.array(flat).reshape(*inputs.shape[:-1], *qnn.output_shape)


@dataclass
class Parabola:
    """A network that is not ours and, being a mutable dataclass, cannot be hashed."""

    scale: float = 1.0
    num_inputs: int = 3
    num_weights: int = 1
    output_shape: Any = 2
    returns: int = 2

    def apply(self, weights: jax.Array, inputs: jax.Array) -> jax.Array:
        value = self.scale * weights[0] * jnp.sum(inputs**2, axis=-1)
        return jnp.stack([value] * self.returns, axis=-1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch", [(7,), (2, 3), (1,)], ids=str)
def test_values_are_qiskits(kind: str, batch: tuple[int, ...]) -> None:
    build, oracle = KINDS[kind]
    inputs = samples(*batch)
    expected = networks.batched(networks.readout(oracle, networks.tutorial()), inputs, WEIGHTS)
    found = qjax.evaluate(build(NAME), WEIGHTS, inputs, batch_size=4)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, atol=DOUBLE_TOLERANCE)


@pytest.mark.parametrize("kind", ["circuit", "sparse"])
def test_every_kind_of_network(kind: str) -> None:
    network = networks.tutorial()
    arguments = {**network.arguments, "sparse": kind == "sparse"}
    qnn = qjax.CircuitQNN(**arguments) if kind == "circuit" else qjax.SamplerQNN(**arguments)
    inputs = samples(5)
    oracle = networks.readout(networks.probabilities, network)
    found = qjax.evaluate(qnn, WEIGHTS, inputs, batch_size=2)
    np.testing.assert_allclose(
        found, networks.batched(oracle, inputs, WEIGHTS), atol=DOUBLE_TOLERANCE
    )


def test_networks_without_inputs_or_weights() -> None:
    for name, weights, inputs in (
        ("weights only", WEIGHTS, None),
        ("inputs only", None, np.array([[0.3], [-1.2], [2.0]])),
        ("inputs only", None, 0.3),
    ):
        qnn = estimator(name)
        found = qjax.evaluate(qnn, weights, inputs)
        np.testing.assert_allclose(found, qnn.forward(inputs, weights), atol=DOUBLE_TOLERANCE)


def test_precision_follows_the_data() -> None:
    qnn = estimator(NAME)
    inputs = samples(3)
    single = qjax.evaluate(qnn, WEIGHTS.astype(np.float32), inputs.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, one_by_one(qnn, WEIGHTS, inputs), atol=SINGLE_TOLERANCE)
    assert qjax.evaluate(qnn, WEIGHTS.astype(np.float32), inputs).dtype == np.float64
    integers = qjax.evaluate(qnn, WEIGHTS, np.array([[1, 2], [-1, 0]]))
    expected = one_by_one(qnn, WEIGHTS, np.array([[1.0, 2.0], [-1.0, 0.0]]))
    np.testing.assert_allclose(integers, expected, atol=DOUBLE_TOLERANCE)


def test_a_vector_is_a_batch_of_one() -> None:
    qnn, inputs = estimator(NAME), samples(1)
    found = qjax.evaluate(qnn, WEIGHTS, inputs[0])
    assert found.shape == (1, 2)
    np.testing.assert_allclose(found, one_by_one(qnn, WEIGHTS, inputs), atol=DOUBLE_TOLERANCE)


@pytest.mark.parametrize("batch", [(0,), (3, 0)], ids=str)
def test_empty_batches(batch: tuple[int, ...], tmp_path: Path) -> None:
    qnn = estimator(NAME)
    assert qjax.evaluate(qnn, WEIGHTS, samples(*batch)).shape == (*batch, 2)
    qjax.evaluate(qnn, WEIGHTS, samples(*batch), out=tmp_path / "empty.npy")
    assert np.load(tmp_path / "empty.npy").shape == (*batch, 2)


def test_strided_and_read_only_inputs() -> None:
    qnn, inputs = estimator(NAME), samples(4, 6)
    for view in (inputs[:, ::2], inputs[::-1], inputs.swapaxes(0, 1), np.asfortranarray(inputs)):
        view.flags.writeable = False
        found = qjax.evaluate(qnn, WEIGHTS, view, batch_size=5)
        np.testing.assert_allclose(found, one_by_one(qnn, WEIGHTS, view), atol=DOUBLE_TOLERANCE)


def test_one_compilation(compilations: Compilations) -> None:
    """The last block is smaller than the others; a second call with more samples adds nothing."""
    qnn = qjax.EstimatorQNN(**networks.shuffled().arguments)
    weights = RNG.uniform(-3, 3, 3)
    inputs = RNG.uniform(-3, 3, (23, 3))
    compilations.reset()
    qjax.evaluate(qnn, weights, inputs[:11], batch_size=4)
    assert compilations.count == 1
    qjax.evaluate(qnn, 2 * weights, inputs, batch_size=4)
    assert compilations.count == 1


def test_a_foreign_network(compilations: Compilations) -> None:
    """Compiled once per call; an attribute that has changed since counts."""
    network = Parabola()
    inputs = RNG.normal(size=(4, 5, 3))
    for network.scale in (1.0, -2.0):
        compilations.reset()
        found = qjax.evaluate(network, [0.5], inputs, batch_size=3)
        assert compilations.count == 1
        expected = network.scale * 0.5 * (inputs**2).sum(axis=-1)
        np.testing.assert_allclose(found, np.stack([expected, expected], axis=-1))


def test_out_array_is_filled_and_returned() -> None:
    qnn, inputs = estimator(NAME), samples(3, 5)
    expected = one_by_one(qnn, WEIGHTS, inputs)
    for out in (np.full((3, 5, 2), 9.0), np.full((3, 2, 5), 9.0).swapaxes(1, 2)):
        assert qjax.evaluate(qnn, WEIGHTS, inputs, batch_size=4, out=out) is out
        np.testing.assert_allclose(out, expected, atol=DOUBLE_TOLERANCE)


def test_memmaps(tmp_path: Path) -> None:
    qnn, inputs = estimator(NAME), samples(10, dtype=np.float32)
    weights = WEIGHTS.astype(np.float32)
    np.save(tmp_path / "inputs.npy", inputs)
    mapped = np.load(tmp_path / "inputs.npy", mmap_mode="r")
    out = np.memmap(tmp_path / "raw", np.float32, "w+", shape=(10, 2))
    qjax.evaluate(qnn, weights, mapped, batch_size=4, out=out)
    found = qjax.evaluate(qnn, weights, mapped, batch_size=4, out=tmp_path / "found.npy")
    assert isinstance(found, np.memmap)
    expected = one_by_one(qnn, weights, inputs)
    np.testing.assert_allclose(out, expected, atol=SINGLE_TOLERANCE)
    np.testing.assert_array_equal(np.load(tmp_path / "found.npy"), out)


def test_memory_is_bounded(tmp_path: Path) -> None:
    """32 MiB in and 21 MiB out take 1 MiB of the heap: blocks of 1024 samples, 24 KiB each."""
    shape = (1_400_000, 3)
    inputs = np.memmap(tmp_path / "inputs", np.float64, "w+", shape=shape)
    inputs[-1] = 2
    network = Parabola()
    tracemalloc.start()
    found = qjax.evaluate(network, [0.5], inputs, out=tmp_path / "found.npy")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found[-1, 0] == 6
    assert found.nbytes > 20 << 20
    assert peak < 2 << 20


def test_files_are_replaced_only_when_asked(tmp_path: Path) -> None:
    qnn, path = estimator(NAME), tmp_path / "found.npy"
    qjax.evaluate(qnn, WEIGHTS, samples(3), out=path)
    with pytest.raises(FileExistsError, match="overwrite=True"):
        qjax.evaluate(qnn, WEIGHTS, samples(4), out=path)
    assert np.load(path).shape == (3, 2)
    qjax.evaluate(qnn, WEIGHTS, samples(4), out=str(path), overwrite=True)
    assert np.load(path).shape == (4, 2)


def test_a_failure_leaves_files_as_they_were(tmp_path: Path) -> None:
    qnn, path = estimator(NAME), tmp_path / "found.npy"
    bad = samples(9)
    bad[7] = np.nan
    with pytest.raises(ValueError, match=r"inputs\[7\]"):
        qjax.evaluate(qnn, WEIGHTS, bad, batch_size=2, out=path)
    assert list(tmp_path.iterdir()) == []
    path.write_bytes(b"precious")
    with pytest.raises(ValueError, match=r"inputs\[7\]"):
        qjax.evaluate(qnn, WEIGHTS, bad, batch_size=2, out=path, overwrite=True)
    assert path.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_first_bad_row_is_named(value: float) -> None:
    bad = samples(3, 4)
    bad[1, 2, 1] = bad[2, 0, 0] = value
    with pytest.raises(ValueError, match=r"inputs\[1, 2\]: holds NaN or infinity"):
        qjax.evaluate(estimator(NAME), WEIGHTS, bad, batch_size=5)
    with pytest.raises(ValueError, match="weights: holds NaN or infinity"):
        qjax.evaluate(estimator(NAME), np.array([0, value, 0, 0]), samples(2))


def read_only() -> np.ndarray:
    array = np.zeros((3, 2))
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"weights": np.zeros(3)}, ValueError, r"weights: expected shape \(4,\), got \(3,\)"),
        ({"inputs": np.zeros((3, 5))}, ValueError, r"\(\.\.\., 2\), got \(3, 5\)"),
        ({"inputs": np.zeros((3, 2), complex)}, TypeError, "complex128"),
        ({"inputs": np.zeros((3, 2), bool)}, TypeError, "bool"),
        ({"batch_size": 0}, ValueError, "batch_size.*got 0"),
        ({"batch_size": 2.0}, ValueError, r"batch_size.*got 2\.0"),
        ({"batch_size": True}, ValueError, "batch_size.*got True"),
        ({"progress": "yes"}, TypeError, "progress: expected True or False, got 'yes'"),
        ({"overwrite": 1}, TypeError, "overwrite: .*got 1"),
        ({"network": qjax.SamplerQNN}, TypeError, "the class SamplerQNN; expected a network"),
        ({"out": np.ma.zeros((3, 2))}, TypeError, "out: got a masked array"),
        ({"out": np.zeros((3, 2), ">f8")}, ValueError, "out: .*>f8.*float64"),
        ({"out": np.zeros((3, 3))}, ValueError, r"out: got shape \(3, 3\)"),
        ({"out": np.zeros((3, 2), np.float32)}, ValueError, "out: .*float32.*float64"),
        ({"out": read_only()}, ValueError, "out: read-only"),
        ({"out": [0.0]}, TypeError, "out: got list"),
        ({"out": "found.txt"}, ValueError, r"found\.txt; expected .*\.npy"),
        ({"network": object()}, TypeError, "lacks apply, num_inputs"),
        ({"network": sampler}, TypeError, "got .*lacks"),
        (
            {"network": Parabola(num_inputs=2, num_weights=4, returns=3)},
            ValueError,
            r"returned shape \(4, 3\).*expected \(4, 2\)",
        ),
    ],
)
def test_errors(change: dict[str, Any], error: type[Exception], message: str) -> None:
    arguments = {"network": estimator(NAME), "weights": WEIGHTS, "inputs": samples(3), **change}
    with pytest.raises(error, match=message):
        qjax.evaluate(**arguments)


def test_out_must_not_be_the_inputs() -> None:
    inputs = samples(3)
    with pytest.raises(ValueError, match="shares memory"):
        qjax.evaluate(estimator(NAME), WEIGHTS, inputs, out=inputs)


def test_results_too_large_for_memory() -> None:
    """A zero-stride view: 2**48 samples that take no memory themselves."""
    endless = np.broadcast_to(np.zeros(2), (1 << 24, 1 << 24, 2))
    with pytest.raises(qjax.CircuitTooLargeError, match=r"path of a \.npy file as out"):
        qjax.evaluate(estimator(NAME), WEIGHTS, endless, batch_size=4)


def test_progress_bar(capsys: pytest.CaptureFixture[str]) -> None:
    qjax.evaluate(estimator(NAME), WEIGHTS, samples(10), batch_size=4)
    assert capsys.readouterr().err == ""
    qjax.evaluate(estimator(NAME), WEIGHTS, samples(10), batch_size=4, progress=True)
    assert "10.0/10.0" in capsys.readouterr().err


def test_progress_without_tqdm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)
    qjax.evaluate(estimator(NAME), WEIGHTS, samples(2))
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'qjax-bridge\[progress\]'"):
        qjax.evaluate(estimator(NAME), WEIGHTS, samples(2), progress=True)


def test_a_network_that_changes_is_evaluated_anew() -> None:
    """Only what is frozen keeps its compiled program from call to call."""
    network, inputs = Parabola(num_inputs=2), samples(4)
    first = qjax.evaluate(network, [1.0], inputs)
    network.scale = 3.0
    np.testing.assert_allclose(qjax.evaluate(network, [1.0], inputs), 3 * first)


class Stretched:
    """A network that hashes, by its identity, and changes all the same."""

    num_inputs, num_weights, output_shape = 2, 0, 2
    factor = 1.0

    def apply(self, weights: jax.Array, inputs: jax.Array) -> jax.Array:
        return self.factor * inputs


def test_a_network_that_hashes_and_changes() -> None:
    network, inputs = Stretched(), samples(4)
    np.testing.assert_allclose(qjax.evaluate(network, None, inputs), inputs)
    network.factor = 2.0
    np.testing.assert_allclose(qjax.evaluate(network, None, inputs), 2 * inputs)


class Sized:
    """A network that says how many qubits it simulates."""

    num_inputs = num_weights = output_shape = 1

    def __init__(self, num_simulated: object) -> None:
        self.num_simulated = num_simulated

    def apply(self, weights: jax.Array, inputs: jax.Array) -> jax.Array:
        return weights[0] * inputs


@pytest.mark.parametrize("qubits", [3, np.int64(3), 0, 1000, 10**12, None])
def test_number_of_qubits_at_once(qubits: object) -> None:
    found = qjax.evaluate(Sized(qubits), np.full(1, 2.0), np.arange(3.0)[:, None])
    np.testing.assert_array_equal(found, [[0.0], [2.0], [4.0]])


@pytest.mark.parametrize("qubits", [-5, "many", 2.0, True])
def test_no_number_of_qubits(qubits: object) -> None:
    with pytest.raises(ValueError, match=r"Sized\.num_simulated: expected a whole number"):
        qjax.evaluate(Sized(qubits), np.ones(1), np.ones((3, 1)))
