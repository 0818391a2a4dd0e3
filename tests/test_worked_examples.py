"""The worked examples in docstrings give what stands there."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for package in ("qjax", "bridge")
    for path in (ROOT / package).rglob("*.py")
    if "\n>>> " in path.read_text()
)


def test_some_modules_have_examples() -> None:
    assert {"qjax._plan.frame", "qjax._readout.pauli_strings"} <= set(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_worked_examples(name: str) -> None:
    failed, attempted = doctest.testmod(import_module(name))
    assert attempted
    assert not failed
