"""Floor 3. Amplitudes to start from -> tables, and their place in the product state."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from qjax._circuit.operations import Amplitudes
from qjax._expressions import CONSTANT, Expression, Value, constant, expression_tables
from qjax._plan.program import Encoding

# Squares of larger amplitudes, and what they are divided by, are numbers of single precision.
_SMALL = 1e-15


class Factor(NamedTuple):
    """A factor of the product state to start from.

    Attributes:
        qubits: least significant first.
        amplitudes: those of the qubits; None for one qubit that gates on it prepare.
    """

    qubits: tuple[int, ...]
    amplitudes: Amplitudes | None


def start_factors(num_qubits: int, prepared: Sequence[Amplitudes]) -> list[Factor]:
    """The factors, by their lowest qubits: the rows stand in order wherever they can."""
    given = {qubit for amplitudes in prepared for qubit in amplitudes.qubits}
    factors = [Factor((qubit,), None) for qubit in range(num_qubits) if qubit not in given]
    factors += [Factor(amplitudes.qubits, amplitudes) for amplitudes in prepared]
    return sorted(factors, key=_lowest)


def _lowest(factor: Factor) -> int:
    return min(factor.qubits, default=0)


def encoding_of(amplitudes: Amplitudes, batched: frozenset[int], shared: Sequence[int]) -> Encoding:
    """How amplitudes follow from the parameters that differ per sample, and the shared ones."""
    expressions = _scaled(amplitudes.real + amplitudes.imag)
    varies = any(not batched.isdisjoint(expression.parameters) for expression in expressions)
    order = [*sorted(batched), *shared] if varies else shared
    numbers = [Value(expression, periodic=False) for expression in expressions]
    tables, places = expression_tables(numbers, {p: k for k, p in enumerate(order)})
    table = np.array(places, np.int32)
    return Encoding(varies, tables, table.reshape(-1, 2 ** len(amplitudes.qubits)))


def _scaled(expressions: tuple[Expression, ...]) -> tuple[Expression, ...]:
    """Known amplitudes of a size that single precision has: what counts is their ratios."""
    if any(expression.program != (CONSTANT,) for expression in expressions):
        return expressions
    numbers = [expression.constants[0] for expression in expressions]
    largest = max(map(abs, numbers))
    if _SMALL < largest < 1 / _SMALL:
        return expressions
    return tuple(constant(number / largest) for number in numbers)
