"""The bridge's cost, and a hybrid training step beside the peers' torch layers.

Run from the repository's root: python -m tests.benchmarks.bench_torch_layers

1. `TorchConnector`, forward and backward, against the same JAX function called from JAX, jitted;
   both take turns, and medians are compared.
2. A step of Linear -> circuit -> Linear with Adam, each library's layer in a process of its own;
   outputs and gradients are compared with the first one's before anything is timed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch

from tests.benchmarks.layers import LAYERS
from tests.benchmarks.peers import OURS, PEERS
from tests.benchmarks.workloads import Workload, layered, parameters

FEATURES = 4
TOLERANCE = 2e-3
SIZES = tuple((n, layers, batch) for n, layers in ((4, 3), (8, 4), (10, 4)) for batch in (1, 64))
OVERHEADS = ((2, 2, 1), (8, 4, 64))


def medians(steps: dict[str, Callable[[], Any]], seconds: float) -> dict[str, float]:
    """Median seconds per call of each; they take turns."""
    for step in steps.values():
        for _ in range(5):
            step()
    times: dict[str, list[float]] = {name: [] for name in steps}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or min(map(len, times.values())) < 5:
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(taken) for name, taken in times.items()}


def build(peer: str, workload: Workload, weights: np.ndarray) -> torch.nn.Module:
    module = importlib.import_module(f"tests.benchmarks.layers.{peer}")
    return module.layer(workload, weights)


def overhead(workload: Workload, seconds: float) -> dict[str, float]:
    """Forward and backward: the connector from torch, and what it wraps from JAX."""
    weights, inputs = parameters(workload, 0)
    layer = build(OURS, workload, weights)
    network = layer.neural_network
    leaf = torch.from_numpy(inputs).requires_grad_()
    ones = torch.ones(workload.batch, workload.num_qubits)

    def from_torch() -> None:
        layer.weight.grad = leaf.grad = None
        layer(leaf).backward(ones)

    def gradients(w: Any, x: Any, cotangent: Any) -> Any:
        _, transpose = jax.vjp(network.apply, w, x)
        return transpose(cotangent)

    forward, backward = jax.jit(network.apply), jax.jit(gradients)
    arguments = jnp.asarray(weights), jnp.asarray(inputs)
    cotangent = jnp.ones((workload.batch, workload.num_qubits), jnp.float32)

    def from_jax() -> None:
        jax.block_until_ready(forward(*arguments))
        jax.block_until_ready(backward(*arguments, cotangent))

    return medians({"torch": from_torch, "jax": from_jax}, seconds)


def measure(peer: str, workload: Workload, seconds: float) -> dict[str, Any]:
    """One library's step, with what it computes at first."""
    weights, _ = parameters(workload, 0)
    start = time.perf_counter()
    layer = build(peer, workload, weights)
    torch.manual_seed(0)
    first, last = (
        torch.nn.Linear(FEATURES, workload.num_inputs),
        torch.nn.Linear(workload.num_qubits, 1),
    )
    data, target = torch.rand(workload.batch, FEATURES), torch.rand(workload.batch, 1)
    trained = [*first.parameters(), *layer.parameters(), *last.parameters()]
    optimizer = torch.optim.Adam(trained, lr=0.001)

    def loss() -> torch.Tensor:
        return (last(layer(first(data)).to(torch.float32)) - target).square().mean()

    def step() -> None:
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    value = loss()
    value.backward()
    of_weights = [p.grad.reshape(-1) for p in layer.parameters() if p.grad is not None]
    found = [value.detach().reshape(1), first.weight.grad.reshape(-1), *of_weights]
    computed = torch.cat([part.double() for part in found]).tolist()
    first_s = time.perf_counter() - start
    return {"first_s": first_s, "computed": computed, **medians({"step_s": step}, seconds)}


def beside_peers(workload: Workload, peers: Sequence[str], seconds: float, limit: float) -> None:
    reference: np.ndarray | None = None
    mine = 0.0
    for peer in peers:
        try:
            found = _in_a_process(peer, workload.name, seconds, limit)
        except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
            _say(f"{workload.name:24} {PEERS[peer].label:30} no result: {str(error)[-120:]}")
            continue
        computed = np.array(found["computed"])
        reference = computed if reference is None else reference
        deviation = np.abs(computed - reference).max() if len(computed) == len(reference) else 9
        if deviation > TOLERANCE:
            _say(f"{workload.name:24} {PEERS[peer].label:30} disagrees: {deviation:.2g}")
            continue
        mine = mine or found["step_s"]
        _say(
            f"{workload.name:24} {PEERS[peer].label:30} step {found['step_s'] * 1e3:9.3f} ms, "
            f"first {found['first_s']:6.2f} s, {found['step_s'] / mine:7.1f} x ours"
        )


def _in_a_process(peer: str, name: str, seconds: float, limit: float) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.benchmarks.bench_torch_layers"]
    command += ["--peer", peer, "--workload", name, "--seconds", str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=3.0, help="of repetitions, for each")
    parser.add_argument("--limit", type=float, default=300.0, help="seconds for one process")
    parser.add_argument(
        "--peers", nargs="+", choices=LAYERS, default=LAYERS, help="the first checks the others"
    )
    parser.add_argument("--peer", choices=LAYERS, help=argparse.SUPPRESS)
    parser.add_argument("--workload", help=argparse.SUPPRESS)
    options = parser.parse_args()
    workloads = {size: layered(*size, "hybrid") for size in SIZES}
    if options.peer:
        (workload,) = (w for w in workloads.values() if w.name == options.workload)
        _say(json.dumps(measure(options.peer, workload, options.seconds)))
        return
    for size in OVERHEADS:
        workload = layered(*size, "hybrid")
        taken = overhead(workload, options.seconds)
        extra = taken["torch"] - taken["jax"]
        _say(
            f"{workload.name:24} forward and backward: {taken['jax'] * 1e6:.0f} us in JAX, "
            f"{extra * 1e6:.0f} us more from torch ({extra / taken['jax']:.0%})"
        )
    for workload in workloads.values():
        beside_peers(workload, options.peers, options.seconds, options.limit)


if __name__ == "__main__":
    main()
