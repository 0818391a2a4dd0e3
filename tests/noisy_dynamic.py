"""Random dynamic circuits with channels, and what Qiskit's density matrices make of every branch.

A mixture of branches is a dictionary: classical bits, and whether the innermost loop is being left,
-> an unnormalised density matrix.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import product

import numpy as np
from qiskit.circuit import library
from qiskit.quantum_info import DensityMatrix, Kraus, partial_trace, random_quantum_channel

from qjax import Circuit
from qjax._circuit.channels import BitNoise, FixedChannel, Noise
from qjax._circuit.control_flow import Op
from qjax._circuit.measurements import writes_bits
from qjax.operations import (
    BOOL,
    Amplitudes,
    Bits,
    Break,
    Case,
    ClassicalOperation,
    ClassicalType,
    Continue,
    Control,
    For,
    Gate,
    Measure,
    Reset,
    Store,
    Switch,
    gate,
)

LIBRARY = {
    "h": library.HGate, "x": library.XGate, "s": library.SGate, "z": library.ZGate,
    "ry": library.RYGate, "rz": library.RZGate, "swap": library.SwapGate,
}  # fmt: skip


def misreading(matrix: Sequence[Sequence[float]]) -> list[np.ndarray]:
    """Kraus operators of a matrix of probabilities, P(read row | true column)."""
    array = np.array(matrix)
    size = range(len(array))
    basis = np.eye(len(array))
    return [
        np.sqrt(array[k, i]) * np.outer(basis[k], basis[i])
        for k in size
        for i in size
        if array[k, i]
    ]


def random_channel(num_qubits: int, rank: int, seed: int) -> list[np.ndarray]:
    """Kraus operators."""
    size = 2**num_qubits
    return list(Kraus(random_quantum_channel(size, size, rank, seed)).data)


# Two channels on one qubit, two on two, one on a bit, one on two bits.
CHANNELS: tuple[list[np.ndarray], ...] = (
    [np.diag([1, np.sqrt(0.7)]), np.array([[0, np.sqrt(0.3)], [0, 0]])],
    random_channel(1, 3, 0),
    random_channel(2, 2, 1),
    [np.sqrt(0.8) * np.eye(4), np.sqrt(0.2) * np.diag([1, -1, -1, 1])],
    misreading([[0.9, 0.25], [0.1, 0.75]]),
    misreading(
        [[0.8, 0.1, 0.0, 0.0], [0.1, 0.7, 0.2, 0.3], [0.1, 0.0, 0.8, 0.1], [0.0, 0.2, 0.0, 0.6]]
    ),
)


# ---------------------------------------------------------------- circuits


def random_noisy_circuit(seed: int, noisy: bool = True) -> Circuit:
    """2 or 3 qubits and bits, 9 operations and those in their blocks."""
    random = np.random.default_rng(seed)
    num_qubits, num_clbits = (int(random.integers(2, 4)) for _ in range(2))
    make = _Random(random, num_qubits, num_clbits, noisy)
    ops = tuple(make.op(2, False) for _ in range(9))
    return Circuit(num_qubits, ops, (), num_clbits)


def disturbed(circuit: Circuit) -> Circuit:
    """With gates behind everything, so that no measurement of a qubit is a final one."""
    turns = tuple(gate("ry", qubit, 0.4 + qubit) for qubit in range(circuit.num_qubits))
    return Circuit(circuit.num_qubits, circuit.ops + turns, (), circuit.num_clbits)


class _Random:
    def __init__(
        self, random: np.random.Generator, num_qubits: int, num_clbits: int, noisy: bool
    ) -> None:
        self.random, self.num_qubits, self.num_clbits = random, num_qubits, num_clbits
        self.noisy = noisy

    def op(self, depth: int, in_loop: bool) -> Op:
        kinds = ["gate", "measure", "reset", "noise", "bit_noise", "store", "if", "for", "start"]
        weights = np.array([0.34, 0.16, 0.09, 0.14, 0.07, 0.03, 0.1, 0.04, 0.03])
        if not self.noisy:
            weights[3:5] = 0
        if depth == 0:
            weights[6:8] = 0
        kind = str(self.random.choice(kinds, p=weights / weights.sum()))
        if kind == "gate":
            return self.gate()
        if kind == "noise":
            return self.noise()
        if kind == "bit_noise":
            clbits = self.bits()
            return BitNoise(3 + len(clbits), clbits)
        if kind == "store":
            return self.store()
        return self.other(kind, depth, in_loop)

    def other(self, kind: str, depth: int, in_loop: bool) -> Op:
        (qubit,) = self.qubits(1)
        if kind == "measure":
            return Measure(qubit, self.bits()[0])
        if kind == "reset":
            return Reset(qubit)
        if kind == "start":
            return Amplitudes((qubit,), (0.6, 0), (0, 0.8))
        if kind == "for":
            return For(tuple(self.block(depth, True) for _ in range(2)))
        return self.switch(depth, in_loop)

    def switch(self, depth: int, in_loop: bool) -> Op:
        clbits = self.bits()
        kind = BOOL if len(clbits) == 1 else ClassicalType("uint", 2)
        first = self.block(depth, in_loop)
        if in_loop and self.random.random() < 0.4:
            first += (Break() if self.random.random() < 0.5 else Continue(),)
        cases = [Case((int(self.random.integers(2 ** len(clbits))),), first)]
        if self.random.random() < 0.5:
            cases.append(Case(None, self.block(depth, in_loop)))
        return Switch(Bits(clbits, kind), tuple(cases))

    def block(self, depth: int, in_loop: bool) -> tuple[Op, ...]:
        return tuple(self.op(depth - 1, in_loop) for _ in range(self.random.integers(1, 4)))

    def qubits(self, count: int) -> tuple[int, ...]:
        return tuple(int(qubit) for qubit in self.random.permutation(self.num_qubits)[:count])

    def bits(self) -> tuple[int, ...]:
        count = self.random.integers(1, 3)
        return tuple(int(clbit) for clbit in self.random.permutation(self.num_clbits)[:count])

    def gate(self) -> Gate:
        name = str(self.random.choice(list(LIBRARY)))
        if name == "swap":
            return gate(name, self.qubits(2))
        angles = [float(self.random.uniform(-3, 3))] if name in ("ry", "rz") else []
        target, control = self.qubits(2)
        controls = [Control(control, int(self.random.integers(2)))]
        return gate(name, target, *angles, controls=controls if self.random.random() < 0.5 else ())

    def noise(self) -> Noise:
        channel = int(self.random.integers(4))
        return Noise(channel, self.qubits(1 if channel < 2 else 2))

    def store(self) -> Store:
        left, right = (Bits((int(b),), BOOL) for b in self.random.permutation(self.num_clbits)[:2])
        return Store(left, ClassicalOperation("bit_xor", (left, right), BOOL))


# ---------------------------------------------------------------- every branch


Branch = tuple[tuple[int, ...], str]
Mixture = dict[Branch, DensityMatrix]


def mixture(circuit: Circuit) -> dict[tuple[int, ...], np.ndarray]:
    """The unnormalised density matrix of the qubits for each value of the classical bits."""
    start = DensityMatrix.from_int(0, 2**circuit.num_qubits)
    ends = _block(circuit.ops, {((0,) * circuit.num_clbits, ""): start})
    return {bits: state.data for (bits, _), state in ends.items()}


def _block(ops: Iterable[Op], now: Mixture) -> Mixture:
    for op in ops:
        after: dict[Branch, list[DensityMatrix]] = defaultdict(list)
        for (bits, leaving), state in now.items():
            parts = {(bits, leaving): state} if leaving else _after(op, bits, state)
            for branch, part in parts.items():
                after[branch].append(part)
        now = _sums(after)
    return now


def _sums(after: dict[Branch, list[DensityMatrix]]) -> Mixture:
    sums = {branch: DensityMatrix(sum(s.data for s in states)) for branch, states in after.items()}
    return {branch: state for branch, state in sums.items() if abs(state.trace()) > 1e-14}


def _after(op: Op, bits: tuple[int, ...], state: DensityMatrix) -> Mixture:
    if isinstance(op, Measure):
        after = {}
        for outcome in (0, 1):
            projector = np.diag([1 - outcome, outcome])
            read = (*bits[: op.clbit], outcome, *bits[op.clbit + 1 :])
            after[read, ""] = _evolved(state, [projector], (op.qubit,))
        return after
    if isinstance(op, BitNoise):
        return _misread(op, bits, state)
    if isinstance(op, Store):
        assert isinstance(op.target, Bits)
        (to,), value = op.target.clbits, op.value
        assert isinstance(value, ClassicalOperation)
        bit = bits[value.operands[0].clbits[0]] ^ bits[value.operands[1].clbits[0]]
        return {((*bits[:to], bit, *bits[to + 1 :]), ""): state}
    if isinstance(op, (Switch, For, Break, Continue)):
        return _flow(op, bits, state)
    return {(bits, ""): evolved_by(op, state)}


def _misread(op: BitNoise, bits: tuple[int, ...], state: DensityMatrix) -> Mixture:
    probabilities = sum(abs(operator) ** 2 for operator in CHANNELS[op.channel])
    true = sum(bits[clbit] << k for k, clbit in enumerate(op.clbits))
    after: Mixture = {}
    for read in range(2 ** len(op.clbits)):
        changed = list(bits)
        for k, clbit in enumerate(op.clbits):
            changed[clbit] = read >> k & 1
        after[tuple(changed), ""] = DensityMatrix(probabilities[read, true] * state.data)
    return after


def _flow(op: Op, bits: tuple[int, ...], state: DensityMatrix) -> Mixture:
    if isinstance(op, Break | Continue):
        return {(bits, type(op).__name__): state}
    if isinstance(op, Switch):
        assert isinstance(op.target, Bits)
        value = sum(bits[clbit] << k for k, clbit in enumerate(op.target.clbits))
        block = next((b for values, b in op.cases if values is None or value in values), ())
        return _block(block, {(bits, ""): state})
    assert isinstance(op, For)
    now: Mixture = {(bits, ""): state}
    for block in op.iterations:
        now = _left(_block(block, now), "Continue")
    return _left(now, "Break")


def _left(now: Mixture, leaving: str) -> Mixture:
    after: dict[Branch, list[DensityMatrix]] = defaultdict(list)
    for (bits, flag), state in now.items():
        after[bits, "" if flag == leaving else flag].append(state)
    return _sums(after)


# ---------------------------------------------------------------- steps on qubits


def evolved_by(op: Op, state: DensityMatrix) -> DensityMatrix:
    """A density matrix after a gate, channel, reset or preparation."""
    if isinstance(op, Gate):
        matrix = LIBRARY[op.name](*(angle.constants[0] for angle in op.angles)).to_matrix()
        return _evolved(state, _controlled([matrix], op.controls, True), op.support)
    if isinstance(op, Noise):
        operators = (
            op.channel.kraus if isinstance(op.channel, FixedChannel) else CHANNELS[op.channel]
        )
        return _evolved(state, _controlled(operators, op.controls, False), op.support)
    if isinstance(op, Reset):
        return state.reset([op.qubit])
    assert isinstance(op, Amplitudes)
    amplitudes = np.array([0.6, 0.8j])
    return _evolved(state, [np.outer(amplitudes, row) for row in np.eye(2)], op.qubits)


def _controlled(
    operators: Sequence[np.ndarray], controls: Sequence[Control], coherent: bool
) -> Sequence[np.ndarray]:
    """Kraus operators that act where the controls, last in the order, hold their values."""
    if not controls:
        return operators
    value = sum(control.value << k for k, control in enumerate(controls))
    here = np.diag(np.eye(2 ** len(controls))[value])
    elsewhere = np.kron(np.eye(len(here)) - here, np.eye(len(operators[0])))
    acting = [np.kron(here, operator) for operator in operators]
    return [acting[0] + elsewhere] if coherent else [*acting, elsewhere]


def _evolved(
    state: DensityMatrix, operators: Sequence[np.ndarray], qubits: Sequence[int]
) -> DensityMatrix:
    return state.evolve(Kraus([np.asarray(o, complex) for o in operators]), list(qubits))


def mixture_of_form(form: Circuit, circuit: Circuit) -> dict[tuple[int, ...], np.ndarray]:
    """As `mixture` of a circuit, by another of its steps and final measurements."""
    measures = any(isinstance(op, Measure) for op in form.ops)
    has_bits = measures and writes_bits(circuit.ops)  # otherwise all qubits are measured
    state = DensityMatrix.from_int(0, 2**form.num_qubits)
    wires = {}
    for op in form.ops:
        if isinstance(op, Measure):
            wires |= {op.clbit: op.qubit} if has_bits else {}
        else:
            assert isinstance(op, (Gate, Noise, Amplitudes))
            assert not set(wires.values()) & set(op.support), "a step after a measurement"
            state = evolved_by(op, state)
    records = list(range(circuit.num_qubits, form.num_qubits))
    parts = {}
    for outcomes in product((0, 1), repeat=len(wires)):
        part = state
        for wire, outcome in zip(wires.values(), outcomes, strict=True):
            part = _evolved(part, [np.diag([1 - outcome, outcome])], (wire,))
        values = dict(zip(wires, outcomes, strict=True))
        bits = tuple(values.get(clbit, 0) for clbit in range(circuit.num_clbits))
        parts[bits] = np.asarray(partial_trace(part, records).data)
    return parts
