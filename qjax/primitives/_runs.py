"""Floor 9. What pubs ask of runs: means with standard errors, and samples."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float

from qjax._circuit.circuit import Circuit
from qjax._circuit.domain import check_domain
from qjax._circuit.measurements import writes_bits
from qjax._engine import NetworkReadout, statistics
from qjax._networks import evaluate
from qjax._noise import NoiseModel
from qjax._sampling import sample
from qjax._simulators import Trajectories
from qjax.primitives._requests import Request, Simulating, request


class RunMeans(NamedTuple):
    """Means over runs, and their standard errors: NaN for a single run."""

    means: Float[np.ndarray, "points outputs"]
    errors: Float[np.ndarray, "points outputs"]


@dataclass(frozen=True)
class _RunRequest(Request):
    """What a pub asks of runs, as a network whose outputs are means, then their errors."""

    @property
    def needs_key(self) -> bool:
        return True

    @property
    def output_shape(self) -> tuple[int, ...]:
        return (2, *super().output_shape)

    def apply(self, weights: Array, inputs: Array, key: Array | None = None) -> Array:
        assert key is not None
        if 0 in self.output_shape:
            return jnp.zeros((len(inputs), *self.output_shape), inputs.dtype)
        noise = None if self.strengths is None else self.strengths.model(weights)
        found = statistics(self.model, inputs, noise, key)
        return jnp.stack([found.means.T, found.errors.T], axis=1)


def means_of_runs(
    primitive: Simulating,
    circuit: Circuit,
    readout: NetworkReadout,
    points: Float[np.ndarray, "points params"],
    random: np.random.Generator,
) -> RunMeans:
    """What is read out of runs of the circuit at each point."""
    asked = request(primitive, circuit, readout)
    network = _RunRequest(asked.model, asked.strengths, asked.numbers)
    check_domain(circuit, points, "parameter values")
    values = evaluate(network, network.numbers, points, seed=int(random.integers(2**63)))
    return RunMeans(values[:, 0], values[:, 1])


def bits_of_runs(
    circuit: Circuit,
    points: Float[np.ndarray, "points params"],
    shots: int,
    random: np.random.Generator,
    noise: NoiseModel | None,
    simulator: Trajectories | None = None,
) -> Bool[np.ndarray, "points shots clbits"]:
    """The classical bits of so many runs at each point.

    Without a simulator, of circuits with too many outcomes to follow.
    """
    if not writes_bits(circuit.ops):
        return np.zeros((len(points), shots, circuit.num_clbits), bool)
    keys = jax.random.split(jax.random.key(random.integers(2**63)), len(points))
    method: Literal["trajectories"] | None = "trajectories" if noise is None else None
    how: dict[str, Any] = {"method": method, "simulator": simulator, "noise": noise}
    with jax.enable_x64(True):
        drawn = [
            np.asarray(sample(circuit, point, shots, key, **how), bool)
            for point, key in zip(points, keys, strict=True)
        ]
    return np.reshape(drawn, (len(points), shots, circuit.num_clbits))
