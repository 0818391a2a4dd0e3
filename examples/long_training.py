"""A long training in pure JAX that survives: killed at any moment, it goes on where it was.

Every few steps all that the next ones depend on is saved by orbax: weights, the optimizer's state,
the random key that batches are drawn from, and the losses so far. The same command goes on from the
newest checkpoint that is whole, and gives the same numbers, to the last digit, as without a break.
"""

import hashlib
import sys
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import orbax.checkpoint as ocp

from figures import save_losses, training_parser
from qjax import TwoLayerQNN

STEPS, EVERY = 60, 10
SAMPLES, BATCH = 64, 16
KEPT = 3  # checkpoints; older ones are removed
QNN = TwoLayerQNN(num_qubits=2)
OPTIMIZER = optax.adam(0.1)


class State(NamedTuple):
    """All that the next steps depend on, and the losses so far."""

    weights: jax.Array
    optimizer: optax.OptState
    key: jax.Array
    losses: jax.Array


def samples() -> tuple[jax.Array, jax.Array]:
    """What is learned: points `(samples, 2)`, and what such a network says of them."""
    points = jax.random.uniform(jax.random.key(6), (SAMPLES, 2), minval=-1, maxval=1)
    return points, QNN.apply(QNN.init(jax.random.key(8)), points)


def start() -> State:
    weights = QNN.init(jax.random.key(5))
    key = jax.random.key_data(jax.random.key(7))
    return State(weights, OPTIMIZER.init(weights), key, jnp.zeros(0))


def loss(weights: jax.Array, points: jax.Array, targets: jax.Array) -> jax.Array:
    return jnp.mean((QNN.apply(weights, points) - targets) ** 2)


@jax.jit
def step(
    weights: jax.Array, optimizer: optax.OptState, key: jax.Array
) -> tuple[jax.Array, optax.OptState, jax.Array, jax.Array]:
    """New weights, optimizer's state and key, and the loss before."""
    next_key, own = jax.random.split(jax.random.wrap_key_data(key))
    rows = jax.random.choice(own, SAMPLES, (BATCH,), replace=False)
    points, targets = samples()
    value, gradient = jax.value_and_grad(loss)(weights, points[rows], targets[rows])
    updates, optimizer = OPTIMIZER.update(gradient, optimizer)
    return optax.apply_updates(weights, updates), optimizer, jax.random.key_data(next_key), value


def open_checkpoints(folder: Path) -> ocp.CheckpointManager:
    """The checkpoints of a folder. What was half-written has another name there, and is removed."""
    # Saved before the next step: nothing is lost but the steps since.
    options = ocp.CheckpointManagerOptions(
        max_to_keep=KEPT, enable_async_checkpointing=False, cleanup_tmp_directories=True
    )
    return ocp.CheckpointManager(folder.resolve(), options=options)


def save(checkpoints: ocp.CheckpointManager, state: State) -> None:
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(state)]
    saved = {"leaves": leaves, "digest": digest(leaves)}
    checkpoints.save(len(state.losses), args=ocp.args.StandardSave(saved))


def digest(leaves: list[np.ndarray]) -> np.ndarray:
    """A checksum of all numbers, their types and shapes."""
    text = b"".join(f"{leaf.dtype}{leaf.shape}".encode() + leaf.tobytes() for leaf in leaves)
    return np.frombuffer(hashlib.sha256(text).digest(), np.uint8)


def newest(checkpoints: ocp.CheckpointManager) -> State | None:
    """The newest checkpoint that is whole; those after it, which are not, are removed."""
    for number in sorted(checkpoints.all_steps(), reverse=True):
        try:
            leaves = whole(checkpoints.restore(number, args=ocp.args.StandardRestore()))
        except (OSError, KeyError, ValueError) as error:  # JSON's and tensorstore's are of these
            reason = str(error).splitlines()[0][:200]
            print(f"checkpoint {number} is damaged, and is skipped: {reason}", file=sys.stderr)
            checkpoints.delete(number)
            continue
        print(f"resumed at step {number}", flush=True)
        return as_state(leaves)
    return None


def whole(saved: Any) -> list[np.ndarray]:
    """The numbers of a checkpoint, which must be those that were saved."""
    leaves = [np.asarray(leaf) for leaf in saved["leaves"]]
    if not np.array_equal(saved["digest"], digest(leaves)):
        raise ValueError("its checksum is another one")
    return leaves


def as_state(leaves: list[np.ndarray]) -> State:
    fresh, structure = jax.tree.flatten(start())
    if [leaf.shape for leaf in leaves[:-1]] != [leaf.shape for leaf in fresh[:-1]]:
        raise SystemExit("the checkpoints are those of another training: choose another --folder")
    state: State = jax.tree.unflatten(structure, leaves)
    return state


def train(folder: Path, steps: int, every: int) -> State:
    """Train to a number of steps, from where the folder's checkpoints are."""
    with open_checkpoints(folder) as checkpoints:
        state = newest(checkpoints) or start()
        weights, optimizer, key, before = state
        losses = np.asarray(before).tolist()
        while len(losses) < steps:
            weights, optimizer, key, value = step(weights, optimizer, key)
            losses.append(float(value))
            print(f"step {len(losses)}: {losses[-1]:.6f}", flush=True)
            if len(losses) % every == 0 or len(losses) == steps:
                state = State(weights, optimizer, key, jnp.asarray(losses, value.dtype))
                save(checkpoints, state)
    return state


def main() -> None:
    options = training_parser(__doc__, STEPS, EVERY).parse_args()
    state = train(options.folder or options.output / "long_training", options.steps, options.every)
    first, last = (loss(weights, *samples()) for weights in (start().weights, state.weights))
    print(f"Loss: {first:.4f} -> {last:.4f}")
    losses = np.asarray(state.losses)
    options.output.mkdir(parents=True, exist_ok=True)
    np.savetxt(options.output / "long_training_losses.txt", losses, "%.9g")
    save_losses(
        options.output / "long_training_loss.png",
        losses.tolist(),
        "A training that survives",
        "step of Adam",
        "mean squared error",
    )
    if options.steps >= STEPS and last > first / 2:
        raise SystemExit(f"expected the loss to halve, got {first} -> {last}")


if __name__ == "__main__":
    main()
