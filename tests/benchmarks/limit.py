"""The least that a step can take on a machine: the multiply-adds of its rotations, at full rate.

Only gates that mix amplitudes count. Diagonal gates are phases, which a run of them shares, and
permutations (X, CX, SWAP) rename rows: a plan has them for nothing. On each qubit, gates of one
qubit that nothing separates are one rotation between phases, and those before its first gate of two
qubits make the product state that a simulation starts from.

A rotation of a pair of amplitudes is a' = cos a - sin b, b' = sin a + cos b, of complex numbers:
4 multiply-adds of real ones per amplitude. The adjoint method undoes it on the state, 4, and pulls
the cotangent back, 4; the derivative in the angle is a scalar product of both, 2.
"""

from __future__ import annotations

from tests.benchmarks.workloads import Workload

APPLIED, UNDONE, PULLED_BACK, DERIVATIVE = 4, 4, 4, 2
FLOPS_OF_MULTIPLY_ADD = 2
MIXING = frozenset({"h", "rx", "ry", "rxx"})


def flops_of(workload: Workload) -> float:
    """Of value and gradient."""
    amplitudes = workload.batch * 2.0**workload.num_qubits
    return FLOPS_OF_MULTIPLY_ADD * _multiply_adds(workload) * amplitudes


def _multiply_adds(workload: Workload) -> int:
    """Per amplitude."""
    is_product = set(range(workload.num_qubits))
    is_turned: set[int] = set()
    total = 0
    for op in workload.ops:
        if op.gate == "swap":  # renames qubits, with all that is known about them
            renamed = dict(zip(op.qubits, reversed(op.qubits), strict=True))
            is_product, is_turned = (
                {renamed.get(qubit, qubit) for qubit in known} for known in (is_product, is_turned)
            )
            continue
        if len(op.qubits) == 2:
            is_product -= set(op.qubits)
            is_turned -= set(op.qubits)
        free = is_product | is_turned
        if op.gate not in MIXING or (len(op.qubits) == 1 and op.qubits[0] in free):
            continue
        total += APPLIED + UNDONE + PULLED_BACK + (DERIVATIVE if op.angle else 0)
        if len(op.qubits) == 1:
            is_turned |= set(op.qubits)
    return total
