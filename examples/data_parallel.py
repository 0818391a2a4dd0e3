"""Data-parallel training of a hybrid model: two processes on the CPU, gradients averaged by gloo.

Processes are started by "spawn": JAX does not survive a fork. Each one takes every other sample;
together they take the same steps as one process with all samples, and that is checked.
"""

import tempfile
from pathlib import Path

import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

from bridge import TorchConnector
from figures import example_parser, save_losses
from qjax import TwoLayerQNN

RANKS = 2
STEPS = 40
SAMPLES = 32


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


def train(model: torch.nn.Module, data: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """The losses of all steps."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(model(data), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return torch.stack(losses)


def train_rank(rank: int, folder: str) -> None:
    """One process of the group."""
    store = distributed.FileStore(f"{folder}/store", RANKS)
    distributed.init_process_group("gloo", store=store, rank=rank, world_size=RANKS)
    model = DistributedDataParallel(create_model())
    data, target = samples()
    losses = train(model, data[rank::RANKS], target[rank::RANKS])
    distributed.all_reduce(losses)
    if rank == 0:
        torch.save((model.module.state_dict(), losses / RANKS), f"{folder}/result.pt")
    # The group ends with the process: torch 2.13 sometimes hangs or aborts where gloo is torn down.


def main() -> None:
    options = example_parser(__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.spawn(train_rank, args=(folder,), nprocs=RANKS)
        weights, losses = torch.load(Path(folder, "result.pt"))
    print(f"Loss in {RANKS} processes: {losses[0]:.4f} -> {losses[-1]:.4f}")

    alone = create_model()
    train(alone, *samples())
    worst = max(
        (weights[name] - value).abs().max().item() for name, value in alone.state_dict().items()
    )
    print(f"Largest difference from one process: {worst:.1e}")
    save_losses(
        options.output / "data_parallel_loss.png",
        losses.tolist(),
        f"A hybrid model in {RANKS} processes",
        "step of Adam",
        "mean squared error",
    )
    if worst > 1e-3:
        raise SystemExit(f"expected the weights of one process, got a difference of {worst}")
    if losses[-1] > losses[0] / 2:
        raise SystemExit(f"expected the loss to halve, got {losses[0]} -> {losses[-1]}")


if __name__ == "__main__":
    main()
