"""When a room is told of its changes once an interval."""

from presence.domain.ids import RoomId, TenantId
from ws_edge.pacing import Pacing
from ws_edge.topics import Topic
from ws_edge.view import View

ACME, LOBBY = TenantId("acme"), RoomId("lobby")


class CrowdedView(View):
    """A view of one room of any size."""

    size = 0

    def crowd(self, tenant: TenantId, room: RoomId) -> int:
        """As the test says."""
        return self.size


def test_a_room_is_paced_from_above_the_limit_until_a_fifth_below_it() -> None:
    view, topic = CrowdedView(), Topic()
    pacing = Pacing(view, above=10)

    modes = []
    for size in (10, 11, 9, 8, 10, 11):
        view.size = size
        pacing.consider(ACME, LOBBY, topic)
        for tenant, room, paced in pacing.rooms():
            pacing.relax(tenant, room, paced)
        modes.append(topic.is_paced)

    assert modes == [False, True, True, False, False, True]


def test_a_forgotten_room_is_not_among_them() -> None:
    view, topic = CrowdedView(), Topic()
    pacing = Pacing(view, above=10)
    view.size = 11
    pacing.consider(ACME, LOBBY, topic)
    assert [(tenant, room) for tenant, room, _ in pacing.rooms()] == [(ACME, LOBBY)]

    pacing.forget(ACME, LOBBY)
    pacing.forget(ACME, LOBBY)

    assert list(pacing.rooms()) == []
