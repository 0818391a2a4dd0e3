"""Devices of two processes that hold parts of one state, beside one device."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from tests.qjax.sharded.bars import CIRCUITS, bar

SECONDS = 1200
"""After which processes that wait for each other are ended."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def outputs(port: int) -> list[list[list]]:
    """What each process found, line by line."""
    command = [sys.executable, "-m", "tests.qjax.sharded.processes", str(port)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    running = [subprocess.Popen([*command, str(k), CIRCUITS], **pipes) for k in range(2)]
    try:
        # At once: one that nobody listens to would stop, and the other wait for it.
        with ThreadPoolExecutor(len(running)) as pool:
            written = list(pool.map(lambda process: process.communicate(timeout=SECONDS), running))
    finally:
        for process in running:
            process.kill()
    for process, (_, complaint) in zip(running, written, strict=True):
        assert process.returncode == 0, complaint[-3000:]
    # Gloo says on the same stream who is connected.
    lines = [[line for line in text.splitlines() if line.startswith('["')] for text, _ in written]
    return [list(map(json.loads, own)) for own in lines]


def test_two_processes_give_what_one_device_gives() -> None:
    """Values, gradients and samples of circuits, and the parts of a state that each holds."""
    first, second = outputs(free_port())
    assert len(first) == 3 * (int(CIRCUITS) + 2) + 1
    assert first[:-1] == second[:-1]  # to the last bit
    assert not [(name, error) for name, error, _ in (*first, *second) if not error <= bar(name)]
