"""`export` and `load`: what comes back computes, and differentiates, as Qiskit says."""

from __future__ import annotations

import copy
import dataclasses
import functools
import json
import pickle
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import qjax
from bridge import TorchConnector
from qjax._base.weight_tree import structure_of
from qjax._networks.weight_tree_json import portable, structure_as_json, structure_from_json
from tests import networks
from tests.circuits import DOUBLE_TOLERANCE, SINGLE_TOLERANCE
from tests.conftest import Compilations, Precision
from tests.qjax import weight_trees
from tests.qjax.qnns import DERIVATIVE_TOLERANCE, KINDS, estimator, sampler

NAME = "tutorial"  # two inputs, four weights, two outputs
WEIGHTS = np.random.default_rng(0).uniform(-3, 3, 4)
VALUES = networks.readout(networks.expectations, networks.tutorial())


def samples(*batch: int) -> np.ndarray:
    return np.random.default_rng(1).uniform(-3, 3, (*batch, 2))


@pytest.fixture(scope="module")
def saved() -> bytes:
    return qjax.export(estimator(NAME), batch_size=4)


@pytest.fixture(scope="module")
def double() -> bytes:
    return qjax.export(estimator(NAME), batch_size=4, dtype=np.float64, vjp_order=2)


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


def test_forward_and_backward_are_the_networks(double: bytes) -> None:
    """Shapes and values of the network that was saved; Jacobians are differences of Qiskit's."""
    live, inputs = estimator(NAME), samples(1, 2)
    loaded = qjax.load(double)
    found = loaded.forward(inputs, WEIGHTS)
    assert found.dtype == np.float64
    np.testing.assert_allclose(
        found, networks.batched(VALUES, inputs, WEIGHTS), atol=DOUBLE_TOLERANCE
    )
    by_input, by_weight = loaded.backward(inputs, WEIGHTS)
    assert by_input is None  # as it was made
    _, slopes = networks.jacobians(VALUES, inputs, WEIGHTS)
    np.testing.assert_allclose(by_weight, slopes, atol=1e-9)
    for batch in ((), (0,), (4,)):
        shape = loaded.forward(samples(*batch), WEIGHTS).shape
        assert shape == live.forward(samples(*batch), WEIGHTS).shape
    assert loaded.backward(inputs[0, 0], WEIGHTS)[1].shape == (1, 2, 4)


def test_backward_in_inputs() -> None:
    loaded = qjax.load(qjax.export(estimator(NAME, input_gradients=True), batch_size=2))
    inputs = samples(3)
    found = loaded.backward(inputs.tolist(), WEIGHTS.tolist())  # lists have no dtype to lose
    for jacobian, expected in zip(found, networks.jacobians(VALUES, inputs, WEIGHTS), strict=True):
        assert jacobian.dtype == np.float32
        assert jacobian.flags.writeable
        np.testing.assert_allclose(jacobian, expected, atol=100 * SINGLE_TOLERANCE)


def test_forward_of_other_networks() -> None:
    sparse = sampler(NAME, sparse=True)
    loaded = qjax.load(qjax.export(sparse, batch_size=1, dtype=np.float64))
    for found, expected in (
        (loaded.forward(samples(2), WEIGHTS), sparse.forward(samples(2), WEIGHTS)),
        (loaded.backward(samples(2), WEIGHTS)[1], sparse.backward(samples(2), WEIGHTS)[1]),
    ):
        assert type(found) is type(expected)
        np.testing.assert_allclose(found.todense(), expected.todense(), atol=DOUBLE_TOLERANCE)
    inputs_only = estimator("inputs only", input_gradients=False)
    loaded = qjax.load(qjax.export(inputs_only, batch_size=1, vjp_order=0))
    assert loaded.backward([0.3], None) == inputs_only.backward([0.3], None) == (None, None)
    np.testing.assert_allclose(loaded.init(jax.random.key(0)), np.zeros(0))
    key = jax.random.key(1)
    np.testing.assert_array_equal(qjax.load(qjax.export(sparse)).init(key), sparse.init(key))


def test_forward_refuses_what_the_network_refuses(saved: bytes) -> None:
    loaded, live = qjax.load(saved), estimator(NAME)
    single = WEIGHTS.astype(np.float32)
    for arguments in (
        (np.zeros(3, np.float32), single),
        (single, np.zeros(2, np.float32)),
        (np.float32([np.nan, 0]), single),
        (np.float32([1, 0]), single * np.float32(np.inf)),
        (np.complex64([1, 0]), single),
        ("text", single),
        (np.zeros((2, 2), np.float32), {"a": single}),
    ):
        messages = []
        for network in (live, loaded):
            for call in (network.forward, network.backward):
                with pytest.raises((ValueError, TypeError)) as caught:
                    call(*arguments)
                messages.append((caught.type, str(caught.value)))
        assert len(set(messages)) == 1
    with pytest.raises(TypeError, match=r"float64 data.*float32.*astype"):
        loaded.forward(samples(2), single)
    without = qjax.load(qjax.export(live, vjp_order=0))
    with pytest.raises(ValueError, match="vjp_order=1"):
        without.backward(np.zeros(2, np.float32), single)


