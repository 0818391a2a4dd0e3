"""Floor 3. Whether a neural network in JAX has what the connector needs of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from qjax import Network  # torch functions need no qjax, and wait for no Qiskit

_HERE = frozenset({"EstimatorQNN", "SamplerQNN", "TwoLayerQNN", "OpflowQNN", "CircuitQNN"})


def has_input_gradients(network: Network) -> bool:
    """Whether gradients flow to the inputs: as the network says, or else they do."""
    return bool(getattr(network, "input_gradients", True))


def needs_key(network: Network) -> bool:
    """Whether the network's outputs are drawn, so that its `apply` takes a key."""
    return bool(getattr(network, "needs_key", False))


def output_shape_of(network: Network) -> tuple[int, ...]:
    """The shape of the output for one input vector, as a tuple."""
    shape = network.output_shape
    return tuple(map(int, shape)) if isinstance(shape, (tuple, list)) else (int(shape),)


def check_network(network: Any) -> None:
    """Require an object with what a `qjax.Network` needs.

    Raises:
        TypeError: for a class, and for an object that lacks an attribute, which it names, or whose
            `apply` is no function.
        ValueError: for sizes that are no whole numbers, or below 0.
    """
    if isinstance(network, type):
        raise TypeError(
            f"expected a neural network, got the class {network.__name__}: make one of it, "
            f"{network.__name__}(...){_way_from_qiskit_ml(network)}"
        )
    needed = ("apply", "num_inputs", "num_weights", "output_shape")
    missing = [name for name in needed if getattr(network, name, None) is None]
    if missing:
        raise TypeError(
            f"a neural network needs {', '.join(needed)}; "
            f"{type(network).__name__} lacks {', '.join(missing)}"
            + _way_from_qiskit_ml(type(network))
        )
    if not callable(network.apply):
        raise TypeError(f"{type(network).__name__}.apply is no function")
    shape = network.output_shape
    _check_sizes(network, "num_inputs", (network.num_inputs,))
    _check_sizes(network, "num_weights", (network.num_weights,))
    _check_sizes(network, "output_shape", shape if isinstance(shape, (tuple, list)) else (shape,))


def _check_sizes(network: object, name: str, sizes: Iterable[object]) -> None:
    """As `qjax.evaluate` takes them: functions of torch need no `qjax`."""
    for size in sizes:
        whole = isinstance(size, (int, np.integer)) and not isinstance(size, (bool, np.timedelta64))
        if not whole or size < 0:  # type: ignore[operator]
            raise ValueError(
                f"{type(network).__name__}.{name}: expected a whole number of at least 0"
                f"{', or a tuple of them' * (name == 'output_shape')}, got {size!r}"
            )


def _way_from_qiskit_ml(kind: type) -> str:
    """What to say of one of Qiskit ML's networks, which are told by their module's name."""
    for base in kind.__mro__:
        if (
            base.__module__.partition(".")[0] == "qiskit_machine_learning"
            and base.__name__ in _HERE
        ):
            return f". It is one of Qiskit Machine Learning's: use qjax.{base.__name__}"
    return ""
