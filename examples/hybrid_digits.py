"""Train a convolutional network with a quantum layer on handwritten zeros and ones.

The network is trained, saved, loaded into a fresh model and evaluated on images it has not seen.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from qiskit.circuit.library import real_amplitudes, zz_feature_map
from torch.nn import Conv2d, Dropout2d, Linear, Module, NLLLoss
from torch.nn.functional import max_pool2d, nll_loss, relu
from torch.optim import Adam
from torch.utils.data import DataLoader, TensorDataset
from tqdm import tqdm

import digits
from bridge import TorchConnector
from figures import example_parser, save_images, save_losses
from qjax import Network, TwoLayerQNN

SHOWN = 6


def create_qnn() -> TwoLayerQNN:
    """Two inputs, four weights; gradients reach the layers in front of it."""
    feature_map, ansatz = zz_feature_map(2), real_amplitudes(2, reps=1)
    return TwoLayerQNN(2, feature_map, ansatz, input_gradients=True)


class Net(Module):
    """Images `(batch, 1, 28, 28)` -> scores `(batch, 2)` of the classes 0 and 1."""

    def __init__(self, qnn: Network) -> None:
        super().__init__()
        self.conv1 = Conv2d(1, 2, kernel_size=5)
        self.conv2 = Conv2d(2, 16, kernel_size=5)
        self.dropout = Dropout2d()
        self.fc1 = Linear(256, 64)
        self.fc2 = Linear(64, 2)  # two numbers go into the circuit
        self.qnn = TorchConnector(qnn)  # weights uniform in [-1, 1)
        self.fc3 = Linear(1, 1)  # one number comes out of it

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The scores of the images; like log probabilities, the higher the better."""
        x = max_pool2d(relu(self.conv1(x)), 2)
        x = max_pool2d(relu(self.conv2(x)), 2)
        x = self.dropout(x).flatten(start_dim=1)
        x = self.fc2(relu(self.fc1(x)))
        x = self.fc3(self.qnn(x))
        return torch.cat((x, 1 - x), dim=-1)


def make_loader(data: digits.Digits, batch_size: int, shuffle: bool) -> DataLoader:
    """Batches of images and labels."""
    return DataLoader(TensorDataset(data.images, data.labels), batch_size, shuffle=shuffle)


def train(model: Module, loader: DataLoader, epochs: int) -> list[float]:
    """Train in place; the mean loss of each epoch."""
    optimizer, loss_function = Adam(model.parameters(), lr=0.001), NLLLoss()
    model.train()
    means = []
    with tqdm(total=epochs * len(loader), unit=" steps") as progress:
        for epoch in range(1, epochs + 1):
            losses = []
            for images, labels in loader:
                optimizer.zero_grad(set_to_none=True)
                loss = loss_function(model(images), labels)
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
                progress.update()
            means.append(sum(losses) / len(losses))
            progress.write(f"Training [{epoch / epochs:.0%}]\tLoss: {means[-1]:.4f}")
    return means


@torch.no_grad()
def predict(model: Module, images: torch.Tensor) -> torch.Tensor:
    """The scores `(count, 2)` of images, without dropout."""
    model.eval()
    return model(images)


def main(arguments: Sequence[str] | None = None) -> None:
    started = time.perf_counter()
    options = _parse(arguments)
    try:
        train_data, test_data = digits.load(
            options.dataset,
            options.train_per_class,
            options.test_per_class,
            options.data_dir,
            options.mnist_split,
        )
    except digits.DataError as error:
        raise SystemExit(f"error: {error}") from error

    torch.set_num_threads(1)  # steps of one image are too short to share among threads
    torch.manual_seed(options.seed)
    qnn = create_qnn()
    print("What the circuit measures, and on which circuit:", qnn.operator, sep="\n")
    model = Net(qnn)
    losses = train(model, make_loader(train_data, options.batch_size, shuffle=True), options.epochs)

    checkpoint = options.output / "hybrid_digits.pt"
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    torch.save(model.state_dict(), checkpoint)
    print(f"saved {checkpoint}")
    loaded = Net(create_qnn())
    loaded.load_state_dict(torch.load(checkpoint, weights_only=True))

    scores = predict(loaded, test_data.images)
    predicted = scores.argmax(dim=1)
    accuracy = (predicted == test_data.labels).double().mean().item()
    print("Performance on test data:")
    print(f"\tLoss: {nll_loss(scores, test_data.labels):.4f}\n\tAccuracy: {accuracy:.1%}")

    _save_figures(options.output, losses, train_data, test_data, predicted)
    print(f"Total time: {time.perf_counter() - started:.1f} s")
    if not torch.equal(predict(model, test_data.images), scores):
        raise SystemExit("the loaded model's outputs differ from those of the trained one")
    if accuracy < options.min_accuracy:
        raise SystemExit(
            f"expected {options.min_accuracy:.0%} right or more, got {accuracy:.1%}; "
            "--min-accuracy sets what is expected"
        )


def _save_figures(
    output: Path,
    losses: list[float],
    train_data: digits.Digits,
    test_data: digits.Digits,
    predicted: torch.Tensor,
) -> None:
    shown = torch.randperm(len(train_data))[:SHOWN]
    captions = [f"labeled {label}" for label in train_data.labels[shown].tolist()]
    images = train_data.images[shown, 0].numpy()
    save_images(
        output / "hybrid_digits_train.png",
        images,
        captions,
        [False] * len(shown),
        "Training images",
    )

    wrong = predicted != test_data.labels
    mistakes, others = torch.nonzero(wrong)[:, 0], torch.nonzero(~wrong)[:, 0]
    shown = torch.cat((mistakes, others[torch.randperm(len(others))]))[:SHOWN]
    save_images(
        output / "hybrid_digits_predicted.png",
        test_data.images[shown, 0].numpy(),
        [f"predicted {label}" for label in predicted[shown].tolist()],
        wrong[shown].tolist(),
        f"Test images: {len(others)} of {len(wrong)} right",
    )
    save_losses(
        output / "hybrid_digits_loss.png",
        losses,
        "Hybrid network",
        "epoch",
        "mean negative log likelihood",
    )


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = example_parser(__doc__)
    add = parser.add_argument
    add("--dataset", choices=digits.DATASETS, default="digits", help="digits works offline")
    add("--data-dir", type=Path, default=digits.DATA_DIR, help="folder of MNIST's files")
    add(
        "--mnist-split",
        choices=digits.MNIST_SPLITS,
        default="standard",
        help="standard: train and t10k files; test: training and test images from the t10k files",
    )
    add("--epochs", type=positive, default=10, help="passes over the training images")
    add("--train-per-class", type=positive, default=100, help="training images of each class")
    add("--test-per-class", type=positive, default=50, help="test images of each class")
    add("--batch-size", type=positive, default=1, help="images per training step")
    add("--seed", type=int, default=42, help="of weights, dropout and shuffling")
    add("--min-accuracy", type=float, default=0.95, help="the run fails below this test accuracy")
    options = parser.parse_args(arguments)
    if options.mnist_split != "standard" and options.dataset != "mnist":
        parser.error("--mnist-split goes with --dataset mnist")
    return options


def positive(text: str) -> int:
    """A number of the command line."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a positive integer, got {text!r}")
    return int(text)


if __name__ == "__main__":
    main()
