"""Floor 3. Subspaces of GF(2)^n, and linear maps of it, in whole numbers whose bits are entries."""

from collections.abc import Iterable, Sequence

from qjax._plan.frame import inverse_columns


class Span:
    """The subspace that some vectors span, which grows.

    >>> span = Span([0b110])
    >>> span.add(0b011), 0b101 in span, span.add(0b101)
    (True, True, False)
    """

    def __init__(self, vectors: Iterable[int] = ()) -> None:
        self.by_top: dict[int, int] = {}
        for vector in vectors:
            self.add(vector)

    def reduced(self, vector: int) -> int:
        """The vector without the top bits of the basis; 0 where it is in the span."""
        while vector:
            other = self.by_top.get(vector.bit_length())
            if other is None:
                return self._below(vector)
            vector ^= other
        return 0

    def _below(self, vector: int) -> int:
        """The same of the bits below the top one."""
        for top in sorted(self.by_top, reverse=True):
            if vector >> (top - 1) & 1:
                vector ^= self.by_top[top]
        return vector

    def add(self, vector: int) -> bool:
        """Whether the vector was not in the span, which now holds it."""
        rest = self.reduced(vector)
        if rest:
            self.by_top[rest.bit_length()] = rest
        return rest != 0

    def __contains__(self, vector: int) -> bool:
        while vector:
            other = self.by_top.get(vector.bit_length())
            if other is None:
                return False
            vector ^= other
        return True

    def __len__(self) -> int:
        return len(self.by_top)

    @property
    def basis(self) -> tuple[int, ...]:
        """Independent vectors that span it."""
        return tuple(self.by_top.values())


def parity(vector: int) -> int:
    """The sum over GF(2) of all entries."""
    return vector.bit_count() & 1


def applied(columns: Sequence[int], vector: int) -> int:
    """The image of a vector."""
    result = 0
    while vector:
        low = vector & -vector
        result ^= columns[low.bit_length() - 1]
        vector ^= low
    return result


def transposed(columns: Sequence[int], size: int) -> tuple[int, ...]:
    """The rows of a matrix of so many rows, from its columns."""
    return tuple(
        sum((column >> row & 1) << k for k, column in enumerate(columns)) for row in range(size)
    )


def inverse(columns: Sequence[int]) -> tuple[int, ...]:
    """The columns of the inverse."""
    return tuple(inverse_columns(transposed(columns, len(columns))))


def pulled_back(columns: Sequence[int], mask: int) -> int:
    """The mask m' with m' . v = mask . (columns v)."""
    return sum(parity(mask & column) << k for k, column in enumerate(columns))
