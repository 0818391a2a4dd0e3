"""Stronger noise: by what its strengths say, by powers of matrices, and back to none."""

from __future__ import annotations

from collections.abc import Callable

import jax
import numpy as np
import pytest
from jax.test_util import check_grads
from qiskit.quantum_info import random_unitary
from scipy.linalg import expm, fractional_matrix_power

from qjax import noise
from qjax.mitigation import extrapolate, scaled, zero_noise_extrapolation
from qjax.noise import Channel, NoiseModel

GENERATOR = np.array([[0.1, 0.2 - 0.1j], [0.2 + 0.1j, -0.3]])
UNITARY = expm(-1j * GENERATOR)
SCALED: dict[str, tuple[Callable[[float], Channel], float]] = {
    "depolarizing": (lambda c: noise.depolarizing(0.03 * c, num_qubits=2), 2.5),
    "pauli": (lambda c: noise.pauli({"X": 0.02 * c, "Z": 0.1 * c}), 2.5),
    "bit_flip": (lambda c: noise.bit_flip(0.1 * c), 2.5),
    "phase_flip": (lambda c: noise.phase_flip(0.1 * c), 0.5),
    "amplitude_damping": (lambda c: noise.amplitude_damping(0.1 * c), 2.5),
    "excited": (lambda c: noise.amplitude_damping(0.1 * c, 0.3), 2.5),
    "phase_damping": (lambda c: noise.phase_damping(0.1 * c), 2.5),
    "both": (lambda c: noise.phase_amplitude_damping(0.1 * c, 0.2 * c, 0.1), 2.5),
    "thermal": (lambda c: noise.thermal_relaxation(50.0, 70.0, 3.0 * c, 0.1), 2.5),
    "reset": (lambda c: noise.reset(0.1 * c, 0.05 * c), 2.5),
    "coherent": (lambda c: noise.coherent(expm(-1j * c * GENERATOR)), 2.5),
    "coherent, whole": (lambda c: noise.coherent(expm(-1j * c * GENERATOR)), 3),
    "mixed": (
        lambda c: noise.mixed_unitary([1 - 0.2 * c, 0.2 * c], [1j * np.eye(2), UNITARY]),
        2.5,
    ),
    "then": (lambda c: noise.bit_flip(0.1 * c).then(noise.reset(0.1 * c)), 2.5),
    "tensor": (lambda c: noise.bit_flip(0.1 * c).tensor(noise.reset(0.1 * c)), 2.5),
}


def scaled_channel(channel: Channel, factor: float) -> Channel:
    model = NoiseModel().after("x" if channel.num_qubits == 1 else "cx", channel)
    return scaled(model, factor).channels[0]


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", SCALED)
def test_channels_are_as_many_times_as_strong(name: str) -> None:
    make, factor = SCALED[name]
    found = scaled_channel(make(1.0), factor).transfer_matrix
    assert np.allclose(found, make(factor).transfer_matrix, atol=1e-12)


@pytest.mark.usefixtures("x64")
def test_kraus_operators_act_so_often() -> None:
    channel = noise.kraus(noise.amplitude_damping(0.2).kraus)
    expected = np.linalg.matrix_power(channel.transfer_matrix, 3)
    assert np.allclose(scaled_channel(channel, 3).transfer_matrix, expected, atol=1e-12)


@pytest.mark.usefixtures("x64")
def test_powers_of_unitaries_are_those_of_scipy() -> None:
    unitary = np.diag([1, 1, 1j, -1j]) @ np.kron(UNITARY, np.eye(2))  # equal eigenvalues too
    for matrix in (unitary, np.eye(4), random_unitary(4, seed=3).data):
        (found,) = scaled_channel(noise.coherent(matrix), 0.5).strengths
        assert np.allclose(found, fractional_matrix_power(matrix, 0.5), atol=1e-8)


def test_misread_bits_are_not_scaled() -> None:
    model = NoiseModel().readout(0.1).after("x", noise.bit_flip(0.1))
    before, after = (jax.tree.leaves(each.readouts) for each in (model, scaled(model, 3)))
    assert np.array_equal(before, after)


@pytest.mark.usefixtures("x64")
def test_models_are_extrapolated() -> None:
    model = NoiseModel().after("x", noise.depolarizing(0.02)).after("x", noise.reset(0.03))

    def shrunk(model: NoiseModel) -> jax.Array:
        matrices = [channel.transfer_matrix for channel in model.channels]
        return (matrices[1] @ matrices[0])[:, 3] @ np.array([0, 0.1, 0, 0.9])

    values = [0.9 * (1 - 0.02 * c) * (1 - 0.03 * c) for c in (1, 2, 3)]
    expected = np.polyfit([1, 2, 3], values, 1)[-1]
    assert abs(zero_noise_extrapolation(shrunk, model) - expected) < 1e-12
    assert abs(zero_noise_extrapolation(shrunk, model, order=2) - 0.9) < 1e-12
    of_model = jax.jit(lambda model: zero_noise_extrapolation(shrunk, model))
    check_grads(of_model, (model,), 1, ["rev"])
    assert extrapolate((1, 2, 3), values, 2).shape == ()


def test_traced_strengths_out_of_range_are_nan() -> None:
    model = NoiseModel().after("x", noise.bit_flip(0.4))
    of_model = jax.jit(lambda model: scaled(model, 3).channels[0].transfer_matrix)
    assert np.isnan(of_model(model)).all()


@pytest.mark.parametrize(
    ("channel", "factor", "kind", "message"),
    [
        (noise.bit_flip(0.4), 3, ValueError, r"bit_flip\(0.4\) is out of range where it is 3"),
        (noise.mixed_unitary([1.0], [UNITARY]), 3, ValueError, "is out of range where it is 3"),
        (noise.kraus(np.eye(2)[None]), 1.5, ValueError, "a whole number of times"),
        (noise.kraus(np.eye(2)[None]), 0, ValueError, "at least once"),
        (noise.bit_flip(0.4), -1, ValueError, "factor: expected a finite number of at least 0"),
        (noise.bit_flip(0.4), np.nan, ValueError, "factor: expected a finite number"),
        (noise.bit_flip(0.4), "2", TypeError, "factor: expected a number"),
    ],
)
def test_bad_input(channel: Channel, factor: object, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        scaled_channel(channel, factor)


def test_fractions_of_traced_unitaries_are_refused() -> None:
    model = NoiseModel().after("x", noise.coherent(UNITARY))
    with pytest.raises(ValueError, match="a whole number of times"):
        jax.jit(lambda model: scaled(model, 1.5))(model)


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(TypeError, match="model: expected a NoiseModel"):
        scaled(noise.bit_flip(0.1), 2)
