"""Floor 11. What `optimizer=` was given -> how weights are trained."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jax import Array

from qjax._base.arrays import as_real_numpy
from qjax._base.options import as_whole
from qjax.training._stepper import Transformation

# Methods of `scipy.optimize.minimize` that need no second derivatives.
_WITHOUT_GRADIENT = ("Nelder-Mead", "Powell", "COBYLA", "COBYQA")
_WITH_GRADIENT = ("CG", "BFGS", "Newton-CG", "L-BFGS-B", "TNC", "SLSQP", "trust-constr")
METHODS = {name.lower(): name for name in (*_WITHOUT_GRADIENT, *_WITH_GRADIENT)}

# Steps of optax where `max_iter` says nothing.
DEFAULT_STEPS = 1000


@dataclass(frozen=True)
class ScipyMethod:
    """A method of `scipy.optimize.minimize`.

    Attributes:
        name: of the method, as SciPy writes it.
        options: for it.
        stated_slopes: whether it is Qiskit Machine Learning's default: see `Minimizer`.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    stated_slopes: bool = False

    @property
    def takes_gradient(self) -> bool:
        """Whether it asks for the gradient."""
        return self.name in _WITH_GRADIENT


@dataclass(frozen=True, eq=False)
class Minimizer:
    """A minimiser like SciPy's: `run(fun=, x0=, jac=)` -> a result with `x`.

    Attributes:
        run: the function.
        owner: the optimizer whose method it is, else None.
        stated_slopes: such optimizers are told the slopes that Qiskit Machine Learning states of
            its losses, so that they take the steps that they take there.
    """

    run: Callable[..., Any]
    owner: Any = None
    stated_slopes: bool = True


@dataclass(frozen=True, eq=False)
class Steps:
    """A transformation of optax's, or with settings a function that makes one of them."""

    optimizer: Any
    settings: Mapping[str, float | Array]
    stated_slopes: bool = False


Way = ScipyMethod | Minimizer | Steps


def as_way(optimizer: object, learning_rate: object, max_iter: int | None) -> Way:
    """How weights are trained.

    Args:
        optimizer: None for SLSQP; the name of a method of SciPy's; a transformation of optax's or
            a function that makes one of a learning rate; an object with `minimize(fun, x0, jac)`,
            as Qiskit Machine Learning has them, or such a function.
        learning_rate: a number, or a schedule of optax's, for the function that makes a
            transformation.
        max_iter: the most iterations of SciPy's methods; None for their own number.

    Raises:
        ValueError: for a name that is not known, or a learning rate that nothing takes.
        TypeError: for what is no optimizer.
    """
    if max_iter is not None:
        max_iter = as_whole(max_iter, "max_iter", 1)
    if learning_rate is not None:
        return _of_learning_rate(optimizer, learning_rate)
    if optimizer is None:
        return replace(_method("SLSQP", max_iter), stated_slopes=True)
    if isinstance(optimizer, str):
        if optimizer.lower() not in METHODS:
            raise ValueError(
                f"optimizer: expected one of {sorted(METHODS.values())}, or a transformation of "
                f"optax's, such as optax.adam(0.01), got {optimizer!r}"
            )
        return _method(METHODS[optimizer.lower()], max_iter)
    if isinstance(optimizer, type) or not _is_optimizer(optimizer):
        raise TypeError(
            "optimizer: expected None, the name of a method of scipy.optimize.minimize, a "
            "transformation of optax's, or an object with `minimize`, got "
            f"{optimizer!r}"
        )
    if isinstance(optimizer, Transformation):
        return Steps(optimizer, {})
    minimize = getattr(optimizer, "minimize", None)
    if callable(minimize):
        return _minimizer(minimize, optimizer, max_iter)
    return _of_function(optimizer, max_iter)


def _is_optimizer(optimizer: object) -> bool:
    minimize = getattr(optimizer, "minimize", None)
    return isinstance(optimizer, Transformation) or callable(minimize) or callable(optimizer)


def _of_learning_rate(optimizer: Any, learning_rate: Any) -> Steps:
    if not callable(optimizer) or isinstance(optimizer, (type, Transformation)):
        given = "a transformation" if isinstance(optimizer, Transformation) else repr(optimizer)
        raise ValueError(
            f"learning_rate: got {learning_rate!r} with optimizer={given}, which does not take it; "
            "expected a function that makes a transformation of it, such as optimizer=optax.adam"
        )
    if callable(learning_rate):  # a schedule of optax's
        return Steps(optimizer(learning_rate=learning_rate), {})
    number = as_real_numpy(learning_rate, "learning_rate")
    if number.ndim or not np.isfinite(number):
        raise ValueError(f"learning_rate: expected one finite number, got {learning_rate!r}")
    return Steps(optimizer, {"learning_rate": float(number)})


def _method(name: str, max_iter: int | None) -> ScipyMethod:
    limit = "maxfun" if name == "TNC" else "maxiter"
    return ScipyMethod(name, {} if max_iter is None else {limit: max_iter})


def _minimizer(minimize: Callable[..., Any], owner: Any, max_iter: int | None) -> Minimizer:
    if max_iter is not None:
        raise ValueError(
            f"max_iter: got {max_iter} with an optimizer that has its own limit "
            f"({type(owner or minimize).__name__}); leave max_iter out"
        )
    return Minimizer(minimize, owner)


def _of_function(function: Any, max_iter: int | None) -> Minimizer:
    names = inspect.signature(function).parameters
    if "learning_rate" in names and "x0" not in names:
        name = getattr(function, "__name__", type(function).__name__)
        raise ValueError(
            f"learning_rate: expected a number for optimizer={name}, or the transformation that it "
            f"makes, such as {name}(0.01)"
        )
    return _minimizer(function, None, max_iter)
