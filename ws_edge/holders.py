"""Which connections of this node hold which user's sessions, and whether they still do."""

from collections.abc import Iterator

from presence.domain.ids import UserKey
from presence.domain.state import UserPresence
from ws_edge.codes import Code
from ws_edge.metrics import EdgeMetrics
from ws_edge.ownership import judge
from ws_edge.socket import Socket


class Holders:
    """By user."""

    def __init__(self, metrics: EdgeMetrics) -> None:
        self._metrics = metrics
        self._by_user: dict[UserKey, list[Socket]] = {}

    def add(self, key: UserKey, socket: Socket) -> None:
        """A session was opened."""
        self._by_user.setdefault(key, []).append(socket)
        self._metrics.sessions.inc()

    def release(self, socket: Socket) -> None:
        """A connection holds its session no longer, if it ever did."""
        key = socket.connection.session_key
        if key is None:
            return
        holders = self._by_user.get(key, [])
        if socket in holders:
            holders.remove(socket)
            self._metrics.sessions.dec()
            if not holders:
                del self._by_user[key]

    def deposed(self, key: UserKey, state: UserPresence | None) -> Iterator[tuple[Socket, Code]]:
        """Connections whose session is no longer their own by what the fold says now, and what to tell them."""
        for socket in list(self._by_user.get(key, ())):
            own = socket.connection.attachment
            # Its own goodbye may be seen in the feed before it is acknowledged.
            if own is None or socket.opened_offset is None or socket.connection.is_leaving:
                continue
            code = judge(state, own, socket.opened_offset)
            if code is not None:
                yield socket, code
