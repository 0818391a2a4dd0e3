"""Folded circuits do what they did, and are as long as was asked for."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import Parameter, ParameterVector, library
from qiskit.quantum_info import Operator, random_unitary

import qjax
from qjax._circuit.gates import GATES
from qjax.mitigation import fold
from qjax.operations import Control, gate, matrix_gate, parameter

NAMES = {
    1: "id x y z h s sdg t tdg sx sxdg p rx ry rz r u rv",
    2: "swap iswap dcx ecr rxx ryy rzz rzx xx_plus_yy xx_minus_yy",
}


def every_gate() -> qjax.Circuit:
    random = np.random.default_rng(1)
    ops = [gate("h", 0), gate("h", 1), gate("global_phase", (), 0.3)]
    for width, names in NAMES.items():
        for name in names.split():
            angles = random.uniform(-3, 3, GATES[name].num_angles)
            ops.append(gate(name, list(range(width))[::-1], *angles))
    ops += [
        gate("iswap", [0, 1], controls=[Control(2, 0)]),
        gate("s", 0, controls=[2]),
        gate("ry", 1, 2 * parameter(0) + 0.1, controls=[0, 2]),
        matrix_gate(random_unitary(2, seed=1).data, [1], controls=[2]),
    ]
    return qjax.Circuit(3, tuple(ops), ("theta",))


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("factor", [1, 1.5, 3])
def test_circuits_do_what_they_did(factor: float) -> None:
    circuit = every_gate()
    folded = fold(circuit, factor)
    assert folded.parameters == circuit.parameters
    size = len(circuit.ops) - 1  # without the phase
    assert len(folded.ops) - 1 == size + 2 * round(size * (factor - 1) / 2)
    expected = qjax.unitary(circuit, [0.7])
    assert abs(qjax.unitary(folded, [0.7]) - expected).max() < 1e-12


def qiskit_circuit() -> QuantumCircuit:
    x, a = ParameterVector("x", 2), Parameter("a")
    circuit = QuantumCircuit(2, 2, global_phase=0.2)
    circuit.rx(x[0], 0)
    circuit.cx(0, 1)
    circuit.s(1)
    circuit.crz(a * x[1], 0, 1)
    circuit.measure([0, 1], [1, 0])
    return circuit


@pytest.mark.parametrize("factor", [1, 2, 3, 5])
def test_circuits_of_qiskit(factor: int) -> None:
    circuit = qiskit_circuit()
    folded = fold(circuit, factor)
    assert folded.parameters == circuit.parameters
    operations = [one for one in folded.data if one.operation.name != "barrier"]
    assert len(operations) == 2 + 4 * factor
    assert [one.operation.name for one in operations[-2:]] == ["measure"] * 2
    numbers = [0.3, 0.4, 0.5]
    bare, longer = (one.remove_final_measurements(inplace=False) for one in (circuit, folded))
    assert Operator(longer.assign_parameters(numbers)) == Operator(bare.assign_parameters(numbers))
    lengths = [transpile(one, optimization_level=2).size() for one in (circuit, folded)]
    assert lengths[1] - lengths[0] == folded.size() - circuit.size()  # barriers keep what cancels


def test_foldings_are_spread_evenly() -> None:
    circuit = qjax.Circuit(1, tuple(gate("ry", 0, 0.1 * k) for k in range(6)))
    folded = fold(circuit, 5 / 3)
    angles = [one.operation.params[0] for one in qjax.to_qiskit(folded).data]
    assert np.allclose(angles, [0, 0.1, 0.2, -0.2, 0.2, 0.3, 0.4, 0.5, -0.5, 0.5])


def test_named_gates_alone_are_folded() -> None:
    folded = fold(qiskit_circuit(), 3, gates=("cx",))
    assert folded.count_ops() == {"cx": 3, "barrier": 2, "rx": 1, "s": 1, "crz": 1, "measure": 2}
    ours = qjax.Circuit(2, (gate("x", 1, controls=[0]), gate("h", 0)))
    assert fold(ours, 3, gates=["cx"]).ops == (ours.ops[0],) * 3 + ours.ops[1:]


@pytest.mark.parametrize("name", ["u2", "u3", "mcx", "mcphase", "cx_o0"])
def test_gates_have_the_names_that_qiskit_gives_them(name: str) -> None:
    circuit = QuantumCircuit(4)
    circuit.append(library.U2Gate(0.1, 0.2), [0])
    circuit.append(library.U3Gate(0.1, 0.2, 0.3), [0])
    circuit.mcx([0, 1, 2], 3)
    circuit.mcp(0.2, [0, 1], 2)
    circuit.cx(0, 1, ctrl_state=0)
    for one in (circuit, qjax.from_qiskit(circuit)):
        longer = qjax.to_qiskit(qjax.from_qiskit(fold(one, 3, gates=[name])))
        assert longer.size() == 7
        assert longer.count_ops()[name] == 3
        assert Operator(longer) == Operator(circuit)


def flow() -> QuantumCircuit:
    circuit = QuantumCircuit(1, 1)
    circuit.h(0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(0)
    return circuit


@pytest.mark.parametrize(
    ("circuit", "factor", "gates", "kind", "message"),
    [
        (qiskit_circuit(), 0.5, None, ValueError, "factor: expected a number of at least 1"),
        (qiskit_circuit(), np.nan, None, ValueError, "factor: expected"),
        (qiskit_circuit(), "3", None, TypeError, "factor: expected"),
        (qiskit_circuit(), True, None, TypeError, "factor: expected"),
        (qiskit_circuit(), 3, "cx", TypeError, "gates: expected names"),
        (qiskit_circuit(), 3, ["cz"], ValueError, r"no gates of the names \['cz'\]"),
        (QuantumCircuit(1), 3, None, ValueError, "no gates that could be folded"),
        (flow(), 3, None, ValueError, "control flow"),
        (qjax.from_qiskit(flow()), 3, None, ValueError, "control flow"),
        ("circuit", 3, None, TypeError, "expected a qiskit QuantumCircuit"),
    ],
)
def test_bad_input(
    circuit: object, factor: object, gates: object, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        fold(circuit, factor, gates=gates)
