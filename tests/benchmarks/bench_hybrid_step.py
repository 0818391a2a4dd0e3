"""Time of one training step of the hybrid network, and of the same network without a circuit.

Run from the repository's root: python -m tests.benchmarks.bench_hybrid_step

Both networks take turns, step by step, on the same images (batch size 1, Adam, one thread of
torch), so that whatever else the machine does slows both alike; the medians are compared.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch.nn.functional import nll_loss

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
sys.path.insert(0, str(EXAMPLES))

import digits  # noqa: E402 - needs the folder of the examples
from hybrid_digits import Net, create_qnn  # noqa: E402

LIMIT = 1.5
WARM_UP = 50


def make_step(model: torch.nn.Module) -> Callable[[torch.Tensor, torch.Tensor], None]:
    """One step of the tutorial's training loop."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    model.train()

    def step(image: torch.Tensor, label: torch.Tensor) -> None:
        optimizer.zero_grad(set_to_none=True)
        loss = nll_loss(model(image), label)
        loss.backward()
        optimizer.step()
        loss.item()

    return step


def measure(steps: int) -> tuple[float, float]:
    """Median seconds per step: with the quantum layer, with `Linear(2, 1)` in its place."""
    data, _ = digits.load("digits", 100, 50)
    torch.manual_seed(42)
    hybrid, classical = Net(create_qnn()), Net(create_qnn())
    classical.qnn = torch.nn.Linear(2, 1)
    step_functions = make_step(hybrid), make_step(classical)
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(WARM_UP + steps):
        place = number * 37 % len(data)
        image, label = data.images[place : place + 1], data.labels[place : place + 1]
        for step, taken in zip(step_functions, times, strict=True):
            start = time.perf_counter()
            step(image, label)
            taken.append(time.perf_counter() - start)
    return statistics.median(times[0][WARM_UP:]), statistics.median(times[1][WARM_UP:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=1000, help="steps that count")
    options = parser.parse_args()
    torch.set_num_threads(1)
    hybrid, classical = measure(options.steps)
    ratio = hybrid / classical
    sys.stdout.write(
        f"quantum layer {hybrid * 1e3:.3f} ms, Linear(2, 1) {classical * 1e3:.3f} ms per step: "
        f"ratio {ratio:.2f} (at most {LIMIT})\n"
    )
    if ratio > LIMIT:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
