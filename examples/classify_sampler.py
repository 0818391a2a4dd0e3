"""Classify points by the parity of measured bits: probabilities trained by torch's L-BFGS."""

import numpy as np
import torch
from qiskit import QuantumCircuit
from qiskit.circuit.library import real_amplitudes, zz_feature_map
from torch.nn import CrossEntropyLoss

from bridge import TorchConnector
from figures import example_parser, save_decision, save_losses
from lbfgs import fit
from problems import draw_problems
from qjax import CircuitQNN


def parity(measured: int) -> int:
    """0 for an even number of ones among the measured bits, else 1."""
    return measured.bit_count() % 2


def create_qnn() -> CircuitQNN:
    """Two inputs, four weights; the probabilities of even and odd parity."""
    feature_map = zz_feature_map(2)
    ansatz = real_amplitudes(2, entanglement="linear", reps=1)
    circuit = QuantumCircuit(2)
    circuit.append(feature_map, range(2))
    circuit.append(ansatz, range(2))
    return CircuitQNN(
        circuit,
        input_params=feature_map.parameters,
        weight_params=ansatz.parameters,
        interpret=parity,
        output_shape=2,
    )


def main() -> None:
    options = example_parser(__doc__).parse_args()
    problem = draw_problems()
    points = torch.tensor(problem.points, dtype=torch.float32)
    labels = torch.tensor(problem.labels)

    model = TorchConnector(create_qnn(), initial_weights=problem.sampler_weights)
    print("Initial weights:", problem.sampler_weights)

    # Without a line search L-BFGS is chaotic on this problem: the last bit of float32 decides where
    # it ends. Strong Wolfe conditions make every step go down.
    losses = fit(model, CrossEntropyLoss(), points, labels, line_search_fn="strong_wolfe")

    def score(places: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            even, odd = model(torch.tensor(places, dtype=torch.float32)).T.numpy()
        return odd - even

    predicted = (score(problem.points) > 0).astype(int)
    accuracy = np.mean(predicted == problem.labels)
    print("Accuracy:", accuracy)

    title = f"Classified by the parity of measured bits: {accuracy:.0%} right"
    save_decision(
        options.output / "classify_sampler_decision.png",
        problem.points,
        problem.labels,
        predicted,
        score,
        title,
    )
    save_losses(
        options.output / "classify_sampler_loss.png",
        losses,
        "Classification by the parity of measured bits",
        "evaluation by L-BFGS",
        "cross entropy",
    )
    if accuracy < 0.8:
        raise SystemExit(f"expected an accuracy of at least 0.8, got {accuracy}")


if __name__ == "__main__":
    main()
