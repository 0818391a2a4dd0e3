"""Floor 10. What a kernel is made of: circuit, inputs and weights, and numbers for them."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from qjax._base.arrays import (
    Numbers,
    as_real,
    as_real_numpy,
    check_key,
    common_dtype,
    enumerated,
    in_order,
)
from qjax._base.process import check_process
from qjax._base.weight_tree import WeightStructure, as_vector, joined
from qjax._engine import Model, check_alone, check_key_of
from qjax._networks import ParametrizedCircuit, check_defined
from qjax._noise import NoiseModel
from qjax._simulators import Simulator, Trajectories
from qjax.kernels._known_noise import known

_WAYS = {
    "feature_map": "Give it as the first argument, circuit",
    "training_parameters": "Here they are weight_params",
    "fidelity": "Leave it out: fidelities are exact",
    "statevector_type": "Leave it out: states are simulated by qjax",
    "enforce_psd": "Leave it out: exact Gram matrices are positive semidefinite up to rounding; "
    "qjax.kernels.nearest_psd repairs others",
    "evaluate_duplicates": "Leave it out: the kernel of a point with itself is exactly 1",
    "max_circuits_per_job": "Leave it out: blocks of evaluate are chosen by memory, max_bytes=",
}


class KernelDescription(ParametrizedCircuit):
    """What all kernels are made of."""

    _called: ClassVar[tuple[str, str]] = ("kernel", "kernels")
    _ways: ClassVar[Mapping[str, str]] = _WAYS

    # What Qiskit ML's trainers have assigned in place.
    _assigned: tuple[float, ...] | None = None

    def __init__(
        self,
        model: Model,
        structure: WeightStructure | None,
        noise: NoiseModel | None = None,
        simulator: Simulator | None = None,
        shots: int | None = None,
    ) -> None:
        if not model.inputs:
            raise ValueError(
                "input_params: the circuit has no parameter that takes a point; expected at least "
                f"one that is no weight, of {enumerated(model.circuit.parameters)}"
            )
        self._model, self._structure = model, structure
        if isinstance(simulator, Trajectories):
            check_alone(simulator, shots, None)
        self._noise, self._simulator, self._shots = noise, simulator, shots
        self._known_noise = known(noise)
        self._bound: tuple[float, ...] | None = None

    @property
    def weights(self) -> Any:
        """The numbers that weights are bound to, as a vector or tree; None where they are not."""
        vector = self.weight_vector
        if vector is None or self._structure is None:
            return vector
        return self._structure.split(vector)

    @property
    def weight_vector(self) -> Float[np.ndarray, " weights"] | None:
        """The same as one vector, in the order of `weight_params`."""
        held = () if not self.num_weights else self._bound
        return None if held is None else np.array(held, np.float64)

    def with_weights(self, weights: Any) -> Self:
        """The same kernel with numbers for its weights, used wherever no other weights are given.

        They are computed with in the dtype of the points.

        Raises:
            ValueError, TypeError: as `matrix`, and for NaN.
        """
        vector = as_numpy_vector(self._structure, weights)
        self._check_weights(vector)
        return self._with(_bound=tuple(vector.tolist()), _assigned=None)

    def without_weights(self) -> Self:
        """The same kernel without numbers for its weights."""
        return self._with(_bound=None, _assigned=None)

    def replace(self, *unnamed: Any, **changes: Any) -> Self:
        """A copy that is made anew, with other arguments of the constructor.

        `kernel.replace() == kernel`; numbers for the weights are kept where those stay the same.

        Args:
            *unnamed: none: arguments are told apart by their names.
            **changes: arguments of the constructor by name.

        Raises:
            TypeError: for a name that is no argument of the constructor, and what has no name.
            ValueError, TypeError: as the constructor, for arguments that do not fit together.
        """
        twin = super().replace(*unnamed, **changes)
        roles = [(kernel.weight_params, kernel._structure) for kernel in (self, twin)]
        return twin._with(_bound=self._bound) if roles[0] == roles[1] else twin

    __replace__ = replace

    def _with(self, **attributes: Any) -> Self:
        """A copy, with other values for attributes that are no arguments of the constructor."""
        twin = self.__copy__()
        vars(twin).update(attributes)
        return twin

    def _argument(self, name: str) -> Any:
        match name:
            case "noise":
                return self._noise
            case "simulator":
                return self._simulator
            case "shots":
                return self._shots
            case _:
                return super()._argument(name)

    @property
    def simulator(self) -> Simulator | None:
        """What `simulator=` was given: how states are represented; None where that is chosen."""
        return self._simulator

    @property
    def shots(self) -> int | None:
        """How many runs each value is a mean of; None for infinitely many."""
        return self._shots

    @property
    def noise(self) -> NoiseModel | None:
        """What goes wrong on the way; None for nothing."""
        return self._noise

    @property
    def needs_key(self) -> bool:
        """Whether values are drawn, with `shots` or by `Trajectories`: `matrix` takes a `key`."""
        return self._shots is not None or isinstance(self._simulator, Trajectories)

    def _check_no_key(self, key: Array | None) -> None:
        """Require that there is none, where nothing is drawn.

        Raises:
            TypeError: for a key.
        """
        if key is not None:
            raise TypeError(
                "key: got one, but nothing is drawn: this kernel is exact. Leave it out, or make "
                "the kernel with shots= or simulator=Trajectories(samples)"
            )

    def _checked_key(self, key: Array | None) -> Array:
        """The random key that values are drawn with.

        Raises:
            TypeError: without one, and for what is no key.
        """
        if isinstance(self._simulator, Trajectories):
            check_key_of(self._simulator, key)
        elif key is None:
            raise TypeError(
                "key: a kernel with shots draws; expected a JAX random key, as in matrix(x, "
                "key=jax.random.key(seed))"
            )
        else:
            check_key(key)
        assert key is not None
        return key

    def _implied(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        brings = isinstance(changes.get("circuit"), tuple)  # its inputs and weights
        return {"input_params": None, "weight_params": ()} if brings else {}

    def _are_missing(self, weights: Any) -> bool:
        """Whether no weights are given in a call, so that those that are held count."""
        return weights is None or (isinstance(weights, tuple) and not weights)

    def _numbers(self) -> np.ndarray:
        """The weights that the kernel has numbers for."""
        if self._bound is None and self.num_weights:
            raise ValueError(
                f"weights: none given, and the kernel has {self.num_weights}; expected shape "
                f"({self.num_weights},), or a kernel with numbers for them, "
                f"kernel.with_weights(...). {in_order(self.weight_params)}"
            )
        return np.array(self._bound or (), np.float64)

    def _vector(self, weights: Any) -> Array | None:
        """The weights of a call as one vector; None where those that the kernel has count."""
        if self._are_missing(weights):
            self._numbers()
            return None
        leaves = None if self._structure is None else self._structure.leaves(weights)
        if leaves is not None:
            return joined(leaves, common_dtype(*leaves))
        vector = as_vector(as_real, weights)
        self._check_weights(vector)
        return vector

    def _prepared(
        self, x: Numbers, y: Numbers | None, weights: Any
    ) -> tuple[Array, Array | None, Array]:
        """Points and weights, checked, in one dtype."""
        check_process()
        vector = self._vector(weights)
        numbers = self._numbers() if vector is None else vector
        first = self._checked_points(as_real(x, "x"), "x", numbers)
        second = None if y is None else self._checked_points(as_real(y, "y"), "y", numbers)
        dtype = common_dtype(*(a for a in (first, second, vector) if a is not None))
        cast = jnp.asarray(numbers, dtype) if vector is None else vector.astype(dtype)
        return first.astype(dtype), None if second is None else second.astype(dtype), cast

    def _check_weights(self, vector: Array | np.ndarray, what: str = "weights") -> None:
        if vector.shape != (self.num_weights,):
            tree = "" if self._structure is None else f"; or a tree of the shapes {self._structure}"
            raise ValueError(
                f"{what}: expected shape ({self.num_weights},), got {vector.shape}. "
                f"{in_order(self.weight_params)}{tree}"
            )
        if isinstance(vector, np.ndarray) and not np.isfinite(vector).all():
            raise ValueError(f"{what}: holds NaN or infinity; expected finite numbers")

    def _checked_points(self, points: Any, what: str, weights: Array | np.ndarray) -> Any:
        if points.ndim != 2 or points.shape[1] != self.num_inputs:
            one = f"; for one point, {what}[None]" * (points.shape == (self.num_inputs,))
            raise ValueError(
                f"{what}: expected shape (points, {self.num_inputs}), got {points.shape}{one}. "
                + in_order(self.input_params)
            )
        check_defined(self._model, (weights,), points, what)
        return points


def as_numpy_vector(structure: WeightStructure | None, weights: Any) -> np.ndarray:
    """Weights as one vector; a number is a vector of one.

    Raises:
        ValueError: for a tree of another structure.
        TypeError: for what are no real numbers.
    """
    flat = as_vector(as_real_numpy, weights) if structure is None else structure.vector(weights)
    return np.atleast_1d(flat)
