"""The tutorial's hybrid network learns real handwritten digits.

The images are MNIST's t10k files: the first 100 zeros and 100 ones for training, the next 50 of
each for test. `QJAX_MNIST_DIR` says where they are.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

ROOT = Path(__file__).parent.parent
T10K_FILES = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


@pytest.fixture
def examples(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The example as a module; it sets torch's number of threads, the fixture sets it back."""
    monkeypatch.syspath_prepend(ROOT / "examples")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield importlib.import_module("hybrid_digits")
    torch.set_num_threads(threads)


@pytest.fixture
def mnist_dir() -> Path:
    named = os.environ.get("QJAX_MNIST_DIR")
    folder = Path(named) if named else ROOT.parent / "shared" / "data" / "mnist"
    missing = [
        name
        for name in T10K_FILES
        if not (folder / name).exists() and not (folder / f"{name}.gz").exists()
    ]
    if missing and named:
        pytest.fail(f"QJAX_MNIST_DIR={named} lacks {', '.join(missing)}")
    if missing:
        pytest.skip("needs MNIST's t10k files: set QJAX_MNIST_DIR to their folder")
    return folder


def test_hybrid_network_learns_mnist(examples: ModuleType, mnist_dir: Path, tmp_path: Path) -> None:
    train_data, test_data = examples.digits.load("mnist", 100, 50, mnist_dir, "test")
    assert (len(train_data), len(test_data)) == (200, 100)

    torch.manual_seed(42)
    model = examples.Net(examples.create_qnn())
    loader = examples.make_loader(train_data, batch_size=1, shuffle=True)
    losses = examples.train(model, loader, epochs=10)
    assert losses[-1] < -2

    scores = examples.predict(model, test_data.images)
    accuracy = (scores.argmax(dim=1) == test_data.labels).double().mean().item()
    assert accuracy >= 0.98

    torch.save(model.state_dict(), tmp_path / "hybrid.pt")
    loaded = examples.Net(examples.create_qnn())
    loaded.load_state_dict(torch.load(tmp_path / "hybrid.pt", weights_only=True))
    assert torch.equal(examples.predict(loaded, test_data.images), scores)
