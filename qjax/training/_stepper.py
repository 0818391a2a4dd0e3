"""Floor 9. An optimizer, of optax or like it -> what a step of the training asks of it."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
from jax import Array

Settings = Mapping[str, Any]


@runtime_checkable
class Transformation(Protocol):
    """What optax calls a gradient transformation: two pure functions."""

    @property
    def init(self) -> Callable[[Any], Any]:
        """Weights -> the optimizer's state before the first step."""

    @property
    def update(self) -> Callable[..., tuple[Any, Any]]:
        """(gradient, state, weights, and more by name) -> (what to add to the weights, state)."""


Optimizer = Transformation | Callable[..., Transformation]


class Step(NamedTuple):
    """What a step knows, by the names that optax's transformations ask for it."""

    value: Array
    grad: Any
    value_fn: Callable[[Any], Array]


def transformation_of(optimizer: Optimizer, settings: Settings) -> Transformation:
    """The transformation of given numbers, which may be traced."""
    if isinstance(optimizer, Transformation):
        return optimizer
    made = optimizer(**{name: settings[name] for name in settings_of(optimizer, settings)})
    if not isinstance(made, Transformation):
        raise TypeError(
            f"optimizer: {_name(optimizer)} returned {type(made).__name__}; expected a "
            "transformation with `init` and `update`, as optax's are"
        )
    return made


def settings_of(optimizer: Optimizer, settings: Settings) -> tuple[str, ...]:
    """The names of the settings that the optimizer takes."""
    if isinstance(optimizer, Transformation):
        return ()
    parameters = inspect.signature(optimizer).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return tuple(settings)
    names = {parameter.name for parameter in parameters}
    return tuple(name for name in settings if name in names)


def missing_settings(optimizer: Optimizer, settings: Settings) -> list[str]:
    """The names of what the optimizer's function needs, and is not given."""
    if isinstance(optimizer, Transformation):
        return []
    variadic = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
    return [
        parameter.name
        for parameter in inspect.signature(optimizer).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind not in variadic
        and parameter.name not in settings
    ]


def updated(
    transformation: Transformation, step: Step, state: Any, weights: Any, more: Mapping[str, Any]
) -> tuple[Any, Any]:
    """New weights and the optimizer's new state."""
    extra: dict[str, Any] = {}
    if takes_more(transformation.update):
        value_fn = tolerant(step.value_fn, tuple(more))
        extra = {**step._replace(value_fn=value_fn)._asdict(), **more}
    updates, state = transformation.update(step.grad, state, weights, **extra)
    return jax.tree.map(lambda old, new: (old + new).astype(old.dtype), weights, updates), state


def takes_more(update: Callable[..., Any]) -> bool:
    """Whether an update may be told more than gradient, state and weights."""
    parameters = inspect.signature(update).parameters.values()
    return any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)


def tolerant(function: Callable[[Any], Array], names: tuple[str, ...]) -> Callable[..., Array]:
    """A function of weights that may be told more by these names.

    Line searches of optax's hand on what an update is told, such as the inputs of natural
    gradients, and refuse what the signature of `value_fn` does not have.
    """
    if not names:
        return function

    def value_fn(weights: Any, **_more: Any) -> Array:
        return function(weights)

    kinds = inspect.Parameter
    more = [kinds(name, kinds.KEYWORD_ONLY, default=None) for name in names]
    first = kinds("weights", kinds.POSITIONAL_OR_KEYWORD)
    value_fn.__signature__ = inspect.Signature([first, *more])  # type: ignore[attr-defined]
    return value_fn


def _name(optimizer: object) -> str:
    return getattr(optimizer, "__name__", type(optimizer).__name__)
