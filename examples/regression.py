"""Fit a noisy sine with a circuit of one qubit and one weight, trained by torch's L-BFGS."""

import torch
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from torch.nn import MSELoss

from bridge import TorchConnector
from figures import example_parser, save_fit, save_losses
from lbfgs import fit
from problems import draw_problems
from qjax import TwoLayerQNN


def create_qnn() -> TwoLayerQNN:
    """<Z> after a rotation by the input and a rotation by the weight."""
    feature_map = QuantumCircuit(1, name="fm")
    feature_map.ry(Parameter("x"), 0)
    ansatz = QuantumCircuit(1, name="vf")
    ansatz.ry(Parameter("y"), 0)
    return TwoLayerQNN(1, feature_map, ansatz)


def main() -> None:
    options = example_parser(__doc__).parse_args()
    problem = draw_problems()
    xs = torch.tensor(problem.xs, dtype=torch.float32)
    ys = torch.tensor(problem.ys, dtype=torch.float32)

    qnn = create_qnn()
    print(qnn.operator)
    model = TorchConnector(qnn, initial_weights=problem.regression_weights)

    losses = fit(model, MSELoss(reduction="sum"), xs, ys)

    grid = torch.linspace(-torch.pi, torch.pi, 200)
    with torch.no_grad():
        fitted = model(grid[:, None])[:, 0]
    error = (fitted - grid.sin()).abs().max().item()
    print(f"Largest distance from the sine: {error:.4f}")

    save_fit(
        options.output / "regression_fit.png",
        (problem.xs[:, 0], problem.ys[:, 0]),
        grid.numpy(),
        grid.sin().numpy(),
        fitted.numpy(),
        "A noisy sine, fitted with one weight",
    )
    save_losses(
        options.output / "regression_loss.png",
        losses,
        "Regression",
        "evaluation by L-BFGS",
        "sum of squared errors",
    )
    if error > 0.1:
        raise SystemExit(f"expected a curve within 0.1 of the sine, got a distance of {error}")


if __name__ == "__main__":
    main()
