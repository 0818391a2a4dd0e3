"""Floor 8. The tutorial's older names for networks of expectation values."""

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import indent
from typing import Any

from qiskit import QuantumCircuit
from qiskit.circuit.library import real_amplitudes, z_feature_map, zz_feature_map
from qiskit.passmanager import BasePassManager
from qiskit.primitives import BaseEstimatorV2
from qiskit.quantum_info import Pauli, SparsePauliOp

from qjax._base.arrays import counted
from qjax._base.options import is_whole
from qjax._circuit.circuit import Circuit
from qjax._networks.estimator_qnn import EstimatorQNN
from qjax._networks.parameter_roles import Parameters, WeightParameters, unpacked
from qjax._noise import NoiseModel
from qjax._qiskit import as_qiskit, is_sparse, labelled, several
from qjax._simulators import Simulator


@dataclass(frozen=True, eq=False)
class ComposedOp:
    """An observable (or a list) measured on the state that a circuit prepares."""

    observable: object
    circuit: Circuit | QuantumCircuit

    def __str__(self) -> str:
        held = self.observable
        listed = several(held)
        observables = [held] if listed is None else listed
        measured = ", ".join(
            _describe(observable, self.circuit.num_qubits) for observable in observables
        )
        drawing = indent(str(_as_qiskit(self.circuit).draw("text")), "  ")
        return (
            f"ComposedOp([\n  OperatorMeasurement({measured}),\n"
            f"  CircuitStateFn(\n{drawing}\n  )\n])"
        )


def _as_qiskit(circuit: Circuit | QuantumCircuit) -> QuantumCircuit:
    return as_qiskit(circuit) if isinstance(circuit, Circuit) else circuit


def _describe(observable: object, num_qubits: int) -> str:
    if isinstance(observable, (str, Pauli)):
        observable = SparsePauliOp(observable)
    if isinstance(observable, SparsePauliOp):
        terms = observable.to_list()
    elif is_sparse(observable):
        terms = labelled(observable, num_qubits)
    else:
        return type(observable).__name__
    return " + ".join(f"{_shown(value)} * {label}" for label, value in terms)


def _shown(value: object) -> object:
    return value.real if isinstance(value, complex) and value.imag == 0 else value


class OpflowQNN(EstimatorQNN):
    """`EstimatorQNN` under the tutorial's name.

    Args:
        operator: a `ComposedOp(observable, circuit)`, or that pair.
        input_params: like all arguments that are not described here, as in `EstimatorQNN`.

    Raises:
        TypeError: for another kind of operator; else as `EstimatorQNN`.
    """

    def __init__(
        self,
        operator: ComposedOp | tuple[object, Circuit | QuantumCircuit],
        input_params: Parameters | None = None,
        weight_params: WeightParameters | None = None,
        input_gradients: bool = False,
        *,
        estimator: BaseEstimatorV2 | None = None,
        gradient: object | None = None,
        simulator: Simulator | None = None,
        noise: NoiseModel | None = None,
        shots: int | None = None,
        default_precision: float | None = None,
        pass_manager: BasePassManager | None = None,
    ) -> None:
        if isinstance(operator, Sequence) and len(operator) == 2:
            operator = ComposedOp(*operator)
        if not isinstance(operator, ComposedOp):
            raise TypeError(
                f"operator: got {type(operator).__name__}; expected ComposedOp(observable, circuit)"
            )
        circuit, input_params, weight_params = unpacked(
            operator.circuit, input_params, weight_params
        )
        super().__init__(
            circuit=circuit,
            observables=operator.observable,
            input_params=input_params,
            weight_params=weight_params,
            input_gradients=input_gradients,
            estimator=estimator,
            gradient=gradient,
            simulator=simulator,
            noise=noise,
            shots=shots,
            default_precision=default_precision,
            pass_manager=pass_manager,
        )
        # A circuit of Qiskit's can change; what is printed must stay what is computed.
        self._operator = ComposedOp(self._sources, _as_qiskit(circuit).copy())

    @property
    def operator(self) -> ComposedOp:
        """What is measured on what; prints as observable and circuit."""
        return self._operator


