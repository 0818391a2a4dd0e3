"""Floor 0. Refuse to hang where JAX cannot run: in a child forked after it ran."""

import os
import threading
import time

import jax
import numpy as np

# A probe that has computed for less than `LEAST` seconds in as many as `PATIENCE` hangs; one that
# has not come to an end in `LONGEST` does too.
PATIENCE, LEAST, LONGEST = 5.0, 0.05, 60.0


class _Process:
    """What is known of this process.

    Attributes:
        imported_in: the process that imported this module.
        usable: whether JAX runs here, as far as it was tried.
        forked: whether the parent had used JAX, through this package, when it was forked.
        watched: whether forks are noticed.
    """

    def __init__(self) -> None:
        self.imported_in = os.getpid()
        self.usable = False
        self.forked = False
        self.watched = False
        self.trying = threading.Lock()

    def enter_child(self) -> None:
        self.forked = self.forked or self.usable
        self.usable = False
        self.trying = threading.Lock()


_PROCESS = _Process()


def check_process() -> None:
    """Require that JAX can run in this process: the first thing that whatever computes does.

    JAX's threads do not survive a fork, and what waits for them waits for ever. A child that was
    forked before JAX was used is free to use it; whether it was, outside of this package, one
    small program tells.

    Raises:
        RuntimeError: in a child that was forked after JAX ran.
    """
    if not _PROCESS.usable:
        _first_use()


def _first_use() -> None:
    with _PROCESS.trying:
        if _PROCESS.usable:
            return
        if _PROCESS.forked or (os.getpid() != _PROCESS.imported_in and not _runs()):
            _PROCESS.forked = True
            raise RuntimeError(
                "JAX ran in the parent of this forked process and would deadlock here: start "
                'workers by "spawn" or "forkserver" (multiprocessing.get_context("spawn"), '
                'DataLoader(multiprocessing_context="spawn"))'
            )
        if not _PROCESS.watched:
            os.register_at_fork(after_in_child=_PROCESS.enter_child)
            _PROCESS.watched = True
        _PROCESS.usable = True


def _runs() -> bool:
    """Whether a new program is compiled and run, in a thread that may hang."""
    finished = threading.Event()

    def probe() -> None:
        number = os.getpid() % 1000
        np.asarray(jax.jit(lambda x: x * number + 1)(np.ones(3, np.float32)))
        finished.set()

    thread = threading.Thread(target=probe, daemon=True)
    thread.start()
    end, computed = time.monotonic() + LONGEST, time.process_time()
    while time.monotonic() < end:
        if finished.wait(PATIENCE):
            return True
        if not thread.is_alive() or time.process_time() - computed < LEAST:
            return finished.is_set()
        computed = time.process_time()
    return finished.is_set()
