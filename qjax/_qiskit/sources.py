"""Floor 3. Rows of angles -> values from one of Qiskit's primitives: one pub per call."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from qiskit import QuantumCircuit
from qiskit.primitives import DataBin
from qiskit.quantum_info import Operator, SparseObservable, SparsePauliOp

from qjax._circuit.circuit import Circuit
from qjax._circuit.measurements import (
    measured_bits,
    measured_qubits,
    measurements,
    without_final_measurements,
)
from qjax._circuit.observable import DenseObservable, Observable, PauliTerm
from qjax._circuit.operations import Measure, Register
from qjax._expressions import Expression
from qjax._qiskit.distribution import probabilities_of_states, states_of
from qjax._qiskit.export import as_qiskit


@dataclass(frozen=True, eq=False)
class Held:
    """An object of someone else's: equal to itself only, and not copied."""

    value: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Held) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)

    def __deepcopy__(self, memo: dict) -> "Held":
        return self


class Sent(NamedTuple):
    """What the primitive gets, made once.

    Attributes:
        circuit: as the pass manager leaves it.
        columns: the angle that each of its parameters is.
    """

    circuit: QuantumCircuit
    columns: list[int]

    def parameters(self, rows: np.ndarray) -> np.ndarray:
        """The parameter sets of a pub.

        Raises:
            ValueError: for NaN and infinity.
        """
        if not np.isfinite(rows).all():
            raise ValueError(
                "weights or inputs: an angle is NaN or infinite, which no primitive can run; "
                "expected finite numbers"
            )
        return rows[:, self.columns]


@dataclass(frozen=True)
class EstimatorSource:
    """Expectation values by an estimator.

    Attributes:
        circuit: its parameters are `angle[0]`, `angle[1]` and so on.
        observables: what is estimated.
        primitive, pass_manager: held as they are.
        accuracy: the precision to ask for; None for the estimator's own.
    """

    circuit: Circuit
    observables: tuple[Observable, ...]
    primitive: Held
    pass_manager: Held | None
    accuracy: float | None

    @property
    def num_outputs(self) -> int:
        return len(self.observables)

    @cached_property
    def sent(self) -> Sent:
        ops = without_final_measurements(self.circuit)
        bare = Circuit(self.circuit.num_qubits, ops, self.circuit.parameters)
        return _sent(bare, self.pass_manager)

    @cached_property
    def operators(self) -> dict[int, SparsePauliOp]:
        """The observables on the qubits of what is sent; zeros, which Qiskit refuses, left out."""
        layout = self.sent.circuit.layout
        operators = {k: _sparse(observable) for k, observable in enumerate(self.observables)}
        return {
            k: operator if layout is None else operator.apply_layout(layout)
            for k, operator in operators.items()
            if operator.coeffs.any()
        }

    def run(self, rows: Float[np.ndarray, "rows angles"]) -> Float[np.ndarray, "rows outputs"]:
        """Estimate all observables for all rows."""
        values = np.zeros((len(rows), self.num_outputs))
        if not len(rows) or not self.operators:
            return values
        pub: tuple = (self.sent.circuit, list(self.operators.values()))
        if self.sent.columns:
            pub = (*pub, self.sent.parameters(rows)[:, None])
        options = {} if self.accuracy is None else {"precision": self.accuracy}
        result = self.primitive.value.run([pub], **options).result()[0]
        values[:, list(self.operators)] = np.asarray(result.data.evs, np.float64)
        return values


