"""Noisy circuits run by run, against density matrices that Qiskit evolves."""

import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import DensityMatrix, Kraus, Operator, SparsePauliOp, random_unitary

import qjax
from qjax import noise
from qjax._engine import Expectations, Outcomes, noisy_means
from qjax._qiskit import as_observables
from qjax.noise import NoiseModel
from qjax.simulators import Trajectories
from tests.dynamic import mean, random_dynamic_circuit

KEY = jax.random.key(5)
CIRCUITS = int(os.environ.get("QJAX_NOISY_CIRCUITS", "2"))
PAULIS = [Operator.from_label(letter).data for letter in "IXYZ"]


def depolarizing(p, num_qubits=1):
    strings = PAULIS if num_qubits == 1 else [np.kron(a, b) for a in PAULIS for b in PAULIS]
    shares = [1 - p * (1 - 1 / len(strings)), *[p / len(strings)] * (len(strings) - 1)]
    return [np.sqrt(share) * string for share, string in zip(shares, strings, strict=True)]


def damping(gamma):
    return [np.diag([1, np.sqrt(1 - gamma)]), np.array([[0, np.sqrt(gamma)], [0, 0]])]


def phase_flip(p):
    return [np.sqrt(1 - p) * PAULIS[0], np.sqrt(p) * PAULIS[3]]


def mixture(p, unitary):
    return [np.sqrt(1 - p) * np.eye(2), np.sqrt(p) * unitary]


UNITARY = random_unitary(2, seed=4).data


def rules(x):
    """Gate -> channel of ours, and Kraus operators, for four strengths."""
    return {
        "ry": (noise.amplitude_damping(x[0]), lambda: damping(x[0])),
        "cx": (noise.depolarizing(x[1], 2), lambda: depolarizing(x[1], 2)),
        "h": (noise.phase_flip(x[2]), lambda: phase_flip(x[2])),
        "u": (
            noise.mixed_unitary([1 - x[3], x[3]], [np.eye(2), UNITARY]),
            lambda: mixture(x[3], UNITARY),
        ),
        "rzz": (
            noise.amplitude_damping(x[0]).tensor(noise.depolarizing(x[1])),
            lambda: [np.kron(a, b) for a in damping(x[0]) for b in depolarizing(x[1])],
        ),
    }


def model(x):
    result = NoiseModel()
    for name, (channel, _) in rules(x).items():
        result = result.after(name, channel)
    return result


def evolved(circuit, x):
    """The density matrix, by Qiskit."""
    state = DensityMatrix.from_int(0, 2**circuit.num_qubits)
    for instruction in circuit.data:
        qubits = [circuit.find_bit(qubit).index for qubit in instruction.qubits]
        state = state.evolve(Operator(instruction.operation), qubits)
        if instruction.operation.name in rules(x):
            operators = rules(x)[instruction.operation.name][1]()
            state = state.evolve(Kraus(operators), qubits)
    return state


def random_circuit(seed):
    rng = np.random.default_rng(seed)
    num_qubits = 1 + seed % 5
    circuit = QuantumCircuit(num_qubits)
    for name in rng.choice(["ry", "u", "h", "cx", "rzz", "rx", "ccx"], 30):
        qubits = [int(qubit) for qubit in rng.permutation(num_qubits)]
        if name in ("cx", "rzz", "ccx"):
            width = 3 if name == "ccx" else 2
            if num_qubits >= width:
                angles = rng.uniform(0, 6, 1 if name == "rzz" else 0)
                getattr(circuit, name)(*angles, *qubits[:width])
        else:
            count = {"u": 3, "h": 0}.get(name, 1)
            getattr(circuit, name)(*rng.uniform(0, 6, count), qubits[0])
    return circuit


def labels(num_qubits, rng):
    return ["".join(rng.choice(list("XYZI"), num_qubits)) for _ in range(2)] + ["Z" * num_qubits]


@pytest.mark.parametrize("seed", range(4, 4 + CIRCUITS))
def test_means_are_within_their_errors_of_the_density_matrix(seed):
    circuit, x = random_circuit(seed), (0.15, 0.1, 0.2, 0.3)
    observables = labels(circuit.num_qubits, np.random.default_rng(seed))
    result = qjax.estimate(
        circuit, observables, key=KEY, simulator=Trajectories(3000), noise=model(x)
    )
    state = evolved(circuit, x)
    exact = [state.expectation_value(SparsePauliOp(label)).real for label in observables]
    assert (np.abs(result.values - np.array(exact)) <= 4 * result.errors + 1e-5).all()


