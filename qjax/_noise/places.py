"""Floor 3. Which qubits noise is for, as it is handed in -> tuples of qubits."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from qjax._base.arrays import counted
from qjax._base.options import as_whole, check_ordered, is_whole

Place = tuple[int, ...]


def as_places(qubits: Any, size: int) -> tuple[Place, ...] | None:
    """The places that a channel on `size` qubits is for; None where all are meant.

    Args:
        qubits: None; a qubit, or several that are meant one by one, for a size of 1; the tuple of
            an operation's qubits, or a list of such tuples.
        size: the number of qubits in a place.

    Raises:
        ValueError: for other numbers of qubits, a qubit twice in a place, a place twice.
        TypeError: for a set, which has no order, and for what holds no whole numbers.
    """
    if qubits is None:
        return None
    check_ordered(qubits, "qubits")
    if is_whole(qubits):
        qubits = (qubits,)
    if isinstance(qubits, np.ndarray):
        qubits = qubits.tolist()
    if isinstance(qubits, (str, bytes)) or not isinstance(qubits, Iterable):
        raise TypeError(
            "qubits: expected whole numbers, such as (0, 1), or a list of such tuples, got the "
            f"{type(qubits).__name__} {qubits!r}"
        )
    members = list(qubits)
    if all(map(is_whole, members)):
        members = [(qubit,) for qubit in members] if size == 1 else [tuple(members)]
    places = tuple(_as_place(place, size) for place in members)
    if not places or len(set(places)) < len(places):
        raise ValueError(f"qubits: expected different places, at least one, got {qubits!r}")
    return places


def _as_place(qubits: Any, size: int) -> Place:
    check_ordered(qubits, "qubits")
    if not isinstance(qubits, Sequence) or isinstance(qubits, (str, bytes)):
        raise TypeError(f"qubits: expected tuples of whole numbers, got {qubits!r} among them")
    place = tuple(as_whole(qubit, "qubits", 0) for qubit in qubits)
    if len(place) != size:
        raise ValueError(
            f"qubits: the channel acts on {counted(size, 'qubit')}, got {place}; give the qubits "
            "of one operation in their order, or a list of such tuples"
        )
    if len(set(place)) < size:
        raise ValueError(f"qubits: {place} holds a qubit twice")
    return place
