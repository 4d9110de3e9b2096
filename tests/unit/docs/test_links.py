"""Links between our pages lead somewhere, and every page can be reached and says for whom it is."""

import re
from pathlib import Path

import pytest
import yaml

from tests.support.pages import ROOT, all_pages, anchors, blocks, inline_code, links, relative

# The forms of these are given: a changelog begins with its convention, a README with the two commands.
_FORM_IS_GIVEN = {"README.md", "CHANGELOG.md"}

_PATH = re.compile(
    r"(?<![\w./-])(?:presence|streams|projections|ws_edge|control|migrations|compose|docs|tests|requirements)/[\w./-]+"
)
# Names of what the reader is to make.
_PLACEHOLDER = re.compile(r"/x(/|\.py|$)|/\.env$")


class _Loader(yaml.SafeLoader):
    """Leaves the names of Python functions, which mkdocs wants, alone."""


_Loader.add_multi_constructor("tag:yaml.org,2002:python/name:", lambda _loader, suffix, _node: suffix)


@pytest.mark.parametrize("page", all_pages(), ids=relative)
def test_every_link_leads_to_a_file_and_heading_of_ours(page: Path) -> None:
    broken = [target for target in links(page) if not _leads_somewhere(page, target)]

    assert not broken


@pytest.mark.parametrize("page", [p for p in all_pages() if relative(p) not in _FORM_IS_GIVEN], ids=relative)
def test_every_page_says_in_its_first_two_lines_for_whom_it_is(page: Path) -> None:
    title, *lines = [line for line in page.read_text(encoding="utf-8").splitlines() if line.strip()]

    assert title.startswith("# ")
    assert any("For " in line for line in lines[:2])


def test_every_page_of_the_docs_is_in_the_navigation() -> None:
    config = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), _Loader)

    listed = sorted(_pages_in(config["nav"]))

    assert listed == sorted(p.relative_to(ROOT / "docs").as_posix() for p in (ROOT / "docs").rglob("*.md"))


@pytest.mark.parametrize("page", all_pages(), ids=relative)
def test_every_path_of_ours_that_is_named_exists(page: Path) -> None:
    """CONTRIBUTING told to run a test by a path that had moved."""
    code = [*inline_code(page), *(block.text for block in blocks(page) if block.language != "python")]
    named = {path.rstrip(".") for text in code for path in _PATH.findall(text)}

    missing = {path for path in named if not _PLACEHOLDER.search(path) and not (ROOT / path).exists()}

    assert not missing


def _leads_somewhere(page: Path, target: str) -> bool:
    if target.startswith(("http://", "https://", "mailto:")):
        return True
    path, _, anchor = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    if not file.exists():
        return False
    return not anchor or anchor in anchors(file)


def _pages_in(nav: list[str | dict[str, object]]) -> list[str]:
    found: list[str] = []
    for entry in nav:
        for value in [entry] if isinstance(entry, str) else entry.values():
            found += [value] if isinstance(value, str) else _pages_in(value)  # type: ignore[arg-type]
    return found
