"""Floor 8. What all networks share: apply, init, forward, backward."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar, Self

import jax
import numpy as np
from jax import Array
from jaxtyping import Float
from scipy.sparse import coo_array

from qjax._base.arrays import Numbers, as_real, common_dtype
from qjax._base.mesh import on_mesh, placed
from qjax._base.options import as_flag
from qjax._base.placement import automatic_placement_of
from qjax._base.process import check_process
from qjax._base.weight_tree import WeightStructure, as_vector, joined
from qjax._engine import (
    Model,
    check_simulated,
    compiled_jacobians,
    compiled_outputs,
)
from qjax._networks.data import (
    check_defined,
    check_sizes,
    filled_up,
    finished,
    prepared,
    weight_jacobian,
)
from qjax._networks.description import NetworkDescription
from qjax._networks.namesakes import register_namesakes
from qjax._networks.randomness import check_rule, exact_model, keys_for, keys_of_seed
from qjax._noise import NoiseModel, numbers_of, reduced
from qjax._remote import (
    Remote,
    moving_groups,
    remote_backward,
    remote_forward,
    remote_outputs,
    stencil_size,
)


class NeuralNetwork(NetworkDescription):
    """A quantum neural network: one pure function of weights and inputs, `apply`.

    Networks are immutable, hashable and equal by value, so they may be static arguments of `jit`;
    `replace` makes another one, with other arguments. A primitive is part of the value, as the
    object that it is.
    """

    # The class of Qiskit ML whose interface this one has.
    _namesake: ClassVar[str] = "NeuralNetwork"

    def __new__(cls, *_: object, **__: object) -> Self:
        """Make one, however it comes about: unpickled ones too.

        Qiskit ML's `EffectiveDimension` computes something else for networks of other classes than
        its own, hence all that are made are instances of their namesakes there.
        """
        register_namesakes(NeuralNetwork, "neural_networks")
        return super().__new__(cls)

    def __init__(
        self,
        model: Model,
        *,
        input_gradients: bool,
        sparse: bool = False,
        remote: Remote | None = None,
        structure: WeightStructure | None = None,
        noise: NoiseModel | None = None,
    ) -> None:
        self._model = model
        self._remote = remote
        self._structure = structure
        self._noise = noise
        self._input_gradients = as_flag(input_gradients, "input_gradients")
        self._sparse = as_flag(sparse, "sparse")

    def exact(self) -> Self:
        """The same network, simulated: weights mean the same, values and gradients are exact.

        Shots are left out, and density matrices, or pure states, take the place of runs.

        Raises:
            CircuitTooLargeError: for a network that cannot be simulated.
        """
        twin = self.__copy__()
        vars(twin)["_model"] = exact_model(self._model, self._noise)
        if self._remote is not None:
            check_simulated(self._model)
            vars(twin)["_remote"] = None
        return twin

    @property
    def input_gradients(self) -> bool:
        """Whether `backward` and the torch bridge differentiate in the inputs.

        The one attribute that can be set, as programs for Qiskit Machine Learning do: what the
        network computes does not depend on it.
        """
        return self._input_gradients

    @input_gradients.setter
    def input_gradients(self, value: bool) -> None:
        flag = as_flag(value, "input_gradients")
        if self._remote is not None:
            stencil_size(self._remote, moving_groups(self._remote, flag))  # is there a rule?
        check_rule(self._model, flag)
        vars(self)["_input_gradients"] = flag

    @property
    def sparse(self) -> bool:
        """Whether `forward` and `backward` return sparse arrays."""
        return self._sparse

    def _key(self) -> tuple:
        kind, settings = type(self), (self._input_gradients, self._sparse)
        noise = numbers_of(self._noise)
        return (kind, self._model, self._structure, *settings, self._remote, noise)

    def _implied(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        brings = isinstance(changes.get("circuit"), tuple)  # its inputs and weights
        return dict.fromkeys(("input_params", "weight_params")) if brings else {}

    def __hash__(self) -> int:
        # Without what can be set: a hash stays.
        return hash((type(self), self._model, self._structure, self._sparse, self._remote))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NeuralNetwork) and self._key() == other._key()

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(num_qubits={self.circuit.num_qubits}, "
            f"num_inputs={self.num_inputs}, num_weights={self.num_weights}, "
            f"output_shape={self.output_shape})"
        )

    def apply(
        self, weights: Any, inputs: Numbers | None = None, *, key: Array | None = None
    ) -> Float[Array, "*batch_and_outputs"]:
        """The network as a pure JAX function.

        Differentiable in both arguments to any order, whatever `input_gradients` says. Compiled
        once per network, shape and dtype; the batch is simulated in one pass. On a primitive, the
        batch is one pub, and values are as random as the primitive's.

        Args:
            weights: real, shape `(num_weights,)`, angles in radians; float32 gives float32
                results, float64 float64 ones (JAX's x64 flag permitting). None where there are
                none. For a network whose `weight_params` are a tree: that tree with numbers for
                parameters, of which the widest dtype counts; or the vector of all of them, in the
                order of `weight_params`.
            inputs: real, shape `(..., num_inputs)`; leading axes are kept. Left out or None where
                there are none.
            key: a JAX random key, for a network with `shots` or `Trajectories`; each sample has
                draws of its own. The same key gives the same draws.

        Returns:
            shape `(..., *output_shape)`.

        Raises:
            ValueError: for a wrong number of weights or inputs, or what is too large for memory;
                for a tree of another structure, or a leaf of another shape, which it names.
            TypeError: for values that are not real; for a missing key, and one that nothing is
                drawn with.
        """
        check_process()
        keys = keys_for(self._model, key, "apply")
        leaves = None if self._structure is None else self._structure.leaves(weights)
        given = (as_vector(as_real, weights),) if leaves is None else leaves
        vector = given[0] if leaves is None else None
        inputs = as_real(() if inputs is None else inputs, "inputs")
        check_sizes(self, self._structure, vector, inputs, "apply(weights, inputs)")
        check_defined(self._model, given, inputs, "inputs")
        dtype = common_dtype(*given, inputs)
        inputs = inputs.astype(dtype)
        cast = given if vector is None else vector.astype(dtype)
        if self._remote is not None:
            return _from_primitive(self._remote, joined(cast, dtype), inputs)
        run = compiled_outputs(self._model, automatic_placement_of(inputs))
        return run(cast, inputs, self.relevant_noise, *keys)

    def forward(
        self, input_data: Numbers | None, weights: Any, *, seed: int | None = None
    ) -> Float[np.ndarray, "*batch_and_outputs"] | coo_array:
        """The outputs on NumPy data; computes in double unless all data are single.

        Args:
            input_data: shape `(..., num_inputs)`; a vector is a batch of one; None or a number
                where the network has no input or one.
            weights: shape `(num_weights,)`; None where it has none. Or a tree, as in `apply`.
            seed: fixes the draws of a network with `shots` or `Trajectories`; None draws others at
                every call.

        Returns:
            array of shape `(*batch, *output_shape)`; a `scipy.sparse.coo_array` if `sparse`.

        Raises:
            ValueError: as `apply`, and for NaN; for a seed that is no whole number.
            TypeError: for values that are not real, and for a seed where nothing is drawn.
        """
        keys = self._keys_of_seed(seed)
        inputs, vector, batch = prepared(self, self._model, self._structure, input_data, weights)
        with jax.enable_x64(vector.dtype == np.float64):
            values = (
                self._simulated(vector, self._filled(inputs), *keys)
                if self._remote is None
                else remote_forward(self._remote, vector, inputs)
            )[: len(inputs)]
        return finished(values.reshape(*batch, *self.output_shape), self._sparse)

    def backward(
        self, input_data: Numbers | None, weights: Any, *, seed: int | None = None
    ) -> tuple:
        """The Jacobians of `forward`; arguments and errors as there.

        Returns:
            `(input_grad, weight_grad)` of shape `(*batch, *output_shape, num_inputs)` and
            `(..., num_weights)`. The first is None unless the network has inputs and
            `input_gradients`, the second None for a network without weights. For a tree of weights
            the second is such a tree, a leaf of shape s giving `(*batch, *output_shape, *s)`.
        """
        keys = self._keys_of_seed(seed)
        inputs, vector, batch = prepared(self, self._model, self._structure, input_data, weights)
        with_inputs = self._input_gradients and self.num_inputs > 0
        if not with_inputs and self.num_weights == 0:
            return None, None
        with jax.enable_x64(vector.dtype == np.float64):
            jacobians = (
                compiled_jacobians(self._model, with_inputs)(
                    vector, self._filled(inputs), self.relevant_noise, *keys
                )
                if self._remote is None
                else remote_backward(self._remote, vector, inputs, with_inputs)
            )
            by_weight, *rest = (
                np.asarray(x)[: len(inputs)].reshape(*batch, *self.output_shape, x.shape[-1])
                for x in jacobians
            )
        input_grad = finished(rest[0], self._sparse) if with_inputs else None
        if not self.num_weights:
            return input_grad, None
        return input_grad, weight_jacobian(self._structure, weights, by_weight, self._sparse)

    @property
    def noise(self) -> NoiseModel | None:
        """What goes wrong on the way; None for nothing."""
        return self._noise

    @property
    def relevant_noise(self) -> NoiseModel | None:
        """What of the noise has to do with the circuit, as programs are told of it."""
        if self._noise is None or self._model.noise is None:
            return None
        return reduced(self._noise, self.circuit)

    def _simulated(self, weights: np.ndarray, inputs: np.ndarray, *keys: Array) -> np.ndarray:
        return np.asarray(
            compiled_outputs(self._model)(weights, inputs, self.relevant_noise, *keys)
        )

    def _keys_of_seed(self, seed: int | None) -> tuple[Array, ...]:
        return keys_of_seed(self._model, seed)

    def _filled(self, inputs: np.ndarray) -> np.ndarray:
        return filled_up(inputs, self.padded_batch(len(inputs)))


def _from_primitive(remote: Remote, weights: Array, inputs: Array) -> Array:
    outputs: Callable[..., Array] = partial(remote_outputs, remote)
    if not any(isinstance(values, jax.core.Tracer) for values in (weights, inputs)):
        # Primitives take NumPy's arrays, from whatever devices.
        return outputs(np.asarray(weights), np.asarray(inputs))
    return on_mesh(outputs, weights, inputs, result=placed(inputs)[:-1])
