"""The blocks of the README stand in the pages of the site, where they run; links lead to files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
DOCS = ROOT / "docs"
PAGES = {
    page.relative_to(DOCS).with_suffix("").as_posix(): page.read_text()
    for page in (*DOCS.glob("*.md"), *DOCS.glob("tutorials/*.md"))
}
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


def blocks(text: str, mark: str) -> list[str]:
    """What stands in blocks with that mark."""
    return re.findall(rf"^```{re.escape(mark)}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize(("place", "page"), [(0, "jax"), (1, "torch"), (2, "estimators")])
def test_blocks_of_the_readme_run_at_the_top_of_a_page(place: int, page: str) -> None:
    assert blocks(README, "python")[place] == blocks(PAGES[page], "{code-cell} python")[0]


@pytest.mark.parametrize("page", sorted(PAGES))
def test_code_of_pages_runs(page: str) -> None:
    cells = blocks(PAGES[page], "{code-cell} python")
    assert not blocks(PAGES[page], "python"), "only blocks marked {code-cell} are run"
    assert bool(cells) == PAGES[page].startswith("---\nfile_format: mystnb\n")


@pytest.mark.parametrize("path", ["README.md", "CONTRIBUTING.md", *(f"docs/{p}.md" for p in PAGES)])
def test_links_lead_to_files(path: str) -> None:
    for link in LINK.findall((ROOT / path).read_text()):
        assert ((ROOT / path).parent / link).exists(), link
