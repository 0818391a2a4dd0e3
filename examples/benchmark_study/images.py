"""Handwritten threes and fives, as a few principal components: MNIST's, or scikit-learn's."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

import digits
from benchmark_study.datasets import Dataset, Points, split

CLASSES = (3, 5)  # labels -1 and +1
SEED = 0  # of the splits and draws that the paper does not fix
FEW, MANY = 250, 1000  # samples of each part that kernels get, where there are many
PARTS = {"train": "train", "test": "t10k"}


def mnist(folder: Path, features: int = 10) -> Dataset:
    """MNIST's own split as in the paper; all from its test images where there are only those.

    Raises:
        DataError: for files that are not there, or damaged.
    """
    if not _has(folder, PARTS["test"]):
        raise digits.DataError(f"{folder} lacks MNIST's t10k-images-idx3-ubyte, plain or as .gz")
    if not _has(folder, PARTS["train"]):
        return _halves("mnist_t10k", *_two_classes(*_read(folder, PARTS["test"])), features)
    train, test = (_two_classes(*_read(folder, part)) for part in PARTS.values())
    return _reduced(Dataset("mnist_pca", *train, *test), features)


def bundled(features: int = 10) -> Dataset:
    """The digits that come with scikit-learn; a fifth of them for test."""
    images, numbers = load_digits(return_X_y=True)
    return _halves("digits", *_two_classes(images, numbers), features)


def fewer(dataset: Dataset) -> Dataset:
    """250 samples of each part, drawn with replacement as in the paper; all of a small set."""
    if len(dataset.train) <= MANY:
        return dataset
    stream = np.random.default_rng(SEED)
    train, test = (stream.integers(len(part), size=FEW) for part in (dataset.train, dataset.test))
    return Dataset(
        f"{dataset.name}-",
        dataset.train[train],
        dataset.train_labels[train],
        dataset.test[test],
        dataset.test_labels[test],
    )


def _halves(name: str, points: np.ndarray, labels: np.ndarray, features: int) -> Dataset:
    order = np.random.default_rng(SEED).permutation(len(points))
    return _reduced(split(name, points, labels, order), features)


def _two_classes(images: np.ndarray, numbers: Sequence[int] | np.ndarray) -> Points:
    numbers = np.asarray(numbers)
    kept = np.isin(numbers, CLASSES)
    pixels = np.asarray(images, float).reshape(len(images), -1)[kept]
    return pixels, np.where(numbers[kept] == CLASSES[0], -1.0, 1.0)


def _reduced(dataset: Dataset, features: int) -> Dataset:
    """Standardised pixels -> principal components, both of the training images."""
    scaler = StandardScaler().fit(dataset.train)
    components = PCA(n_components=features, svd_solver="full").fit(scaler.transform(dataset.train))
    train, test = (
        components.transform(scaler.transform(part)) for part in (dataset.train, dataset.test)
    )
    return Dataset(dataset.name, train, dataset.train_labels, test, dataset.test_labels)


def _has(folder: Path, part: str) -> bool:
    names = (f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte")
    return all((folder / name).exists() or (folder / f"{name}.gz").exists() for name in names)


def _read(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    whole = digits.read_mnist(folder, part)
    return whole.images.numpy(), whole.labels.numpy()
