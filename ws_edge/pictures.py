"""What a watcher sees: pictures of users and rooms, and the net changes between two pictures."""

from collections.abc import Iterable

from presence.domain.ids import RoomId, UserId, UserKey, split_key
from presence.domain.state import UserPresence
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

    def add(self, user: UserId, before: Presence | None, after: Presence | None) -> bool:
        """Add a user if the picture changed. Who left a room is shown as offline: the rest is not said there."""
        kind = net(before, after)
        match kind:
            case DiffKind.JOIN:
                self.joins[user] = after or OFFLINE
            case DiffKind.UPDATE:
                self.updates[user] = after or OFFLINE
            case DiffKind.LEAVE:
                self.leaves[user] = after or OFFLINE
            case None:
                pass
        return kind is not None

    def __bool__(self) -> bool:
        return bool(self.joins or self.updates or self.leaves)

    def freeze(self) -> Changes:
        """As it goes into a frame."""
        return Changes(self.joins, self.updates, self.leaves)


def one_change(user: UserId, before: Presence | None, after: Presence | None) -> Changes | None:
    """The change of one user; None when the picture is the same."""
    changes = ChangeSet()
    changes.add(user, before, after)
    return changes.freeze() if changes else None


def users_picture(view: View, subscriber: Subscriber, keys: Iterable[UserKey]) -> dict[str, Presence]:
    """All of these users, present or not."""
    audience = subscriber.audience
    return {split_key(key)[1]: view_user(view.get(key), audience) for key in keys}
