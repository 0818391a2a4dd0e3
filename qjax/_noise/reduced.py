"""Floor 3. Circuit, noise model -> what of the model has to do with the circuit.

Models of devices have rules for hundreds of places, and each strength is an argument of a compiled
program.
"""

from dataclasses import replace
from typing import NamedTuple

import jax
import numpy as np

from qjax._base.store import kept
from qjax._circuit.channels import BitNoise, Noise
from qjax._circuit.circuit import Circuit
from qjax._circuit.control_flow import Block, blocks_of
from qjax._noise.model import NoiseModel
from qjax._noise.noisy_circuit import (
    NoiseStructure,
    model_of,
    noisy_circuit,
    structure_of,
)
from qjax._noise.rules import ReadoutError, Rule


class _Kept(NamedTuple):
    rules: tuple[int, ...]
    readouts: tuple[int, ...]


def reduced(model: NoiseModel, circuit: Circuit) -> NoiseModel:
    """The model without rules that hold nowhere in the circuit: it does the same to it.

    Misreadings stay where they are for qubits of the circuit.

    Args:
        model: any; its strengths may be traced.
        circuit: without noise.

    Raises:
        ValueError: as `noisy_circuit`, and for known strengths out of range, which a model has
            whose numbers were changed as leaves of a pytree.
    """
    chosen = _kept(circuit, structure_of(model))
    _check_known(model, chosen)
    if (len(chosen.rules), len(chosen.readouts)) != (len(model.rules), len(model.readouts)):
        model = replace(
            model,
            rules=tuple(model.rules[number] for number in chosen.rules),
            readouts=tuple(model.readouts[number] for number in chosen.readouts),
        )
    return _with_own_arrays(model)


def _with_own_arrays(model: NoiseModel) -> NoiseModel:
    """The same in arrays that nothing else has.

    While a program lives that has an array of NumPy's as a constant, JAX 0.10 gives all others what
    it made of it, in the precision of that program.
    """
    copied: NoiseModel = jax.tree.map(
        lambda leaf: leaf.copy() if isinstance(leaf, np.ndarray) else leaf, model
    )
    return copied


def _check_known(model: NoiseModel, chosen: _Kept) -> None:
    """Once for each rule of an object."""
    checked = vars(model).setdefault("_checked", set())
    rules: list[Rule | ReadoutError] = [model.rules[number] for number in chosen.rules]
    for rule in rules + [model.readouts[number] for number in chosen.readouts]:
        if id(rule) in checked:
            continue
        if not rule.channel.is_possible:
            raise ValueError(
                f"noise: {rule!r}: expected strengths in the range of the channel; see its "
                "function in qjax.noise"
            )
        checked.add(id(rule))


@kept()
def _kept(circuit: Circuit, structure: NoiseStructure) -> _Kept:
    model = model_of(structure)
    used = _channels_in(noisy_circuit(circuit, structure).ops)
    readouts = (
        number
        for number, readout in enumerate(model.readouts)
        if readout.places is None
        or any(max(place) < circuit.num_qubits for place in readout.places)
    )
    return _Kept(
        tuple(number for number in range(len(model.rules)) if number in used), tuple(readouts)
    )


def _channels_in(block: Block) -> set[int]:
    named = (op.channel for op in block if isinstance(op, (Noise, BitNoise)))
    own = {channel for channel in named if isinstance(channel, int)}
    return own.union(*(_channels_in(inner) for op in block for inner in blocks_of(op)))
