"""Floor 6. What simulates a circuit with noise."""

from qjax._base.store import kept
from qjax._circuit.circuit import Circuit
from qjax._noise import (
    NoiseModel,
    NoiseStructure,
    noisy_circuit,
    reduced,
    structure_of,
)
from qjax._simulators import (
    DensityMatrix,
    Simulator,
    StateVector,
)


def with_simulator(
    circuit: Circuit, simulator: Simulator | None, noise: NoiseModel | None
) -> tuple[Simulator | None, NoiseModel | None]:
    """What simulates a circuit with noise, and what of the model has to do with the circuit.

    Pure states, by the best engine, are None; the model is None where it has no effect. Where it
    does nothing but misread bits, states stay as they are.

    Raises:
        ValueError: for pure states where there is noise, and noise that does not fit the circuit.
    """
    if noise is None:
        return simulator, None
    touches = touches_circuit(circuit, structure_of(noise))
    if not touches and not noise.readouts:
        return simulator, None
    if touches and isinstance(simulator, StateVector):
        raise ValueError(
            "simulator: StateVector has pure states, and noise makes mixed ones; expected "
            "DensityMatrix() or Trajectories(samples) of qjax.simulators, or None, which chooses"
        )
    chosen = DensityMatrix() if touches and simulator is None else simulator
    return chosen, reduced(noise, circuit)


@kept()
def touches_circuit(circuit: Circuit, noise: NoiseStructure) -> bool:
    """Whether a model does more to a circuit than to misread what it measures at its end."""
    return noisy_circuit(circuit, noise) != circuit
