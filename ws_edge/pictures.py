"""What a watcher sees: pictures of users and rooms, and the net changes between two pictures."""

from collections.abc import Iterable, Sequence
from typing import assert_never

from presence.domain.ids import RoomId, UserId, UserKey, split_key, user_key
from presence.domain.state import UserPresence
from presence.domain.status import Status
from presence.domain.views import OFFLINE, Audience, DiffKind, Presence, diff, view_in_room, view_user
from presence.wire.frames import Changes
from ws_edge.interest import Subscriber
from ws_edge.view import View


def picture(state: UserPresence | None, room: RoomId | None, audience: Audience) -> Presence | None:
    """A user as such (``room`` None) or as the occupant of a room."""
    return view_user(state, audience) if room is None else view_in_room(state, room, audience)


def net(before: Presence | None, after: Presence | None) -> DiffKind | None:
    """How a picture changed. Unlike `diff`, it also tells when someone offline is offline since another time."""
    if before == after:
        return None
    return diff(before, after) or DiffKind.LEAVE


class ChangeSet:
    """Collects the changes of one set of users."""

    __slots__ = ("joins", "leaves", "updates")

    def __init__(self) -> None:
        self.joins: dict[str, Presence] = {}
        self.updates: dict[str, Presence] = {}
        self.leaves: dict[str, Presence] = {}

    def say(self, user: UserId, before: Presence | None, after: Presence | None) -> None:
        """Say how a user is now. Who left a room is shown as offline: the rest is not said there."""
        is_there = after is not None and after.status is not Status.OFFLINE
        kind = net(before, after) or (DiffKind.UPDATE if is_there else DiffKind.LEAVE)
        match kind:
            case DiffKind.JOIN:
                self.joins[user] = after or OFFLINE
            case DiffKind.UPDATE:
                self.updates[user] = after or OFFLINE
            case DiffKind.LEAVE:
                self.leaves[user] = after or OFFLINE
            case _:
                assert_never(kind)

    def say_last(self, user: UserId, seen: Sequence[Presence | None]) -> None:
        """Say how a user is now, unless nothing changed in what was ``seen`` of them one after the other."""
        if any(picture != seen[0] for picture in seen):
            self.say(user, seen[0], seen[-1])

    def __bool__(self) -> bool:
        return bool(self.joins or self.updates or self.leaves)

    def freeze(self) -> Changes:
        """As it goes into a frame."""
        return Changes(self.joins, self.updates, self.leaves)


def one_change(user: UserId, before: Presence | None, after: Presence | None) -> Changes | None:
    """The change of one user; None when the picture is the same."""
    if before == after:
        return None
    changes = ChangeSet()
    changes.say(user, before, after)
    return changes.freeze()


def users_picture(view: View, subscriber: Subscriber, keys: Iterable[UserKey]) -> dict[str, Presence]:
    """All of these users, present or not."""
    audience = subscriber.audience
    return {split_key(key)[1]: view_user(view.get(key), audience) for key in keys}


def room_picture(view: View, subscriber: Subscriber, room: RoomId) -> dict[str, Presence]:
    """Everybody in a room whom the subscriber may see."""
    tenant, seen = subscriber.tenant, {}
    for user in view.occupants(tenant, room):
        presence = view_in_room(view.get(user_key(tenant, user)), room, subscriber.audience)
        if presence is not None:
            seen[str(user)] = presence
    return seen
