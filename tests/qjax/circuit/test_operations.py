"""Circuits that are written down in Python: equal to Qiskit's, of equal value."""

from __future__ import annotations

import dataclasses
import pickle
import textwrap
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Parameter
from qiskit.circuit.classical import expr, types
from qiskit.quantum_info import DensityMatrix, Pauli, Statevector, partial_trace, random_unitary

import qjax
from bridge import TorchConnector
from qjax._circuit.gates import GATES
from qjax.operations import (
    BOOL,
    Amplitudes,
    Bits,
    Case,
    ClassicalOperation,
    ClassicalType,
    Control,
    Declaration,
    Expression,
    For,
    Literal,
    Measure,
    Register,
    Reset,
    Store,
    Switch,
    Variable,
    compose,
    constant,
    gate,
    matrix_gate,
    parameter,
)
from tests.circuits import bind, error, state_of, value_of

A, B = Parameter("a"), Parameter("b")
UNITARY = random_unitary(4, seed=3).data


@dataclass(frozen=True)
class Pair:
    """One circuit, written down here and built with Qiskit."""

    ops: tuple
    source: Callable[[QuantumCircuit], object]
    parameters: tuple[str, ...] = ()

    @property
    def written(self) -> qjax.Circuit:
        return qjax.Circuit(num_qubits=3, ops=self.ops, parameters=self.parameters)

    @property
    def built(self) -> QuantumCircuit:
        circuit = QuantumCircuit(3)
        self.source(circuit)
        return circuit


PAIRS = {
    "plain gates": Pair(
        (gate("h", 0), gate("ry", 1, 0.3), gate("rzz", (2, 0), -1.5)),
        lambda c: (c.h(0), c.ry(0.3, 1), c.rzz(-1.5, 2, 0)),
    ),
    "controls": Pair(
        (
            gate("h", [0]),
            gate("x", 1, controls=0),
            gate("x", 2, controls=[0, Control(1, 0)]),
            gate("rx", 0, parameter(0), controls=Control(2, 0)),
        ),
        lambda c: (c.h(0), c.cx(0, 1), c.ccx(0, 1, 2, ctrl_state=1), c.crx(A, 2, 0, ctrl_state=0)),
        ("a",),
    ),
    "several angles": Pair(
        (gate("u", 2, parameter(0), 0.2, parameter(1)), gate("global_phase", (), parameter(1))),
        lambda c: (c.u(A, 0.2, B, 2), setattr(c, "global_phase", 0), c.append(phase(B), [])),
        ("a", "b"),
    ),
    "a matrix": Pair(
        (matrix_gate(UNITARY, (2, 0)), matrix_gate(np.diag([1, 1j]), 1)),
        lambda c: (c.unitary(UNITARY, [2, 0]), c.unitary(np.diag([1, 1j]), [1])),
    ),
    "nothing": Pair((), lambda _: None),
}


def phase(angle: Parameter) -> object:
    circuit = QuantumCircuit(0, global_phase=angle)
    return circuit.to_gate()


@pytest.mark.parametrize("name", PAIRS)
def test_the_same_value_as_built_with_qiskit(name: str) -> None:
    pair = PAIRS[name]
    written, built = pair.written, qjax.from_qiskit(pair.built)
    assert written == built
    assert hash(written) == hash(built)


@pytest.mark.parametrize("name", PAIRS)
def test_the_same_values_as_qiskit(name: str, x64: None) -> None:
    pair = PAIRS[name]
    values = np.linspace(0.4, 1.1, len(pair.parameters))
    assert error(qjax.statevector(pair.written, values), state_of(pair.built, values)) < 1e-12


def test_every_gate_has_its_name(x64: None) -> None:
    """Built by name, each is its row in the table, and comes back from Qiskit."""
    for name, kind in GATES.items():
        angles = np.linspace(0.2, 0.9, kind.num_angles)
        made = gate(name, tuple(range(kind.num_qubits)), *angles)
        circuit = qjax.Circuit(num_qubits=2, ops=(made,))
        assert qjax.from_qiskit(qjax.to_qiskit(circuit)) == circuit, name
        assert name in gate.__doc__.replace("\n", " ").replace(",", " ").split(), name


