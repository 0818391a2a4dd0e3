"""Data-parallel training of a hybrid model: each rank has its part of the samples, and its device.

    python examples/data_parallel.py
    torchrun --nproc-per-node 2 --max-restarts 3 examples/data_parallel.py

Started by itself, it starts torchrun with two ranks. On GPUs, gradients are averaged by nccl and
the quantum layer of a rank runs on the rank's GPU; on CPUs by gloo. Together the ranks take the
steps of one process with all samples, which is checked. The first rank saves checkpoints: ranks
that are killed are started again by torchrun, and go on from the newest one that is whole.
"""

import argparse
import datetime
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

import checkpoints
from bridge import TorchConnector
from figures import save_losses, training_parser
from qjax import TwoLayerQNN

STEPS, EVERY = 40, 10
RANKS, RESTARTS = 2, 3
SAMPLES, BATCH = 32, 16
TIMEOUT = datetime.timedelta(minutes=2)  # of a rank that waits for one that does not come


def create_model() -> torch.nn.Module:
    """A classical layer, a circuit of two qubits, a classical layer."""
    torch.manual_seed(5)
    return torch.nn.Sequential(
        torch.nn.Linear(3, 2),
        TorchConnector(TwoLayerQNN(2, input_gradients=True)),
        torch.nn.Linear(1, 1),
    )


def samples() -> tuple[torch.Tensor, torch.Tensor]:
    """What is learned: `(samples, 3)` numbers and a product of two of them."""
    data = torch.rand(SAMPLES, 3, generator=torch.Generator().manual_seed(6)) * 2 - 1
    return data, data[:, :1] * data[:, 1:2]


class Training:
    """A model, its optimizer, the order of batches, and the losses so far, on one of the ranks."""

    def __init__(self, device: torch.device, rank: int = 0, ranks: int = 1) -> None:
        self.device, self.rank, self.ranks = device, rank, ranks
        self.network = create_model().to(device)
        self.model = DistributedDataParallel(self.network) if ranks > 1 else self.network
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=0.05)
        self.order = torch.Generator().manual_seed(7)
        self.data, self.target = (values.to(device) for values in samples())
        self.losses: list[float] = []

    def step(self) -> None:
        """One step on a rank's part of the next batch, which is drawn alike on all of them."""
        batch = torch.randperm(SAMPLES, generator=self.order)[:BATCH]
        rows = batch[self.rank :: self.ranks].to(self.device)
        self.optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(self.model(self.data[rows]), self.target[rows])
        loss.backward()  # averages the gradients of the ranks
        self.optimizer.step()
        mean = loss.detach()
        if self.ranks > 1:
            distributed.all_reduce(mean)
        self.losses.append(mean.item() / self.ranks)

    def state(self) -> dict[str, Any]:
        """All that the next steps depend on."""
        return {
            "model": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "order": self.order.get_state(),
            "random": torch.get_rng_state(),  # what draws in the model, such as dropout, goes by it
            "losses": self.losses,
        }

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from such a state."""
        self.network.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.order.set_state(state["order"])
        torch.set_rng_state(state["random"])
        self.losses = list(state["losses"])


def train(training: Training, folder: Path, steps: int, every: int) -> None:
    """Train to a number of steps, from where the folder's checkpoints are."""
    first = training.rank == 0
    if state := checkpoints.newest(folder):
        training.resume(state)
        if first:
            print(f"resumed at step {len(training.losses)}", flush=True)
    if training.ranks > 1:
        distributed.barrier()  # before the first rank writes what others still read
    while len(training.losses) < steps:
        training.step()
        number = len(training.losses)
        if first:
            print(f"step {number}: {training.losses[-1]:.6f}", flush=True)
            if number % every == 0 or number == steps:
                checkpoints.save(folder, number, training.state())


def compare(training: Training, options: argparse.Namespace) -> None:
    """All ranks together beside one process."""
    losses, ranks = training.losses, training.ranks
    print(f"Loss in {ranks} processes: {losses[0]:.4f} -> {losses[-1]:.4f}")
    alone = Training(training.device)
    for _ in losses:
        alone.step()
    pairs = zip(training.network.parameters(), alone.network.parameters(), strict=True)
    worst = max((found - expected).abs().max().item() for found, expected in pairs)
    print(f"Largest difference from one process: {worst:.1e}")
    options.output.mkdir(parents=True, exist_ok=True)
    lines = "\n".join(map(repr, losses))
    (options.output / "data_parallel_losses.txt").write_text(lines + "\n")
    save_losses(
        options.output / "data_parallel_loss.png",
        losses,
        f"A hybrid model in {ranks} processes",
        "step of Adam",
        "mean squared error",
    )
    # Later, Adam has made more of what rounding differs in.
    if worst > 1e-5 and len(losses) <= STEPS:
        raise SystemExit(f"expected the weights of one process, got a difference of {worst}")
    if len(losses) >= STEPS and losses[-1] > losses[0] / 2:
        raise SystemExit(f"expected the loss to halve, got {losses[0]} -> {losses[-1]}")


def launch() -> int:
    """This script in two processes of torchrun's, which ends all where it gives one up."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(RANKS)]
    options = ["--max-restarts", str(RESTARTS), __file__, *sys.argv[1:]]
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // RANKS)))
    return subprocess.run([sys.executable, *torchrun, *options], check=False).returncode


def join() -> None:
    """Become a rank of the group: with a GPU of its own, where there are enough of them."""
    here = int(os.environ["LOCAL_RANK"])
    devices = range(torch.cuda.device_count())
    if len(devices) < int(os.environ["LOCAL_WORLD_SIZE"]):
        distributed.init_process_group("gloo", timeout=TIMEOUT)
        return
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, devices))).split(",")
    # For torch and JAX alike, before either has looked: JAX would take memory of all GPUs.
    os.environ["CUDA_VISIBLE_DEVICES"] = visible[here]
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # torch wants some, too
    distributed.init_process_group("nccl", timeout=TIMEOUT, device_id=torch.device("cuda", 0))


def main() -> int:
    options = training_parser(__doc__, STEPS, EVERY).parse_args()
    if "RANK" not in os.environ:
        return launch()
    join()
    device = torch.device("cuda" if distributed.get_backend() == "nccl" else "cpu")
    training = Training(device, distributed.get_rank(), distributed.get_world_size())
    train(
        training, options.folder or options.output / "data_parallel", options.steps, options.every
    )
    if training.rank == 0:
        compare(training, options)
    # The group ends with the process: torch 2.13 sometimes hangs or aborts where gloo is torn down.
    return 0


if __name__ == "__main__":
    sys.exit(main())
