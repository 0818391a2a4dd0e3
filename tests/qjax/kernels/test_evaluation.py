"""Gram matrices block by block: into arrays and files, with little memory, with a bar."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from qiskit.circuit.library import zz_feature_map

from qjax._base import tuning
from qjax.kernels import FidelityKernel, _evaluation
from tests.circuits import error

KERNEL = FidelityKernel(zz_feature_map(2))
X, Y = (np.random.default_rng(seed).uniform(-1, 1, (45 + 10 * seed, 2)) for seed in (0, 1))
# Bytes for: one point a block; some blocks kept, some computed again; all kept.
ROOM = (1, 20_000, 80_000, 10_000_000)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "KERNEL_BLOCK", 16)


@pytest.mark.parametrize("room", ROOM)
def test_any_memory_gives_the_same(room: int) -> None:
    x, y = (X[:7], Y[:5]) if room == 1 else (X, Y)
    whole, symmetric = KERNEL.evaluate(x, y), KERNEL.evaluate(x)
    assert error(KERNEL.evaluate(x, y, max_bytes=room), whole) < 1e-14
    parts = KERNEL.evaluate(x, max_bytes=room)
    assert error(parts, symmetric) < 1e-14
    assert (parts == parts.T).all()
    assert (np.diag(parts) == 1).all()


def test_each_point_is_simulated_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[int] = []
    compiled = _evaluation.compiled_features

    def counting(features: object) -> object:
        run = compiled(features)
        return lambda points, weights: (counted.append(len(points)), run(points, weights))[1]

    monkeypatch.setattr(_evaluation, "compiled_features", counting)
    KERNEL.evaluate(X)
    assert sum(counted) == 48
    counted.clear()
    KERNEL.evaluate(X, Y)
    assert sum(counted) == 48 + 64


def test_equal_points_are_one_set_of_points() -> None:
    matrix = KERNEL.evaluate(X, X.copy())
    assert (matrix == matrix.T).all()
    assert error(matrix, KERNEL.evaluate(X)) == 0


def test_into_arrays_and_files(tmp_path: Path) -> None:
    expected = KERNEL.evaluate(X)
    given = np.full((45, 45), np.nan)
    assert KERNEL.evaluate(X, out=given) is given
    assert error(given, expected) == 0
    other_order = np.full((45, 45), np.nan).T
    assert error(KERNEL.evaluate(X, out=other_order), expected) == 0
    path = tmp_path / "gram.npy"
    mapped = KERNEL.evaluate(X, out=path)
    assert isinstance(mapped, np.memmap)
    assert not mapped.flags.writeable
    assert error(np.load(path), expected) == 0
    assert [file.name for file in tmp_path.iterdir()] == ["gram.npy"]
    with pytest.raises(FileExistsError, match="overwrite=True"):
        KERNEL.evaluate(X, out=path)
    single = KERNEL.evaluate(np.float32(X), Y.astype(np.float32), out=path, overwrite=True)
    assert single.dtype == np.float32
    assert single.shape == (45, 55)
    assert KERNEL.evaluate(X[:0], Y, out=path, overwrite=True).shape == (0, 55)


def test_a_file_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> object:
        raise RuntimeError("no kernel")

    monkeypatch.setattr(_evaluation, "compiled_block", lambda features: failing)
    with pytest.raises(RuntimeError, match="no kernel"):
        KERNEL.evaluate(X, out=tmp_path / "gram.npy")
    assert list(tmp_path.iterdir()) == []


def test_a_progress_bar(capsys: pytest.CaptureFixture[str]) -> None:
    KERNEL.evaluate(X, progress=True)
    assert "1.03k/1.03k" in capsys.readouterr().err  # 45 * 46 / 2 pairs


@pytest.mark.parametrize(
    ("count", "size"), [(1, 16), (16, 16), (17, 32), (64, 64), (65, 72), (200, 208), (1000, 1024)]
)
def test_sizes_of_blocks(count: int, size: int) -> None:
    assert _evaluation._filled(count) == size
