"""Bad input to the functions of circuits: what is wrong, and what the message says about it."""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Gate
from qiskit.exceptions import QiskitError
from qiskit.quantum_info import Operator, Pauli, SparsePauliOp

import qjax
from tests.circuits import NAMED, bell

KEY = jax.random.key(0)
TWO = qjax.from_qiskit(NAMED["shared_angles"]())  # three qubits, two parameters
STATE = np.array([1, 0, 0, 0], np.complex64)
DURATIONS = np.array([1, 2], "m8[s]")
X = np.array([[0, 1], [1, 0]], np.complex64)


def wide(num_qubits: int) -> qjax.Circuit:
    circuit = QuantumCircuit(num_qubits)
    circuit.h(range(num_qubits))
    return qjax.from_qiskit(circuit)


def nan_matrix() -> Operator:
    matrix = np.eye(8, dtype=complex)
    matrix[1, 1] = math.nan
    return Operator(matrix)


Call = Callable[[], object]
BAD: dict[str, tuple[Call, type[Exception] | tuple[type[Exception], ...], str]] = {
    # parameters
    "too few parameters": (
        lambda: qjax.statevector(TWO, np.zeros(1, np.float32)),
        ValueError,
        r"(?s)(?=.*\b1\b)(?=.*\b2\b)",
    ),
    "too many parameters": (
        lambda: qjax.unitary(TWO, np.zeros(5, np.float32)),
        ValueError,
        r"(?s)(?=.*\b5\b)(?=.*\b2\b)",
    ),
    "no parameters given": (
        lambda: qjax.expectation(TWO, "ZZZ"),
        ValueError,
        r"(?s)(?=.*\b0\b)(?=.*\b2\b)",
    ),
    "parameters for a circuit that has none": (
        lambda: qjax.probabilities(bell(), np.zeros(3, np.float32)),
        ValueError,
        r"(?s)(?=.*\b3\b)(?=.*\b0\b)",
    ),
    "batch of parameters": (
        lambda: qjax.statevector(TWO, np.zeros((4, 2), np.float32)),
        ValueError,
        r"\(4, ?2\)",
    ),
    "scalar parameter": (
        lambda: qjax.statevector(NAMED["one_angle"](), np.float32(0.3)),
        ValueError,
        r"(?i)shape|dimension|axis|vector|\(\)",
    ),
    "complex parameters": (
        lambda: qjax.statevector(TWO, np.zeros(2, np.complex64)),
        TypeError,
        "complex64",
    ),
    "parameters as text": (lambda: qjax.statevector(TWO, ["a", "b"]), TypeError, "(?i)str|<U"),
    "parameters by another name": (
        lambda: qjax.statevector(TWO, {"first": 0.1, "third": 0.2}),
        ValueError,
        "'third' is none of the circuit's parameters.*first, second",
    ),
    "parameters as set": (lambda: qjax.statevector(TWO, {0.1, 0.2}), TypeError, "set|object"),
    "durations": (
        lambda: qjax.statevector(TWO, DURATIONS),
        TypeError,
        "timedelta64.*real",
    ),
    "durations among JAX's numbers": (
        lambda: qjax.statevector(TWO, [jax.numpy.ones(()), DURATIONS[0]]),
        TypeError,
        "timedelta64.*real",
    ),
    "a boolean among the parameters": (
        lambda: qjax.statevector(TWO, [0.5, True]),
        TypeError,
        "booleans among the numbers.*real",
    ),
    "a boolean among JAX's numbers": (
        lambda: qjax.statevector(TWO, [jax.numpy.ones(()), True]),
        TypeError,
        "bool among the numbers.*real",
    ),
    "durations by name": (
        lambda: qjax.expectation(TWO, "ZZZ", dict(zip(TWO.parameters, DURATIONS, strict=True))),
        TypeError,
        "timedelta64.*real",
    ),
    "a state of durations": (
        lambda: qjax.apply_gate(np.ones(4, "m8[s]"), X, [0]),
        TypeError,
        "timedelta64",
    ),
    "a matrix of durations": (
        lambda: qjax.apply_gate(STATE, np.ones((2, 2), "m8[s]"), [0]),
        TypeError,
        "timedelta64",
    ),
    "a duration of shots": (
        lambda: qjax.sample(bell(), (), np.timedelta64(5), KEY),
        TypeError,
        "timedelta64",
    ),
    # sets, whose order is not fixed
    "a set of qubits": (
        lambda: qjax.probabilities(bell(), (), {0, 1}),
        TypeError,
        "qubits: got a set.*ordered sequence",
    ),
    "a set of a gate's qubits": (
        lambda: qjax.apply_gate(STATE, np.eye(4, dtype=np.complex64), frozenset((1, 0))),
        TypeError,
        "qubits: got a frozenset.*ordered sequence",
    ),
    "a set of observables": (
        lambda: qjax.expectation(bell(), {"ZZ", "XX"}),
        TypeError,
        "observables: got a set.*ordered sequence",
    ),
    "a set of observables to estimate": (
        lambda: qjax.estimate(bell(), {"ZZ", "XX"}, (), 5, KEY),
        TypeError,
        "observables: got a set.*ordered sequence",
    ),
    "a set of qubits in a sparse term": (
        lambda: qjax.expectation(bell(), [("ZX", {0, 1}, 1.0)]),
        TypeError,
        "sparse term.*got a set.*ordered sequence",
    ),
    "a set of amplitudes": (
        lambda: qjax.AmplitudeEncoding(1, {0.6, 0.8}),
        TypeError,
        "params: got a set.*ordered sequence",
    ),
    "parameters None": (lambda: qjax.statevector(TWO, None), TypeError, "None|object"),
    # circuits
    "text for a circuit": (lambda: qjax.statevector("h q[0];"), TypeError, "str"),
    "None for a circuit": (lambda: qjax.expectation(None, "Z"), TypeError, "None"),
    "gate for a circuit": (lambda: qjax.from_qiskit(Gate("mine", 1, [])), TypeError, "Gate"),
    "text for to_qiskit": (lambda: qjax.to_qiskit("h q[0];"), TypeError, "str"),
    "no OpenQASM": (lambda: qjax.from_qasm("h q[0];"), (ValueError, QiskitError), "(?i)qasm"),
    "OpenQASM without a version": (
        lambda: qjax.from_qasm("OPENQASM"),
        (ValueError, QiskitError),
        "(?i)qasm",
    ),
    "OpenQASM that is not text": (lambda: qjax.from_qasm(bell()), TypeError, "QuantumCircuit"),
    # observables
    "observable of another size": (
        lambda: qjax.expectation(bell(), "ZZZ"),
        ValueError,
        r"(?s)(?=.*\b3\b)(?=.*\b2\b)",
    ),
    "sum of another size": (
        lambda: qjax.expectation(bell(), SparsePauliOp(["ZZZ"])),
        ValueError,
        r"(?s)(?=.*\b3\b)(?=.*\b2\b)",
    ),
    "operator of another size": (
        lambda: qjax.expectation(bell(), Operator(np.eye(8))),
        ValueError,
        r"(?s)(?=.*\b(3|8)\b)(?=.*\b(2|4)\b)",
    ),
    "one of a list of another size": (
        lambda: qjax.expectation(bell(), ["ZZ", Pauli("Z")]),
        ValueError,
        r"(?s)(?=.*\b1\b)(?=.*\b2\b)",
    ),
    "unknown observable": (lambda: qjax.expectation(bell(), 3.5), TypeError, "float"),
    "array as observable": (
        lambda: qjax.expectation(bell(), np.eye(4)),
        TypeError,
        "(?s)(?=.*ndarray)(?=.*Operator)",
    ),
    "unknown observable in a list": (
        lambda: qjax.expectation(bell(), ["ZZ", {"ZZ": 1.0}]),
        TypeError,
        "dict",
    ),
    "letters that are no Paulis": (lambda: qjax.expectation(bell(), "ZA"), ValueError, "ZA"),
    "empty label": (lambda: qjax.expectation(bell(), ""), ValueError, "(?i)pauli|label|qubit"),
    "imaginary Pauli": (
        lambda: qjax.expectation(bell(), Pauli("iZZ")),
        ValueError,
        "(?i)hermitian|phase",
    ),
    "imaginary Pauli by phase": (
        lambda: qjax.expectation(bell(), Pauli("-iXX")),
        ValueError,
        "(?i)hermitian|phase",
    ),
    "imaginary coefficient": (
        lambda: qjax.expectation(bell(), SparsePauliOp(["ZZ", "XX"], [1, 1j])),
        ValueError,
        "(?i)hermitian|real|imaginary",
    ),
    "non-Hermitian operator": (
        lambda: qjax.expectation(bell(), Operator(np.triu(np.ones((4, 4))))),
        ValueError,
        "(?i)hermitian",
    ),
    "operator that is not square": (
        lambda: qjax.expectation(bell(), Operator(np.ones((4, 2)))),
        ValueError,
        "(?i)square|shape|dimension|qubit",
    ),
    "NaN in coefficients": (
        lambda: qjax.expectation(bell(), SparsePauliOp(["ZZ", "XX"], [1, math.nan])),
        ValueError,
        "(?i)nan|finite",
    ),
    "NaN in an operator": (
        lambda: qjax.expectation(TWO, nan_matrix(), np.zeros(2, np.float32)),
        ValueError,
        "(?i)nan|finite|hermitian",
    ),
    "no observables": (lambda: qjax.expectation(bell(), []), ValueError, "at least one"),
    "no observables to estimate": (
        lambda: qjax.estimate(bell(), (), (), 5, KEY),
        ValueError,
        "at least one",
    ),
    "coefficient beyond single precision": (
        lambda: qjax.expectation(bell(), ("Z", [0], 1e39)),
        ValueError,
        r"1e\+39.*float32",
    ),
    "coefficient beyond single precision to estimate": (
        lambda: qjax.estimate(bell(), ("Z", [0], 1e39), (), 5, KEY),
        ValueError,
        r"1e\+39.*float32",
    ),
    "matrix beyond single precision": (
        lambda: qjax.expectation(bell(), Operator(1e39 * np.eye(4))),
        ValueError,
        r"1e\+39.*float32",
    ),
    # qubits
    "qubit out of range": (
        lambda: qjax.probabilities(bell(), (), [0, 2]),
        ValueError,
        r"(?s)(?=.*\b2\b)(?=.*qubit)",
    ),
    "negative qubit": (lambda: qjax.probabilities(bell(), (), [-1]), ValueError, "-1"),
    "repeated qubit": (
        lambda: qjax.probabilities(bell(), (), [1, 1]),
        ValueError,
        "(?i)duplicate|distinct|repeat|twice|once|unique|different",
    ),
    "qubit that is no integer": (
        lambda: qjax.probabilities(bell(), (), [0.5]),
        (TypeError, ValueError),
        "float|0.5",
    ),
    "gate on a qubit out of range": (
        lambda: qjax.apply_gate(STATE, X, [2]),
        ValueError,
        r"(?s)(?=.*\b2\b)(?=.*qubit)",
    ),
    "gate on a repeated qubit": (
        lambda: qjax.apply_gate(STATE, np.eye(4, dtype=np.complex64), [0, 0]),
        ValueError,
        "(?i)duplicate|distinct|repeat|twice|once|unique|different",
    ),
    "gate of another size": (
        lambda: qjax.apply_gate(STATE, X, [0, 1]),
        ValueError,
        r"\(2, ?2\)|\(4, ?4\)",
    ),
    "gate that is not square": (
        lambda: qjax.apply_gate(STATE, np.ones((2, 4), np.complex64), [0]),
        ValueError,
        r"\(2, ?4\)",
    ),
    "state whose length is no power of two": (
        lambda: qjax.apply_gate(np.ones(3, np.complex64), X, [0]),
        ValueError,
        r"\b3\b",
    ),
    "state without an axis": (
        lambda: qjax.apply_gate(np.complex64(1), np.eye(1, dtype=np.complex64), []),
        ValueError,
        r"\(\)",
    ),
    # shots and keys
    "no shots": (lambda: qjax.sample(bell(), (), 0, KEY), ValueError, r"(?s)shots.*\b0\b|0.*shots"),
    "negative shots": (lambda: qjax.sample(bell(), (), -3, KEY), ValueError, "-3"),
    "shots that are no integer": (
        lambda: qjax.sample(bell(), (), 2.5, KEY),
        (TypeError, ValueError),
        "2.5|float",
    ),
    "key that is no key": (
        lambda: qjax.sample(bell(), (), 5, "seed"),
        TypeError,
        "(?i)key|str",
    ),
    "several keys": (
        lambda: qjax.sample(bell(), (), 5, jax.random.split(KEY)),
        ValueError,
        r"one JAX random key.*\(2,\).*vmap",
    ),
    "several keys for runs": (
        lambda: qjax.trajectories(bell(), (), 5, jax.random.split(KEY)),
        ValueError,
        r"one JAX random key.*\(2,\)",
    ),
    "floats for a key": (
        lambda: qjax.estimate(bell(), "ZZ", (), 5, jax.numpy.ones(2)),
        TypeError,
        "one JAX random key.*got",
    ),
    "three numbers for a key": (
        lambda: qjax.sample(bell(), (), 5, jax.numpy.ones(3, np.uint32)),
        ValueError,
        r"one JAX random key.*\(3,\)",
    ),
    # memory
    "state of 60 qubits": (
        lambda: qjax.statevector(wide(60)),
        ValueError,
        r"(?s)(?=.*\b60\b)(?=.*\d ?([KMGTPEZY]i?B|bytes))",
    ),
    "matrix of 40 qubits": (
        lambda: qjax.unitary(wide(40)),
        ValueError,
        r"(?s)(?=.*\b40\b)(?=.*\d ?([KMGTPEZY]i?B|bytes))",
    ),
    "probabilities of 60 qubits": (
        lambda: qjax.probabilities(wide(60)),
        ValueError,
        r"(?s)(?=.*\b60\b)(?=.*\d ?([KMGTPEZY]i?B|bytes))",
    ),
    "expectation of 60 qubits": (
        lambda: qjax.expectation(wide(60), "Z" * 60),
        ValueError,
        r"(?s)(?=.*\b60\b)(?=.*\d ?([KMGTPEZY]i?B|bytes))",
    ),
    "samples of 60 qubits": (
        lambda: qjax.sample(wide(60), (), 5, KEY),
        ValueError,
        r"(?s)(?=.*\b60\b)(?=.*\d ?([KMGTPEZY]i?B|bytes))",
    ),
    "state of 1000 qubits": (
        lambda: qjax.statevector(wide(1000)),
        ValueError,
        r"(?s)(?=.*\b1000\b)",
    ),
}
