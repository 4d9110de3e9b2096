"""Migrations on a real server."""

import asyncio

import asyncpg
import pytest

from migrations.run import migrate
from presence.domain.errors import SetupError

pytestmark = pytest.mark.devstack


async def query(dsn: str, sql: str) -> list[tuple[object, ...]]:
    """Rows of a query over a connection of its own."""
    connection = await asyncpg.connect(dsn)
    try:
        return [tuple(row.values()) for row in await connection.fetch(sql)]
    finally:
        await connection.close()


async def test_a_migration_names_what_it_ran_and_runs_it_once(empty_database: str) -> None:
    first = await migrate(empty_database)
    second = await migrate(empty_database)

    assert first[0] == "0001 Tables of the history."
    assert second == []


async def test_two_migrators_at_once_run_every_revision_once(empty_database: str) -> None:
    results = await asyncio.gather(*(migrate(empty_database) for _ in range(3)))

    assert sorted(bool(names) for names in results) == [False, False, True]


async def test_this_month_and_the_next_have_their_partitions(empty_database: str) -> None:
    await migrate(empty_database)

    found = await query(
        empty_database,
        """select count(*) from pg_inherits where inhrelid::regclass::text in (
            to_char(now() at time zone 'UTC', '"events_"YYYY_MM'),
            to_char((now() + interval '1 month') at time zone 'UTC', '"events_"YYYY_MM'))""",
    )
    assert found == [(2,)]


async def test_a_newer_schema_is_refused_and_left_as_it_is(empty_database: str) -> None:
    await migrate(empty_database)
    await query(empty_database, "update alembic_version set version_num = '0999'")

    with pytest.raises(SetupError, match="0999"):
        await migrate(empty_database)

    assert await query(empty_database, "select version_num from alembic_version") == [("0999",)]


async def test_a_migration_that_fails_leaves_nothing(empty_database: str) -> None:
    await query(empty_database, "create table checkpoints (in_the_way int)")

    with pytest.raises(SetupError, match="checkpoints"):
        await migrate(empty_database)

    assert await query(empty_database, "select tablename from pg_tables where schemaname = 'public'") == [
        ("checkpoints",)
    ]


async def test_a_server_that_does_not_answer_is_said_so(unused_tcp_port: int) -> None:
    with pytest.raises(SetupError, match="does not answer"):
        await migrate(f"postgresql://nobody@127.0.0.1:{unused_tcp_port}/nothing")


async def test_every_table_and_column_says_what_it_is(empty_database: str) -> None:
    await migrate(empty_database)

    silent = await query(
        empty_database,
        """select c.relname, a.attname from pg_class c
        join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
            and c.relname <> 'alembic_version'
            and (col_description(c.oid, a.attnum) is null or obj_description(c.oid, 'pg_class') is null)""",
    )
    assert silent == []


async def test_what_lay_in_the_default_partition_moves_to_its_month(empty_database: str) -> None:
    await migrate(empty_database)
    await query(
        empty_database,
        """insert into events (partition, log_offset, at, event_id, type, payload)
        select 0, n, '2024-02-28T12:00Z'::timestamptz + n * interval '1 day', 'e', 't', '{}'
        from generate_series(0, 3) n""",
    )

    made = await query(empty_database, "select ensure_events_partition('2024-02-10T00:00Z')")

    assert made == [("events_2024_02",)]
    assert await query(empty_database, "select log_offset from events_2024_02 order by 1") == [(0,), (1,)]
    assert await query(empty_database, "select log_offset from events_default order by 1") == [(2,), (3,)]


@pytest.mark.parametrize("wild", ["1970-01-01Z", "9999-12-31Z"])
async def test_wild_clocks_make_no_partitions(empty_database: str, wild: str) -> None:
    await migrate(empty_database)

    assert await query(empty_database, f"select ensure_events_partition('{wild}')") == [(None,)]


@pytest.mark.parametrize(
    ("second", "allowed"),
    [
        ("[2024-01-01 10:30Z, 2024-01-01 12:00Z)", False),
        ("[2024-01-01 09:00Z,)", False),
        ("[2024-01-01 11:00Z, 2024-01-01 12:00Z)", True),  # it begins where the first ends
    ],
)
async def test_statuses_of_a_user_cannot_overlap(empty_database: str, second: str, allowed: bool) -> None:
    await migrate(empty_database)
    insert = "insert into status_history values ('acme', 'alice', 'online', '{}', 0, {})"
    await query(empty_database, insert.format("[2024-01-01 10:00Z, 2024-01-01 11:00Z)", 1))

    try:
        await query(empty_database, insert.format(second, 2))
        was_allowed = True
    except asyncpg.ExclusionViolationError:
        was_allowed = False

    assert was_allowed == allowed


async def test_names_that_only_look_alike_when_joined_are_different_users(empty_database: str) -> None:
    await migrate(empty_database)
    sessions = [("acme", "a", "bc"), ("acme", "ab", "c"), ("acme", "1:a", "bc"), ("ac", "me/a", "bc")]

    for tenant, user, session in sessions:
        await query(
            empty_database,
            "insert into session_history (tenant, user_id, session, device, node, opened_at, period, reconnects, "
            f"rooms, meta, partition, opened_offset) values ('{tenant}', '{user}', '{session}', 'd', 'n', now(), "
            "tstzrange('2024-01-01Z', null), 0, '{}', '{}', 0, 1)",
        )

    assert await query(empty_database, "select count(*) from session_history") == [(len(sessions),)]
