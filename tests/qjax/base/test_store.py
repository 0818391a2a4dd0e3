"""What is kept between calls is bounded by bytes, and what is dropped is freed."""

from __future__ import annotations

import gc
import threading
import weakref

import jax
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import Pauli, Statevector

import qjax
from qjax._base import store as _store
from qjax._base.store import kept
from qjax._base.tuning import PROGRAM_BYTES
from qjax._engine import executor
from tests.conftest import Compilations


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> _store._Store:
    """An empty one, of 100 bytes."""
    monkeypatch.setattr(_store, "_programs", _store._Store(100))
    return _store._programs


def test_the_least_recently_used_goes_first(store: _store._Store) -> None:
    made: list[int] = []

    @kept(lambda result: result)
    def function(size: int) -> int:
        made.append(size)
        return size

    @kept(30)
    def other() -> str:
        made.append(-1)
        return "other"

    assert (function(40), function(41 - 11), other()) == (40, 30, "other")  # 100 bytes in all
    function(40)
    function(20)  # in the place of 30, asked for longest ago
    assert made == [40, 30, -1, 20]
    assert (function(40), function(20), other()) == (40, 20, "other")
    assert made == [40, 30, -1, 20]
    function(30)  # in the place of 40
    function(40)
    assert made == [40, 30, -1, 20, 30, 40]


def test_the_newest_stays_whatever_its_size(store: _store._Store) -> None:
    made: list[int] = []

    @kept(lambda result: result)
    def function(size: int) -> int:
        made.append(size)
        return size

    for _ in range(3):
        function(1000)
    assert made == [1000]
    function(1)
    function(1000)
    assert made == [1000, 1, 1000]


def test_keywords_errors_and_forgetting(store: _store._Store) -> None:
    calls: list[int] = []

    @kept(1)
    def function(x: int, y: int = 0) -> int:
        calls.append(x)
        if x < 0:
            raise ValueError("negative")
        return x + y

    assert (function(1, y=2), function(1, y=2), function(1)) == (3, 3, 1)
    assert calls == [1, 1]
    for _ in range(2):
        with pytest.raises(ValueError, match="negative") as caught:
            function(-1)
        assert caught.value.__context__ is None
    function.cache_clear()
    function(1)
    assert calls == [1, 1, -1, -1, 1]


def test_threads_get_one_result(store: _store._Store) -> None:
    barrier = threading.Barrier(8)

    @kept(1)
    def function() -> object:
        barrier.wait()
        return object()

    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(function())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(map(id, found))) == 1


def of_length(length: int, angle: float = 0.4) -> QuantumCircuit:
    """Circuits of equal length differ in numbers only."""
    circuit = QuantumCircuit(2)
    circuit.ry(Parameter("x"), 0)
    for index in range(length):
        circuit.cx(index % 2, 1 - index % 2)
        circuit.rx(angle + 0.1 * index * index, index % 2)
        circuit.rz(0.3 * index, 1 - index % 2)
    return circuit


def check(circuit: QuantumCircuit) -> None:
    state = Statevector(circuit.assign_parameters([0.7]))
    expected = state.expectation_value(Pauli("ZZ")).real
    value = qjax.expectation(circuit, "ZZ", np.array([0.7], np.float32))
    assert abs(float(value) - expected) < 1e-5


def test_a_search_over_circuits_frees_what_it_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, bound in (("_programs", 5 * PROGRAM_BYTES // 2), ("_traces", PROGRAM_BYTES)):
        monkeypatch.setattr(getattr(_store, name), "_bound", bound)
    gc.collect()
    earlier, programs = set(executor._executors.values()), []
    circuit = of_length(1)
    jax.grad(lambda x: qjax.expectation(circuit, "ZZ", x[None]))(np.float32(0.7))
    for length in range(2, 5):
        programs += list(map(weakref.ref, set(executor._executors.values()) - earlier))
        check(of_length(length))
    gc.collect()
    assert len({id(program) for program in programs}) >= 3
    alive = {id(program()) for program in programs if program() is not None}
    assert len(alive) == 1, "the last one is not among them"


def test_circuits_in_turn_do_not_recompile(compilations: Compilations) -> None:
    circuits = [of_length(length) for length in range(1, 5)]
    for circuit in circuits:
        check(circuit)
    compilations.reset()
    for _ in range(3):
        for circuit in circuits:
            check(circuit)
    assert (compilations.traces, compilations.count) == (0, 0)


def test_circuits_of_one_structure_share_a_program(compilations: Compilations) -> None:
    check(of_length(3))
    compilations.reset()
    for angle in (0.1, 0.2, 0.9):
        check(of_length(3, angle))
    assert (compilations.traces, compilations.count) == (0, 0)
