"""Floor 3. What a caller hands in for a circuit -> its parameters and observables."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector

from qjax._base.arrays import Numbers, as_real, check_length, in_order
from qjax._base.store import kept
from qjax._circuit.circuit import Circuit
from qjax._circuit.domain import check_domain
from qjax._circuit.observable import Observable, coefficients_of
from qjax._qiskit.import_circuit import as_circuit
from qjax._qiskit.observables import with_observables
from qjax._qiskit.sparse_terms import several

ParameterValues = Numbers | Mapping[str, Numbers] | Mapping[Parameter | ParameterVector, Numbers]
"""A number for each parameter of a circuit: a vector in its order, or numbers by name."""

# As Qiskit writes an index: x[00] is another name than x[0], and no element of x.
_ELEMENT = re.compile(r"(.+)\[(0|[1-9][0-9]{0,17})\]", re.DOTALL)


def as_parameters(
    circuit: Circuit, params: ParameterValues, observables: Sequence[Observable] = ()
) -> Float[Array, " params"]:
    """A vector with a number for each parameter of the circuit.

    Args:
        circuit: the circuit.
        params: such a vector; or a mapping of parameters or their names to numbers, and of vectors
            of parameters or their names to vectors of numbers.
        observables: those whose coefficients may depend on the parameters too.

    Raises:
        ValueError: for another shape; for names that are missing, unknown or given twice; for
            known numbers that an angle, an amplitude or a coefficient has no value for.
        TypeError: for values that are not real, and keys that are no names.
    """
    if isinstance(params, Mapping):
        values = _by_name(circuit.parameters, params)
    else:
        values = as_real(params, "params")
        check_length(values, circuit.num_params, "params", in_order(circuit.parameters))
    check_domain(circuit, values, "params", coefficients_of(observables))
    return values


# ---------------------------------------------------------------- parameters by name


class _Entry(NamedTuple):
    """What stands under one key.

    Attributes:
        name: of the key.
        positions: which of the circuit's parameters it gives.
        rows: which of its numbers they are; None for a key of a single parameter.
        length: how many numbers it has.
    """

    name: str
    positions: tuple[int, ...]
    rows: tuple[int, ...] | None
    length: int


def _by_name(names: tuple[str, ...], params: Mapping) -> Float[Array, " params"]:
    entries = [_entry(names, key) for key in params]
    _check_names(names, entries)
    values = [
        _value(entry, given, names) for entry, given in zip(entries, params.values(), strict=True)
    ]
    # Numbers of Python have no precision of their own.
    typed = [v.dtype for v, g in zip(values, params.values(), strict=True) if not _is_plain(g)]
    dtypes = typed or [value.dtype for value in values] or [jnp.zeros(()).dtype]
    given = [position for entry in entries for position in entry.positions]
    order = tuple(int(position) for position in np.argsort(given))
    rows = tuple(entry.rows for entry in entries)
    return _joined(tuple(values), rows, order, np.result_type(*dtypes))


@partial(jax.jit, static_argnums=(1, 2, 3))
def _joined(
    values: tuple[Array, ...],
    rows: tuple[tuple[int, ...] | None, ...],
    order: tuple[int, ...],
    dtype: np.dtype,
) -> Float[Array, " params"]:
    parts = [
        value.astype(dtype)[None] if kept is None else value.astype(dtype)[np.array(kept, np.int32)]
        for value, kept in zip(values, rows, strict=True)
    ]
    together = jnp.concatenate([jnp.zeros((0,), dtype), *parts])
    return together[np.array(order, np.int32)]


def _is_plain(given: object) -> bool:
    return isinstance(given, (int, float)) and not isinstance(given, np.generic)


def _value(entry: _Entry, given: Numbers, names: tuple[str, ...]) -> Float[Array, "..."]:
    value = as_real(given, f"params[{entry.name!r}]")
    expected = () if entry.rows is None else (entry.length,)
    if value.shape != expected:
        elements = ""
        meaning = "a single parameter" if entry.rows is None else "a vector of parameters"
        if entry.rows is not None and entry.length == len(entry.rows):
            elements = f"{in_order([names[position] for position in entry.positions])}. "
        raise ValueError(
            f"params[{entry.name!r}]: expected shape {expected}, as it is {meaning}; got "
            f"{value.shape}. {elements}For many sets of parameters use `jax.vmap`"
        )
    return value


def _entry(names: tuple[str, ...], key: object) -> _Entry:
    if not isinstance(key, (str, Parameter, ParameterVector)):
        raise TypeError(
            f"params: expected parameters, vectors of them or their names as keys, got {key!r}"
        )
    name = key if isinstance(key, str) else key.name
    single, vectors = _positions(names)
    if name in single and not isinstance(key, ParameterVector):
        return _Entry(name, (single[name],), None, 1)
    elements = vectors.get(name, {})
    if isinstance(key, Parameter) or not elements:
        raise ValueError(f"params: {name!r} is none of the circuit's parameters. {in_order(names)}")
    if isinstance(key, ParameterVector):
        held = {index: position for index, position in elements.items() if index < len(key)}
        return _Entry(name, tuple(held.values()), tuple(held), len(key))
    return _Entry(name, tuple(elements.values()), tuple(range(len(elements))), len(elements))


@kept()
def _positions(names: tuple[str, ...]) -> tuple[dict[str, int], dict[str, dict[int, int]]]:
    """Positions by name, and for each vector by index, ascending."""
    single = {name: position for position, name in enumerate(names)}
    vectors: dict[str, dict[int, int]] = {}
    for name, position in single.items():
        if match := _ELEMENT.fullmatch(name):
            vectors.setdefault(match[1], {})[int(match[2])] = position
    return single, {name: dict(sorted(elements.items())) for name, elements in vectors.items()}


def vectors_among(names: tuple[str, ...]) -> dict[str, list[str]]:
    """The elements, in numerical order, that the name of each vector of parameters stands for.

    It stands for none where a parameter has that name itself.
    """
    single, vectors = _positions(names)
    return {
        name: [names[position] for position in elements.values()]
        for name, elements in vectors.items()
        if name not in single
    }


def _check_names(names: tuple[str, ...], entries: Iterable[_Entry]) -> None:
    count = Counter(names[position] for entry in entries for position in entry.positions)
    if twice := [name for name, times in count.items() if times > 1]:
        raise ValueError(f"params: {_some(twice)} are given twice; expected each parameter once")
    if missing := [name for name in names if name not in count]:
        raise ValueError(
            f"params: {_some(missing)} are missing; expected numbers for all parameters of the "
            "circuit, by their names or by those of their vectors"
        )


def _some(names: list[str]) -> str:
    return ", ".join(map(repr, names[:8])) + (", ..." if len(names) > 8 else "")


# ---------------------------------------------------------------- observables


def as_observables(
    source: Circuit | QuantumCircuit, observables: object, params: object = ()
) -> tuple[Circuit, tuple[Observable, ...], tuple[int, ...]]:
    """A circuit, the observables of one or a list, and the shape of their values.

    Args:
        source: the circuit.
        observables: one or a list.
        params: what came as parameters, for a call with the two in the wrong order.

    Raises:
        ValueError, TypeError, UnsupportedInstructionError: see `as_observable`,
            `from_qiskit`.
    """
    try:
        return _observables(source, observables)
    except TypeError as error:
        if _are_observables(source, params):
            raise TypeError(
                f"observables: got {type(observables).__name__}, and observables as params: they "
                "are swapped; the order is circuit, observables, params"
            ) from error
        raise


def _observables(
    source: Circuit | QuantumCircuit, observables: object
) -> tuple[Circuit, tuple[Observable, ...], tuple[int, ...]]:
    listed = several(observables)
    if listed is not None and not listed:
        raise ValueError("observables: got an empty list; expected at least one")
    members = [observables] if listed is None else listed
    circuit, converted = with_observables(as_circuit(source), source, members)
    return circuit, converted, () if listed is None else (len(converted),)


def _are_observables(source: Circuit | QuantumCircuit, given: object) -> bool:
    try:
        return len(_observables(source, given)[1]) > 0
    except (TypeError, ValueError):
        return False
