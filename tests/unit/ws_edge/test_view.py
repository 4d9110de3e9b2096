"""The edge's picture of everybody."""

import pytest

from presence.domain.errors import UndecodableRecord
from presence.domain.ids import RoomId, SessionId, TenantId, UserKey
from presence.domain.state import UserPresence
from presence.domain.status import Status
from presence.ports import ChangelogBatch
from presence.wire.rows import encode_row
from tests.support.facts import ALICE, BOB, cleared, folded, joined, left, opened, override
from ws_edge.view import View, decode_user

ACME, LOBBY, HALL = TenantId("acme"), RoomId("lobby"), RoomId("hall")


def batch(*rows: tuple[UserKey, UserPresence | bytes | None], partition: int = 0, start: int = 0) -> ChangelogBatch:
    encoded = [
        (start + number, key.encode(), encode_row(row) if isinstance(row, UserPresence) else row)
        for number, (key, row) in enumerate(rows)
    ]
    return ChangelogBatch(partition, encoded)


def test_a_row_is_known_once_it_was_taken_in() -> None:
    view, row = View(), folded(opened())

    [change] = view.apply(batch((ALICE, row)))

    assert view.get(ALICE) == row
    assert list(view.keys()) == [ALICE]
    assert len(view) == 1
    assert (change.key, change.tenant, change.user, change.before, change.after) == (ALICE, "acme", "alice", None, row)
    assert (change.partition, change.offset, change.raw_before) == (0, 0, None)
    assert view.get(BOB) is None


def test_a_change_has_the_row_before() -> None:
    view, first, second = View(), folded(opened()), folded(opened(), joined("lobby"))
    view.apply(batch((ALICE, first)))

    [change] = view.apply(batch((ALICE, second), start=1))

    assert (change.before, change.after) == (first, second)
    assert change.raw_before == encode_row(first)


def test_a_tombstone_forgets() -> None:
    view = View()
    view.apply(batch((ALICE, folded(opened(rooms=["lobby"])))))

    [change] = view.apply(batch((ALICE, None), start=1))

    assert (change.after, change.rooms) == (None, (LOBBY,))
    assert view.get(ALICE) is None
    assert list(view.occupants(ACME, LOBBY)) == []


def test_a_tombstone_of_nobody_is_a_change_to_nothing() -> None:
    [change] = View().apply(batch((ALICE, None)))

    assert (change.before, change.after) == (None, None)


def test_offsets_below_what_was_read_are_skipped_per_partition() -> None:
    view = View()
    view.apply(batch((ALICE, folded(opened())), partition=0, start=5))

    assert view.apply(batch((ALICE, None), partition=0, start=5)) == []
    assert len(view.apply(batch((BOB, folded(opened())), partition=1, start=3))) == 1
    assert view.offsets == {0: 5, 1: 3}


def test_what_is_known_to_be_read_does_not_go_back() -> None:
    view = View()
    view.advance(0, 7)
    view.advance(0, 3)

    assert view.offsets == {0: 7}


def test_a_row_that_cannot_be_read_leaves_what_was_known() -> None:
    view, row = View(), folded(opened())
    view.apply(batch((ALICE, row)))

    assert view.apply(batch((ALICE, b"{"), start=1)) == []
    assert view.get(ALICE) == row
    assert (view.undecodable, view.offsets) == (1, {0: 1})


def test_a_row_older_than_the_one_known_is_left_out() -> None:
    view, old, new = View(), folded(opened()), folded(opened(), joined("lobby"))
    view.apply(batch((ALICE, new)))

    assert view.apply(batch((ALICE, old), start=1)) == []
    assert view.get(ALICE) == new
    assert view.outdated == 1


def test_control_rows_are_no_users() -> None:
    view = View()

    assert view.apply(batch((UserKey("~fence/0/n1"), b"{}"))) == []
    assert len(view) == 0
    assert decode_user(UserKey("~fence/0/n1"), b'{"offset":1,"node":"n","node_epoch":1}') is None


def test_rooms_are_indexed_by_tenant() -> None:
    view = View()
    view.apply(batch((ALICE, folded(opened(rooms=["lobby", "hall"]))), (BOB, folded(opened(rooms=["lobby"])))))
    view.apply(batch((UserKey("globex/carol"), folded(opened(rooms=["lobby"]))), start=2))

    assert set(view.occupants(ACME, LOBBY)) == {"alice", "bob"}
    assert set(view.occupants(ACME, HALL)) == {"alice"}
    assert set(view.occupants(TenantId("globex"), LOBBY)) == {"carol"}
    assert set(view.occupants(TenantId("initech"), LOBBY)) == set()


def test_leaving_a_room_is_a_change_of_that_room() -> None:
    view = View()
    view.apply(batch((ALICE, folded(opened(rooms=["lobby"])))))

    [change] = view.apply(batch((ALICE, folded(opened(rooms=["lobby"]), left("lobby"), joined("hall"))), start=1))

    assert set(change.rooms) == {LOBBY, HALL}
    assert (view.crowd(ACME, LOBBY), view.crowd(ACME, HALL)) == (0, 1)


def test_only_those_whom_the_public_sees_make_a_crowd() -> None:
    view = View()
    seen = folded(opened(rooms=["lobby"]))
    unseen = folded(opened(rooms=["lobby"]), override(Status.INVISIBLE))
    back = folded(opened(rooms=["lobby"]), override(Status.INVISIBLE), cleared())

    crowds = []
    for number, row in enumerate((seen, unseen, back, None)):
        view.apply(batch((ALICE, row), start=number))
        crowds.append((view.crowd(ACME, LOBBY), len(view.occupants(ACME, LOBBY))))

    assert crowds == [(1, 1), (0, 1), (1, 1), (0, 0)]


def test_sessions_are_known_by_their_user() -> None:
    view = View()
    view.apply(batch((ALICE, folded(opened("s1")))))

    assert view.knows_session(ALICE, SessionId("s1"))
    assert not view.knows_session(ALICE, SessionId("s2"))
    assert not view.knows_session(BOB, SessionId("s1"))


def test_a_value_that_is_no_row_is_undecodable() -> None:
    with pytest.raises(UndecodableRecord):
        decode_user(ALICE, b"[]")
