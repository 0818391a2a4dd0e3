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
STEPS = 300
OPTIMIZER = optax.adam(optax.cosine_decay_schedule(0.3, STEPS))

# The strengths in the device that is to be found out about.
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
        model = model.readout(readings[2 * qubit], readings[2 * qubit + 1], qubits=qubit)
    return model


def in_range(logits: NoiseModel) -> NoiseModel:
    """Any real numbers -> probabilities, in the same places of a model."""
    return jax.tree.map(jax.nn.sigmoid, logits)


def logits_of(model: NoiseModel) -> NoiseModel:
    """The numbers of which `in_range` makes a model."""
    return jax.tree.map(lambda strength: jax.scipy.special.logit(jnp.float32(strength)), model)


def strengths_of(logits: NoiseModel) -> jax.Array:
    """The strengths as a vector, in the order of `TRUTH`: that in which `device` adds them."""
    return jnp.stack(jax.tree.leaves(in_range(logits)))


def measured(settings: jax.Array, hidden: NoiseModel, key: jax.Array) -> jax.Array:
    """How often each result was read, `(settings, 2**n)`: all that is seen of the device."""

    def counts(angles: jax.Array, key: jax.Array) -> jax.Array:
        bits = qjax.sample(CIRCUIT, angles, SHOTS, key, noise=hidden)
        read = bits.astype(jnp.int32) @ (1 << jnp.arange(NUM_QUBITS, dtype=jnp.int32))
        return jnp.bincount(read, length=2**NUM_QUBITS)

    return jax.jit(jax.vmap(counts))(settings, jax.random.split(key, len(settings)))


def results(model: NoiseModel, settings: jax.Array) -> jax.Array:
    """The probabilities of all results, `(settings, 2**n)`."""
    return jax.vmap(lambda angles: qjax.probabilities(CIRCUIT, angles, noise=model))(settings)


def loss_function(logits: NoiseModel, settings: jax.Array, counts: jax.Array) -> jax.Array:
    """The negative logarithm of the likelihood, per shot."""
    return -jnp.sum(counts * jnp.log(results(in_range(logits), settings))) / jnp.sum(counts)


@jax.jit
def train_step(
    logits: NoiseModel, state: optax.OptState, settings: jax.Array, counts: jax.Array
) -> tuple[NoiseModel, optax.OptState, jax.Array]:
    """New numbers, new state of the optimizer, and the loss before the step."""
    loss, gradient = jax.value_and_grad(loss_function)(logits, settings, counts)
    updates, state = OPTIMIZER.update(gradient, state)
    return optax.apply_updates(logits, updates), state, loss


@jax.jit
def standard_errors(logits: NoiseModel, settings: jax.Array) -> jax.Array:
    """Of the strengths, by the Fisher information in all shots (the Cramer-Rao bound)."""
    numbers, rebuild = ravel_pytree(in_range(logits))
    slopes = jax.jacfwd(lambda strengths: results(rebuild(strengths), settings))(numbers)
    probabilities = results(rebuild(numbers), settings)
    information = SHOTS * jnp.einsum("sxi,sxj,sx->ij", slopes, slopes, 1 / probabilities)
    return jnp.sqrt(jnp.diagonal(jnp.linalg.inv(information)))


def main() -> None:
    folder = example_parser(__doc__).parse_args().output
    keys = jax.random.split(jax.random.key(7), 2)
    settings = jax.random.uniform(keys[0], (SETTINGS, CIRCUIT.num_params), maxval=2 * jnp.pi)
    counts = measured(settings, device(list(TRUTH.values())), keys[1])
    print(f"{SETTINGS} settings of the angles, {SHOTS} shots of each")

    logits = logits_of(device([0.02] * len(TRUTH)))
    state = OPTIMIZER.init(logits)
    history = [np.asarray(strengths_of(logits))]
    for _ in (progress := trange(STEPS, desc="Adam")):
        logits, state, loss = train_step(logits, state, settings, counts)
        history.append(np.asarray(strengths_of(logits)))
        progress.set_postfix(loss=f"{loss:.6f}", refresh=False)

    truth, learned = np.array(list(TRUTH.values())), history[-1]
    errors = np.asarray(standard_errors(logits, settings))
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