def test_trees_of_weights_are_kept() -> None:
    """In a file without code; the program takes the tree or the vector."""
    qnn = weight_trees.tree("nested")
    data = qjax.export(qnn, batch_size=1)
    loaded = qjax.load(data)
    assert loaded == qjax.load(data)
    assert jax.tree.structure(loaded.weight_structure) == jax.tree.structure(qnn.weight_structure)
    vector, inputs = np.linspace(-1, 1, 5, dtype=np.float32), samples(2).astype(np.float32)
    weights = weight_trees.filled(qnn, vector)
    expected = qnn.forward(inputs, vector)
    for found in (
        loaded.forward(inputs, weights),
        loaded.forward(inputs, vector),
        qjax.evaluate(loaded, weights, inputs),
    ):
        np.testing.assert_allclose(found, expected, atol=SINGLE_TOLERANCE)
    slopes = (network.backward(inputs, weights)[1] for network in (loaded, qnn))
    jax.tree.map(lambda *pair: np.testing.assert_allclose(*pair, atol=1e-5), *slopes)
    gradient = jax.grad(lambda w: loaded.apply(w, inputs).sum())(weights)
    assert jax.tree.structure(gradient) == jax.tree.structure(weights)
    with pytest.raises(ValueError, match=r"unexpected \['wrong'\]"):
        loaded.forward(inputs, {"wrong": vector})


@pytest.mark.parametrize("name", weight_trees.TREES)
def test_structures_in_json(name: str) -> None:
    structure = structure_of(weight_trees.tree(name))
    if name in ("NamedTuple", "dataclass"):
        assert portable(structure) is None
        return
    assert portable(structure) == structure
    written = json.loads(json.dumps(structure_as_json(structure)))
    assert structure_from_json(written, 5, "a file") == structure
    with pytest.raises(ValueError, match="5 of 6 weights"):
        structure_from_json(written, 6, "a file")


def test_other_trees_become_a_vector() -> None:
    qnn = weight_trees.tree("NamedTuple")
    loaded = qjax.load(qjax.export(qnn, batch_size=1, dtype=np.float64, vjp_order=0))
    assert loaded.weight_structure.tolist() == list(qnn.weight_params)
    vector, inputs = np.linspace(-1, 1, 5), samples(3)
    np.testing.assert_allclose(
        loaded.forward(inputs, vector), qnn.forward(inputs, vector), atol=DOUBLE_TOLERANCE
    )
    with pytest.raises(TypeError, match="one array, no Pair"):
        loaded.forward(inputs, weight_trees.filled(qnn, vector))


class Tree:
    """A network that is not ours, with a tree of weights."""

    num_inputs, num_weights, output_shape = 1, 3, (1,)
    weight_structure: ClassVar = {"a": jax.ShapeDtypeStruct((2,), np.float32), "b": np.empty(())}

    def apply(self, weights: dict[str, jax.Array], inputs: jax.Array) -> jax.Array:
        return weights["a"][0] * jnp.sin(weights["a"][1] * inputs) + weights["b"]


def test_foreign_trees() -> None:
    weights = {"a": np.float32([2, 3]), "b": np.float32(0.5)}
    inputs = np.linspace(0, 1, 4, dtype=np.float32)[:, None]
    loaded = qjax.load(qjax.export(Tree(), batch_size=2, vjp_order=0))
    found = [
        qjax.evaluate(Tree(), weights, inputs),
        qjax.evaluate(Tree(), np.float32([2, 3, 0.5]), inputs),
        qjax.evaluate(loaded, weights, inputs),
        loaded.forward(inputs, [2, 3, 0.5]),
    ]
    for values in found:
        np.testing.assert_allclose(values, 2 * np.sin(3 * inputs) + 0.5, rtol=1e-6)
    assert jax.tree.map(np.shape, loaded.weight_structure) == {"a": (2,), "b": ()}


