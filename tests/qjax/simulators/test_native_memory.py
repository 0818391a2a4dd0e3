"""Every layout of the kernels, with nothing around: small, to run under sanitizers too.

`make sanitize` runs these with kernels that stop at a read or write out of bounds, and at undefined
behaviour.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh
from qiskit.quantum_info import Operator, SparsePauliOp, Statevector
from scipy.linalg import hadamard

import qjax
from qjax._engine import Expectations, Outcomes, States, Task, run
from qjax._engine.block_runs import Draws, followed, with_derivatives
from qjax._engine.noise_blocks import BlockProgram
from qjax._qiskit import as_observable
from qjax._readout import frequencies_of
from qjax._simulators.density_matrix.simulation import pauli_vector, plan_mixed
from qjax._simulators.native.library import why_missing
from qjax.operations import Gate, gate, parameter
from tests.circuits import applied, error, random_circuit
from tests.conftest import Precision

pytestmark = pytest.mark.skipif(why_missing() is not None, reason=f"{why_missing()}")


# Lanes are samples (up to 8 qubits, in batches), else rows; from 15 qubits on in blocks.
@pytest.mark.parametrize(("num_qubits", "batch"), [(1, 1), (2, 17), (5, 3), (7, 33), (9, 2)])
def test_values_and_slopes(num_qubits: int, batch: int, precision: Precision) -> None:
    check(num_qubits, batch, 12, precision)


@pytest.mark.parametrize(("num_qubits", "batch"), [(3, 17), (8, 1)])
def test_in_place(num_qubits: int, batch: int, precision: Precision) -> None:
    """As on one of several devices."""
    mesh = Mesh(np.array(jax.devices()[:1]), ("state",))
    sharding = qjax.StateSharding(mesh, "state")
    check(num_qubits, batch, 8, precision, qjax.simulators.StateVector("native", sharding))


@pytest.mark.parametrize("num_qubits", [15, 16])
def test_states_in_blocks(num_qubits: int, precision: Precision) -> None:
    check(num_qubits, 1, 12, precision)


@pytest.mark.parametrize("num_qubits", [2, 5, 9])
def test_from_given_states(num_qubits: int, precision: Precision) -> None:
    circuit = random_circuit(num_qubits, num_qubits, 6, symbolic=True)
    values = np.random.default_rng(0).uniform(-3, 3, circuit.num_parameters)
    at = jnp.asarray(values, precision.real)
    matrix, pull_back = jax.vjp(lambda p: qjax.unitary(circuit, p), at)
    expected = Operator(circuit.assign_parameters(values)).data
    assert error(matrix, expected) < precision.tolerance
    # |U|^2 = 1 whatever the parameters.
    (slopes,) = pull_back(matrix.conj())
    assert np.abs(slopes).max() < precision.tolerance * 2**num_qubits


# Lanes are samples, or two digits that no group touches, or fewer; groups of one to five digits.
@pytest.mark.parametrize(
    ("num_qubits", "batch"), [(1, 1), (1, 17), (2, 3), (3, 9), (4, 1), (5, 33), (6, 1), (7, 1)]
)
def test_pauli_vectors(
    num_qubits: int, batch: int, precision: Precision, monkeypatch: pytest.MonkeyPatch
) -> None:
    circuit = qjax.Circuit(num_qubits, *_of_rotations(num_qubits))
    rng = np.random.default_rng(num_qubits)
    differs = np.flatnonzero(rng.random(circuit.num_params) < (0.5 if batch > 1 else 0))
    plan = plan_mixed(circuit, frozenset(differs.tolist()))
    shared = jnp.asarray(rng.uniform(-3, 3, circuit.num_params - len(differs)), precision.real)
    batched = jnp.asarray(rng.uniform(-3, 3, (len(differs), batch)), precision.real)

    def look() -> list:
        def total(shared: jax.Array, batched: jax.Array) -> jax.Array:
            return jnp.sum(jnp.sin(2 * pauli_vector(plan, shared, batched, ())))

        return jax.tree.leaves(jax.jit(jax.value_and_grad(total, (0, 1)))(shared, batched))

    by_kernels = look()
    monkeypatch.setenv("QJAX_ENGINE", "xla")
    for ours, theirs in zip(by_kernels, look(), strict=True):
        assert np.allclose(ours, theirs, rtol=1e-3 if not precision.x64 else 1e-10, atol=1e-2)


def _of_rotations(num_qubits: int) -> tuple[tuple[Gate, ...], tuple[str, ...]]:
    """Three layers of RY and a ring of CX, with a Toffoli gate on three qubits; parameters."""
    ops, count = [], 0
    for _ in range(3):
        for qubit in range(num_qubits):
            ops.append(gate("ry", qubit, parameter(count)))
            count += 1
        ring = range(num_qubits if num_qubits > 1 else 0)
        ops += [gate("x", (qubit + 1) % num_qubits, controls=[qubit]) for qubit in ring]
    if num_qubits == 3:
        ops.append(gate("x", 2, controls=[0, 1]))
    return tuple(ops), tuple(f"p{k}" for k in range(count))


@pytest.mark.parametrize(("outcomes", "batch", "shots"), [(1, 1, 1), (2, 3, 1000), (64, 17, 77)])
def test_draws(outcomes: int, batch: int, shots: int, precision: Precision) -> None:
    shares = np.random.default_rng(0).dirichlet(np.ones(outcomes), batch).T
    drawn = frequencies_of(jnp.asarray(shares, precision.real), shots, jax.random.key(0))
    assert np.allclose(drawn.sum(axis=0), 1)
    assert np.allclose(np.round(shots * drawn), shots * drawn, atol=1e-2)


def check(
    num_qubits: int,
    batch: int,
    num_gates: int,
    precision: Precision,
    simulator: qjax.simulators.StateVector | None = None,
) -> None:
    """States and values against Qiskit; a slope of the values against those of a step away."""
    rng = np.random.default_rng(num_qubits)
    circuit = random_circuit(num_qubits, num_qubits, num_gates, symbolic=True)
    count = circuit.num_parameters
    differs = rng.random(count) < 0.5
    values = rng.uniform(-3, 3, (count, batch)).astype(precision.real)
    values[~differs] = values[~differs, :1]
    parts = jnp.asarray(values[~differs, 0]), jnp.asarray(values[differs])
    converted, per_sample = qjax.from_qiskit(circuit), frozenset(np.flatnonzero(differs).tolist())
    x = "X" + "I" * (num_qubits - 1)  # many strings of one flip, and one of each of others
    labels = [
        "Z" * num_qubits,
        *(x[:-1] + letter for letter in "IXYZ" if num_qubits > 1),
        "Y" + x[1:],
    ]
    labels += ["".join(rng.choice(list("IXYZ"), num_qubits)) for _ in range(8)]
    observables = tuple(as_observable(SparsePauliOp(label), num_qubits) for label in labels)
    states = [Statevector(circuit.assign_parameters(sample.astype(float))) for sample in values.T]
    expected = [
        [state.expectation_value(SparsePauliOp(x)).real for x in labels] for state in states
    ]

    of_states = run(Task(converted, per_sample, States(), simulator=simulator), *parts)
    assert error(of_states, np.array([state.data for state in states]).T) < precision.tolerance
    qubits = tuple(rng.permutation(num_qubits)[:3].tolist())
    readouts = (
        (Expectations(observables[:1]), np.array(expected)[:, :1]),  # without the last phases
        (Expectations(observables), np.array(expected)),
        (Outcomes(qubits), np.array([state.probabilities(qubits) for state in states])),
    )
    for readout, wanted in readouts:
        task = Task(converted, per_sample, readout, simulator=simulator)
        of_parts, pull_back = jax.vjp(lambda *given, task=task: run(task, *given), *parts)
        assert error(of_parts, wanted.T) < precision.tolerance
        weights = jnp.asarray(rng.normal(size=of_parts.shape), precision.real)
        slopes = pull_back(weights)
        assert all(np.isfinite(slope).all() for slope in slopes)
        if precision.x64:
            along = [rng.normal(size=part.shape) for part in parts]
            ahead, behind = (
                (weights * run(task, *(p + h * a for p, a in zip(parts, along, strict=True)))).sum()
                for h in (1e-5, -1e-5)
            )
            slope = sum((s * a).sum() for s, a in zip(slopes, along, strict=True))
            assert abs(slope - (ahead - behind) / 2e-5) < 1e-7 * (1 + abs(slope))


# Blocks of one, two or three qubits; runs that fill vectors, and runs that do not.
@pytest.mark.parametrize(("num_qubits", "width", "runs"), [(1, 1, 3), (4, 2, 17), (5, 3, 33)])
@pytest.mark.parametrize("from_zero", [False, True])
def test_blocks_of_noisy_runs(
    num_qubits: int, width: int, runs: int, from_zero: bool, precision: Precision
) -> None:
    """Walsh-Hadamard matrices, and jumps that halve one half of the rows or keep the other."""
    size, blocks = 1 << width, 5
    supports = tuple(tuple(range(first, first + width)) for first in range(num_qubits - width + 1))
    where = tuple(block % len(supports) for block in range(blocks))
    program = BlockProgram(num_qubits, width, supports, where, ((0, 0), (0, 1)) * 2 + ((1, 1),), 1)
    upper = np.arange(size) >= size // 2
    operators = [np.diag(np.where(upper, 0.5, 1)), np.diag(np.where(upper, 0.75**0.5, 0))]
    kinds = np.array([operators, [np.eye(size), np.zeros((size, size))]])

    def planes(x: np.ndarray) -> jax.Array:
        return jnp.asarray(np.stack([x, 0 * x]), precision.real)

    turn = hadamard(size) / size**0.5
    rows = [
        [turn, *(turn if jump == 0 else np.eye(size) for jump in jumps)]
        for jumps in program.jumping
    ]
    numbers = np.random.default_rng(0).random((blocks, 2, runs))
    draws = Draws(
        planes(np.array(rows)[..., None]),
        planes(kinds),
        planes(kinds.swapaxes(-1, -2) @ kinds),
        jnp.asarray(numbers, precision.real),
    )
    start = jnp.zeros((2, 0 if from_zero else 1 << num_qubits, runs), precision.real)
    start = start if from_zero else start.at[0, -1].set(1)
    found = followed(program, draws, start)
    assert jnp.abs(jnp.square(found.state).sum(axis=(0, 1)) - 1).max() < precision.tolerance

    same = planes(np.array([turn] * blocks))[..., None]
    matrices = jnp.broadcast_to(same, (*same.shape[:-1], runs))

    def total(matrices: jax.Array, start: jax.Array) -> jax.Array:
        return with_derivatives(program, matrices, start, found.state).sum()

    slopes = jax.grad(total, (0, 1))(matrices, start)
    # Linear in the state before, and in each of the matrices.
    state = np.zeros(1 << num_qubits)
    state[0 if from_zero else -1] = 1
    for place in where:
        state = applied(turn, supports[place], state)
    expected = runs * state.sum()
    assert abs((slopes[0] * matrices).sum() - blocks * expected) < 100 * precision.tolerance
    if not from_zero:
        assert abs((slopes[1] * start).sum() - expected) < 100 * precision.tolerance
