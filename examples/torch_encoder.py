"""A torch encoder inside a jitted JAX loss: `torch2jax` brings a module the other way over.

The encoder's parameters are a JAX pytree like the circuit's weights; optax trains both. In the end
they go back into the module.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import torch
from tqdm import trange

from bridge import to_jax, torch2jax
from figures import example_parser, save_losses
from problems import draw_problems
from qjax import TwoLayerQNN

STEPS = 80
QNN = TwoLayerQNN(2)
OPTIMIZER = optax.adam(0.05)


def main() -> None:
    options = example_parser(__doc__).parse_args()
    torch.manual_seed(2)
    encoder = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2))
    encode = torch2jax(functools.partial(torch.func.functional_call, encoder))

    problem = draw_problems()
    points = jnp.asarray(problem.points, jnp.float32)
    targets = jnp.asarray(2.0 * problem.labels - 1, jnp.float32)
    parameters: dict[str, Any] = {
        "encoder": to_jax({name: p.detach().clone() for name, p in encoder.named_parameters()}),
        "circuit": QNN.init(jax.random.key(0)),
    }

    def outputs(parameters: dict[str, Any]) -> jax.Array:
        return QNN.apply(parameters["circuit"], encode(parameters["encoder"], (points,)))[:, 0]

    @jax.jit
    def train_step(parameters: dict[str, Any], state: optax.OptState) -> tuple[Any, Any, jax.Array]:
        loss, gradient = jax.value_and_grad(lambda p: jnp.mean((outputs(p) - targets) ** 2))(
            parameters
        )
        updates, state = OPTIMIZER.update(gradient, state)
        return optax.apply_updates(parameters, updates), state, loss

    state, losses = OPTIMIZER.init(parameters), []
    for _ in (progress := trange(STEPS, desc="Adam")):
        parameters, state, loss = train_step(parameters, state)
        losses.append(float(loss))
        progress.set_postfix(loss=f"{loss:.4f}", refresh=False)
    print(f"Loss: {losses[0]:.4f} -> {losses[-1]:.4f}")

    accuracy = np.mean((np.asarray(outputs(parameters)) >= 0) == problem.labels)
    print("Accuracy:", accuracy)
    trained = {name: torch.tensor(np.asarray(p)) for name, p in parameters["encoder"].items()}
    encoder.load_state_dict(trained)
    encoded = encoder(torch.tensor(np.asarray(points))).detach().numpy()
    worst = np.abs(encoded - np.asarray(encode(parameters["encoder"], (points,)))).max()
    save_losses(
        options.output / "torch_encoder_loss.png",
        losses,
        "A torch encoder, trained by JAX",
        "step of Adam",
        "mean squared error",
    )
    if worst > 1e-6:
        raise SystemExit(f"expected the trained encoder back in torch, got {worst} of difference")
    if accuracy < 0.9:
        raise SystemExit(f"expected an accuracy of at least 0.9, got {accuracy}")


if __name__ == "__main__":
    main()
