"""Floor 7. Networks on a primitive of this engine whose values are means over runs, inside of JAX.

Runs are drawn by the compiled program. What fixes their draws comes from the primitive, anew for
each pub, so that an integer seed draws the same in each, and a generator goes on.
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float

from qjax._base.host_call import call
from qjax._engine import Model, amplitudes_at_once, outputs
from qjax._noise import NoiseModel
from qjax._qiskit import Source
from qjax._remote.network import Remote
from qjax._remote.noise import Blurred
from qjax._simulators import Trajectories


def draws_runs(primitive: object) -> bool:
    """Whether the values of a primitive on this engine are means over runs."""
    return isinstance(primitive, Blurred) and isinstance(primitive.simulator, Trajectories)


def values_of_runs(
    source: Source,
    model: Model,
    noise: NoiseModel | None,
    tables: list[Float[Array, "*lead angles"]],
) -> tuple[Float[Array, "*lead outputs"], ...]:
    """Means over runs for all rows of each table; every row has runs of its own.

    Args:
        source: whose primitive tells what fixes the draws.
        model: what is simulated, a network whose inputs are the angles.
        noise: the model's, with its numbers.
        tables: of rows of angles.
    """
    flat = [table.reshape(-1, table.shape[-1]) for table in tables]
    seeds = call(_Seeds(source), *(rows[:1] for rows in flat))
    values = []
    for table, rows, seed in zip(tables, flat, seeds, strict=True):
        drawn = outputs(model, jnp.zeros((0,), rows.dtype), rows, noise, _key(seed[0]))
        values.append(drawn.reshape(*table.shape[:-1], -1))
    return tuple(values)


def sample_by_sample(
    remote: Remote, of_one: Callable[[Array, Array], Array], weights: Array, samples: Array
) -> Float[Array, "samples outputs"]:
    """The outputs of all samples, as many side by side as there are runs at once."""
    simulator = remote.source.primitive.value.simulator
    states = simulator.samples << remote.model.circuit.num_qubits
    at_once = max(1, amplitudes_at_once() // states)
    return lax.map(lambda inputs: of_one(weights, inputs), samples, batch_size=at_once)


@dataclass(frozen=True)
class _Seeds:
    """What fixes the draws for each row, whatever numbers it has."""

    source: Source

    @property
    def num_outputs(self) -> int:
        return 2

    def run(self, rows: np.ndarray) -> np.ndarray:
        primitive: Blurred = self.source.primitive.value
        return primitive.seeds(len(rows))


def _key(seed: Float[Array, " 2"]) -> Array:
    first, second = (part.astype(jnp.uint32) for part in seed)
    return jax.random.fold_in(jax.random.key(first), second)
