"""Checkpoints of torch: each is there whole or not at all, and the newest whole one is read."""

import hashlib
import io
import os
import pickle
import struct
import sys
from pathlib import Path
from typing import Any

import torch

KEPT = 3  # older ones are removed


def save(folder: Path, number: int, state: dict[str, Any]) -> Path:
    """Write a checkpoint: beside its place, to the disk, and only then there.

    Args:
        folder: made if it is missing.
        number: of the step; a later checkpoint has a larger one.
        state: what `torch.load` reads without running code: tensors, numbers, state_dicts.
    """
    folder.mkdir(parents=True, exist_ok=True)
    content = io.BytesIO()
    torch.save(state, content)
    data = content.getvalue()
    path = folder / f"step_{number:08d}.pt"
    unfinished = path.with_suffix(".unfinished")  # one writer: a killed one's is overwritten
    with unfinished.open("wb") as file:
        file.write(hashlib.sha256(data).digest() + data)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    _sync(folder)  # the name, too
    for old in checkpoints_of(folder)[:-KEPT]:
        old.unlink()
    return path


def newest(folder: Path) -> dict[str, Any] | None:
    """The newest checkpoint that is whole; None for none. Those that are not are reported."""
    for path in reversed(checkpoints_of(folder)):
        try:
            return read(path)
        except ValueError as error:
            print(f"{path} is damaged, and is skipped: {error}", file=sys.stderr)
    return None


def read(path: Path) -> dict[str, Any]:
    """The state that was saved.

    Raises:
        ValueError: for what is not what was written.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(f"it cannot be read: {error}") from error
    length = hashlib.sha256().digest_size
    if hashlib.sha256(content[length:]).digest() != content[:length]:
        raise ValueError(f"its checksum does not fit its {len(content)} bytes")
    try:
        state = torch.load(io.BytesIO(content[length:]), map_location="cpu")
    except (EOFError, OSError, RuntimeError, struct.error, pickle.UnpicklingError) as error:
        raise ValueError(f"torch cannot read it: {error}") from error
    if not isinstance(state, dict):
        raise ValueError(f"it holds a {type(state).__name__}, where a state is a dict")
    return state


def checkpoints_of(folder: Path) -> list[Path]:
    """All of a folder, the oldest first."""
    numbers = {path: path.stem.removeprefix("step_") for path in folder.glob("step_*.pt")}
    numbered = {path: int(number) for path, number in numbers.items() if number.isdecimal()}
    return sorted(numbered, key=numbered.__getitem__)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
