"""Floor 3. Complex ParameterExpression -> real and imaginary part, each an Expression."""

import cmath
from collections.abc import Callable, Mapping
from typing import Any, SupportsComplex

from qiskit.circuit import Parameter, ParameterExpression

from qjax._expressions import Expression, Graph
from qjax._qiskit.expressions import refuse_traced, replay

Parts = tuple[int, int]


def to_parts(value: Any, index: Mapping[Parameter, int]) -> tuple[Expression, Expression]:
    """The real and the imaginary part of a number or a ParameterExpression.

    Args:
        value: what Qiskit holds, of real parameters.
        index: the position of each parameter of the circuit.

    Raises:
        ValueError: where it is not finite, or where complex numbers go into anything but sums,
            differences, products, quotients and conjugates.
    """
    parts = _Parts()
    if isinstance(value, ParameterExpression):
        root = replay(value, index, parts, _finite)
    else:
        root = parts.constant(_finite(value))
    real, imag = (parts.graph.expression(part) for part in root)
    return real, imag


def _finite(value: SupportsComplex) -> complex:
    refuse_traced(value)
    number = complex(value)
    if not cmath.isfinite(number):
        raise ValueError(f"an amplitude is {value}; expected a finite number")
    return number


class _Parts:
    """What makes nodes that are pairs of a real and an imaginary part."""

    def __init__(self) -> None:
        self.graph = Graph()
        self.zero, self.one = self.graph.constant(0.0), self.graph.constant(1.0)
        self.exact: dict[str, Callable[..., Parts]] = {
            "negative": self._negative, "add": self._add, "subtract": self._subtract,
            "multiply": self._multiply, "divide": self._divide, "conjugate": self._conjugate,
        }  # fmt: skip

    def parameter(self, index: int) -> Parts:
        return self.graph.parameter(index), self.zero

    def constant(self, value: complex) -> Parts:
        real, imag = (self.graph.constant(part + 0.0) for part in (value.real, value.imag))
        return real, imag

    def operation(self, name: str, *operands: Parts) -> Parts:
        if name in self.exact:
            return self.exact[name](*operands)
        if any(imag != self.zero for _, imag in operands):
            raise ValueError(
                f"the parameter expression takes {name} of complex numbers; expected sums, "
                "differences, products, quotients and conjugates of them only"
            )
        return self.graph.operation(name, *(real for real, _ in operands)), self.zero

    # ------------------------------------------------------------ real numbers

    def _sum(self, a: int, b: int) -> int:
        if self.zero in (a, b):
            return b if a == self.zero else a
        return self.graph.operation("add", a, b)

    def _minus(self, a: int) -> int:
        return a if a == self.zero else self.graph.operation("negative", a)

    def _product(self, a: int, b: int) -> int:
        if self.zero in (a, b):
            return self.zero
        if self.one in (a, b):
            return b if a == self.one else a
        return self.graph.operation("multiply", a, b)

    def _quotient(self, a: int, b: int) -> int:
        return a if a == self.zero or b == self.one else self.graph.operation("divide", a, b)

    # ------------------------------------------------------------ complex numbers

    def _negative(self, a: Parts) -> Parts:
        return self._minus(a[0]), self._minus(a[1])

    def _add(self, a: Parts, b: Parts) -> Parts:
        return self._sum(a[0], b[0]), self._sum(a[1], b[1])

    def _subtract(self, a: Parts, b: Parts) -> Parts:
        return self._add(a, self._negative(b))

    def _multiply(self, a: Parts, b: Parts) -> Parts:
        real = self._sum(self._product(a[0], b[0]), self._minus(self._product(a[1], b[1])))
        return real, self._sum(self._product(a[0], b[1]), self._product(a[1], b[0]))

    def _conjugate(self, a: Parts) -> Parts:
        return a[0], self._minus(a[1])

    def _divide(self, a: Parts, b: Parts) -> Parts:
        if b[1] != self.zero:
            conjugate = self._conjugate(b)
            a, b = self._multiply(a, conjugate), self._multiply(b, conjugate)
        return self._quotient(a[0], b[0]), self._quotient(a[1], b[0])
