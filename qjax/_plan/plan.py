"""Floor 3. What a plan is: a program, and what to tell about it."""

from dataclasses import dataclass
from typing import Any

from qjax._plan.frame import Frame


@dataclass(frozen=True, eq=False)
class Plan:
    """How a circuit is simulated: what `qjax.plan(circuit)` and the `plan` of a network return.

    `print(plan)` tells which gates were fused into which passes over the state, what a sample
    costs in operations and bytes, and why these passes were chosen. Immutable.

    Attributes:
        program: what the simulator runs: tables of all passes, on the host.
        frame: which basis state each row of the state stands for when the passes are done, before
            the program's `end` brings them into Qiskit's order; None for density matrices.
        num_passes: how many times the program goes through the state.
        summary: what `print` says.
    """

    program: Any
    frame: Frame | None
    num_passes: int
    summary: str

    def __str__(self) -> str:
        return self.summary

    def __repr__(self) -> str:
        return f"Plan(num_qubits={self.program.num_qubits}, num_passes={self.num_passes})"
