"""Random circuits with noise, as Qiskit and Aer have them, and their exact outcomes.

A `Case` is a circuit, rules of noise and misreadings as plain data. `aer_circuit` and `aer_model`
make of it what Aer runs. Aer draws the outcomes of measurements midway, so `worlds` follows them
all with `quantum_info`: the gates and errors are Qiskit's and Aer's own objects there too, and
where nothing is measured midway it is compared with Aer's density matrix.

What Aer does, found by running it: an error acts after its gate or reset, and before its
measurement; errors for all qubits that are added one after the other act in that order; one for
given qubits replaces those for all; `if` sees the bit as it was misread; the qubits of an error are
in the order of the gate's. It has no errors before gates or after measurements: those are put into
the circuit itself here.

Nothing here imports the product.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import CircuitInstruction, ParameterVector
from qiskit.circuit.library import SdgGate
from qiskit.quantum_info import DensityMatrix, Operator, SuperOp
from qiskit_aer import AerSimulator
from qiskit_aer.noise import (
    NoiseModel,
    QuantumError,
    ReadoutError,
    amplitude_damping_error,
    coherent_unitary_error,
    depolarizing_error,
    kraus_error,
    pauli_error,
    phase_amplitude_damping_error,
    phase_damping_error,
    reset_error,
    thermal_relaxation_error,
)
from scipy.stats import chisquare, unitary_group

# Gates that Aer's density matrices run as they are, by number of qubits, and numbers of angles.
GATES: dict[int, dict[str, int]] = {
    1: {
        **dict.fromkeys(("id", "h", "x", "y", "z", "s", "sdg", "t", "tdg", "sx", "sxdg"), 0),
        **dict.fromkeys(("rx", "ry", "rz", "p"), 1),
        "u": 3,
    },
    2: {
        **dict.fromkeys(("cx", "cy", "cz", "swap", "ecr"), 0),
        **dict.fromkeys(("cp", "rxx", "ryy", "rzz", "rzx"), 1),
    },
    3: {"ccx": 0},
}
NUM_PARAMETERS = 4


@dataclass(frozen=True)
class ChannelSpec:
    """A channel: its name in the contract, its numbers, and what they are given as.

    Attributes:
        strengths: the real numbers that it depends on.
        rest: labels of a Pauli channel, a number of qubits, or matrices.
    """

    name: str
    num_qubits: int
    strengths: tuple[float, ...]
    rest: Any = None

    def arguments(self, strengths: Sequence[Any] | None = None) -> tuple[Any, ...]:
        """Of the function of this name in the contract, for these strengths or its own."""
        strengths = self.strengths if strengths is None else tuple(strengths)
        if self.name == "pauli":
            return (dict(zip(self.rest, strengths, strict=True)),)
        if self.name == "depolarizing":
            return (*strengths, self.num_qubits)
        return strengths if self.rest is None else (self.rest,)

    @cached_property
    def error(self) -> QuantumError:
        return self.error_of(self.strengths)

    def error_of(self, strengths: Sequence[float]) -> QuantumError:
        """Aer's own, for other strengths."""
        arguments = self.arguments(strengths)
        if self.name == "pauli":
            (probabilities,) = arguments
            rest = 1 - sum(probabilities.values())
            return pauli_error([*probabilities.items(), ("I" * self.num_qubits, rest)])
        if self.name == "bit_flip":
            return pauli_error([("X", strengths[0]), ("I", 1 - strengths[0])])
        if self.name == "phase_flip":
            return pauli_error([("Z", strengths[0]), ("I", 1 - strengths[0])])
        if self.name == "kraus":
            return kraus_error(list(self.rest))
        return AER[self.name](*arguments)


AER = {
    "depolarizing": depolarizing_error,
    "amplitude_damping": amplitude_damping_error,
    "phase_damping": phase_damping_error,
    "phase_amplitude_damping": phase_amplitude_damping_error,
    "thermal_relaxation": thermal_relaxation_error,
    "reset": reset_error,
    "coherent": coherent_unitary_error,
}


@dataclass(frozen=True)
class RuleSpec:
    """A channel beside operations of some names; on any qubits, or on these."""

    when: str
    names: tuple[str, ...]
    channel: ChannelSpec
    qubits: tuple[int, ...] | None = None

    @property
    def in_aer(self) -> bool:
        """Whether an Aer model can hold it."""
        return self.when == ("before" if "measure" in self.names else "after")

    def fits(self, when: str, name: str, qubits: tuple[int, ...]) -> bool:
        return self.when == when and name in self.names and self.qubits in (None, qubits)


