"""Net changes between pictures."""

import pytest

from presence.domain.ids import Millis, RoomId, TenantId, UserId
from presence.domain.status import Status
from presence.domain.views import OFFLINE, DiffKind, Presence
from presence.ports import ChangelogBatch
from presence.wire.frames import Changes
from presence.wire.rows import encode_row
from tests.support.facts import ALICE, folded, opened
from ws_edge.interest import Subscriber
from ws_edge.pictures import ChangeSet, net, one_change, picture, room_picture, users_picture
from ws_edge.view import View

ALICE_ID = UserId("alice")
ONLINE = Presence(Status.ONLINE, Millis(1))
AWAY = Presence(Status.AWAY, Millis(2))
SEEN = Presence(Status.OFFLINE, last_seen=Millis(3))


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (None, ONLINE, DiffKind.JOIN),
        (OFFLINE, ONLINE, DiffKind.JOIN),
        (ONLINE, AWAY, DiffKind.UPDATE),
        (ONLINE, SEEN, DiffKind.LEAVE),
        (ONLINE, None, DiffKind.LEAVE),
        (OFFLINE, SEEN, DiffKind.LEAVE),
        (ONLINE, ONLINE, None),
        (None, None, None),
    ],
)
def test_a_net_change_is_what_a_watcher_must_be_told(
    before: Presence | None, after: Presence | None, kind: DiffKind | None
) -> None:
    assert net(before, after) == kind


def test_one_change_is_nothing_when_the_picture_is_the_same() -> None:
    assert one_change(ALICE_ID, ONLINE, ONLINE) is None
    assert one_change(ALICE_ID, None, ONLINE) == Changes(joins={"alice": ONLINE})
    assert one_change(ALICE_ID, AWAY, ONLINE) == Changes(updates={"alice": ONLINE})


def test_who_left_a_room_is_shown_as_offline_and_no_more() -> None:
    assert one_change(ALICE_ID, ONLINE, None) == Changes(leaves={"alice": OFFLINE})


@pytest.mark.parametrize(
    ("now", "said"), [(ONLINE, Changes(updates={"alice": ONLINE})), (None, Changes(leaves={"alice": OFFLINE}))]
)
def test_what_is_said_is_said_also_when_it_was_so_before(now: Presence | None, said: Changes) -> None:
    changes = ChangeSet()
    assert not changes

    changes.say(ALICE_ID, now, now)

    assert changes
    assert changes.freeze() == said


def test_of_several_pictures_the_last_is_said_if_any_differed() -> None:
    same, there_and_back = ChangeSet(), ChangeSet()

    same.say_last(ALICE_ID, [ONLINE, ONLINE])
    there_and_back.say_last(ALICE_ID, [ONLINE, AWAY, ONLINE])

    assert not same
    assert there_and_back.freeze() == Changes(updates={"alice": ONLINE})


def test_pictures_of_users_and_rooms_are_as_the_audience_may_see() -> None:
    view, lobby = View(), RoomId("lobby")
    row = folded(opened(rooms=["lobby"]))
    view.apply(ChangelogBatch(0, [(0, ALICE.encode(), encode_row(row))]))
    watcher = Subscriber(None)
    watcher.tenant = TenantId("acme")

    assert users_picture(view, watcher, [ALICE]) == {"alice": picture(row, None, watcher.audience)}
    assert room_picture(view, watcher, lobby) == {"alice": picture(row, lobby, watcher.audience)}
    assert room_picture(view, watcher, RoomId("hall")) == {}


def test_who_cannot_be_seen_is_not_in_the_picture_of_a_room() -> None:
    view, lobby = View(), RoomId("lobby")
    hidden = folded(opened(rooms=["lobby"]))
    view.apply(ChangelogBatch(0, [(0, ALICE.encode(), encode_row(hidden).replace(b'"online"', b'"invisible"'))]))
    watcher = Subscriber(None)
    watcher.tenant = TenantId("acme")

    assert room_picture(view, watcher, lobby) == {}
