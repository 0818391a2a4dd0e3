"""The hybrid network of the tutorial exactly, with shots, with a device's noise, and mitigated.

What is computed is the same in all four: one keyword of the quantum layer says how.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass

import jax
import torch
from jaxtyping import Float
from qiskit.circuit.library import real_amplitudes, zz_feature_map
from torch.nn import Module, NLLLoss
from torch.nn.functional import nll_loss
from torch.optim import Adam
from tqdm import tqdm

import digits
import qjax
from figures import example_parser
from hybrid_digits import Net, make_loader, positive, predict
from noise_figures import Training, save_trainings
from qjax.mitigation import readout, zero_noise_extrapolation
from qjax.noise import NoiseModel, depolarizing, thermal_relaxation

SHOTS = 1024
SHORT, LONG = 0.05, 0.4  # microseconds: what a gate on one qubit takes, and one on two
T1, T2 = 60.0, 40.0  # microseconds


def device() -> NoiseModel:
    """The noise of a device: depolarizing gates, which take their time, and misread bits."""
    short, long = (thermal_relaxation(T1, T2, duration) for duration in (SHORT, LONG))
    return (
        NoiseModel()
        .after(["h", "p", "ry"], depolarizing(0.002).then(short))
        .after("cx", depolarizing(0.03, num_qubits=2).then(long.tensor(long)))
        .readout(0.03, qubits=0)
        .readout(0.05, qubits=1)
    )


def create_qnn(shots: int | None = None, noise: NoiseModel | None = None) -> qjax.TwoLayerQNN:
    """Two inputs, four weights and one output: exact, unless a keyword says otherwise."""
    feature_map, ansatz = zz_feature_map(2), real_amplitudes(2, reps=1)
    return qjax.TwoLayerQNN(2, feature_map, ansatz, input_gradients=True, shots=shots, noise=noise)


@dataclass(frozen=True)
class Mitigated:
    """Corrected outputs of a noisy network: an object with these four names is a network, too."""

    network: qjax.TwoLayerQNN
    noise: NoiseModel

    @property
    def num_inputs(self) -> int:
        """Length of an input."""
        return self.network.num_inputs

    @property
    def num_weights(self) -> int:
        """Length of the weights."""
        return self.network.num_weights

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of an output."""
        return self.network.output_shape

    def apply(
        self, weights: Float[jax.Array, " weights"], inputs: Float[jax.Array, "*batch 2"]
    ) -> Float[jax.Array, "*batch 1"]:
        """Values at once, twice and three times the noise, followed to none; bits as they were."""

        def measured(stronger: NoiseModel) -> jax.Array:
            return self.network.replace(noise=stronger).apply(weights, inputs)

        values = zero_noise_extrapolation(measured, self.noise, factors=(1, 2, 3), order=2)
        return readout(values, self.noise, observables=["ZZ"])


def networks() -> dict[str, qjax.Network]:
    """The same network in four ways."""
    return {
        "exact": create_qnn(),
        f"{SHOTS} shots": create_qnn(shots=SHOTS),
        "device": create_qnn(noise=device()),
        "mitigated": Mitigated(create_qnn(), device()),
    }


def evaluated(model: Module, data: digits.Digits) -> tuple[float, float]:
    """Loss and accuracy."""
    scores = predict(model, data.images)
    right = scores.argmax(dim=1) == data.labels
    return nll_loss(scores, data.labels).item(), right.double().mean().item()


def train(
    qnn: qjax.Network,
    data: tuple[digits.Digits, digits.Digits],
    options: argparse.Namespace,
    progress: tqdm,
) -> tuple[Net, Training]:
    """A trained model, and what became of its loss and of its accuracy on test images."""
    torch.manual_seed(options.seed)  # of weights, order, dropout and shots
    model = Net(qnn)
    train_data, test_data = data
    optimizer, loss_function = Adam(model.parameters(), lr=0.001), NLLLoss()
    loader = make_loader(train_data, options.batch_size, shuffle=True)
    losses, accuracies = [], []
    for _ in range(options.epochs):
        total = 0.0
        model.train()
        for images, labels in loader:
            optimizer.zero_grad(set_to_none=True)
            loss = loss_function(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
            progress.update()
        losses.append(total / len(train_data))
        accuracies.append(evaluated(model, test_data)[1])
    return model, Training(losses, accuracies)


def main(arguments: Sequence[str] | None = None) -> None:
    started = time.perf_counter()
    options = _parse(arguments)
    torch.set_num_threads(1)  # steps of a few images are too short to share among threads
    try:
        data = digits.load("digits", options.train_per_class, 50)
    except digits.DataError as error:
        raise SystemExit(f"error: {error}") from error
    ways = {name: qnn for name, qnn in networks().items() if name in options.ways}
    steps = options.epochs * -(-len(data[0]) // options.batch_size)
    models, trainings = {}, {}
    with tqdm(total=steps * len(ways), unit=" steps") as progress:
        for name, qnn in ways.items():
            progress.set_description(f"trained {name}")
            models[name], trainings[name] = train(qnn, data, options, progress)

    print(f"{'trained':12} {'run':12} {'loss':>8} {'accuracy':>9} of {len(data[1])} test images")
    first = next(iter(ways))
    for trained, run in [*zip(ways, ways, strict=True), *((first, name) for name in ways)]:
        model = Net(ways[run])
        model.load_state_dict(models[trained].state_dict())
        loss, accuracy = evaluated(model, data[1])
        print(f"{trained:12} {run:12} {loss:8.4f} {accuracy:9.1%}")
    save_trainings(options.output / "hybrid_noise.png", trainings)
    print(f"Total time: {time.perf_counter() - started:.1f} s")
    worst = min(training.accuracies[-1] for training in trainings.values())
    if worst < options.min_accuracy:
        raise SystemExit(f"expected {options.min_accuracy:.0%} right or more, got {worst:.1%}")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = example_parser(__doc__)
    add = parser.add_argument
    add("--ways", nargs="+", choices=list(networks()), default=list(networks()), help="of training")
    add("--epochs", type=positive, default=10, help="passes over the training images")
    add("--train-per-class", type=positive, default=100, help="training images of each class")
    add("--batch-size", type=positive, default=2, help="images per training step")
    add("--seed", type=int, default=42, help="of weights, order, dropout, shots")
    add("--min-accuracy", type=float, default=0.9, help="the run fails below this test accuracy")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
