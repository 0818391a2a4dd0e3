"""Classify points in pure JAX: the circuit is one function for `jit`, `vmap` and `grad`."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
from tqdm import trange

from figures import example_parser, save_decision, save_losses
from problems import draw_problems
from qjax import TwoLayerQNN

STEPS = 100
QNN = TwoLayerQNN(num_qubits=2)
OPTIMIZER = optax.adam(0.1)


def output(weights: jax.Array, point: jax.Array) -> jax.Array:
    """<ZZ> for one point `(2,)`."""
    return QNN.apply(weights, point)[0]


outputs = jax.jit(jax.vmap(output, in_axes=(None, 0)))


def loss_function(weights: jax.Array, points: jax.Array, targets: jax.Array) -> jax.Array:
    """The sum of squared errors."""
    return jnp.sum((outputs(weights, points) - targets) ** 2)


@jax.jit
def train_step(
    weights: jax.Array, state: optax.OptState, points: jax.Array, targets: jax.Array
) -> tuple[jax.Array, optax.OptState, jax.Array]:
    """New weights, new state of the optimizer, and the loss before the step."""
    loss, gradient = jax.value_and_grad(loss_function)(weights, points, targets)
    updates, state = OPTIMIZER.update(gradient, state)
    return optax.apply_updates(weights, updates), state, loss


def main() -> None:
    options = example_parser(__doc__).parse_args()
    problem = draw_problems()
    points, targets = jnp.asarray(problem.points), jnp.asarray(2.0 * problem.labels - 1)
    weights = jnp.asarray(problem.estimator_weights)
    state = OPTIMIZER.init(weights)

    losses = []
    for _ in (progress := trange(STEPS, desc="Adam")):
        weights, state, loss = train_step(weights, state, points, targets)
        losses.append(float(loss))
        progress.set_postfix(loss=f"{loss:.4f}", refresh=False)
    print(f"Loss: {losses[0]:.4f} -> {losses[-1]:.4f}")

    def score(places: np.ndarray) -> np.ndarray:
        return np.asarray(outputs(weights, jnp.asarray(places)))

    predicted = (score(problem.points) >= 0).astype(int)
    accuracy = np.mean(predicted == problem.labels)
    print("Accuracy:", accuracy)

    title = f"Classified in pure JAX: {accuracy:.0%} right"
    save_decision(
        options.output / "classify_jax_decision.png",
        problem.points,
        problem.labels,
        predicted,
        score,
        title,
    )
    save_losses(
        options.output / "classify_jax_loss.png",
        losses,
        "Classification in pure JAX",
        "step of Adam",
        "sum of squared errors",
    )
    if accuracy < 0.8:
        raise SystemExit(f"expected an accuracy of at least 0.8, got {accuracy}")
    if "torch" in sys.modules:
        raise SystemExit("torch was imported: this example is to run on JAX alone")


if __name__ == "__main__":
    main()