@dataclass(frozen=True)
class Case:
    """A circuit of `NUM_PARAMETERS` parameters, their values, and what goes wrong.

    Attributes:
        readouts: qubit -> `(2, 2)`, the probability to read j (column) where i (row) was true.
    """

    circuit: QuantumCircuit
    values: np.ndarray
    rules: tuple[RuleSpec, ...]
    readouts: dict[int, np.ndarray] = field(default_factory=dict)

    @property
    def num_qubits(self) -> int:
        return self.circuit.num_qubits

    @property
    def strengths(self) -> np.ndarray:
        """Of all channels, one after the other."""
        return np.array([s for rule in self.rules for s in rule.channel.strengths])

    def channels(self, strengths: Any = None) -> Iterator[tuple[RuleSpec, Sequence[Any]]]:
        """Each rule, with its part of all strengths."""
        strengths = self.strengths if strengths is None else strengths
        start = 0
        for rule in self.rules:
            end = start + len(rule.channel.strengths)
            yield rule, [strengths[number] for number in range(start, end)]
            start = end

    def at(self, values: np.ndarray, strengths: np.ndarray) -> Case:
        """The case with other numbers."""
        rules = tuple(
            RuleSpec(
                rule.when,
                rule.names,
                ChannelSpec(
                    rule.channel.name, rule.channel.num_qubits, tuple(part), rule.channel.rest
                ),
                rule.qubits,
            )
            for rule, part in self.channels(np.asarray(strengths, float).tolist())
        )
        return Case(self.circuit, values, rules, self.readouts)


# ---------------------------------------------------------------- random cases


def random_channel(random: np.random.Generator, num_qubits: int) -> ChannelSpec:
    """Any channel of the contract on so many qubits, not too strong."""
    names = ["depolarizing", "pauli", "kraus", "coherent"]
    if num_qubits == 1:
        names += ["bit_flip", "phase_flip", "amplitude_damping", "phase_damping", "reset"]
        names += ["phase_amplitude_damping", "thermal_relaxation"]
    name = str(random.choice(names))
    return ChannelSpec(name, num_qubits, *_numbers(random, name, num_qubits))


def _numbers(random: np.random.Generator, name: str, num_qubits: int) -> tuple[Any, ...]:
    size = 2**num_qubits
    small = random.uniform(0.01, 0.12, 3).tolist()
    match name:
        case "pauli":
            letters = ["".join(random.choice(list("IXYZ"), num_qubits)) for _ in range(3)]
            labels = sorted(
                {label for label in letters if set(label) != {"I"}} | {"X" * num_qubits}
            )
            return tuple(random.uniform(0.01, 0.08, len(labels)).tolist()), tuple(labels)
        case "kraus":
            # An isometry, cut into its blocks, near to the identity.
            columns = np.linalg.qr(random.normal(size=(3 * size, size, 2)) @ [1, 1j])[0]
            mixed = [math.sqrt(0.15) * block for block in columns.reshape(3, size, size)]
            return (), np.array([math.sqrt(0.85) * np.eye(size), *mixed])
        case "coherent":
            whole = unitary_group.rvs(size, random_state=random.integers(2**31))
            values, vectors = np.linalg.eig(whole)
            angles = 0.1 * np.angle(values)
            return (), vectors @ np.diag(np.exp(1j * angles)) @ np.linalg.inv(vectors)
        case "amplitude_damping" | "reset":
            return (tuple(small[:2]),)
        case "phase_amplitude_damping":
            return (tuple(small),)
        case "thermal_relaxation":
            # T2 above T1 too, where it is no mixture of gates and resets.
            return ((50.0, random.uniform(20, 95), random.uniform(1, 8), small[0]),)
    return ((small[0],),)


