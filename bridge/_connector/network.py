"""Floor 3. Whether a neural network in JAX has what the connector needs of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qjax import Network  # torch functions need no qjax, and wait for no Qiskit

_HERE = frozenset({"EstimatorQNN", "SamplerQNN", "TwoLayerQNN", "OpflowQNN", "CircuitQNN"})


def has_input_gradients(network: Network) -> bool:
    """Whether gradients flow to the inputs: as the network says, or else they do."""
    return bool(getattr(network, "input_gradients", True))


def output_shape_of(network: Network) -> tuple[int, ...]:
    """The shape of the output for one input vector, as a tuple."""
    shape = network.output_shape
    return (shape,) if isinstance(shape, int) else tuple(shape)


def check_network(network: Any) -> None:
    """Require an object with what a `qjax.Network` needs.

    Raises:
        TypeError: for a class, and for an object that lacks an attribute, which it names.
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


def _way_from_qiskit_ml(kind: type) -> str:
    """What to say of one of Qiskit ML's networks, which are told by their module's name."""
    for base in kind.__mro__:
        if (
            base.__module__.partition(".")[0] == "qiskit_machine_learning"
            and base.__name__ in _HERE
        ):
            return f". It is one of Qiskit Machine Learning's: use qjax.{base.__name__}"
    return ""
