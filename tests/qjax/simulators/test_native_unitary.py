"""Unitary matrices by the native engine, all basis states as one batch, against Qiskit."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import Operator

import qjax
from qjax._simulators.native.library import why_missing
from tests.circuits import error, finite_gradient, random_circuit
from tests.conftest import Precision

pytestmark = pytest.mark.skipif(why_missing() is not None, reason=f"{why_missing()}")


@pytest.mark.parametrize("num_qubits", [1, 3, 5, 9])
def test_matrices_and_slopes(num_qubits: int, precision: Precision) -> None:
    circuit = random_circuit(num_qubits, num_qubits, 8, symbolic=True)
    params = np.random.default_rng(0).uniform(-3, 3, circuit.num_parameters)
    weights = np.random.default_rng(1).normal(size=(2, 2**num_qubits, 2**num_qubits))

    def of_qiskit(at: np.ndarray) -> np.ndarray:
        return np.asarray(Operator(circuit.assign_parameters(at)).data)

    def total(at: Any) -> Any:
        matrix = qjax.unitary(circuit, at)
        both = jnp.stack([matrix.real, matrix.imag])
        return (both * jnp.asarray(weights, precision.real)).sum()

    def total_of_qiskit(at: np.ndarray) -> float:
        matrix = of_qiskit(at)
        return float((matrix.real * weights[0] + matrix.imag * weights[1]).sum())

    at = jnp.asarray(params, precision.real)
    assert "qjax_" in jax.jit(total).lower(at).as_text()
    assert error(qjax.unitary(circuit, at), of_qiskit(params)) < precision.tolerance
    scale = 2**num_qubits
    slopes = jax.grad(total)(at)
    wanted = finite_gradient(total_of_qiskit, params)
    assert error(slopes, wanted) < scale * (1e-7 if precision.x64 else 1e-4)
    mapped = jax.vmap(lambda p: qjax.unitary(circuit, p))(jnp.stack([at, 2 * at]))
    assert error(mapped[1], of_qiskit(2 * params)) < 10 * precision.tolerance


def test_forward_mode_and_no_gates(x64: None) -> None:
    assert error(qjax.unitary(QuantumCircuit(2)), np.eye(4)) == 0
    circuit = random_circuit(2, 3, 8, symbolic=True)
    params = np.random.default_rng(0).uniform(-3, 3, circuit.num_parameters)
    along = np.random.default_rng(1).normal(size=len(params))
    _, moved = jax.jvp(lambda p: qjax.unitary(circuit, p), (params,), (along,))
    ahead, behind = (
        Operator(circuit.assign_parameters(params + step * along)).data for step in (1e-5, -1e-5)
    )
    assert error(moved, (ahead - behind) / 2e-5) < 1e-8


def test_engine_is_asked_in_every_call(monkeypatch: pytest.MonkeyPatch) -> None:
    circuit, matrices = QuantumCircuit(2), []
    circuit.h(0)
    circuit.cx(0, 1)
    for name in ("native", "xla"):
        monkeypatch.setenv("QJAX_ENGINE", name)
        text = jax.jit(lambda: qjax.unitary(circuit)).lower().as_text()
        assert ("qjax_" in text) == (name == "native")
        matrices.append(qjax.unitary(circuit))
    assert error(matrices[0], np.asarray(matrices[1])) < 1e-6
    assert error(matrices[0], Operator(circuit).data) < 1e-6
