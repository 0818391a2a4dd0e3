"""Floor 8. Probabilities as outputs."""

from collections.abc import Mapping, Sequence
from typing import Any

from qiskit import QuantumCircuit
from qiskit.passmanager import BasePassManager
from qiskit.primitives import BaseSamplerV2

from qjax._circuit.circuit import Circuit
from qjax._engine import check_simulated
from qjax._networks.interpretation import Interpret, make_readout, tabulated
from qjax._networks.network import NeuralNetwork
from qjax._networks.parameter_roles import Parameters, WeightParameters, make_model, unpacked
from qjax._networks.randomness import as_shots, check_rule, without_shots
from qjax._noise import NoiseModel, as_noise, with_noise
from qjax._qiskit import SamplerSource, as_circuit
from qjax._remote import on_sampler, refuse_beside, refuse_settings, without_primitive
from qjax._simulators import Simulator


class SamplerQNN(NeuralNetwork):
    """A network whose outputs are the probabilities of what is measured.

    Exact, or frequencies from a sampler of Qiskit's; weights of the one are weights of the other.

    Args:
        circuit: the parametrized circuit; without measurements, all qubits are measured.
        input_params, weight_params: as in `EstimatorQNN`.
        sparse: whether `forward` and `backward` return sparse arrays, and the torch bridge sparse
            tensors.
        interpret: the measured integer (little-endian) -> the index of the output that it counts
            for, or a tuple of indices.
        output_shape: a number or tuple, required with `interpret`. Default: `(2**n,)`, n the
            number of qubits, or of classical bits in a circuit with measurements.
        input_gradients: as in `EstimatorQNN`.
        sampler: what is asked for samples: any of Qiskit's samplers of version 2. None simulates,
            exactly.
        gradient: as in `EstimatorQNN`.
        simulator: as in `EstimatorQNN`.
        noise: as in `EstimatorQNN`.
        shots: how many samples stand for the exact probabilities, and None for those, as in
            `EstimatorQNN`; or how many to ask the sampler for, and None for its own number.
        pass_manager: transpiles the circuit for the sampler, once.

    Raises:
        ValueError: for `interpret` without `output_shape` or with results outside of it; on a
            sampler, for a qubit that is measured into several bits; else as `EstimatorQNN`.
    """

    def __init__(
        self,
        *,
        circuit: Circuit | QuantumCircuit,
        input_params: Parameters | None = None,
        weight_params: WeightParameters | None = None,
        sparse: bool = False,
        interpret: Interpret | None = None,
        output_shape: int | Sequence[int] | None = None,
        input_gradients: bool = False,
        sampler: BaseSamplerV2 | None = None,
        gradient: object | None = None,
        simulator: Simulator | None = None,
        noise: NoiseModel | None = None,
        shots: int | None = None,
        pass_manager: BasePassManager | None = None,
    ) -> None:
        circuit, input_params, weight_params = unpacked(circuit, input_params, weight_params)
        if sampler is None:
            given = None if shots is not None else gradient
            refuse_settings(given, "sampler", pass_manager=pass_manager)
        circuit = as_circuit(circuit)
        noise = as_noise(noise)
        readout = make_readout(with_noise(circuit, noise), interpret, output_shape)
        drawn = as_shots(shots, gradient) if sampler is None else None
        simulated = gradient if sampler is None and drawn is None else None
        roles = input_params, weight_params, readout
        model, structure = make_model(
            circuit, *roles, simulated, simulator, noise=noise, shots=drawn
        )
        check_rule(model, input_gradients)
        remote = None
        if sampler is None:
            check_simulated(model)
        if sampler is not None:
            refuse_beside("sampler", simulator=simulator, noise=noise)
            remote = on_sampler(model, sampler, shots, pass_manager, gradient, input_gradients)
        self._interpret = interpret
        super().__init__(
            model,
            input_gradients=input_gradients,
            sparse=sparse,
            remote=remote,
            structure=structure,
            noise=noise,
        )

    @property
    def interpret(self) -> Interpret | None:
        """The function of measured integers; a table of it in a network that was unpickled."""
        return self._interpret

    @property
    def sampler(self) -> BaseSamplerV2 | None:
        """What is asked for samples; None for exact simulation."""
        return self.primitive

    @property
    def shots(self) -> int | None:
        """How many samples outputs are shares of; None for exact ones, or a sampler's number."""
        if self._model.shots is not None:
            return self._model.shots.count
        source = None if self._remote is None else self._remote.source
        return source.accuracy if isinstance(source, SamplerSource) else None

    def __getstate__(self) -> dict[str, Any]:
        """Most functions for `interpret` cannot be pickled; what they do to each integer can."""
        state = dict(vars(self))
        if (interpret := self._interpret) is not None:
            state["_interpret"] = tabulated(interpret, self.circuit)
        return state

    def _argument(self, name: str) -> Any:
        if name == "output_shape" and self._interpret is None:
            return None  # it follows from the circuit
        return super()._argument(name)

    def _implied(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        settings = ("gradient", "shots", "pass_manager")
        implied = super()._implied(changes) | without_primitive("sampler", settings, self, changes)
        implied |= without_shots(self, changes)
        if changes.get("interpret", self._interpret) is None:
            implied["output_shape"] = None  # it follows from the circuit
        return implied
