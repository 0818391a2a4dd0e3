"""Floor 10. What all kernels compute: Gram matrices, in JAX and in NumPy."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Self

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from qjax._base.arrays import Numbers, as_numpy, as_real_numpy, common_dtype
from qjax._base.options import as_whole
from qjax._base.placement import automatic_placement_of
from qjax._base.process import check_process
from qjax._networks import key_of_seed
from qjax._simulators import Trajectories
from qjax.kernels._description import as_numpy_vector
from qjax.kernels._evaluation import matrix_in_blocks
from qjax.kernels._features import Features
from qjax.kernels._gram_on_mesh import compiled_matrix
from qjax.kernels._shots import sampled, sampled_block
from qjax.kernels._trainable_kernel import TrainableKernel


class QuantumKernel(TrainableKernel, ABC):
    """A kernel of data points by a circuit: `matrix` in JAX, `evaluate` in NumPy.

    Kernels are immutable, hashable and equal by value, so they may be static arguments of `jit`;
    `replace` makes another one with other arguments, `with_weights` one with numbers for weights.
    """

    def matrix(
        self,
        x: Numbers,
        y: Numbers | None = None,
        weights: Any = (),
        *,
        key: Array | None = None,
    ) -> Float[Array, "x_points y_points"]:
        """The kernel of all pairs of points, as a pure JAX function.

        Differentiable in all arguments to any order; compiled once per kernel, shape and dtype.
        Each point is simulated once, all in a batch; where they do not fit into memory together,
        blocks of them are simulated again for each pair of blocks.

        Args:
            x: real, shape `(points, num_inputs)`; float32 gives float32 results, float64 float64
                ones (JAX's x64 flag permitting).
            y: the same for the columns; None for `x` again. Then the matrix is exactly symmetric,
                and without noise its diagonal exactly 1, and the derivative of that exactly 0.
            weights: real, shape `(num_weights,)`, or the tree of `weight_structure`; left out where
                there are none, or where the kernel has numbers for them.
            key: a JAX random key, for a kernel with shots or by `Trajectories`; the same key gives
                the same draws.

        Returns:
            shape `(len(x), len(y))`, in [0, 1]; without noise 1 where two points are equal.

        Raises:
            ValueError: for another shape, for weights that are missing, and for what does not fit
                into memory.
            TypeError: for values that are not real, for draws without a key, and for a key where
                nothing is drawn.
        """
        x, y, vector = self._prepared(x, y, weights)
        numbers = tuple(jnp.asarray(setting, x.dtype) for setting in self._settings())
        own = self._checked_key(key) if self.needs_key else None
        if own is None:
            self._check_no_key(key)
        keys = () if own is None or self._shots is not None else (own,)
        places = automatic_placement_of(x), None if y is None else automatic_placement_of(y)
        values = compiled_matrix(self._features(), *places)(x, y, vector, (*numbers, *keys))
        if self._shots is None or own is None:
            return values
        return sampled(values, self._shots, own, y is None)

    def evaluate(
        self,
        x_vec: Numbers,
        y_vec: Numbers | None = None,
        *,
        weights: Any = (),
        max_bytes: int | None = None,
        progress: bool = False,
        out: np.ndarray | str | os.PathLike[str] | None = None,
        overwrite: bool = False,
        seed: int | None = None,
    ) -> Float[np.ndarray, "x_points y_points"]:
        """The kernel of all pairs of points on NumPy, as Qiskit ML's kernels have it.

        The same values as `matrix`, block by block in bounded memory; computes in double unless all
        data are single. `SVC(kernel=kernel.evaluate)` of scikit-learn takes it; `KernelPCA` and
        `KernelRidge`, which ask for one pair at a time, take `kernel` itself, or "precomputed".

        Args:
            x_vec: shape `(points, num_inputs)`; a vector is one point.
            y_vec: the same for the columns; None, or equal points, for `x_vec` again: an exactly
                symmetric matrix.
            weights: as in `matrix`.
            max_bytes: memory for states and blocks, beside the result; default: a quarter of what
                is free, and 1 GiB at most.
            progress: whether to show a progress bar (needs the extra `progress`).
            out: where the result goes: an array or `numpy.memmap` of its shape and dtype, or the
                path of a `.npy` file, which appears when it is complete. Default: a new array.
            overwrite: whether a file that exists at `out` is replaced.
            seed: of a kernel with shots or by `Trajectories`; None draws others in each call.

        Returns:
            `out`, or a new array, of shape `(len(x_vec), len(y_vec))`; for a path, the file as a
            read-only `numpy.memmap`.

        Raises:
            ValueError: as `matrix`, and for NaN, with the first point that has any; for an `out`
                that does not fit.
            TypeError: for values that are not real.
            FileExistsError: for an `out` file that exists, without `overwrite`.
            OSError: for one that cannot be written.
            CircuitTooLargeError: for states, or a result, that do not fit into memory.
            ModuleNotFoundError: for `progress` without the extra.
        """
        check_process()
        vector = self._numbers_for_evaluation(weights)
        x = self._finite_points(x_vec, "x_vec", vector)
        y = None if y_vec is None else self._finite_points(y_vec, "y_vec", vector)
        if y is not None and np.array_equal(x, y):  # as machines of scikit-learn ask when they fit
            y = None
        given = [] if self._are_missing(weights) else [vector]
        dtype = common_dtype(x, *([] if y is None else [y]), *given)
        numbers = tuple(np.asarray(setting, dtype) for setting in self._settings())
        points = x.astype(dtype), None if y is None else y.astype(dtype)
        return matrix_in_blocks(
            *self._compared(*points, vector.astype(dtype), seed),
            (*numbers, *self._run_keys(seed)),
            max_bytes=max_bytes,
            progress=progress,
            out=out,
            overwrite=overwrite,
            sampled=self._sampler(seed),
        )

    def __call__(self, x: Numbers, y: Numbers | None = None) -> Any:
        """`evaluate(x, y)`; of two vectors, the kernel of these points as a number.

        So `KernelRidge(kernel=kernel)` and others of scikit-learn's that ask for one pair at a time
        take it; those are served faster by `kernel="precomputed"`.
        """
        values = self.evaluate(x, y)
        alone = y is not None and all(as_numpy(points, "points").ndim == 1 for points in (x, y))
        return float(values[0, 0]) if alone else values

    def _compared(
        self,
        x: np.ndarray,
        y: np.ndarray | None,
        weights: np.ndarray,
        seed: int | None,  # noqa: ARG002 - see `_run_keys` and `_sampler`
    ) -> tuple[Features, np.ndarray, np.ndarray | None, np.ndarray]:
        """Features, and what they are of: points and weights."""
        return self._features(), x, y, weights

    def _run_keys(self, seed: int | None) -> tuple[Array, ...]:
        """The random key of the runs that values are means of; none for other simulators."""
        by_runs = isinstance(self._simulator, Trajectories)
        return (self._key_of_seed(seed),) if by_runs else ()

    def _key_of_seed(self, seed: int | None) -> Array:
        return key_of_seed(_checked_seed(seed))

    def _sampler(self, seed: int | None) -> Callable[[np.ndarray, bool], np.ndarray] | None:
        """What shots make of the values of a block; None for no shots."""
        if self._shots is None:
            return None
        random, shots = np.random.default_rng(_checked_seed(seed)), self._shots
        return lambda values, alone: sampled_block(values, shots, random, alone)

    @abstractmethod
    def _features(self) -> Features:
        """What the kernel is made of."""

    def _settings(self) -> tuple[Any, ...]:
        """Numbers besides the weights that the kernel depends on, as arguments of the program."""
        return ()

    def _with_settings(self, settings: tuple[Any, ...]) -> Self:  # noqa: ARG002 - it has none
        """The same kernel with other such numbers, which may be traced."""
        return self

    def _key(self) -> tuple:
        described = self._model, self._structure, self._bound, self._settings()
        return type(self), *described, self._known_noise, self._simulator, self._shots

    def __hash__(self) -> int:
        # Without what can be set: a hash stays.
        return hash(self._key())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, QuantumKernel):
            return NotImplemented
        return (self._key(), self._assigned) == (other._key(), other._assigned)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(num_qubits={self.circuit.num_qubits}, "
            f"num_inputs={self.num_inputs}, num_weights={self.num_weights})"
        )

    def _numbers_for_evaluation(self, weights: Any) -> np.ndarray:
        if self._are_missing(weights):
            return self._numbers() if self._assigned is None else np.array(self._assigned)
        vector = as_numpy_vector(self._structure, weights)
        self._check_weights(vector)
        return vector

    def _finite_points(self, points: Numbers, what: str, weights: np.ndarray) -> np.ndarray:
        array = as_real_numpy(points, what)
        finite = np.isfinite(np.atleast_2d(array)).all(axis=-1)
        if array.ndim <= 2 and not finite.all():
            raise ValueError(
                f"{what}[{int(np.argmin(finite))}]: holds NaN or infinity; expected finite numbers"
            )
        return self._checked_points(array[None] if array.ndim == 1 else array, what, weights)


def _checked_seed(seed: int | None) -> int | None:
    return None if seed is None else as_whole(seed, "seed", 0)
