"""Children that are forked: they raise where JAX ran before, instead of hanging, and work else."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.forks import CALLS

OF_THE_BRIDGE = ("TorchConnector", "jax2torch", "torch2jax", "to_jax", "to_torch", "module")


def outcomes(root: str, before: str, *names: str) -> dict[str, tuple[float, str]]:
    command = [sys.executable, "-m", "tests.forks", before, *names]
    ran = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=200, check=True)
    lines = [line.split("\t") for line in ran.stdout.splitlines()]
    return {name: (float(seconds), found) for name, seconds, found in lines}


@pytest.mark.parametrize("before", ["qjax", "bridge"])
def test_every_public_call_raises_at_once(pytestconfig: pytest.Config, before: str) -> None:
    names = [name for name in CALLS if (name in OF_THE_BRIDGE) == (before == "bridge")]
    found = outcomes(str(pytestconfig.rootpath), before, *names)
    for name in names:
        assert name in found, f"{name} hung"
        seconds, text = found[name]
        assert text.startswith("RuntimeError: JAX ran in the parent"), (name, text)
        assert 'multiprocessing_context="spawn"' in text
        assert seconds < 5


def test_what_ran_outside_of_this_package_is_noticed(pytestconfig: pytest.Config) -> None:
    found = outcomes(str(pytestconfig.rootpath), "jax", "expectation", "jax2torch")
    for name in ("expectation", "jax2torch"):
        seconds, text = found[name]
        assert text.startswith("RuntimeError: JAX ran in the parent"), (name, text)
        assert seconds < 60


def test_a_child_that_is_the_first_to_use_jax_may(pytestconfig: pytest.Config) -> None:
    names = ("expectation", "jax2torch", "Sampler")
    found = outcomes(str(pytestconfig.rootpath), "nothing", *names)
    assert {name: text for name, (_, text) in found.items()} == dict.fromkeys(names, "done")
