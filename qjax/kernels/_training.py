"""Floor 10. Kernel, points, labels -> the kernel with weights that suit them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from qjax._base.arrays import Numbers, as_real
from qjax._circuit.domain import is_known
from qjax.kernels._alignment import target_alignment
from qjax.kernels._arguments import class_columns
from qjax.kernels._kernel import QuantumKernel
from qjax.kernels._support_vectors import svc_loss
from qjax.training import Plateau, Progress, minimize

LossName = Literal["alignment", "centered_alignment", "svc"]
MatrixLoss = Callable[[Array, Array], Array]

# Points, labels, and the kernel's settings for each point.
KernelBatch = tuple[Array, Array, tuple[Array, ...]]


@dataclass(frozen=True)
class TrainedKernel:
    """What a training of a kernel gave.

    Attributes:
        kernel: the kernel, with the weights as its numbers.
        weights: what was trained, a vector or a tree.
        losses: the loss before each step, on its batch.
        steps: how many were taken.
        converged: whether the training stopped because it had converged.
        diverged: whether it stopped because the loss was no number.
    """

    kernel: QuantumKernel
    weights: Any
    losses: Float[np.ndarray, " steps"]
    steps: int
    converged: bool
    diverged: bool


def train(
    kernel: QuantumKernel,
    x: Numbers,
    labels: object,
    *,
    loss: LossName | MatrixLoss = "alignment",
    weights: Any = None,
    optimizer: Any = None,
    settings: Mapping[str, Numbers] | None = None,
    steps: int = 100,
    batch_size: int | None = None,
    key: Array | None = None,
    convergence: Plateau | None = None,
    callback: Callable[[Progress], object] | None = None,
    progress: bool = False,
) -> TrainedKernel:
    """Train the weights of a kernel by exact gradients of a loss of its Gram matrix.

    The loop is compiled, as in `qjax.training.minimize`: Gram matrix, loss, gradient and step are
    one program, of which weights and gamma are arguments. Computes in the dtype of weights and
    points. A batch of one class has no alignment, and no gradient. A kernel that draws, with shots
    or by `Trajectories`, gets a new key at each step.

        trained = qjax.kernels.train(kernel, x, labels, key=jax.random.key(0))
        SVC(kernel=trained.kernel.evaluate).fit(x, labels)

    Args:
        kernel: one with weights.
        x: the points, real, shape `(points, num_inputs)`.
        labels: classes of any kind, shape `(points,)`. For a loss of one's own: real numbers, with
            a row for each point.
        loss: "alignment" maximises `target_alignment`, "centered_alignment" the centered one, "svc"
            minimises `svc_loss`, for more than two classes each against the rest. Or a function of
            (Gram matrix, labels) of a batch, in JAX; one that is hashable compiles once.
        weights: where the training starts; None for the numbers that the kernel has for `evaluate`,
            or where it has none, for what `kernel.init(key)` draws, the same in each call without a
            key.
        optimizer: as in `minimize`; None for optax's Adam with a learning rate of 0.1.
        settings: numbers by name for the optimizer's function, as in `minimize`.
        steps: how many are taken at most.
        batch_size: points of a batch, drawn anew in each step; None for all of them.
        key: a JAX random key, for weights, batches, and what the kernel draws.
        convergence: when to stop earlier; None for never.
        callback: called after each chunk of steps; the training stops where it returns True.
        progress: whether to show a progress bar (needs the extra `progress`).

    Raises:
        ValueError: for a kernel without weights, and for numbers and shapes that do not fit.
        TypeError: for what is no kernel, loss, key or optimizer, for values that are not real, and
            for a kernel that draws without a key.
        ImportError: without optax, where no optimizer is given.
    """
    _check_kernel(kernel)
    start = _start(kernel, weights, key)
    if optimizer is None:
        optimizer, settings = _adam(), {"learning_rate": 0.1} | dict(settings or {})
    points, targets = _data(kernel, x, labels, loss)
    settings_of_kernel = kernel._settings()
    standing_in = kernel.without_weights()._with_settings((1.0,) * len(settings_of_kernel))
    kind = DrawnKernelLoss if kernel.needs_key else KernelLoss
    result = minimize(
        kind(standing_in, _matrix_loss(loss)),
        start,
        optimizer,
        (points, targets, _columns(settings_of_kernel, points)),
        steps=steps,
        batch_size=batch_size,
        key=key,
        settings=settings,
        convergence=convergence,
        callback=callback,
        progress=progress,
    )
    trained = kernel.with_weights(jax.device_get(result.weights))
    ended = int(result.steps), bool(result.converged), bool(result.diverged)
    return TrainedKernel(trained, result.weights, result.losses, *ended)


@dataclass(frozen=True)
class KernelLoss:
    """(weights, batch of points, labels and settings) -> the loss of the points' Gram matrix.

    Attributes:
        kernel: without weights, and with settings that stand for those of the batch: programs are
            kept by the loss, and serve for other numbers.
        of_matrix: (Gram matrix, labels) -> the loss.
    """

    kernel: QuantumKernel
    of_matrix: MatrixLoss

    def __call__(self, weights: Any, batch: KernelBatch) -> Array:
        return self._value(weights, batch)

    def _value(self, weights: Any, batch: KernelBatch, key: Array | None = None) -> Array:
        points, labels, columns = batch
        kernel = self.kernel._with_settings(tuple(column[0] for column in columns))
        return self.of_matrix(kernel.matrix(points, weights=weights, key=key), labels)


class DrawnKernelLoss(KernelLoss):
    """The same of a kernel that draws, with a random key for each step."""

    def __call__(self, weights: Any, batch: KernelBatch, key: Array) -> Array:  # type: ignore[override]
        return self._value(weights, batch, key)


def misalignment(matrix: Array, labels: Array) -> Array:
    """What a training by alignment minimises."""
    return -target_alignment(matrix, labels)


def centered_misalignment(matrix: Array, labels: Array) -> Array:
    """What a training by centered alignment minimises."""
    return -target_alignment(matrix, labels, centered=True)


def _check_kernel(kernel: object) -> None:
    if not isinstance(kernel, QuantumKernel):
        raise TypeError(
            f"kernel: got {type(kernel).__name__}; expected one of qjax.kernels, such as "
            "FidelityKernel(circuit, weight_params=...)"
        )
    if not kernel.num_weights:
        raise ValueError(
            "kernel: it has no weights to train; name some of the circuit's parameters as "
            "weight_params"
        )


def _start(kernel: QuantumKernel, weights: Any, key: Array | None) -> Any:
    if weights is not None:
        return jax.tree.map(lambda leaf: as_real(leaf, "weights"), weights)
    if kernel._assigned is not None:  # in place, by a trainer of Qiskit ML
        kernel = kernel.with_weights(kernel._assigned)
    if kernel.weights is not None:
        return jax.tree.map(lambda leaf: as_real(leaf, "weights"), kernel.weights)
    return kernel.init(jax.random.key(0) if key is None else key)


def _data(kernel: QuantumKernel, x: Numbers, labels: object, loss: object) -> tuple[Array, Array]:
    points = as_real(x, "x")
    if points.ndim != 2 or points.shape[1] != kernel.num_inputs or not len(points):
        raise ValueError(
            f"x: expected shape (points, {kernel.num_inputs}), one point at least, got "
            f"{points.shape}"
        )
    if is_known(points) and not np.isfinite(np.asarray(points)).all():
        raise ValueError("x: holds NaN or infinity; expected finite numbers")
    if callable(loss):
        targets = as_real(labels, "labels")  # type: ignore[arg-type]
        if not targets.ndim or len(targets) != len(points):
            raise ValueError(
                f"labels: expected a row for each of {len(points)} points, got {targets.shape}"
            )
        return points, targets
    columns = class_columns(labels, len(points))
    if loss == "svc":
        # Two classes are one machine.
        rows = 2 * columns[:, 1:] - 1 if columns.shape[1] == 2 else 2 * columns - 1
    else:
        rows = columns - 1 / columns.shape[1]
    return points, jnp.asarray(rows, points.dtype)


def _columns(settings: tuple[Any, ...], points: Array) -> tuple[Array, ...]:
    """Each number for each point: so data, which are arguments of the program, bring it along."""
    return tuple(jnp.full(len(points), number, points.dtype) for number in settings)


def _matrix_loss(loss: LossName | MatrixLoss) -> MatrixLoss:
    if callable(loss):
        return loss
    named: dict[str, MatrixLoss] = {
        "alignment": misalignment,
        "centered_alignment": centered_misalignment,
        "svc": svc_loss,
    }
    if not isinstance(loss, str) or loss not in named:
        raise ValueError(
            f"loss: got {loss!r}; expected one of {', '.join(named)}, or a function of (Gram "
            "matrix, labels)"
        )
    return named[loss]


def _adam() -> Any:
    try:
        from optax import adam  # noqa: PLC0415 - optional
    except ImportError as error:
        raise ImportError(
            "optimizer: None needs the package optax: install qjax-bridge with the extra "
            "optimizers, pip install 'qjax-bridge[optimizers]'"
        ) from error
    return adam
