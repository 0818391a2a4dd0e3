"""What is available: the machine, and the limit of the container less what it uses."""

from __future__ import annotations

from pathlib import Path

import jax
import pytest

from qjax._base import memory


def group(folder: Path, limit: str, used: int, files: int) -> memory._ControlGroup:
    paths = [folder / name for name in ("limit", "usage", "stat")]
    texts = limit, str(used), f"anon 5\ninactive_file {files}\n"
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    return memory._ControlGroup(*paths, "inactive_file")


@pytest.mark.parametrize(
    ("limit", "used", "files", "left"),
    [
        ("4000\n", 3000, 0, 1000),
        ("4000\n", 3000, 500, 1500),  # files that nobody reads are given up
        ("4000\n", 5000, 0, 0),
        ("max\n", 3000, 500, None),
        ("9223372036854771712\n", 3000, 500, None),  # version 1 says no limit
    ],
)
def test_containers(
    limit: str,
    used: int,
    files: int,
    left: int | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "_CONTROL_GROUPS", (group(tmp_path, limit, used, files),))
    monkeypatch.setattr(memory, "_free_memory", lambda: 10**6)
    expected = 10**6 if left is None else left
    assert memory.available_memory(jax.devices("cpu")[0]) == expected


def test_without_control_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = memory._ControlGroup(*(tmp_path / "none",) * 3, "inactive_file")
    monkeypatch.setattr(memory, "_CONTROL_GROUPS", (nowhere,))
    monkeypatch.setattr(memory, "_free_memory", lambda: 10**6)
    assert memory.available_memory(jax.devices("cpu")[0]) == 10**6
