"""Floor 8. A network that was read from a file: a compiled program, and what is known of it."""

from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass, field
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float

from qjax._base import tuning
from qjax._base.arrays import Numbers, as_real, check_key, common_dtype
from qjax._base.process import check_process
from qjax._base.store import kept
from qjax._base.weight_tree import WeightStructure, as_vector, compiled_split
from qjax._networks.data import check_sizes, finished, prepared, weight_jacobian
from qjax._networks.parameter_roles import weight_names

# Fields that say nothing of the program.
_SETTINGS = ("input_gradients", "sparse")

# What JAX says of programs that were exported, and what to do.
_REMEDIES = {
    "Batching rule": "a saved network has no vmap; give inputs leading axes, of shape "
    "(..., num_inputs), and call it once for each set of weights, or in jax.lax.map",
    "forward-mode": "a saved network has no forward mode (jvp, jacfwd, hessian); use jax.grad or "
    "jax.vjp, which vjp_order allows so many times, or network.backward for Jacobians",
}


@dataclass(frozen=True, kw_only=True)
class Description:
    """What is saved beside the program.

    Attributes:
        num_inputs, num_weights, output_shape: as of the network that was exported.
        dtype: what it computes in, "float32" or "float64".
        batch_size: how many samples the program takes at once; `apply` takes any number.
        platforms: what it runs on: "cpu", "cuda", "rocm", "tpu".
        vjp_order: how often it can be differentiated in reverse mode.
        input_params, weight_params: the names of inputs and weights, where the network had them.
        input_gradients, sparse: the settings that the torch bridge looks at.
        num_qubits: that are simulated at once, where there was a circuit.
        versions: of qjax and JAX, when it was exported.
    """

    num_inputs: int
    num_weights: int
    output_shape: tuple[int, ...]
    dtype: str
    batch_size: int
    platforms: tuple[str, ...]
    vjp_order: int
    input_params: tuple[str, ...] = field(repr=False)
    weight_params: tuple[str, ...] = field(repr=False)
    input_gradients: bool
    sparse: bool
    num_qubits: int | None
    versions: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class _Held(Description):
    """What a saved network is made of."""

    structure: WeightStructure | None = field(default=None, repr=False)
    digest: str = field(repr=False)
    program: Callable[..., Array] = field(compare=False, repr=False)


