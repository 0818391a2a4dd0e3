"""What `sharding=` takes and refuses, and what cannot run on several devices.

Nothing runs here: meshes of one device, several times, are enough to be refused.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable

import jax
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from qiskit import QuantumCircuit
from qiskit.circuit.library import real_amplitudes
from qiskit.quantum_info import Operator, SparseObservable

import qjax
from qjax import StateSharding
from qjax.simulators import StateVector
from tests.circuits import bell

KEY = jax.random.key(0)


def mesh_of(*shape: int, names: tuple[str, ...] = ("data", "state")) -> Mesh:
    """Of the same device, so many times."""
    devices = np.array(jax.devices()[:1] * int(np.prod(shape)))
    return Mesh(devices.reshape(shape), names[-len(shape) :])


MESH = mesh_of(2, 4)
FOUR = StateVector("xla", StateSharding(mesh_of(4), state="state"))


def prepared(num_qubits: int, given: int) -> QuantumCircuit:
    circuit = QuantumCircuit(num_qubits)
    circuit.initialize(np.ones(1 << given) / 2 ** (given / 2), range(given))
    return circuit


def wide(num_qubits: int) -> QuantumCircuit:
    circuit = QuantumCircuit(num_qubits)
    circuit.h(range(num_qubits))
    return circuit


def network(simulator: object) -> qjax.EstimatorQNN:
    ansatz = real_amplitudes(4, reps=1)
    return qjax.EstimatorQNN(
        circuit=ansatz, weight_params=list(ansatz.parameters), simulator=simulator
    )


def in_another_mesh() -> object:
    with jax.set_mesh(jax.make_mesh((1,), ("other",))):
        return jax.jit(lambda: qjax.expectation(bell(), "ZZ", simulator=FOUR))()


def in_a_shard_map() -> object:
    mesh = mesh_of(1, names=("other",))
    simulator = StateVector("xla", StateSharding(mesh, "other"))

    def value(angle: jax.Array) -> jax.Array:
        return qjax.expectation(bell(), "ZZ", simulator=simulator) + angle[0]

    return jax.shard_map(value, mesh=mesh, in_specs=P("other"), out_specs=P())(np.zeros(1))


NOISE = qjax.noise.NoiseModel().after("h", qjax.noise.depolarizing(0.1))
Call = Callable[[], object]
BAD: dict[str, tuple[Call, type[Exception], str]] = {
    "no mesh": (
        lambda: StateSharding(None, "state"),
        TypeError,
        r"mesh: got None .*expected a jax.sharding.Mesh, such as jax.make_mesh",
    ),
    "devices for a mesh": (lambda: StateSharding(jax.devices()), TypeError, "of type list"),
    "a mesh without devices": (
        lambda: StateSharding(MESH.abstract_mesh, "state"),
        TypeError,
        "AbstractMesh",
    ),
    "unknown axis": (
        lambda: StateSharding(MESH, "model"),
        ValueError,
        "state: the mesh has no axis 'model'; expected one of 'data', 'state'",
    ),
    "unknown axis of the batch": (
        lambda: StateSharding(MESH, "state", "rows"),
        ValueError,
        "batch: the mesh has no axis 'rows'",
    ),
    "number of an axis": (lambda: StateSharding(MESH, 0), TypeError, "state: got 0; expected the"),
    "list of axes": (lambda: StateSharding(MESH, ["state"]), TypeError, "a tuple of names"),
    "one axis for both": (
        lambda: StateSharding(MESH, "state", "state"),
        ValueError,
        "every axis of the mesh at most once",
    ),
    "an axis twice": (lambda: StateSharding(MESH, ("data", "data")), ValueError, "at most once"),
    "three devices": (
        lambda: StateSharding(mesh_of(3), "state"),
        ValueError,
        "3 devices lie along 'state'; expected a power of two",
    ),
    "six devices on two axes": (
        lambda: StateSharding(mesh_of(2, 3), ("data", "state")),
        ValueError,
        "6 devices lie along",
    ),
    "a sharding for an engine": (
        lambda: StateVector(StateSharding(MESH, "state")),
        ValueError,
        "engine: got StateSharding",
    ),
    "a mesh for a sharding": (
        lambda: StateVector(sharding=MESH),
        TypeError,
        r"sharding: got Mesh.*expected qjax.StateSharding\(mesh, state=",
    ),
    "JAX's sharding": (
        lambda: StateVector(sharding=NamedSharding(MESH, P("state"))),
        TypeError,
        "of type NamedSharding",
    ),
    "a sharding for mixed states": (
        lambda: qjax.simulators.DensityMatrix(sharding=StateSharding(MESH, "state")),
        TypeError,
        "sharding",
    ),
    "a sharding for runs": (
        lambda: qjax.simulators.Trajectories(9, sharding=StateSharding(MESH, "state")),
        TypeError,
        "sharding",
    ),
    "noise": (
        lambda: qjax.expectation(bell(), "ZZ", simulator=FOUR, noise=NOISE),
        ValueError,
        "StateVector has pure states, and noise makes mixed ones; expected DensityMatrix",
    ),
    "noise of samples": (
        lambda: qjax.sample(bell(), (), 3, KEY, simulator=FOUR, noise=NOISE),
        ValueError,
        "DensityMatrix",
    ),
    "amplitudes for all qubits": (
        lambda: qjax.statevector(prepared(4, 4), simulator=FOUR),
        ValueError,
        r"4 of which start from given amplitudes.* use fewer devices",
    ),
    "amplitudes for too many qubits": (
        lambda: qjax.expectation(prepared(4, 3), "ZZZZ", simulator=FOUR),
        ValueError,
        r"do not fit 2\*\*2 devices",
    ),
    "a matrix of many strings": (
        lambda: qjax.expectation(wide(7), Operator(np.eye(128)), simulator=FOUR),
        ValueError,
        r"a matrix of 7 qubits is 4\*\*7 Pauli strings.* such as a SparsePauliOp",
    ),
    "projectors of many strings": (
        lambda: qjax.expectation(wide(13), SparseObservable("0" * 13), simulator=FOUR),
        ValueError,
        r"13 qubits is 2\*\*13 Pauli strings.* measure probabilities instead",
    ),
    "too many qubits": (
        lambda: qjax.statevector(wide(50), simulator=FOUR),
        qjax.CircuitTooLargeError,
        "statevector.* of 50 qubits .* Use more devices",
    ),
    "a pickle": (
        lambda: pickle.dumps(FOUR),
        TypeError,
        "names devices of this process, and cannot be pickled",
    ),
    "an export": (
        lambda: qjax.export(network(FOUR)),
        ValueError,
        "export one without a sharding",
    ),
    "runs one by one": (
        lambda: qjax.sample(bell(), (), 3, KEY, simulator=FOUR, method="trajectories"),
        ValueError,
        "expected method='exact'",
    ),
    "inside of shard_map": (
        in_a_shard_map,
        ValueError,
        "cannot run inside of another shard_map",
    ),
    "another mesh in use": (
        in_another_mesh,
        ValueError,
        "use one mesh for both",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_is_refused(name: str) -> None:
    call, kind, message = BAD[name]
    with pytest.raises(kind, match=message):
        call()


def test_plans_are_on_paper() -> None:
    assert "50 qubits on 4 devices" in str(qjax.plan(wide(50), simulator=FOUR))


def test_shardings_are_values() -> None:
    one, same = (StateVector("xla", StateSharding(mesh_of(4), "state")) for _ in range(2))
    assert one == same
    assert hash(one) == hash(same)
    assert one != StateVector("xla", StateSharding(mesh_of(2), "state"))
    assert one != StateVector("xla")
    with pytest.raises(AttributeError):
        one.sharding.state = "data"


def test_what_a_sharding_says_of_its_mesh() -> None:
    both = StateSharding(MESH, ("state",), "data")
    assert (both.num_devices, both.num_batches) == (4, 2)
    assert StateSharding(MESH).num_devices == 1
    assert StateSharding(MESH, ("data", "state")).num_devices == 8


def test_a_mesh_of_one_device_is_one_device() -> None:
    """All of it runs in this process, by either engine."""
    sharding = StateSharding(mesh_of(1), "state")
    circuit = real_amplitudes(3, reps=1)
    params = np.linspace(0, 1, 6, dtype=np.float32)
    expected = jax.value_and_grad(lambda p: qjax.expectation(circuit, "ZXY", p))(params)
    for engine in (None, "xla"):
        simulator = StateVector(engine, sharding)

        def value(p: jax.Array, simulator: StateVector = simulator) -> jax.Array:
            return qjax.expectation(circuit, "ZXY", p, simulator=simulator)

        found = jax.value_and_grad(value)(params)
        for ours, theirs in zip(found, expected, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_what_fits_no_device_is_simulated_on_each() -> None:
    text = str(qjax.plan(wide(2), simulator=FOUR))
    assert "too small to be cut for 4 devices" in text
    assert network(FOUR).plan is not None
