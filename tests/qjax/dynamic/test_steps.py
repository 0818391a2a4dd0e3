"""Channels, misread bits and resets of mixed states, against every branch followed with Qiskit."""

from __future__ import annotations

import numpy as np
import pytest

from qjax import Circuit
from qjax._circuit.channels import BitNoise, FixedChannel, Noise
from qjax._circuit.control_flow import Op
from qjax._dynamic.deferral import deferred
from qjax.operations import (
    BOOL,
    Amplitudes,
    Bits,
    Case,
    Control,
    Gate,
    Measure,
    Reset,
    Switch,
    gate,
)
from tests.noisy_dynamic import disturbed, mixture, mixture_of_form, random_noisy_circuit

TOLERANCE = 1e-12
MOST_QUBITS = 7


def compare(circuit: Circuit, coherences: bool = True) -> Circuit:
    """The form, whose bits and qubits must be those of the branches, jointly."""
    everything = frozenset(range(circuit.num_qubits))
    form = deferred(circuit, everything, mixed=True)
    if form.num_qubits > MOST_QUBITS:
        return form
    wanted, values = mixture(circuit), mixture_of_form(form, circuit)
    nothing = np.zeros((2**circuit.num_qubits,) * 2)
    for bits in wanted.keys() | values.keys():
        difference = values.get(bits, nothing) - wanted.get(bits, nothing)
        assert abs(difference if coherences else np.diag(difference)).max() < TOLERANCE, bits
    return form


def compare_without_bits(circuit: Circuit) -> Circuit:
    """The form of a circuit whose bits nobody looks at, of which the qubits must be the same."""
    everything = frozenset(range(circuit.num_qubits))
    form = deferred(circuit, everything, mixed=True, bits=False)
    if form.num_qubits <= MOST_QUBITS:
        (found,) = mixture_of_form(form, circuit).values()
        assert abs(found - sum(mixture(circuit).values())).max() < TOLERANCE
    return form


def where(clbit: int, *block: Op) -> Switch:
    return Switch(Bits((clbit,), BOOL), (Case((1,), block),))


# ---------------------------------------------------------------- any circuit


@pytest.mark.parametrize("seed", range(70))
def test_random_circuits(seed: int) -> None:
    circuit = random_noisy_circuit(seed)
    compare(circuit, coherences=False)
    compare(disturbed(circuit))
    compare_without_bits(disturbed(circuit))


@pytest.mark.parametrize("seed", range(20))
def test_random_circuits_without_noise(seed: int) -> None:
    compare(disturbed(random_noisy_circuit(seed, noisy=False)))


# ---------------------------------------------------------------- qubits that are not added

START = (gate("ry", 0, 0.8), gate("x", 1, controls=0), gate("ry", 1, 0.3))


def num_added(*ops: Op, num_qubits: int = 2, num_clbits: int = 2) -> int:
    """How many qubits the exact form has beside its own, which is compared with the branches."""
    circuit = Circuit(num_qubits, ops, (), num_clbits)
    return compare(circuit).num_qubits - num_qubits


def test_a_reset_is_a_channel_also_where_a_block_runs() -> None:
    assert num_added(*START, Reset(0), gate("h", 0)) == 0
    circuit = Circuit(2, (*START, Measure(1, 0), where(0, Reset(0)), gate("h", 1)), (), 1)
    form = compare(circuit)
    assert form.num_qubits == 3  # the bit is asked at the end, and its qubit is changed
    noise = [op for op in form.ops if isinstance(op, Noise)]
    assert noise == [Noise(FixedChannel.RESET, (0,), (Control(1, 1),))]


def test_what_is_not_asked_has_no_record() -> None:
    """The bit is overwritten before anything reads it."""
    rounds = (Measure(0, 0), gate("h", 0)) * 5
    assert num_added(*START, *rounds, Measure(0, 0)) == 0
    # Without channels, each outcome has one.
    circuit = Circuit(2, (*START, *rounds), (), 2)
    assert deferred(circuit).num_qubits > 3


