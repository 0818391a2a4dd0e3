"""Files appear only when they are complete, whoever else writes there, and leave nothing behind."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import qjax
from qjax._base import files
from qjax._base.files import new_file
from qjax._base.row_files import open_destination
from tests.qjax.qnns import estimator

SHAPE, REAL = (400, 3), np.dtype(float)
PARTS = "*.part"


def write(path: Path, value: float, overwrite: bool) -> np.ndarray | None:
    """All rows hold the value; None where somebody else was first."""
    try:
        with open_destination(path, SHAPE[:1], SHAPE[1:], np.dtype(float), overwrite) as (
            put,
            done,
        ):
            for start in range(0, SHAPE[0], 100):
                put(start, np.full((100, *SHAPE[1:]), value))
        return done()
    except FileExistsError:
        return None


@pytest.fixture
def torn(tmp_path: Path) -> Iterator[list[str]]:
    """What somebody who reads the file all the time saw that was no complete file."""
    found: list[str] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            try:
                values = np.load(tmp_path / "t.npy")
            except FileNotFoundError:
                continue
            except (ValueError, EOFError, OSError) as error:
                found.append(repr(error))
            else:
                if values.shape != SHAPE or np.ptp(values):
                    found.append(f"{values.shape}, {np.ptp(values)}")

    watcher = threading.Thread(target=watch)
    watcher.start()
    yield found
    stop.set()
    watcher.join()


def test_many_threads_write_one_file(tmp_path: Path, torn: list[str]) -> None:
    path = tmp_path / "t.npy"
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda value: write(path, float(value), True), range(80)))
    for value, result in enumerate(found):
        assert isinstance(result, np.memmap)
        assert result.filename == path
        np.testing.assert_array_equal(result, np.full(SHAPE, value))  # one's own, whoever was last
    assert np.load(path)[0, 0] in range(80)
    assert not torn
    assert [each.name for each in tmp_path.iterdir()] == ["t.npy"]


def test_without_overwrite_one_is_the_first(tmp_path: Path, torn: list[str]) -> None:
    path = tmp_path / "t.npy"
    for _ in range(10):
        path.unlink(missing_ok=True)
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda v: write(path, float(v), False), range(8)))
        (winner,) = (value for value, result in enumerate(found) if result is not None)
        np.testing.assert_array_equal(np.load(path), np.full(SHAPE, winner))
    assert not torn
    assert not list(tmp_path.glob(PARTS))


WRITER = """
import importlib.util, sys, time
from pathlib import Path
spec = importlib.util.spec_from_file_location("files", sys.argv[1])
files = importlib.util.module_from_spec(spec)
sys.modules["files"] = files
spec.loader.exec_module(files)
with files.new_file(Path(sys.argv[2]), True, 6) as file:
    file.write(b"abc")
    file.flush()
    print("begun", flush=True)
    time.sleep(60)
"""


def test_what_dead_writers_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "t.npy"
    arguments = [sys.executable, "-c", WRITER, files.__file__, str(path)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        (alive,) = tmp_path.glob(PARTS)
        write(path, 1.0, True)
        assert list(tmp_path.glob(PARTS)) == [alive]
        process.kill()
        process.wait()
        assert list(tmp_path.glob(PARTS)) == [alive]
    others = [tmp_path / name for name in ("t.npy.backup.part", "u.npy." + alive.name[6:])]
    for other in others:
        other.write_bytes(b"not ours")
    write(path, 2.0, True)
    assert sorted(tmp_path.glob(PARTS)) == sorted(others)
    assert np.load(path)[0, 0] == 2


def test_parts_from_other_machines_are_left_alone_for_a_day(tmp_path: Path) -> None:
    """Their locks may not be seen here."""
    part = tmp_path / f"t.npy.{'0' * 8}-{'1' * 12}.part"
    part.write_bytes(b"")
    write(tmp_path / "t.npy", 1.0, True)
    assert part.exists()
    before = time.time() - 25 * 3600
    os.utime(part, (before, before))
    write(tmp_path / "t.npy", 1.0, True)
    assert not part.exists()


@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP])
def test_file_systems_without_links(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "t.npy"
    assert write(path, 1.0, False) is not None
    assert write(path, 2.0, False) is None
    assert np.load(path)[0, 0] == 1
    assert not list(tmp_path.glob(PARTS))


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file may have more than 2000 bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("small_files")
def test_no_room_is_an_error_with_path_size_and_cause(tmp_path: Path) -> None:
    path, bytes_path = tmp_path / "t.npy", tmp_path / "network"
    rows = np.zeros((1000, 2))
    with pytest.raises(OSError, match=r"(?s)16,128 bytes.*free.*t\.npy") as found:
        qjax.evaluate(estimator("tutorial"), np.ones(4), rows, out=path)
    assert found.value.errno == errno.EFBIG
    assert found.value.strerror.startswith(os.strerror(errno.EFBIG))
    with (
        pytest.raises(OSError, match=r"(?s)5,000 bytes.*network"),
        new_file(bytes_path, False, 5000) as file,
    ):
        file.write(bytes(5000))
    assert not list(tmp_path.iterdir())


def test_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    with new_file(tmp_path / "new", False, 0):
        pass
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_long_names(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    with new_file(path, False, 3) as file:
        file.write(b"abc")
    assert path.read_bytes() == b"abc"


@pytest.mark.parametrize(
    ("place", "error", "message"),
    [
        (lambda folder: folder, IsADirectoryError, "a folder has this name"),
        (lambda folder: folder / "no" / "file", FileNotFoundError, "make its folder"),
        (lambda folder: folder / ("n" * 256), OSError, "3 bytes"),
        (lambda folder: folder / "file" / "in a file", NotADirectoryError, "in a file"),
    ],
)
def test_places_where_no_file_can_be(
    place: Callable[[Path], Path], error: type[OSError], message: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(error, match=message), new_file(place(tmp_path), True, 3) as file:
        file.write(b"abc")
