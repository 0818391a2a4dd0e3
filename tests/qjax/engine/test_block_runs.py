"""Blocks of noisy runs by the kernel, against a loop in NumPy that goes through one run."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import unitary_group

from qjax._engine.block_runs import Draws, followed, with_derivatives
from qjax._engine.noise_blocks import BlockProgram
from qjax._simulators.native.library import why_missing
from tests.circuits import applied

ENGINES = [
    pytest.param("native", marks=pytest.mark.skipif(why_missing() is not None, reason="no kernel")),
    "xla",
]


def random_program(num_qubits, width, num_blocks, rng):
    """Blocks with up to two jumps each, of two kinds, and the identity."""
    supports = sorted({tuple(sorted(rng.permutation(num_qubits)[:width])) for _ in range(4)})
    supports = tuple(tuple(map(int, support)) for support in supports)
    where = tuple(int(place) for place in rng.integers(len(supports), size=num_blocks))
    counts = rng.integers(3, size=num_blocks)
    jumping = tuple(
        tuple(int(kind) for kind in (*rng.integers(2, size=count), *[2] * (2 - count)))
        for count in counts
    )
    return BlockProgram(num_qubits, width, supports, where, jumping, 2)


def random_draws(program, runs, columns, rng):
    size = 1 << program.width

    def matrices(*shape):
        return unitary_group.rvs(size, size=int(np.prod(shape)), random_state=rng).reshape(
            *shape, size, size
        )

    weights = rng.dirichlet(np.ones(3), 2)
    operators = np.zeros((3, 3, size, size), complex)
    operators[:2] = np.sqrt(weights)[..., None, None] * matrices(2, 3)
    # Not a mixture of unitaries: what is drawn depends on the state.
    damped = np.diag(np.sqrt(np.linspace(1, 0.2, size)))
    operators[0, 0], operators[0, 1] = damped, np.sqrt(np.eye(size) - damped**2)
    operators[0, 2] = 0
    operators[2, 0] = np.eye(size)
    parts = np.moveaxis(matrices(len(program.where), 3, columns), 2, -1)
    for block, jumping in enumerate(program.jumping):
        unused = 1 + sum(kind < program.num_jumps for kind in jumping)
        parts[block, unused:] = np.eye(size)[None, :, :, None]
    effects = operators.conj().swapaxes(-1, -2) @ operators
    numbers = rng.uniform(size=(len(program.where), 2, runs))
    return parts, operators, effects, numbers


def one_run(program, parts, operators, effects, numbers, state):
    """(the state after all blocks, what was drawn, the matrix of each block) of one run."""
    count, drawn, blocks = program.num_qubits, np.zeros(numbers.shape, int), []
    for block, where in enumerate(program.where):
        axes = [count - 1 - qubit for qubit in reversed(program.supports[where])]
        front = np.moveaxis(state.reshape([2] * count), axes, range(len(axes)))
        rows = front.reshape(1 << len(axes), -1)
        matrix = parts[block, 0]
        for place, kind in enumerate(program.jumping[block]):
            if kind < program.num_jumps:
                after = matrix @ rows
                rho = after @ after.conj().T
                likely = np.einsum("mij,ji->m", effects[kind], rho).real
                above = np.cumsum(likely[::-1])
                passed = (numbers[block, place] * above[-1] >= above[:-1]).sum()
                drawn[block, place] = chosen = len(likely) - 1 - passed
                matrix = operators[kind, chosen] / np.sqrt(likely[chosen]) @ matrix
                matrix = parts[block, place + 1] @ matrix
        blocks.append(matrix)
        state = applied(matrix, program.supports[where], state)
    return state, drawn, np.stack(blocks)


def planes(x, dtype):
    return jnp.asarray(np.stack([np.real(x), np.imag(x)]), dtype)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("num_qubits", "width", "runs", "from_zero"),
    [(1, 1, 3, True), (3, 2, 1, False), (5, 2, 37, True), (4, 3, 16, False), (6, 3, 9, True)],
)
def test_runs_are_those_of_a_loop(monkeypatch, engine, num_qubits, width, runs, from_zero):
    monkeypatch.setenv("QJAX_ENGINE", engine)
    rng = np.random.default_rng(num_qubits)
    program = random_program(num_qubits, width, 7, rng)
    columns = 1 if from_zero else runs
    parts, operators, effects, numbers = random_draws(program, runs, columns, rng)
    start = rng.normal(size=(1 << num_qubits, runs)) + 1j * rng.normal(size=(1 << num_qubits, runs))
    start /= np.linalg.norm(start, axis=0)
    if from_zero:
        start = np.eye(1 << num_qubits, 1) * np.ones(runs)
    each = [
        one_run(
            program,
            parts[..., run % columns],
            operators,
            effects,
            numbers[..., run],
            start[:, run],
        )
        for run in range(runs)
    ]
    with jax.enable_x64(True):
        draws = Draws(
            *(planes(x, float) for x in (parts, operators, effects)), jnp.asarray(numbers)
        )
        begin = jnp.zeros((2, 0, runs)) if from_zero else planes(start, float)
        found = followed(program, draws, begin)
        assert (np.stack([drawn for _, drawn, _ in each], axis=-1) == np.asarray(found.drawn)).all()
        expected = planes(np.stack([state for state, _, _ in each], axis=-1), float)
        np.testing.assert_allclose(found.state, expected, atol=1e-12)
        assert (found.probabilities > 0).all()
        assert (found.probabilities <= 1 + 1e-12).all()

        # Derivatives: those of the matrices' product, by finite differences.
        matrices = planes(np.stack([blocks for _, _, blocks in each], axis=-1), float)
        weights = jnp.asarray(rng.normal(size=found.state.shape))

        def loss(matrices, begin, shift):
            moved = matrices + shift * cosines
            return (with_derivatives(program, moved, begin, found.state) * weights).sum()

        cosines = np.cos(np.arange(matrices.size)).reshape(matrices.shape)
        gradients = jax.grad(loss, (0, 1, 2))(matrices, begin, 0.0)
        if not from_zero:  # linear in the states before
            np.testing.assert_allclose((gradients[1] * begin).sum(), (found.state * weights).sum())
        step = 1e-6
        slopes = []
        for sign in (1, -1):
            moved = np.asarray(matrices) + sign * step * cosines
            moved = moved[0] + 1j * moved[1]
            after = []
            for run in range(runs):
                state = start[:, run]
                for block, where in enumerate(program.where):
                    state = applied(moved[block, :, :, run], program.supports[where], state)
                after.append(state)
            slopes.append((planes(np.stack(after, axis=-1), float) * weights).sum())
        np.testing.assert_allclose(
            gradients[2], (slopes[0] - slopes[1]) / (2 * step), rtol=1e-6, atol=1e-7
        )
        tangent = jax.jvp(lambda shift: loss(matrices, begin, shift), (0.0,), (1.0,))[1]
        np.testing.assert_allclose(tangent, gradients[2], rtol=1e-10)
