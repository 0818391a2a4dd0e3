"""Floor 8. Expectation values as outputs."""

from collections.abc import Sequence
from typing import ClassVar

from qiskit import QuantumCircuit

from qjax._circuit import Circuit
from qjax._program import Expectations
from qjax._qiskit import as_circuit, with_observables
from qjax._qnn._network import NeuralNetwork, Parameters, make_model, refuse_primitives


class EstimatorQNN(NeuralNetwork):
    """A network whose outputs are the expectation values of observables, exactly.

    Args:
        circuit: the parametrized circuit.
        observables: one or a list; see `qjax.expectation`. Default: one, the product of
            Z on all qubits.
        input_params, weight_params: the parameters (or their names) that take inputs and weights,
            in this order; together all of the circuit's, and of the observables' coefficients.
        input_gradients: whether `backward` and the torch bridge differentiate in the inputs. Layers
            in front of a network are trained only with True.
        estimator: must be None for now: exact values, exact gradients.
        gradient: how reverse mode works: "backprop" keeps a state for each pass of the plan,
            "adjoint" keeps none and computes them again; None chooses by the memory it would need.

    Raises:
        ValueError: for parameters that are assigned twice or not at all, and observables that do
            not fit.
        TypeError: for observables or parameters of an unknown kind.
    """

    _namesake: ClassVar[str] = "EstimatorQNN"

    def __init__(
        self,
        *,
        circuit: Circuit | QuantumCircuit,
        observables: object | Sequence[object] | None = None,
        input_params: Parameters | None = None,
        weight_params: Parameters | None = None,
        input_gradients: bool = False,
        estimator: object | None = None,
        gradient: object | None = None,
    ) -> None:
        refuse_primitives(estimator=estimator)
        if observables is None:
            observables = "Z" * as_circuit(circuit).num_qubits
        several = observables if isinstance(observables, (list, tuple)) else [observables]
        if not several:
            raise ValueError("observables: got an empty list; expected at least one, or None")
        whole, converted = with_observables(circuit, several)
        readout = Expectations(converted)
        model = make_model(whole, input_params, weight_params, readout, gradient)
        super().__init__(model, input_gradients=input_gradients)
        self._observables = readout.observables

    @property
    def observables(self) -> tuple:
        return self._observables
