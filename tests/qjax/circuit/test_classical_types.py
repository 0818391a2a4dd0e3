"""Types of classical expressions: what is taken is what Qiskit's `expr` builds without casts."""

from __future__ import annotations

import itertools
import re

import pytest
from qiskit.circuit.classical import expr, types

import qjax
from qjax._circuit.classical import OPERATIONS
from qjax._circuit.classical_types import SIGNATURES
from qjax._qiskit.classical import from_type
from qjax.operations import (
    BOOL,
    FLOAT,
    Case,
    ClassicalOperation,
    ClassicalType,
    Declaration,
    Literal,
    Store,
    Switch,
    Variable,
)

NARROW, WIDE = ClassicalType("uint", 4), ClassicalType("uint", 8)
TYPES = (BOOL, NARROW, WIDE, FLOAT)


def accepts(name: str, kinds: tuple[ClassicalType, ...], result: ClassicalType) -> bool:
    """Whether an operation on variables of these types may be written to one of the last."""
    operands = tuple(Variable(number, kind) for number, kind in enumerate(kinds))
    value = ClassicalOperation(name, operands, result)
    declared = tuple(Declaration(f"v{number}", kind) for number, kind in enumerate(kinds))
    ops = (Store(Variable(len(kinds), result), value),)
    try:
        qjax.Circuit(num_qubits=0, ops=ops, variables=(*declared, Declaration("result", result)))
    except TypeError:
        return False
    return True


def qiskits(name: str, kinds: tuple[ClassicalType, ...], result: ClassicalType) -> bool:
    """Whether Qiskit builds that node of those operands, as they are."""
    operands = [expr.Var.new(f"v{number}", from_type(kind)) for number, kind in enumerate(kinds)]
    try:
        if name == "cast":
            return types.cast_kind(operands[0].type, from_type(result)) is not types.CastKind.NONE
        node = getattr(expr, name)(*operands)
    except TypeError:
        return False
    if node.type != from_type(result):
        return False
    if name == "index":
        return [node.target, node.index] == operands
    return operands == ([node.operand] if len(operands) == 1 else [node.left, node.right])


@pytest.mark.parametrize("name", OPERATIONS)
def test_taken_is_what_qiskit_builds(name: str) -> None:
    arity = len(SIGNATURES[name].operands)
    cases = list(itertools.product(itertools.product(TYPES, repeat=arity), TYPES))
    found = {case for case in cases if accepts(name, *case)}
    assert found == {case for case in cases if qiskits(name, *case)}
    assert found


def test_each_operation_has_types() -> None:
    assert list(OPERATIONS) == list(SIGNATURES)


def test_each_operation_is_told_with_its_types() -> None:
    told = re.findall(r"\w+", ClassicalOperation.__doc__ or "")
    assert set(OPERATIONS) <= set(told)


def test_casts_are_what_the_error_says() -> None:
    narrow = Literal(3, NARROW)
    wide = ClassicalOperation("cast", (narrow,), WIDE)
    total = ClassicalOperation("add", (wide, Literal(250, WIDE)), WIDE)
    switch = Switch(total, (Case((253,), ()),))
    circuit = qjax.Circuit(num_qubits=0, ops=(switch,))
    again = qjax.from_qiskit(qjax.to_qiskit(circuit))
    assert again == circuit
    with pytest.raises(TypeError, match=r"add takes 2 operands of one type.*width 4.*'cast'"):
        qjax.Circuit(
            num_qubits=0,
            ops=(Switch(ClassicalOperation("add", (narrow, Literal(0, WIDE)), WIDE), ()),),
        )
