"""OpenQASM programs against the circuits that Qiskit reads from them."""

from __future__ import annotations

import importlib.util
import math
import sys
from pathlib import Path
from typing import Any

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


HEADER = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2];\n'
BODY = "h q[0];\ncu1(0.3) q[0], q[1];\n"


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("OPENQASM 2.0;", ""),
        lambda text: "// OPENQASM 3.0;\n" + text.replace("OPENQASM 2.0;", ""),
        lambda text: "// include 'secret.inc';\n" + text,
    ],
    ids=["byte order mark", "CRLF", "no version", "version in a comment", "include in a comment"],
)
def test_every_way_to_write_it(change: Any) -> None:
    expected = matrix_of(qasm2.loads(HEADER + BODY))
    assert error(qjax.unitary(qjax.from_qasm(change(HEADER + BODY))), expected) < 1e-12


@pytest.mark.skipif(
    importlib.util.find_spec("qiskit_qasm3_import") is None, reason="an extra is not there"
)
def test_version_3_without_a_version() -> None:
    circuit = qjax.from_qasm('include "stdgates.inc"; qubit[1] q; rx(0.4) q[0];')
    assert circuit.num_qubits == 1
    with pytest.raises(ValueError, match=r"neither version: .*'none' is not.*'none' is not"):
        qjax.from_qasm("none q;")
    with pytest.raises(ValueError, match="line 2, column 8"):
        qjax.from_qasm("OPENQASM 3.0; qubit q;\nU(1,2,3 q;")


def test_files_are_included_only_from_folders_that_are_named(tmp_path: Path) -> None:
    (tmp_path / "mine.inc").write_text("gate mine a { h a; t a; }\n")
    for name in (tmp_path / "mine.inc", "mine.inc", "../mine.inc"):
        text = f'{HEADER}include "{name}";\nmine q[1];'
        with pytest.raises(ValueError, match="include_path=folder"):
            qjax.from_qasm(text)
    text = f'{HEADER}include "mine.inc";\nmine q[1];'
    expected = matrix_of(qasm2.loads(text, include_path=(tmp_path,)))
    for folders in (tmp_path, str(tmp_path), [tmp_path / "none", tmp_path]):
        (tmp_path / "none").mkdir(exist_ok=True)
        found = qjax.from_qasm(text, include_path=folders)
        assert error(qjax.unitary(found), expected) < 1e-12
    with pytest.raises(ValueError, match=r"/etc/passwd"):
        qjax.from_qasm('OPENQASM 3.0; include "/etc/passwd";')
    with pytest.raises(TypeError, match="expected folders, got 3"):
        qjax.from_qasm(HEADER, include_path=3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("// nothing\n/* at all */", "empty"),
        ("OPENQASM 9.0;", "it is OpenQASM 9; expected version 2 or 3"),
        ("circuit.qasm", "'circuit.qasm' is no OpenQASM program.*read_text"),
        (HEADER + "\nunknown q;", "3,0: 'unknown' is not defined"),
        (HEADER + "rx(1/0) q;", "divide by zero"),
        (HEADER + "x q[99999999999999999999];", "the integer 99999999999999999999"),
        ("OPENQASM 2.0; qreg q[1_000_000_000];", "beyond 1,000,000"),
        (HEADER + "\ud800", "surrogates"),
        ("OPENQASM 2.5;", "2.5"),
    ],
)
def test_what_is_no_program(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        qjax.from_qasm(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [(b"OPENQASM 2.0;", "decode"), (Path("a.qasm"), "read_text"), (None, "NoneType")],
)
def test_what_is_no_text(text: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        qjax.from_qasm(text)


def test_version_3_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openqasm3.parser", None)
    with pytest.raises(ImportError, match="extra qasm3"):
        qjax.from_qasm(QASM3)
    with pytest.raises(ImportError, match=r"'qubit' is not defined.*extra qasm3"):
        qjax.from_qasm("qubit[2] q;")
    assert qjax.from_qasm("qreg q[2];").num_qubits == 2
