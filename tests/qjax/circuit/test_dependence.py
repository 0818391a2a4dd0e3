"""What is seen of a circuit with channels, against Qiskit's density matrices of all of it."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit.quantum_info import DensityMatrix, partial_trace

from qjax import Circuit
from qjax._circuit.channels import BitNoise, FixedChannel, Noise
from qjax._circuit.circuit import gates, steps
from qjax._circuit.free_angles import free_angles
from qjax._circuit.light_cone import light_cone
from qjax._circuit.measurements import draws_outcomes, without_final_measurements, writes_bits
from qjax._circuit.observable_groups import Sight, group_sights
from qjax._circuit.slopes import near
from qjax.operations import BOOL, Amplitudes, Bits, Case, Control, Measure, Switch, gate, parameter
from tests.noisy_dynamic import CHANNELS, evolved_by

NUM_QUBITS = 5


def random_steps(seed: int) -> Circuit:
    """Gates, channels with and without controls, of few qubits each; the last ones are classical.

    Controls of channels hold classical values: they are dephased before.
    """
    random = np.random.default_rng(seed)
    ops: list = [Amplitudes((1,), (0.6, 0), (0, 0.8))]
    for _ in range(14):
        first, second, third = (int(qubit) for qubit in random.permutation(NUM_QUBITS)[:3])
        kind = random.choice(["one", "two", "phase", "noise", "wide", "reset", "dephase", "if"])
        if kind == "one":
            ops.append(gate("ry", first, float(random.uniform(-3, 3))))
        elif kind == "two":
            ops.append(gate("x", first, controls=second))
        elif kind == "phase":
            ops.append(gate("s", first, controls=[second] if random.random() < 0.5 else []))
        elif kind == "if":
            channel = random.choice([1, 2, *FixedChannel])
            qubits = (first, second) if channel == 2 else (first,)
            value = int(random.integers(2))
            ops.append(Noise(FixedChannel.DEPHASING, (third,)))
            ops.append(Noise(channel, qubits, (Control(third, value),)))
        else:
            named = {"noise": 0, "wide": 2, "reset": FixedChannel.RESET}
            channel = named.get(str(kind), FixedChannel.DEPHASING)
            ops.append(Noise(channel, (first, second) if kind == "wide" else (first,)))
    return Circuit(NUM_QUBITS, tuple(ops))


def final(circuit: Circuit) -> DensityMatrix:
    state = DensityMatrix.from_int(0, 2**circuit.num_qubits)
    for op in circuit.ops:
        state = evolved_by(op, state)
    return state


def of_qubits(state: DensityMatrix, kept: list[int]) -> np.ndarray:
    size = int(np.log2(state.dim))
    return np.asarray(partial_trace(state, [q for q in range(size) if q not in kept]).data)


@pytest.mark.parametrize("seed", range(40))
def test_what_is_seen_is_as_in_the_whole(seed: int) -> None:
    circuit = random_steps(seed)
    whole = final(circuit)
    for seen in ([0], [1, 3]):
        for diagonal in (False, True):
            cone = light_cone(circuit, seen, diagonal)
            part = final(cone.circuit)
            found = of_qubits(part, [cone.qubits.index(qubit) for qubit in seen])
            difference = found - of_qubits(whole, seen)
            assert abs(np.diag(difference) if diagonal else difference).max() < 1e-12


def ops_seen(*ops: object, seen: tuple[int, ...] = (0,), diagonal: bool = False) -> list:
    return list(light_cone(Circuit(3, ops), seen, diagonal).circuit.ops)  # type: ignore[arg-type]


def test_channels_that_nobody_sees_are_left_out() -> None:
    h, noise = gate("h", 0), Noise(1, (0,))
    assert ops_seen(h, noise, Noise(2, (1, 2))) == [h, noise]
    assert light_cone(Circuit(3, (h, Noise(2, (2, 0)))), (0,), True).qubits == (0, 2)
    # A channel that acts where qubit 1 holds 1: qubit 0 sees it.
    assert len(ops_seen(gate("h", 1), Noise(1, (0,), (Control(1, 1),)))) == 2
    # It dephases its control, which is seen in the computational basis only.
    for channel in (1, FixedChannel.DEPHASING):
        by_control = (h, Noise(channel, (2,), (Control(0, 1),)))
        assert ops_seen(*by_control, diagonal=True) == [h]
        assert len(ops_seen(*by_control)) == 2


def test_a_channel_is_not_diagonal() -> None:
    """Phases before it matter; those after it do not."""
    phase, noise = gate("s", 0), Noise(1, (0,))
    assert ops_seen(gate("h", 0), phase, noise, phase, diagonal=True)[1:] == [phase, noise]


def test_nothing_before_a_reset_matters_and_no_phase_before_dephasing() -> None:
    reset, dephase = (Noise(channel, (0,)) for channel in FixedChannel)
    h = gate("h", 0)
    assert ops_seen(h, gate("x", 1, controls=0), reset, h) == [reset, h]
    assert ops_seen(h, gate("s", 0), dephase, h) == [h, dephase, h]
    assert ops_seen(h, dephase, diagonal=True) == [h]


def test_groups_of_observables_count_channels() -> None:
    """Chains of a channel on each pair are apart where channels on neighbours are not."""
    num_qubits = 24
    sights = [Sight(1 << qubit, True) for qubit in range(0, num_qubits, 2)]
    turns = tuple(gate("h", qubit) for qubit in range(num_qubits))
    pairs = tuple(Noise(2, (qubit, qubit + 1)) for qubit in range(0, num_qubits, 2))
    assert len(group_sights(Circuit(num_qubits, turns + pairs), sights)) == len(sights)
    joined = tuple(Noise(2, (qubit, qubit + 1)) for qubit in reversed(range(num_qubits - 1)))
    assert len(group_sights(Circuit(num_qubits, turns + joined), sights)) == 1


def test_steps_are_gates_and_noise_in_order() -> None:
    ops = (gate("h", 0), Noise(0, (0,)), gate("x", 1, controls=0), Measure(0, 0))
    circuit = Circuit(2, ops, (), 1)
    assert steps(circuit) == ops[:3]
    assert gates(circuit) == (ops[0], ops[2])
    with pytest.raises(ValueError, match="dynamic"):
        steps(Circuit(2, (*ops, gate("h", 0)), (), 1))


def test_noise_in_a_block_counts() -> None:
    inner = Switch(Bits((0,), BOOL), (Case((1,), (Noise(0, (0,)),)),))
    assert Circuit(1, (inner,), (), 1).is_noisy
    assert not Circuit(1, (gate("h", 0), Measure(0, 0)), (), 1).is_noisy
    assert draws_outcomes(Circuit(1, (gate("h", 0), Noise(0, (0,)))))


def test_a_measurement_whose_bit_is_misread_is_not_final() -> None:
    ops = (gate("h", 0), Measure(0, 0), BitNoise(0, (0,)))
    circuit = Circuit(1, ops, (), 1)
    assert circuit.is_dynamic
    assert without_final_measurements(circuit) == ops
    assert writes_bits((BitNoise(0, (0,)),))


@pytest.mark.parametrize("channel", FixedChannel)
def test_fixed_channels_keep_the_trace(channel: FixedChannel) -> None:
    total = sum(operator.conj().T @ operator for operator in channel.kraus)
    np.testing.assert_array_equal(total, np.eye(2))
    assert channel.kraus.shape == (len(CHANNELS[0]), 2, 2)


def test_free_angles_and_slopes_leave_channels_where_they_are() -> None:
    channels = (Noise(0, (0,)), Noise(FixedChannel.RESET, (1,)))
    ops = (gate("ry", 0, 2 * parameter(0)), channels[0], gate("rx", 1, parameter(0)), channels[1])
    circuit = Circuit(2, ops, ("a",))
    freed = free_angles(circuit)
    assert freed.circuit.num_params == 2
    assert [op for op in freed.circuit.ops if isinstance(op, Noise)] == list(channels)
    assert isinstance(freed.circuit.ops[1], Noise)
    assert near(circuit) == circuit
