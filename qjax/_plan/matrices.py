"""Floor 3. What matrices of a segment are built from: entries in a bank, looked up by tables."""

import numpy as np

from qjax._base.tables import static, table_class
from qjax._circuit.gates import GateKind


@table_class
class Bank:
    """The matrix entries of a segment's gates, `(entries, length, *batch)`.

    It starts with 0, 1 and the entries of the constant matrices; then, for each kind of gate with
    angles, the entries of all gates of that kind.

    Attributes:
        constants: `(entries,)` complex.
        kinds: what `places` belong to: a kind of gate, and whether its angles are batched.
        places: for each kind, `(num_angles, length, gates)` indices of angles.
    """

    constants: np.ndarray
    kinds: tuple[tuple[GateKind, bool], ...] = static()
    places: tuple[np.ndarray, ...]


@table_class
class Lookup:
    """x[source], and what its transpose needs: where each entry of x is used.

    Attributes:
        source: any shape, indices into x.
        uses: `(entries, most)` flat indices into `source`, padded with its size, for the last
            entries of x; those before are constants and get no cotangent.
    """

    source: np.ndarray
    uses: np.ndarray


@table_class
class Product:
    """Matrices of one size; each a product of factors, each a Kronecker product of gates.

    Attributes:
        factors: a lookup `(slots, factors, gates, K, K)` into the bank; factor 0 acts first, and
            the gates of a factor, on different qubits, are multiplied entry by entry.
    """

    factors: Lookup


@table_class
class Matrices:
    """All matrices of one width in a segment.

    Attributes:
        width: how many qubits they act on.
        products: products of various numbers of factors.
        order: the places of the matrices, in the order of the passes, among the products'.
    """

    width: int = static()
    products: tuple[Product, ...]
    order: np.ndarray
