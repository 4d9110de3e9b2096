"""The glossary speaks of names that exist."""

import re

from tests.support.pages import ROOT, tables

_SOURCES = "\n".join(
    path.read_text(encoding="utf-8")
    for folder in ("presence", "projections", "streams", "ws_edge")
    for path in (ROOT / folder).rglob("*.py")
)


def test_every_code_name_of_the_glossary_is_in_the_code() -> None:
    names = {
        name.rpartition(".")[2]
        for row in tables(ROOT / "docs/glossary.md")
        if len(row) == 4
        for name in re.findall(r"`([\w.]+)`", row[2])
    }

    unknown = {name for name in names if not re.search(rf"\b{name}\b", _SOURCES) and not (ROOT / name).exists()}

    assert len(names) > 40
    assert not unknown


def test_every_word_has_one_row() -> None:
    words = [row[0] for row in tables(ROOT / "docs/glossary.md")]

    assert len(words) == len(set(words))
