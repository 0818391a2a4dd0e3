"""All angles of a workload at once, with NumPy, for peers that differentiate by angles only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tests.benchmarks.workloads import INPUT, Angle, Workload


@dataclass(frozen=True)
class AngleTable:
    """`scale * (values[first] + shift) * (values[second] + shift)`, one row per parametrized gate.

    `values` are the weights and the inputs of one sample, and after them what makes the second
    factor 1 where there is none.
    """

    first: np.ndarray
    second: np.ndarray
    scale: np.ndarray
    shift: np.ndarray
    num_weights: int

    def angles(self, weights: np.ndarray, inputs: np.ndarray) -> np.ndarray:
        first, second = self._factors(weights, inputs)
        return self.scale * first * second

    def pull_back(
        self, gradient: np.ndarray, weights: np.ndarray, inputs: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Gradient in the angles -> gradients in the weights and in the inputs."""
        first, second = self._factors(weights, inputs)
        size = len(weights) + len(inputs) + 1
        scaled = gradient * self.scale
        total = np.bincount(self.first, scaled * second, size)
        total += np.bincount(self.second, scaled * first, size)
        return total[: self.num_weights], total[self.num_weights : -1]

    def _factors(self, weights: np.ndarray, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        values = np.concatenate([weights, inputs, [0.0]])
        shift = np.where(self.second == len(values) - 1, 1.0, self.shift)
        return values[self.first] + self.shift, values[self.second] + shift


def angle_table(workload: Workload) -> AngleTable:
    """One row per parametrized gate, in the order of the circuit."""
    angles = [op.angle for op in workload.ops if op.angle]
    nothing = workload.num_weights + workload.num_inputs
    places = [_places(angle, workload.num_weights) for angle in angles]
    return AngleTable(
        np.array([place[0] for place in places]),
        np.array([place[1] if len(place) > 1 else nothing for place in places]),
        np.array([angle.scale for angle in angles]),
        np.array([angle.shift for angle in angles]),
        workload.num_weights,
    )


def _places(angle: Angle, num_weights: int) -> Sequence[int]:
    offset = num_weights if angle.source == INPUT else 0
    return [index + offset for index in angle.indices]
