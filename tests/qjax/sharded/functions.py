"""Ansaetze, networks, kernels and other uses, on eight devices beside one; in double."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.circuit.library import efficient_su2, qaoa_ansatz, real_amplitudes, zz_feature_map
from qiskit.quantum_info import Operator, SparseObservable, SparsePauliOp

import qjax
from tests.circuits import random_observable, random_values, state_of, value_of
from tests.qjax.sharded.circuits import SEED, Comparison, error_of

Simulator = qjax.simulators.StateVector | None
Use = Callable[[Simulator], Any]

SIZE = 6
RNG = np.random.default_rng(6)


def mesh_of(data: int, state: int) -> jax.sharding.Mesh:
    return jax.make_mesh((data, state), ("data", "state"))


def simulator_on(mesh: jax.sharding.Mesh, engine: Any = None) -> qjax.simulators.StateVector:
    return qjax.simulators.StateVector(engine, qjax.StateSharding(mesh, "state", "data"))


# ---------------------------------------------------------------- circuits of the library


def ansaetze() -> dict[str, QuantumCircuit]:
    edges = [(k, (k + 1) % SIZE, 0.3 + k) for k in range(SIZE)] + [(0, 3, -1.0)]
    cost = SparsePauliOp.from_sparse_list([("ZZ", [a, b], w) for a, b, w in edges], SIZE)
    return {
        "real_amplitudes": real_amplitudes(SIZE, reps=2),
        "efficient_su2": efficient_su2(SIZE, reps=2, entanglement="circular"),
        "zz_feature_map": zz_feature_map(SIZE, reps=2),
        "qaoa": qaoa_ansatz(cost, reps=2),
    }


def of_ansaetze(simulator: qjax.simulators.StateVector) -> Iterator[Comparison]:
    """Values against Qiskit's, gradients against those of one device."""
    for name, circuit in ansaetze().items():
        observable = random_observable(np.random.default_rng(1), SIZE)
        point = random_values(circuit, 2)

        def value(params: Array, how: Simulator, circuit=circuit, observable=observable) -> Array:
            return qjax.expectation(circuit, observable, params, simulator=how)

        both = jax.jit(jax.value_and_grad(partial(value, how=simulator)))
        found, slope = both(point)
        yield f"{name}: value", error_of(found, np.float64(value_of(circuit, observable, point)))
        expected = jax.jit(jax.grad(partial(value, how=None)))(point)
        yield f"{name}: gradient", error_of(slope, expected)


def of_permutations() -> Iterator[Comparison]:
    """States against Qiskit's where most gates move basis states, for any order of axes."""
    mesh = jax.make_mesh((2, 2, 2), ("a", "b", "c"))
    for seed, axes in enumerate(("abc", "cab", "ca", "b", "acb", "ba")):
        rng, circuit = np.random.default_rng(seed), QuantumCircuit(SIZE)
        for _ in range(25):
            first, second = rng.permutation(SIZE)[:2].tolist()
            circuit.x(first)
            circuit.cx(second, first)
            circuit.swap(first, second)
            circuit.ry(rng.normal(), second)
            circuit.rz(rng.normal(), first)
        circuit.cx(0, SIZE - 1)
        for engine in ("native", "xla")[: 1 + (seed == 0)]:
            sharding = qjax.StateSharding(mesh, tuple(axes))
            found = qjax.statevector(
                circuit, simulator=qjax.simulators.StateVector(engine, sharding)
            )
            yield f"permutations on {axes} by {engine}", error_of(found, state_of(circuit))


# ---------------------------------------------------------------- networks


def network(kind: type, simulator: Simulator, **options: Any) -> Any:
    inputs, weights = ParameterVector("x", SIZE), ParameterVector("w", 2 * SIZE)
    circuit = QuantumCircuit(SIZE)
    for qubit in range(SIZE):
        circuit.ry(inputs[qubit], qubit)
    for layer in range(2):
        for qubit in range(SIZE):
            circuit.rx(weights[layer * SIZE + qubit], qubit)
            circuit.cx(qubit, (qubit + 1) % SIZE)
    return kind(
        circuit=circuit,
        input_params=list(inputs),
        weight_params=list(weights),
        input_gradients=True,
        simulator=simulator,
        **options,
    )


INPUTS, POINT = RNG.normal(size=(10, SIZE)), RNG.normal(size=2 * SIZE)
OBSERVABLES = [SparsePauliOp("Z" * SIZE), random_observable(RNG, SIZE, 3)]


def estimator(simulator: Simulator) -> Any:
    return network(qjax.EstimatorQNN, simulator, observables=OBSERVABLES)


def losses(simulator: Simulator) -> Any:
    net = estimator(simulator)

    @jax.jit
    def both(weights: Array, inputs: Array) -> Any:
        loss = lambda w, x: (net.apply(w, x) ** 2).sum()  # noqa: E731
        return jax.value_and_grad(loss, (0, 1))(weights, inputs)

    return both(POINT, INPUTS)


