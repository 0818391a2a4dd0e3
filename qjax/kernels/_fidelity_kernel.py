"""Floor 10. Circuit -> the kernel of the fidelity of its states."""

from typing import Any

from qiskit import QuantumCircuit

from qjax._circuit.circuit import Circuit
from qjax._engine import Expectations, num_simulated
from qjax._networks import Parameters, WeightParameters, make_model, unpacked
from qjax._noise import NoiseModel, as_noise
from qjax._readout import check_shots
from qjax._simulators import Simulator, StateVector, as_simulator
from qjax.kernels._features import StateFeatures
from qjax.kernels._kernel import QuantumKernel
from qjax.kernels._overlap import OverlapFeatures, overlap_features


class FidelityKernel(QuantumKernel):
    """The fidelity |<psi(x)|psi(y)>|^2 of the states that a circuit makes of two points.

    V. Havlicek et al., Nature 567, 209 (2019), eq. 2; with weights, T. Hubregtsen et al., Phys.
    Rev. A 106, 042431 (2022). Each point is simulated once, then the matrix is one product of
    states. Gates that cancel are left out: those of weights behind the last gate of an input.
    Groups of qubits that no gate connects are simulated apart, whatever their number.

    With noise it is what a device measures: the probability to read nothing but zeros after the
    circuit of one point and the inverse of that of the other, with noise in both, misread bits
    included (figure 1c there). Each pair is simulated, in batches. The diagonal is then below 1,
    and k(x, y) is not k(y, x): of one set of points each pair is taken in the order of its rows.
    Inverse gates have names of their own, such as sdg of s, which the model has to know.

    With `simulator=Trajectories(samples)` that probability is a mean over so many runs of each
    pair's circuit, in which noise is drawn: for circuits whose density matrices do not fit. Its
    standard error is at most 0.5 / sqrt(samples), and derivatives are unbiased.

    Args:
        circuit: the feature map; or (circuit, inputs, weights), which says what the next two are.
        input_params: the parameters (or their names) that take a point, in this order; None for all
            that are not weights, in the circuit's order.
        weight_params: the parameters that are trained, in this order; a tree as in `EstimatorQNN`.
        simulator: how states are represented, and by which engine: `StateVector(engine)` of
            `qjax.simulators`; or `DensityMatrix()`, which simulates pairs; or
            `Trajectories(samples)`, means over so many runs of each pair: then `matrix` takes a
            `key`, and `evaluate` a `seed`. None chooses.
        noise: what goes wrong on the way, a `qjax.noise.NoiseModel` with known numbers, for which
            programs are compiled; None for nothing.
        shots: how many runs each value is a mean of, 1 at least: then `matrix` takes a `key`, and
            `evaluate` a `seed`. Of one set of points each pair is drawn once; equal points have the
            kernel 1 without noise. Derivatives are those of infinitely many. None for those.

    Raises:
        ValueError: for parameters that are assigned twice or not at all, for a circuit without
            inputs, and for one that measures midway; with noise, for one that starts from given
            amplitudes; for shots below 1, and for any beside `Trajectories`.
        TypeError: for what is no circuit, parameter, simulator or noise model, and for traced
            strengths.
        UnsupportedInstructionError: see `from_qiskit`.
    """

    def __init__(
        self,
        circuit: Circuit | QuantumCircuit | tuple[Any, Any, Any],
        *,
        input_params: Parameters | None = None,
        weight_params: WeightParameters = (),
        simulator: Simulator | None = None,
        noise: NoiseModel | None = None,
        shots: int | None = None,
    ) -> None:
        shots = None if shots is None else check_shots(shots)
        simulator, noise = as_simulator(simulator), as_noise(noise)
        weights = None if isinstance(weight_params, tuple) and not weight_params else weight_params
        given = unpacked(circuit, input_params, weights)
        pure = simulator if isinstance(simulator, StateVector) else None
        model = make_model(*given, Expectations(()), simulator=pure, others_are_inputs=True)
        super().__init__(*model, noise, simulator, shots)
        features = self._features()
        if isinstance(features, StateFeatures):
            for task in features.tasks():
                num_simulated(task)  # what has no state shows here

    def _features(self) -> StateFeatures | OverlapFeatures:
        if self._noise is None and isinstance(self._simulator, StateVector | None):
            return StateFeatures(self._model)
        return overlap_features(self._model, self._simulator, self._noise)
