"""Write `docs/qiskit_library.md`: what becomes of everything that Qiskit has for circuits.

python -m tests.qjax.library_table

The status is what `from_qiskit` does with each case of `tests/library.py`; that the values are
right is what `test_library.py` tests, case by case.
"""

from __future__ import annotations

import inspect
import re
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import qiskit
import qiskit.circuit
import qiskit.quantum_info
from qiskit import QuantumCircuit
from qiskit.circuit import (
    BreakLoopOp,
    ContinueLoopOp,
    ControlFlowOp,
    Gate,
    Instruction,
    Operation,
)
from qiskit.circuit import library as lib

import qjax
from tests.library import CIRCUITS, NEVER, PREPARATIONS
from tests.library_classes import cases, everything, holding
from tests.library_dynamic import DYNAMIC

PATH = Path(__file__).parents[2] / "docs" / "qiskit_library.md"

HEADER = """# What becomes of Qiskit's instructions

All classes and functions by which Qiskit {version} makes circuits or parts of them, found by
introspection: {total} names. {supported} are supported, {partly} of them but for a variant that is
refused; {refused} refused; {never} stand in no circuit. Written by
`python -m tests.qjax.library_table`; a test fails where a class of the installed Qiskit has no row.

- **supported**: taken exactly, and compared (`tests/qjax/qiskit/test_library.py`, in double
  precision to 1e-12) with what the last column says. `Operator`: the unitary matrix.
  `Statevector`: the state after a random product state. All outcomes: classical bits and
  observables over every branch, followed one by one with `Statevector`. Synthesis: the matrix of
  Qiskit's circuit for the
  gate, with ancillas.
- **refused**: `from_qiskit` raises `UnsupportedInstructionError`, which names the instruction, its
  place and the reason.
- **in no circuit**: a base class, or what Qiskit replaces before a circuit is finished.
"""

PLACES = (lib, qiskit.circuit, qiskit.quantum_info)
ELSEWHERE = "elsewhere"


def generate() -> str:
    """The whole file."""
    variants = defaultdict(dict)
    for case, build in sorted(cases().items()):
        name, _, variant = case.partition("/")
        variants[name][variant] = refusal(build)
    sections = defaultdict(list)
    for name, what in sorted(everything().items(), key=lambda item: item[0].casefold()):
        place = _place(name, what)
        path = name if place != ELSEWHERE else f"{what.__module__}.{name}"
        status = _status(name, variants[name])
        sections[place].append((f"`{path}`", _kind(what), status, _oracle(name, status)))
    lines = [_header([row for rows in sections.values() for row in rows])]
    for place in (*(module.__name__ for module in PLACES), ELSEWHERE):
        lines += [f"## {place}\n", *_table(sections[place]), ""]
    return "\n".join(lines).rstrip() + "\n"


def refusal(build: Callable[[], QuantumCircuit | Operation]) -> str | None:
    """Why `from_qiskit` refuses the case, without its place; None where it takes it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        circuit = holding(build())
    try:
        qjax.from_qiskit(circuit)
    except qjax.UnsupportedInstructionError as error:
        reason = re.sub(r"^.*on qubits \[[\d, ]*\]( of '[^']*')?: ", "", str(error))
        return re.sub(r" \(.*\)$", "", reason)  # what Qiskit said, with addresses of objects
    return None


def _status(name: str, variants: dict[str, str | None]) -> str:
    if name in NEVER:
        return f"in no circuit: {NEVER[name]}"
    refused = [f"{variant}: {why}" for variant, why in variants.items() if why]
    if len(refused) == len(variants):
        return f"refused: {'; '.join(why for why in variants.values() if why)}"
    return "supported" + "".join(f"; refused: {each}" for each in refused)


def _kind(what: object) -> str:
    if inspect.isfunction(what):
        return "function"
    kinds = {
        "circuit": QuantumCircuit,
        "control flow": (ControlFlowOp, BreakLoopOp, ContinueLoopOp),
        "gate": Gate,
        "instruction": Instruction,
        "operation": Operation,
    }
    return next((name for name, kind in kinds.items() if issubclass(what, kind)), "by conversion")


def _oracle(name: str, status: str) -> str:
    if not status.startswith("supported"):
        return ""
    if name == "WeightedSumGate":
        return "synthesis"
    if name in DYNAMIC:
        return "all outcomes"
    is_state = name in CIRCUITS or name in PREPARATIONS
    return "`Statevector`" if is_state else "`Operator`"


def _place(name: str, what: object) -> str:
    """Where users import it from."""
    public = (module.__name__ for module in PLACES if vars(module).get(name) is what)
    return next(public, ELSEWHERE)


def _table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    yield "| name | kind | status | checked against |"
    yield "|---|---|---|---|"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |"


def _header(rows: list[tuple[str, ...]]) -> str:
    statuses = [row[2] for row in rows]
    return HEADER.format(
        version=qiskit.__version__,
        total=len(rows),
        supported=sum(status.startswith("supported") for status in statuses),
        partly=sum("; refused" in status for status in statuses),
        refused=sum(status.startswith("refused") for status in statuses),
        never=sum(status.startswith("in no circuit") for status in statuses),
    )


if __name__ == "__main__":
    PATH.write_text(generate())
