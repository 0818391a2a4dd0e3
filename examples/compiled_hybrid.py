"""A hybrid model under `torch.compile`: one graph without breaks, forwards and backwards.

The circuit is one operator in torch's graph; whatever stands around it is compiled by torch. The
same model runs eagerly beside it: the losses have to agree.
"""

import copy
import time
from collections.abc import Callable, Iterable

import torch
from tqdm import trange

from bridge import TorchConnector
from figures import example_parser, save_losses
from qjax import TwoLayerQNN

STEPS = 100
COMPARED = 10
SAMPLES = 64


def create_model() -> torch.nn.Module:
    """A classical layer, a circuit of four qubits, a classical layer."""
    return torch.nn.Sequential(
        torch.nn.Linear(8, 4),
        torch.nn.Tanh(),
        TorchConnector(TwoLayerQNN(4, input_gradients=True)),
        torch.nn.Linear(1, 1),
    )


def train(
    model: Callable[[torch.Tensor], torch.Tensor],
    parameters: Iterable[torch.nn.Parameter],
    data: torch.Tensor,
    target: torch.Tensor,
) -> list[float]:
    """The losses of all steps."""
    optimizer = torch.optim.Adam(parameters, lr=0.05)
    losses = []
    for _ in (progress := trange(STEPS, desc="Adam")):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(model(data), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        progress.set_postfix(loss=f"{losses[-1]:.4f}", refresh=False)
    return losses


def main() -> None:
    parser = example_parser(__doc__)
    parser.add_argument(
        "--backend", default="aot_eager", help="torch's compiler; 'inductor' needs a C++ compiler"
    )
    options = parser.parse_args()
    torch.manual_seed(1)
    data = torch.rand(SAMPLES, 8) * 2 - 1
    target = torch.sin(3 * data[:, :1] * data[:, 1:2])
    eager = create_model()
    copied = copy.deepcopy(eager)
    compiled = torch.compile(copied, fullgraph=True, backend=options.backend)

    expected = train(eager, eager.parameters(), data, target)
    start = time.perf_counter()
    losses = train(compiled, copied.parameters(), data, target)
    print(f"Compiled and trained in {time.perf_counter() - start:.1f} s")
    print(f"Loss: {losses[0]:.4f} -> {losses[-1]:.4f}")

    # Later on, a difference in the last digit grows, as it does between two eager runs.
    start_of = zip(losses[:COMPARED], expected[:COMPARED], strict=True)
    worst = max(abs(a - b) for a, b in start_of)
    print(f"Largest difference from the eager model, {COMPARED} steps: {worst:.1e}")
    save_losses(
        options.output / "compiled_hybrid_loss.png",
        losses,
        "A compiled hybrid model",
        "step of Adam",
        "mean squared error",
    )
    if worst > 1e-3:
        raise SystemExit(f"expected the eager model's losses, got {worst} of difference")
    if losses[-1] > losses[0] / 2:
        raise SystemExit(f"expected the loss to halve, got {losses[0]} -> {losses[-1]}")


if __name__ == "__main__":
    main()
