"""Circuits with inputs and weights, and what Qiskit says about them, shared by the tests.

Parameters are bound by name, never by position, so that a mistake in their order shows. Nothing
here imports the product.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.circuit.library import UGate, XXPlusYYGate, real_amplitudes, zz_feature_map
from qiskit.quantum_info import SparsePauliOp, Statevector

Array = np.ndarray
Function = Callable[[Array, Array], Array]


@dataclass(frozen=True, eq=False)
class Network:
    """A circuit, and which of its parameters are inputs and weights, in which order."""

    circuit: QuantumCircuit
    inputs: Sequence[Parameter] = ()
    weights: Sequence[Parameter] = ()
    observables: list[object] = field(default_factory=list)

    @property
    def arguments(self) -> dict[str, object]:
        """What every network of the product is built from."""
        return {
            "circuit": self.circuit,
            "input_params": self.inputs,
            "weight_params": self.weights,
        }

    def data(self, *batch: int, seed: int = 0) -> tuple[Array, Array]:
        """Random float64 inputs of shape `(*batch, num_inputs)`, and weights, in [-2, 2)."""
        rng = np.random.default_rng(seed)
        inputs = rng.uniform(-2, 2, (*batch, len(self.inputs)))
        return inputs, rng.uniform(-2, 2, len(self.weights))


# ---------------------------------------------------------------- oracles: one sample


def state(network: Network, x: Array, w: Array) -> Statevector:
    """Qiskit's state, without measurements."""
    names = [parameter.name for parameter in (*network.inputs, *network.weights)]
    values = dict(zip(names, [*x, *w], strict=True))
    bare = network.circuit.remove_final_measurements(inplace=False)
    bound = {parameter: values[parameter.name] for parameter in bare.parameters}
    return Statevector(bare.assign_parameters(bound))


def expectations(network: Network, x: Array, w: Array) -> Array:
    """Qiskit's expectation values of the network's observables."""
    psi = state(network, x, w)
    operators = [
        SparsePauliOp(operator) if isinstance(operator, str) else operator
        for operator in network.observables
    ]
    return np.array([np.real(psi.expectation_value(operator)) for operator in operators])


def probabilities(network: Network, x: Array, w: Array) -> Array:
    """Qiskit's probabilities of all basis states."""
    return state(network, x, w).probabilities()


def readout(function: Function, network: Network) -> Function:
    """One of the functions above for a given network."""
    return lambda x, w: function(network, x, w)


# ---------------------------------------------------------------- oracles: batches, derivatives


def batched(function: Function, inputs: Array, weights: Array) -> Array:
    """The function of every sample; leading axes of the inputs are kept."""
    flat = inputs.reshape(int(np.prod(inputs.shape[:-1])), inputs.shape[-1])
    values = np.stack([function(x, weights) for x in flat])
    return values.reshape(*inputs.shape[:-1], *values.shape[1:])


def slope(function: Callable[[float], Array], step: float = 1e-3) -> Array:
    """The derivative at 0, by central differences of sixth order (error about 1e-12)."""
    weights = {1: 45, 2: -9, 3: 1}
    terms = (c * (function(k * step) - function(-k * step)) for k, c in weights.items())
    return sum(terms) / (60 * step)


def gradient(function: Callable[[Array], float], point: Array) -> Array:
    """The gradient of a function of one vector."""
    return np.array([slope(lambda t, d=d: function(point + t * d)) for d in np.eye(len(point))])


def jacobians(function: Function, inputs: Array, weights: Array) -> tuple[Array, Array]:
    """Derivatives in the inputs and in the weights, per sample; the last axis counts them."""

    def by_input(x: Array, w: Array) -> Array:
        return _columns(lambda direction, t: function(x + t * direction, w), len(x))

    def by_weight(x: Array, w: Array) -> Array:
        return _columns(lambda direction, t: function(x, w + t * direction), len(w))

    return batched(by_input, inputs, weights), batched(by_weight, inputs, weights)


def _columns(function: Callable[[Array, float], Array], count: int) -> Array:
    columns = [slope(lambda t, d=d: function(d, t)) for d in np.eye(count)]
    return np.stack(columns, axis=-1) if columns else np.zeros((*_shape(function), 0))


def _shape(function: Callable[[Array, float], Array]) -> tuple[int, ...]:
    return np.shape(function(np.zeros(0), 0.0))


# ---------------------------------------------------------------- networks


@cache
def tutorial() -> Network:
    """The ZZ feature map, then real amplitudes."""
    feature_map, ansatz = zz_feature_map(2), real_amplitudes(2, reps=1)
    circuit = feature_map.compose(ansatz)
    return Network(circuit, feature_map.parameters, ansatz.parameters, ["ZZ", _observable(2)])


@cache
def shuffled() -> Network:
    """Inputs and weights whose names interleave, given in another order than the circuit's."""
    a, b, c, d, e, f = (Parameter(name) for name in "abcdef")
    circuit = QuantumCircuit(3)
    circuit.h(range(3))
    for angle, qubit in zip((e, a, d), range(3), strict=True):
        circuit.ry(angle, qubit)
    circuit.crx(b, 0, 2)
    circuit.cx(2, 1)
    circuit.rz(c, 1)
    circuit.rxx(f, 1, 0)
    return Network(circuit, [f, a, c], [d, b, e], ["XIZ", _observable(3)])


