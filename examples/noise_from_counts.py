"""Noise strengths learned from the counts of a device, by gradients in a noise model."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from tqdm import trange

import qjax
from figures import example_parser
from noise_figures import save_strengths
from qjax.noise import NoiseModel, amplitude_damping, depolarizing

NUM_QUBITS, LAYERS, SETTINGS, SHOTS = 3, 4, 60, 4000
STEPS = 250
OPTIMIZER = optax.adam(optax.cosine_decay_schedule(0.1, STEPS))

# What a row of `strengths_of` is, and what it is in the device that is to be found out about.
TRUTH = {
    "depolarizing, ry": 0.006,
    "depolarizing, cx 0 1": 0.021,
    "depolarizing, cx 1 2": 0.047,
    "damping while waiting": 0.033,
    "qubit 0: 0 read as 1": 0.012,
    "qubit 0: 1 read as 0": 0.035,
    "qubit 1: 0 read as 1": 0.008,
    "qubit 1: 1 read as 0": 0.051,
    "qubit 2: 0 read as 1": 0.025,
    "qubit 2: 1 read as 0": 0.074,
}


def probe() -> QuantumCircuit:
    """Layers of rotations, entangling gates and waiting (`id`); its angles are drawn."""
    angles = iter(ParameterVector("t", NUM_QUBITS * (LAYERS + 1)))
    circuit = QuantumCircuit(NUM_QUBITS)
    for layer in range(LAYERS + 1):
        for qubit in range(NUM_QUBITS):
            circuit.ry(next(angles), qubit)
        if layer < LAYERS:
            circuit.cx(layer % 2, layer % 2 + 1)
            circuit.id(range(NUM_QUBITS))
    return circuit


CIRCUIT = qjax.from_qiskit(probe())


def device(strengths: Sequence[float]) -> NoiseModel:
    """A model of all that may go wrong."""
    rotation, first, second, waiting, *readings = strengths
    model = (
        NoiseModel()
        .after("ry", depolarizing(rotation))
        .after("cx", depolarizing(first, 2), qubits=(0, 1))
        .after("cx", depolarizing(second, 2), qubits=(1, 2))
        .after("id", amplitude_damping(waiting))
    )
    for qubit in range(NUM_QUBITS):
        model = model.readout(*readings[2 * qubit : 2 * qubit + 2], qubits=(qubit,))
    return model


def in_range(free: NoiseModel) -> NoiseModel:
    """Any real numbers -> probabilities, and rows of them, in the same places of a model."""
    return jax.tree.map(
        lambda raw: jax.nn.softmax(raw, axis=-1) if raw.ndim else jax.nn.sigmoid(raw), free
    )


def free_numbers(model: NoiseModel) -> NoiseModel:
    """Numbers of which `in_range` makes the model."""
    return jax.tree.map(
        lambda strength: jnp.log(strength) - (0.0 if strength.ndim else jnp.log1p(-strength)),
        jax.tree.map(jnp.asarray, model),
    )


def strengths_of(free: NoiseModel) -> jax.Array:
    """The strengths as one vector, in the order of `TRUTH`."""
    leaves = jax.tree.leaves(in_range(free))
    return jnp.stack(
        [
            number
            for leaf in leaves
            for number in ((leaf[0, 1], leaf[1, 0]) if leaf.ndim else (leaf,))
        ]
    )


def measured(settings: jax.Array, hidden: NoiseModel, key: jax.Array) -> jax.Array:
    """How often each result was read, `(settings, 2**n)`: all that is seen of the device."""

    def counts(angles: jax.Array, key: jax.Array) -> jax.Array:
        bits = qjax.sample(CIRCUIT, angles, SHOTS, key, noise=hidden)
        results = bits.astype(jnp.int32) @ (1 << jnp.arange(NUM_QUBITS, dtype=jnp.int32))
        return jnp.bincount(results, length=2**NUM_QUBITS)

    return jax.jit(jax.vmap(counts))(settings, jax.random.split(key, len(settings)))


def predicted(free: NoiseModel, settings: jax.Array) -> jax.Array:
    """The probabilities of all results, `(settings, 2**n)`."""
    model = in_range(free)
    return jax.vmap(lambda angles: qjax.probabilities(CIRCUIT, angles, noise=model))(settings)


def loss_function(free: NoiseModel, settings: jax.Array, counts: jax.Array) -> jax.Array:
    """The negative logarithm of the likelihood, per shot."""
    return -jnp.sum(counts * jnp.log(predicted(free, settings))) / jnp.sum(counts)


@jax.jit
def train_step(
    free: NoiseModel, state: optax.OptState, settings: jax.Array, counts: jax.Array
) -> tuple[NoiseModel, optax.OptState, jax.Array]:
    """New numbers, new state of the optimizer, and the loss before the step."""
    loss, gradient = jax.value_and_grad(loss_function)(free, settings, counts)
    updates, state = OPTIMIZER.update(gradient, state)
    return optax.apply_updates(free, updates), state, loss


@jax.jit
def standard_errors(free: NoiseModel, settings: jax.Array) -> jax.Array:
    """Of the strengths, by the Fisher information of all shots (the Cramer-Rao bound).

    A row of two probabilities has one number too many: the pseudoinverse leaves it out.
    """
    numbers, rebuild = ravel_pytree(free)
    slopes = jax.jacfwd(lambda flat: predicted(rebuild(flat), settings))(numbers)
    information = SHOTS * jnp.einsum(
        "sxi,sxj,sx->ij", slopes, slopes, 1 / predicted(free, settings)
    )
    jacobian = jax.jacfwd(lambda flat: strengths_of(rebuild(flat)))(numbers)
    covariance = jacobian @ jnp.linalg.pinv(information, rtol=1e-5) @ jacobian.T
    return jnp.sqrt(jnp.diagonal(covariance))


def main() -> None:
    folder = example_parser(__doc__).parse_args().output
    keys = jax.random.split(jax.random.key(7), 2)
    settings = jax.random.uniform(keys[0], (SETTINGS, CIRCUIT.num_params), maxval=2 * jnp.pi)
    counts = measured(settings, device(list(TRUTH.values())), keys[1])
    print(f"{SETTINGS} settings of the angles, {SHOTS} shots of each")

    free = free_numbers(device([0.02] * len(TRUTH)))
    state = OPTIMIZER.init(free)
    history = [np.asarray(strengths_of(free))]
    for _ in (progress := trange(STEPS, desc="Adam")):
        free, state, loss = train_step(free, state, settings, counts)
        history.append(np.asarray(strengths_of(free)))
        progress.set_postfix(loss=f"{loss:.6f}", refresh=False)

    truth, learned = np.array(list(TRUTH.values())), history[-1]
    errors = np.asarray(standard_errors(free, settings))
    for name, *numbers in zip(TRUTH, truth, learned, errors, strict=True):
        print("{:24} {:.4f}, learned {:.4f} +- {:.4f}".format(name, *numbers))
    path = folder / "noise_from_counts.png"
    save_strengths(path, list(TRUTH), truth, np.array(history), errors)
    deviations = np.abs(learned - truth) / errors
    print(f"Farthest from the truth: {deviations.max():.1f} standard errors")
    if not deviations.max() < 4:
        raise SystemExit("expected all strengths within four standard errors of the truth")


if __name__ == "__main__":
    main()
