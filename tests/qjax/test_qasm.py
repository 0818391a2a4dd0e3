"""OpenQASM programs against the circuits that Qiskit reads from them."""

from __future__ import annotations

import importlib.util
import math

import numpy as np
import pytest
from qiskit import QuantumCircuit, qasm2
from qiskit.circuit.library import CXGate

import qjax
from tests.circuits import error, matrix_of

pytestmark = pytest.mark.usefixtures("x64")

QASM2 = """
OPENQASM 2.0;
include "qelib1.inc";
qreg q[3];
creg c[2];
gate mine(a, b) x, y { rz(a / 2) x; cx x, y; u3(b, -a, sin(a) * pi) y; }
h q;
mine(pi / 3, 0.25) q[2], q[0];
cu1(0.7) q[1], q[2];
ccx q[0], q[1], q[2];
barrier q;
"""

QASM3 = """
OPENQASM 3.0;
include "stdgates.inc";
input float[64] theta;
qubit[3] q;
h q[0];
ctrl @ rx(theta) q[0], q[2];
inv @ t q[1];
negctrl @ x q[1], q[0];
"""


def test_from_qasm_2() -> None:
    expected = matrix_of(qasm2.loads(QASM2))
    assert error(qjax.unitary(qjax.from_qasm(QASM2)), expected) < 1e-12


def test_from_qasm_2_with_measurements() -> None:
    circuit = qjax.from_qasm(QASM2 + "measure q[1] -> c[0];")
    assert (circuit.num_qubits, circuit.num_clbits, circuit.num_params) == (3, 2, 0)


def test_from_qasm_3() -> None:
    if importlib.util.find_spec("qiskit_qasm3_import") is None:
        with pytest.raises(ImportError, match=r"qiskit[_-]qasm3[_-]import"):
            qjax.from_qasm(QASM3)
        return
    circuit = qjax.from_qasm(QASM3)
    same = QuantumCircuit(3)
    same.h(0)
    same.crx(0.6, 0, 2)
    same.tdg(1)
    same.append(CXGate(ctrl_state=0), [1, 0])
    assert circuit.parameters == ("theta",)
    assert error(qjax.unitary(circuit, np.array([0.6])), matrix_of(same)) < 1e-12


def test_angle_of_qasm_is_read_in_double() -> None:
    text = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[1]; rx(2*pi/3) q[0];'
    expected = [math.cos(math.pi / 3), -1j * math.sin(math.pi / 3)]
    assert error(qjax.statevector(qjax.from_qasm(text)), expected) < 1e-15
