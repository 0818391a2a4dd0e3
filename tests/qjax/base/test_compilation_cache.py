"""`enable_compilation_cache`, in processes of its own: it changes JAX's settings."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import qjax

# Counts, by JAX's own events, what was looked up and what of it was found.
PROGRAM = """
import collections, sys
import jax, numpy as np, qjax
from qiskit.circuit.library import real_amplitudes
events = collections.Counter()
jax.monitoring.register_event_listener(lambda event, **kwargs: events.update([event]))
circuit = qjax.from_qiskit(real_amplitudes(2, reps=1))
late = "late" in sys.argv
if late:
    print(np.asarray(qjax.statevector(circuit, np.zeros(4, np.float32)))[0].real)
folder = qjax.enable_compilation_cache(*sys.argv[2:])
values = np.asarray(qjax.expectation(circuit, "ZX", np.arange(4, dtype=np.float32)))
print(folder, float(values))
print(events["/jax/compilation_cache/cache_hits"], events["/jax/compilation_cache/cache_misses"])
"""


def run(when: str, *arguments: str, **environment: str) -> list[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("JAX_COMP", "XDG_"))}
    command = [sys.executable, "-c", PROGRAM, when, *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env=clean | environment
    )
    return done.stdout.split()


def test_second_process_compiles_nothing(tmp_path: Path) -> None:
    """Also where JAX compiled before the call, without a cache."""
    folder = tmp_path / "made" / "here"
    named, value, hits, misses = run("early", str(folder))
    assert named == str(folder)
    assert hits == "0"
    assert int(misses) >= 1
    assert len(list(folder.iterdir())) >= 1
    one, named, again, hits, misses_then = run("late", str(folder))
    assert float(one) == 1
    assert named == str(folder)
    assert again == value
    assert int(hits) >= 1
    assert misses_then == "0"


def test_folder_is_changed_later(tmp_path: Path) -> None:
    """JAX opened another folder, of its own setting, at the first compilation."""
    before, after = tmp_path / "before", tmp_path / "after"
    run("late", str(after), JAX_COMPILATION_CACHE_DIR=str(before))
    assert len(list(after.iterdir())) >= 1


def test_default_folder(tmp_path: Path) -> None:
    """What JAX has been told, before XDG's folder."""
    told, base = str(tmp_path / "told"), str(tmp_path / "base")
    assert run("early", JAX_COMPILATION_CACHE_DIR=told, XDG_CACHE_HOME=base)[0] == told
    assert run("early", XDG_CACHE_HOME=base)[0] == str(tmp_path / "base" / "qjax")
    home = str(tmp_path / "home")
    expected = str(tmp_path / "home" / ".cache" / "qjax")
    assert run("early", XDG_CACHE_HOME="relative", HOME=home)[0] == expected


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A file in its place: refused for every user, also for root."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    for path in (blocked, blocked / "folder"):
        with pytest.raises(OSError, match="give another path"):
            qjax.enable_compilation_cache(path)


def test_remote_address() -> None:
    with pytest.raises(ValueError, match="expected a local folder"):
        qjax.enable_compilation_cache("gs://bucket/cache")


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        (b"folder", TypeError, "expected a folder as a string or pathlib.Path, got b'folder'"),
        (3, TypeError, "got 3"),
        (True, TypeError, "got True"),
        ("", ValueError, "empty string"),
    ],
)
def test_what_is_no_path(path: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        qjax.enable_compilation_cache(path)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "file", tmp_path / "file" / "folder"):
        with pytest.raises(OSError, match="cannot be kept here"):
            qjax.enable_compilation_cache(path)
