"""Hessian of a circuit by `torch.func`: per-sample gradients, curvature, and a Newton step.

`torch.func` transforms reach through the bridge: forward mode over reverse mode, batched by vmap.
JAX computes the same Hessian without torch; the two have to agree.
"""

import jax
import jax.numpy as jnp
import numpy as np
import torch

from bridge import TorchConnector
from figures import example_parser, save_losses
from problems import draw_problems
from qjax import TwoLayerQNN

STEPS = 12
DAMPING = 1.0
"""Added to the curvature, so that a step goes downhill where the loss is not convex."""

QNN = TwoLayerQNN(2)


def main() -> None:
    options = example_parser(__doc__).parse_args()
    problem = draw_problems()
    points = torch.tensor(problem.points)
    targets = torch.tensor(2.0 * problem.labels - 1)
    layer = TorchConnector(QNN, problem.estimator_weights).double()

    def loss_of_one(
        weight: torch.Tensor, point: torch.Tensor, target: torch.Tensor
    ) -> torch.Tensor:
        output = torch.func.functional_call(layer, {"weight": weight}, point)
        return (output[0] - target) ** 2

    def loss_function(weight: torch.Tensor) -> torch.Tensor:
        return torch.func.vmap(loss_of_one, in_dims=(None, 0, 0))(weight, points, targets).mean()

    weight = layer.weight.detach()
    gradients = torch.func.vmap(torch.func.grad(loss_of_one), in_dims=(None, 0, 0))(
        weight, points, targets
    )
    print("Gradients, one per sample:", tuple(gradients.shape))

    hessian = torch.func.hessian(loss_function)(weight)
    print("Eigenvalues of the Hessian:", torch.linalg.eigvalsh(hessian).numpy().round(4))

    with jax.enable_x64(True):
        xs, ys = jnp.asarray(problem.points), jnp.asarray(2.0 * problem.labels - 1)
        expected = jax.hessian(lambda w: jnp.mean((QNN.apply(w, xs)[:, 0] - ys) ** 2))(
            jnp.asarray(weight.numpy())
        )
    worst = np.abs(hessian.numpy() - np.asarray(expected)).max()
    print(f"Largest difference from jax.hessian: {worst:.1e}")

    losses = [loss_function(weight).item()]
    identity = torch.eye(len(weight), dtype=weight.dtype)
    for _ in range(STEPS):
        gradient = torch.func.grad(loss_function)(weight)
        curvature = torch.func.hessian(loss_function)(weight)
        shift = (DAMPING - torch.linalg.eigvalsh(curvature).min()).clamp(min=0)
        weight = weight - torch.linalg.solve(curvature + shift * identity, gradient)
        losses.append(loss_function(weight).item())
    print(f"Loss: {losses[0]:.4f} -> {losses[-1]:.4f} in {STEPS} Newton steps")
    save_losses(
        options.output / "torch_hessian_loss.png",
        losses,
        "Damped Newton steps, Hessian by torch.func",
        "step",
        "mean squared error",
    )
    if worst > 1e-10:
        raise SystemExit(f"expected JAX's Hessian, got a difference of {worst}")
    if losses[-1] > losses[0]:
        raise SystemExit(f"expected the loss to fall, got {losses[0]} -> {losses[-1]}")


if __name__ == "__main__":
    main()
