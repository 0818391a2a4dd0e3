"""qujax: pure functions of JAX, one contraction per gate.

The circuit is cut where inputs and weights alternate, so that under `vmap` the matrices of weights
are not batched.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import qujax
from qujax import gates

from tests.benchmarks.peers._jax import asarray, jitted, per_sample, read_out
from tests.benchmarks.peers._step import Step
from tests.benchmarks.workloads import WEIGHT, Angle, Op, Workload

__all__ = ["asarray", "build"]

CONSTANT = {"h": "H", "s": "S", "t": "T", "x": "X", "cx": "CX", "cz": "CZ", "swap": "SWAP"}
PARAMETRIZED = {
    "rx": gates.Rx,
    "ry": gates.Ry,
    "rz": gates.Rz,
    "p": gates.Rz,
    "rxx": gates.XXPhase,
    "rzz": gates.ZZPhase,
}
"""Angles in units of pi. U1 is a product of three matrices there; RZ differs by a phase only."""


def build(workload: Workload) -> Step:
    runs = [(_source(ops), _function(ops, workload.num_qubits)) for ops in _runs(workload.ops)]

    def expectations(weights: jax.Array, inputs: jax.Array) -> jax.Array:
        state = qujax.all_zeros_statetensor(workload.num_qubits)
        for source, run in runs:
            state = run(weights if source == WEIGHT else inputs, state)
        return read_out(state, workload)

    return jitted(workload, per_sample(expectations))


def _runs(ops: tuple[Op, ...]) -> list[list[Op]]:
    """Cut where angles change from inputs to weights or back."""
    runs: list[list[Op]] = [[]]
    for op in ops:
        if op.angle and _source(runs[-1]) not in {None, op.angle.source}:
            runs.append([])
        runs[-1].append(op)
    return runs


def _source(ops: list[Op]) -> str | None:
    return next((op.angle.source for op in ops if op.angle), None)


def _function(ops: list[Op], num_qubits: int) -> Callable[..., jax.Array]:
    return qujax.get_params_to_statetensor_func(
        [_gate(op) for op in ops],
        [op.qubits for op in ops],
        [op.angle.indices if op.angle else () for op in ops],
        num_qubits,
    )


def _gate(op: Op) -> str | Callable[..., jax.Array]:
    if op.angle is None:
        return CONSTANT[op.gate]
    gate, angle = PARAMETRIZED[op.gate], op.angle
    return lambda *values: gate(_half_turns(angle, *values))


def _half_turns(angle: Angle, *values: jax.Array) -> jax.Array:
    return angle.of(*values) / math.pi
