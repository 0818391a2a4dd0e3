"""Floor 10. Circuit, observables -> the Gaussian kernel of expectation values."""

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float
from qiskit import QuantumCircuit

from qjax._base import tuning
from qjax._base.arrays import Numbers, as_real_numpy
from qjax._circuit.circuit import Circuit
from qjax._engine import Expectations, Shots, compiled_outputs
from qjax._networks import Parameters, WeightParameters, make_model, unpacked
from qjax._noise import NoiseModel, as_noise, reduced
from qjax._qiskit import as_circuit, several, with_observables
from qjax._readout import check_shots
from qjax._simulators import Simulator
from qjax.kernels._features import DrawnFeatures, ExpectationFeatures, Features
from qjax.kernels._gram import compiled_block, compiled_features
from qjax.kernels._kernel import QuantumKernel
from qjax.kernels._known_noise import known


class ProjectedKernel(QuantumKernel):
    """exp(-gamma |f(x) - f(y)|^2) of the expectation values f of observables.

    H.-Y. Huang et al., Nature Communications 12, 2631 (2021), eq. 9: with X, Y and Z of every qubit
    |f(x) - f(y)|^2 is twice the sum of |rho_k(x) - rho_k(y)|_F^2 over the reduced states of one
    qubit, so this gamma is half of the paper's. Each point is simulated once. Where expectation
    values are drawn, with shots or by `Trajectories`, each point is drawn once, and squared
    distances are too large by the variances of both points' values.

    Args:
        circuit: the feature map; or (circuit, inputs, weights), which says what the next two are.
        observables: one or a list, as in `qjax.expectation`; None for X, Y and Z of qubit 0, then
            of qubit 1, and so on.
        gamma: positive; a number that JAX traces is taken too, so that it can be differentiated.
            It is an argument of the compiled program: other numbers compile nothing.
        input_params: the parameters (or their names) that take a point, in this order; None for all
            that are not weights, in the circuit's order.
        weight_params: the parameters that are trained, in this order; a tree as in `EstimatorQNN`.
        simulator: as in `EstimatorQNN`. By `Trajectories(samples)` the expectation values of each
            point are means over so many runs, drawn with a `key` or `seed` as those of shots are;
            their derivatives are unbiased.
        noise: what goes wrong on the way, a `qjax.noise.NoiseModel` with known numbers, for which
            programs are compiled: the expectation values are then those of a device, misread bits
            included; None for nothing.
        shots: how many runs each group of observables that are measured together is read from, as
            in `qjax.expectation`; then `matrix` and `features` take a `key`, and `evaluate` a
            `seed`. Derivatives are those of infinitely many. None for those.

    Raises:
        ValueError: for parameters that are assigned twice or not at all, for a circuit without
            inputs, observables that do not fit, a gamma that is not positive, shots below 1, and
            any beside `Trajectories`.
        TypeError: for what is no circuit, parameter, observable, number, simulator or noise model,
            and for traced strengths.
        UnsupportedInstructionError: see `from_qiskit`.
    """

    def __init__(
        self,
        circuit: Circuit | QuantumCircuit | tuple[Any, Any, Any],
        *,
        observables: object | Sequence[object] | None = None,
        gamma: float | Array = 1.0,
        input_params: Parameters | None = None,
        weight_params: WeightParameters = (),
        simulator: Simulator | None = None,
        noise: NoiseModel | None = None,
        shots: int | None = None,
    ) -> None:
        shots = None if shots is None else check_shots(shots)
        noise = as_noise(noise)
        no_weights = isinstance(weight_params, tuple) and not weight_params
        circuit, inputs, weights = unpacked(
            circuit, input_params, None if no_weights else weight_params
        )
        bare = as_circuit(circuit)
        read = _every_letter(bare.num_qubits) if observables is None else observables
        listed = several(read)
        if listed is not None and not listed:
            raise ValueError("observables: got an empty list; expected at least one, or None")
        whole, converted = with_observables(bare, circuit, [read] if listed is None else listed)
        roles = inputs, weights, Expectations(converted)
        model = make_model(whole, *roles, simulator=simulator, noise=noise, others_are_inputs=True)
        super().__init__(*model, noise, simulator, shots)
        self._gamma = _checked_gamma(gamma)
        # What a copy is made of: what the caller has can change.
        self._bare, self._sources = bare, copy.deepcopy(observables)

    @property
    def observables(self) -> tuple:
        """What is read out, one for each feature; as values of this package."""
        return self._features().observables

    @property
    def gamma(self) -> float | Array:
        """What squared distances are multiplied with."""
        return self._gamma

    def matrix(
        self,
        x: Numbers,
        y: Numbers | None = None,
        weights: Any = (),
        *,
        key: Array | None = None,
    ) -> Float[Array, "x_points y_points"]:
        """As of all kernels; points of `x` and `y` have draws of their own."""
        if not self.needs_key:
            return super().matrix(x, y, weights, key=key)
        x, y, vector = self._prepared(x, y, weights)
        keys = jax.random.split(self._checked_key(key))
        left = self._drawn(x, vector, keys[0])
        right = None if y is None else self._drawn(y, vector, keys[1])
        pair = None if right is None else (right, right)
        return compiled_block(DrawnFeatures())(
            (left, left), pair, (jnp.asarray(self._gamma, x.dtype),)
        )

    def features(
        self, x: Numbers, weights: Any = (), *, key: Array | None = None
    ) -> Float[Array, "points observables"]:
        """The expectation values f, as a pure JAX function; arguments and errors as `matrix`.

        Returns:
            shape `(len(x), len(observables))`.
        """
        x, _, vector = self._prepared(x, None, weights)
        if not self.needs_key:
            self._check_no_key(key)
            return compiled_features(self._features())(x, vector)
        return self._drawn(x, vector, self._checked_key(key))

    def _drawn(self, x: Array, weights: Array, key: Array) -> Float[Array, "points observables"]:
        shots = None if self._shots is None else Shots(self._shots, "exact")
        model = replace(self._model, shots=shots)
        noise = None if self._noise is None else reduced(self._noise, self.circuit)
        relevant = None if self._model.noise is None else noise
        values: Array = compiled_outputs(model)(weights, x, relevant, key)
        return values

    def _compared(
        self, x: np.ndarray, y: np.ndarray | None, weights: np.ndarray, seed: int | None
    ) -> tuple[Features, np.ndarray, np.ndarray | None, np.ndarray]:
        if not self.needs_key:
            return super()._compared(x, y, weights, seed)
        keys = jax.random.split(self._key_of_seed(seed))
        with jax.enable_x64(x.dtype == np.float64):
            drawn = [
                None if points is None else self._drawn_in_parts(points, weights, key)
                for points, key in zip((x, y), keys, strict=True)
            ]
        assert drawn[0] is not None
        return DrawnFeatures(), drawn[0], drawn[1], weights[:0]

    def _drawn_in_parts(self, x: np.ndarray, weights: np.ndarray, key: Array) -> np.ndarray:
        """Of any number of points, as many at once as a block of the matrix has."""
        parts = [np.zeros((0, len(self.observables)), x.dtype)]
        for start in range(0, len(x), tuning.KERNEL_BLOCK):
            rows = jnp.asarray(x[start : start + tuning.KERNEL_BLOCK])
            own = jax.random.fold_in(key, start)
            parts.append(np.asarray(self._drawn(rows, jnp.asarray(weights), own)))
        return np.concatenate(parts)

    def _sampler(self, seed: int | None) -> None:
        """Features are drawn, and not kernel values."""

    def _run_keys(self, seed: int | None) -> tuple[()]:  # noqa: ARG002 - so too
        return ()

    def with_scaled_gamma(self, x: Numbers, weights: Any = (), *, key: Array | None = None) -> Self:
        """The same kernel with gamma = 1 / (number of features * variance of all f(x)).

        What scikit-learn calls `gamma="scale"`, of the points that a model is trained on. With
        shots, of the exact features; by `Trajectories`, of those that are drawn with `key`.

        Raises:
            ValueError: also where all features of all points are equal, and for no points.
        """
        if self._shots is None:
            values = self.features(x, weights, key=key)
        else:
            values = compiled_features(self._features())(*self._prepared(x, None, weights)[::2])
        if not values.size:
            raise ValueError("x: got no points; expected two at least")
        variance = float(jnp.var(values))
        if not variance > 0:
            raise ValueError("x: the features of all points are equal, so there is no scale")
        return self._with(_gamma=1 / (values.shape[1] * variance))

    def __repr__(self) -> str:
        return f"{super().__repr__()[:-1]}, gamma={self._gamma})"

    def _features(self) -> ExpectationFeatures:
        if self._noise is None or self._model.noise is None:
            return ExpectationFeatures(self._model)
        return ExpectationFeatures(self._model, known(reduced(self._noise, self.circuit)))

    def _settings(self) -> tuple[float | Array, ...]:
        return (self._gamma,)

    def _with_settings(self, settings: tuple[float | Array, ...]) -> Self:
        return self._with(_gamma=settings[0])

    def _argument(self, name: str) -> Any:
        match name:
            case "circuit":
                return self._bare  # without the parameters that only observables have
            case "observables":
                return self._sources
            case _:
                return super()._argument(name)


def _every_letter(num_qubits: int) -> list[list[tuple[str, list[int], float]]]:
    return [[(letter, [qubit], 1.0)] for qubit in range(num_qubits) for letter in "XYZ"]


def _checked_gamma(gamma: float | Array) -> float | Array:
    if isinstance(gamma, jax.core.Tracer):
        if gamma.shape or not jnp.issubdtype(gamma.dtype, jnp.floating):
            raise ValueError(f"gamma: expected a real number, got {gamma.aval}")
        return gamma
    number = as_real_numpy(gamma, "gamma")
    if number.ndim or not 0 < number < np.inf:
        raise ValueError(f"gamma: expected a positive number, got {gamma}")
    return float(number)