def random_case(seed: int, num_qubits: int, num_gates: int = 30, *, dynamic: bool = False) -> Case:
    """Gates with parameters and numbers, and noise of all kinds on some of them.

    A dynamic one also measures, resets and branches midway, on two classical bits. Each qubit ends
    with a gate, so that no measurement is the last thing that happens to it.
    """
    random = np.random.default_rng([seed, num_qubits, num_gates, dynamic])
    circuit = QuantumCircuit(QuantumRegister(num_qubits, "q"))
    if dynamic:
        circuit.add_register(ClassicalRegister(2, "c"))
    angles = ParameterVector("t", NUM_PARAMETERS)
    for angle in angles:
        circuit.ry(angle, int(random.integers(num_qubits)))
    for _ in range(num_gates - NUM_PARAMETERS - num_qubits):
        kind = random.random() if dynamic else 1.0
        if kind < 0.2:
            _add_dynamic(circuit, random, angles)
        else:
            _add_gate(circuit, random, angles)
    for qubit in range(num_qubits):
        circuit.rx(random.uniform(-3, 3), qubit)
    readouts = {
        qubit: np.array([[1 - p, p], [q, 1 - q]])
        for qubit in range(num_qubits)
        for p, q in [random.uniform(0.0, 0.15, 2)]
        if random.random() < 0.7
    }
    values = random.uniform(-3, 3, NUM_PARAMETERS)
    return Case(circuit, values, _rules(random, num_qubits, dynamic), readouts)


def _add_gate(circuit: QuantumCircuit, random: np.random.Generator, angles: Any) -> None:
    sizes = [size for size in GATES if size <= circuit.num_qubits]
    size = random.choice(
        sizes, p=np.array([0.5, 0.4, 0.1][: len(sizes)]) / sum([0.5, 0.4, 0.1][: len(sizes)])
    )
    name = str(random.choice(list(GATES[size])))
    given = [
        angles[random.integers(len(angles))] if random.random() < 0.4 else random.uniform(-3, 3)
        for _ in range(GATES[size][name])
    ]
    getattr(circuit, name)(*given, *random.permutation(circuit.num_qubits)[:size].tolist())


def _add_dynamic(circuit: QuantumCircuit, random: np.random.Generator, angles: Any) -> None:
    qubit, bit = int(random.integers(circuit.num_qubits)), int(random.integers(2))
    kind = random.integers(4)
    if kind == 0:
        circuit.reset(qubit)
    elif kind == 1:
        circuit.measure(qubit, bit)
    else:
        circuit.measure(qubit, bit)
        condition = (
            (circuit.clbits[bit], int(random.integers(2)))
            if kind == 2
            else (circuit.cregs[0], int(random.integers(4)))
        )
        with circuit.if_test(condition) as otherwise:
            _add_gate(circuit, random, angles)
        if random.random() < 0.5:
            with otherwise:
                _add_gate(circuit, random, angles)


def _rules(random: np.random.Generator, num_qubits: int, dynamic: bool) -> tuple[RuleSpec, ...]:
    """Two thirds of the gates have noise: for all qubits, one rule or two, or for some qubits."""
    rules = []
    for size, gates in GATES.items():
        names = [str(name) for name in random.permutation(list(gates)) if random.random() < 0.67]
        while names and size <= num_qubits:
            some, names = tuple(names[:3]), names[3:]
            places: list[tuple[int, ...] | None] = [None]
            if random.random() < 0.4:
                places = [tuple(random.permutation(num_qubits)[:size].tolist())]
            when = "before" if random.random() < 0.2 else "after"
            rules.append(RuleSpec(when, some, random_channel(random, size), places[0]))
            if random.random() < 0.3:
                rules.append(RuleSpec(when, some, random_channel(random, size), places[0]))
    if dynamic:
        rules += [
            RuleSpec(when, (name,), random_channel(random, 1))
            for when, name in (("before", "measure"), ("after", "measure"), ("after", "reset"))
            if random.random() < 0.6
        ]
    return tuple(rules)


# ---------------------------------------------------------------- what Aer runs


def aer_model(case: Case) -> NoiseModel:
    """The rules that an Aer model can hold, and the misreadings."""
    model = NoiseModel()
    for rule in case.rules:
        if rule.in_aer and rule.qubits is None:
            model.add_all_qubit_quantum_error(rule.channel.error, list(rule.names), warnings=False)
        elif rule.in_aer:
            model.add_quantum_error(
                rule.channel.error, list(rule.names), list(rule.qubits), warnings=False
            )
    for qubit, matrix in case.readouts.items():
        model.add_readout_error(ReadoutError(matrix), [qubit])
    return model


def aer_circuit(case: Case) -> QuantumCircuit:
    """The circuit with its values, and the channels that an Aer model cannot hold."""
    bound = case.circuit.assign_parameters(case.values)
    return _with_channels(bound, case, list(range(case.num_qubits)))