class SavedNetwork(_Held):
    """A network that `load` read: a pure function, compiled without circuit, Qiskit or planning.

    Immutable, hashable and equal by content; pickled as the bytes of its file. With other settings
    for the torch bridge it is `dataclasses.replace(network, input_gradients=True)`. For
    `TorchConnector` and `evaluate` like any other network.

    Attributes:
        structure: of the weights, where they are a tree and not one vector.
        digest: tells contents apart.
        program: (weights, inputs) -> outputs; weights are a vector, or a tuple of leaves.
    """

    def __setattr__(self, name: str, value: object) -> None:
        remedy = (
            f"Make another one: dataclasses.replace(network, {name}={value!r})"
            if name in _SETTINGS
            else "Export another one"
        )
        raise FrozenInstanceError(f"{name}: saved networks do not change. {remedy}")

    @property
    def weight_structure(self) -> Any:
        """As of the network that was exported; places in the vector, where it had no names."""
        names = self.weight_params or range(self.num_weights)
        return weight_names(names, self.structure)

    def init(self, key: Array) -> Any:
        """Random weights, as `NeuralNetwork.init`."""
        check_process()
        check_key(key)
        vector = jax.random.uniform(key, (self.num_weights,), minval=-1, maxval=1)
        return vector if self.structure is None else compiled_split(self.structure)(vector)

    def apply(
        self, weights: Any, inputs: Numbers | None = None
    ) -> Float[Array, "*batch_and_outputs"]:
        """The network as a pure JAX function, as `NeuralNetwork.apply`.

        Computes in the network's own dtype, in blocks of `batch_size` samples; the last one is
        filled up. Works under `jit`, and under `grad` and `vjp` up to `vjp_order` times; there is
        no forward mode (`jvp`, `jacfwd`, `hessian`) and no `vmap` (`jacrev` is one of `vjp`), which
        leading axes of `inputs` replace.

        Args:
            weights: real, shape `(num_weights,)`, angles in radians; or the tree that the network
                was exported with.
            inputs: real, shape `(..., num_inputs)`; leading axes are kept. Left out or None where
                there are none.

        Returns:
            shape `(..., *output_shape)`.

        Raises:
            ValueError: for a wrong number of weights or inputs, or another tree.
            TypeError: for data of a wider dtype than the network's, or that are not real; for a
                network in double while JAX computes in single; under `vmap` and in forward mode.
        """
        check_process()
        leaves = None if self.structure is None else self.structure.leaves(weights)
        given = (as_vector(as_real, weights),) if leaves is None else leaves
        vector = given[0] if leaves is None else None
        inputs = as_real(() if inputs is None else inputs, "inputs")
        check_sizes(self, self.structure, vector, inputs, "apply(weights, inputs)")
        self._check_dtype(common_dtype(*given, inputs))
        self._check_mode()
        cast = given if vector is None else vector.astype(self.dtype)
        try:
            return self.program(cast, inputs.astype(self.dtype))
        except (NotImplementedError, TypeError) as error:
            for words, remedy in _REMEDIES.items():
                if words in str(error):
                    raise TypeError(f"apply: {remedy}") from error
            raise

    def forward(self, input_data: Numbers | None, weights: Any) -> Any:
        """The outputs on NumPy data, as `NeuralNetwork.forward`, in the network's own dtype.

        Args:
            input_data: shape `(..., num_inputs)`; a vector is a batch of one.
            weights: shape `(num_weights,)`, or a tree.

        Returns:
            array of shape `(*batch, *output_shape)`; a `scipy.sparse.coo_array` if `sparse`.

        Raises:
            ValueError: for a wrong number of weights or inputs, for NaN and infinity.
            TypeError: for arrays of a wider dtype than the network's, or values that are not real.
        """
        inputs, vector, batch = self._prepared(input_data, weights)
        with jax.enable_x64(self.dtype == "float64"):
            values = np.asarray(self.program(vector, inputs))
        return finished(values.reshape(*batch, *self.output_shape), self.sparse)

    def backward(self, input_data: Numbers | None, weights: Any) -> tuple:
        """The Jacobians of `forward`, as `NeuralNetwork.backward`; arguments and errors as there.

        Computed in reverse mode, sample by sample and output by output: each takes as long as a
        whole block of `batch_size` samples.

        Raises:
            ValueError: also for a network that was exported with `vjp_order=0`.
        """
        inputs, vector, batch = self._prepared(input_data, weights)
        with_inputs = self.input_gradients and self.num_inputs > 0
        if not with_inputs and self.num_weights == 0:
            return None, None
        if self.vjp_order < 1:
            raise ValueError(
                "backward: the network was exported with vjp_order=0, without derivatives; export "
                "it with vjp_order=1"
            )
        with jax.enable_x64(self.dtype == "float64"):
            jacobians = _compiled_jacobians(self, with_inputs)(vector, inputs)
            by_weight, by_input = (
                np.asarray(jacobian).reshape(*batch, *self.output_shape, jacobian.shape[-1])
                for jacobian in jacobians
            )
        input_grad = finished(by_input, self.sparse) if with_inputs else None
        if not self.num_weights:
            return input_grad, None
        return input_grad, weight_jacobian(self.structure, weights, by_weight, self.sparse)

    def _prepared(
        self, input_data: Any, weights: Any
    ) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
        inputs, vector, batch = prepared(self, None, self.structure, input_data, weights)
        for leaf in jax.tree.leaves((input_data, weights)):
            # Lists of numbers have no dtype that would get lost.
            if isinstance(leaf, (np.ndarray, jax.Array)) and jnp.issubdtype(
                leaf.dtype, np.floating
            ):
                self._check_dtype(leaf.dtype)
        return inputs.astype(self.dtype), vector.astype(self.dtype), batch

    def _check_dtype(self, given: np.dtype) -> None:
        if given.itemsize > np.dtype(self.dtype).itemsize:
            raise TypeError(
                f"got {given} data for a network that was exported in {self.dtype}; cast the data "
                f"(`astype`), or export with dtype={given}"
            )

    def _check_mode(self) -> None:
        if jax.dtypes.canonicalize_dtype(self.dtype) != self.dtype:
            raise TypeError(
                f"the network was exported in {self.dtype} while JAX computes in single: call it "
                "inside `with jax.enable_x64(True):`, or export with dtype=float32"
            )


@kept(tuning.DERIVATIVES_BYTES)
def _compiled_jacobians(
    network: SavedNetwork, with_inputs: bool
) -> Callable[..., tuple[Array, ...]]:
    """(weights, inputs of shape (batch, num_inputs)) -> Jacobians per sample, weights' first."""
    size = prod(network.output_shape)

    def of_sample(weights: Array, row: Array) -> tuple[Array, Array]:
        values, pull_back = jax.vjp(network.program, weights, row)
        basis = jnp.eye(size, dtype=values.dtype).reshape(size, *values.shape)
        by_weight, by_input = lax.map(pull_back, basis)
        return by_weight, by_input if with_inputs else by_input[:, :0]

    return jax.jit(lambda weights, inputs: lax.map(lambda row: of_sample(weights, row), inputs))