@pytest.mark.parametrize(
    "written",
    [
        5, "leaf", [], ["leaf"], ["leaf", [-1]], ["leaf", [1.5]], ["leaf", [True]], ["none", [1]],
        ["set", []], ["dict", [["a"]]], ["dict", [[None, ["none", []]]]], ["list", [3]],
        ["dict", [["a", ["leaf", []]], ["a", ["leaf", []]]]], {"a": 1},
        ["dict", [["a", ["leaf", []]], [1, ["leaf", []]]]],
        functools.reduce(lambda node, _: ["list", [node]], range(200), ["leaf", []]),
    ],
    ids=lambda written: repr(written)[:30],
)  # fmt: skip
def test_crafted_structures_are_refused(written: Any) -> None:
    with pytest.raises(ValueError, match=r"a file: the structure of its weights"):
        structure_from_json(written, 1, "a file")


def test_orders_that_were_not_saved_are_refused(saved: bytes) -> None:
    loaded, x = qjax.load(saved), samples(2).astype(np.float32)

    def slope(w: jax.Array) -> jax.Array:
        return jnp.sum(jax.grad(lambda w: jnp.sum(loaded.apply(w, x)))(w))

    weights = jnp.asarray(WEIGHTS, jnp.float32)
    assert np.isfinite(slope(weights))
    with pytest.raises(ValueError, match="No VJP is available"):
        jax.grad(slope)(weights)


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


def test_description(saved: bytes) -> None:
    loaded = qjax.load(saved)
    assert (loaded.num_inputs, loaded.num_weights, loaded.output_shape) == (2, 4, (2,))
    assert (loaded.dtype, loaded.batch_size, loaded.vjp_order) == ("float32", 4, 1)
    assert loaded.platforms == (jax.default_backend(),)
    assert loaded.num_qubits == 2
    assert not loaded.sparse
    assert dict(loaded.versions)["jax"] == jax.__version__
    assert qjax.load(qjax.export(sampler(NAME, sparse=True), batch_size=1, vjp_order=0)).sparse
    assert qjax.load(qjax.export(estimator(NAME), vjp_order=0)).batch_size == 64


def test_equal_contents_are_equal_networks(saved: bytes, double: bytes) -> None:
    assert qjax.load(saved) == qjax.load(saved)
    assert len({qjax.load(saved), qjax.load(saved), qjax.load(double)}) == 2


def test_settings_change_in_a_copy(saved: bytes) -> None:
    loaded = qjax.load(saved)
    with pytest.raises(
        dataclasses.FrozenInstanceError,
        match=r"dataclasses\.replace\(network, input_gradients=True\)",
    ):
        loaded.input_gradients = True  # type: ignore[misc]
    with pytest.raises(AttributeError, match=r"^num_inputs: .* Export another one$"):
        loaded.num_inputs = 3  # type: ignore[misc]
    other = dataclasses.replace(loaded, input_gradients=True)
    assert (other.input_gradients, loaded.input_gradients) == (True, False)
    by_input, by_weight = other.backward(samples(1).tolist(), WEIGHTS.tolist())
    assert by_input.shape == (1, 2, 2)
    np.testing.assert_array_equal(
        by_weight, loaded.backward(samples(1).tolist(), WEIGHTS.tolist())[1]
    )


def test_pickled_networks_are_whole(saved: bytes) -> None:
    loaded = dataclasses.replace(qjax.load(saved), input_gradients=True)
    again = pickle.loads(pickle.dumps(loaded))
    assert (again, hash(again), again.input_gradients) == (loaded, hash(loaded), True)
    assert copy.deepcopy(loaded) == loaded
    weights = WEIGHTS.astype(np.float32)
    np.testing.assert_array_equal(
        again.forward(samples(2).tolist(), weights), loaded.forward(samples(2).tolist(), weights)
    )


def test_what_programs_of_jax_cannot_is_told(saved: bytes) -> None:
    loaded, x, w = qjax.load(saved), np.float32(samples(2)), np.float32(WEIGHTS)
    with pytest.raises(TypeError, match=r"no vmap; give inputs leading axes"):
        jax.vmap(loaded.apply, (None, 0))(w, x)
    for forward in (jax.hessian, jax.jacfwd):
        with pytest.raises(TypeError, match=r"no forward mode .* use jax\.grad or jax\.vjp"):
            forward(lambda w: jnp.sum(loaded.apply(w, x)))(w)


def test_calls_do_not_recompile(saved: bytes, compilations: Compilations) -> None:
    loaded = qjax.load(saved)
    inputs = jnp.asarray(samples(6), jnp.float32)
    points = [jnp.asarray(scale * WEIGHTS, jnp.float32) for scale in (1, 2, 3)]
    jax.block_until_ready(loaded.apply(points[0], inputs))
    compilations.reset()
    for weights in points[1:]:
        jax.block_until_ready(loaded.apply(weights, inputs))
    assert (compilations.traces, compilations.count) == (0, 0)


