"""Floor 3. Qiskit's names of operations: of those in a circuit, and those that noise may name.

A gate with controls is called after its base: c, cc, c3, c4, ... and the base's name, with
exceptions for x, p and u1; a number for controls that are not all on the value 1 comes last,
as in "cx_o0".
"""

import re

from qjax._circuit.control_flow import Op, Reset
from qjax._circuit.gates import GATES, LABELS
from qjax._circuit.operations import Amplitudes, Gate, Measure

_BASES = {name: kind.num_qubits for name, kind in GATES.items() if kind.num_qubits}
_BASES |= {label: _BASES[name] for label, name in LABELS.items()}
_MANY_CONTROLS = {"x": (3, "mcx"), "p": (2, "mcphase"), "u1": (2, "mcu1")}
_OTHERS: dict[str, int | None] = {
    "measure": 1,
    "reset": 1,
    "unitary": None,
    "c-unitary": None,
    "initialize": None,
    "mcx": None,
    "mcphase": None,
    "mcu1": None,
}
# May end in a number for the values of controls.
_SEVERAL_CONTROLS = ("c-unitary", "mcx", "mcphase", "mcu1")
# Qiskit has these, but what is imported is no gate with controls.
_EXPANDED = re.compile(r"(cc|c\d+)u(_o\d+)?|(c|cc|c\d+)(u2|id)(_o\d+)?")
_PATTERN = re.compile(
    rf"(?P<controls>|c|cc|c(?:[3-9]|[1-9]\d+))(?P<base>{'|'.join(_BASES)})(_o(0|[1-9]\d*))?"
)


def name_of(op: Op) -> str | None:
    """Qiskit's name of what noise may stand beside; None of anything else."""
    if isinstance(op, Gate):
        return _gate_name(op)
    if isinstance(op, Measure):
        return "measure"
    if isinstance(op, Reset):
        return "reset"
    return "initialize" if isinstance(op, Amplitudes) else None


def qubits_in_order(op: Op) -> tuple[int, ...]:
    """The qubits of such an operation in Qiskit's order: controls first."""
    if isinstance(op, Gate):
        return tuple(control.qubit for control in op.controls) + op.qubits
    if isinstance(op, (Measure, Reset)):
        return (op.qubit,)
    return op.qubits if isinstance(op, Amplitudes) else ()


def _gate_name(gate: Gate) -> str:
    name, count = gate.label or gate.name, len(gate.controls)
    if not count:
        return name
    state = sum(control.value << k for k, control in enumerate(gate.controls))
    suffix = "" if state == 2**count - 1 else f"_o{state}"
    if gate.matrix is not None:
        return "c-unitary" + suffix
    least, several = _MANY_CONTROLS.get(name, (count + 1, ""))
    if count >= least:
        return several + suffix
    return ("c" * count if count < 3 else f"c{count}") + name + suffix


def size_of(name: str) -> int | None:
    """The number of qubits of an operation of that name; None where there are several sizes.

    Raises:
        ValueError: for names that no operation of a circuit has.
        TypeError: for what is no name.
    """
    if not isinstance(name, str):
        raise TypeError(
            "gates: expected Qiskit's name of a gate, such as 'cx', or a list of them, got the "
            f"{type(name).__name__} {name!r}"
        )
    plain = re.sub(r"_o(0|[1-9]\d*)$", "", name)
    if plain in (_OTHERS if plain == name else _SEVERAL_CONTROLS):
        return _OTHERS[plain]
    match = _PATTERN.fullmatch(name)
    if match is None or _EXPANDED.fullmatch(name):
        raise ValueError(
            f"gates: no operation is called {name!r} here; expected one of "
            f"{', '.join([*_BASES, *_OTHERS])}, or a gate of these with controls by Qiskit's name, "
            "such as cx, ccx, cp or cswap. What has another name becomes gates of these when it is "
            "imported, as its definition says, and delays are dropped"
        )
    controls, base = match["controls"], match["base"]
    count = int(controls[1:]) if controls[1:].isdigit() else len(controls)
    least, several = _MANY_CONTROLS.get(base, (count + 1, ""))
    if count >= least:
        raise ValueError(f"gates: no operation is called {name!r}; expected Qiskit's {several!r}")
    state = name.rpartition("_o")[2] if plain != name else ""
    if state and int(state) >= 2**count - 1:
        others = f", or a number below {2**count - 1}: controls all on 1 have none" if count else ""
        raise ValueError(f"gates: no operation is called {name!r}; expected {plain!r}{others}")
    return count + _BASES[base]
