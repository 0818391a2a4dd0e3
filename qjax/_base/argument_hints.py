"""Floor 0. Calls with arguments that a constructor does not have -> what to write instead."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import wraps
from typing import Any

_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_PLACED = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def explained(
    owner: str, ways: Mapping[str, str], make: Callable[..., None]
) -> Callable[..., None]:
    """A constructor whose `TypeError` for a wrong call tells the right one.

    It looks at the signature only where a call has failed, so that others cost nothing.

    Args:
        owner: what the class is called.
        ways: what to do, by names of arguments that one may look for.
        make: the `__init__`.
    """

    @wraps(make)
    def __init__(self: object, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        try:
            make(self, *args, **kwargs)
        except TypeError as error:
            # What is raised inside of the call has a frame of its own.
            raised_here = error.__traceback__ is not None and error.__traceback__.tb_next is None
            message = _misfit(owner, ways, make, (self, *args), kwargs) if raised_here else None
            if message is None:
                raise
            raise TypeError(message) from error

    return __init__


def arguments_of(make: Callable[..., None]) -> tuple[list[str], bool]:
    """The names of a constructor's arguments, and whether it passes others on."""
    taken = list(inspect.signature(make).parameters.values())[1:]
    named = [parameter.name for parameter in taken if parameter.kind not in _VARIADIC]
    return named, len(named) < len(taken)


def way_for(name: str, known: Sequence[str], ways: Mapping[str, str]) -> str:
    """What an error says of an argument that there is not."""
    way = f". {ways[name]}" if name in ways else ""
    close = get_close_matches(name, known, 1)
    return way + (f". Did you mean {close[0]}?" if close else "")


def _misfit(
    owner: str,
    ways: Mapping[str, str],
    make: Callable[..., None],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> str | None:
    """What is wrong with a call; None where its arguments fit."""
    signature = inspect.signature(make)
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        reason = str(error)
    else:
        return None
    known, _ = arguments_of(make)
    expected = f"expected some of {', '.join(known)}"
    if unknown := [name for name in kwargs if name not in known]:
        return (
            f"{owner} has no argument {unknown[0]!r}{way_for(unknown[0], known, ways)}; {expected}"
        )
    placed = [name for name in known if signature.parameters[name].kind in _PLACED]
    if len(args) - 1 > len(placed):
        some = f" beyond {', '.join(placed)}" if placed else ""
        by_name = [f"{name}=..." for name in known if name not in placed]
        return (
            f"{owner}: got {len(args) - 1} positional arguments; arguments{some} are given by "
            f"name: {', '.join(by_name)}"
        )
    return f"{owner}: {reason}; {expected}"
