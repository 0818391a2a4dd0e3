"""Floor 4. Neural network in JAX -> torch.nn.Module."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
import torch
from jaxtyping import Float, Shaped

from bridge._dlpack import check_form
from bridge._function import TorchFunction
from bridge._numbers import FLOATS, as_weights, check_real
from bridge._process import check_process

_HALF_DTYPES = frozenset({torch.float16, torch.bfloat16})
_RANKS = {torch.float16: 0, torch.bfloat16: 0, torch.float32: 1, torch.float64: 2}


class NeuralNetwork(Protocol):
    """What the connector needs of a network: its sizes and one pure JAX function.

    Optional attributes: `sparse` (bool, default of the connector's `sparse`) and
    `input_gradients` (bool; False keeps gradients from flowing to the inputs).
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
        weights: Float[jax.Array, " num_weights"],
        inputs: Float[jax.Array, "*batch num_inputs"],
    ) -> Float[jax.Array, "*batch *output_shape"]:
        """The network's pure function; inputs keep their leading batch axes."""


class TorchConnector(torch.nn.Module):
    """A JAX neural network as a torch module with one parameter, `weight`.

    Inputs `(*batch, num_inputs)` give outputs `(*batch, *output_shape)`; a 1-D input gives the
    output of one sample.

    The network computes in the dtype that torch promotes inputs and weights to, in double on a
    `.double()` module whatever JAX's flag says. float16 and bfloat16 are computed in float32, and
    the output has the dtype of half-precision inputs. Integer inputs take the weights' dtype.

    Args:
        neural_network: a QNN of `qjax`, or any object with `apply`, `num_inputs`, `num_weights`
            and `output_shape`.
        initial_weights: `(num_weights,)` real numbers of any dtype, kept in torch's default one.
            Without them torch draws uniform in [-1, 1), so `torch.manual_seed` decides.
        sparse: whether outputs are sparse COO tensors; None takes the network's own setting.

    Raises:
        ValueError: weights of another shape, or not finite; `sparse=True` on a dense network.
        TypeError: weights that are no real numbers, or have a mask; a network without the
            attributes above, or the class of one.
    """

    weight: torch.nn.Parameter

    def __init__(
        self,
        neural_network: NeuralNetwork,
        initial_weights: np.ndarray | torch.Tensor | Sequence[float] | None = None,
        sparse: bool | None = None,
    ) -> None:
        super().__init__()
        check_process()
        _check_network(neural_network)
        self._neural_network = neural_network
        self._sparse = _choose_sparse(neural_network, sparse)
        self._num_inputs = neural_network.num_inputs
        self._function = _as_torch_function(neural_network)
        self.weight = torch.nn.Parameter(
            torch.empty(neural_network.num_weights).uniform_(-1, 1)
            if initial_weights is None
            else as_weights(initial_weights, neural_network.num_weights)
        )
        self.register_load_state_dict_pre_hook(_accept_alias)

    @property
    def neural_network(self) -> NeuralNetwork:
        """The network underneath."""
        return self._neural_network

    @property
    def sparse(self) -> bool:
        """Whether outputs are sparse COO tensors."""
        return self._sparse

    def extra_repr(self) -> str:
        """The network's name and sizes."""
        network = self._neural_network
        return (
            f"{type(network).__name__}, num_inputs={network.num_inputs}, "
            f"num_weights={network.num_weights}, output_shape={_shape(network)}, "
            f"sparse={self._sparse}, input_gradients={_has_input_gradients(network)}"
        )

    def forward(
        self, input_data: Shaped[torch.Tensor, "*batch num_inputs"] | None = None
    ) -> Float[torch.Tensor, "*batch *output_shape"]:
        """The network's outputs.

        Args:
            input_data: angles, `(*batch, num_inputs)`, real; may be left out when the network has
                no inputs.

        Returns:
            `(*batch, *output_shape)`.

        Raises:
            ValueError: the last dimension is not `num_inputs`.
            TypeError: inputs that are no tensor, complex, sparse, nested, masked, quantized or of
                less than 16 bits.
        """
        weight = self.weight
        inputs = weight.new_zeros(0) if input_data is None else input_data
        _check_inputs(inputs, self._num_inputs)
        computed, returned = _choose_dtypes(inputs, weight)
        output = self._function(weight.to(computed), inputs.to(computed))
        if output.is_floating_point():
            output = output.to(returned)
        return output.to_sparse() if self._sparse else output


