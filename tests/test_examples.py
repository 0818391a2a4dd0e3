"""Every example runs, checks its own result and saves its figures; bad data are refused."""

from __future__ import annotations

import gzip
import hashlib
import importlib
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
# What torch warns of by itself: in its forward mode, and in its compiler.
TORCHS_OWN = ("ignore:`torch.jit.script`:DeprecationWarning", "ignore:The .grad attribute")
# What would take longer than a test should.
ARGUMENTS = {
    "hybrid_noise": (
        *("--ways", "exact", "mitigated", "--epochs", 1),
        *("--train-per-class", 4, "--min-accuracy", 0),
    )
}
PNG = b"\x89PNG\r\n\x1a\n"

# The figures of each example, and what it has to print.
EXPECTED = {
    "classify_estimator": (
        ["classify_estimator_decision.png", "classify_estimator_loss.png"],
        ["OperatorMeasurement(1.0 * ZZ)", "-0.01256962", "tensor([-0.3285]", "Accuracy: 0.8"],
    ),
    "classify_sampler": (
        ["classify_sampler_decision.png", "classify_sampler_loss.png"],
        ["[ 0.0364991  -0.0720495  -0.06001836 -0.09852755]", "Accuracy: 0."],
    ),
    "regression": (["regression_fit.png", "regression_loss.png"], ["0.248"]),
    "classify_jax": (["classify_jax_decision.png", "classify_jax_loss.png"], ["Accuracy: 0."]),
    "diagnostics": (
        [
            "diagnostics_expressibility.png",
            "diagnostics_plateau.png",
            "diagnostics_dimension.png",
            "diagnostics_fourier.png",
        ],
        ["Deep circuits: the variance falls by 2**", "Frequencies: (1.0, 2.0, 3.0, 4.0)"],
    ),
    "noise_from_counts": (
        ["noise_from_counts.png"],
        ["depolarizing, cx 1 2     0.0470, learned 0.0", "Farthest from the truth: "],
    ),
    "hybrid_noise": (
        ["hybrid_noise.png"],
        ["trained      run", "exact        mitigated", "Total time:"],
    ),
    "compiled_hybrid": (["compiled_hybrid_loss.png"], ["from the eager model"]),
    "torch_hessian": (["torch_hessian_loss.png"], ["(20, 8)", "from jax.hessian"]),
    "data_parallel": (["data_parallel_loss.png"], ["step 40:", "from one process"]),
    "distributed_jax": (["distributed_jax_loss.png"], ["step 25:", "from one device"]),
    "long_training": (["long_training_loss.png"], ["step 60:", "Loss: 0.2"]),
    "torch_encoder": (["torch_encoder_loss.png"], ["Accuracy: "]),
    "hybrid_digits": (
        ["hybrid_digits_train.png", "hybrid_digits_predicted.png", "hybrid_digits_loss.png"],
        ["Training [100%]\tLoss: -2.", "Performance on test data:", "Total time:"],
    ),
}


