"""Floor 8. What is saved beside a program, as it was read -> checked values."""

from collections.abc import Callable, Iterable
from typing import Any

# What `jax.export` can lower for.
PLATFORMS = ("cpu", "cuda", "rocm", "tpu")

DTYPES = ("float32", "float64")

MAX_ORDER = 8  # each order takes twice the time and the room of the one before

_MOST = 2**31 - 1  # of XLA's sizes


def _is_count(value: object, least: int = 0, most: int = _MOST) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _is_name(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        return bool(value.encode())
    except UnicodeEncodeError:  # half of a character
        return False


def _are(value: object, fits: Callable[[object], bool]) -> bool:
    return isinstance(value, tuple) and all(map(fits, value))


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _are_platforms(value: Any) -> bool:
    return _are(value, PLATFORMS.__contains__) and 0 < len(set(value)) == len(value)


def _is_version(value: Any) -> bool:
    return _are(value, _is_name) and len(value) == 2


CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "num_inputs": (_is_count, "a whole number"),
    "num_weights": (_is_count, "a whole number"),
    "output_shape": (lambda value: _are(value, _is_count), "whole numbers"),
    "dtype": (DTYPES.__contains__, "float32 or float64"),
    "batch_size": (lambda value: _is_count(value, 1), "a whole number of at least 1"),
    "platforms": (_are_platforms, f"some of {', '.join(PLATFORMS)}, each once"),
    "vjp_order": (lambda value: _is_count(value, 0, MAX_ORDER), f"a number up to {MAX_ORDER}"),
    "input_params": (lambda value: _are(value, _is_name), "names"),
    "weight_params": (lambda value: _are(value, _is_name), "names"),
    "input_gradients": (_is_flag, "true or false"),
    "sparse": (_is_flag, "true or false"),
    "num_qubits": (lambda value: value is None or _is_count(value), "a whole number or null"),
    "versions": (lambda value: _are(value, _is_version), "pairs of words"),
}
"""For each field, whether a value is one of its, and what is expected."""


def checked_header(header: object, names: Iterable[str], what: str) -> dict[str, Any]:
    """The fields, lists as tuples.

    Raises:
        ValueError: for fields that are missing or unknown, or hold something else.
    """
    expected = tuple(names)
    if not isinstance(header, dict) or set(header) != set(expected):
        held = sorted(header) if isinstance(header, dict) else type(header).__name__
        raise ValueError(f"{what}: its header holds {held}; expected {sorted(expected)}")
    known: dict[str, Any] = {name: _frozen(header[name]) for name in expected}
    for name, value in known.items():
        fits, kind = CHECKS[name]
        if not fits(value):
            raise ValueError(f"{what}: its {name} is {_short(value)}; expected {kind}")
    for params, size in (("input_params", "num_inputs"), ("weight_params", "num_weights")):
        if len(known[params]) not in (0, known[size]):
            raise ValueError(
                f"{what}: it has {len(known[params])} {params} for {known[size]} {size}; expected "
                "a name for each, or none"
            )
    return known


def _frozen(value: object) -> object:
    """JSON's lists as tuples."""
    return tuple(map(_frozen, value)) if isinstance(value, (list, tuple)) else value


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
