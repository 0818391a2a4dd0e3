"""Floor 8. What evaluation, saving and torch need of a network."""

from typing import Protocol, runtime_checkable

from jax import Array
from jaxtyping import Float

from qjax._base.options import as_whole

# Networks of Qiskit Machine Learning that have namesakes here.
_HERE = ("EstimatorQNN", "SamplerQNN", "TwoLayerQNN", "OpflowQNN", "CircuitQNN")

_NEEDED = ("apply", "num_inputs", "num_weights", "output_shape")


@runtime_checkable
class Network(Protocol):
    """What a network is to `evaluate`, `export` and `bridge.TorchConnector`: sizes and a function.

    All networks of `qjax` are such, and so is any object with the four attributes below, for
    instance a frozen dataclass around a pure JAX function; nothing has to be inherited. A frozen,
    hashable one is compiled once for all calls and connectors.

    `evaluate` and `export` need those four, and `TorchConnector` needs no more. These are read
    where an object has them:

    - `weight_structure`: a pytree of arrays, or of `jax.ShapeDtypeStruct`. Then `apply` takes
      weights of that structure, and `num_weights` counts the components of all leaves. Evaluation,
      saving and the connector follow it, and take one vector of all components too.
    - `input_gradients`: a bool; False keeps the connector's gradients from flowing to the inputs.
      Without it they flow.
    - `sparse`: a bool, the default of the connector's `sparse`; without it False.
    - `input_params`, `weight_params`: sequences of names, for messages of `evaluate`, and for the
      file that `export` writes; without them there are no names.
    - `num_simulated`: how many qubits `apply` simulates at once, for the size of the blocks in
      which `evaluate` computes; without it a few kilobytes per sample are assumed.
    - `padded_batch`: a function, from the size of a batch to how many samples the connector fills
      it up to, by repeating the last one, so that batches of many sizes share a compiled program.
      Without it none is filled up.

    - `needs_key`: a bool; True says that outputs are drawn, and that `apply` takes a JAX random key
      as `key=`. `evaluate` then takes one too, and the connector draws one from torch's generator
      for each call.

    It is for type checkers; `isinstance(network, qjax.Network)` only asks whether an object has the
    four attributes, whatever they are, and classes have them too. What takes a network checks more,
    and says what is wrong.
    """

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
        self,
        weights: Float[Array, " num_weights"],
        inputs: Float[Array, "*batch num_inputs"],
    ) -> Float[Array, "*batch_and_outputs"]:
        """The pure function: differentiable JAX, which keeps the leading batch axes of inputs."""


def check_network(network: object, what: str = "network") -> None:
    """Require those attributes, of an instance.

    Args:
        network: what was given.
        what: how the caller calls it.

    Raises:
        TypeError: says which are missing or of another type.
        ValueError: for sizes below 0.
    """
    if isinstance(network, type):
        raise TypeError(
            f"{what}: got the class {network.__name__}; expected a network made of it, such as "
            f"{network.__name__}(circuit=..., ...){way_from_qiskit_ml(network)}"
        )
    if missing := [name for name in _NEEDED if not hasattr(network, name)]:
        raise TypeError(
            f"{what}: got {type(network).__name__}, which lacks {', '.join(missing)}; expected "
            f"a network with {', '.join(_NEEDED)}, such as qjax.EstimatorQNN"
            + way_from_qiskit_ml(network)
        )
    name = type(network).__name__
    if not callable(network.apply):  # type: ignore[attr-defined]
        raise TypeError(f"{what}: {name}.apply is no function")
    for size in ("num_inputs", "num_weights"):
        as_whole(getattr(network, size), f"{what}: {name}.{size}", 0)
    _check_shape(network.output_shape, f"{what}: {name}")  # type: ignore[attr-defined]


def _check_shape(shape: object, name: str) -> None:
    lengths = shape if isinstance(shape, (tuple, list)) else (shape,)
    for length in lengths:
        as_whole(length, f"{name}.output_shape, a number or a tuple of them", 0)


def way_from_qiskit_ml(given: object) -> str:
    """What an error message says of an object of Qiskit Machine Learning: the name here.

    Told by the module of its class, so that nothing is imported.
    """
    kind = given if isinstance(given, type) else type(given)
    for base in kind.__mro__:
        if (
            base.__module__.partition(".")[0] == "qiskit_machine_learning"
            and base.__name__ in _HERE
        ):
            return (
                f". It is one of Qiskit Machine Learning's: use qjax.{base.__name__}, which takes "
                "the same arguments (without a primitive it is exact)"
            )
    return ""


def output_shape_of(network: Network) -> tuple[int, ...]:
    """The output shape as a tuple."""
    shape = network.output_shape
    return tuple(map(int, shape)) if isinstance(shape, (tuple, list)) else (int(shape),)