def _with_channels(circuit: QuantumCircuit, case: Case, places: list[int]) -> QuantumCircuit:
    """`places` are the qubits of a block in the whole circuit."""
    made = circuit.copy_empty_like()
    for instruction in circuit.data:
        inner = [places[circuit.find_bit(qubit).index] for qubit in instruction.qubits]
        operation = instruction.operation
        if hasattr(operation, "blocks"):
            blocks = [_with_channels(block, case, inner) for block in operation.blocks]
            instruction = instruction.replace(operation=operation.replace_blocks(blocks))  # noqa: PLW2901
        for when in ("before", "after"):
            if when == "after":
                made.append(instruction)
            for rule in case.rules:
                if rule.fits(when, operation.name, tuple(inner)) and not rule.in_aer:
                    made.append(
                        CircuitInstruction(rule.channel.error.to_instruction(), instruction.qubits)
                    )
    return made


def aer_density_matrix(case: Case) -> np.ndarray:
    """By Aer's density-matrix method, in double precision: exact where nothing is measured."""
    circuit = aer_circuit(case)
    circuit.save_density_matrix(label="rho")
    simulator = AerSimulator(method="density_matrix", noise_model=aer_model(case))
    return np.asarray(simulator.run(circuit, shots=1).result().data(0)["rho"])


def with_measurements(case: Case) -> QuantumCircuit:
    """The circuit that measures all of its qubits into a register `meas` at the end."""
    circuit = case.circuit.copy()
    circuit.measure_all()
    return circuit


def aer_counts(case: Case, shots: int, seed: int) -> np.ndarray:
    """Counts of all values of the classical bits, of qubits that are measured at the end."""
    case = Case(with_measurements(case), case.values, case.rules, case.readouts)
    simulator = AerSimulator(
        method="density_matrix", noise_model=aer_model(case), seed_simulator=seed
    )
    found = simulator.run(aer_circuit(case), shots=shots).result().get_counts()
    counts = np.zeros(2**case.circuit.num_clbits, int)
    for label, count in found.items():
        counts[int(label.replace(" ", ""), 2)] = count
    return counts


def counted(bits: np.ndarray) -> np.ndarray:
    """Samples `(shots, bits)` -> counts of all values, bit 0 the least significant."""
    numbers = bits.astype(int) @ (1 << np.arange(bits.shape[1]))
    return np.bincount(numbers, minlength=2 ** bits.shape[1])


def slopes(
    function: Callable[..., float], *points: np.ndarray, step: float = 1e-4
) -> list[np.ndarray]:
    """Central differences of fourth order in each number of each point."""
    found = []
    for place, point in enumerate(points):
        slope = np.zeros(point.size)
        for number, unit in enumerate(np.eye(point.size) * step):
            for times, weight in ((1, 8), (2, -1)):
                for sign in (1, -1):
                    moved = [*points]
                    moved[place] = point + sign * times * unit
                    slope[number] += sign * weight * function(*moved) / (12 * step)
        found.append(slope)
    return found


def p_value(counts: np.ndarray, expected: np.ndarray) -> float:
    """Of a chi-square test, where what is expected rarely is one class."""
    often = expected >= 5
    seen = np.append(counts[often], counts[~often].sum())
    mean = np.append(expected[often], expected[~often].sum())
    seen, mean = seen[mean > 0], mean[mean > 0]
    return float(chisquare(seen, mean * (seen.sum() / mean.sum())).pvalue) if len(mean) > 1 else 1.0


# ---------------------------------------------------------------- all outcomes, with quantum_info

Worlds = dict[tuple[int, ...], DensityMatrix]
"""What the classical bits hold -> the state, whose trace is the probability."""


def worlds(case: Case) -> Worlds:
    """All values of the classical bits, with what was misread, and the states that go with them."""
    start = DensityMatrix.from_int(0, 2**case.num_qubits)
    circuit = case.circuit.assign_parameters(case.values)
    memory = (0,) * circuit.num_clbits
    places = list(range(case.num_qubits)), list(range(circuit.num_clbits))
    return _follow(circuit, case, places, {memory: start})


def density_matrix(case: Case) -> np.ndarray:
    """The mean over all outcomes."""
    return sum(state.data for state in worlds(case).values())


