"""Floor 10. Noise models with known numbers, as hashable values: what kernels are compiled for."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import numpy as np

from qjax._circuit.domain import is_known
from qjax._noise import NoiseModel, NoiseStructure, structure_of


class _Numbers(NamedTuple):
    """An array, by value."""

    shape: tuple[int, ...]
    dtype: str
    data: bytes


@dataclass(frozen=True, slots=True)
class KnownNoise:
    """A noise model whose numbers are known.

    Attributes:
        structure: the model without its numbers.
        numbers: its leaves.
    """

    structure: NoiseStructure
    numbers: tuple[Any, ...]

    @property
    def model(self) -> NoiseModel:
        """The model."""
        leaves = [np.frombuffer(each.data, each.dtype).reshape(each.shape) for each in self.numbers]
        model: NoiseModel = jax.tree.unflatten(self.structure, leaves)
        return model


def known(noise: NoiseModel | None) -> KnownNoise | None:
    """A model by value.

    Raises:
        TypeError: for numbers that JAX traces.
    """
    if noise is None:
        return None
    leaves = jax.tree.leaves(noise)
    if not all(map(is_known, leaves)):
        raise TypeError(
            "noise: JAX traces its strengths, and kernels are compiled for known ones; expected "
            "numbers. qjax.probabilities and qjax.expectation differentiate in strengths"
        )
    arrays = map(np.asarray, leaves)
    numbers = tuple(_Numbers(array.shape, array.dtype.str, array.tobytes()) for array in arrays)
    return KnownNoise(structure_of(noise), numbers)
