"""Floor 3. Circuit, noise model -> circuit with channels in their places."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import jax

from qjax._base.arrays import counted
from qjax._base.store import kept
from qjax._circuit.channels import BitNoise, Noise
from qjax._circuit.circuit import Circuit
from qjax._circuit.control_flow import Block, For, Op, Switch, While, blocks_of
from qjax._circuit.measurements import final_measurements, without_unread_noise
from qjax._circuit.operations import Gate, Measure
from qjax._noise.gate_names import name_of, qubits_in_order
from qjax._noise.model import NoiseModel, check_size
from qjax._noise.places import Place
from qjax._noise.rules import Rule

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
def noisy_circuit(circuit: Circuit, structure: NoiseStructure, bits: bool = True) -> Circuit:
    """The circuit with the channels of a model in their places, and misread bits midway.

    `Noise(channel, ...)` and `BitNoise(channel, ...)` name the channel `model.channels[channel]`.
    Bits of final measurements are not misread here: see `misreadings.final_misreadings`. What
    would act on a qubit after its final measurement is left out.

    Args:
        circuit: any circuit, control flow included.
        structure: of the model.
        bits: whether the classical bits are looked at at the end. Where they are not, noise of bits
            that nothing reads is left out, and a measurement that nothing follows has no effect.

    Raises:
        ValueError: for a channel of another size than the operation, a rule for qubits beyond the
            circuit, a circuit beyond the device, and bits that are misread jointly but measured
            apart.
    """
    model = model_of(structure)
    check_qubits(circuit, model)
    ends = _Ends(measured_at_the_end(circuit), _last_measurements(circuit))
    ops = tuple(_with_noise(circuit.ops, _Rules(model), ends))
    noisy = circuit if ops == circuit.ops else replace(circuit, ops=ops)
    return noisy if bits else without_unread_noise(noisy)


def with_noise(circuit: Circuit, model: NoiseModel | None) -> Circuit:
    """The same for a model with its numbers, or none."""
    return circuit if model is None else noisy_circuit(circuit, structure_of(model))


def names_without_noise(circuit: Circuit, structure: NoiseStructure) -> tuple[str, ...]:
    """Qiskit's names of gates that no rule is for, in the order of the circuit."""
    rules = _Rules(model_of(structure))
    gates = (op for op in circuit.ops if isinstance(op, Gate) and op.support)
    names = (name_of(op) for op in gates if not any(rules.beside(op)))
    return tuple(dict.fromkeys(name for name in names if name is not None))


def measured_at_the_end(circuit: Circuit) -> frozenset[int]:
    """The places of measurements whose bits are misread after all else.

    All measurements, or none: where something follows one, or two show one qubit or are shown by
    one bit, each is misread where it stands, as the bits are then no more those of the qubits.
    """
    last = _last_measurements(circuit)
    bits = [op.clbit for op in circuit.ops if isinstance(op, Measure)]
    is_plain = not circuit.is_dynamic and len(set(bits)) == len(bits) == len(last)
    return last if is_plain else frozenset()


def _last_measurements(circuit: Circuit) -> frozenset[int]:
    """The places of measurements after which nothing happens to the qubit."""
    final = set(final_measurements(circuit))
    last: set[int] = set()
    measured: set[int] = set()
    for index in range(len(circuit.ops) - 1, -1, -1):
        op = circuit.ops[index]
        if isinstance(op, Measure):
            if index in final and op.qubit not in measured:
                last.add(index)
            measured.add(op.qubit)
    return frozenset(last)


def check_qubits(circuit: Circuit, model: NoiseModel) -> None:
    """Require that a model is one for circuits of this size.

    Raises:
        ValueError: for a rule for qubits beyond the circuit, and a circuit beyond the device.
    """
    size = circuit.num_qubits
    if model.num_qubits is not None and size > model.num_qubits:
        raise ValueError(
            f"noise: the model is of a device with {counted(model.num_qubits, 'qubit')}, and the "
            f"circuit has {size}"
        )
    if model.is_of_device:
        return
    named = [(", ".join(rule.names), rule.places) for rule in model.rules]
    named += [("misreading", readout.places) for readout in model.readouts]
    for name, places in named:
        for place in places or ():
            if max(place) >= size:
                raise ValueError(
                    "noise: the model is for more qubits than the circuit has: there is a rule for "
                    f"{name} on {place}, and the circuit has {counted(size, 'qubit')}; leave such "
                    "rules out"
                )


class _Ends(NamedTuple):
    """Measurements at the end of a circuit, by their places.

    Attributes:
        misread_later: whose bits are misread after all else.
        last: after which nothing happens to the qubit.
    """

    misread_later: frozenset[int]
    last: frozenset[int]


