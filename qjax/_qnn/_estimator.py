"""Floor 8. Expectation values as outputs."""

from collections.abc import Sequence
from typing import ClassVar

from qiskit import QuantumCircuit
from qiskit.passmanager import BasePassManager
from qiskit.primitives import BaseEstimatorV2

from qjax._circuit import Circuit
from qjax._deferred import deferred
from qjax._program import Expectations
from qjax._qiskit import as_circuit, several, with_observables
from qjax._qnn._choices import on_estimator, refuse_settings
from qjax._qnn._network import NeuralNetwork, Parameters, make_model


class EstimatorQNN(NeuralNetwork):
    """A network whose outputs are the expectation values of observables.

    Exact, or on an estimator of Qiskit's; weights of the one are weights of the other.

    Args:
        circuit: the parametrized circuit.
        observables: one or a list; see `qjax.expectation`. Default: one, the product of
            Z on all qubits.
        input_params, weight_params: the parameters (or their names) that take inputs and weights,
            in this order; together all of the circuit's, and of the observables' coefficients.
        input_gradients: whether `backward` and the torch bridge differentiate in the inputs. Layers
            in front of a network are trained only with True.
        estimator: what estimates the values: any of Qiskit's estimators of version 2. None
            simulates, exactly.
        gradient: how the network is differentiated. Simulated: "backprop" keeps a state for each
            pass of the plan, "adjoint" keeps none and computes them again; None chooses by the
            memory it would need. On an estimator: "parameter_shift" or None for exact rules,
            "spsa" or `qjax.gradients.SPSA(...)` for two values per direction.
        default_precision: the standard error to ask the estimator for; None for its own.
        pass_manager: transpiles the circuit for the estimator, once; the observables follow its
            layout.

    Raises:
        ValueError: for parameters that are assigned twice or not at all, and observables that do
            not fit; for settings of an estimator without one; for a gate without a shift rule (rv).
        TypeError: for observables or parameters of an unknown kind, and what is no estimator.
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
        estimator: BaseEstimatorV2 | None = None,
        gradient: object | None = None,
        default_precision: float | None = None,
        pass_manager: BasePassManager | None = None,
    ) -> None:
        if estimator is None:
            settings = {"default_precision": default_precision, "pass_manager": pass_manager}
            refuse_settings(gradient, "estimator", **settings)
        if observables is None:
            observables = "Z" * as_circuit(circuit).num_qubits
        listed = several(observables)
        if listed is not None and not listed:
            raise ValueError("observables: got an empty list; expected at least one, or None")
        whole, converted = with_observables(circuit, [observables] if listed is None else listed)
        deferred(whole)  # what has no exact form shows here
        readout = Expectations(converted)
        simulated = gradient if estimator is None else None
        model = make_model(whole, input_params, weight_params, readout, simulated)
        remote = None
        if estimator is not None:
            remote = on_estimator(
                model, estimator, default_precision, pass_manager, gradient, input_gradients
            )
        super().__init__(model, input_gradients=input_gradients, remote=remote)
        self._observables = readout.observables

    @property
    def observables(self) -> tuple:
        return self._observables
