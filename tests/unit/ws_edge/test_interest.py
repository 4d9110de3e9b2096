"""What one connection watches."""

import pytest

from presence.domain.ids import RoomId, UserKey
from tests.support.facts import ALICE, BOB
from ws_edge.config import EdgeLimits
from ws_edge.interest import Subscriber

LOBBY, HALL = RoomId("lobby"), RoomId("hall")


def test_who_watches_nothing_is_not_watching() -> None:
    subscriber = Subscriber(None)
    assert not subscriber.is_watching
    subscriber.users = {ALICE}
    assert subscriber.is_watching
    subscriber.users, subscriber.rooms = set(), {LOBBY}
    assert subscriber.is_watching


@pytest.mark.parametrize(
    ("users", "rooms", "exceeds"),
    [
        ([], [], False),
        ([ALICE], [LOBBY], False),
        ([ALICE, BOB], [], False),
        ([BOB, UserKey("acme/carol")], [], True),
        ([], [LOBBY, HALL], True),
    ],
)
def test_limits_count_what_would_be_watched_then(users: list[UserKey], rooms: list[RoomId], exceeds: bool) -> None:
    subscriber = Subscriber(None)
    subscriber.users, subscriber.rooms = {ALICE}, {LOBBY}

    assert subscriber.would_exceed(EdgeLimits(watched_users=2, watched_rooms=1), users, rooms) == exceeds