@dataclass(frozen=True)
class _Application:
    """The network's function. Its output's shape is checked when it is traced, not per call."""

    network: NeuralNetwork

    def __call__(self, weights: jax.Array, inputs: jax.Array) -> jax.Array:
        expected = inputs.shape[:-1] + _shape(self.network)
        if 0 in inputs.shape[:-1]:
            return jnp.zeros(expected, weights.dtype)
        outputs = jnp.asarray(self.network.apply(weights, inputs))
        if outputs.shape != expected:
            raise ValueError(
                f"{type(self.network).__name__}.apply returned shape {outputs.shape} for inputs of "
                f"shape {inputs.shape}, expected {expected}: (*batch, *output_shape)"
            )
        return outputs


def _as_torch_function(network: NeuralNetwork) -> TorchFunction:
    """The network's function on tensors; equal networks share one, and what it has compiled."""
    application = _Application(network)
    blocked = () if _has_input_gradients(network) else (1,)
    try:
        hash(application)
    except TypeError:
        return TorchFunction(application, blocked)
    return _shared_function(application, blocked)


_shared_function = functools.lru_cache(maxsize=64)(TorchFunction)


def _has_input_gradients(network: NeuralNetwork) -> bool:
    return getattr(network, "input_gradients", True)


def _shape(network: NeuralNetwork) -> tuple[int, ...]:
    shape = network.output_shape
    return (shape,) if isinstance(shape, int) else tuple(shape)


def _check_network(network: Any) -> None:
    if isinstance(network, type):
        raise TypeError(
            f"expected a neural network, got the class {network.__name__}: make one of it, "
            f"{network.__name__}(...)"
        )
    needed = ("apply", "num_inputs", "num_weights", "output_shape")
    missing = [name for name in needed if getattr(network, name, None) is None]
    if missing:
        raise TypeError(
            f"a neural network needs {', '.join(needed)}; "
            f"{type(network).__name__} lacks {', '.join(missing)}"
        )


def _choose_sparse(network: NeuralNetwork, sparse: bool | None) -> bool:
    if not isinstance(sparse, (bool, np.bool_, type(None))):
        raise TypeError(f"sparse must be True, False or None, got {sparse!r}")
    own = getattr(network, "sparse", None)
    if sparse is None:
        return bool(own)
    if sparse and own is False:
        raise ValueError(
            f"sparse=True needs a sparse network, got a {type(network).__name__} with "
            "sparse=False: build the network with sparse=True, or call to_sparse() on the output"
        )
    return bool(sparse)


def _check_inputs(inputs: Any, length: int) -> None:
    if not isinstance(inputs, torch.Tensor):
        raise TypeError(
            f"the input must be a tensor, got {type(inputs).__name__}: use torch.as_tensor"
        )
    check_form(inputs, "the input")
    check_real(inputs, "the input")
    if inputs.ndim == 0 or inputs.shape[-1] != length:
        raise ValueError(
            f"the input has shape {tuple(inputs.shape)}, expected (*batch, {length}): "
            "the last dimension is the network's num_inputs"
        )


def _choose_dtypes(inputs: torch.Tensor, weight: torch.Tensor) -> tuple[torch.dtype, torch.dtype]:
    """The dtypes to compute in and to return."""
    if weight.dtype not in FLOATS:
        raise TypeError(
            f"the weights must be real numbers of 16 bits or more, got {weight.dtype}: convert the "
            "module to a real dtype, for instance by .float()"
        )
    promoted = _promote(inputs.dtype, weight.dtype) if inputs.is_floating_point() else weight.dtype
    computed = torch.float32 if promoted in _HALF_DTYPES else promoted
    return computed, inputs.dtype if inputs.dtype in _HALF_DTYPES else promoted


def _promote(first: torch.dtype, second: torch.dtype) -> torch.dtype:
    """torch.promote_types, which torch.export would record as an operation."""
    if first != second and _RANKS[first] == _RANKS[second]:
        return torch.float32
    return max(first, second, key=_RANKS.__getitem__)


def _accept_alias(
    module: torch.nn.Module,
    state_dict: dict[str, Any],
    prefix: str,
    local_metadata: Any,
    strict: bool,
    missing_keys: list[str],
    unexpected_keys: list[str],
    error_msgs: list[str],
) -> None:
    """Qiskit Machine Learning saves the weights twice, as `weight` and as `_weights`."""
    del module, local_metadata, strict, missing_keys, unexpected_keys
    alias = state_dict.pop(prefix + "_weights", None)
    if alias is None:
        return
    weight = state_dict.setdefault(prefix + "weight", alias)
    if not torch.equal(weight, alias):
        error_msgs.append(
            f"the checkpoint's {prefix}weight and {prefix}_weights differ, expected two copies of "
            "the same tensor: delete the wrong one"
        )
