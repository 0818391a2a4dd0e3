"""What a run asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Wanted:
    """Chosen once, by the command line.

    Attributes:
        budget_s: seconds for all sections together.
        limit_s: seconds for one size of one library.
        qubits: the sizes.
        jobs: how many of them are compiled at once.
        quick: whether a few small cases will do.
        sections: names of those that run; none for all.
        environment: variables of all processes.
        peer_python: the interpreter of the peer, where it is another.
    """

    budget_s: float
    limit_s: float
    qubits: tuple[int, ...]
    jobs: int = 1
    quick: bool = False
    sections: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    peer_python: str = ""