def parametrized():
    a, b = Parameter("a"), Parameter("b")
    circuit = QuantumCircuit(2)
    circuit.ry(a, 0)
    circuit.h(1)
    circuit.cx(0, 1)
    circuit.ry(b, 1)
    circuit.ry(2 * a, 0)
    return circuit


def test_errors_fall_as_one_over_the_root_of_the_samples():
    circuit, x = parametrized().assign_parameters([0.4, 0.9]), (0.3, 0.2, 0.1, 0.1)
    exact = evolved(circuit, x).expectation_value(SparsePauliOp("ZZ")).real
    errors = {}
    for samples in (100, 1600):
        estimates = [
            qjax.estimate(circuit, "ZZ", key=key, simulator=Trajectories(samples), noise=model(x))
            for key in jax.random.split(KEY, 60)
        ]
        claimed = np.mean([estimate.errors for estimate in estimates])
        errors[samples] = np.sqrt(np.mean([(e.values - exact) ** 2 for e in estimates]))
        # 60 draws know their spread to 1 in 11.
        np.testing.assert_allclose(claimed, errors[samples], rtol=0.4)
    np.testing.assert_allclose(errors[100] / errors[1600], 4, rtol=0.5)


POINT = np.array([0.4, 0.9, 0.3, 0.2, 0.1, 0.1])


def values(point, key, samples=2000):
    """Of parameters and strengths in one vector."""
    return qjax.estimate(
        parametrized(),
        ["ZZ", "XI"],
        point[:2],
        key=key,
        simulator=Trajectories(samples),
        noise=model(point[2:]),
    ).values


def exact_values(point):
    state = evolved(parametrized().assign_parameters(point[:2]), point[2:])
    return np.array([state.expectation_value(SparsePauliOp(o)).real for o in ("ZZ", "XI")])


def test_derivatives_are_unbiased_in_parameters_and_in_strengths():
    point, step = jnp.asarray(POINT, jnp.float32), 1e-4
    exact = np.stack(
        [
            (exact_values(POINT + step * e) - exact_values(POINT - step * e)) / (2 * step)
            for e in np.eye(6)
        ],
        axis=1,
    )
    jacobian = jax.jit(jax.jacrev(values))
    drawn = np.stack([jacobian(point, key) for key in jax.random.split(KEY, 40)])
    errors = drawn.std(axis=0, ddof=1) / np.sqrt(len(drawn))
    assert (np.abs(drawn.mean(axis=0) - exact) <= 4 * errors + 1e-5).all()
    # The circuit has no "u": its strength is in no run, and has the derivative 0.
    assert (errors[:, :5] < 0.02).all()
    forward = jax.jit(jax.jacfwd(values))(point, KEY)
    np.testing.assert_allclose(forward, jacobian(point, KEY), atol=2e-4)


