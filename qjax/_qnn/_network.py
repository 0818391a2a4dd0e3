"""Floor 8. What all networks share: apply, init, forward, backward."""

import copy
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import ClassVar, Self

import jax
import numpy as np
import scipy.sparse
from jax import Array
from jaxtyping import Float
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

from qjax._arrays import Numbers, as_real, as_real_numpy, check_length, common_dtype, in_order
from qjax._circuit import Circuit
from qjax._domain import check_domain, has_partial, is_known
from qjax._mesh import on_mesh, placed
from qjax._observable import coefficients_of
from qjax._plan import Plan
from qjax._process import check_process
from qjax._program import as_gradient, num_simulated, plan_of
from qjax._qiskit import as_circuit
from qjax._qnn._model import (
    Model,
    Readout,
    check_simulated,
    compiled_jacobians,
    compiled_outputs,
    task_of,
)
from qjax._qnn._namesakes import register_namesake
from qjax._qnn._remote import CircuitCount, Remote, moving_groups
from qjax._qnn._sending import remote_backward, remote_forward, remote_outputs
from qjax._qnn._stencils import stencil_size

Parameters = Iterable[Parameter | str]


class NeuralNetwork:
    """A quantum neural network: one pure function of weights and inputs, `apply`.

    Networks are immutable, hashable and equal by value, so they may be static arguments of `jit`.
    A primitive is part of the value, as the object that it is.
    """

    # The class of Qiskit ML whose interface this one has.
    _namesake: ClassVar[str] = "NeuralNetwork"

    def __init__(
        self,
        model: Model,
        *,
        input_gradients: bool,
        sparse: bool = False,
        remote: Remote | None = None,
    ) -> None:
        self._model = model
        self._remote = remote
        self._input_gradients = bool(input_gradients)
        self._sparse = bool(sparse)

    @property  # type: ignore[misc] # `object` has a setter, which nobody needs here
    def __class__(self) -> type:
        """The class, which `isinstance` asks for, so that it has its namesake's instances too.

        Qiskit ML's `EffectiveDimension` computes something else for networks of other classes.
        """
        register_namesake(type(self), self._namesake)
        return type(self)

    @property
    def circuit(self) -> Circuit:
        return self._model.circuit

    @property
    def num_inputs(self) -> int:
        return len(self._model.inputs)

    @property
    def num_weights(self) -> int:
        return len(self._model.weights)

    @property
    def input_params(self) -> tuple[str, ...]:
        """The names of the parameters that take the inputs, in their order."""
        return tuple(self.circuit.parameters[p] for p in self._model.inputs)

    @property
    def weight_params(self) -> tuple[str, ...]:
        """The names of the parameters that take the weights, in their order."""
        return tuple(self.circuit.parameters[p] for p in self._model.weights)

    @property
    def output_shape(self) -> tuple[int, ...]:
        return self._model.readout.output_shape

    @property
    def plan(self) -> Plan:
        """How the network is simulated: `print(qnn.plan)` tells what was fused, and why.

        Raises:
            ValueError: for a network that is not simulated, but runs on a primitive.
        """
        if self._remote is not None:
            raise ValueError(
                f"plan: the network runs on {self._primitive_name}, which plans by itself; see "
                "num_circuits() for what is sent, and exact().plan for a simulation"
            )
        return plan_of(task_of(self._model))

    @property
    def num_simulated(self) -> int | None:
        """How many qubits are simulated at once, records of outcomes included; None on a primitive.

        Those that the outputs depend on; of several groups of observables, the most of any.
        """
        return None if self._remote is not None else num_simulated(task_of(self._model))

    @property
    def primitive(self) -> object | None:
        """The estimator or sampler that values come from; None for exact simulation."""
        return None if self._remote is None else self._remote.source.primitive.value

    @property
    def _primitive_name(self) -> str:
        return type(self.primitive).__name__

    def num_circuits(self, batch: int = 1) -> CircuitCount:
        """How many circuits (parameter sets) are sent to the primitive; 0 without one.

        A circuit is sent for each sample, or once where there are no inputs; for derivatives, one
        for each shift of each angle that depends on the weights (with `input_gradients`, the inputs
        too) and that an output depends on, or two for each direction of SPSA. One call sends one
        pub; `forward` sends the first number, `backward` the second, and a gradient of `apply` in
        JAX both together. An estimator may run each once per basis that it measures in.

        Args:
            batch: the number of samples.

        Returns:
            a pair `(forward, backward)`.
        """
        if self._remote is None:
            return CircuitCount(0, 0)
        check_process()
        samples = batch if self.num_inputs else min(batch, 1)
        moving = moving_groups(self._remote, self._input_gradients and self.num_inputs > 0)
        return CircuitCount(samples, samples * stencil_size(self._remote, moving))

    def exact(self) -> Self:
        """The same network, simulated: weights mean the same, values and gradients are exact.

        Raises:
            CircuitTooLargeError: for a network that cannot be simulated.
        """
        twin = copy.copy(self)
        if self._remote is not None:
            check_simulated(self._model)
            twin._remote = None
        return twin

    @property
    def input_gradients(self) -> bool:
        return self._input_gradients

    @input_gradients.setter
    def input_gradients(self, value: bool) -> None:
        raise AttributeError(
            f"input_gradients: got {value!r} for a network that exists, expected it when the "
            "network is made: networks are immutable. Make another one, with "
            f"input_gradients={value!r}"
        )

    @property
    def sparse(self) -> bool:
        return self._sparse

    def _key(self) -> tuple:
        return (type(self), self._model, self._input_gradients, self._sparse, self._remote)

    def __hash__(self) -> int:
        return hash(self._key())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NeuralNetwork) and self._key() == other._key()

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(num_qubits={self.circuit.num_qubits}, "
            f"num_inputs={self.num_inputs}, num_weights={self.num_weights}, "
            f"output_shape={self.output_shape})"
        )

    def init(self, key: Array) -> Float[Array, " weights"]:
        """Random weights, uniform in [-1, 1), in JAX's default float dtype."""
        check_process()
        return jax.random.uniform(key, (self.num_weights,), minval=-1, maxval=1)

    def apply(
        self, weights: Numbers | None, inputs: Numbers | None
    ) -> Float[Array, "*batch_and_outputs"]:
        """The network as a pure JAX function.

        Differentiable in both arguments to any order, whatever `input_gradients` says. Compiled
        once per network, shape and dtype; the batch is simulated in one pass. On a primitive, the
        batch is one pub, and values are as random as the primitive's.

        Args:
            weights: real, shape `(num_weights,)`, angles in radians; float32 gives float32
                results, float64 float64 ones (JAX's x64 flag permitting). None where there are
                none.
            inputs: real, shape `(..., num_inputs)`; leading axes are kept. None where there are
                none.

        Returns:
            shape `(..., *output_shape)`.

        Raises:
            ValueError: for a wrong number of weights or inputs, or what is too large for memory.
            TypeError: for values that are not real.
        """
        check_process()
        weights = as_real(() if weights is None else weights, "weights")
        inputs = as_real(() if inputs is None else inputs, "inputs")
        self._check(weights, inputs)
        self._check_domain(weights, inputs, "inputs")
        dtype = common_dtype(weights, inputs)
        weights, inputs = weights.astype(dtype), inputs.astype(dtype)
        if self._remote is not None:
            return self._from_primitive(self._remote, weights, inputs)
        return compiled_outputs(self._model)(weights, inputs)

    def _from_primitive(self, remote: Remote, weights: Array, inputs: Array) -> Array:
        outputs: Callable[..., Array] = partial(remote_outputs, remote)
        if not any(isinstance(each, jax.core.Tracer) for each in (weights, inputs)):
            # Primitives take NumPy's arrays, from whatever devices.
            return outputs(np.asarray(weights), np.asarray(inputs))
        return on_mesh(outputs, weights, inputs, result=placed(inputs)[:-1])

    def forward(self, input_data: Numbers | None, weights: Numbers | None):
        """The outputs on NumPy data; computes in double unless all data are single.

        Args:
            input_data: shape `(..., num_inputs)`; a vector is a batch of one; None or a number
                where the network has no input or one.
            weights: shape `(num_weights,)`; None where it has none.

        Returns:
            array of shape `(*batch, *output_shape)`; a `scipy.sparse.coo_array` if `sparse`.

        Raises:
            ValueError: as `apply`, and for NaN.
            TypeError: for values that are not real.
        """
        inputs, weights, batch = self._prepare(input_data, weights)
        with jax.enable_x64(weights.dtype == np.float64):
            values = (
                np.asarray(compiled_outputs(self._model)(weights, inputs))
                if self._remote is None
                else remote_forward(self._remote, weights, inputs)
            )
        return self._finish(values.reshape(*batch, *self.output_shape))

    def backward(self, input_data: Numbers | None, weights: Numbers | None) -> tuple:
        """The Jacobians of `forward`; arguments and errors as there.

        Returns:
            `(input_grad, weight_grad)` of shape `(*batch, *output_shape, num_inputs)` and
            `(..., num_weights)`. The first is None unless the network has inputs and
            `input_gradients`, the second None for a network without weights.
        """
        inputs, weights, batch = self._prepare(input_data, weights)
        with_inputs = self._input_gradients and self.num_inputs > 0
        if not with_inputs and self.num_weights == 0:
            return None, None
        with jax.enable_x64(weights.dtype == np.float64):
            found = (
                compiled_jacobians(self._model, with_inputs)(weights, inputs)
                if self._remote is None
                else remote_backward(self._remote, weights, inputs, with_inputs)
            )
            weight_grad, *rest = (
                np.asarray(x).reshape(*batch, *self.output_shape, x.shape[-1]) for x in found
            )
        input_grad = self._finish(rest[0]) if with_inputs else None
        return input_grad, self._finish(weight_grad) if self.num_weights else None

    def _check(self, weights, inputs) -> None:
        check_length(weights, self.num_weights, "weights", in_order(self.weight_params))
        if not inputs.ndim or inputs.shape[-1] != self.num_inputs:
            raise ValueError(
                f"inputs: expected shape (..., {self.num_inputs}), got {inputs.shape}. "
                + in_order(self.input_params)
            )

    def _check_domain(self, weights, inputs, what: str) -> None:
        """Refuse known numbers that an angle, an amplitude or a coefficient has no value for."""
        readout = self._model.readout
        observed = coefficients_of(getattr(readout, "observables", ()))
        if has_partial(self.circuit, observed) and is_known(weights) and is_known(inputs):
            given = np.zeros((*inputs.shape[:-1], self.circuit.num_params), inputs.dtype)
            given[..., list(self._model.inputs)] = np.asarray(inputs)
            given[..., list(self._model.weights)] = np.asarray(weights)
            check_domain(self.circuit, given, what, observed)

    def _prepare(self, input_data, weights) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
        """Inputs as `(batch, num_inputs)`, weights of the same dtype, and the batch's shape."""
        check_process()
        inputs = as_real_numpy(() if input_data is None else input_data, "input_data")
        weights = as_real_numpy(() if weights is None else weights, "weights")
        inputs, weights = np.atleast_1d(inputs), np.atleast_1d(weights)
        self._check(weights, inputs)
        for values, what in ((inputs, "input_data"), (weights, "weights")):
            if not np.isfinite(values).all():
                raise ValueError(f"{what}: holds NaN or infinity; expected finite numbers")
        batch = inputs.shape[:-1] or (1,)
        dtype = common_dtype(inputs, weights)
        self._check_domain(weights, inputs, "input_data")
        flat = inputs.reshape(int(np.prod(batch)), self.num_inputs)
        return flat.astype(dtype), weights.astype(dtype), batch

    def _finish(self, values: np.ndarray):
        # JAX's arrays are read-only in NumPy; torch warns of such.
        dense = np.require(values, requirements="W")
        return scipy.sparse.coo_array(dense) if self._sparse else dense


