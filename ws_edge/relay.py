"""What the feed brings, on its way to those who watch: the view, the journal and the hub of an edge."""

from collections.abc import Iterable, Sequence

from presence.ports import ChangelogBatch, Clock
from presence.wire.frames import Feed, Resume
from ws_edge.config import EdgeConfig
from ws_edge.effects import Follow
from ws_edge.framing import frame_bytes
from ws_edge.hub import Hub
from ws_edge.interest import Subscriber
from ws_edge.metrics import EdgeMetrics
from ws_edge.recovery import Journal
from ws_edge.socket import Socket
from ws_edge.view import RowChange, View


class Relay:
    """Takes rows in and writes diffs out."""

    def __init__(self, config: EdgeConfig, clock: Clock, metrics: EdgeMetrics) -> None:
        self._config = config
        self._clock = clock
        self._metrics = metrics
        self.view = View()
        self.hub: Hub | None = None
        """None until the view is loaded."""
        self._journal: Journal | None = None

    def loaded(self, feed: str) -> None:
        """The view has everything that was there at the start."""
        self._journal = Journal(feed, self._config.journal_entries)
        self._journal.start(self.view.offsets)
        self.hub = Hub(
            feed,
            self.view,
            self._journal,
            paced_above=self._config.room_paced_above,
            dirty_keys=self._config.dirty_keys,
        )

    def forget(self) -> None:
        """The feed is another one: what we know of it is void."""
        self.view, self.hub, self._journal = View(), None, None

    def take(self, batches: Sequence[ChangelogBatch]) -> list[RowChange]:
        """Take rows of the changelog in, and send what they change to those who watch; returns the changes."""
        changes: list[RowChange] = []
        for batch in batches:
            self._metrics.rows.inc(len(batch.rows))
            changes += self.view.apply(batch)
        if self.hub is None or self._journal is None or not changes:
            return []
        self._journal.record(changes)
        self._write(self.hub.route(changes))
        self._measure(changes)
        return changes

    def pace(self) -> None:
        """Send what large rooms have pending; once a `room_pace_ms`."""
        if self.hub is not None:
            self._write(self.hub.tick())

    def follow(self, hub: Hub, socket: Socket, effect: Follow) -> None:
        """Answer a request to follow, and have diffs sent from then on."""
        request, subscriber = effect.request, socket.subscriber
        if isinstance(request, Resume):
            exact = hub.resume(subscriber, effect.users, effect.rooms, request)
            self._metrics.resumed.labels("exact" if exact else "reset").inc()
            if exact and hub.is_stale:
                subscriber.outbox.append(frame_bytes(Feed(stale=True)))
        else:
            hub.watch(subscriber, effect.users, effect.rooms, request.id)
        self._metrics.frames_out.labels("snapshot").inc()
        socket.flush()

    def slow_down(self, subscriber: Subscriber) -> None:
        """Keep back what a slow connection would get."""
        if self.hub is not None and subscriber.dirty is None:
            self._metrics.slow.inc()
            self.hub.slow_down(subscriber)

    def catch_up(self, socket: Socket) -> None:
        """Send the net of what was kept back."""
        if self.hub is not None and socket.subscriber.dirty is not None:
            self._metrics.slow.dec()
            self.hub.catch_up(socket.subscriber)
            socket.flush()

    def drop(self, subscriber: Subscriber) -> None:
        """A connection is gone."""
        if subscriber.dirty is not None:
            self._metrics.slow.dec()
            subscriber.dirty = None
        if self.hub is not None:
            self.hub.drop(subscriber)

    def set_stale(self, sockets: Iterable[Socket], *, stale: bool) -> None:
        """Tell watchers that the feed stands still, or moves again."""
        if self.hub is None or self.hub.is_stale == stale:
            return
        self.hub.is_stale = stale
        self._metrics.stale.set(stale)
        frame = frame_bytes(Feed(stale=stale))
        for socket in sockets:
            if socket.subscriber.is_watching:
                socket.write(frame)

    def _write(self, touched: list[Subscriber]) -> None:
        sent = 0
        for subscriber in touched:
            socket = subscriber.sink
            assert isinstance(socket, Socket)  # noqa: S101 - we made it so
            sent += socket.flush()
        if touched:
            self._metrics.diffs_out.inc(len(touched))
            self._metrics.bytes_out.inc(sent)

    def _measure(self, changes: list[RowChange]) -> None:
        now = self._clock.now()
        for change in changes:
            after, before = change.after, change.before
            if after is not None and (before is None or before.since != after.since):
                self._metrics.delivery_seconds.observe(max(0, now - after.since) / 1000)
