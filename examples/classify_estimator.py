"""Classify points by an expectation value: a quantum circuit trained by torch's L-BFGS."""

import numpy as np
import torch
from torch.nn import MSELoss

from bridge import TorchConnector
from figures import example_parser, save_decision, save_losses
from lbfgs import fit
from problems import draw_problems
from qjax import TwoLayerQNN


def main() -> None:
    options = example_parser(__doc__).parse_args()
    problem = draw_problems()
    points = torch.tensor(problem.points, dtype=torch.float32)
    targets = torch.tensor(2.0 * problem.labels - 1, dtype=torch.float32).reshape(-1, 1)

    # By default a ZZ feature map for the inputs, RealAmplitudes for the weights, <ZZ> as output.
    qnn = TwoLayerQNN(num_qubits=2)
    print(qnn.operator)
    model = TorchConnector(qnn, initial_weights=problem.estimator_weights)
    print("Initial weights:", problem.estimator_weights)
    print("Output for the first point:", model(points[0]))

    losses = fit(model, MSELoss(reduction="sum"), points, targets)

    def score(places: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return model(torch.tensor(places, dtype=torch.float32))[:, 0].numpy()

    predicted = (score(problem.points) >= 0).astype(int)
    accuracy = np.mean(predicted == problem.labels)
    print("Accuracy:", accuracy)

    title = f"Classified by an expectation value: {accuracy:.0%} right"
    save_decision(
        options.output / "classify_estimator_decision.png",
        problem.points,
        problem.labels,
        predicted,
        score,
        title,
    )
    save_losses(
        options.output / "classify_estimator_loss.png",
        losses,
        "Classification by an expectation value",
        "evaluation by L-BFGS",
        "sum of squared errors",
    )
    if accuracy < 0.8:
        raise SystemExit(f"expected an accuracy of at least 0.8, got {accuracy}")


if __name__ == "__main__":
    main()
