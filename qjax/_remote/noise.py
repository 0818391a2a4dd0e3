"""Floor 7. What a primitive that computes on this engine tells a network."""

from abc import ABC, abstractmethod

import numpy as np
from jaxtyping import Float

from qjax._circuit.circuit import Circuit
from qjax._engine import Model, NetworkReadout, with_simulator
from qjax._noise import NoiseModel, structure_of
from qjax._simulators import ExactSimulator


class Blurred(ABC):
    """A primitive whose results are exact values, then the noise of a precision or of shots.

    A compiled program computes the values by itself and asks for that noise only: a primitive that
    runs JAX while the program waits for it might wait for the program.
    """

    @property
    @abstractmethod
    def noise(self) -> NoiseModel | None:
        """What goes wrong on the way to the exact values; None for nothing."""

    @property
    @abstractmethod
    def simulator(self) -> ExactSimulator | None:
        """How states are represented; None chooses."""

    @abstractmethod
    def blurred(
        self, exact: Float[np.ndarray, "points outputs"], accuracy: float | None
    ) -> Float[np.ndarray, "points outputs"]:
        """The results for exact values, with NumPy alone.

        Args:
            exact: expectation values, or probabilities of outcomes.
            accuracy: precision or shots; None for the primitive's own.
        """


def simulated(
    circuit: Circuit,
    readout: NetworkReadout,
    simulator: ExactSimulator | None = None,
    noise: NoiseModel | None = None,
) -> tuple[Model, NoiseModel | None]:
    """A circuit as a network without weights, all of its parameters being inputs.

    Returns:
        the network, and the noise that it has to be told of: what of the model has an effect.

    Raises:
        ValueError: for noise or a simulator that do not fit the circuit.
    """
    how, relevant = with_simulator(circuit, simulator, noise)
    structure = structure_of(relevant) if relevant else None
    inputs = tuple(range(circuit.num_params))
    return Model(circuit, inputs, (), readout, None, how, structure), relevant
