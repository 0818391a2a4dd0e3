"""Floor 2. Known numbers for a circuit's parameters -> an error where they have no meaning in it.

The arccosine of 2, the logarithm of 0 and a state whose amplitudes are all 0 are NaN where JAX
traces. Where the numbers are known, they are named. Circuits that hold nothing of the kind take no
time here.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from types import SimpleNamespace
from typing import Any, NamedTuple

import jax
import numpy as np

from qjax._base.store import kept
from qjax._circuit.circuit import Circuit
from qjax._circuit.control_flow import blocks_of
from qjax._circuit.known_values import PARTIAL
from qjax._circuit.operations import Amplitudes, Gate
from qjax._expressions import (
    BINARY,
    NEAR,
    UNARY,
    Expression,
    ExpressionGroup,
    evaluate_expression,
    group_of,
)

_SHOWN = 120


class _Domain(NamedTuple):
    """What is to be checked: expressions, and the values that amplitudes are divided from."""

    expressions: tuple[ExpressionGroup, ...]
    amplitudes: tuple[tuple[tuple[int, ...], tuple[ExpressionGroup, ...]], ...]


class _Outside(Exception):  # noqa: N818 - it never leaves this module
    """An operation without a finite value: its name, operands and where."""


def check_domain(
    circuit: Circuit,
    values: Any,
    what: str,
    coefficients: tuple[Expression, ...] = (),
) -> None:
    """Refuse numbers for which an angle, an amplitude or a coefficient does not exist.

    Args:
        circuit: the circuit.
        values: `(..., num_params)`; what JAX traces is not looked at.
        what: how an error message calls them.
        coefficients: expressions beside those of the circuit.

    Raises:
        ValueError: names the expression, its parameters, and the row of a batch.
    """
    if not has_partial(circuit, coefficients) or not is_known(values):
        return
    domain = _domain(circuit, coefficients)
    given = np.asarray(values)
    rows = given.reshape(-1, circuit.num_params).astype(np.float64)
    slack = 4 * np.finfo(given.dtype).eps
    with np.errstate(all="ignore"):
        for alike in domain.expressions:
            _evaluated(circuit, alike, rows, slack, what, given.ndim > 1)
        for qubits, parts in domain.amplitudes:
            amplitudes = [_evaluated(circuit, p, rows, slack, what, given.ndim > 1) for p in parts]
            largest = np.abs(np.concatenate(amplitudes, axis=1)).max(axis=1)
            limits = np.finfo(given.dtype)
            nothing = largest < limits.tiny / limits.eps  # smaller ones lose digits
            if nothing.any():
                raise ValueError(
                    f"{_in_row(what, int(np.argmax(nothing)), given.ndim > 1)}: all amplitudes of "
                    f"the qubits {qubits} are 0 (or too small for {given.dtype}), which is no "
                    "state; expected at least one that is not"
                )


def has_partial(circuit: Circuit, coefficients: tuple[Expression, ...] = ()) -> bool:
    """Whether there is anything that not all numbers have a value for."""
    return any(_domain(circuit, coefficients))


def is_known(values: Any) -> bool:
    """Whether an array holds numbers: JAX does not trace it."""
    return not isinstance(values, jax.core.Tracer)


@kept()
def _domain(circuit: Circuit, coefficients: tuple[Expression, ...]) -> _Domain:
    expressions: list[Expression] = list(coefficients)
    amplitudes = []
    for op in _operations(circuit.ops):
        if isinstance(op, Gate):
            expressions += [angle for angle in op.angles if len(angle.program) > 1]
        elif any(amplitude.parameters for amplitude in op.real + op.imag):
            amplitudes.append((op.qubits, tuple(_alike(op.real + op.imag))))
    partial_ones = (e for e in dict.fromkeys(expressions) if e.parameters and is_partial(e))
    return _Domain(tuple(_alike(partial_ones)), tuple(amplitudes))


def is_partial(expression: Expression) -> bool:
    """Whether it has no finite value, or no derivative, for some numbers."""
    return not PARTIAL.keys().isdisjoint(expression.program)


def _operations(ops: Iterable[Any]) -> Iterable[Gate | Amplitudes]:
    left = list(reversed(tuple(ops)))
    while left:
        op = left.pop()
        if isinstance(op, (Gate, Amplitudes)):
            yield op
            continue
        for block in blocks_of(op):
            left += reversed(block)


def _alike(expressions: Iterable[Expression]) -> Iterable[ExpressionGroup]:
    groups = defaultdict(list)
    for expression in expressions:
        groups[expression.program].append(expression)
    for members in groups.values():
        positions = {parameter: parameter for member in members for parameter in member.parameters}
        yield group_of(members, positions, periodic=False)


def _evaluated(
    circuit: Circuit,
    alike: ExpressionGroup,
    rows: np.ndarray,
    slack: float,
    what: str,
    batched: bool,
) -> np.ndarray:
    """`(rows, members)`."""
    leaves = [rows[:, indices] for indices in alike.parameters]
    shape = len(rows), alike.parameters.shape[1] if leaves else alike.constants.shape[1]
    try:
        values = evaluate_expression(alike.program, leaves, alike.constants, _checked(slack, shape))
    except _Outside as outside:
        name, operands, (row, member) = outside.args
        indices = alike.parameters[:, member]
        constants = alike.constants[:, member].tolist() if len(alike.constants) else []
        names = dict.fromkeys(int(index) for index in indices)
        numbers = ", ".join(f"{circuit.parameters[p]} = {rows[row, p]:.10g}" for p in names)
        text = _printed(alike.program, [circuit.parameters[p] for p in indices], constants)
        raise ValueError(
            f"{_in_row(what, row, batched)}: the expression {text} has no value at {_cut(numbers)}:"
            f" {name} of {', '.join(f'{x:.10g}' for x in operands)}; expected {PARTIAL[name]}"
        ) from None
    return np.broadcast_to(values, shape)


def _in_row(what: str, row: int, batched: bool) -> str:
    return f"{what}, row {row}" if batched else what


def _clipped(x: np.ndarray, slack: float) -> np.ndarray:
    return np.where(abs(x) <= 1 + slack, np.clip(x, -1, 1), x)


@lru_cache
def _checked(slack: float, shape: tuple[int, int]) -> SimpleNamespace:
    """NumPy's operations, those that are partial with a check."""

    def check(name: str, *operands: np.ndarray) -> np.ndarray:
        values = getattr(np, name)(*operands)
        if np.isfinite(values).all():
            return values
        if name in ("arcsin", "arccos"):  # rounding may take a number out of the interval
            values = getattr(np, name)(_clipped(operands[0], slack))
        finite = np.isfinite(values)
        if not finite.all():
            where = np.unravel_index(np.argmin(np.broadcast_to(finite, shape)), shape)
            at = [float(np.broadcast_to(x, shape)[where]) for x in operands]
            raise _Outside(name, at, tuple(map(int, where)))
        return values

    return SimpleNamespace(
        **{name: getattr(np, name) for name in (UNARY | BINARY) - NEAR}
        | {name: partial(check, name) for name in PARTIAL}
    )


# ---------------------------------------------------------------- text

_SIGNS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "power": "**"}


def _call(name: str) -> Callable[..., str]:
    def write(*operands: str) -> str:
        if name in _SIGNS:
            return _cut(f"({operands[0]} {_SIGNS[name]} {operands[1]})")
        return _cut(f"{name}({operands[0]})")

    return write


_TEXT = SimpleNamespace(**{name: _call(name) for name in UNARY | BINARY})


def _printed(program: tuple[str, ...], names: Sequence[str], constants: Sequence[float]) -> str:
    return _cut(evaluate_expression(program, names, [f"{c:.10g}" for c in constants], _TEXT))


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN // 2]} ... {text[-_SHOWN // 2 :]}"