@cache
def reuploading() -> Network:
    """The same inputs and one shared weight in every layer."""
    x, w, shared = ParameterVector("x", 2), ParameterVector("w", 6), Parameter("shared")
    circuit = QuantumCircuit(2)
    for layer in range(3):
        for qubit in range(2):
            circuit.rx(x[qubit], qubit)
            circuit.ry(w[2 * layer + qubit], qubit)
        circuit.rzz(shared, 0, 1)
        circuit.p(x[0], 1)
    return Network(circuit, x, [*w, shared], ["ZI", "IX", _observable(2)])


@cache
def expressions() -> Network:
    """Angles that mix inputs and weights, also in the global phase."""
    x, y, w, b = (Parameter(name) for name in ("x", "y", "w", "b"))
    circuit = QuantumCircuit(2, global_phase=x * b)
    circuit.ry(w * x + b, 0)
    circuit.ry((np.pi - x) * (np.pi - y), 1)
    circuit.crx(w.sin() * x, 0, 1)
    circuit.rz(x * y / 3 - b**2, 0)
    circuit.u(x, 0.4, w - y, 1)
    circuit.cp(2 * b, 1, 0)
    circuit.h([0, 1])
    return Network(circuit, [x, y], [b, w], ["YZ", _observable(2)])


@cache
def controlled() -> Network:
    """Controlled gates of every control state, and gates on several qubits, that take inputs."""
    x, w = ParameterVector("x", 3), ParameterVector("w", 2)
    circuit = QuantumCircuit(4)
    for qubit in range(4):
        circuit.u(0.3 + qubit, 0.7, -0.2 * qubit, qubit)
    circuit.rxx(x[0], 3, 1)
    circuit.cu(x[1], w[0], 0.2, x[0], 0, 2)
    circuit.append(XXPlusYYGate(x[2], w[1]), [2, 0])
    circuit.append(UGate(x[0], w[0], x[1]).control(2, ctrl_state=1, annotated=False), [3, 0, 1])
    circuit.mcp(x[1] + w[1], [0, 1, 2], 3)
    circuit.cry(x[2], 1, 3, ctrl_state=0)
    circuit.rzx(w[0], 0, 3)
    circuit.ryy(x[0] * w[1], 2, 1)
    circuit.cswap(0, 1, 2)
    circuit.h(range(4))
    return Network(circuit, x, w, ["ZXYI", _observable(4)])


@cache
def measured() -> Network:
    """Two of three qubits measured, into clbits in another order, one clbit left at 0."""
    x, w = ParameterVector("x", 2), ParameterVector("w", 3)
    circuit = QuantumCircuit(3, 3)
    for qubit in range(3):
        circuit.ry(w[qubit], qubit)
        circuit.rx(x[qubit % 2], qubit)
    circuit.cx(0, 1)
    circuit.cx(1, 2)
    circuit.measure(0, 2)
    circuit.measure(2, 0)
    return Network(circuit, x, w, ["ZZZ", _observable(3)])


@cache
def inputs_only() -> Network:
    x = Parameter("x")
    circuit = QuantumCircuit(2)
    circuit.ry(x, 0)
    circuit.cx(0, 1)
    circuit.rx(0.3 * x, 1)
    return Network(circuit, [x], [], ["ZI", "XY"])


@cache
def weights_only() -> Network:
    ansatz = real_amplitudes(2, reps=1)
    return Network(ansatz, [], ansatz.parameters, ["XZ", "II"])


@cache
def deep(layers: int = 40) -> Network:
    """Every layer takes the inputs again: what a planner turns into a scan."""
    x, w = ParameterVector("x", 3), ParameterVector("w", 3 * layers)
    circuit = QuantumCircuit(3)
    for layer in range(layers):
        for qubit in range(3):
            circuit.rx(x[qubit], qubit)
            circuit.ry(w[3 * layer + qubit], qubit)
        circuit.rzz(x[0] * w[3 * layer], 0, 2)
        for qubit in range(3):
            circuit.cx(qubit, (qubit + 1) % 3)
    return Network(circuit, x, w, ["ZIX", _observable(3)])


@cache
def wide() -> Network:
    """Diagonal layers over more than ten qubits."""
    feature_map = zz_feature_map(11, reps=2, entanglement="full")
    ansatz = real_amplitudes(11, reps=1)
    circuit = feature_map.compose(ansatz)
    observables = ["Z" * 11, "XIIIIYIIIZI"]
    return Network(circuit, feature_map.parameters, ansatz.parameters, observables)


def _observable(num_qubits: int) -> SparsePauliOp:
    rng = np.random.default_rng(num_qubits)
    labels = ["".join(rng.choice(list("IXYZ"), num_qubits)) for _ in range(4)]
    return SparsePauliOp(labels, rng.uniform(-1, 1, 4))


SMALL: dict[str, Callable[[], Network]] = {
    "tutorial": tutorial,
    "shuffled": shuffled,
    "reuploading": reuploading,
    "expressions": expressions,
    "controlled": controlled,
    "measured": measured,
    "inputs only": inputs_only,
    "weights only": weights_only,
}
"""Networks small enough for every derivative to be found by differences."""

LARGE: dict[str, Callable[[], Network]] = {"deep": deep, "wide": wide}