def run(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """An example in a process of its own, where a warning is an error."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    options = [word for rule in ("error", *TORCHS_OWN) for word in ("-W", rule)]
    return subprocess.run(
        [sys.executable, *options, EXAMPLES / f"{name}.py", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize("name", EXPECTED)
def test_example_runs(name: str, tmp_path: Path) -> None:
    figures, texts = EXPECTED[name]
    result = run(name, "--output", tmp_path, *ARGUMENTS.get(name, ()))
    assert result.returncode == 0, result.stderr[-3000:]
    assert [text for text in texts if text not in result.stdout] == []
    for figure in figures:
        assert (tmp_path / figure).read_bytes().startswith(PNG)


def test_every_script_is_run() -> None:
    scripts = {path.stem for path in EXAMPLES.glob("*.py") if "__main__" in path.read_text()}
    assert scripts == set(EXPECTED)


def test_failed_check_is_a_failed_run(tmp_path: Path) -> None:
    result = run(
        "hybrid_digits", "--output", tmp_path, "--epochs", 1, "--train-per-class", 1, "--seed", 4
    )
    assert result.returncode == 1
    assert "expected 95% right or more" in result.stderr


def test_unusable_options_end_in_one_line(tmp_path: Path) -> None:
    result = run("hybrid_digits", "--output", tmp_path, "--train-per-class", 1000)
    assert result.returncode == 1
    assert "1050 images" not in result.stdout
    assert "ask for fewer images" in result.stderr
    assert "Traceback" not in result.stderr


# Loading images, with small files in the place of MNIST's.


@pytest.fixture
def digits(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module `examples/digits.py`, unable to reach any network."""
    monkeypatch.syspath_prepend(EXAMPLES)
    module = importlib.import_module("digits")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    monkeypatch.setattr(module, "MNIST_SOURCE", f"http://127.0.0.1:{port}/")
    return module


def idx(array: np.ndarray) -> bytes:
    """The IDX format, after its description: magic number, sizes (big-endian), bytes."""
    magic = bytes([0, 0, 8, array.ndim])
    return magic + np.array(array.shape, ">u4").tobytes() + array.astype(np.uint8).tobytes()


@pytest.fixture
def contents(digits: ModuleType, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Small files of MNIST's format; image i of a part is filled with i, its label is i % 3."""
    files = {}
    for part, count in (("train", 30), ("t10k", 24)):
        numbers = np.arange(count)
        files[f"{part}-images-idx3-ubyte"] = idx(np.tile(numbers[:, None, None], (1, 28, 28)))
        files[f"{part}-labels-idx1-ubyte"] = idx(numbers % 3)
    sums = {name: hashlib.md5(content).hexdigest() for name, content in files.items()}
    monkeypatch.setattr(digits, "MNIST_MD5", sums)
    return files


def write(folder: Path, contents: dict[str, bytes], packed: bool = True) -> None:
    for name, content in contents.items():
        path = folder / (f"{name}.gz" if packed else name)
        path.write_bytes(gzip.compress(content) if packed else content)


def numbers_in(data: object) -> list[int]:
    return (data.images[:, 0, 14, 14] * 255).round().int().tolist()  # type: ignore[attr-defined]


@pytest.mark.parametrize("packed", [True, False], ids=["gz", "plain"])
def test_mnist_standard_split(
    digits: ModuleType, contents: dict[str, bytes], tmp_path: Path, packed: bool
) -> None:
    write(tmp_path, contents, packed)
    train, test = digits.load("mnist", 3, 2, tmp_path)
    assert numbers_in(train) == [0, 3, 6, 1, 4, 7]
    assert numbers_in(test) == [0, 3, 1, 4]
    assert train.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert (train.images.shape, train.images.dtype) == ((6, 1, 28, 28), torch.float32)


def test_mnist_test_split_needs_t10k_only(
    digits: ModuleType, contents: dict[str, bytes], tmp_path: Path
) -> None:
    write(tmp_path, {name: data for name, data in contents.items() if name.startswith("t10k")})
    train, test = digits.load("mnist", 3, 2, tmp_path, "test")
    assert numbers_in(train) == [0, 3, 6, 1, 4, 7]
    assert numbers_in(test) == [9, 12, 10, 13]


def test_bundled_digits(digits: ModuleType) -> None:
    train, test = digits.load("digits", 100, 50)
    for data, count in ((train, 100), (test, 50)):
        assert data.images.shape == (2 * count, 1, 28, 28)
        assert data.images.min() == 0
        assert data.images.max() == 1
        assert data.labels.bincount().tolist() == [count, count]
    ours, theirs = ({image.numpy().tobytes() for image in data.images} for data in (train, test))
    assert not ours & theirs


@pytest.fixture
def server(
    digits: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A folder whose files can be downloaded."""
    folder = tmp_path_factory.mktemp("served")
    handler = type("Handler", (SimpleHTTPRequestHandler,), {"log_message": lambda *args: None})
    with HTTPServer(("127.0.0.1", 0), partial(handler, directory=folder)) as served:
        monkeypatch.setattr(digits, "MNIST_SOURCE", f"http://127.0.0.1:{served.server_port}/")
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        yield folder
        served.shutdown()
        thread.join()


def test_missing_files_are_downloaded(
    digits: ModuleType, contents: dict[str, bytes], tmp_path: Path, server: Path
) -> None:
    write(server, contents)
    folder = tmp_path / "new" / "folder"
    train, _ = digits.load("mnist", 3, 2, folder)
    assert numbers_in(train) == [0, 3, 6, 1, 4, 7]
    assert sorted(path.name for path in folder.iterdir()) == sorted(f"{n}.gz" for n in contents)


def test_a_damaged_download_is_not_kept(
    digits: ModuleType, contents: dict[str, bytes], tmp_path: Path, server: Path
) -> None:
    write(server, {name: content[:-1] for name, content in contents.items()})
    with pytest.raises(digits.DataError, match="has MD5"):
        digits.load("mnist", 3, 2, tmp_path)
    assert list(tmp_path.glob("*.gz")) == []


def test_missing_files_without_network(
    digits: ModuleType, contents: dict[str, bytes], tmp_path: Path
) -> None:
    expected = "train-images-idx3-ubyte.gz is missing and could not be downloaded .*use --dataset"
    with pytest.raises(digits.DataError, match=expected):
        digits.load("mnist", 3, 2, tmp_path / "nowhere")


def test_wrong_content(digits: ModuleType, contents: dict[str, bytes], tmp_path: Path) -> None:
    name = "train-labels-idx1-ubyte"
    write(tmp_path, {**contents, name: contents[name][:-1] + b"\1"})
    expected = f"{name}.gz is not MNIST's .* expected {digits.MNIST_MD5[name]}.* Delete it"
    with pytest.raises(digits.DataError, match=expected):
        digits.load("mnist", 3, 2, tmp_path)


@pytest.mark.parametrize("damage", [lambda gz: gz[:40], lambda gz: b"no gzip", lambda gz: b""])
def test_damaged_gzip(
    digits: ModuleType, contents: dict[str, bytes], tmp_path: Path, damage
) -> None:
    write(tmp_path, contents)
    path = tmp_path / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(digits.DataError, match=f"{re.escape(str(path))} is n"):
        digits.load("mnist", 3, 2, tmp_path, "test")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("letters", 3, 2), "unknown dataset 'letters': choose from digits, mnist"),
        (("digits", 3, 2, Path(), "other"), "unknown mnist split 'other': choose from standard, t"),
        (("digits", 0, 2), "expected at least 1 image of each class, got 0"),
        (("digits", 150, 29), "179 images of class 0 are needed, there are 178: ask for fewer"),
    ],
)
def test_bad_choices(digits: ModuleType, arguments: tuple, expected: str) -> None:
    with pytest.raises(digits.DataError, match=expected):
        digits.load(*arguments)
