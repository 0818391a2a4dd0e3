"""Floor 3. Neural network in JAX -> torch.nn.Module."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import jax
import jax.numpy as jnp
import numpy as np
import torch
from jaxtyping import Float, Shaped

from bridge._connector.numbers import as_weights, check_real
from bridge._connector.weights import (
    WHOLE,
    WeightTree,
    as_leaves,
    parameter,
    refuse_other_form,
    register,
    weight_tree,
)
from bridge._dlpack import FLOATS, check_form
from bridge._jax2torch import TorchFunction
from bridge._process import check_process

if TYPE_CHECKING:
    from qjax import Network  # torch functions need no qjax, and wait for no Qiskit

_HALF_DTYPES = frozenset({torch.float16, torch.bfloat16})
_HERE = frozenset({"EstimatorQNN", "SamplerQNN", "TwoLayerQNN", "OpflowQNN", "CircuitQNN"})
_FIXED = frozenset({"neural_network", "sparse", "weight_tree"})
_RANKS = {torch.float16: 0, torch.bfloat16: 0, torch.float32: 1, torch.float64: 2}


class TorchConnector(torch.nn.Module):
    """A JAX neural network as a torch module, whose parameter `weight` holds all weights.

    A network whose weights are a tree has a parameter for each leaf instead, under the leaf's path:
    `{"angles": ..., "layers": [...]}` gives `weights.angles` and `weights.layers.0`, in attributes
    and in the state dict, and no `weight`; `weight_tree` has them as the tree. (A tree of one array
    alone has `weight`, of its shape.)

    Inputs `(*batch, num_inputs)` give outputs `(*batch, *output_shape)`; a 1-D input gives the
    output of one sample.

    The network computes in the dtype that torch promotes inputs and weights to, in double on a
    `.double()` module whatever JAX's flag says. float16 and bfloat16 are computed in float32, and
    the output has the dtype of half-precision inputs. Integer inputs take the weights' dtype.
    Samples for which an angle has no value (arccos(2)), or all amplitudes are 0, give NaN.

    Args:
        neural_network: a QNN of `qjax`, or any object with `apply`, `num_inputs`, `num_weights`
            and `output_shape`: see `qjax.Network`.
        initial_weights: `(num_weights,)` real numbers, kept in torch's default dtype; or a tree of
            them. Without them torch draws uniform in [-1, 1), so `torch.manual_seed` decides.
        sparse: whether outputs are sparse COO tensors; None takes the network's own setting.

    Raises:
        ValueError: weights of another shape or structure, or not finite; `sparse=True` on a dense
            network; leaves whose names torch does not allow.
        TypeError: weights that are no real numbers, or a network without the attributes above.
    """

    weight: torch.nn.Parameter

    def __init__(
        self,
        neural_network: Network,
        initial_weights: Any = None,
        sparse: bool | None = None,
    ) -> None:
        super().__init__()
        check_process()
        _check_network(neural_network)
        self._neural_network = neural_network
        self._sparse = _choose_sparse(neural_network, sparse)
        self._num_inputs = neural_network.num_inputs
        tree = weight_tree(neural_network)
        self._flat = tree is None
        self._names = (WHOLE,) if tree is None else tree.names
        self._functions = _as_torch_functions(neural_network, len(self._names))
        register(self, self._names, _initial(neural_network.num_weights, tree, initial_weights))
        if self._flat:
            self.register_load_state_dict_pre_hook(_accept_alias)
        self.register_load_state_dict_pre_hook(refuse_other_form)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError as error:
            if name != WHOLE or vars(self).get("_flat", True):
                raise
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {name!r}: {self._has_a_tree()}",
                name=name,
                obj=self,
            ) from error

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _FIXED:
            raise AttributeError(
                f"{name}: a connector keeps what it was made with. Make another one, "
                "TorchConnector(network, initial_weights, sparse)",
                name=name,
                obj=self,
            )
        if name == WHOLE and not self._flat:
            raise AttributeError(f"{name}: {self._has_a_tree()}", name=name, obj=self)
        super().__setattr__(name, value)

    def _has_a_tree(self) -> str:
        return (
            "this network's weights are a tree; its parameters are "
            f"{', '.join(self._names)}, and weight_tree has them as the tree"
        )

    @property
    def neural_network(self) -> Network:
        """The network underneath."""
        return self._neural_network

    @property
    def weight_tree(self) -> Any:
        """The parameters, as the tree that the network's weights are."""
        leaves = self._leaves()
        tree = weight_tree(self._neural_network)
        return leaves[0] if tree is None else jax.tree.unflatten(tree.tree, leaves)

    @property
    def sparse(self) -> bool:
        """Whether outputs are sparse COO tensors."""
        return self._sparse

    def _leaves(self) -> list[torch.Tensor]:
        return [parameter(self, name) for name in self._names]

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
            TypeError: inputs that are no tensor, boolean, complex, sparse, nested, masked,
                quantized or of less than 16 bits.
        """
        weights = (self.weight,) if self._flat else tuple(self._leaves())
        inputs = weights[0].new_zeros(0) if input_data is None else input_data
        _check_inputs(inputs, self._num_inputs)
        computed, returned = _choose_dtypes(inputs, weights)
        cast = tuple(weight.to(computed) for weight in weights)
        function = self._functions[_has_input_gradients(self._neural_network)]
        output = function(cast[0] if self._flat else cast, inputs.to(computed))
        if output.is_floating_point():
            output = output.to(returned)
        return output.to_sparse() if self._sparse else output


@dataclass(frozen=True)
class _Application:
    """The network's function. Its output's shape is checked when it is traced, not per call."""

    network: Network

    def __call__(self, weights: jax.Array | tuple[jax.Array, ...], inputs: jax.Array) -> jax.Array:
        expected = inputs.shape[:-1] + _shape(self.network)
        if 0 in inputs.shape[:-1]:
            return jnp.zeros(expected, inputs.dtype)
        given: Any = weights
        if isinstance(weights, tuple):  # which torch can record, unlike other containers
            tree = jax.tree.structure(self.network.weight_structure)  # type: ignore[attr-defined]
            given = jax.tree.unflatten(tree, weights)
        outputs = jnp.asarray(self.network.apply(given, inputs))
        if outputs.shape != expected:
            raise ValueError(
                f"{type(self.network).__name__}.apply returned shape {outputs.shape} for inputs of "
                f"shape {inputs.shape}, expected {expected}: (*batch, *output_shape)"
            )
        return outputs


def _as_torch_functions(network: Network, num_leaves: int) -> tuple[TorchFunction, TorchFunction]:
    """The network's function on tensors, without and with gradients in the inputs.

    Equal networks share one, and what it has compiled. It dies with the last connector, but for a
    few that were made last: networks that are built anew for each trial compile nothing anew.
    """
    application = _Application(network)
    make: Callable[..., TorchFunction] = _shared_function
    try:
        hash(application)
    except TypeError:
        make = TorchFunction
    return make(application, (num_leaves,)), make(application, ())


_living: WeakValueDictionary[tuple[_Application, tuple[int, ...]], TorchFunction]
_living = WeakValueDictionary()


@functools.lru_cache(maxsize=32)
def _shared_function(application: _Application, blocked: tuple[int, ...]) -> TorchFunction:
    return _living.setdefault((application, blocked), TorchFunction(application, blocked))


def _has_input_gradients(network: Network) -> bool:
    return bool(getattr(network, "input_gradients", True))


def _shape(network: Network) -> tuple[int, ...]:
    shape = network.output_shape
    return (shape,) if isinstance(shape, int) else tuple(shape)


def _check_network(network: Any) -> None:
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
    for each in kind.__mro__:
        if (
            each.__module__.partition(".")[0] == "qiskit_machine_learning"
            and each.__name__ in _HERE
        ):
            return f". It is one of Qiskit Machine Learning's: use qjax.{each.__name__}"
    return ""


def _initial(length: int, tree: WeightTree | None, values: Any) -> list[torch.Tensor]:
    """What the parameters are at first."""
    if values is None:
        drawn = torch.empty(length).uniform_(-1, 1)
        return [drawn] if tree is None else tree.split(drawn)
    if tree is None:
        return [as_weights(values, (length,), "initial_weights")]
    return as_leaves(tree, values, as_weights, "initial_weights")


def _choose_sparse(network: Network, sparse: bool | None) -> bool:
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


def _choose_dtypes(
    inputs: torch.Tensor, weights: tuple[torch.Tensor, ...]
) -> tuple[torch.dtype, torch.dtype]:
    """The dtypes to compute in and to return."""
    widest = weights[0].dtype
    for weight in weights:
        if weight.dtype not in FLOATS:
            raise TypeError(
                f"the weights must be real numbers of 16 bits or more, got {weight.dtype}: convert "
                "the module to a real dtype, for instance by .float()"
            )
        widest = _promote(widest, weight.dtype)
    promoted = _promote(inputs.dtype, widest) if inputs.is_floating_point() else widest
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
