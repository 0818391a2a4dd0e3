"""Floor 0. What evaluation and saving need of a network."""

from typing import Protocol

from jax import Array
from jaxtyping import Float

_NEEDED = ("apply", "num_inputs", "num_weights", "output_shape")


class Network(Protocol):
    """A pure function of weights and inputs, and its sizes: every QNN of `qjax` is one."""

    @property
    def num_inputs(self) -> int:
        """Length of one input vector."""

    @property
    def num_weights(self) -> int:
        """Length of the weight vector."""

    @property
    def output_shape(self) -> int | tuple[int, ...]:
        """Shape of the output for one input vector."""

    def apply(
        self, weights: Float[Array, " weights"], inputs: Float[Array, "*batch inputs"]
    ) -> Float[Array, "*batch_and_outputs"]:
        """The pure function; inputs keep their leading batch axes."""


def check_network(network: object) -> None:
    """Require those attributes.

    Raises:
        TypeError: says which are missing.
    """
    if missing := [name for name in _NEEDED if not hasattr(network, name)]:
        raise TypeError(
            f"network: got {type(network).__name__}, which lacks {', '.join(missing)}; expected "
            f"a network with {', '.join(_NEEDED)}, such as qjax.EstimatorQNN"
        )


def output_shape_of(network: Network) -> tuple[int, ...]:
    """The output shape as a tuple."""
    shape = network.output_shape
    return (shape,) if isinstance(shape, int) else tuple(shape)
