"""Which revisions run, and in what order, without a database."""

import pytest

from migrations.run import plan
from presence.domain.errors import SetupError


def test_an_empty_database_gets_every_revision() -> None:
    names, script = plan(None)

    assert names[0] == "0001 Tables of the history."
    assert "CREATE TABLE alembic_version" in script


def test_the_sql_of_the_files_arrives_untouched() -> None:
    _, script = plan(None)

    assert "history_key(tenant text, user_id text, session text default '')" in script
    assert "format('create table %I (like events including all)', name)" in script


def test_a_database_at_the_newest_revision_gets_nothing() -> None:
    newest = plan(None)[0][-1].split()[0]

    assert plan(newest) == ([], "")


def test_a_newer_schema_than_ours_is_refused_and_both_are_named() -> None:
    newest = plan(None)[0][-1].split()[0]

    with pytest.raises(SetupError, match=f"has schema 0999; this build knows up to {newest}"):
        plan("0999")