class TwoLayerQNN(OpflowQNN):
    """A feature map for the inputs, then an ansatz with the weights, then one observable.

    Args:
        num_qubits: may be left out where a circuit tells it.
        feature_map: a circuit of Qiskit's, or a `Circuit` without classical bits; inputs are its
            parameters, in its order. Default: Qiskit's ZZ feature map (Z for one qubit).
        ansatz: likewise for the weights. Default: Qiskit's RealAmplitudes.
        observable: default: Z on every qubit.
        input_gradients, estimator, gradient, simulator, shots, default_precision, pass_manager: as
            in `EstimatorQNN`.

    Raises:
        ValueError: where the sizes do not agree, or nothing tells the number of qubits; for a
            `Circuit` with classical bits, or with a parameter that no gate uses.
        TypeError: for what is no circuit.
    """

    def __init__(
        self,
        num_qubits: int | None = None,
        feature_map: Circuit | QuantumCircuit | None = None,
        ansatz: Circuit | QuantumCircuit | None = None,
        observable: object | None = None,
        input_gradients: bool = False,
        *,
        estimator: BaseEstimatorV2 | None = None,
        gradient: object | None = None,
        simulator: Simulator | None = None,
        noise: NoiseModel | None = None,
        shots: int | None = None,
        default_precision: float | None = None,
        pass_manager: BasePassManager | None = None,
    ) -> None:
        given = {
            "num_qubits": num_qubits,
            "feature_map": feature_map,
            "ansatz": ansatz,
            "observable": observable,
        }
        num_qubits = _common_size(num_qubits, feature_map, ansatz)
        if feature_map is None:
            feature_map = (z_feature_map if num_qubits == 1 else zz_feature_map)(num_qubits)
        if ansatz is None:
            ansatz = real_amplitudes(num_qubits)
        circuit = QuantumCircuit(num_qubits)
        circuit.append(_layer(feature_map, "feature_map"), range(num_qubits))
        circuit.append(_layer(ansatz, "ansatz"), range(num_qubits))
        self._feature_map, self._ansatz = _unchanging(feature_map), _unchanging(ansatz)
        self._defaults = {name for name, value in given.items() if value is None}
        if observable is None:
            observable = SparsePauliOp("Z" * num_qubits)
        super().__init__(
            ComposedOp(observable, circuit),
            feature_map.parameters,
            ansatz.parameters,
            input_gradients,
            estimator=estimator,
            gradient=gradient,
            simulator=simulator,
            noise=noise,
            shots=shots,
            default_precision=default_precision,
            pass_manager=pass_manager,
        )

    @property
    def num_qubits(self) -> int:
        """How many qubits the circuit has."""
        return self.circuit.num_qubits

    @property
    def feature_map(self) -> Circuit | QuantumCircuit:
        """The circuit that takes the inputs."""
        return self._feature_map

    @property
    def ansatz(self) -> Circuit | QuantumCircuit:
        """The circuit that takes the weights."""
        return self._ansatz

    @property
    def observable(self) -> object:
        """What is measured."""
        return self._operator.observable

    def _argument(self, name: str) -> Any:
        return None if name in self._defaults else super()._argument(name)


def _layer(circuit: Circuit | QuantumCircuit, what: str) -> QuantumCircuit:
    """What is appended to a circuit of Qiskit's."""
    if isinstance(circuit, Circuit) and circuit.num_clbits:
        raise ValueError(
            f"{what}: got a Circuit with {counted(circuit.num_clbits, 'classical bit')}; expected "
            "one of gates only, without any"
        )
    return _as_qiskit(circuit)


def _unchanging(circuit: Circuit | QuantumCircuit) -> Circuit | QuantumCircuit:
    return circuit if isinstance(circuit, Circuit) else circuit.copy()


def _common_size(
    num_qubits: int | None,
    feature_map: Circuit | QuantumCircuit | None,
    ansatz: Circuit | QuantumCircuit | None,
) -> int:
    for name, circuit in (("feature_map", feature_map), ("ansatz", ansatz)):
        if circuit is not None and not isinstance(circuit, (Circuit, QuantumCircuit)):
            raise TypeError(f"{name}: expected a QuantumCircuit, got {type(circuit).__name__}")
    given = {
        "num_qubits": num_qubits,
        "feature_map": None if feature_map is None else feature_map.num_qubits,
        "ansatz": None if ansatz is None else ansatz.num_qubits,
    }
    if num_qubits is not None and not is_whole(num_qubits):
        raise TypeError(f"num_qubits: expected a whole number, got {num_qubits!r}")
    sizes = {name: size for name, size in given.items() if size is not None}
    if sizes and min(sizes.values()) < 1:
        raise ValueError(f"there are no qubits to observe: got {sizes}; expected at least one")
    if len(set(sizes.values())) != 1:
        raise ValueError(
            f"the number of qubits is unclear: got {sizes or 'nothing'}; expected num_qubits, "
            "feature_map or ansatz, and all that are given to agree"
        )
    return next(iter(sizes.values()))
