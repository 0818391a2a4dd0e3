"""Floor 8. Expectation values as outputs."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from qiskit import QuantumCircuit
from qiskit.passmanager import BasePassManager
from qiskit.primitives import BaseEstimatorV2

from qjax._circuit.circuit import Circuit
from qjax._dynamic import deferred
from qjax._engine import Expectations
from qjax._networks.network import NeuralNetwork
from qjax._networks.parameter_roles import Parameters, WeightParameters, make_model, unpacked
from qjax._networks.randomness import as_shots, check_rule, refuse_shots, without_shots
from qjax._noise import NoiseModel, as_noise
from qjax._qiskit import as_circuit, several, with_observables
from qjax._remote import on_estimator, refuse_beside, refuse_settings, without_primitive
from qjax._simulators import Simulator


class EstimatorQNN(NeuralNetwork):
    """A network whose outputs are the expectation values of observables.

    Exact, or on an estimator of Qiskit's; weights of the one are weights of the other.

    Args:
        circuit: the parametrized circuit; or (circuit, inputs, weights), as Qiskit Machine
            Learning's `qnn_circuit` returns it, which says what the next two are.
        observables: one or a list; see `qjax.expectation`. Default: one, the product of
            Z on all qubits.
        input_params, weight_params: the parameters (or their names) that take inputs and weights,
            in this order; together all of the circuit's, and of the observables' coefficients. The
            name of a `ParameterVector` stands for its elements, in numerical order.
            `weight_params` may be a tree of arrays of parameters, such as `{"angles": array,
            "scale": parameter}`: then weights are such a tree of numbers, in `apply`, `init`,
            gradients, `forward`, `qjax.evaluate` and `TorchConnector`; the vector of all of them
            is taken too. A NumPy array of parameters, a nested list of them, or a `ParameterVector`
            is one leaf; all else that JAX knows as a pytree is a container.
        input_gradients: whether `backward` and the torch bridge differentiate in the inputs. Layers
            in front of a network are trained only with True.
        estimator: what estimates the values: any of Qiskit's estimators of version 2. None
            simulates, exactly.
        gradient: how the network is differentiated. Simulated on XLA's engine: "backprop" keeps a
            state for each pass of the plan, "adjoint" keeps none and computes them again; None
            chooses by the memory it would need. The native engine needs no choice. On an
            estimator: "parameter_shift" or None for exact rules,
            "spsa" or `qjax.gradients.SPSA(...)` for two values per direction.
            With `shots`: "parameter_shift" or None (unbiased, from shots of their own at shifted
            angles, all in one batch), "exact" (values are sampled, derivatives are not), "spsa" or
            `qjax.gradients.SPSA(...)`.
        simulator: how states are represented, and by which engine: `StateVector(engine)` of
            `qjax.simulators`; `DensityMatrix()`; or `Trajectories(samples)`, means over so many
            runs, drawn with a key or seed as with `shots`, with unbiased derivatives. None takes
            density matrices for noise, and state vectors where nothing but bits is misread.
        noise: what goes wrong on the way, a `qjax.noise.NoiseModel`: misread bits too, as of a
            device that measures each Pauli string in its own basis. Differentiable in its numbers.
        shots: how many runs of the circuit stand for the exact values; None for those. Observables
            are measured in groups of terms that commute on each qubit, each group with so many
            shots of its own: see `qjax.expectation`. Then `apply` needs a key, and `forward` and
            `backward` take a seed.
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
        weight_params: WeightParameters | None = None,
        input_gradients: bool = False,
        estimator: BaseEstimatorV2 | None = None,
        gradient: object | None = None,
        simulator: Simulator | None = None,
        noise: NoiseModel | None = None,
        shots: int | None = None,
        default_precision: float | None = None,
        pass_manager: BasePassManager | None = None,
    ) -> None:
        circuit, input_params, weight_params = unpacked(circuit, input_params, weight_params)
        if estimator is None:
            settings = {"default_precision": default_precision, "pass_manager": pass_manager}
            refuse_settings(None if shots is not None else gradient, "estimator", **settings)
        else:
            refuse_beside("estimator", simulator=simulator, noise=noise)
            refuse_shots(shots)
        bare, sources = as_circuit(circuit), observables
        if observables is None:
            observables = "Z" * bare.num_qubits
        listed = several(observables)
        if listed is not None and not listed:
            raise ValueError("observables: got an empty list; expected at least one, or None")
        members = [observables] if listed is None else listed
        whole, converted = with_observables(bare, circuit, members)
        noise = as_noise(noise)
        deferred(whole)  # what has no exact form shows here
        readout = Expectations(converted)
        simulated = gradient if estimator is None and shots is None else None
        roles = input_params, weight_params, readout
        sampled = as_shots(shots, gradient)
        model, structure = make_model(
            whole, *roles, simulated, simulator, noise=noise, shots=sampled
        )
        check_rule(model, input_gradients)
        remote = None
        if estimator is not None:
            remote = on_estimator(
                model, estimator, default_precision, pass_manager, gradient, input_gradients
            )
        super().__init__(
            model,
            input_gradients=input_gradients,
            remote=remote,
            structure=structure,
            noise=noise,
        )
        self._observables = readout.observables
        # What a copy is made of: what the caller has can change.
        self._bare, self._sources = bare, copy.deepcopy(sources)

    @property
    def observables(self) -> tuple:
        """The observables, one for each output; as values of this package."""
        return self._observables

    @property
    def estimator(self) -> BaseEstimatorV2 | None:
        """What estimates the values; None for exact simulation."""
        return self.primitive

    @property
    def shots(self) -> int | None:
        """How many runs stand for the exact values; None for those, and on an estimator."""
        return None if self._model.shots is None else self._model.shots.count

    @property
    def default_precision(self) -> float | None:
        """The standard error that the estimator is asked for."""
        return None if self._remote is None else self._remote.source.accuracy

    def _argument(self, name: str) -> Any:
        match name:
            case "circuit":
                return self._bare  # without the parameters that only observables have
            case "observables":
                return self._sources
            case _:
                return super()._argument(name)

    def _implied(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        settings = ("gradient", "default_precision", "pass_manager")
        alone = without_primitive("estimator", settings, self, changes)
        return super()._implied(changes) | alone | without_shots(self, changes)
