"""Rows as PostgreSQL wants them."""

from datetime import UTC, datetime

from presence.adapters.postgres.columns import array_literal, event_records, last_seen_columns, moment
from presence.adapters.postgres.queries import EVENT_COLUMNS
from presence.domain.ids import EventId, Millis, TenantId, UserId
from presence.domain.status import Status
from presence.history import EventRow, LastSeenRow


def test_milliseconds_become_the_exact_moment() -> None:
    assert moment(Millis(1_700_000_000_123)) == datetime(2023, 11, 14, 22, 13, 20, 123_000, tzinfo=UTC)


def test_an_array_is_written_so_that_no_text_ends_it() -> None:
    assert array_literal(['a"b', "c\\d", "e,f{}", ""]) == r'{"a\"b","c\\d","e,f{}",""}'


def test_no_texts_are_an_empty_array() -> None:
    assert array_literal([]) == "{}"


def test_an_event_has_a_value_for_every_column() -> None:
    row = EventRow(3, 7, Millis(0), TenantId("acme"), UserId("a"), EventId("e"), "room_joined", None, None, "{}")

    [record] = event_records([row])

    assert dict(zip(EVENT_COLUMNS, record, strict=True)) == {
        "partition": 3,
        "log_offset": 7,
        "at": datetime(1970, 1, 1, tzinfo=UTC),
        "tenant": "acme",
        "user_id": "a",
        "event_id": "e",
        "type": "room_joined",
        "session": None,
        "node": None,
        "payload": "{}",
    }


def test_rows_become_one_list_per_column() -> None:
    rows = [
        LastSeenRow(TenantId("acme"), UserId(name), Status.OFFLINE, None, Millis(60_000)) for name in ("alice", "bob")
    ]

    columns = last_seen_columns(rows)

    minute = datetime(1970, 1, 1, 0, 1, tzinfo=UTC)
    assert [list(column) for column in columns] == [
        ["acme", "acme"],
        ["alice", "bob"],
        ["offline", "offline"],
        [None, None],
        [minute, minute],
    ]


def test_no_rows_are_no_columns() -> None:
    assert last_seen_columns([]) == []
