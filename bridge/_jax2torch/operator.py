"""Floor 2. The operator that stands for a compiled JAX function in graphs that torch records.

`torch.compile`, `torch.export` and `make_fx` record operators, to replay them on other tensors. An
operator has a name, and tells the shapes of its outputs without computing them. `bridge::run` is
one for all functions: its arguments say which one, and what comes out.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Protocol

import torch

_RECORDERS = (torch._C._TorchDispatchModeKey.PROXY, torch._C._TorchDispatchModeKey.FAKE)

_DEFINITION = "(str name, str outputs, Tensor[] tensors, SymInt[] sizes) -> Tensor[]"
"""`outputs` are the outputs' dtypes and ranks, `sizes` their shapes one after the other."""

torch.library.define("bridge::run", _DEFINITION, tags=torch.Tag.pt2_compliant_tag)


class Recordable(Protocol):
    """What the operator runs."""

    def run(self, tensors: tuple[torch.Tensor, ...]) -> tuple[tuple[torch.Tensor, ...], Any]: ...


_recorded: dict[str, Recordable] = {}
"""By name, for as long as the process lives: a recorded graph holds nothing but the name."""

_session = os.urandom(8).hex()
"""Part of each name, so that no other process takes a function for one of its own."""


def is_recording() -> bool:
    """Whether torch records what it is told to do now."""
    return any(torch._C._get_dispatch_mode(recorder) is not None for recorder in _RECORDERS)


def record(
    program: Recordable,
    tensors: Sequence[torch.Tensor],
    shapes: Sequence[tuple[int | torch.SymInt, ...]],
    dtypes: Sequence[torch.dtype],
) -> tuple[torch.Tensor, ...]:
    """Call the program by way of the operator: the tensors stand for others, or have no values."""
    name = f"{_session}-{id(program):x}"
    _recorded[name] = program
    outputs = ",".join(
        f"{str(dtype).removeprefix('torch.')}:{len(shape)}"
        for dtype, shape in zip(dtypes, shapes, strict=True)
    )
    sizes = [size for shape in shapes for size in shape]
    return tuple(torch.ops.bridge.run(name, outputs, list(tensors), sizes))


def find(name: str) -> Recordable:
    """The program of this name.

    Raises:
        RuntimeError: it is of another process.
    """
    if name not in _recorded:
        raise RuntimeError(
            "this graph was recorded in another process, and the JAX function in it is not part "
            "of the file: record it anew here"
        )
    return _recorded[name]


@torch.library.impl("bridge::run", "CompositeExplicitAutograd")
def _run(
    name: str, outputs: str, tensors: list[torch.Tensor], sizes: list[int]
) -> list[torch.Tensor]:
    results, _ = find(name).run(tuple(tensors))
    expected = _layouts(outputs, sizes)
    actual = [(result.dtype, tuple(result.shape)) for result in results]
    if actual != expected:
        raise RuntimeError(
            f"the JAX function returned {actual}, but was recorded for {expected}: its outputs "
            "depend on sizes in a way that a few sizes did not show; compile with dynamic=False"
        )
    return list(results)


@torch.library.register_fake("bridge::run")
def _run_without_values(
    name: str, outputs: str, tensors: list[torch.Tensor], sizes: list[int]
) -> list[torch.Tensor]:
    del name
    device = tensors[0].device if tensors else torch.device("cpu")
    return [
        torch.empty(shape, dtype=dtype, device=device) for dtype, shape in _layouts(outputs, sizes)
    ]


def _layouts(outputs: str, sizes: Sequence[int]) -> list[tuple[torch.dtype, tuple[int, ...]]]:
    rest = iter(sizes)
    layouts = []
    for output in filter(None, outputs.split(",")):
        dtype, rank = output.split(":")
        layouts.append((getattr(torch, dtype), tuple(next(rest) for _ in range(int(rank)))))
    return layouts
