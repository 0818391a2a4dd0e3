"""Floor 10. Circuit -> the kernel of the fidelity of its states."""

from typing import Any

from qiskit import QuantumCircuit

from qjax._circuit.circuit import Circuit
from qjax._engine import Expectations, num_simulated
from qjax._networks import Parameters, WeightParameters, make_model, unpacked
from qjax._simulators import StateVector
from qjax.kernels._description import refuse_noise
from qjax.kernels._features import StateFeatures
from qjax.kernels._kernel import QuantumKernel


class FidelityKernel(QuantumKernel):
    """The fidelity |<psi(x)|psi(y)>|^2 of the states that a circuit makes of two points.

    V. Havlicek et al., Nature 567, 209 (2019), eq. 2; with weights, T. Hubregtsen et al., Phys.
    Rev. A 106, 042431 (2022). Each point is simulated once, then the matrix is one product of
    states. Gates that cancel are left out: those of weights behind the last gate of an input.
    Groups of qubits that no gate connects are simulated apart, whatever their number.

    Args:
        circuit: the feature map; or (circuit, inputs, weights), which says what the next two are.
        input_params: the parameters (or their names) that take a point, in this order; None for all
            that are not weights, in the circuit's order.
        weight_params: the parameters that are trained, in this order; a tree as in `EstimatorQNN`.
        simulator: how states are represented, and by which engine: `StateVector(engine)` of
            `qjax.simulators`; None chooses.
        noise: None: values are exact, so far.
        shots: None: likewise.

    Raises:
        ValueError: for parameters that are assigned twice or not at all, for a circuit without
            inputs, and for one that measures midway.
        TypeError: for what is no circuit, no parameter or no simulator.
        UnsupportedInstructionError: see `from_qiskit`.
        NotImplementedError: for a noise or shots other than None.
    """

    def __init__(
        self,
        circuit: Circuit | QuantumCircuit | tuple[Any, Any, Any],
        *,
        input_params: Parameters | None = None,
        weight_params: WeightParameters = (),
        simulator: StateVector | None = None,
        noise: None = None,
        shots: None = None,
    ) -> None:
        refuse_noise(noise=noise, shots=shots)
        weights = None if isinstance(weight_params, tuple) and not weight_params else weight_params
        given = unpacked(circuit, input_params, weights)
        super().__init__(
            *make_model(*given, Expectations(()), simulator=simulator, others_are_inputs=True)
        )
        for task in self._features().tasks():
            num_simulated(task)  # what has no state shows here

    def _features(self) -> StateFeatures:
        return StateFeatures(self._model)