def distribution(case: Case) -> np.ndarray:
    """The probabilities of all values of the classical bits of `with_measurements(case)`."""
    found = worlds(case)
    for qubit in range(case.num_qubits):
        found = _noise("before", "measure", (qubit,), case, found)
    # Those bits are behind the ones of the circuit: more significant.
    result = np.zeros((2**case.num_qubits, 2**case.circuit.num_clbits))
    for memory, state in found.items():
        number = sum(bit << k for k, bit in enumerate(memory))
        result[:, number] += misread(case, state.data.diagonal().real)
    return result.reshape(-1)


def expectation(case: Case, label: str) -> float:
    """Of a Pauli string, as a device measures it: turned to Z, and misread."""
    state = DensityMatrix(density_matrix(case))
    signs = np.ones(1)
    for qubit, letter in enumerate(reversed(label)):
        if letter in "XY":
            turn = Operator.from_label("H")
            turn = Operator(SdgGate()) & turn if letter == "Y" else turn
            state = state.evolve(turn, [qubit])
        signs = np.kron([1, 1] if letter == "I" else [1, -1], signs)
    return float(misread(case, state.data.diagonal().real) @ signs)


def misread(case: Case, probabilities: np.ndarray) -> np.ndarray:
    """The probabilities `(2**n,)` to read the qubits, of those that they are in."""
    tensor = probabilities.reshape((2,) * case.num_qubits)
    for qubit, matrix in case.readouts.items():
        axis = case.num_qubits - 1 - qubit
        tensor = np.moveaxis(np.tensordot(tensor, matrix, (axis, 0)), -1, axis)
    return tensor.reshape(-1)


def _follow(
    circuit: QuantumCircuit, case: Case, places: tuple[list[int], list[int]], found: Worlds
) -> Worlds:
    for instruction in circuit.data:
        qubits = tuple(places[0][circuit.find_bit(bit).index] for bit in instruction.qubits)
        clbits = [places[1][circuit.find_bit(bit).index] for bit in instruction.clbits]
        name = instruction.operation.name
        found = _noise("before", name, qubits, case, found)
        if name == "if_else":
            found = _branch(
                instruction.operation, case, (list(qubits), clbits), circuit, places[1], found
            )
        elif name == "measure":
            found = _measure(case, qubits[0], clbits[0], found)
        else:
            channel = SuperOp(instruction.operation)
            found = {memory: rho.evolve(channel, qubits) for memory, rho in found.items()}
        found = _noise("after", name, qubits, case, found)
    return found


def _noise(when: str, name: str, qubits: tuple[int, ...], case: Case, found: Worlds) -> Worlds:
    for rule in case.rules:
        if rule.fits(when, name, qubits):
            channel = SuperOp(rule.channel.error)
            found = {memory: rho.evolve(channel, qubits) for memory, rho in found.items()}
    return found


def _measure(case: Case, qubit: int, bit: int, found: Worlds) -> Worlds:
    matrix = case.readouts.get(qubit, np.eye(2))
    parts = []
    for memory, rho in found.items():
        for true in (0, 1):
            projected = rho.evolve(SuperOp(Operator(np.diag([1 - true, true]))), [qubit])
            for read in (0, 1):
                after = memory[:bit] + (read,) + memory[bit + 1 :]
                parts.append((after, DensityMatrix(projected.data * matrix[true, read])))
    return _merged(parts)


def _branch(
    operation: Any,
    case: Case,
    places: tuple[list[int], list[int]],
    circuit: QuantumCircuit,
    outer: list[int],
    found: Worlds,
) -> Worlds:
    tested, value = operation.condition
    bits = [tested] if not isinstance(tested, ClassicalRegister) else list(tested)
    numbers = [outer[circuit.find_bit(bit).index] for bit in bits]
    parts = []
    for memory, rho in found.items():
        held = sum(memory[number] << k for k, number in enumerate(numbers))
        block = operation.blocks[0] if held == value else (operation.blocks[1:] + (None,))[0]
        after = {memory: rho} if block is None else _follow(block, case, places, {memory: rho})
        parts += after.items()
    return _merged(parts)


def _merged(parts: Sequence[tuple[tuple[int, ...], DensityMatrix]]) -> Worlds:
    merged: Worlds = {}
    for memory, rho in parts:
        merged[memory] = merged[memory] + rho if memory in merged else rho
    return merged
