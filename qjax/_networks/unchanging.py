"""Floor 8. Objects that do not change once they are made, and copies of them made anew.

What a class gives a setter is the exception.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ClassVar, NoReturn, Self

from qjax._base.argument_hints import arguments_of, explained, way_for

_MADE = "_made"

_ON_A_MACHINE = "Leave it out, as simulation is exact unless shots= is given; for a machine give {}"
_TWO_LAYERS = (
    "TwoLayerQNN has it; else give circuit=feature_map.compose(ansatz), "
    "input_params=feature_map.parameters and weight_params=ansatz.parameters"
)

# Arguments that users of Qiskit Machine Learning look for, or that other networks have.
_WAYS = {
    "quantum_instance": _ON_A_MACHINE.format("estimator= or sampler=, a primitive"),
    "backend": _ON_A_MACHINE.format("estimator=BackendEstimatorV2(backend=...) or such a sampler="),
    "exp_val": "Leave it out: expectation values are exact, or an estimator's",
    "num_virtual_qubits": "Leave it out: the circuit tells how many qubits there are",
    "default_precision": "Leave it out, as values are exact; a sampler= is asked for shots=",
    "options": "Leave it out; options are those of the primitive, estimator= or sampler=",
    "seed": "Leave it out; a primitive, estimator= or sampler=, has its own, and CircuitQNN has it",
    "sampler": "Expectation values come from estimator=; SamplerQNN and CircuitQNN have sampler=",
    "estimator": "Probabilities come from sampler=; EstimatorQNN and OpflowQNN have estimator=",
    "observables": "EstimatorQNN has it",
    "operator": "Give circuit= and observables=; OpflowQNN has it",
    "interpret": "SamplerQNN and CircuitQNN have it",
    "output_shape": "SamplerQNN and CircuitQNN have it; here observables= decide",
    "sparse": "SamplerQNN and CircuitQNN have it; these values are dense",
    "sampling": "CircuitQNN has it",
    "feature_map": _TWO_LAYERS,
    "ansatz": _TWO_LAYERS,
    "num_qubits": "Leave it out: the circuit tells it",
}

# Attributes that they look for.
_ELSEWHERE = {
    "set_interpret": "networks are immutable. Use qnn.replace(interpret=..., output_shape=...)",
    "quantum_instance": "simulation is exact without one. Use estimator= or sampler= for a machine",
}


class Unchanging:
    """Attributes are set by constructors only; a constructor's arguments can be read by name."""

    # How messages call an object and its kind, and what they say of arguments that it has not.
    _called: ClassVar[tuple[str, str]] = ("qnn", "networks")
    _ways: ClassVar[Mapping[str, str]] = _WAYS

    def __init_subclass__(cls, **options: Any) -> None:
        """Close each object when the constructor of its own class is done, not of its parents'."""
        super().__init_subclass__(**options)
        cls.__init__ = _closing(cls, cls.__init__)  # type: ignore[method-assign]

    def __setattr__(self, name: str, value: object) -> None:
        own = getattr(type(self), name, None)
        settable = isinstance(own, property) and own.fset is not None
        if _MADE in vars(self) and not settable:
            self._refuse(name)
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        if _MADE in vars(self):
            self._refuse(name)
        super().__delattr__(name)

    def __getattr__(self, name: str) -> NoReturn:
        """What there is no attribute for: say where to look, if that is known."""
        remedy = f": {_ELSEWHERE[name]}" if name in _ELSEWHERE else ""
        raise AttributeError(
            f"{type(self).__name__!r} object has no attribute {name!r}{remedy}", name=name, obj=self
        )

    def __copy__(self) -> Self:
        twin = object.__new__(type(self))
        vars(twin).update(vars(self))
        return twin

    def __deepcopy__(self, memo: dict) -> Self:
        return self.__copy__()  # all that an object holds is immutable

    def replace(self, *unnamed: Any, **changes: Any) -> Self:
        """A copy that is made anew, with other arguments of the constructor.

        `qnn.replace(input_gradients=True)` is the same network with that changed, and
        `qnn.replace() == qnn`. With `estimator=None` (or `sampler=None`) all that only a primitive
        has is left out too.

        Args:
            *unnamed: none: arguments are told apart by their names.
            **changes: arguments of the constructor by name.

        Raises:
            TypeError: for a name that is no argument of the constructor, and what has no name.
            ValueError, TypeError: as the constructor, for arguments that do not fit together.
        """
        arguments = _arguments(type(self))
        if unnamed:
            raise TypeError(
                f"replace: got {unnamed[0]!r} without a name; expected arguments by name, such as "
                f"replace({arguments[0]}=...), of {', '.join(arguments)}"
            )
        if unknown := [name for name in changes if name not in arguments]:
            way = way_for(unknown[0], arguments, self._ways)
            raise TypeError(
                f"replace: {type(self).__name__} has no argument {', '.join(map(repr, unknown))}"
                f"{way}; expected some of {', '.join(arguments)}"
            )
        implied = self._implied(changes)
        whole = {
            name: implied[name] if name in implied else self._argument(name)
            for name in arguments
            if name not in changes
        }
        return type(self)(**whole, **changes)

    __replace__ = replace  # for `copy.replace`, from Python 3.13 on

    def _argument(self, name: str) -> Any:
        """What the constructor was given, or what means the same."""
        try:
            return getattr(self, name)
        except AttributeError as error:
            raise TypeError(
                f"replace: {type(self).__name__} keeps its argument {name!r} under no attribute of "
                f"that name; give it, replace({name}=...), or define such a property"
            ) from error

    def _implied(self, changes: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """Arguments that change with others, where they are not given themselves."""
        return {}

    def _refuse(self, name: str) -> NoReturn:
        known, (called, kind) = _arguments(type(self)), self._called
        change = (
            f"{called}.replace({name}=...)"
            if name in known
            else f"{called}.replace(...) with some of {', '.join(known)}{way_for(name, known, {})}"
        )
        raise AttributeError(
            f"{name}: {kind} do not change, they are immutable. Make another one: {change}",
            name=name,
            obj=self,
        )


def _closing(cls: type[Unchanging], make: Callable[..., None]) -> Callable[..., None]:
    make = explained(cls.__name__, cls._ways, make)

    @wraps(make)
    def __init__(self: Unchanging, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        make(self, *args, **kwargs)
        if type(self) is cls:
            vars(self)[_MADE] = True

    return __init__


def _arguments(cls: type) -> tuple[str, ...]:
    """The names of a constructor's arguments; those of its parent where it passes others on."""
    names: dict[str, None] = {}
    for base in cls.__mro__:
        if "__init__" not in vars(base):
            continue
        own, passes_on = arguments_of(vars(base)["__init__"])
        names |= dict.fromkeys(own)
        if not passes_on:
            break
    return tuple(names)