def test_noise_and_measurements_in_a_dynamic_circuit():
    a = Parameter("a")
    circuit = QuantumCircuit(2, 1)
    circuit.ry(a, 0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.h(1)
    circuit.reset(0)
    circuit.ry(a, 1)

    def run(point, key):
        found = qjax.estimate(
            circuit, "ZI", point[:1], key=key, simulator=Trajectories(4000), noise=model(point[1:])
        )
        return found.values, found.errors

    def exact(point):
        first = QuantumCircuit(2)
        first.ry(point[0], 0)
        state = evolved(first, point[1:])
        total = 0.0
        for outcome in (0, 1):
            projector = np.kron(np.eye(2), np.diag([1 - outcome, outcome]))
            branch = DensityMatrix(projector @ state.data @ projector)
            if outcome:
                branch = branch.evolve(Operator.from_label("H"), [1])
            branch = branch.evolve(Operator(_ry(point[0])), [1])
            branch = branch.evolve(Kraus(damping(point[1])), [1])
            total += branch.expectation_value(SparsePauliOp("ZI")).real
        return total

    point = np.array([0.7, 0.2, 0.1, 0.0, 0.1])
    (value, error), gradient = jax.value_and_grad(run, has_aux=True)(jnp.asarray(point), KEY)
    # The "h" within the block is noiseless here: its strength is 0.
    assert abs(value - exact(point)) <= 4 * error
    slope = (exact(point + 1e-4 * np.eye(5)[0]) - exact(point - 1e-4 * np.eye(5)[0])) / 2e-4
    assert abs(gradient[0] - slope) < 0.12


def _ry(angle):
    c, s = np.cos(angle / 2), np.sin(angle / 2)
    return np.array([[c, -s], [s, c]])


def test_runs_of_a_dynamic_circuit_without_noise():
    circuit = random_dynamic_circuit(11, size=9)
    result = qjax.estimate(circuit, "ZIX", (), key=KEY, simulator=Trajectories(2000))
    assert abs(result.values - mean(circuit, SparsePauliOp("ZIX"))) <= 4 * result.errors + 1e-6


def test_a_batch_has_runs_for_each_sample():
    circuit, observables, _ = as_observables(parametrized(), ["ZZ", "XI"], ())
    noisy = qjax._noise.noisy_circuit(circuit, qjax._noise.structure_of(model(POINT[2:])))
    inputs = jnp.array([[0.1, 0.8, -1.3]])

    @jax.jit
    def run(inputs, shared):
        given = shared, inputs, (0,), model(POINT[2:]).channels, 3000, KEY
        readouts = Expectations(observables), Outcomes((1,))
        return [noisy_means(noisy, readout, *given) for readout in readouts]

    statistics, outcomes = run(inputs, jnp.array([0.9]))
    for column, value in enumerate(np.asarray(inputs)[0]):
        state = evolved(parametrized().assign_parameters([value, 0.9]), POINT[2:])
        exact = [state.expectation_value(SparsePauliOp(o)).real for o in ("ZZ", "XI")]
        deviations = np.abs(statistics.means[:, column] - np.array(exact))
        assert (deviations <= 4 * statistics.errors[:, column] + 1e-5).all()
        deviations = np.abs(outcomes.means[:, column] - state.probabilities([1]))
        assert (deviations <= 4 * outcomes.errors[:, column] + 1e-5).all()


def test_runs_in_parts_have_the_same_statistics(monkeypatch):
    """Three parts, the last one not full, and the derivatives of each."""
    monkeypatch.setattr("qjax._base.tuning.NOISY_RUNS_AT_ONCE", 1 << 11)
    circuit, x = parametrized(), POINT[2:]

    def run(params, key):
        result = qjax.estimate(
            circuit, "ZZ", params, key=key, simulator=Trajectories(1201), noise=model(x)
        )
        return result.values, result.errors

    (value, error), slope = jax.value_and_grad(run, has_aux=True)(jnp.array([0.4, 0.9]), KEY)
    whole = evolved(circuit.assign_parameters([0.4, 0.9]), x)
    assert abs(value - whole.expectation_value(SparsePauliOp("ZZ")).real) <= 4 * error
    assert np.isfinite(slope).all()


def test_what_is_asked_for_wrongly_is_refused():
    circuit, simulator = parametrized().assign_parameters([0.4, 0.9]), Trajectories(10)
    with pytest.raises(ValueError, match="give one of the two"):
        qjax.estimate(circuit, "ZZ", (), 10, KEY, simulator=simulator)
    with pytest.raises(TypeError, match="shots: expected how many runs"):
        qjax.estimate(circuit, "ZZ", (), key=KEY)
    with pytest.raises(TypeError, match="key"):
        qjax.estimate(circuit, "ZZ", (), simulator=simulator)
    with pytest.raises(TypeError, match="Trajectories"):
        qjax.estimate(circuit, "ZZ", (), key=KEY, simulator=qjax.simulators.DensityMatrix())
    for samples in (0, 1.5, True, "3"):
        with pytest.raises(ValueError, match="samples: expected a whole number"):
            Trajectories(samples)


def test_a_traced_strength_out_of_range_gives_nan():
    circuit = parametrized().assign_parameters([0.4, 0.9])

    @jax.jit
    def run(p):
        noisy = NoiseModel().after("cx", noise.depolarizing(p, 2))
        return qjax.estimate(circuit, "ZZ", key=KEY, simulator=Trajectories(50), noise=noisy)

    assert np.isfinite(run(0.1).values)
    assert np.isnan(run(-0.1).values)