def test_bits_that_nobody_looks_at_have_no_records() -> None:
    read = (*START, Measure(0, 0), where(0, gate("h", 1)))
    ops = (*read, gate("h", 0), Measure(1, 1), gate("h", 1), Measure(0, 1), gate("s", 0))
    circuit = Circuit(2, ops, (), 2)
    assert compare(circuit).num_qubits == 3
    assert compare_without_bits(circuit).num_qubits == 2


def test_records_are_used_again() -> None:
    """Each bit is asked once, after its qubit was changed, then overwritten."""
    turn = (Measure(0, 0), gate("h", 0), where(0, gate("ry", 1, 0.7)))
    assert num_added(*START, *turn * 6) == 1


def test_what_starts_later_has_a_wire_that_nothing_was_done_to() -> None:
    start = Amplitudes((1,), (0.6, 0), (0, 0.8))
    assert num_added(*START, Measure(1, 0), start, gate("x", 0, controls=1), start) == 2


def test_known_values_end_where_channels_act() -> None:
    """Qubit 1 holds 1 before the channel, which the gate that it controls must not rely on."""
    noise, controlled = Noise(1, (1,)), gate("x", 0, controls=1)
    assert num_added(Reset(0), gate("x", 1), noise, controlled, Measure(1, 0), gate("h", 1)) == 1
    # The qubits are equal before the channel: the reset may not copy one from the other.
    equal = (gate("h", 0), gate("x", 1, controls=0))
    assert num_added(*equal, noise, Measure(0, 0), Measure(1, 1), gate("h", 0), gate("h", 1)) == 2


# ---------------------------------------------------------------- bits that are misread


def test_a_misread_bit_decides_and_its_qubit_is_as_it_was() -> None:
    ops = (gate("ry", 0, 0.8), Measure(0, 0), BitNoise(4, (0,)), where(0, gate("x", 1)))
    form = compare(Circuit(2, ops, (), 1))
    assert [op for op in form.ops if isinstance(op, Noise)] == [Noise(4, (2,))]
    joint = mixture(Circuit(2, ops, (), 1))
    one = np.sin(0.4) ** 2
    np.testing.assert_allclose(np.diag(joint[1,]).real, [0, 0, 0.1 * (1 - one), 0.75 * one])


def test_a_bit_is_misread_in_a_block_that_it_decides() -> None:
    twice = (Measure(0, 0), where(0, BitNoise(4, (0,)), where(0, gate("x", 1))), gate("h", 0))
    num_added(gate("ry", 0, 0.8), *twice, BitNoise(4, (0,)), num_clbits=1)


def test_bits_that_were_one_outcome_are_misread_apart_and_together() -> None:
    ops = (gate("ry", 0, 0.8), Measure(0, 0), Measure(0, 1))
    num_added(*ops, BitNoise(4, (1,)), gate("h", 0))
    num_added(*ops, BitNoise(5, (1, 0)), gate("h", 0))
    num_added(BitNoise(5, (0, 1)), where(0, gate("h", 0)))


# ---------------------------------------------------------------- forms


def test_coherences_of_a_qubit_whose_outcome_is_read() -> None:
    """Nothing changes it after: it is its own record, and dephased where it is observed."""
    ops = (gate("h", 0), Measure(0, 0), where(0, Noise(0, (1,)), gate("x", 1)))
    form = compare(Circuit(2, ops, (), 1))
    assert form.num_qubits == 2
    assert form.ops[-2] == Noise(FixedChannel.DEPHASING, (0,))


def test_a_circuit_of_steps_is_its_own_form_and_noise_needs_no_flag() -> None:
    steps = Circuit(2, (*START, Noise(2, (1, 0)), Measure(0, 0)), (), 1)
    assert deferred(steps) is steps
    dynamic = Circuit(2, (*START, Noise(2, (1, 0)), Reset(0)))
    assert deferred(dynamic) == deferred(dynamic, mixed=True)
    assert deferred(deferred(dynamic)) == deferred(dynamic)


def test_pure_simulations_have_the_forms_that_they_had() -> None:
    circuit = Circuit(2, (*START, Reset(0), gate("h", 0)))
    form = deferred(circuit)
    assert form.num_qubits == 3
    assert all(isinstance(op, (Gate, Measure)) for op in form.ops)
