"""Floor 10. Circuit -> the circuit by which a device compares two of its states.

It runs the circuit at one point, and then undoes it at the other: without noise the probability of
all zeros is the fidelity (V. Havlicek et al., Nature 567, 209 (2019), figure 1c).
"""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float

from qjax._base.memory import bytes_of_states, samples_per_pass
from qjax._base.store import kept
from qjax._circuit.circuit import Circuit, gates, preparations
from qjax._circuit.inverses import inverses_of
from qjax._circuit.operations import Gate
from qjax._engine import Model, Probabilities, num_simulated_of, outputs
from qjax._noise import NoiseModel
from qjax._remote import simulated
from qjax._simulators import Simulator
from qjax.kernels._known_noise import KnownNoise, known

# What a density matrix takes while it is simulated, in multiples of itself.
_COPIES = 4


@dataclass(frozen=True, slots=True)
class OverlapFeatures:
    """Points themselves, and the probability of all zeros of each pair's circuit.

    The one setting is a random key, where that is a mean over runs; else there is none.

    Attributes:
        model: that circuit, whose inputs are those of the left point, those of the right one, and
            the weights, in the order of the kernel; it reads out the probability of all zeros, and
            of anything else.
        num_inputs: of a point.
        noise: what goes wrong, with its numbers.
    """

    model: Model
    num_inputs: int
    noise: KnownNoise | None

    @property
    def is_exact(self) -> bool:
        """Whether equal points have the kernel 1, and pairs one value in either order."""
        return False

    def of_points(
        self, points: Float[Array, "points inputs"], weights: Float[Array, " weights"]
    ) -> tuple[Array, Array]:
        return points, weights

    def kernel(
        self,
        left: tuple[Float[Array, "left inputs"], Float[Array, " weights"]],
        right: tuple[Float[Array, "right inputs"], Float[Array, " weights"]] | None,
        settings: tuple[Array, ...],
    ) -> Float[Array, "left right"]:
        rows, weights = left
        columns = rows if right is None else right[0]
        shape = len(rows), len(columns)
        pairs = jnp.concatenate(
            [
                jnp.broadcast_to(rows[:, None], (*shape, self.num_inputs)),
                jnp.broadcast_to(columns[None], (*shape, self.num_inputs)),
                jnp.broadcast_to(weights[None, None], (*shape, len(weights))),
            ],
            axis=2,
        ).reshape(shape[0] * shape[1], -1)
        return self._of_pairs(pairs, *settings).reshape(shape)

    def bytes_of_point(self, dtype: np.dtype) -> int:
        return dtype.itemsize * (self.num_inputs + self.model.circuit.num_params)

    def _of_pairs(
        self, pairs: Float[Array, "pairs params"], key: Array | None = None
    ) -> Float[Array, " pairs"]:
        """In parts that fit into memory and cache; reverse mode computes each again.

        Each pair has runs of its own, where those are drawn.
        """
        size = min(len(pairs), samples_per_pass(self._bytes(pairs.dtype), jax.devices()[0]))
        missing = -len(pairs) % size
        parts = jnp.pad(pairs, ((0, missing), (0, 0)), mode="edge").reshape(
            -1, size, pairs.shape[1]
        )
        noise = None if self.noise is None else self.noise.model
        none = jnp.zeros((0,), pairs.dtype)

        @jax.checkpoint
        def part(rows: Array, number: Array) -> Array:
            own = None if key is None else jax.random.fold_in(key, number)
            return outputs(self.model, none, rows, noise, own)[:, 0]

        numbers = jnp.arange(len(parts))
        return lax.map(lambda each: part(*each), (parts, numbers)).reshape(-1)[: len(pairs)]

    def _bytes(self, dtype: np.dtype) -> int:
        width = num_simulated_of(self.model)
        if self.model.is_mixed:
            return bytes_of_states(2 * width, _COPIES * dtype.itemsize)
        return bytes_of_states(width, 2 * dtype.itemsize)


def overlap_features(
    model: Model, simulator: Simulator | None, noise: NoiseModel | None
) -> OverlapFeatures:
    """What a kernel with this model compares.

    Raises:
        ValueError: for a circuit that no gates undo.
    """
    circuit = model.circuit
    if circuit.is_dynamic or preparations(circuit):
        raise ValueError(
            "noise: a kernel with noise undoes the circuit of one point after that of another, and "
            "measurements midway and given amplitudes cannot be undone; expected gates"
        )
    whole = overlap_circuit(circuit, model.inputs, model.weights)
    table = np.ones(2**circuit.num_qubits, np.int32)
    table[0] = 0
    readout = Probabilities((2,), table.tobytes())
    pairs, relevant = simulated(whole, readout, simulator, noise)
    return OverlapFeatures(pairs, len(model.inputs), known(relevant))


@kept()
def overlap_circuit(circuit: Circuit, inputs: tuple[int, ...], weights: tuple[int, ...]) -> Circuit:
    """The circuit, then its inverse; parameters are the inputs of both, and the weights.

    Args:
        circuit: gates, and measurements at the end, which are left out.
        inputs: which of its parameters differ between the two, in order.
        weights: which are the same, in order.
    """
    count = len(inputs)
    left = {p: k for k, p in enumerate(inputs)} | {p: 2 * count + k for k, p in enumerate(weights)}
    right = left | {p: count + k for k, p in enumerate(inputs)}
    sequence = gates(circuit)
    ops = [_renamed(gate, left) for gate in sequence]
    ops += inverses_of(_renamed(gate, right) for gate in sequence)
    names = tuple(f"{side}[{k}]" for side in ("left", "right") for k in range(count))
    names += tuple(f"weight[{k}]" for k in range(len(weights)))
    return Circuit(circuit.num_qubits, tuple(ops), names)


def _renamed(gate: Gate, places: dict[int, int]) -> Gate:
    angles = tuple(
        replace(angle, parameters=tuple(places[p] for p in angle.parameters))
        for angle in gate.angles
    )
    return replace(gate, angles=angles)
