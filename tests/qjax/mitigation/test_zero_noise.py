"""Noisy simulations extrapolated to no noise, where the curve is known."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel as AerNoiseModel
from qiskit_aer.noise import depolarizing_error

import qjax
from qjax.mitigation import zero_noise_extrapolation
from qjax.noise import NoiseModel, depolarizing

THETA = ParameterVector("theta", 3)
NOISE = NoiseModel().after("cx", depolarizing(0.06, num_qubits=2))
PARAMS = np.array([0.4, 0.9, -0.3])


def circuit() -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    for qubit in range(2):
        circuit.ry(THETA[qubit], qubit)
    circuit.cx(0, 1)
    circuit.ry(THETA[2], 0)
    circuit.cx(1, 0)
    return circuit


def value(longer: QuantumCircuit, params: jax.Array) -> jax.Array:
    return qjax.expectation(longer, ["ZZ", "XI"], params, noise=NOISE)


@pytest.mark.usefixtures("x64")
def test_depolarizing_noise_is_an_exponential() -> None:
    # Depolarizing noise on all qubits commutes with gates: each cx shrinks values by 1 - p.
    fit = partial(zero_noise_extrapolation, order="exponential", gates=("cx",))
    found = fit(partial(value, params=PARAMS), circuit(), (1, 2, 3))
    exact = qjax.expectation(circuit(), ["ZZ", "XI"], PARAMS)
    assert np.allclose(found, exact, atol=1e-12)
    assert abs(value(circuit(), PARAMS) - exact).max() > 0.05


@pytest.mark.usefixtures("x64")
def test_strengths_make_a_polynomial() -> None:
    def of_model(model: NoiseModel, params: jax.Array) -> jax.Array:
        return qjax.expectation(circuit(), ["ZZ", "XI"], params, noise=model)

    # (1 - c p)^2 for two gates: a parabola in the factor c.
    found = zero_noise_extrapolation(partial(of_model, params=PARAMS), NOISE, order=2)
    assert np.allclose(found, qjax.expectation(circuit(), ["ZZ", "XI"], PARAMS), atol=1e-12)

    def mitigated(params: jax.Array, model: NoiseModel) -> jax.Array:
        return zero_noise_extrapolation(partial(of_model, params=params), model)

    check_grads(jax.jit(mitigated), (jnp.array(PARAMS), NOISE), 1, ["rev"], rtol=1e-5)


def test_runs_of_aer_are_extrapolated() -> None:
    noise = AerNoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(0.06, 2), ["cx"])
    simulator = AerSimulator(noise_model=noise, seed_simulator=1)
    shots = 100_000

    def parity(longer: QuantumCircuit) -> float:
        measured = longer.copy()
        measured.measure_all()
        counts = simulator.run(measured, shots=shots).result().get_counts()
        return sum(n * (-1) ** key.count("1") for key, n in counts.items()) / shots

    bound = circuit().assign_parameters(PARAMS)
    found = zero_noise_extrapolation(parity, bound, (1, 3), "exponential", gates=["cx"])
    exact = float(qjax.expectation(bound, "ZZ"))
    # Of the value at 0, exp((3 log v_1 - log v_3) / 2): shares 3/2 and 1/2 of relative errors.
    seen = [exact * (1 - 0.06) ** (2 * c) for c in (1, 3)]
    relative = [share * (1 - v**2) ** 0.5 / v for share, v in zip((1.5, 0.5), seen, strict=True)]
    error = abs(exact) * np.hypot(*relative) / shots**0.5
    assert abs(found - exact) < 4 * error
    assert abs(seen[0] - exact) > 8 * error
