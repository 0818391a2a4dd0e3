"""Floor 9. Noise model <-> its strengths as one real vector.

So they are arguments of compiled programs: other strengths of the same kinds compile nothing.
"""

from dataclasses import dataclass
from math import prod
from typing import NamedTuple

import jax
import numpy as np
from jax import Array, lax
from jaxtyping import Float

from qjax._noise import NoiseModel, NoiseStructure, structure_of


class Leaf(NamedTuple):
    """An array of strengths, without its numbers."""

    shape: tuple[int, ...]
    is_complex: bool

    @property
    def size(self) -> int:
        """How many real numbers it is."""
        return prod(self.shape) * (1 + self.is_complex)


@dataclass(frozen=True)
class Strengths:
    """How a vector makes a noise model.

    Attributes:
        structure: the model without its numbers.
        leaves: the arrays, one after the other; imaginary parts come after real ones.
    """

    structure: NoiseStructure
    leaves: tuple[Leaf, ...]

    @property
    def size(self) -> int:
        """The length of the vector."""
        return sum(leaf.size for leaf in self.leaves)

    def model(self, vector: Float[Array, " strengths"]) -> NoiseModel:
        """The model of these numbers."""
        arrays, start = [], 0
        for leaf in self.leaves:
            part = vector[start : start + leaf.size].reshape(-1, *leaf.shape)
            arrays.append(lax.complex(part[0], part[1]) if leaf.is_complex else part[0])
            start += leaf.size
        model: NoiseModel = jax.tree.unflatten(self.structure, arrays)
        return model


def strengths_of(model: NoiseModel) -> Strengths:
    """How a model's numbers make it again."""
    arrays = map(np.asarray, jax.tree.leaves(model))
    leaves = tuple(Leaf(array.shape, np.iscomplexobj(array)) for array in arrays)
    return Strengths(structure_of(model), leaves)


def numbers_of(model: NoiseModel) -> Float[np.ndarray, " strengths"]:
    """A model's numbers in one vector."""
    arrays = [np.asarray(leaf) for leaf in jax.tree.leaves(model)]
    parts = [np.zeros(0)]
    for array in arrays:
        both = (array.real, array.imag) if np.iscomplexobj(array) else (array,)
        parts += [part.ravel().astype(np.float64) for part in both]
    # A time of infinite relaxation: the longest one is no shorter, in any digit.
    return np.nan_to_num(np.concatenate(parts), nan=np.nan, posinf=np.finfo(np.float64).max)