@dataclass(frozen=True)
class SamplerSource:
    """Frequencies of outputs by a sampler.

    Attributes:
        circuit: its parameters are `angle[0]`, `angle[1]` and so on; without measurements, all
            qubits are measured.
        targets: `2**k` int32 in bytes: the output that each state of the k qubits that are
            measured, in their order, counts for.
        num_outputs: how many there are.
        primitive, pass_manager: held as they are.
        accuracy: the shots to ask for; None for the sampler's own.
    """

    circuit: Circuit
    targets: bytes
    num_outputs: int
    primitive: Held
    pass_manager: Held | None
    accuracy: int | None

    @cached_property
    def sent(self) -> Sent:
        circuit, ops, size = self.circuit, self.circuit.ops, self.circuit.num_clbits
        if not measurements(circuit):
            size = circuit.num_qubits
            ops += tuple(Measure(qubit, qubit) for qubit in range(size))
        # Samples come by register: one has them all.
        registers = (Register("c", tuple(range(size))),)
        whole = Circuit(circuit.num_qubits, ops, circuit.parameters, size, registers)
        return _sent(whole, self.pass_manager)

    def run(self, rows: Float[np.ndarray, "rows angles"]) -> Float[np.ndarray, "rows outputs"]:
        """The frequency of each output for all rows."""
        if not len(rows):
            return np.zeros((0, self.num_outputs))
        targets = np.frombuffer(self.targets, np.int32)
        data = self._sampled(rows, self.accuracy)
        exact = self._probabilities(data)
        if exact is not None:
            shares = np.zeros((self.num_outputs, len(exact)))
            np.add.at(shares, targets, exact.T)
            return np.broadcast_to(shares.T, (len(rows), self.num_outputs))
        outputs = targets[self._states(data, len(rows))]
        places = outputs + self.num_outputs * np.arange(len(outputs))[:, None]
        counts = np.bincount(places.ravel(), minlength=len(outputs) * self.num_outputs)
        return counts.reshape(len(outputs), self.num_outputs) / outputs.shape[1]

    def states(
        self, rows: Float[np.ndarray, "rows angles"], shots: int | None
    ) -> Int[np.ndarray, "rows shots"]:
        """The state of the measured qubits in each shot.

        Raises:
            TypeError: where the sampler returns something else than samples.
        """
        return self._states(self._sampled(rows, shots), len(rows))

    def _sampled(self, rows: np.ndarray, shots: int | None) -> DataBin:
        pub: tuple = (self.sent.circuit,)
        if self.sent.columns:
            pub = (*pub, self.sent.parameters(rows))
        options = {} if shots is None else {"shots": shots}
        return self.primitive.value.run([pub], **options).result()[0].data

    def _states(self, data: DataBin, count: int) -> Int[np.ndarray, "rows shots"]:
        states = sum(states_of(data[name], places) for name, places in self._registers)
        return np.broadcast_to(states, (count, np.shape(states)[-1]))

    def _probabilities(self, data: DataBin) -> Float[np.ndarray, "rows states"] | None:
        (name, places), *others = self._registers
        if others:
            return None
        qubits = len(measured_qubits(self.circuit))
        exact = probabilities_of_states(data[name], places, qubits)
        return None if exact is None else exact.reshape(-1, exact.shape[-1])

    @property
    def _registers(self) -> list[tuple[str, dict[int, int]]]:
        """Bit of the state for each bit of each classical register that is measured into."""
        circuit, sources = self.sent.circuit, measured_bits(self.circuit)
        state_bit = {qubit: bit for bit, qubit in enumerate(measured_qubits(self.circuit))}
        registers = []
        for register in circuit.cregs:
            shown = [sources[circuit.find_bit(bit).index] for bit in register]
            places = {bit: state_bit[qubit] for bit, qubit in enumerate(shown) if qubit is not None}
            registers.append((register.name, places))
        return registers


Source = EstimatorSource | SamplerSource


def _sent(circuit: Circuit, pass_manager: Held | None) -> Sent:
    written = as_qiskit(circuit)
    if pass_manager is not None:
        written = pass_manager.value.run(written)
    return Sent(written, [angle.index for angle in written.parameters])


def _sparse(observable: Observable) -> SparsePauliOp:
    if isinstance(observable, DenseObservable):
        return SparsePauliOp.from_operator(Operator(observable.matrix.array))
    size = observable.num_qubits
    terms = [(_label(term, size), _number(term.coefficient)) for term in observable.terms]
    written = SparseObservable.from_list(terms, num_qubits=size)
    return SparsePauliOp.from_sparse_observable(written).simplify(atol=0, rtol=0)


def _number(coefficient: float | Expression) -> float:
    assert not isinstance(coefficient, Expression), "checked before"
    return coefficient


def _label(term: PauliTerm, num_qubits: int) -> str:
    letters = ["IZXY"[2 * (term.x >> q & 1) + (term.z >> q & 1)] for q in range(num_qubits)]
    for qubit, letter in term.projectors:
        letters[qubit] = letter
    return "".join(letters)[::-1]
