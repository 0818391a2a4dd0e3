"""Floor 1. OpenQASM -> Circuit, through Qiskit's importers."""

import re

from qiskit import QuantumCircuit, qasm2, qasm3

from qjax._circuit import Circuit
from qjax._qiskit._import import from_qiskit

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_VERSION_2 = re.compile(r"\s*OPENQASM\s+2")


def from_qasm(text: str) -> Circuit:
    """Convert an OpenQASM 2 or 3 program, through Qiskit's importers.

    Args:
        text: the program; its `OPENQASM` line decides the version, 3 without one.

    Raises:
        UnsupportedInstructionError: as `from_qiskit`.
        ValueError: for text that does not parse.
        ImportError: for OpenQASM 3 without the package qiskit-qasm3-import (extra `qasm3`).
        TypeError: for anything but a string.
    """
    if not isinstance(text, str):
        raise TypeError(f"expected the text of an OpenQASM program, got {type(text).__name__}")
    version_2 = _VERSION_2.match(_COMMENT.sub(" ", text)) is not None
    return from_qiskit(_load_2(text) if version_2 else _load_3(text))


def _load_2(text: str) -> QuantumCircuit:
    try:
        return qasm2.loads(text, custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS)
    except qasm2.QASM2ParseError as error:
        raise ValueError(f"the OpenQASM 2 program does not parse: {error}") from error


def _load_3(text: str) -> QuantumCircuit:
    try:
        from openqasm3.parser import QASM3ParsingError  # noqa: PLC0415 - comes with an extra
    except ImportError as error:
        raise ImportError(
            "the program has no line such as 'OPENQASM 2.0;', so it is OpenQASM 3, which needs the "
            "package qiskit-qasm3-import: install qjax-bridge with the extra qasm3"
        ) from error
    try:
        return qasm3.loads(text)
    except (qasm3.QASM3ImporterError, QASM3ParsingError) as error:
        what = str(error) or "it is no OpenQASM"
        raise ValueError(f"the OpenQASM 3 program does not parse: {what}") from error
