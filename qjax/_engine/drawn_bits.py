"""Floor 6. (circuit, parameters, noise, key) -> the bits that each of many runs ends with."""

from dataclasses import replace

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int

from qjax._circuit.channels import BitNoise
from qjax._circuit.circuit import Circuit
from qjax._circuit.measurements import measured_bits, measured_qubits, writes_bits
from qjax._circuit.operations import Measure
from qjax._dynamic import deferred
from qjax._engine.estimates import runs_at_once
from qjax._engine.trajectories import follow
from qjax._noise import (
    NoiseModel,
    NoiseStructure,
    final_misreadings,
    model_of,
    noisy_circuit,
)
from qjax._readout import in_parts


def circuit_of_bits(circuit: Circuit, noise: NoiseStructure | None) -> Circuit:
    """The circuit with noise, after which all bits are as a sample shows them.

    Without measurements, all qubits are measured, into the bits of their numbers.
    """
    noisy = circuit if noise is None else noisy_circuit(circuit, noise)
    if not writes_bits(circuit.ops):
        everything = tuple(Measure(qubit, qubit) for qubit in range(circuit.num_qubits))
        num_clbits = max(circuit.num_clbits, circuit.num_qubits)
        noisy = replace(noisy, ops=noisy.ops + everything, num_clbits=num_clbits)
    if noise is None:
        return noisy
    first = len(model_of(noise).rules)
    misread = final_misreadings(circuit, noise)
    ends = tuple(BitNoise(first + wrong.readout, wrong.bits) for wrong in misread)
    return replace(noisy, ops=noisy.ops + ends)


def shown_bits(circuit: Circuit) -> tuple[int, ...]:
    """A classical bit for each measured qubit, or record of an outcome, in order."""
    form = deferred(circuit)
    shows = {qubit: bit for bit, qubit in enumerate(measured_bits(form)) if qubit is not None}
    return tuple(shows[qubit] for qubit in measured_qubits(form))


def drawn_states(
    circuit: Circuit,
    noise: NoiseStructure | None,
    params: Float[Array, "params batch"],
    shots: int,
    model: NoiseModel | None,
    key: Array,
) -> Int[Array, "batch shots"]:
    """The state of the measured qubits in each of `shots` runs, for each sample of a batch."""
    whole, batch = circuit_of_bits(circuit, noise), params.shape[1]
    clbits = shown_bits(circuit if noise is None else noisy_circuit(circuit, noise))
    channels = () if model is None else jax.tree.map(jnp.asarray, model.channels)

    def part(key: Array, count: int) -> Int[Array, "batch count"]:
        own = jnp.repeat(params, count, axis=1)
        bits = follow(whole, own, batch * count, key, channels).bits
        return states_of_bits(bits, clbits).reshape(batch, count)

    return in_parts(part, key, shots, max(1, runs_at_once(circuit) // batch), axis=1)


def states_of_bits(
    bits: Bool[Array, "clbits runs"], clbits: tuple[int, ...]
) -> Int[Array, " runs"]:
    """The number that some bits of each run are, the first as the least significant."""
    states = jnp.zeros(bits.shape[1], jnp.int32)
    for position, clbit in enumerate(clbits):
        states = states | bits[clbit].astype(jnp.int32) << position
    return states