def odd_batch(simulator: Simulator) -> Any:
    """Nine samples do not fit two parts of the batch evenly; and one, and a batch of a batch."""
    net = estimator(simulator)
    shapes = [INPUTS[:9], INPUTS[0], INPUTS[:6].reshape(2, 3, SIZE)]
    return [net.apply(POINT, inputs) for inputs in shapes]


def forward_and_backward(simulator: Simulator) -> Any:
    net = estimator(simulator)
    return net.forward(INPUTS[:3], POINT), *net.backward(INPUTS[:3], POINT)


def sampler(simulator: Simulator) -> Any:
    net = network(qjax.SamplerQNN, simulator)
    loss = lambda w: (net.apply(w, INPUTS[:4]) ** 2).sum()  # noqa: E731
    return jax.jit(jax.value_and_grad(loss))(POINT)


def parity(simulator: Simulator) -> Any:
    count = lambda outcome: outcome.bit_count() % 2  # noqa: E731
    net = network(qjax.SamplerQNN, simulator, interpret=count, output_shape=2)
    return net.apply(POINT, INPUTS[:3])


def evaluated(simulator: Simulator) -> Any:
    return qjax.evaluate(estimator(simulator), POINT, INPUTS)


def kernel(simulator: Simulator) -> Any:
    features = zz_feature_map(SIZE, reps=1)
    return qjax.kernels.FidelityKernel(features, simulator=simulator).matrix(INPUTS[:5], INPUTS)


def projected_kernel(simulator: Simulator) -> Any:
    features = zz_feature_map(SIZE, reps=1)
    return qjax.kernels.ProjectedKernel(features, simulator=simulator).matrix(INPUTS[:3])


# ---------------------------------------------------------------- other circuits and readouts


def entangled() -> QuantumCircuit:
    return efficient_su2(SIZE, reps=1)


