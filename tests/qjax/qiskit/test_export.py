"""The way back to Qiskit: circuits that are exported mean, or are, the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Clbit, Qubit
from qiskit.circuit.library import CCXGate, real_amplitudes
from qiskit.quantum_info import Operator, Statevector

import qjax
from qjax.operations import (
    BOOL,
    Bits,
    Case,
    ClassicalType,
    Control,
    For,
    Literal,
    Measure,
    Register,
    Store,
    Switch,
    gate,
    parameter,
)
from tests.circuits import NAMED, circuit_of, error, matrix_of, random_circuit, random_values
from tests.dynamic import distribution
from tests.qjax.qiskit.conversions import MODIFIED

pytestmark = pytest.mark.usefixtures("x64")


def measured() -> QuantumCircuit:
    circuit = QuantumCircuit(QuantumRegister(3, "q"), ClassicalRegister(4, "c"))
    circuit.h(range(3))
    circuit.measure([2, 0], [1, 3])
    return circuit


BACK: dict[str, Callable[[], QuantumCircuit]] = {
    **NAMED,
    **{name: MODIFIED[name] for name in ("nested", "pauses", "control", "annotated control")},
    "standard": lambda: random_circuit(11, 4),
    "standard with parameters": lambda: random_circuit(12, 4, symbolic=True),
    "long vector": lambda: real_amplitudes(4, reps=2),
}


@pytest.mark.parametrize("name", BACK)
def test_there_and_back(name: str) -> None:
    circuit = BACK[name]()
    back = qjax.to_qiskit(qjax.from_qiskit(circuit))
    values = random_values(circuit)
    assert isinstance(back, QuantumCircuit)
    assert [p.name for p in back.parameters] == [p.name for p in circuit.parameters]
    assert error(matrix_of(back, values), matrix_of(circuit, values)) < 1e-12


@pytest.mark.parametrize("name", ["shared_angles", "interacting", "nested", "long vector"])
def test_there_and_back_and_there(name: str) -> None:
    circuit = qjax.from_qiskit(BACK[name]())
    values = random_values(BACK[name]())
    again = qjax.from_qiskit(qjax.to_qiskit(circuit))
    assert again.parameters == circuit.parameters
    assert error(qjax.statevector(again, values), qjax.statevector(circuit, values)) < 1e-12


def test_there_and_back_with_controls_of_a_matrix() -> None:
    """Qiskit 2.6 synthesizes a controlled matrix, and panics on this one."""
    gate = CCXGate().control(1, ctrl_state=0, annotated=True).inverse(annotated=True)
    gate = gate.power(3, annotated=True).control(1, ctrl_state=0, annotated=True)
    again = qjax.to_qiskit(qjax.from_qiskit(circuit_of(gate)))
    assert error(Operator(again).data, matrix_of(circuit_of(gate))) < 1e-12


def test_there_and_back_keeps_measurements() -> None:
    circuit = measured()
    back = qjax.to_qiskit(qjax.from_qiskit(circuit))
    places = [
        [
            (of.find_bit(step.qubits[0]).index, of.find_bit(step.clbits[0]).index)
            for step in of.data
            if step.operation.name == "measure"
        ]
        for of in (circuit, back)
    ]
    assert sorted(places[0]) == sorted(places[1])
    assert (back.num_qubits, back.num_clbits) == (3, 4)


# ---------------------------------------------------------------- circuits in Python


def turns(*names: str, unused: tuple[str, ...] = ()) -> qjax.Circuit:
    """A rotation about y by each parameter, on a qubit of its own."""
    ops = tuple(gate("ry", k, parameter(k)) for k in range(len(names)))
    return qjax.Circuit(num_qubits=len(names), ops=ops, parameters=(*names, *unused))


OTHER_ORDERS = {
    "numbers in names": turns("w2", "w10"),
    "not by the alphabet": turns("b", "a"),
    "not by index": turns("z[1]", "z[0]"),
    "an unused one": turns("a", "b", unused=("c",)),
}


@pytest.mark.parametrize("name", OTHER_ORDERS)
def test_another_order_of_parameters_is_told(name: str) -> None:
    circuit = OTHER_ORDERS[name]
    with pytest.warns(UserWarning, match=r"in Qiskit's circuit, \['.*by name, not by position"):
        back = qjax.to_qiskit(circuit)
    values = [0.3, 1.1, 0.0][: circuit.num_params]
    by_name = dict(zip(circuit.parameters, values, strict=True))
    bound = back.assign_parameters({p: by_name[p.name] for p in back.parameters})
    assert error(Statevector(bound).data, qjax.statevector(circuit, values)) < 1e-12


@pytest.mark.parametrize("names", [("a", "b"), ("z[2]", "z[10]"), ("a", "z[0]"), ()])
def test_qiskits_order_is_kept(names: tuple[str, ...]) -> None:
    circuit, values = turns(*names), random_values(QuantumCircuit(1))
    back = qjax.to_qiskit(circuit)  # a warning is an error here
    assert tuple(p.name for p in back.parameters) == names
    values = [0.3, 1.1][: len(names)]
    assert error(matrix_of(back, values)[:, 0], qjax.statevector(circuit, values)) < 1e-12


def test_the_remedy_of_the_warning() -> None:
    circuit = replace(turns("w2", "w10"), parameters=("x[0]", "x[1]"))
    assert qjax.from_qiskit(qjax.to_qiskit(circuit)) == circuit


TWO = ClassicalType("uint", 2)
FLIP, TURN = (gate("x", 2),), (gate("ry", 2, 0.4),)
BIT, NUMBER = Bits((0,), BOOL), Bits((0, 1), TWO)

SWITCHES = {
    "no register": Switch(NUMBER, (Case((2,), FLIP), Case(None, TURN))),
    "in another order": Switch(Bits((1, 0), TWO), (Case((2,), FLIP), Case(None, TURN))),
    "after all others": Switch(NUMBER, (Case((2,), FLIP), Case(None, TURN), Case((1,), FLIP))),
    "a value twice": Switch(NUMBER, (Case((2, 2, 3), FLIP), Case((3, 1), TURN), Case((1,), FLIP))),
    "never": Switch(NUMBER, ()),
    "no values": Switch(NUMBER, (Case((), FLIP),)),
    "a bit": Switch(BIT, (Case((0,), FLIP), Case((True,), TURN))),
    "a bit, and more": Switch(BIT, (Case((1, True), FLIP), Case(None, TURN), Case(None, FLIP))),
    "a store": Store(NUMBER, Literal(3, TWO)),
    "in a block": For(((Switch(BIT, (Case((1,), (Switch(NUMBER, (Case((1,), FLIP),)),)),)),),)),
}


@pytest.mark.parametrize("name", SWITCHES)
def test_switches_mean_the_same(name: str) -> None:
    """Every outcome is followed, by Qiskit, through the circuit that is written."""
    start = (gate("ry", 0, 0.7), gate("ry", 1, 1.9), Measure(0, 0), Measure(1, 1))
    end = (gate("h", 0), Measure(2, 2))
    circuit = qjax.Circuit(num_qubits=3, ops=(*start, SWITCHES[name], *end), num_clbits=3)
    written = qjax.to_qiskit(circuit)
    expected = np.zeros(8)
    for outcome, probability in distribution(written).items():
        expected[outcome] += probability
    found = qjax.SamplerQNN(circuit=circuit).apply(np.zeros(0), np.zeros(0))
    assert error(found, expected) < 1e-12


def test_a_register_is_made_of_bits_that_are_read_together() -> None:
    ops = (Switch(NUMBER, (Case((2,), FLIP),)), Store(Bits((1, 2), TWO), NUMBER))
    circuit = qjax.Circuit(
        num_qubits=3, ops=ops, num_clbits=3, registers=(Register("bits", (2,)), Register("b", (2,)))
    )
    written = qjax.to_qiskit(circuit)
    assert [(r.name, len(r)) for r in written.cregs] == [
        ("bits", 1), ("b", 1), ("bits_1", 2), ("bits_2", 2),
    ]  # fmt: skip
    assert qjax.from_qiskit(written).ops == circuit.ops


@pytest.mark.filterwarnings("ignore:to_qiskit")  # of another order
@pytest.mark.parametrize(
    "names",
    [
        ("x[0]", "x[00]"),
        ("x[1]", "x[\u0663]"),
        ("x[2]", "x[999999999]"),
        ("x[" + "9" * 5000 + "]", "x[0]"),
        ("x[1]", "x[3]"),
        ("x[2]", "x[10]"),
    ],
)
def test_there_and_back_keeps_names(names: tuple[str, str]) -> None:
    """Only what Qiskit writes is an element of a vector, and no vector is as long as any number."""
    ops = (gate("rx", 0, parameter(0)), gate("ry", 0, parameter(1)))
    circuit = qjax.Circuit(1, ops, names)
    back = qjax.from_qiskit(qjax.to_qiskit(circuit))
    assert set(back.parameters) == set(names)
    values = dict(zip(names, (0.3, 1.0), strict=True))
    expected = qjax.statevector(circuit, [0.3, 1.0])
    assert error(qjax.statevector(back, values), expected) < 1e-12


def test_elements_stay_in_numerical_order() -> None:
    ops = tuple(gate("rx", 0, parameter(place)) for place in range(3))
    back = qjax.to_qiskit(qjax.Circuit(1, ops, ("x[2]", "x[10]", "x[100000]")))
    assert [p.name for p in back.parameters] == ["x[2]", "x[10]", "x[100000]"]


@pytest.mark.parametrize("controls", [[1], [1, 2], [Control(1, 0)]])
def test_what_qiskit_has_no_gate_for(controls: list[int | Control]) -> None:
    """Qiskit defines an RV gate, and so its controls, for numbers only."""
    turned = gate("rv", 0, parameter(0), 0.2, 0.3, controls=controls)
    with pytest.raises(qjax.UnsupportedInstructionError, match="gate 'rv' with controls"):
        qjax.to_qiskit(qjax.Circuit(3, (turned,), ("a",)))
    known = qjax.Circuit(3, (gate("rv", 0, 0.1, 0.2, 0.3, controls=controls),))
    assert error(qjax.unitary(known), Operator(qjax.to_qiskit(known)).data) < 1e-12


def test_registers_over_the_same_bits() -> None:
    """As Qiskit has them: two names for the same."""
    bits = [Clbit(), Clbit()]
    registers = [ClassicalRegister(name=name, bits=bits) for name in "ab"]
    source = QuantumCircuit([Qubit()], bits, *registers)
    source.measure(0, 0)
    circuit = qjax.from_qiskit(source)
    assert [register.name for register in circuit.registers] == ["a", "b"]
    back = qjax.to_qiskit(circuit)
    assert [register.name for register in back.cregs] == ["a", "b"]
    assert qjax.from_qiskit(back) == circuit