def test_torch_trains_a_loaded_network(double: bytes) -> None:
    module = TorchConnector(qjax.load(double), WEIGHTS).double()
    inputs = torch.tensor(samples(5), requires_grad=True)
    loss = module(inputs).square().sum()
    loss.backward()
    weights = WEIGHTS.astype(np.float32).astype(np.float64)  # the connector keeps them in single
    expected = networks.gradient(
        lambda w: float(np.sum(networks.batched(VALUES, samples(5), w) ** 2)), weights
    )
    np.testing.assert_allclose(module.weight.grad, expected, atol=1e2 * DERIVATIVE_TOLERANCE)
    assert inputs.grad is None  # the network was built with input_gradients=False


def test_evaluate_runs_a_loaded_network(saved: bytes, compilations: Compilations) -> None:
    loaded, inputs = qjax.load(saved), samples(23).astype(np.float32)
    found = qjax.evaluate(loaded, WEIGHTS.astype(np.float32), inputs, batch_size=8)
    assert compilations.count == 1
    expected = networks.batched(VALUES, inputs, WEIGHTS)
    np.testing.assert_allclose(found, expected, atol=SINGLE_TOLERANCE)


def test_another_process_needs_no_circuit(saved: bytes, tmp_path: Path) -> None:
    """Nothing is imported from a circuit, planned or unpickled on the way."""
    (tmp_path / "network").write_bytes(saved)
    code = f"""
import pickle, numpy as np, qjax
import qjax._qnn._model as model
def refuse(*args, **kwargs): raise AssertionError
model.plan_circuit = model.simulate = pickle.loads = pickle.load = refuse
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


@pytest.mark.parametrize("place", [7, 20, 45, 300, -1], ids=str)
def test_damage_is_noticed(saved: bytes, place: int) -> None:
    changed = bytearray(saved)
    changed[place] ^= 1
    with pytest.raises(ValueError, match=r"these \d+ bytes: (damaged|saved in format)"):
        qjax.load(bytes(changed))


@pytest.mark.parametrize("kept", [8, 30, 44, 500])
def test_cut_off_files_are_noticed(saved: bytes, kept: int, tmp_path: Path) -> None:
    path = tmp_path / "network.qjax"
    path.write_bytes(saved[:kept])
    with pytest.raises(ValueError, match=r"network\.qjax: damaged"):
        qjax.load(path)


@pytest.mark.parametrize("data", [b"", b"\x80\x04pickle", b"PK\x03\x04"], ids=repr)
def test_foreign_files_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"not a network saved by qjax\.export"):
        qjax.load(data)


def test_endless_files_are_not_read() -> None:
    with pytest.raises(ValueError, match=r"/dev/zero: not a network saved by qjax\.export"):
        qjax.load("/dev/zero")


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


@dataclass
class Foreign:
    """The sum of the inputs, times the weight."""

    output_shape: Any = 1
    num_inputs: Any = 2
    num_weights: Any = 1

    def apply(self, weights: jax.Array, inputs: jax.Array) -> jax.Array:
        return weights[0] * jnp.sum(inputs, axis=-1, keepdims=True)


@pytest.mark.parametrize("shape", [2, (), (1, 1)])
def test_a_network_of_another_shape_than_it_says(shape: Any) -> None:
    with pytest.raises(ValueError, match=r"network: Foreign: its program .* returns"):
        qjax.export(Foreign(output_shape=shape), batch_size=3, vjp_order=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_inputs": 2.0}, r"Foreign\.num_inputs: .*2\.0"),
        ({"num_weights": True}, "Foreign.num_weights: .*True"),
        ({"num_weights": -1}, "Foreign.num_weights: .*-1"),
        ({"output_shape": (2, "a")}, "Foreign.output_shape.*'a'"),
        ({"output_shape": None}, "Foreign.output_shape.*None"),
    ],
)
def test_sizes_that_are_none(change: dict[str, Any], message: str) -> None:
    for call in (qjax.export, lambda network: qjax.evaluate(network, [1.0], [0.0, 0.0])):
        with pytest.raises(ValueError, match=message):
            call(Foreign(**change))


def test_every_kind_of_bytes(saved: bytes) -> None:
    for data in (bytearray(saved), memoryview(saved)):
        assert qjax.load(data) == qjax.load(saved)
    with pytest.raises(TypeError, match="source: expected a path or bytes, got int"):
        qjax.load(3)  # type: ignore[arg-type]
    with pytest.raises(OSError, match="nowhere"):
        qjax.load("nowhere")


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
