"""Floor 3. Neural network in JAX -> torch.nn.Module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import numpy as np
import torch
from jaxtyping import Float, Shaped

from bridge._connector.application import as_torch_functions
from bridge._connector.inputs import check_inputs, choose_dtypes
from bridge._connector.network import (
    check_network,
    has_input_gradients,
    needs_key,
    output_shape_of,
)
from bridge._connector.numbers import as_weights
from bridge._connector.padding import filled_up
from bridge._connector.weights import (
    WHOLE,
    WeightTree,
    accept_alias,
    as_leaves,
    parameter,
    refuse_other_form,
    register,
    weight_tree,
)
from bridge._process import check_process

if TYPE_CHECKING:
    from qjax import Network

_FIXED = frozenset({"neural_network", "sparse", "weight_tree"})


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

    A network whose outputs are drawn (with `shots`) gets a key of torch's generator at each call,
    so `torch.manual_seed` makes a run reproducible, whatever loads its data. Under
    `torch.func.vmap`, `randomness="different"` or `"same"` says whether all share their draws.

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
        check_network(neural_network)
        self._neural_network = neural_network
        self._sparse = _choose_sparse(neural_network, sparse)
        self._num_inputs = int(neural_network.num_inputs)
        tree = weight_tree(neural_network)
        self._flat = tree is None
        self._names = (WHOLE,) if tree is None else tree.names
        self._functions = as_torch_functions(neural_network, len(self._names))
        register(
            self, self._names, _initial(int(neural_network.num_weights), tree, initial_weights)
        )
        if self._flat:
            self.register_load_state_dict_pre_hook(accept_alias)
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
            f"num_weights={network.num_weights}, output_shape={output_shape_of(network)}, "
            f"sparse={self._sparse}, input_gradients={has_input_gradients(network)}"
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
        check_inputs(inputs, self._num_inputs)
        computed, returned = choose_dtypes(inputs, weights)
        cast = tuple(weight.to(computed) for weight in weights)
        function = self._functions[has_input_gradients(self._neural_network)]
        words = _random_words(inputs.device) if needs_key(self._neural_network) else ()
        converted = inputs.to(computed)
        filled = filled_up(converted, self._neural_network)
        output = function(cast[0] if self._flat else cast, filled, *words)
        if filled is not converted:
            output = output[: len(inputs)]
        if output.is_floating_point():
            output = output.to(returned)
        return output.to_sparse() if self._sparse else output


def _random_words(device: torch.device) -> tuple[torch.Tensor]:
    """What a key is made of, from torch's own generator: `torch.manual_seed` decides."""
    ends = torch.iinfo(torch.int32)
    return (torch.randint(ends.min, ends.max, (2,), dtype=torch.int32).to(device),)


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
