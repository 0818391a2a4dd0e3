"""Noise models: where channels come to stand, by Qiskit's names and order of qubits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import library as lib

import qjax
from qjax._circuit.channels import BitNoise, Noise
from qjax._circuit.circuit import Circuit
from qjax._noise import final_misreadings, misreadings, noisy_circuit, reduced, structure_of
from qjax._noise.gate_names import name_of, qubits_in_order, size_of
from qjax.noise import NoiseModel, bit_flip, depolarizing, phase_flip, reset
from qjax.operations import For, Measure, Reset, Switch, While, gate

ONE, TWO = bit_flip(0.1), depolarizing(0.2, num_qubits=2)
JOINT = NoiseModel().readout(np.eye(4), qubits=(0, 1))


def placed(circuit: QuantumCircuit | Circuit, model: NoiseModel) -> list[Any]:
    return list(noisy_circuit(qjax.from_qiskit(circuit), structure_of(model)).ops)


def controlled(operation: Any, count: int, state: int | None = None) -> Any:
    return operation.control(count, ctrl_state=state, annotated=False)


LIBRARY = [
    lib.XGate(), lib.IGate(), lib.SXGate(), lib.U1Gate(0.1), lib.U2Gate(0.1, 0.2),
    lib.U3Gate(0.1, 0.2, 0.3), lib.PhaseGate(0.1), lib.UGate(0.1, 0.2, 0.3), lib.RVGate(1, 2, 3),
    lib.SwapGate(), lib.ECRGate(), lib.RZZGate(0.1), lib.XXPlusYYGate(0.1), lib.CXGate(),
    lib.CXGate(ctrl_state=0), lib.CZGate(), lib.CHGate(), lib.CSGate(), lib.CSdgGate(),
    lib.CSXGate(), lib.CSwapGate(), lib.CCXGate(), lib.CCXGate(ctrl_state=2), lib.CCZGate(),
    lib.CPhaseGate(0.1), lib.CRYGate(0.1), lib.CU1Gate(0.1), lib.CU3Gate(0.1, 0.2, 0.3),
    lib.C3XGate(), lib.C4XGate(), lib.C3SXGate(), lib.MCPhaseGate(0.1, 2), lib.MCXGate(5),
    controlled(lib.HGate(), 2), controlled(lib.RXGate(0.1), 3), controlled(lib.SwapGate(), 2, 1),
    controlled(lib.iSwapGate(), 1), lib.UnitaryGate(np.eye(2)[::-1]),
    controlled(lib.UnitaryGate(np.eye(2)[::-1]), 1), controlled(lib.U1Gate(0.1), 2),
]  # fmt: skip


@pytest.mark.parametrize("operation", LIBRARY, ids=lambda operation: operation.name)
def test_gates_have_qiskits_names_and_order(operation: Any) -> None:
    size = operation.num_qubits
    qubits = list(reversed(range(size)))
    circuit = QuantumCircuit(size)
    circuit.append(operation, qubits)
    (op,) = qjax.from_qiskit(circuit).ops
    assert name_of(op) == operation.name
    assert qubits_in_order(op) == tuple(qubits)
    assert size_of(operation.name) in (size, None)
    # The name is kept on the way back.
    imported = qjax.from_qiskit(circuit)
    assert qjax.from_qiskit(qjax.to_qiskit(imported)) == imported


def test_channels_stand_beside_what_they_are_for() -> None:
    circuit = QuantumCircuit(3)
    circuit.append(lib.U3Gate(0.1, 0.2, 0.3), [0])
    circuit.u(0.1, 0.2, 0.3, 0)
    circuit.cx(2, 0)
    circuit.cx(0, 2)
    circuit.reset(1)
    model = (
        NoiseModel()
        .after("u3", ONE)
        .before(["cx", "swap"], TWO, (2, 0))
        .after(("reset", "x"), reset(0.1), [1, 2])
        .after("cx", ONE.tensor(ONE), [(0, 2), (0, 1)])
        .after("cx", TWO)
    )
    shown = [op if isinstance(op, Noise) else name_of(op) for op in placed(circuit, model)]
    assert shown == [
        "u3",
        Noise(0, (0,)),
        "u",
        Noise(1, (2, 0)),
        "cx",
        Noise(4, (2, 0)),
        "cx",
        Noise(3, (0, 2)),
        Noise(4, (0, 2)),
        "reset",
        Noise(2, (1,)),
    ]


def test_amplitudes_and_matrices_have_noise() -> None:
    circuit = QuantumCircuit(3)
    circuit.append(qjax.AmplitudeEncoding(2), [2, 0])
    circuit.unitary(np.eye(2)[::-1], 1)
    model = NoiseModel().after("initialize", TWO).before("unitary", ONE).before("initialize", TWO)
    shown = [op if isinstance(op, Noise) else name_of(op) for op in placed(circuit, model)]
    start = [Noise(2, (2, 0)), "initialize", Noise(0, (2, 0))]
    assert shown == [*start, Noise(1, (1,)), "unitary"]


@pytest.mark.parametrize(("name", "label"), [("x", "u1"), ("u", "u1"), ("u", "mine")])
def test_gates_have_labels_of_their_own(name: str, label: str) -> None:
    angles = (0.1,) * len(gate("u", 0, 1, 2, 3).angles) if name == "u" else ()
    labelled = replace(gate(name, 0, *angles), label=label)
    with pytest.raises(ValueError, match=f"its label is '{label}'; expected None, or one of u1"):
        Circuit(1, (labelled,))


def test_what_nothing_applies_to_is_the_same_circuit() -> None:
    circuit = qjax.from_qiskit(lib.n_local(2, "ry", "cx", reps=1))
    model = NoiseModel().after("cz", TWO).readout(0.1)
    assert noisy_circuit(circuit, structure_of(model)) is circuit


def test_measurements_midway_are_misread() -> None:
    circuit = QuantumCircuit(3, 3)
    circuit.measure([0, 1], [1, 0])
    circuit.x([0, 1])
    circuit.measure([0, 1], [1, 0])
    model = (
        NoiseModel()
        .before("measure", ONE, 0)
        .after("measure", phase_flip(0.1))
        .readout(0.1, 0.2, qubits=[0, 2])
        .readout(np.eye(4)[::-1], qubits=(1, 0))
    )
    flip = gate("x", 0), gate("x", 1)
    start = (Noise(0, (0,)), Measure(0, 1), BitNoise(2, (1,)), Noise(1, (0,)))
    both = (Measure(1, 0), BitNoise(3, (0, 1)), Noise(1, (1,)))
    end = (Noise(0, (0,)), Measure(0, 1), BitNoise(2, (1,)), Measure(1, 0), BitNoise(3, (0, 1)))
    assert placed(circuit, model) == [*start, *both, *flip, *end]


def test_readout_errors_midway_act_in_their_order() -> None:
    # Those of one qubit wait for joint ones that come before them, and these for each other.
    circuit = QuantumCircuit(3, 3)
    circuit.measure([1, 2, 0], [0, 1, 2])
    circuit.x([0, 1, 2])
    swap = np.eye(4)[::-1]
    model = NoiseModel().readout(swap, qubits=(0, 1)).readout(0.1).readout(swap, qubits=(1, 2))
    structure = structure_of(model)
    noisy = noisy_circuit(qjax.from_qiskit(circuit), structure)
    misread = [(op.channel, op.clbits) for op in noisy.ops if isinstance(op, BitNoise)]
    assert misread == [(1, (1,)), (0, (2, 0)), (1, (2,)), (1, (0,)), (2, (0, 1))]


def test_final_measurements_are_misread_by_their_bits() -> None:
    model = NoiseModel().readout(0.1).readout(0.2, qubits=1).readout(np.eye(4), qubits=(2, 1))
    structure = structure_of(model)
    plain = qjax.from_qiskit(QuantumCircuit(3))
    assert misreadings(structure, [1]) == ((0, (1,)), (1, (1,)), (2, (2, 1)))
    assert final_misreadings(plain, structure) == (
        (0, (0,)), (0, (1,)), (0, (2,)), (1, (1,)), (2, (2, 1)),
    )  # fmt: skip
    measured = QuantumCircuit(3, 3)
    measured.measure([1, 2], [2, 0])
    circuit = qjax.from_qiskit(measured)
    assert sorted(final_misreadings(circuit, structure)) == [
        (0, (0,)), (0, (2,)), (1, (2,)), (2, (0, 2)),
    ]  # fmt: skip
    # Where something follows one of them, all are misread where they stand.
    measured.x(1)
    measured.measure(0, 1)
    measured.measure(1, 1)
    again = qjax.from_qiskit(measured)
    alone = structure_of(NoiseModel().readout(0.1))
    assert final_misreadings(again, alone) == ()
    misread = [op.clbits for op in noisy_circuit(again, alone).ops if isinstance(op, BitNoise)]
    assert misread == [(2,), (0,), (1,), (1,)]
    with pytest.raises(ValueError, match=r"\(2, 1\) are misread jointly.*not \[1\]"):
        final_misreadings(qjax.from_qiskit(one_measured()), structure)


def one_measured() -> QuantumCircuit:
    circuit = QuantumCircuit(3, 1)
    circuit.measure(2, 0)
    return circuit


def test_noise_stands_inside_of_control_flow() -> None:
    circuit = QuantumCircuit(2, 2)
    with circuit.if_test((0, 1)) as otherwise:
        circuit.x(0)
    with otherwise:
        circuit.measure(1, 1)
    with circuit.for_loop(range(2)):
        circuit.reset(0)
    with circuit.while_loop((1, 1)):
        circuit.x(1)
        circuit.measure(1, 1)
    model = NoiseModel().after("x", ONE).before("reset", ONE).readout(0.1)
    switch, loop, repeated = placed(circuit, model)
    assert isinstance(switch, Switch)
    assert isinstance(loop, For)
    assert isinstance(repeated, While)
    blocks = [case.block for case in switch.cases]
    assert blocks == [(gate("x", 0), Noise(0, (0,))), (Measure(1, 1), BitNoise(2, (1,)))]
    assert loop.iterations == ((Noise(1, (0,)), Reset(0)),) * 2
    assert repeated.block == (gate("x", 1), Noise(0, (1,)), Measure(1, 1), BitNoise(2, (1,)))


def test_a_model_is_a_pytree_of_its_strengths() -> None:
    model = NoiseModel().after("x", ONE).readout(0.25, 0.5).readout(0.125, qubits=0)
    leaves, structure = jax.tree.flatten(model)
    assert leaves == [0.1, 0.25, 0.5, 0.125]
    other = NoiseModel().after("x", bit_flip(0.3)).readout(0.1, 0.2).readout(0.1, qubits=[0])
    assert structure_of(other) == structure
    assert hash(structure_of(other)) == hash(structure)
    assert structure_of(other.after("y", ONE)) != structure
    np.testing.assert_allclose(model.readouts[0].matrix, [[0.75, 0.25], [0.5, 0.5]])
    np.testing.assert_allclose(model.readouts[1].matrix, [[0.875, 0.125], [0.125, 0.875]])
    # Misread bits are a channel on diagonal states.
    misread = model.channels[1].transfer_matrix
    states = np.array([[1, 0, 0, 1], [1, 0, 0, -1]])
    expected = [[1, 0, 0, 0.75 - 0.25], [1, 0, 0, 0.5 - 0.5]]
    np.testing.assert_allclose(states @ np.asarray(misread).T, expected, atol=1e-6)
    too_much = jax.jit(lambda p: NoiseModel().readout(p).readouts[0].matrix)(1.5)
    assert np.all(np.isnan(too_much))


def test_a_model_is_reduced_to_what_a_circuit_needs() -> None:
    circuit = QuantumCircuit(2, 1)
    circuit.x(0)
    with circuit.if_test((0, 1)):
        circuit.cx(0, 1)
    model = (
        NoiseModel(is_of_device=True)
        .after("y", ONE)
        .after("x", bit_flip(0.2), [5, 0])
        .after("x", ONE, 1)
        .after("cx", TWO)
        .readout(0.1, qubits=5)
        .readout(0.3)
    )
    small = reduced(model, qjax.from_qiskit(circuit))
    assert jax.tree.leaves(small) == [0.2, 0.2, 0.3]
    flip, noise, switch = placed(circuit, small)
    assert (flip, noise) == (gate("x", 0), Noise(0, (0,)))
    assert switch.cases[0].block == (gate("x", 1, controls=[0]), Noise(1, (0, 1)))


def test_a_model_serves_both_precisions() -> None:
    """Also while a program lives that has its numbers as constants."""
    circuit = QuantumCircuit(1)
    circuit.h(0)
    model = NoiseModel().after("h", depolarizing(0.1)).readout([[0.9, 0.1], [0.2, 0.8]])

    def value(angle: jax.Array) -> jax.Array:
        return angle * qjax.expectation(circuit, ["Z", "X"], noise=model)

    single = jax.jit(value)
    first = single(np.float32(1))
    with jax.enable_x64(True):
        second = value(np.float64(1))
        assert second.dtype == np.float64
    assert np.allclose(first, second, atol=1e-6)


def test_a_device_has_so_many_qubits() -> None:
    model = NoiseModel(num_qubits=2, is_of_device=True).after("x", ONE, 1)
    assert placed(QuantumCircuit(1), model) == []
    with pytest.raises(ValueError, match="device with 2 qubits, and the circuit has 3"):
        placed(QuantumCircuit(3), model)


def test_models_are_printed() -> None:
    model = NoiseModel().after(["x", "y"], ONE, [0, 2]).before("cx", TWO, (1, 0)).readout(0.1)
    assert str(model).splitlines() == [
        "NoiseModel:",
        "  after x, y on 0, 2: bit_flip(0.1)",
        "  before cx on (1, 0): depolarizing(0.2, num_qubits=2)",
        "  readout: misread(0.1)",
    ]
    assert str(NoiseModel()) == "NoiseModel()"


BAD: list[tuple[Callable[[], object], type[Exception], str]] = [
    (lambda: NoiseModel().after("xx", ONE), ValueError, "no operation is called 'xx'.*cx, ccx"),
    (lambda: NoiseModel().after("rccx", ONE), ValueError, "becomes gates of these"),
    (lambda: NoiseModel().after("ccu", ONE), ValueError, "no operation is called 'ccu'"),
    (lambda: NoiseModel().before("cu", TWO), ValueError, "'cu' is imported as two gates"),
    (
        lambda: NoiseModel().after("cx", ONE),
        ValueError,
        r"2 qubits.*tensor\(channel\) acts",
    ),
    (lambda: NoiseModel().after(["x", "cx"], TWO), ValueError, "'x' acts on 1 qubit, and"),
    (lambda: NoiseModel().after("cx_o1", TWO), ValueError, "expected 'cx', or a number below 1"),
    (lambda: NoiseModel().after("x_o0", ONE), ValueError, "expected 'x'$"),
    (lambda: NoiseModel().after("ccp", TWO), ValueError, "expected Qiskit's 'mcphase'"),
    (lambda: NoiseModel().after("reset_o1", ONE), ValueError, "no operation is called 'reset_o1'"),
    (lambda: NoiseModel().after("cx", TWO, (0, 1, 2)), ValueError, r"2 qubits, got \(0, 1, 2\)"),
    (lambda: NoiseModel().after("cx", TWO, (0, 0)), ValueError, "holds a qubit twice"),
    (lambda: NoiseModel().after("cx", TWO, [(0, 1)] * 2), ValueError, "different places"),
    (lambda: NoiseModel().after("x", ONE, ()), ValueError, "different places, at least one"),
    (lambda: NoiseModel().after("x", ONE, -1), ValueError, "qubits: expected a whole number"),
    (lambda: NoiseModel().after("x", ONE, {0, 1}), TypeError, "order is not fixed"),
    (lambda: NoiseModel().after("x", ONE, "0"), TypeError, "expected whole numbers.*str '0'"),
    (lambda: NoiseModel().after(3, ONE), TypeError, "Qiskit's name of a gate.*int 3"),
    (lambda: NoiseModel().after([], ONE), TypeError, "Qiskit's name of a gate.*list"),
    (lambda: NoiseModel().after("x", 0.1), TypeError, r"qjax\.noise\.Channel.*float 0\.1"),
    (lambda: NoiseModel().readout(1.5), ValueError, "p01: expected a number from 0 to 1, got 1.5"),
    (lambda: NoiseModel().readout(0.1, -1), ValueError, "p10: expected a number from 0 to 1"),
    (lambda: NoiseModel().readout(np.eye(2), 0.1), ValueError, "p10: got one beside a matrix"),
    (lambda: NoiseModel().readout(np.ones((2, 2))), ValueError, "rows of probabilities"),
    (lambda: NoiseModel().readout(np.eye(3)), ValueError, r"shape \(2\*\*k, 2\*\*k\)"),
    (lambda: NoiseModel().readout(np.eye(4)), ValueError, "qubits: expected the 2 qubits"),
    (lambda: NoiseModel().readout("0.1"), TypeError, "matrix_or_p01: got"),
    (lambda: placed(QuantumCircuit(1), NoiseModel().after("x", ONE, 1)), ValueError, "more qubits"),
    (lambda: placed(QuantumCircuit(1), NoiseModel().readout(0.1, qubits=1)), ValueError, "more"),
    (
        lambda: placed(wide(), NoiseModel().after("unitary", ONE)),
        ValueError,
        "2 qubits, and bit",
    ),
    (
        lambda: placed(apart(), JOINT),
        ValueError,
        r"misread jointly.*stands apart from the measurement of \[1\]",
    ),
    (
        lambda: placed(
            shown((0, 0), (0, 1), (1, 2)), NoiseModel().readout(np.eye(4), qubits=(0, 1))
        ),
        ValueError,
        r"misread jointly.*one of them twice",
    ),
    (
        lambda: placed(shown((0, 0), (1, 0)), JOINT),
        ValueError,
        r"misread jointly.*into a bit that is overwritten",
    ),
]


def wide() -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    circuit.unitary(np.eye(4), [0, 1])
    return circuit


def shown(*places: tuple[int, int]) -> QuantumCircuit:
    circuit = QuantumCircuit(2, 3)
    circuit.measure(*zip(*places, strict=True))
    return circuit


def apart() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2)
    circuit.measure(0, 0)
    circuit.x(0)
    circuit.measure(1, 1)
    return circuit


@pytest.mark.parametrize(("make", "kind", "message"), BAD)
def test_bad_rules_are_refused(
    make: Callable[[], object], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        make()
