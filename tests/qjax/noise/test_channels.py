"""Channels, against those of Qiskit Aer and against finite differences."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from qiskit.quantum_info import (
    PTM,
    Kraus,
    Operator,
    SuperOp,
    pauli_basis,
    random_quantum_channel,
    random_unitary,
)

from qjax import noise
from qjax.noise import Channel
from tests.conftest import Precision

PAULIS = {"X": 0.1, "Y": 0.05, "Z": 0.2}
KRAUS = np.stack(Kraus(random_quantum_channel(2, 2, rank=3, seed=1)).data)
UNITARY = random_unitary(4, seed=2).data

CASES: dict[str, tuple[Callable[..., Channel], tuple[float, ...]]] = {
    "depolarizing": (noise.depolarizing, (0.3,)),
    "depolarizing, its most": (noise.depolarizing, (4 / 3,)),
    "depolarizing two qubits": (lambda p: noise.depolarizing(p, num_qubits=2), (1.02,)),
    "pauli": (lambda x, z: noise.pauli({"X": x, "Z": z}), (0.2, 0.3)),
    "pauli on two qubits": (lambda x, z: noise.pauli({"XZ": x, "IY": z}), (0.2, 0.3)),
    "bit flip": (noise.bit_flip, (0.2,)),
    "phase flip": (noise.phase_flip, (0.2,)),
    "amplitude damping": (noise.amplitude_damping, (0.3,)),
    "amplitude damping, warm": (noise.amplitude_damping, (0.3, 0.2)),
    "phase damping": (noise.phase_damping, (0.3,)),
    "both dampings": (noise.phase_amplitude_damping, (0.3, 0.2)),
    "both dampings, warm": (noise.phase_amplitude_damping, (0.3, 0.2, 0.4)),
    "relaxation": (noise.thermal_relaxation, (1.3, 0.7, 0.4)),
    "relaxation, long T2": (noise.thermal_relaxation, (1.3, 2.5, 0.4, 0.1)),
    "reset": (noise.reset, (0.3,)),
    "reset to both": (noise.reset, (0.3, 0.2)),
}


def matrix_of(error: object) -> np.ndarray:
    """The matrix in the Pauli basis, as Qiskit has it."""
    return PTM(SuperOp(error)).data.real


@jax.jit
def everything(channel: Channel) -> tuple:
    return (
        channel.transfer_matrix,
        channel.kraus,
        channel.mixture if channel.is_mixture else None,
        channel.pauli_probabilities if channel.is_pauli else None,
    )


def check(channel: Channel, expected: np.ndarray, tolerance: float = 1e-12) -> None:
    transfer, kraus, mixture, probabilities = jax.tree.map(np.asarray, everything(channel))
    np.testing.assert_allclose(transfer, expected, atol=tolerance)
    np.testing.assert_allclose(matrix_of(Kraus(list(kraus))), expected, atol=tolerance)
    if mixture is not None:
        parts = zip(*mixture, strict=True)
        mixed = sum(p * SuperOp(Operator(matrix)).data for p, matrix in parts)
        np.testing.assert_allclose(matrix_of(mixed), expected, atol=tolerance)
        assert np.all(mixture[0] >= 0)
    if probabilities is not None:
        labels = pauli_basis(channel.num_qubits)
        mixed = sum(p * SuperOp(each).data for p, each in zip(probabilities, labels, strict=True))
        np.testing.assert_allclose(matrix_of(mixed), expected, atol=tolerance)


@pytest.mark.parametrize("name", CASES)
def test_channels_are_aers(name: str, precision: Precision) -> None:
    aer = pytest.importorskip("qiskit_aer.noise")
    theirs: dict[str, object] = {
        "depolarizing": aer.depolarizing_error(0.3, 1),
        "depolarizing, its most": aer.depolarizing_error(4 / 3, 1),
        "depolarizing two qubits": aer.depolarizing_error(1.02, 2),
        "pauli": aer.pauli_error([("X", 0.2), ("Z", 0.3), ("I", 0.5)]),
        "pauli on two qubits": aer.pauli_error([("XZ", 0.2), ("IY", 0.3), ("II", 0.5)]),
        "bit flip": aer.pauli_error([("X", 0.2), ("I", 0.8)]),
        "phase flip": aer.pauli_error([("Z", 0.2), ("I", 0.8)]),
        "amplitude damping": aer.amplitude_damping_error(0.3),
        "amplitude damping, warm": aer.amplitude_damping_error(0.3, 0.2),
        "phase damping": aer.phase_damping_error(0.3),
        "both dampings": aer.phase_amplitude_damping_error(0.3, 0.2),
        "both dampings, warm": aer.phase_amplitude_damping_error(0.3, 0.2, 0.4),
        "relaxation": aer.thermal_relaxation_error(1.3, 0.7, 0.4),
        "relaxation, long T2": aer.thermal_relaxation_error(1.3, 2.5, 0.4, 0.1),
        "reset": aer.reset_error(0.3),
        "reset to both": aer.reset_error(0.3, 0.2),
    }
    make, strengths = CASES[name]
    channel = make(*strengths)
    check(channel, matrix_of(theirs[name]), precision.tolerance)
    transfer, kraus, *_ = everything(channel)
    assert (transfer.dtype, kraus.dtype) == (precision.real, precision.complex)


@pytest.mark.usefixtures("x64")
def test_operators_unitaries_and_mixtures_are_qiskits() -> None:
    check(noise.kraus(KRAUS), matrix_of(Kraus(list(KRAUS))))
    check(noise.coherent(UNITARY), matrix_of(Operator(UNITARY)))
    other = random_unitary(4, seed=3).data
    mixed = 0.3 * SuperOp(Operator(UNITARY)).data + 0.7 * SuperOp(Operator(other)).data
    check(noise.mixed_unitary([0.3, 0.7], [UNITARY, other]), matrix_of(mixed))
    assert noise.coherent(UNITARY).is_mixture
    assert not noise.kraus(KRAUS).is_mixture


@pytest.mark.usefixtures("x64")
def test_channels_are_composed_as_qiskits() -> None:
    one, other = noise.pauli(PAULIS), noise.amplitude_damping(0.3, 0.2)
    flip = noise.bit_flip(0.3)
    mine: list[tuple[Channel, Channel]] = [(one, other), (other, one), (one, flip), (flip, one)]
    for first, second in mine:
        a, b = (SuperOp(PTM(np.asarray(everything(c)[0]))) for c in (first, second))
        check(first.then(second), matrix_of(a.compose(b)))
        check(first.tensor(second), matrix_of(a.tensor(b)))
    both = one.then(flip).tensor(noise.coherent(UNITARY))
    assert (both.num_qubits, both.is_mixture, both.is_pauli) == (3, True, False)
    assert one.tensor(flip).then(noise.depolarizing(0.1, 2)).is_pauli
    with pytest.raises(ValueError, match=r"a channel on 1 qubits.*a\.tensor"):
        one.then(both)
    with pytest.raises(TypeError, match=r"expected a qjax\.noise\.Channel.*str 'x'"):
        one.tensor("x")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "channel",
    [
        # In one of the precisions, what these leave of 1 is rounded to less than 0.
        noise.phase_amplitude_damping(0.9, 0.1),
        noise.phase_amplitude_damping(0.6, 0.4, 0.3),
        noise.reset(0.9, 0.1),
        noise.reset(0.6, 0.4),
        noise.pauli({"X": 0.8, "Y": 0.2}),
        # After long times little is left of the coherence.
        noise.thermal_relaxation(3.0, 2.0, 17.0),
        noise.thermal_relaxation(3.0, 2.0, 100.0, 0.2),
    ],
    ids=repr,
)
def test_nothing_may_be_left(channel: Channel, precision: Precision) -> None:
    transfer, kraus = map(np.asarray, everything(channel)[:2])
    np.testing.assert_allclose(matrix_of(Kraus(list(kraus))), transfer, atol=precision.tolerance)


@pytest.mark.usefixtures("x64")
def test_times_may_be_infinite() -> None:
    still = noise.thermal_relaxation(np.inf, np.inf, 0.3)
    check(still, np.eye(4))
    dephased = noise.thermal_relaxation(np.inf, 2.0, 0.3)
    check(dephased, np.diag([1, np.exp(-0.15), np.exp(-0.15), 1]))
    check(noise.thermal_relaxation(1.0, 2.0, 0.3), matrix_of(amplitude(1 - np.exp(-0.3))))


def amplitude(gamma: float) -> Kraus:
    return Kraus([np.diag([1, np.sqrt(1 - gamma)]), np.array([[0, np.sqrt(gamma)], [0, 0]])])


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", CASES)
def test_gradients_are_finite_differences(name: str) -> None:
    make, strengths = CASES[name]
    values = 0.9 * np.array(strengths)  # inside of the range

    def matrix(values: jax.Array) -> jax.Array:
        return make(*values).transfer_matrix

    step, units = 1e-6, np.eye(len(values))
    slope = jax.jit(jax.jacobian(matrix))
    many = jax.jit(jax.vmap(matrix))
    difference = (many(values + step * units) - many(values - step * units)) / (2 * step)
    np.testing.assert_allclose(np.moveaxis(slope(values), -1, 0), difference, atol=1e-7)
    # Where nothing happens, slopes are finite.
    nothing = np.where(np.arange(len(values)) < 2, 0.0, values)
    if "relaxation" in name:
        nothing = np.array([1.0, 1.5, *np.zeros(len(values) - 2)])
    at_nothing = slope(nothing)
    assert np.all(np.isfinite(at_nothing))
    assert np.any(at_nothing)


def test_a_channel_is_a_pytree_of_its_strengths(precision: Precision) -> None:
    channel = noise.amplitude_damping(0.25).then(noise.bit_flip(0.125))
    leaves, structure = jax.tree.flatten(channel)
    assert leaves == [0.25, 0.125]
    assert hash(structure) == hash(jax.tree.structure(channel))
    assert all(type(leaf) is np.float64 for leaf in leaves)
    many = jax.tree.map(lambda leaf: leaf * jnp.linspace(0, 1, 3, dtype=precision.real), channel)
    matrices = jax.jit(jax.vmap(lambda each: each.transfer_matrix))(many)
    assert matrices.dtype == precision.real
    np.testing.assert_allclose(matrices[2], everything(channel)[0], atol=precision.tolerance)
    np.testing.assert_allclose(matrices[0], np.eye(4), atol=precision.tolerance)
    assert str(channel) == "amplitude_damping(0.25).then(bit_flip(0.125))"


BAD_STRENGTHS: list[tuple[Callable[[], Channel], str]] = [
    (lambda: noise.depolarizing(-0.1), "p: expected a number from 0 to 1.33333, got -0.1"),
    (lambda: noise.depolarizing(1.1, 2), "p: expected a number from 0 to 1.06667, got 1.1"),
    (lambda: noise.depolarizing(0.1, 0), "num_qubits: expected a whole number of at least 1"),
    (lambda: noise.depolarizing(float("nan")), "p: expected a number from 0 to .*got nan"),
    (lambda: noise.bit_flip(jnp.asarray(1.5)), "p: expected a number from 0 to 1, got 1.5"),
    (lambda: noise.bit_flip([0.1, 0.2]), r"p: expected one number, got shape \(2,\)"),
    (lambda: noise.phase_flip(2), "p: expected a number from 0 to 1, got 2"),
    (lambda: noise.amplitude_damping(0.1, -1), "excited: expected a number from 0 to 1, got -1"),
    (lambda: noise.phase_damping(1.01), "lam: expected a number from 0 to 1, got 1.01"),
    (lambda: noise.phase_amplitude_damping(0.6, 0.5), "gamma and lam: expected a sum of at most 1"),
    (lambda: noise.reset(0.6, 0.5), "p0 and p1: expected a sum of at most 1"),
    (lambda: noise.thermal_relaxation(1, 2.5, 0.1), r"t2: expected at most 2 \* t1 = 2, got 2.5"),
    (lambda: noise.thermal_relaxation(0, 1, 0.1), "t1: expected a number from"),
    (lambda: noise.thermal_relaxation(1, 1, -0.1), "time: expected a number from 0 to"),
    (lambda: noise.thermal_relaxation(1, 1, np.inf), "time: expected a number from 0 to"),
    (lambda: noise.pauli({"X": 0.6, "Z": 0.5}), "probabilities: expected a sum of at most 1"),
    (lambda: noise.pauli({"X": 0.6, "I": 0.5}), "probabilities: expected a sum of 1 with"),
    (lambda: noise.pauli({"X": 0.6, "XX": 0.1}), "Pauli strings of one length"),
    (lambda: noise.pauli({"A": 0.6}), "strings of I, X, Y and Z.*got 'A'"),
    (lambda: noise.pauli({}), "Pauli strings of one length"),
    (lambda: noise.kraus([np.eye(2), np.eye(2)]), "keeps the trace.*differs by 1"),
    (lambda: noise.kraus(np.eye(2)), r"expected shape \(m, 2\*\*k, 2\*\*k\), got \(2, 2\)"),
    (lambda: noise.kraus([np.eye(3)]), r"expected shape .*got \(1, 3, 3\)"),
    (lambda: noise.kraus(np.zeros((0, 2, 2))), r"expected shape .*got \(0, 2, 2\)"),
    (lambda: noise.kraus([np.full((2, 2), np.nan)]), "expected finite numbers"),
    (lambda: noise.coherent(np.ones((2, 2))), "expected a unitary"),
    (lambda: noise.mixed_unitary([0.5], [np.eye(2)]), "expected a sum of 1"),
    (lambda: noise.mixed_unitary([1], [np.eye(2)] * 2), "one for each of 2 matrices"),
]


@pytest.mark.parametrize(("make", "message"), BAD_STRENGTHS)
def test_strengths_out_of_range_are_refused(make: Callable[[], Channel], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("value", ["0.1", True, 1j, None])
def test_what_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match=r"^p: got"):
        noise.bit_flip(value)
    with pytest.raises(TypeError, match="dict of Pauli strings"):
        noise.pauli(value)  # type: ignore[arg-type]
    if not isinstance(value, complex):
        with pytest.raises((TypeError, ValueError), match=r"^operators: "):
            noise.kraus(value)  # type: ignore[arg-type]


@pytest.mark.usefixtures("x64")
def test_traced_strengths_out_of_range_give_nan() -> None:
    makers: list[Callable[[jax.Array], Channel]] = [
        noise.depolarizing,
        noise.bit_flip,
        lambda p: noise.pauli({"X": p, "Z": 0.5}),
        noise.amplitude_damping,
        lambda p: noise.reset(p, 0.5),
        lambda p: noise.thermal_relaxation(1.0, p, 0.1),
        lambda p: noise.coherent(p * jnp.eye(2)),
        lambda p: noise.kraus([p * jnp.eye(2)]),
        lambda p: noise.bit_flip(0.1).tensor(noise.bit_flip(p)),
    ]
    for make in makers:
        transfer, kraus, *_ = jax.jit(lambda p, make=make: everything(make(p)))(2.5)
        assert np.any(np.isnan(transfer))
        assert np.any(np.isnan(kraus))


@pytest.mark.usefixtures("x64")
def test_operators_may_be_traced() -> None:
    def matrix(angle: jax.Array) -> jax.Array:
        c, s = jnp.cos(angle), jnp.sin(angle)
        rotation = jnp.stack([c, -s, s, c]).reshape(2, 2)
        both = noise.coherent(rotation).then(noise.kraus([rotation]))
        return both.transfer_matrix

    values = jax.jit(matrix)(0.3)
    np.testing.assert_allclose(values[1, 1], np.cos(1.2), atol=1e-12)
    np.testing.assert_allclose(
        jax.jit(jax.jacobian(matrix))(0.3)[1, 1], -4 * np.sin(1.2), atol=1e-12
    )
