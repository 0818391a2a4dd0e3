"""Floor 3. Circuit, noise model -> circuit with channels in their places."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import jax

from qjax._base.store import kept
from qjax._circuit.channels import Noise
from qjax._circuit.circuit import Circuit
from qjax._circuit.control_flow import Op
from qjax._circuit.operations import Gate
from qjax._noise.model import NoiseModel, Rule

# What programs are compiled for: a model without its numbers, as JAX calls it.
NoiseStructure = Any


def structure_of(model: NoiseModel) -> NoiseStructure:
    """What of a model does not depend on its strengths: hashable, equal by value."""
    return jax.tree.structure(model)


def model_of(structure: NoiseStructure) -> NoiseModel:
    """The model without its numbers: where they stood there is None."""
    model: NoiseModel = jax.tree.unflatten(structure, [None] * structure.num_leaves)
    return model


@kept()
def noisy_circuit(circuit: Circuit, structure: NoiseStructure) -> Circuit:
    """The circuit with the channels of a model in their places.

    `Noise(channel, ...)` names the channel `model.channels[channel]`.

    Args:
        circuit: any circuit, control flow included.
        structure: of the model.

    Raises:
        ValueError: for a channel of another size than the gate, a rule for qubits beyond the
            circuit.
    """
    model = model_of(structure)
    ops = tuple(placed for op in circuit.ops for placed in _with_noise(op, model.rules))
    return circuit if ops == circuit.ops else replace(circuit, ops=ops)


def with_noise(circuit: Circuit, model: NoiseModel | None) -> Circuit:
    """The same for a model with its numbers, or none."""
    return circuit if model is None else noisy_circuit(circuit, structure_of(model))


def _with_noise(op: Op, rules: tuple[Rule, ...]) -> Iterator[Op]:
    yield op
    if not isinstance(op, Gate):
        return
    qubits = tuple(control.qubit for control in op.controls) + op.qubits
    for number, rule in enumerate(rules):
        if gate_name(op) in rule.names and rule.qubits in (None, qubits):
            yield Noise(number, qubits)


def gate_name(gate: Gate) -> str:
    """Qiskit's name of a gate."""
    return "c" * len(gate.controls) + gate.name
