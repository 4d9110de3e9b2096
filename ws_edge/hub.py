"""The hub: from changed rows to bytes for the connections that watch them. Pure: bytes go into outboxes.

Each diff is encoded and framed once per topic and audience. What a connection cannot take now (it is slow) or should
not (a room above `room_paced_above` sends once an interval) is kept as "changed, and this is what they saw last". What
is sent later is how everybody who changed is *now*, also if that is what they were: the watcher may have seen them in
between, in a snapshot, or ahead of its position at an edge that was faster.

A position promises that everything before it was sent. So a diff that overtakes something still owed to the same
connection goes out *bare* (with an empty position), and the next `tick` sends the position by itself.
"""

from collections.abc import Iterable
from itertools import chain

from msgspec import UNSET, UnsetType

from presence.domain.ids import RoomId, TenantId, UserKey, split_key, user_key
from presence.domain.views import Presence, rooms_of
from presence.wire.frames import Changes, Diff, Position, Resume, Resumed, ServerFrame, Snapshot
from ws_edge.framing import Shared, frame_bytes
from ws_edge.interest import Subscriber
from ws_edge.pacing import Pacing
from ws_edge.pictures import ChangeSet, one_change, picture, room_picture, users_picture
from ws_edge.recovery import Before, Journal
from ws_edge.topics import Topic, Topics
from ws_edge.view import RowChange, View, decode_user


