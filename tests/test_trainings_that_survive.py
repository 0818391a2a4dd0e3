"""Trainings of the examples that end in the middle go on, with the same losses."""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import jax
import numpy as np
import pytest
import torch

from tests.benchmarks.kill_training import EVERY, run

EXAMPLES = Path(__file__).parent.parent / "examples"
STEPS = 12


@pytest.fixture(scope="module")
def example() -> Iterator[Callable[[str], ModuleType]]:
    """A module of the examples, which import each other as scripts do."""
    sys.path.insert(0, str(EXAMPLES))
    yield importlib.import_module
    sys.path.remove(str(EXAMPLES))


@pytest.fixture(scope="module")
def in_jax(example: Callable[[str], ModuleType]) -> Callable[[Path, int], list[float]]:
    module = example("long_training")

    def train(folder: Path, steps: int) -> list[float]:
        with jax.numpy_dtype_promotion("standard"):  # Adam of optax has no strict types
            return np.asarray(module.train(folder, steps, EVERY).losses).tolist()

    return train


@pytest.fixture(scope="module")
def in_torch(example: Callable[[str], ModuleType]) -> Callable[[Path, int], list[float]]:
    module = example("data_parallel")

    def train(folder: Path, steps: int) -> list[float]:
        training = module.Training(torch.device("cpu"))
        module.train(training, folder, steps, EVERY)
        return training.losses

    return train


@pytest.fixture(scope="module", params=["in_jax", "in_torch"])
def trained(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Callable[[Path, int], list[float]], Path, list[float]]:
    """How one of them trains, and the checkpoints and losses of a training without a break."""
    train = request.getfixturevalue(request.param)
    folder = tmp_path_factory.mktemp(request.param) / "states"
    return train, folder, train(folder, STEPS)


def test_a_killed_training_goes_on(
    in_jax: Callable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Compiled as in this process: see `conftest.py`.
    alike = {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    killed = run("long_training", tmp_path, kill_at=EVERY + 2, environment=alike)
    assert killed.code != 0
    steps = killed.last + EVERY
    capsys.readouterr()
    found = in_jax(tmp_path / "states", steps)
    resumed = int(capsys.readouterr().out.partition("resumed at step ")[2].split()[0])
    assert 0 < killed.last - resumed + EVERY <= 2 * EVERY
    assert found == in_jax(tmp_path / "whole", steps)


def test_what_is_damaged_is_reported_and_the_one_before_used(
    trained: tuple, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train, folder, expected = trained
    for number, damage in enumerate(damages(folder)):
        copy = tmp_path / str(number) / "states"
        shutil.copytree(folder, copy)
        damage(copy)
        capsys.readouterr()
        assert train(copy, STEPS) == expected
        said = capsys.readouterr()
        assert "is damaged, and is skipped" in said.err
        assert f"resumed at step {STEPS - EVERY}" in said.out
        # The damaged one was replaced.
        train(copy, STEPS)
        assert f"resumed at step {STEPS}" in capsys.readouterr().out


def damages(folder: Path) -> list[Callable[[Path], None]]:
    """Ways to damage the newest checkpoint: cut to several lengths, files gone, a bit flipped."""
    if (folder / str(STEPS)).is_dir():  # orbax
        newest = folder / str(STEPS)
        files = [path.relative_to(folder) for path in newest.rglob("*") if path.is_file()]
        largest = max(files, key=lambda path: (folder / path).stat().st_size)
        metadata = Path(str(STEPS), "default", "_METADATA")
        return [
            lambda copy: (copy / metadata).unlink(),
            lambda copy: os.truncate(copy / metadata, 100),
            lambda copy: os.truncate(copy / largest, 0),
            lambda copy: os.truncate(copy / largest, (copy / largest).stat().st_size // 2),
        ]
    name = f"step_{STEPS:08d}.pt"
    size = (folder / name).stat().st_size

    def flip(copy: Path) -> None:
        content = bytearray((copy / name).read_bytes())
        content[size // 2] ^= 1
        (copy / name).write_bytes(content)

    lengths = (0, 10, size // 2, size - 1)
    return [flip, *(lambda copy, n=n: os.truncate(copy / name, n) for n in lengths)]


def test_what_is_half_written_is_no_checkpoint(trained: tuple, tmp_path: Path) -> None:
    train, folder, expected = trained
    copy = tmp_path / "states"
    shutil.copytree(folder, copy)
    if (copy / str(STEPS)).is_dir():
        # As orbax calls what it has not finished.
        (copy / str(STEPS)).rename(copy / f"{STEPS}.orbax-checkpoint-tmp")
    else:
        (copy / f"step_{STEPS:08d}.pt").rename(copy / f"step_{STEPS:08d}.unfinished")
    assert train(copy, STEPS) == expected


def test_another_training_is_refused(in_jax: Callable, example: Callable, tmp_path: Path) -> None:
    module = example("long_training")
    with module.open_checkpoints(tmp_path / "states") as checkpoints:
        state = module.start()
        other = state._replace(weights=state.weights[:-1], losses=np.zeros(1, np.float32))
        module.save(checkpoints, other)
    with pytest.raises(SystemExit, match="those of another training: choose another --folder"):
        in_jax(tmp_path / "states", STEPS)


def test_a_process_that_dies_ends_the_others(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, EXAMPLES / "distributed_jax.py", "--output", tmp_path],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    said, number = [], 0
    with process:
        for line in process.stdout:  # until nobody is left who could write
            said.append(line)
            if line.startswith("process 1: "):
                number = int(line.split()[2])
            elif line.startswith("step 3:"):
                os.kill(number, signal.SIGKILL)
    assert process.returncode == 1
    assert "a process failed (SIGKILL): the others were ended" in "".join(said)
