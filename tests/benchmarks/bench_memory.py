"""Memory and compilations over a long training: both have to stay where they were.

Run from the repository's root: python -m tests.benchmarks.bench_memory

A hybrid model (Linear, circuit, Linear) takes 100,000 steps of Adam, with a step by `torch.func`
now and then; the process's memory is read after every tenth part.
"""

from __future__ import annotations

import argparse
import os
import sys

import jax
import torch

import qjax
from bridge import TorchConnector
from tests.benchmarks.machine import held_memory

ALLOWED_MB = 10.0
TRACE_EVENT = "/jax/core/compile/jaxpr_trace_duration"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=100_000)
    steps = parser.parse_args().steps
    traces: list[str] = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, _, **__: traces.append(event) if event == TRACE_EVENT else None
    )
    torch.manual_seed(0)
    layer = TorchConnector(qjax.TwoLayerQNN(2, input_gradients=True))
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), layer, torch.nn.Linear(1, 1))
    optimizer = torch.optim.Adam(model.parameters())

    def loss(weight: torch.Tensor, data: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(layer, {"weight": weight}, data).square().mean()

    held = []
    for step in range(steps + 1):
        data = torch.rand(4, 3)
        optimizer.zero_grad()
        model(data).square().mean().backward()
        optimizer.step()
        if step % 100 == 0:
            torch.func.grad(loss)(layer.weight.detach(), data[:, :2])
        if step and step % (steps // 10) == 0:
            held.append((held_memory(os.getpid()) or 0) / 1e6)
            sys.stdout.write(f"{step:8} steps: {held[-1]:8.1f} MB, {len(traces)} traces\n")
            sys.stdout.flush()
    if held[-1] - held[0] > ALLOWED_MB:
        raise SystemExit(f"memory grew by {held[-1] - held[0]:.1f} MB")


if __name__ == "__main__":
    main()
