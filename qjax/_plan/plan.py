"""Floor 3. What a plan is: a program, and what to tell about it."""

from dataclasses import dataclass

from qjax._plan.frame import Frame
from qjax._plan.program import Program


@dataclass(frozen=True, eq=False)
class Plan:
    """How to run a circuit. `print(plan)` tells what was fused, and what it costs.

    Attributes:
        program: what to run.
        frame: which basis states the rows hold before the program's `end`.
        num_passes: how many times the program goes through the state.
        summary: what `print` says.
    """

    program: Program
    frame: Frame
    num_passes: int
    summary: str

    def __str__(self) -> str:
        return self.summary

    def __repr__(self) -> str:
        return f"Plan(num_qubits={self.program.num_qubits}, num_passes={self.num_passes})"
