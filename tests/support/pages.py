"""The Markdown pages of the project, taken apart: titles, links, code blocks, tables."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]

_FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>[\w-]*)[^\n]*\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(?P<text>.+?) *$", re.MULTILINE)
_INLINE_CODE = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True)
class Block:
    """A fenced block of code."""

    page: Path
    language: str
    text: str


@cache
def all_pages() -> tuple[Path, ...]:
    """Every page people read: those at the top, in docs and in compose."""
    top = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "compose/README.md")
    return tuple(ROOT / name for name in top) + tuple(sorted((ROOT / "docs").rglob("*.md")))


def relative(page: Path) -> str:
    """The page's name for a message or a test's id."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    return [Block(page, found["language"], _dedent(found)) for found in _FENCE.finditer(text)]


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def links(page: Path) -> list[str]:
    """Where the page links to."""
    return [found["target"] for found in _LINK.finditer(prose(page))]


def inline_code(page: Path) -> list[str]:
    """What stands between single backticks."""
    return _INLINE_CODE.findall(prose(page))


def anchors(page: Path) -> set[str]:
    """The anchors of the page's headings, as GitHub makes them."""
    return {_anchor(found["text"]) for found in _HEADING.finditer(prose(page))}


def tables(page: Path) -> Iterator[list[str]]:
    """The rows of all tables of a page, without headers and rulers; cells are stripped."""
    lines = prose(page).splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith("|") and not line.startswith("|-") and not following.startswith("|-"):
            yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]


def _anchor(heading: str) -> str:
    text = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def _dedent(found: re.Match[str]) -> str:
    indent = found["indent"]
    return "".join(line.removeprefix(indent) for line in found["text"].splitlines(keepends=True))