class _Rules:
    """The rules of a model by the names of operations, with their numbers."""

    def __init__(self, model: NoiseModel) -> None:
        self._by_name: dict[str, list[tuple[int, Rule]]] = {}
        for number, rule in enumerate(model.rules):
            for name in dict.fromkeys(rule.names):
                self._by_name.setdefault(name, []).append((number, rule))
        self._readouts = [
            (number, readout)
            for number, readout in enumerate(model.readouts, start=len(model.rules))
        ]
        joint = (each for each in model.readouts if each.channel.num_qubits > 1)
        self._joint = [place for each in joint for place in each.places or ()]

    def beside(self, op: Op) -> tuple[list[Noise], list[Noise]]:
        """What acts before and after an operation."""
        name, qubits = name_of(op), qubits_in_order(op)
        before: list[Noise] = []
        after: list[Noise] = []
        for number, rule in self._by_name.get(name or "", ()):
            if rule.holds_for(qubits):
                check_size(name or "", len(qubits), rule.channel)
                (before if rule.when == "before" else after).append(Noise(number, qubits))
        return before, after

    def misread(self, op: Measure, together: Sequence[Measure]) -> Iterator[BitNoise]:
        """What misreads the bit of a measurement midway.

        Args:
            op: the measurement.
            together: all measurements next to it, itself included, in order.
        """
        joint = [place for place in self._joint if op.qubit in place]
        if not joint:
            alone = (number for number, each in self._readouts if each.holds_for((op.qubit,)))
            yield from (BitNoise(number, (op.clbit,)) for number in alone)
            return
        for place in joint:
            _check_together(op, place, together)
        bit_of = {each.qubit: each.clbit for each in together}
        before = {each.qubit for each in together[: together.index(op)]}
        done = self._read(before)
        for number, place in self._read(before | {op.qubit}):
            if (number, place) not in done:
                yield BitNoise(number, tuple(bit_of[qubit] for qubit in place))

    def _read(self, measured: set[int]) -> list[tuple[int, Place]]:
        """What has misread these qubits, in order: others wait for one that lacks a qubit."""
        read: list[tuple[int, Place]] = []
        waiting: set[int] = set()
        for number, readout in self._readouts:
            alone = ((qubit,) for qubit in sorted(measured))
            for place in readout.places or filter(readout.holds_for, alone):
                if measured.issuperset(place) and waiting.isdisjoint(place):
                    read.append((number, place))
                else:
                    waiting.update(place)
        return read


def _check_together(op: Measure, place: Place, together: Sequence[Measure]) -> None:
    """Require that qubits that are misread jointly are measured next to each other.

    Raises:
        ValueError: where they are not, or not each once into a bit of its own.
    """
    own = [each for each in together if each.qubit in place]
    if missing := [qubit for qubit in place if qubit not in {each.qubit for each in own}]:
        raise ValueError(
            f"noise: the qubits {place} are misread jointly, and {op} stands apart from the "
            f"measurement of {missing}; measure them one after the other, with nothing between"
        )
    written = [each.clbit for each in together]
    if len(own) > len(place) or any(written.count(each.clbit) > 1 for each in own):
        raise ValueError(
            f"noise: the qubits {place} are misread jointly, and measured by {own}: one of them "
            "twice, or into a bit that is overwritten; measure each once, into a bit of its own"
        )


def _with_noise(block: Block, rules: _Rules, ends: _Ends) -> Iterator[Op]:
    """The operations of a block with noise."""
    for index, op in enumerate(block):
        before, after = rules.beside(op)
        yield from before
        yield _with_noisy_blocks(op, rules)
        if isinstance(op, Measure) and index not in ends.misread_later:
            yield from rules.misread(op, _measured_around(block, index, ends.misread_later))
        if index not in ends.last:
            yield from after


def _measured_around(block: Block, index: int, final: frozenset[int]) -> list[Measure]:
    """The measurements midway in the unbroken run around one."""
    first = last = index
    while first > 0 and _is_midway(block, first - 1, final):
        first -= 1
    while last + 1 < len(block) and _is_midway(block, last + 1, final):
        last += 1
    return [op for op in block[first : last + 1] if isinstance(op, Measure)]


def _is_midway(block: Block, index: int, final: frozenset[int]) -> bool:
    return isinstance(block[index], Measure) and index not in final


def _with_noisy_blocks(op: Op, rules: _Rules) -> Op:
    if not blocks_of(op):
        return op

    def noisy(block: Block) -> Block:
        return tuple(_with_noise(block, rules, _Ends(frozenset(), frozenset())))

    if isinstance(op, Switch):
        cases = tuple(case._replace(block=noisy(case.block)) for case in op.cases)
        return replace(op, cases=cases)
    if isinstance(op, For):
        return replace(op, iterations=tuple(map(noisy, op.iterations)))
    return replace(op, block=noisy(op.block)) if isinstance(op, While) else op