def make_model(
    circuit: Circuit | QuantumCircuit,
    input_params: Parameters | None,
    weight_params: Parameters | None,
    readout: Readout,
    gradient: object = None,
) -> Model:
    """Assign every parameter of a circuit to be an input or a weight.

    Raises:
        ValueError: for a parameter that is both, neither, given twice, or not in the circuit, and
            for an unknown `gradient`.
    """
    converted = as_circuit(circuit)
    inputs = _indices(converted, input_params, "input_params")
    weights = _indices(converted, weight_params, "weight_params")
    names = converted.parameters
    if both := sorted(set(inputs) & set(weights)):
        raise ValueError(
            f"parameters that are both input and weight: {[names[p] for p in both]}; "
            "expected each in one of input_params and weight_params"
        )
    if free := sorted(set(range(len(names))) - set(inputs) - set(weights)):
        raise ValueError(
            f"parameters that are neither input nor weight: {[names[p] for p in free]}; name each "
            "in input_params or weight_params, or bind it (`QuantumCircuit.assign_parameters`)"
        )
    return Model(converted, inputs, weights, readout, as_gradient(gradient))


def _indices(circuit: Circuit, params: Parameters | None, what: str) -> tuple[int, ...]:
    if isinstance(params, (str, Parameter)) or not isinstance(params, (Iterable, type(None))):
        raise TypeError(
            f"{what}: expected a sequence of parameters or names, got the single "
            f"{type(params).__name__} {params!r}"
        )
    names = [_name(param, what) for param in (() if params is None else params)]
    known = {name: place for place, name in enumerate(circuit.parameters)}
    if unknown := [name for name in names if name not in known]:
        raise ValueError(
            f"{what}: {unknown} are not among the circuit's parameters {list(circuit.parameters)}"
        )
    if len(set(names)) != len(names):
        raise ValueError(f"{what}: a parameter is given twice in {names}")
    return tuple(known[name] for name in names)


def _name(param: Parameter | str, what: str) -> str:
    if isinstance(param, str):
        return param
    if isinstance(param, Parameter):
        return param.name
    raise TypeError(f"{what}: expected Parameters or their names, got {type(param).__name__}")


def readout_shape(output_shape: int | Sequence[int]) -> tuple[int, ...]:
    """An output shape as a tuple.

    Raises:
        ValueError: for lengths below 1.
    """
    lengths = (output_shape,) if isinstance(output_shape, (int, np.integer)) else output_shape
    whole = isinstance(lengths, (tuple, list, np.ndarray)) and len(lengths) > 0
    if not whole or not all(isinstance(s, (int, np.integer)) and s > 0 for s in lengths):
        raise ValueError(
            f"output_shape: expected a positive integer or a tuple of them, got {output_shape!r}"
        )
    return tuple(int(s) for s in lengths)
