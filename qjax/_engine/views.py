"""Floor 6. Circuit, observables -> views: parts of the circuit, and what each shows of them.

An expectation value is linear in its observable, so that each term may be read out of a state of
its own. Local terms of a wide circuit depend on few qubits each, and together on all.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from qjax._base import tuning
from qjax._base.errors import CircuitTooLargeError
from qjax._base.memory import check_states_fit
from qjax._circuit.circuit import Circuit
from qjax._circuit.light_cone import light_cone
from qjax._circuit.observable import Observable, PauliSum, is_diagonal, on_qubits, support_of
from qjax._circuit.observable_groups import Sight, group_sights


class View(NamedTuple):
    """A part of a circuit.

    Attributes:
        circuit: what its observables depend on, with the parameters of the whole.
        observables: on its qubits.
        outputs: which value of the whole each counts for.
    """

    circuit: Circuit
    observables: tuple[Observable, ...]
    outputs: tuple[int, ...]


def views_of(
    circuit: Circuit,
    observables: Sequence[Observable],
    least: int | None = None,
) -> tuple[View, ...]:
    """One view, or several where these are clearly cheaper.

    Args:
        circuit: not dynamic; its first qubits are those of the observables.
        observables: all of one size.
        least: up to so many qubits there is one view; None for those of state vectors.
    """
    together = _view(circuit, dict(enumerate(observables)))
    sums = [observable for observable in observables if isinstance(observable, PauliSum)]
    least = tuning.MIN_QUBITS_TO_SPLIT if least is None else least
    if together.circuit.num_qubits < least or len(sums) < len(observables):
        return (together,)
    terms = _by_sight(sums)
    nowhere = terms.pop(Sight(0, True), {})  # multiples of the identity
    groups = group_sights(circuit, list(terms))
    if len(groups) == 1:
        return (together,)
    parts = [_gathered(terms[sight] for sight in group) for group in groups]
    parts[0] = _gathered([parts[0], nowhere])
    return tuple(_view(circuit, members) for members in parts)


def check_view(view: View, num_outputs: int) -> None:
    """Require that a state of a view fits into memory.

    Args:
        view: the widest.
        num_outputs: how many observables there are in all.

    Raises:
        CircuitTooLargeError: names the observable that depends on most qubits.
    """
    num_qubits = view.circuit.num_qubits
    try:
        check_states_fit(num_qubits, 1, np.dtype(np.complex64))
    except CircuitTooLargeError as error:
        widths = [
            light_cone(
                view.circuit, support_of(observable), is_diagonal(observable)
            ).circuit.num_qubits
            for observable in view.observables
        ]
        most = max(widths)
        name = f"observables[{view.outputs[widths.index(most)]}]" if num_outputs > 1 else "this one"
        together = f" (its group on {num_qubits})" * (most < num_qubits)
        raise CircuitTooLargeError(
            f"{error}, or observables that depend on fewer, as qubits that none depends on are "
            f"left out: {name} depends on {most}{together}"
        ) from error


_Parts = dict[int, Observable]
"""Observables, or some of their terms, by the values that they count for."""


def _view(circuit: Circuit, parts: _Parts) -> View:
    outputs = tuple(sorted(parts))
    observables = [parts[output] for output in outputs]
    measured = set().union(*map(support_of, observables))
    cone = light_cone(circuit, measured, is_diagonal(*observables))
    return View(cone.circuit, tuple(on_qubits(o, cone.qubits) for o in observables), outputs)


def _by_sight(observables: Sequence[PauliSum]) -> dict[Sight, _Parts]:
    terms_by_sight: dict[Sight, dict[int, list]] = defaultdict(lambda: defaultdict(list))
    for output, observable in enumerate(observables):
        for term in observable.terms:
            projected = sum(1 << qubit for qubit, _ in term.projectors)
            diagonal = is_diagonal(PauliSum(observable.num_qubits, (term,)))
            terms_by_sight[Sight(term.x | term.z | projected, diagonal)][output].append(term)
    return {
        sight: {o: replace(observables[o], terms=tuple(terms)) for o, terms in parts.items()}
        for sight, parts in terms_by_sight.items()
    }


def _gathered(parts: Iterable[_Parts]) -> _Parts:
    """The sums of the terms."""
    sums: dict[int, list] = defaultdict(list)
    for part in parts:
        for output, observable in part.items():
            sums[output].append(observable)
    return {output: _sum(members) for output, members in sums.items()}


def _sum(members: Sequence[PauliSum]) -> PauliSum:
    return replace(members[0], terms=tuple(term for member in members for term in member.terms))
