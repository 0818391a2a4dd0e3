"""The map of the code in CONTRIBUTING is the one that import-linter enforces."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CONTRACTS = PROJECT["tool"]["importlinter"]["contracts"]
TEXT = (ROOT / "CONTRIBUTING.md").read_text()


def in_contract(package: str) -> list[set[str]]:
    """What stands on each floor, from the top."""
    (contract,) = (each for each in CONTRACTS if each.get("containers") == [package])
    return [set(layer.split(" | ")) for layer in contract["layers"]]


def in_contributing() -> list[list[tuple[int, set[str]]]]:
    """The floors of each table, from the top, and what stands on them."""
    tables = re.findall(r"\| floor \|[^\n]*\n\|[-|]+\n((?:\| \d[^\n]*\n)+)", TEXT)
    return [
        [
            (int(floor), set(re.findall(r"`(?:bridge\.)?(\w+)`", names)))
            for floor, names in re.findall(r"\| (\d+) \| ([^|]*)\|", table)
        ]
        for table in tables
    ]


@pytest.mark.parametrize(("number", "package"), [(0, "qjax"), (1, "bridge")])
def test_the_table_is_the_contract(number: int, package: str) -> None:
    floors = in_contributing()[number]
    assert [names for _, names in floors] == in_contract(package)
    assert [floor for floor, _ in floors] == list(reversed(range(len(floors))))


@pytest.mark.parametrize("package", ["qjax", "bridge"])
def test_first_lines_name_their_floor(package: str) -> None:
    contract = list(reversed(in_contract(package)))
    for path in (ROOT / package).rglob("*.py"):
        room = path.relative_to(ROOT / package).parts[0].removesuffix(".py")
        if room == "__init__":
            continue
        (floor,) = (number for number, names in enumerate(contract) if room in names)
        assert path.read_text().startswith(f'"""Floor {floor}. '), path


@pytest.mark.parametrize("package", ["qjax", "bridge"])
def test_packages_list_their_modules(package: str) -> None:
    for init in (ROOT / package).rglob("*/__init__.py"):
        inside = {each.name for each in init.parent.iterdir() if (each / "__init__.py").exists()}
        inside |= {each.stem for each in init.parent.glob("*.py")} - {"__init__"}
        assert set(re.findall(r"^(\w+)  +\S", init.read_text(), re.MULTILINE)) == inside, init
