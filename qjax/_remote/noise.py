"""Floor 7. What a primitive that computes on this engine tells a network."""

from abc import ABC, abstractmethod

import numpy as np
from jaxtyping import Float


class Blurred(ABC):
    """A primitive whose results are exact values, then noise.

    A compiled program computes the values by itself and asks for the noise only: a primitive that
    runs JAX while the program waits for it might wait for the program.
    """

    @abstractmethod
    def blurred(
        self, exact: Float[np.ndarray, "points outputs"], accuracy: float | None
    ) -> Float[np.ndarray, "points outputs"]:
        """The results for exact values, with NumPy alone.

        Args:
            exact: expectation values, or probabilities of outcomes.
            accuracy: precision or shots; None for the primitive's own.
        """
