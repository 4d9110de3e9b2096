"""The reference of the history says what the schema says."""

import re

from tests.support.pages import ROOT

PAGE = (ROOT / "docs/reference/history-tables.md").read_text(encoding="utf-8")
SCHEMA = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "migrations/sql").glob("*.sql")))
COLUMNS = {
    (table, column): text.replace("''", "'")
    for table, column, text in re.findall(r"comment on column (\w+)\.(\w+) is '((?:[^']|'')*)';", SCHEMA)
}


def _sections() -> dict[str, str]:
    return {
        part.partition("\n")[0].strip(): part.partition("\n")[2]
        for part in re.split(r"^#{2,3} ", PAGE, flags=re.MULTILINE)[1:]
    }


def test_every_column_with_a_comment_is_told_in_its_tables_section_in_the_same_words() -> None:
    sections = _sections()

    missing = {
        (table, column)
        for (table, column), text in COLUMNS.items()
        if not re.search(rf"^\| `{column}` \|.*\| {re.escape(text)} \|$", sections.get(table, ""), re.MULTILINE)
    }

    assert len(COLUMNS) > 40
    assert not missing


def test_no_section_tells_of_a_column_that_is_not_there() -> None:
    told = {
        (table, column)
        for table, section in _sections().items()
        for column in re.findall(r"^\| `(\w+)` \| \S+ \|", section, re.MULTILINE)
    }

    assert told == COLUMNS.keys()