def dynamic(simulator: Simulator) -> Any:
    circuit = QuantumCircuit(5, 2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(2)
        circuit.ry(0.3, 3)
    circuit.reset(1)
    circuit.rx(Parameter("a"), 1)
    circuit.cx(1, 4)
    circuit.h(2)
    value = lambda p: qjax.expectation(circuit, ["ZZZZZ", "XIXIX"], p, simulator=simulator).sum()  # noqa: E731
    return jax.value_and_grad(value)(np.array([0.4]))


def measured(simulator: Simulator) -> Any:
    circuit = entangled().copy()
    circuit.measure_all()
    return qjax.sample(
        circuit, POINT.repeat(2), 50, jax.random.key(SEED), simulator=simulator
    ).astype(np.float64)


def amplitudes(simulator: Simulator) -> Any:
    circuit = QuantumCircuit(SIZE)
    circuit.initialize(np.array([0.1, 0.2j, -0.3, np.sqrt(0.86)]), [1, 4])
    circuit.h(0)
    circuit.cx(0, 3)
    circuit.ry(Parameter("a"), 5)
    circuit.cx(4, 5)
    circuit.rx(0.2, 1)
    point = np.array([0.7])
    value = lambda p: qjax.expectation(circuit, "ZXZXIZ", p, simulator=simulator)  # noqa: E731
    return qjax.statevector(circuit, point, simulator=simulator), jax.grad(value)(point)


def projectors(simulator: Simulator) -> Any:
    observable = SparseObservable.from_list([("01+-rl", 0.5), ("XYZIII", 1.0), ("I1rI0I", 2.0)])
    value = lambda p: qjax.expectation(entangled(), observable, p, simulator=simulator)  # noqa: E731
    return jax.value_and_grad(value)(POINT.repeat(2))


def matrices(simulator: Simulator) -> Any:
    circuit = efficient_su2(4, reps=1)
    value = lambda p: qjax.expectation(circuit, Operator(MATRIX), p, simulator=simulator)  # noqa: E731
    return jax.value_and_grad(value)(POINT.repeat(2)[:16])


_HALF = np.random.default_rng(3).normal(size=(2, 16, 16))
MATRIX = _HALF[0] + _HALF[0].T + 1j * (_HALF[1] - _HALF[1].T)


def identity_observable(simulator: Simulator) -> Any:
    observables = ["I" * SIZE, SparsePauliOp(["I" * SIZE, "Z" + "I" * (SIZE - 1)], [0.5, 2.0])]
    return qjax.expectation(entangled(), observables, POINT.repeat(2), simulator=simulator)


def many_strings(simulator: Simulator) -> Any:
    observable = random_observable(np.random.default_rng(9), SIZE, 200)
    return qjax.expectation(entangled(), observable, POINT.repeat(2), simulator=simulator)


def misread(simulator: Simulator) -> Any:
    model = qjax.noise.NoiseModel().readout(0.1, 0.05)
    params = POINT.repeat(2)
    value = qjax.expectation(entangled(), "XYZXYZ", params, noise=model, simulator=simulator)
    return value, qjax.probabilities(entangled(), params, [0, 4], noise=model, simulator=simulator)


def shots(simulator: Simulator) -> Any:
    """Whether a mean of shots is as far from the exact value as it may be.

    Several devices draw counts by other kernels than one does: the same key is not the same draw.
    """
    value = partial(qjax.expectation, entangled(), "IIZZII", POINT.repeat(2), simulator=simulator)
    exact, drawn = value(), value(shots=500, key=jax.random.key(SEED))
    return (jnp.abs(drawn - exact) < 4 * jnp.sqrt((1 - exact**2) / 500)).astype(np.float64)


def primitives(simulator: Simulator) -> Any:
    points = POINT.repeat(2)
    job = qjax.primitives.Estimator(simulator=simulator).run([(entangled(), "Z" * SIZE, points)])
    circuit = entangled().copy()
    circuit.measure_all()
    drawn = qjax.primitives.Sampler(simulator=simulator, seed=3).run([(circuit, points)], shots=20)
    bits = drawn.result()[0].data.meas.array
    return np.float64(job.result()[0].data.evs), bits.astype(np.float64)


def without_slopes(simulator: Simulator) -> Any:
    """Where arcsin has no slope, derivatives are those from beside."""
    angles = ParameterVector("t", 2)
    circuit = QuantumCircuit(SIZE)
    for qubit in range(SIZE):
        circuit.ry(angles[0].arcsin() if qubit % 2 else angles[1], qubit)
    for qubit in range(SIZE - 1):
        circuit.cx(qubit, qubit + 1)
    circuit.rx(angles[0], 3)
    value = lambda p: qjax.expectation(circuit, "IIIIZI", p, simulator=simulator)  # noqa: E731
    return jax.value_and_grad(value)(np.array([1.0, 0.3]))


def nothing_to_do(simulator: Simulator) -> Any:
    """No gate; only a phase; only relabellings; one gate; one behind a flip and an exchange."""
    empty, phase = QuantumCircuit(4), QuantumCircuit(4, global_phase=0.3)
    moved, single = QuantumCircuit(4), QuantumCircuit(4)
    moved.x([0, 3])
    moved.swap(0, 3)
    moved.cx(3, 1)
    single.h(3)
    flipped = QuantumCircuit(4)
    flipped.h(3)
    flipped.cz(0, 3)
    flipped.x(3)
    flipped.h(3)
    return [
        qjax.statevector(circuit, (), simulator=simulator)
        for circuit in (empty, phase, moved, single, flipped)
    ]


USES: dict[str, Use] = {
    use.__name__.replace("_", " "): use
    for use in (
        losses,
        odd_batch,
        forward_and_backward,
        sampler,
        evaluated,
        kernel,
        dynamic,
        measured,
        amplitudes,
        projectors,
        matrices,
        identity_observable,
        without_slopes,
        nothing_to_do,
    )
}


SLOW: dict[str, Use] = {
    use.__name__.replace("_", " "): use
    for use in (parity, projected_kernel, many_strings, misread, shots, primitives)
}


def compared(thorough: bool) -> Iterator[Comparison]:
    """All of it, in double; in short, without what takes longest."""
    with jax.enable_x64(True):
        mixed = simulator_on(mesh_of(2, 4))
        yield from of_ansaetze(simulator_on(mesh_of(1, 8)))
        yield from of_permutations()
        for name, use in (USES | (SLOW if thorough else {})).items():
            yield from between(name, use(mixed), use(None))
        yield from placed_inputs(mixed)


def between(name: str, found: Any, expected: Any) -> Iterator[Comparison]:
    """The worst error of all arrays that were returned."""
    pairs = zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True)
    yield name, max(error_of(ours, theirs) for ours, theirs in pairs)


def placed_inputs(simulator: qjax.simulators.StateVector) -> Iterator[Comparison]:
    """Inputs that lie along the axis of the batch, and states that stay where they are."""
    assert simulator.sharding is not None
    mesh = simulator.sharding.mesh
    inputs = jax.device_put(INPUTS[:8], NamedSharding(mesh, P("data")))
    found = estimator(simulator).apply(POINT, inputs)
    yield "placed inputs", error_of(found, estimator(None).apply(POINT, INPUTS[:8]))
    state = qjax.statevector(entangled(), POINT.repeat(2), simulator=simulator)
    own = {shard.data.shape for shard in state.addressable_shards}
    yield "each device holds a part of a state", float(own != {(2**SIZE // 4,)})
    total = jnp.vdot(state, state).real
    yield "a norm of parts", error_of(total, np.float64(1))