FORMULAS: dict[str, tuple[Expression, object]] = {
    "a sum": (parameter(0) + parameter(1), A + B),
    "a product": (2 * parameter(0), 2 * A),
    "a difference": (1 - parameter(0) - 0.5, 1 - A - 0.5),
    "a quotient": (parameter(0) / 3 + 1 / parameter(1), A / 3 + 1 / B),
    "powers": (parameter(0) ** 2 + 2 ** parameter(1), A**2 + 2**B),
    "the negative": (-parameter(0), -A),
    "a sine": (compose("sin", [parameter(0) * parameter(1)]), (A * B).sin()),
    "an arctangent": (compose("arctan", [parameter(0)]) * 0.5, A.arctan() * 0.5),
    "a number of NumPy": (np.float64(0.5) * parameter(0) + np.float32(0.25), 0.5 * A + 0.25),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_expressions_are_qiskits(name: str, x64: None) -> None:
    angle, formula = FORMULAS[name]
    circuit = QuantumCircuit(1)
    circuit.rx(A, 0)
    circuit.ry(B, 0)
    circuit.rx(formula, 0)
    ops = (gate("rx", 0, parameter(0)), gate("ry", 0, parameter(1)), gate("rx", 0, angle))
    written = qjax.Circuit(num_qubits=1, ops=ops, parameters=("a", "b"))
    values = np.array([0.7, -1.3])
    assert error(qjax.statevector(written, values), state_of(circuit, values)) < 1e-12
    slope = jax.grad(lambda p: qjax.expectation(written, "Y", p))(values)
    step = 1e-6 * np.eye(2)
    there = [
        value_of(circuit, Pauli("Y"), values + s) - value_of(circuit, Pauli("Y"), values - s)
        for s in step
    ]
    assert error(slope, np.array(there) / 2e-6) < 1e-7


def ansatz() -> qjax.Circuit:
    ops = (
        gate("h", 0),
        gate("ry", 0, parameter(0)),
        gate("ry", 1, 2 * parameter(1)),
        gate("x", 1, controls=0),
        gate("rx", 0, parameter(2), controls=[1]),
    )
    return qjax.Circuit(num_qubits=2, ops=ops, parameters=("x", "theta", "phi"))


VALUES = np.array([0.3, -0.8, 1.7])


def qiskits_ansatz() -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.ry(VALUES[0], 0)
    circuit.ry(2 * VALUES[1], 1)
    circuit.cx(0, 1)
    circuit.crx(VALUES[2], 1, 0)
    return circuit


def test_every_function_takes_it(x64: None) -> None:
    circuit, source = ansatz(), qiskits_ansatz()
    state = Statevector(source)
    assert error(qjax.statevector(circuit, VALUES), state.data) < 1e-12
    by_name = dict(zip(circuit.parameters, VALUES, strict=True))
    assert error(qjax.statevector(circuit, by_name), state.data) < 1e-12
    assert error(qjax.probabilities(circuit, VALUES, [1]), state.probabilities([1])) < 1e-12
    assert error(qjax.expectation(circuit, ["ZX", "YY"], VALUES), [
        value_of(source, Pauli("ZX")), value_of(source, Pauli("YY")),
    ]) < 1e-12  # fmt: skip
    with pytest.warns(UserWarning, match=r"by name, not by position"):
        back = qjax.to_qiskit(circuit)
    bound = bind(back, [by_name[each.name] for each in back.parameters])
    assert error(qjax.unitary(circuit, VALUES)[:, 0], Statevector(bound).data) < 1e-12
    assert qjax.sample(circuit, VALUES, 5, jax.random.key(0)).shape == (5, 2)
    assert qjax.quantum_fisher_information(circuit, VALUES).shape == (3, 3)
    assert "2 qubits, 5 gates" in str(qjax.plan(circuit, inputs=["x"]))
    assert isinstance(qjax.plan(circuit), qjax.Plan)


def test_networks_take_it(x64: None) -> None:
    circuit, source = ansatz(), qiskits_ansatz()
    roles = {"input_params": ["x"], "weight_params": {"angles": ["theta", "phi"]}}
    estimator = qjax.EstimatorQNN(circuit=circuit, observables=["ZZ", "IX"], **roles)
    tree = {"angles": jnp.asarray(VALUES[1:])}
    expected = [value_of(source, Pauli("ZZ")), value_of(source, Pauli("IX"))]
    assert error(estimator.apply(tree, VALUES[:1]), expected) < 1e-12
    layer = TorchConnector(estimator, tree)
    assert error(layer(torch.as_tensor(VALUES[:1])).detach(), expected) < 1e-6
    remote = estimator.replace(estimator=qjax.primitives.Estimator(exact=True))
    assert error(remote.apply(tree, VALUES[:1]), expected) < 1e-12
    assert isinstance(remote.num_circuits(3), qjax.CircuitCount)
    sampler = qjax.SamplerQNN(circuit=circuit, **roles)
    assert error(sampler.apply(tree, VALUES[:1]), Statevector(source).probabilities()) < 1e-12


def test_numbers_are_of_python_numpy_and_jax(x64: None) -> None:
    expected = gate("ry", 0, float(np.float32(0.3)))
    for number in (np.float32(0.3), jnp.float32(0.3), jnp.asarray(0.3, jnp.float32)):
        assert gate("ry", 0, number) == expected
    assert gate("ry", 0, jnp.int32(2)) == gate("ry", 0, 2)
    parts = (constant(0.6), constant(0.8))
    assert (
        Amplitudes((0,), (0.6, 0.8))
        == Amplitudes(0, jnp.array([0.6, 0.8]))
        == Amplitudes((0,), parts)
    )
    circuit = qjax.Circuit(num_qubits=1, ops=(Amplitudes(0, (3, 0), (0.0, -4.0)),))
    assert error(qjax.statevector(circuit), np.array([0.6, -0.8j])) < 1e-12
    again = pickle.loads(pickle.dumps(circuit))
    assert again == circuit
    assert dataclasses.replace(circuit.ops[0], qubits=(1,)).qubits == (1,)


def test_amplitudes_are_normalised(x64: None) -> None:
    real = tuple(map(parameter, range(4)))
    circuit = qjax.Circuit(
        num_qubits=3, ops=(Amplitudes((0, 2), real),), parameters=("a", "b", "c", "d")
    )
    source = QuantumCircuit(3)
    source.initialize(np.array([1, 2, -2, 4]) / 5, [0, 2])
    assert error(qjax.statevector(circuit, [1.0, 2, -2, 4]), state_of(source)) < 1e-12


def test_measurements_are_qiskits() -> None:
    source = QuantumCircuit(QuantumRegister(2), ClassicalRegister(2, "m"))
    source.h(0)
    source.measure([0, 1], [1, 0])
    circuit = qjax.Circuit(
        num_qubits=2,
        ops=(gate("h", 0), Measure(0, 1), Measure(1, 0)),
        num_clbits=2,
        registers=(Register("m", (0, 1)),),
    )
    assert circuit == qjax.from_qiskit(source)


def test_control_flow_is_qiskits(x64: None) -> None:
    source = QuantumCircuit(2, 1)
    source.h(0)
    source.measure(0, 0)
    with source.if_test((source.clbits[0], 1)) as otherwise:
        source.ry(0.4, 1)
    with otherwise:
        source.ry(0.9, 1)
    source.reset(0)
    bit = Bits((0,), BOOL)
    ops = (
        gate("h", 0),
        Measure(0, 0),
        Switch(bit, (Case((1,), (gate("ry", 1, 0.4),)), Case(None, (gate("ry", 1, 0.9),)))),
        Reset(0),
    )
    circuit = qjax.Circuit(num_qubits=2, ops=ops, num_clbits=1)
    expected = sum(
        partial_trace(DensityMatrix(turned(angle)), [0]).data / 2 for angle in (0.4, 0.9)
    )
    found = [qjax.expectation(circuit, label + "I") for label in "XYZ"]
    paulis = [np.array(m) for m in ([[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]])]
    assert error(found, [np.trace(expected @ m).real for m in paulis]) < 1e-12
    assert error(found, [qjax.expectation(source, label + "I") for label in "XYZ"]) < 1e-12


def turned(angle: float) -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    circuit.ry(angle, 1)
    return circuit


def test_loops_and_variables_are_qiskits(x64: None) -> None:
    source = QuantumCircuit(1, 1)
    count = source.add_var("count", expr.lift(0, types.Uint(8)))
    with source.for_loop(range(3)):
        source.ry(0.3, 0)
        source.store(count, expr.bit_xor(count, expr.lift(1, count.type)))
    kind = ClassicalType("uint", 8)
    variable = Variable(0, kind)
    flip = ClassicalOperation("bit_xor", (variable, Literal(1, kind)), kind)
    block = (gate("ry", 0, 0.3), Store(variable, flip))
    last = Switch(variable, (Case((1,), (gate("x", 0),)),))
    circuit = qjax.Circuit(
        num_qubits=1,
        ops=(Store(variable, Literal(0, kind)), For((block,) * 3), last),
        num_clbits=1,
        variables=(Declaration("count", kind),),
    )
    with source.switch(count) as case, case(1):
        source.x(0)
    assert error(qjax.expectation(circuit, "Z"), -np.cos(0.9)) < 1e-12
    assert error(qjax.expectation(source, "Z"), -np.cos(0.9)) < 1e-12


def test_the_examples_of_the_documentation_are_circuits() -> None:
    names = vars(qjax.operations) | {"qjax": qjax}
    text = (qjax.operations.__doc__ or "").replace("\n\n    ", "\n    ")
    indented = [line for line in text.splitlines() if line.startswith("    ") or not line]
    circuits = []
    for block in "\n".join(indented).split("\n\n"):
        if "Circuit(" in block:
            exec(textwrap.dedent(block), names)
            circuits.append(names["circuit"])
    first, second = circuits
    assert (first.num_params, first.num_clbits) == (1, 1)
    # A loop without a bound, whose bit is that of the last toss.
    bits = qjax.sample(second, (), 50, jax.random.key(0), method="trajectories")
    assert set(np.unique(bits)) == {0, 1}
    assert qjax.from_qiskit(qjax.to_qiskit(second)).variables == second.variables
