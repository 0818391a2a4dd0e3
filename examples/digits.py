"""Images of handwritten zeros and ones: scikit-learn's bundled digits, or MNIST's IDX files."""

import gzip
import hashlib
import http.client
import shutil
import urllib.request
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch.nn.functional import interpolate, pad

CLASSES = (0, 1)
SIDE, BOX = 28, 20  # pixels: of an image, and of the digit in its middle
DATA_DIR = Path(__file__).parent / "data"
DATASETS = ("digits", "mnist")
MNIST_SPLITS = ("standard", "test")
MNIST_SOURCE = "https://ossci-datasets.s3.amazonaws.com/mnist/"
# MD5 of the uncompressed files: the same bytes get compressed in more than one way.
MNIST_MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
IMAGES_HEADER, LABELS_HEADER = 16, 8  # bytes: the IDX format's magic number and sizes
TIMEOUT = 30  # seconds


class DataError(Exception):
    """Images that are not there, or not what they should be; the message names the remedy."""


@dataclass(frozen=True)
class Digits:
    """Images and what they show.

    Attributes:
        images: float32 `(count, 1, 28, 28)`, from 0 (black) to 1 (white).
        labels: int64 `(count,)`.
    """

    images: torch.Tensor
    labels: torch.Tensor

    def __len__(self) -> int:
        return len(self.labels)


def load(
    dataset: str,
    train_per_class: int,
    test_per_class: int,
    data_dir: Path = DATA_DIR,
    mnist_split: str = "standard",
) -> tuple[Digits, Digits]:
    """Training and test images, first all zeros, then all ones.

    Args:
        dataset: `"digits"` (offline) or `"mnist"`.
        train_per_class: how many training images of each class: the first ones of the data set.
        test_per_class: how many test images of each class.
        data_dir: folder of MNIST's files, gz or not; missing ones are downloaded into it.
        mnist_split: `"standard"` trains on the train files and tests on the t10k files; `"test"`
            takes both from the t10k files, with no image in both.

    Raises:
        DataError: for an unknown choice, too few images, files that are missing and can't be
            downloaded, and files that are damaged.
    """
    _check_choice("dataset", dataset, DATASETS)
    _check_choice("mnist split", mnist_split, MNIST_SPLITS)
    if dataset == "mnist" and mnist_split == "standard":
        train = _select(read_mnist(data_dir, "train"), 0, train_per_class)
        return train, _select(read_mnist(data_dir, "t10k"), 0, test_per_class)
    whole = read_bundled() if dataset == "digits" else read_mnist(data_dir, "t10k")
    return _select(whole, 0, train_per_class), _select(whole, train_per_class, test_per_class)


def read_bundled() -> Digits:
    """All zeros and ones that come with scikit-learn, in MNIST's format.

    As in MNIST, the digit is scaled to a box of 20x20 pixels (here from 8x8) in the middle of the
    image.
    """
    images, labels = load_digits(n_class=len(CLASSES), return_X_y=True)
    small = torch.tensor(images / 16, dtype=torch.float32).reshape(-1, 1, 8, 8)
    large = interpolate(small, size=(BOX, BOX), mode="bilinear", align_corners=False)
    margin = (SIDE - BOX) // 2
    return Digits(pad(large, (margin,) * 4), torch.tensor(labels, dtype=torch.int64))


def read_mnist(data_dir: Path, part: str) -> Digits:
    """All images of MNIST's part `"train"` or `"t10k"`.

    Raises:
        DataError: see `load`.
    """
    images = _read_file(data_dir, f"{part}-images-idx3-ubyte")
    labels = _read_file(data_dir, f"{part}-labels-idx1-ubyte")
    pixels = np.frombuffer(images, np.uint8, offset=IMAGES_HEADER).reshape(-1, 1, SIDE, SIDE)
    return Digits(
        torch.tensor(pixels, dtype=torch.float32) / 255,
        torch.tensor(np.frombuffer(labels, np.uint8, offset=LABELS_HEADER), dtype=torch.int64),
    )


def _check_choice(what: str, got: str, expected: tuple[str, ...]) -> None:
    if got not in expected:
        raise DataError(f"unknown {what} {got!r}: choose from {', '.join(expected)}")


def _select(digits: Digits, start: int, count: int) -> Digits:
    """`count` images of each class, from number `start` of that class on."""
    if count < 1:
        raise DataError(f"expected at least 1 image of each class, got {count}")
    places = []
    for label in CLASSES:
        indices = torch.nonzero(digits.labels == label)[:, 0]
        if len(indices) < start + count:
            raise DataError(
                f"{start + count} images of class {label} are needed, there are {len(indices)}: "
                "ask for fewer images for training or for test"
            )
        places.append(indices[start : start + count])
    chosen = torch.cat(places)
    return Digits(digits.images[chosen], digits.labels[chosen])


def _read_file(data_dir: Path, name: str) -> bytes:
    """The bytes of one of MNIST's files, uncompressed and verified."""
    plain, packed = data_dir / name, data_dir / f"{name}.gz"
    if plain.exists():
        return _verify(plain.read_bytes(), name, plain)
    if packed.exists():
        return _verify(_unpack(packed), name, packed)
    arriving = data_dir / f"{name}.gz.part"
    _download(f"{name}.gz", arriving)
    content = _verify(_unpack(arriving), name, arriving)
    arriving.replace(packed)
    return content


def _unpack(path: Path) -> bytes:
    try:
        return gzip.decompress(path.read_bytes())
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            f"{path} is no complete gzip file ({error}): delete it, and it is downloaded again"
        ) from error


def _verify(content: bytes, name: str, path: Path) -> bytes:
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if digest != MNIST_MD5[name]:
        raise DataError(
            f"{path} is not MNIST's {name}: its content has MD5 {digest}, expected "
            f"{MNIST_MD5[name]}. Delete it, and it is downloaded again"
        )
    return content


def _download(name: str, path: Path) -> None:
    print(f"downloading {MNIST_SOURCE}{name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            urllib.request.urlopen(MNIST_SOURCE + name, timeout=TIMEOUT) as answer,
            path.open("wb") as file,
        ):
            shutil.copyfileobj(answer, file)
    except (OSError, http.client.HTTPException) as error:
        raise DataError(
            f"{path.parent / name} is missing and could not be downloaded from {MNIST_SOURCE} "
            f"({error}): put the file there, or use --dataset digits, which needs no "
            "network, or --mnist-split test, which needs the t10k files only"
        ) from error
