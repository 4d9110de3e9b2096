"""What may be resumed exactly, and what may not."""

from presence.domain.ids import RoomId, TenantId, UserId, UserKey
from presence.wire.frames import Position
from ws_edge.recovery import Before, Journal
from ws_edge.view import RowChange

ACME = TenantId("acme")
ALICE, BOB = UserKey("acme/alice"), UserKey("acme/bob")
LOBBY = RoomId("lobby")


def change(key: UserKey, offset: int, before: bytes | None = None, *rooms: RoomId, partition: int = 0) -> RowChange:
    tenant, _, user = key.partition("/")
    return RowChange(key, TenantId(tenant), UserId(user), None, None, rooms, partition, offset, before)


def journal(*changes: RowChange, size: int = 100, start: dict[int, int] | None = None) -> Journal:
    made = Journal("feed", size)
    made.start({0: -1} if start is None else start)
    made.record(changes)
    return made


def since(
    made: Journal, offset: int, now: int, users: set[UserKey] | None = None, rooms: set[RoomId] | None = None
) -> Before | None:
    position = Position("feed", {0: offset})
    return made.since(position, {0: now}, ACME, {ALICE} if users is None else users, rooms or set())


def test_whoever_missed_nothing_gets_nothing() -> None:
    assert since(journal(change(ALICE, 3)), 3, 3) == {}


def test_the_rows_from_the_position_on_are_given_in_their_order() -> None:
    made = journal(change(ALICE, 1, b"one"), change(ALICE, 2, b"two"), change(ALICE, 3, b"three"))

    assert since(made, 1, 3) == {ALICE: [b"two", b"three"]}


def test_only_watched_users_are_given() -> None:
    assert since(journal(change(ALICE, 1), change(BOB, 2)), 0, 2, users={BOB}) == {BOB: [None]}


def test_users_in_watched_rooms_are_given_if_they_are_of_the_tenant() -> None:
    made = journal(
        change(ALICE, 1, None, LOBBY), change(BOB, 2, None, RoomId("hall")), change(UserKey("globex/a"), 3, None, LOBBY)
    )

    assert since(made, 0, 3, users=set(), rooms={LOBBY}) == {ALICE: [None]}


def test_another_feed_is_not_continued() -> None:
    made = journal(change(ALICE, 1))

    assert made.since(Position("other", {0: 1}), {0: 1}, ACME, {ALICE}, set()) is None


def test_a_position_must_name_every_partition_and_no_other() -> None:
    made = journal(change(ALICE, 1), start={0: -1, 1: -1})

    for offsets in ({}, {0: 1}, {0: 1, 1: -1, 2: -1}):
        assert made.since(Position("feed", offsets), {0: 1, 1: -1}, ACME, {ALICE}, set()) is None
    assert made.since(Position("feed", {0: 1, 1: -1}), {0: 1, 1: -1}, ACME, {ALICE}, set()) == {}


def test_a_position_beyond_what_was_read_is_not_continued() -> None:
    assert since(journal(change(ALICE, 1)), 2, 1) is None


def test_what_was_before_the_start_is_not_known() -> None:
    made = journal(start={0: 5})

    assert since(made, 4, 5) is None
    assert since(made, 5, 5) == {}


def test_what_was_forgotten_is_not_known() -> None:
    made = journal(*(change(ALICE, n, str(n).encode()) for n in range(6)), size=4)

    # A fifth change makes it forget a quarter of four: offset 0; the sixth offset 1.
    assert since(made, 0, 5) is None
    assert since(made, 1, 5) == {ALICE: [b"2", b"3", b"4", b"5"]}


def test_a_partition_that_comes_later_is_complete_from_its_beginning() -> None:
    made = journal(change(ALICE, 0, None, partition=1))

    found = made.since(Position("feed", {0: -1, 1: -1}), {0: -1, 1: 0}, ACME, {ALICE}, set())

    assert found == {ALICE: [None]}


def test_of_a_partition_without_a_journal_only_the_very_end_is_known() -> None:
    made = journal()

    assert made.since(Position("feed", {0: -1, 1: 4}), {0: -1, 1: 4}, ACME, {ALICE}, set()) == {}
    assert made.since(Position("feed", {0: -1, 1: 3}), {0: -1, 1: 4}, ACME, {ALICE}, set()) is None


def test_what_is_forgotten_is_forgotten_by_user_and_by_room() -> None:
    carol = UserKey("acme/carol")
    made = journal(
        change(ALICE, 1, b"a1", LOBBY),
        change(BOB, 2, b"b2", LOBBY, RoomId("hall")),
        change(ALICE, 3, b"a3", LOBBY),
        change(carol, 4, b"c4"),
        change(carol, 5, b"c5", LOBBY),
        size=4,
    )

    assert since(made, 0, 5, users=set(), rooms={LOBBY}) is None
    assert since(made, 1, 5, users=set(), rooms={LOBBY}) == {BOB: [b"b2"], ALICE: [b"a3"], carol: [b"c4", b"c5"]}
    made.record([change(carol, 6, b"c6")])
    assert since(made, 2, 6, users={ALICE, BOB}, rooms={RoomId("hall")}) == {ALICE: [b"a3"]}


def test_somebody_who_was_in_a_watched_room_before_the_position_only_is_not_given() -> None:
    made = journal(change(ALICE, 1, b"a1", LOBBY), change(ALICE, 2, b"a2"))

    assert since(made, 1, 2, users=set(), rooms={LOBBY}) == {}