class Hub:
    """Interest of all connections, and the routing of changes to them."""

    def __init__(self, feed: str, view: View, journal: Journal, *, paced_above: int, dirty_keys: int) -> None:
        self._feed = feed
        self._view = view
        self._journal = journal
        self._dirty_keys = dirty_keys
        self._topics = Topics()
        self._pacing = Pacing(view, paced_above)
        # Connections that got bare diffs since the last tick.
        self._behind: set[Subscriber] = set()
        self._settled: dict[int, int] = dict(view.offsets)
        self.is_stale = False
        """Repeated in snapshots."""
        self.coalesced = 0
        """Diffs that were not sent one by one."""

    # --- what a connection asks -------------------------------------------------------------------------------

    def watch(
        self, subscriber: Subscriber, users: Iterable[UserKey], rooms: Iterable[RoomId], frame_id: str | None
    ) -> None:
        """Follow users and rooms; a snapshot of them goes to the outbox."""
        users, rooms = list(users), list(rooms)
        self._send_owed(subscriber)
        self._add(subscriber, users, rooms)
        self._snapshot(subscriber, users, rooms, frame_id, reset=False)

    def resume(
        self, subscriber: Subscriber, users: Iterable[UserKey], rooms: Iterable[RoomId], request: Resume
    ) -> bool:
        """Follow from a position; False when that could not be exact and a snapshot went out instead."""
        users, rooms = list(users), list(rooms)
        self._send_owed(subscriber)
        before = self._journal.since(
            request.position, self._view.offsets, subscriber.tenant, frozenset(users), frozenset(rooms)
        )
        self._add(subscriber, users, rooms)
        if before is None:
            self._snapshot(subscriber, users, rooms, request.id, reset=True)
            return False
        in_users, in_rooms = self._missed(subscriber, before, frozenset(users), frozenset(rooms))
        self._reply(subscriber, Resumed(self._position(subscriber), request.id, in_users, in_rooms))
        return True

    def unwatch(self, subscriber: Subscriber, users: Iterable[UserKey], rooms: Iterable[RoomId]) -> None:
        """Follow these no longer."""
        for key in users:
            self._topics.unwatch_user(subscriber, key)
            if subscriber.dirty is not None:
                subscriber.dirty.pop((None, key), None)
        for room in rooms:
            if self._topics.unwatch_room(subscriber, room) is not None:
                self._pacing.forget(subscriber.tenant, room)
            if subscriber.dirty is not None:
                subscriber.dirty = {k: v for k, v in subscriber.dirty.items() if k[0] != room}

    def drop(self, subscriber: Subscriber) -> None:
        """Forget a connection."""
        self.unwatch(subscriber, list(subscriber.users or ()), list(subscriber.rooms or ()))
        self._behind.discard(subscriber)

    # --- what happens -----------------------------------------------------------------------------------------

    def route(self, changes: Iterable[RowChange]) -> list[Subscriber]:
        """Put the diffs of these changes into outboxes; return those that have something to write."""
        touched: list[Subscriber] = []
        for change in changes:
            self._route(change, touched)
        return touched

    def tick(self) -> list[Subscriber]:
        """Send what paced rooms have pending, and positions to those that got bare diffs. Once an interval."""
        touched: list[Subscriber] = []
        for tenant, room, topic in self._pacing.rooms():
            self._flush_room(tenant, room, topic, touched)
            self._pacing.relax(tenant, room, topic)
        self._settled = dict(self._view.offsets)
        ready = [s for s in self._behind if s.dirty is None]
        if ready:
            frame = frame_bytes(Diff(self._settled))
            for subscriber in ready:
                _put(subscriber, frame, touched)
            self._behind.difference_update(ready)
        return touched

    def slow_down(self, subscriber: Subscriber) -> None:
        """Keep this connection's changes back until `catch_up`."""
        if subscriber.dirty is None:
            subscriber.dirty = {}

    def catch_up(self, subscriber: Subscriber) -> None:
        """Put the net of what was kept back into the outbox, and go on one by one."""
        self._send_owed(subscriber)
        subscriber.dirty = None

    # --- inside -----------------------------------------------------------------------------------------------

    def _add(self, subscriber: Subscriber, users: list[UserKey], rooms: list[RoomId]) -> None:
        for key in users:
            self._topics.watch_user(subscriber, key)
        for room in rooms:
            topic = self._topics.watch_room(subscriber, room)
            self._pacing.consider(subscriber.tenant, room, topic)

    def _route(self, change: RowChange, touched: list[Subscriber]) -> None:
        user_topic = self._topics.user(change.key)
        room_topics = [
            (room, topic) for room in change.rooms if (topic := self._topics.room(change.tenant, room)) is not None
        ]
        # Before anything is sent: who watches a room that goes into interval mode now is owed this very change.
        for room, topic in room_topics:
            self._pacing.consider(change.tenant, room, topic)
        # Whoever gets two frames of one change may move the position only by the last.
        last: dict[Subscriber, Shared] | None = {} if len(room_topics) + (user_topic is not None) > 1 else None
        if user_topic is not None:
            self._deliver(change, None, user_topic, touched, last)
        for room, topic in room_topics:
            if topic.pending is None:
                self._deliver(change, room, topic, touched, last)
            else:
                self._defer(change, room, topic)

    def _deliver(
        self,
        change: RowChange,
        room: RoomId | None,
        topic: Topic,
        touched: list[Subscriber],
        last: dict[Subscriber, Shared] | None,
    ) -> None:
        for audience, subscribers in topic.by_audience.items():
            before = picture(change.before, room, audience)
            changes = one_change(change.user, before, picture(change.after, room, audience))
            if changes is None:
                continue
            shared = _share(changes, room, {change.partition: change.offset})
            for subscriber in subscribers:
                if subscriber.dirty is not None:
                    self._keep(subscriber, room, change.key, before)
                    continue
                if subscriber.paced:
                    self._behind.add(subscriber)
                    _put(subscriber, shared.bare, touched)
                    continue
                if last is not None:
                    if subscriber in last:
                        subscriber.outbox[-1] = last[subscriber].bare
                    last[subscriber] = shared
                _put(subscriber, shared.positioned, touched)

    def _defer(self, change: RowChange, room: RoomId, topic: Topic) -> None:
        for audience, subscribers in topic.by_audience.items():
            before = picture(change.before, room, audience)
            # Nobody may tell from a moved position that something happened that they must not see.
            if before != picture(change.after, room, audience):
                topic.defer(audience, change.user, before)
                self._behind.update(subscribers)

    def _keep(self, subscriber: Subscriber, room: RoomId | None, key: UserKey, before: Presence | None) -> None:
        self.coalesced += 1
        if subscriber.dirty is None or subscriber.overflowed:
            return
        if len(subscriber.dirty) >= self._dirty_keys and (room, key) not in subscriber.dirty:
            subscriber.dirty.clear()
            subscriber.overflowed = True
            return
        subscriber.dirty.setdefault((room, key), before)

    def _flush_room(self, tenant: TenantId, room: RoomId, topic: Topic, touched: list[Subscriber]) -> None:
        for audience, pending in topic.take_pending():
            changes = ChangeSet()
            for user, before in pending.items():
                changes.say(user, before, picture(self._view.get(user_key(tenant, user)), room, audience))
            frame = frame_bytes(Diff({}, rooms={room: changes.freeze()}))
            for subscriber in topic.by_audience.get(audience, ()):
                if subscriber.dirty is None:
                    _put(subscriber, frame, touched)
                    continue
                for user, before in pending.items():
                    self._keep(subscriber, room, user_key(tenant, user), before)

    def _send_owed(self, subscriber: Subscriber) -> None:
        """Send the net of what a slow connection is owed; it stays slow."""
        if subscriber.overflowed:
            subscriber.overflowed = False
            users, rooms = list(subscriber.users or ()), list(subscriber.rooms or ())
            self._snapshot(subscriber, users, rooms, None, reset=True)
        elif subscriber.dirty:
            in_users = ChangeSet()
            in_rooms: dict[str, ChangeSet] = {}
            for (room, key), before in subscriber.dirty.items():
                target = in_users if room is None else in_rooms.setdefault(room, ChangeSet())
                target.say(split_key(key)[1], before, picture(self._view.get(key), room, subscriber.audience))
            position = self._position(subscriber).offsets
            self._reply(subscriber, Diff(position, *_frozen(in_users, in_rooms)))
            subscriber.dirty = {}

    def _missed(
        self, subscriber: Subscriber, before: Before, users: frozenset[UserKey], rooms: frozenset[RoomId]
    ) -> tuple[Changes | UnsetType, dict[str, Changes] | UnsetType]:
        in_users = ChangeSet()
        in_rooms: dict[str, ChangeSet] = {}
        for key, past in before.items():
            user = split_key(key)[1]
            rows = [*(decode_user(key, raw) for raw in past), self._view.get(key)]
            if key in users:
                in_users.say_last(user, [picture(row, None, subscriber.audience) for row in rows])
            for room in rooms.intersection(chain.from_iterable(rooms_of(row) for row in rows)):
                seen = [picture(row, room, subscriber.audience) for row in rows]
                in_rooms.setdefault(room, ChangeSet()).say_last(user, seen)
        return _frozen(in_users, in_rooms)

    def _snapshot(
        self, subscriber: Subscriber, users: list[UserKey], rooms: list[RoomId], frame_id: str | None, *, reset: bool
    ) -> None:
        in_rooms: dict[str, dict[str, Presence]] = {room: room_picture(self._view, subscriber, room) for room in rooms}
        in_users = users_picture(self._view, subscriber, users)
        position = self._position(subscriber)
        self._reply(subscriber, Snapshot(in_users, in_rooms, position, self.is_stale, frame_id, reset))

    def _position(self, subscriber: Subscriber) -> Position:
        """What this connection may resume from now: not beyond what paced rooms still owe it."""
        return Position(self._feed, self._settled if subscriber.paced else dict(self._view.offsets))

    def _reply(self, subscriber: Subscriber, frame: ServerFrame) -> None:
        if subscriber.paced:
            self._behind.add(subscriber)
        subscriber.outbox.append(frame_bytes(frame))


def _put(subscriber: Subscriber, frame: bytes, touched: list[Subscriber]) -> None:
    if not subscriber.outbox:
        touched.append(subscriber)
    subscriber.outbox.append(frame)


def _share(changes: Changes, room: RoomId | None, position: dict[int, int]) -> Shared:
    users: Changes | UnsetType = changes if room is None else UNSET
    rooms: dict[str, Changes] | UnsetType = UNSET if room is None else {room: changes}
    return Shared(frame_bytes(Diff(position, users, rooms)), Diff({}, users, rooms))


def _frozen(
    users: ChangeSet, rooms: dict[str, ChangeSet]
) -> tuple[Changes | UnsetType, dict[str, Changes] | UnsetType]:
    full = {room: changes.freeze() for room, changes in rooms.items() if changes}
    return users.freeze() if users else UNSET, full or UNSET
