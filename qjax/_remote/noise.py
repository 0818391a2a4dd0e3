"""Floor 7. What a primitive that computes on this engine tells a network."""

from abc import ABC, abstractmethod

import numpy as np
from jaxtyping import Float

from qjax._circuit.circuit import Circuit
from qjax._engine import Model, NetworkReadout, Shots, with_simulator
from qjax._noise import NoiseModel, structure_of
from qjax._simulators import Simulator, Trajectories


class Blurred(ABC):
    """A primitive whose results are exact values, then the noise of a precision or of shots.

    A compiled program computes the values by itself and asks for that noise only: a primitive that
    runs JAX while the program waits for it might wait for the program. Where the primitive's values
    are means over runs, the program draws those, and asks for what fixes the draws.
    """

    @property
    @abstractmethod
    def noise(self) -> NoiseModel | None:
        """What goes wrong on the way to the exact values; None for nothing."""

    @property
    @abstractmethod
    def simulator(self) -> Simulator | None:
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

    @abstractmethod
    def check_accuracy(self, accuracy: float | None) -> None:
        """Require a precision, or shots, that the simulator can give.

        Raises:
            ValueError: for others than the runs of `Trajectories` are.
        """

    @abstractmethod
    def counts_runs(self, accuracy: float | None) -> bool:
        """Whether each run of `Trajectories` is one shot, and results are frequencies of those."""

    @abstractmethod
    def seeds(self, count: int) -> Float[np.ndarray, "count 2"]:
        """What fixes the draws of so many sets of runs, with NumPy alone.

        Whole numbers below 2**24, so that single precision holds them.
        """


def simulated(
    circuit: Circuit,
    readout: NetworkReadout,
    simulator: Simulator | None = None,
    noise: NoiseModel | None = None,
    counts_runs: bool = False,
) -> tuple[Model, NoiseModel | None]:
    """A circuit as a network without weights, all of its parameters being inputs.

    With `counts_runs`, probabilities are the frequencies of runs that are one shot each.

    Returns:
        the network, and the noise that it has to be told of: what of the model has an effect.

    Raises:
        ValueError: for noise or a simulator that do not fit the circuit.
    """
    how, relevant = with_simulator(circuit, simulator, noise)
    structure = structure_of(relevant) if relevant else None
    inputs = tuple(range(circuit.num_params))
    shots = Shots(how.samples, "exact") if isinstance(how, Trajectories) and counts_runs else None
    return Model(circuit, inputs, (), readout, None, how, structure, shots), relevant
