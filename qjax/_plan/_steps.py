"""Floor 2. What a plan is: segments of steps, each step one pass over the state.

The state has shape `(2**n, B)`, batch last. A plan keeps track of which qubit is which axis, so
that every step acts on the leading qubits: [move axes; operate on the leading `2**width` rows].
A segment is a body of steps that runs `length` times with different angles; what differs between
the repetitions is stacked along a leading axis of that length. "Shared" angles depend on
parameters that the whole batch has in common, "batched" ones on those that differ per sample.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from qjax._gates import GateKind


@dataclass(frozen=True, eq=False)
class AngleGroup:
    """Angles whose expressions share a program.

    Attributes:
        program: see `qjax._expression.Expression`.
        parameters: `(leaves, angles)` indices into the parameters.
        constants: `(leaves, angles)` numbers.
    """

    program: tuple[str, ...]
    parameters: np.ndarray
    constants: np.ndarray


@dataclass(frozen=True, eq=False)
class GateBank:
    """The matrix entries of a segment's gates, as one vector per repetition.

    It starts with 0, 1 and the entries of the constant gates; then, for each kind of gate with
    angles, the entries of all gates of that kind.

    Attributes:
        constants: `(entries,)` complex.
        kinds: pairs of a gate kind and its angles, `(num_angles, length, gates)` indices.
    """

    constants: np.ndarray
    kinds: tuple[tuple[GateKind, np.ndarray], ...]


@dataclass(frozen=True, eq=False)
class Dense:
    """A matrix on the leading qubits, or on one setting of the leading `controls` qubits.

    Attributes:
        product, slot: where its matrix is in the segment's `products`.
        controls: how many of the leading qubits are controls.
        setting: the row of the control qubits on which the matrix acts.
    """

    product: int
    slot: int
    controls: int = 0
    setting: int = 0


@dataclass(frozen=True, eq=False)
class Product:
    """Matrices of one size, each the product of gates embedded in it.

    Attributes:
        batched: which of the two gate banks its entries come from.
        table: `(slots, gates, K, K)` indices into the bank; gate 0 acts first.
    """

    batched: bool
    table: np.ndarray


@dataclass(frozen=True, eq=False)
class Monomial:
    """Phases, then a permutation, of the leading rows: out = (phase * state)[source].

    phase = constant * exp(i (shared_phases @ shared angles + batched_phases @ batched angles))

    Attributes:
        constant: `(rows,)` complex, or None for 1.
        shared: `(length, angles)` indices of angles, with `shared_phases` `(rows, angles)`.
        batched: the same for the batched angles.
        source: `(rows,)` row indices, or None for the identity.
    """

    constant: np.ndarray | None
    shared: np.ndarray
    shared_phases: np.ndarray
    batched: np.ndarray
    batched_phases: np.ndarray
    source: np.ndarray | None


@dataclass(frozen=True, eq=False)
class Step:
    """Move the qubit axes (None: leave them), then operate on the leading `width` qubits."""

    axes: tuple[int, ...] | None
    width: int
    operator: Dense | Monomial | None


class Segment(NamedTuple):
    """A body of steps that runs `length` times."""

    length: int
    steps: tuple[Step, ...]
    shared_bank: GateBank
    batched_bank: GateBank
    products: tuple[Product, ...]


@dataclass(frozen=True, eq=False)
class Plan:
    """How to run a circuit. `print(plan)` tells what was fused."""

    num_qubits: int
    num_gates: int
    shared_angles: tuple[AngleGroup, ...]
    batched_angles: tuple[AngleGroup, ...]
    segments: tuple[Segment, ...]

    def __str__(self) -> str:
        lines = [f"{self.num_qubits} qubits, {self.num_gates} gates"]
        for segment in self.segments:
            lines.append(f"  {segment.length} x")
            lines += [f"    {_describe(step, segment)}" for step in segment.steps]
        return "\n".join(lines)


def _describe(step: Step, segment: Segment) -> str:
    moved = "" if step.axes is None else "move axes; "
    if isinstance(step.operator, Dense):
        product = segment.products[step.operator.product]
        used = np.any(product.table[step.operator.slot] > 1, axis=(1, 2)).sum()
        per = "per sample" if product.batched else "shared"
        held = f", {step.operator.controls} controls" if step.operator.controls else ""
        return f"{moved}matrix on {step.width} qubits ({per}, up to {used} gates{held})"
    if isinstance(step.operator, Monomial):
        angles = step.operator.shared.shape[1], step.operator.batched.shape[1]
        permuted = "" if step.operator.source is None else ", permutation"
        return (
            f"{moved}phases on {step.width} qubits "
            f"({angles[0]} angles shared, {angles[1]} per sample{permuted})"
        )
    return "move axes"
