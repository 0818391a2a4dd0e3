"""Calls cost one compilation per circuit, shape and dtype, and none afterwards."""

from __future__ import annotations

import re
from collections.abc import Callable

import jax
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit.library import real_amplitudes
from qiskit.quantum_info import SparsePauliOp

import qjax
from tests.circuits import NAMED, error, state_of
from tests.conftest import Compilations

pytestmark = pytest.mark.usefixtures("full_compilation")

KEY = jax.random.key(0)

CALLS: dict[str, Callable[[object, np.ndarray], object]] = {
    "statevector": qjax.statevector,
    "unitary": qjax.unitary,
    "probabilities": lambda circuit, params: qjax.probabilities(circuit, params, [1, 0]),
    "expectation": lambda circuit, params: qjax.expectation(circuit, "ZZZ", params),
    "expectation of a sum": lambda circuit, params: qjax.expectation(
        circuit, [SparsePauliOp(["XXI", "ZZZ"], [0.5, 2.0]), SparsePauliOp("IIY")], params
    ),
    "expectation with shots": lambda circuit, params: qjax.expectation(
        circuit, ["ZZZ", "XXI"], params, shots=5, key=KEY
    ),
    "sample": lambda circuit, params: qjax.sample(circuit, params, 5, KEY),
}


def source() -> QuantumCircuit:
    """Built anew each time, with new `Parameter` objects."""
    return real_amplitudes(3, reps=2)


def points(count: int, dtype: type = np.float32) -> list[np.ndarray]:
    return list(np.random.default_rng(0).uniform(-3, 3, (count, 9)).astype(dtype))


@pytest.mark.parametrize("name", CALLS)
def test_new_parameters_do_not_recompile(name: str, compilations: Compilations) -> None:
    call, circuit = CALLS[name], qjax.from_qiskit(source())
    first, *others = points(5)
    jax.block_until_ready(call(circuit, first))
    compilations.reset()
    for params in others:
        jax.block_until_ready(call(circuit, params))
    assert (compilations.traces, compilations.count) == (0, 0)


@pytest.mark.parametrize("num_qubits", [3, 11])  # one batch, and a loop over samples
def test_mapped_gradients_do_not_recompile_eagerly(
    num_qubits: int, compilations: Compilations
) -> None:
    circuit = qjax.from_qiskit(real_amplitudes(num_qubits, reps=1))
    slopes = jax.vmap(jax.grad(lambda params: qjax.expectation(circuit, "Z" * num_qubits, params)))
    batch = np.random.default_rng(0).uniform(-3, 3, (4, circuit.num_params)).astype(np.float32)
    slopes(batch)
    compilations.reset()
    slopes(batch + 1)
    assert compilations.count == 0


@pytest.mark.parametrize("name", CALLS)
def test_equal_circuits_do_not_recompile(name: str, compilations: Compilations) -> None:
    """A `QuantumCircuit` that is converted, and even built, at every call."""
    call = CALLS[name]
    first, *others = points(3)
    jax.block_until_ready(call(source(), first))
    compilations.reset()
    for params in others:
        jax.block_until_ready(call(source(), params))
        jax.block_until_ready(call(qjax.from_qiskit(source()), params))
    assert (compilations.traces, compilations.count) == (0, 0)


def test_each_precision_compiles_once(compilations: Compilations) -> None:
    circuit = qjax.from_qiskit(NAMED["interacting"]())
    values = np.linspace(0, 1, 6)
    with jax.enable_x64(True):
        qjax.statevector(circuit, values)
        qjax.statevector(circuit, values.astype(np.float32))
    qjax.statevector(circuit, values.astype(np.float32))
    compilations.reset()
    for _ in range(2):
        with jax.enable_x64(True):
            assert qjax.statevector(circuit, values + 1).dtype == np.complex128
            assert qjax.statevector(circuit, values.astype(np.float32)).dtype == np.complex64
        assert qjax.statevector(circuit, values.astype(np.float32)).dtype == np.complex64
    assert compilations.count == 0


def test_first_call_is_one_program(compilations: Compilations) -> None:
    """Not an eager program for each gate: those cost milliseconds each."""
    circuit = QuantumCircuit(3)
    for index in range(12):
        circuit.rx(0.1 * index + 0.05, index % 3)
        circuit.cx(index % 3, (index + 1) % 3)
    converted = qjax.from_qiskit(circuit)
    compilations.reset()
    state = qjax.statevector(converted)
    assert 1 <= compilations.count <= 3
    assert error(state, state_of(circuit)) < 1e-5


def test_training_loop_traces_the_loss_once() -> None:
    circuit, traced = qjax.from_qiskit(source()), 0

    @jax.jit
    def step(params: jax.Array) -> jax.Array:
        nonlocal traced
        traced += 1
        return params - 0.1 * jax.grad(lambda p: qjax.expectation(circuit, "ZIZ", p))(params)

    params = points(1)[0]
    for _ in range(5):
        params = step(params)
    assert traced == 1


def test_circuit_as_static_argument_is_known_by_its_value() -> None:
    traced = 0

    def value(circuit: qjax.Circuit, params: np.ndarray) -> jax.Array:
        nonlocal traced
        traced += 1
        return qjax.expectation(circuit, "ZZZ", params)

    jitted = jax.jit(value, static_argnums=0)
    for params in points(3):
        jitted(qjax.from_qiskit(source()), params)
    assert traced == 1
    jitted(qjax.from_qiskit(NAMED["layered"]()), np.zeros(12, np.float32))
    assert traced == 2


def test_mutated_circuit_is_another_program(x64: None) -> None:
    circuit = source()
    values = points(1, np.float64)[0]
    before = qjax.statevector(circuit, values)
    circuit.x(0)
    after = qjax.statevector(circuit, values)
    assert error(before, state_of(source(), values)) < 1e-12
    assert error(after, state_of(circuit, values)) < 1e-12


def test_program_does_not_grow_with_repeated_layers() -> None:
    """60 identical layers are a loop, not 60 copies."""

    def size(layers: int) -> int:
        circuit = qjax.from_qiskit(real_amplitudes(4, reps=layers))
        params = np.zeros(4 * (layers + 1), np.float32)
        program = jax.jit(lambda p: qjax.expectation(circuit, "ZZZZ", p)).lower(params)
        return len(program.as_text().splitlines())

    assert size(60) < 2 * size(6)


def test_equal_circuits_have_equal_gradients_programs() -> None:
    """What is kept for an equal circuit serves this one: nothing is simulated twice."""
    programs = []
    for _ in range(3):
        circuit = qjax.from_qiskit(source())
        gradient = jax.value_and_grad(lambda x, c=circuit: qjax.expectation(c, "ZZZ", x))
        programs.append(str(jax.make_jaxpr(gradient)(points(1)[0])))
    simulations = [len(re.findall(r"= simulate\w*\[", program)) for program in programs]
    assert simulations == [2, 2, 2]  # once with what the cotangents need, and those
