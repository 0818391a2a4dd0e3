"""Runs of dynamic circuits with drawn outcomes, against every branch followed with Qiskit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.circuit.classical import expr, types
from qiskit.quantum_info import SparsePauliOp
from scipy.stats import chisquare

import qjax
from qjax._engine.runs import drawn
from tests.dynamic import distribution, mean, random_dynamic_circuit, repeat_until_success

KEY = jax.random.key(3)


def counts(bits):
    bits = np.asarray(bits, int)
    return np.bincount(bits @ (1 << np.arange(bits.shape[1])), minlength=2 ** bits.shape[1])


@pytest.mark.parametrize("seed", [1, 4, 6, 9])
def test_bits_are_distributed_as_the_branches(seed):
    circuit = random_dynamic_circuit(seed, size=9)
    circuit.measure(0, 0)
    expected = np.zeros(16)
    for value, probability in distribution(circuit).items():
        expected[value] += probability
    found = counts(qjax.sample(circuit, (), 3000, KEY, method="trajectories"))
    possible = expected > 1e-9
    assert found[~possible].sum() == 0
    if possible.sum() > 1:
        wanted = expected[possible] / expected[possible].sum() * 3000
        assert chisquare(found[possible], wanted).pvalue > 1e-4


def test_estimates_are_within_their_errors():
    circuit = random_dynamic_circuit(11, size=9)
    circuit.ry(0.3, circuit.qubits)
    observables = [SparsePauliOp(["XYZ", "ZIX"], [0.3, 0.8]), "IIZ"]
    found = qjax.estimate(circuit, observables, (), 4000, KEY)
    exact = [mean(circuit, SparsePauliOp(each)) for each in observables]
    assert (np.abs(found.values - np.array(exact)) <= 4.5 * found.errors + 1e-6).all()
    assert qjax.estimate(circuit, "IIZ", (), 10, KEY).values.shape == ()


@pytest.mark.parametrize("shots", [1, 2])
def test_estimates_without_drawn_outcomes_have_no_error(shots):
    circuit = QuantumCircuit(2, 1)
    circuit.ry(0.3, 0)
    with circuit.for_loop(range(2)):
        circuit.x(1)
    circuit.measure(0, 0)
    found = qjax.estimate(circuit, ["IZ", "ZZ"], (), shots, KEY)
    np.testing.assert_allclose(found.values, np.cos(0.3), atol=1e-6)
    np.testing.assert_array_equal(found.errors, [0, 0])


@pytest.mark.parametrize("change", ["measure", "reset"])
def test_the_error_of_a_single_run_is_not_known(change):
    circuit = QuantumCircuit(1, 1)
    circuit.h(0)
    circuit.measure(0, 0) if change == "measure" else circuit.reset(0)
    circuit.ry(0.3, 0)
    assert np.isnan(qjax.estimate(circuit, "Z", (), 1, KEY).errors)


def test_estimates_of_many_runs_are_added_up_in_parts():
    """A parity of 2**17 runs of two qubits at once: three parts, the last one not full."""
    circuit = QuantumCircuit(2, 1)
    circuit.ry(1.2, 0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.ry(0.8, 1)
    observables = [SparsePauliOp(["ZI", "II"], [1e-3, 1.0]), "IZ"]
    shots = 80_001
    found = qjax.estimate(circuit, observables, (), shots, KEY)
    chance = np.sin(0.6) ** 2
    exact = np.array([1 + 1e-3 * (1 - chance + chance * np.cos(0.8)), np.cos(1.2)])
    spread = np.array([1e-3 * (1 - np.cos(0.8)), 2]) * np.sqrt(chance * (1 - chance))
    # Of a value whose spread is a thousandth of it, too.
    np.testing.assert_allclose(found.errors, spread / np.sqrt(shots), rtol=0.02)
    assert (np.abs(found.values - exact) < 5 * found.errors + 1e-7).all()


@pytest.mark.parametrize("function", ["estimate", "trajectories", "sample"])
def test_too_many_shots_are_refused_at_once(function):
    arguments = {"estimate": ("ZI", ()), "trajectories": ((),), "sample": ((),)}[function]
    circuit = repeat_until_success(0.3)
    with pytest.raises(ValueError, match="shots: expected at most"):
        getattr(qjax, function)(circuit, *arguments, 10**11, KEY)


def test_memory_of_an_estimate_does_not_grow_with_shots():
    def of(shots):
        run = jax.jit(lambda key: qjax.estimate(QuantumCircuit(2), "ZI", (), shots, key))
        return run.lower(KEY).compile().memory_analysis().temp_size_in_bytes

    assert of(2**31) < 1.1 * of(2**18)


def test_unlikely_outcomes_are_as_unlikely_as_they_are(monkeypatch):
    """2**-24, where single precision of numbers near 1 ends, is 256 of 2**32 random numbers."""
    bits = np.concatenate([np.arange(500), 2**32 - 1 - np.arange(500)]).astype(np.uint32)
    monkeypatch.setattr(jax.random, "bits", lambda key, shape, dtype: jnp.asarray(bits))
    rare = drawn(jnp.tile(jnp.array([[1 - 2.0**-24], [2.0**-24]]), 1000), KEY)
    common = drawn(jnp.tile(jnp.array([[2.0**-24], [1 - 2.0**-24]]), 1000), KEY)
    assert (rare.sum(), common.sum()) == (256, 1000 - 256)


def test_a_loop_without_a_bound_runs_until_it_ends():
    theta = 1.7
    again = np.sin(theta / 2) ** 2
    # <Z> after k turns is cos(0.4 k), and k is geometric.
    exact = sum((1 - again) * again**k * np.cos(0.4 * k) for k in range(200))
    found = qjax.estimate(repeat_until_success(Parameter("t")), "ZI", [theta], 4000, KEY)
    assert abs(found.values - exact) < 4.5 * found.errors
    drawn = qjax.sample(repeat_until_success(theta), (), 50, KEY)
    assert drawn.shape == (50, 1)
    assert not drawn.any()


def test_too_many_outcomes_are_sampled_by_trajectories():
    circuit = QuantumCircuit(1, 30)
    for clbit in range(30):
        circuit.h(0)
        circuit.measure(0, clbit)
    with pytest.raises(qjax.NoExactFormError, match="trajectories"):
        qjax.sample(circuit, (), 5, KEY, method="exact")
    drawn = np.asarray(qjax.sample(circuit, (), 2000, KEY))
    assert abs(drawn.mean(axis=0) - 0.5).max() < 5 * 0.5 / 2000**0.5
    correlations = np.corrcoef(drawn.T) - np.eye(30)
    assert abs(correlations).max() < 6 / 2000**0.5


def test_states_and_bits_belong_together():
    circuit = QuantumCircuit(2, 1)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure(0, 0)
    circuit.x(0)
    runs = qjax.trajectories(circuit, (), 40, KEY)
    assert runs.states.shape == (40, 4)
    np.testing.assert_allclose(np.abs(runs.states[:, 1]), 1 - runs.bits[:, 0], atol=1e-6)
    np.testing.assert_allclose(np.abs(runs.states[:, 2]), runs.bits[:, 0], atol=1e-6)


def test_the_same_key_draws_the_same_under_jit():
    circuit = random_dynamic_circuit(4, size=6)
    draw = jax.jit(lambda key: qjax.sample(circuit, (), 20, key, method="trajectories"))
    np.testing.assert_array_equal(
        draw(KEY), qjax.sample(circuit, (), 20, KEY, method="trajectories")
    )


def test_without_measurements_the_qubits_are_sampled():
    circuit = QuantumCircuit(3)
    circuit.x(1)
    circuit.h(2)
    circuit.reset(2)
    drawn = qjax.sample(circuit, (), 10, KEY, method="trajectories")
    np.testing.assert_array_equal(drawn, np.tile([0, 1, 0], (10, 1)))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("add", expr.add),
        ("sub", lambda a, b: expr.sub(b, a)),
        ("mul", lambda a, b: expr.mul(a, a)),
        ("div", expr.div),
        ("div by zero", lambda a, b: expr.div(a, expr.sub(b, b))),
        ("left", expr.shift_left),
        ("far left", lambda a, b: expr.shift_left(a, a)),
        ("right", expr.shift_right),
        ("xor", expr.bit_xor),
        ("not", lambda a, b: expr.bit_not(a)),
        ("cast", lambda a, b: expr.cast(expr.cast(expr.less(b, a), types.Uint(1)), types.Uint(5))),
    ],
)
def test_classical_arithmetic_is_the_same_in_both_methods(name, value):
    expected = {
        "add": 23 + 2, "sub": (2 - 23) % 32, "mul": 23 * 23 % 32, "div": 11, "div by zero": 0,
        "left": 23 * 4 % 32, "far left": 0, "right": 5, "xor": 21, "not": 8, "cast": 1,
    }[name]  # fmt: skip
    circuit = QuantumCircuit(1, 5)
    a = circuit.add_var("a", expr.lift(23, types.Uint(5)))
    b = circuit.add_var("b", expr.lift(2, types.Uint(5)))
    register = circuit.cregs[0]
    circuit.store(register, value(a, b))
    for method in ("exact", "trajectories"):
        (bits,) = qjax.sample(circuit, (), 1, KEY, method=method)
        assert int(np.asarray(bits, int) @ [1, 2, 4, 8, 16]) == expected, method


def test_derivatives_are_refused():
    circuit = repeat_until_success(Parameter("t"))
    with pytest.raises(TypeError, match="no derivatives"):
        jax.grad(lambda t: qjax.estimate(circuit, "ZI", t[None], 5, KEY).values)(jnp.float32(0.3))


def test_errors():
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    with pytest.raises(ValueError, match="method: expected 'exact'"):
        qjax.sample(circuit, (), 5, KEY, method="monte carlo")
    with pytest.raises(ValueError, match="shots"):
        qjax.trajectories(circuit, (), 0, KEY)
    circuit.add_var("wide", expr.lift(1, types.Uint(40)))
    assert qjax.sample(circuit, (), 2, KEY).shape == (2, 1)
    with pytest.raises(qjax.NoExactFormError, match="40 bits"):
        qjax.trajectories(circuit, (), 5, KEY)


def test_integers_of_32_bits():
    circuit = QuantumCircuit(1, 4)
    wide = circuit.add_var("wide", expr.lift(3_000_000_000, types.Uint(32)))
    circuit.store(wide, expr.add(wide, expr.lift(2_000_000_000, types.Uint(32))))
    circuit.store(wide, expr.bit_xor(wide, expr.bit_not(expr.lift(0, types.Uint(32)))))
    circuit.store(circuit.cregs[0], expr.cast(wide, types.Uint(4)))
    value = (5_000_000_000 % 2**32) ^ (2**32 - 1)
    for method in ("exact", "trajectories"):
        (bits,) = qjax.sample(circuit, (), 1, KEY, method=method)
        assert int(np.asarray(bits, int) @ [1, 2, 4, 8]) == value % 16


def test_what_is_refused_is_so_by_both_methods():
    circuit = QuantumCircuit(1, 1)
    flag = expr.Var.new("flag", types.Bool())
    circuit.add_uninitialized_var(flag)
    with circuit.if_test(flag):
        circuit.x(0)
    for method in ("exact", "trajectories"):
        with pytest.raises(ValueError, match="'flag' is read before"):
            qjax.sample(circuit, (), 1, KEY, method=method)
    with pytest.raises(TypeError, match=r"key: expected .*jax\.random\.key"):
        qjax.sample(circuit, (), 1, 0)


def test_estimates_of_nothing_and_of_one_run():
    circuit = QuantumCircuit(1)
    with pytest.raises(ValueError, match=r"observables: .*expected at least one"):
        qjax.estimate(circuit, [], (), 5, KEY)
    assert qjax.estimate(circuit, "Z", (), 1, KEY).errors == 0
    circuit.reset(0)
    assert np.isnan(qjax.estimate(circuit, "Z", (), 1, KEY).errors)
