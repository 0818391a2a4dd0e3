"""Floor 3. OpenQASM -> Circuit, through Qiskit's importers."""

import os
import re
from collections.abc import Iterable, Sequence

from qiskit import QuantumCircuit, qasm2, qasm3
from qiskit.exceptions import QiskitError

from qjax._circuit.circuit import Circuit
from qjax._qiskit.import_circuit import from_qiskit

Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_VERSION = re.compile(r"\s*OPENQASM\s+(\d+)")
_INCLUDE = re.compile(r"\binclude\s*[\"']([^\"']*)[\"']")
_STANDARD = ("qelib1.inc", "stdgates.inc")

# Beyond these, Qiskit's importers panic, or fill the memory.
_LONG_INTEGER = re.compile(r"(?<![\w.])\d{19,}(?![\w.])")
_SIZE = re.compile(r"\[\s*([\d_]+)\s*\]")
_LARGEST = 10**6

# What Qiskit's importers raise for programs that are none, or that a circuit cannot hold.
_NO_PROGRAM = (
    QiskitError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError
)  # fmt: skip


def from_qasm(text: str, *, include_path: Paths = ()) -> Circuit:
    """Convert an OpenQASM 2 or 3 program, through Qiskit's importers.

    Programs include no files but the standard ones, `qelib1.inc` and `stdgates.inc`, which are
    part of the importers: a program that somebody else wrote could read any file that you may read,
    and show it in an error. `include_path` lets a program of version 2 that you trust include more.
    Programs of a few lines may still define circuits that take more time and memory than there is.

    Args:
        text: the program. Its `OPENQASM` line decides the version; without one, it is read as
            version 2, and as version 3 if that fails.
        include_path: the folder, or folders, in which included files are looked for; the default
            is none.

    Raises:
        UnsupportedInstructionError: as `from_qiskit`.
        ValueError: for text that does not parse, with line and column where the importer knows
            them; for an include without `include_path`.
        ImportError: for OpenQASM 3 without the package qiskit-qasm3-import (extra `qasm3`).
        TypeError: for anything but a string.
    """
    if not isinstance(text, str):
        of_file = ": pass its text, `.read_text()`" if isinstance(text, os.PathLike) else ""
        read = ": `.decode()` makes one" if isinstance(text, bytes) else of_file
        raise TypeError(
            f"text: expected the text of an OpenQASM program, got {type(text).__name__}{read}"
        )
    text, folders = text.removeprefix("\ufeff"), _folders(include_path)
    code = _COMMENT.sub(" ", text)
    _check_code(code, folders)
    version = _VERSION.match(code)
    if version is None:
        return from_qiskit(_load_any(text, folders))
    if version[1] not in ("2", "3"):
        raise ValueError(f"text: it is OpenQASM {version[1]}; expected version 2 or 3")
    return from_qiskit(_load_2(text, folders) if version[1] == "2" else _load_3(text))


def _folders(include_path: Paths) -> list[str | os.PathLike[str]]:
    if isinstance(include_path, (str, os.PathLike)):
        return [include_path]
    if isinstance(include_path, bytes) or not isinstance(include_path, Iterable):
        raise TypeError(f"include_path: expected folders, got {include_path!r}")
    folders = list(include_path)
    if strange := [folder for folder in folders if not isinstance(folder, (str, os.PathLike))]:
        raise TypeError(f"include_path: expected folders, got {strange[0]!r} among them")
    return folders


def _check_code(code: str, folders: Sequence[object]) -> None:
    if not code.strip():
        raise ValueError("text: the OpenQASM program is empty")
    if ";" not in code and "{" not in code:
        raise ValueError(
            f"text: {code.strip()[:60]!r} is no OpenQASM program, as it has no statement; of a "
            "file, pass the text: `from_qasm(Path(name).read_text())`"
        )
    files = [name for name in _INCLUDE.findall(code) if name not in _STANDARD]
    if files and not folders:
        raise ValueError(
            f"text: the program includes the file {files[0]!r}; only {' and '.join(_STANDARD)} are "
            "read. For a program of version 2 that you trust, name its folder: "
            "from_qasm(text, include_path=folder)"
        )
    sizes = (int(size.replace("_", "") or 0) for size in _SIZE.findall(code))
    if (match := _LONG_INTEGER.search(code)) or max(sizes, default=0) > _LARGEST:
        what = f"the integer {match[0]}" if match else f"a size or index beyond {_LARGEST:,}"
        raise ValueError(f"text: the OpenQASM program has {what}; expected smaller ones")


def _load_any(text: str, folders: Sequence[str | os.PathLike[str]]) -> QuantumCircuit:
    try:
        return _load_2(text, folders)
    except ValueError as first:
        try:
            return _load_3(text)
        except ImportError as missing:
            raise ImportError(
                f"text: it has no line such as 'OPENQASM 2.0;' and reads as version 3 only, or as "
                f"neither: {first}; {missing}"
            ) from first
        except ValueError as second:
            raise ValueError(
                f"text: it has no line such as 'OPENQASM 2.0;', and reads as neither version: "
                f"{first}; {second}"
            ) from first


def _load_2(text: str, folders: Sequence[str | os.PathLike[str]]) -> QuantumCircuit:
    try:
        return qasm2.loads(
            text, include_path=folders, custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS
        )
    except _NO_PROGRAM as error:
        raise ValueError(f"the OpenQASM 2 program does not parse: {error}") from error


def _load_3(text: str) -> QuantumCircuit:
    try:
        from openqasm3.parser import QASM3ParsingError  # noqa: PLC0415 - comes with an extra
    except ImportError as error:
        raise ImportError(
            "OpenQASM 3 needs the package qiskit-qasm3-import: install qjax-bridge with the extra "
            "qasm3, pip install 'qjax-bridge[qasm3]'"
        ) from error
    try:
        return qasm3.loads(text)
    except (*_NO_PROGRAM, QASM3ParsingError) as error:
        what = str(error) or _place_of(error.__cause__) or "it is no OpenQASM"
        raise ValueError(f"the OpenQASM 3 program does not parse: {what}") from error


def _place_of(cause: BaseException | None) -> str:
    """Where the parser stopped, by the token in the error that it raised."""
    errors = [cause, *getattr(cause, "args", ())]
    tokens = (getattr(error, "offendingToken", None) for error in errors)
    for token in tokens:
        if token is not None:
            return f"line {token.line}, column {token.column}: unexpected {token.text!r}"
    return ""
