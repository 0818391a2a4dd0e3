"""The native engine on states that outgrow a core's cache, and on each instruction set."""

import os
import subprocess
import sys

import jax
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.quantum_info import SparsePauliOp, Statevector

import qjax
from qjax._simulators.native.library import why_missing
from tests.conftest import Precision

pytestmark = pytest.mark.skipif(why_missing() is not None, reason=f"{why_missing()}")

# Qubits and batch: one block that is the whole state, blocks of it, of few and of many samples.
SIZES = ((8, 33), (13, 3), (16, 2), (17, 1), (18, 2))


def layers(num_qubits: int) -> tuple[QuantumCircuit, ParameterVector, ParameterVector]:
    """Every kind of step: rotations about products of Pauli matrices, phases, controlled gates."""
    points, weights = ParameterVector("x", 2), ParameterVector("w", 3 * num_qubits + 5)
    circuit, n = QuantumCircuit(num_qubits), num_qubits
    for qubit in range(n):
        circuit.ry(points[qubit % 2], qubit)
        circuit.rz(weights[qubit], qubit)
    for qubit in range(n):
        circuit.cx(qubit, (qubit + 1) % n)
    for qubit in range(n):
        circuit.rx(weights[n + qubit], qubit)
    circuit.rzz(points[0], 0, n - 1)
    circuit.rxx(weights[3 * n], 1, n - 2)
    circuit.ryy(weights[3 * n + 1], 0, 3)
    circuit.rzx(weights[3 * n + 2], n - 1, 2)
    circuit.cry(weights[3 * n + 3], 2, n - 1)
    circuit.ccx(0, 1, n - 3)
    for qubit in reversed(range(n)):
        circuit.u(weights[2 * n + qubit], points[1], 0.3, qubit)
    circuit.h(0)
    circuit.crx(weights[3 * n + 4], n - 1, 0)
    return circuit, points, weights


@pytest.mark.parametrize(("num_qubits", "batch"), SIZES)
def test_values_and_gradients_of_large_states(
    num_qubits: int, batch: int, precision: Precision
) -> None:
    """Values against Qiskit, gradients against its central differences, equal digits each time."""
    circuit, points, weights = layers(num_qubits)
    labels = ["Z" * num_qubits, "I" * (num_qubits - 1) + "Z", "XY" + "Z" * (num_qubits - 2)]
    observables = [SparsePauliOp(label) for label in labels]
    network = qjax.EstimatorQNN(
        circuit=circuit, input_params=points, weight_params=weights, observables=observables
    )
    rng = np.random.default_rng(num_qubits)
    x, w = rng.normal(size=(batch, 2)), rng.normal(size=len(weights))
    along, factors = rng.normal(size=(2, len(weights)))[0], rng.normal(size=(batch, 3))

    def with_qiskit(w: np.ndarray) -> np.ndarray:
        states = [Statevector(circuit.assign_parameters({points: row, weights: w})) for row in x]
        return np.array(
            [[state.expectation_value(o).real for o in observables] for state in states]
        )

    @jax.jit
    def slopes(w: jax.Array, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        values, pull_back = jax.vjp(lambda w: network.apply(w, x), w)
        return values, pull_back(factors.astype(values.dtype))[0]

    given = w.astype(precision.real), x.astype(precision.real)
    values, gradient = map(np.asarray, slopes(*given))
    np.testing.assert_allclose(values, with_qiskit(w), atol=10 * precision.tolerance)
    step = 1e-4
    expected = (with_qiskit(w + step * along) - with_qiskit(w - step * along)) / (2 * step)
    tolerance = max(1e-6, 100 * precision.tolerance)
    assert abs(gradient @ along - (factors * expected).sum()) < tolerance
    for _ in range(3):
        assert (np.asarray(slopes(*given)[1]) == gradient).all()


@pytest.mark.parametrize("isa", ["baseline", "avx2", "avx512"])
def test_each_instruction_set(isa: str) -> None:
    """Those that this machine lacks are replaced by the next narrower one."""
    program = (
        "import jax, numpy as np, qjax\n"
        "from qiskit.quantum_info import Statevector\n"
        "from tests.qjax.simulators.test_native_large import layers\n"
        "for size in (6, 9):\n"
        "    circuit = layers(size)[0]\n"
        "    for batch in (3, 16):\n"
        "        values = np.random.default_rng(0).normal(size=(batch, circuit.num_parameters))\n"
        "        of_sample = lambda v: qjax.statevector(circuit, v)\n"
        "        states = jax.vmap(of_sample)(values.astype(np.float32))\n"
        "        for state, row in zip(states, values):\n"
        "            expected = Statevector(circuit.assign_parameters(row)).data\n"
        "            assert abs(np.asarray(state) - expected).max() < 1e-5\n"
        "assert qjax.engine() == 'native'\n"
    )
    environment = dict(os.environ, QJAX_NATIVE_ISA=isa, QJAX_ENGINE="native")
    subprocess.run([sys.executable, "-c", program], check=True, timeout=300, env=environment)
