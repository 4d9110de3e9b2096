"""What a connection says about its session: commands in a pipeline, acknowledged in order, durable before `ack`.

Pure. Keeps the session twice: as acknowledged (``_durable``) and as it will be when everything on its way succeeds
(``own``), which is what new commands are decided on.
"""

from enum import Enum, auto

from msgspec.structs import replace

from presence.domain.commands import (
    Attachment,
    Close,
    Command,
    JoinRoom,
    LeaveRoom,
    Limits,
    Lose,
    Open,
    SetActivity,
    SetMeta,
    decide,
)
from presence.domain.events import UserEvent
from presence.domain.ids import EventId, Millis, UserKey
from presence.domain.status import LostReason
from presence.ports import IdSource
from ws_edge.effects import Append, Depart, Effect, Instant


class Then(Enum):
    """What happens when an entry is durable."""

    WELCOME = auto()
    ACK = auto()
    LEAVE = auto()
    """Acknowledge a goodbye and close."""
    NOTHING = auto()


class Entry:
    """A command on its way."""

    __slots__ = ("command", "frame_id", "is_done", "restated", "succeeded", "then")

    def __init__(self, command: Command | None, then: Then, frame_id: str | None) -> None:
        self.command = command
        """None: nothing to do but to answer in its turn."""
        self.then = then
        self.frame_id = frame_id
        self.is_done = False
        self.succeeded: bool | None = None
        """Of its append; None when it needed none."""
        self.restated: Attachment | None = None
        """The whole session, when the event carries it."""


class SessionWriter:
    """The only writer of one session through one connection."""

    __slots__ = ("_durable", "_ids", "_limits", "_next", "_queue", "_waiting", "is_uncertain", "key", "own")

    def __init__(self, key: UserKey, own: Attachment, limits: Limits, ids: IdSource) -> None:
        self.key = key
        self.own = own
        self._durable = own
        self._limits = limits
        self._ids = ids
        self._next = 0
        self._queue: list[Entry] = []
        self._waiting: dict[int, Entry] = {}
        self.is_uncertain = False
        """An append failed: the log may hold something else than what was acknowledged, until it is restated."""

    @property
    def backlog(self) -> int:
        """Commands not yet answered."""
        return len(self._queue)

    @property
    def is_leaving(self) -> bool:
        """Whether a goodbye is on its way."""
        return any(entry.then is Then.LEAVE for entry in self._queue)

    def submit(self, command: Command, then: Then, frame_id: str | None, now: Instant) -> list[Effect]:
        """Decide on a command and put it on its way; call `settle` next. Raises what `decide` raises."""
        after, event = decide(command, self.own, self._event_id(), now.wall, self._limits)
        effects: list[Effect] = []
        if self.is_uncertain and not isinstance(command, Open):
            effects += self.restate(now)
        self.own = after
        entry = Entry(command, then, frame_id)
        if isinstance(command, Open):
            entry.restated = after
        effects += self._enqueue(entry, event)
        return effects

    def answer(self, frame_id: str | None) -> None:
        """Acknowledge something that needs no event, in its turn; call `settle` next."""
        self._enqueue(Entry(None, Then.ACK, frame_id), None)

    def restate(self, now: Instant) -> list[Effect]:
        """Say the whole session anew, unless that is on its way."""
        if any(entry.restated is not None for entry in self._queue):
            return []
        after, event = decide(Open(), self.own, self._event_id(), now.wall, self._limits)
        self.own = after
        entry = Entry(Open(), Then.NOTHING, None)
        entry.restated = after
        return self._enqueue(entry, event)

    def appended(self, number: int, *, succeeded: bool) -> None:
        """Take in the result of an append; call `settle` next."""
        entry = self._waiting.pop(number, None)
        if entry is not None:
            entry.is_done = True
            entry.succeeded = succeeded

    def settle(self) -> list[tuple[Entry, bool]]:
        """Every command whose turn it is to be answered, and whether it succeeded."""
        settled = []
        while self._queue and self._queue[0].is_done:
            entry = self._queue.pop(0)
            settled.append((entry, self._conclude(entry)))
        return settled

    def abandon(self) -> list[Entry]:
        """Give up on everything on its way; later results are ignored."""
        left, self._queue, self._waiting = self._queue, [], {}
        self.own = self._durable
        self.is_uncertain = True
        return left

    def last_word(self, reason: LostReason | None, grace_ms: Millis, now: Instant) -> Depart:
        """The session's end through this connection: None is a goodbye, a reason leaves it its grace."""
        command = Close() if reason is None else Lose(reason, grace_ms)
        _, event = decide(command, self.own, self._event_id(), now.wall, self._limits)
        assert event is not None  # noqa: S101 - closing and losing always say something
        return Depart(self.key, event)

    def _conclude(self, entry: Entry) -> bool:
        # What changed nothing was decided on a state that may have failed meanwhile.
        succeeded = entry.succeeded if entry.succeeded is not None else entry.command is None or not self.is_uncertain
        if not succeeded:
            self.is_uncertain = True
            self._rebuild()
            return False
        if entry.command is not None:
            self._durable = _after(entry.command, self._durable)
        if entry.restated is not None:
            # Commands before it that failed after it was composed are in what it said.
            self.is_uncertain = not _says_the_same(entry.restated, self._durable)
        return True

    def _rebuild(self) -> None:
        own = self._durable
        for entry in self._queue:
            if entry.command is not None:
                own = _after(entry.command, own)
        self.own = own

    def _enqueue(self, entry: Entry, event: UserEvent | None) -> list[Effect]:
        self._queue.append(entry)
        if event is None:
            entry.is_done = True
            return []
        self._next += 1
        self._waiting[self._next] = entry
        return [Append(self._next, self.key, event)]

    def _event_id(self) -> EventId:
        return EventId(self._ids.new_id())


def _after(command: Command, own: Attachment) -> Attachment:
    """The attachment after a command that was found to be allowed."""
    match command:
        case JoinRoom(room=room):
            return replace(own, rooms=own.rooms | {room})
        case LeaveRoom(room=room):
            return replace(own, rooms=own.rooms - {room})
        case SetActivity(activity=activity):
            return replace(own, activity=activity)
        case SetMeta(meta=meta):
            return replace(own, meta=meta)
        case _:
            return own


def _says_the_same(one: Attachment, other: Attachment) -> bool:
    return (one.rooms, one.meta, one.activity) == (other.rooms, other.meta, other.activity)
