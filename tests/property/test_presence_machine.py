"""One partition under everything that happens to it, compared at each step with a naive second opinion.

Several users and nodes, connections that die and come back elsewhere, zombies of older epochs, overrides, clocks that
differ, timers that fire late or twice, and workers that crash: after each crash rows and fences come back as any mix
of versions since the last commit, the log is folded again from there, and the rows must be what they were.
"""

from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from presence.domain.deadlines import earliest_deadline, expiries
from presence.domain.events import Event, Stamp
from presence.domain.ids import Millis, NodeId, UserKey
from presence.domain.partition import PartitionFold
from presence.domain.state import Live, NodeFence, UserPresence
from presence.domain.status import Activity, Layer, Status
from presence.domain.views import OFFLINE, Audience, DiffKind, Presence, diff, rooms_of, view_in_room, view_user
from presence.wire.events import control_key
from presence.wire.rows import canonical_row
from tests.support.facts import (
    T0,
    activity,
    cleared,
    closed,
    joined,
    left,
    lost,
    meta,
    node_lost,
    opened,
    override,
)
from tests.support.naive import NaivePresence, outline, outline_row

Rows = dict[UserKey, UserPresence]
Fences = dict[NodeId, NodeFence]

USERS = [UserKey(f"acme/{name}") for name in ("alice", "bob")]
NODES = ["n1", "n2"]
RETENTION = Millis(100_000)

users, nodes = st.sampled_from(USERS), st.sampled_from(NODES)
sessions = st.sampled_from(["s1", "s2"])
room_sets = st.sets(st.sampled_from(["r1", "r2"]))


class PresenceMachine(RuleBasedStateMachine):
    """Rules append to the log; the fold, the naive opinion and a watcher's picture follow it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = T0
        self.log: list[tuple[UserKey, Event, Stamp]] = []
        self.versions: list[tuple[Rows, Fences]] = [({}, {})]
        self.naive = NaivePresence()
        self.connections = 0
        self.held: dict[tuple[UserKey, str], list[str]] = {}
        self.epochs = dict.fromkeys(NODES, 1)
        self.frozen: list[tuple[UserKey, Event]] = []
        self.picture: dict[UserKey, Presence] = {}
        self._restart({}, {})

    def _restart(self, rows: Rows, fences: Fences) -> None:
        self.rows, self.fences = rows, fences
        self.fold = PartitionFold(rows, fences)
        self.fold.index(rows.items())

    def append(self, key: UserKey, event: Event, skew_ms: int = 0) -> None:
        """Append a record and let everybody hear it."""
        stamp = Stamp(len(self.log), Millis(self.now + skew_ms))
        self.log.append((key, event, stamp))
        before = {key: row.since for key, row in self.rows.items()}
        changes = self.fold.apply(key, event, stamp)
        self.naive.hear(key, event, stamp.offset, stamp.at)
        self.versions.append((dict(self.rows), dict(self.fences)))
        for change in changes:
            assert change.before is not change.after
            assert change.after is None or change.after.since >= before.get(change.key, 0)
            self._show(change.key, change.before, change.after)

    def _show(self, key: UserKey, before: UserPresence | None, after: UserPresence | None) -> None:
        now = view_user(after, Audience.PUBLIC)
        match diff(view_user(before, Audience.PUBLIC), now):
            case DiffKind.JOIN:
                assert key not in self.picture
                self.picture[key] = now
            case DiffKind.UPDATE:
                assert key in self.picture
                self.picture[key] = now
            case DiffKind.LEAVE:
                del self.picture[key]
            case None:
                pass

    # --- what connections do ----------------------------------------------------------------------------------

    @rule(
        user=users,
        session=sessions,
        node=nodes,
        rooms=room_sets,
        said=st.sampled_from(Activity),
        behind=st.sampled_from([0, 0, 0, 1]),
        skew_ms=st.integers(-2_000, 2_000),
    )
    def open(
        self, user: UserKey, session: str, node: str, rooms: set[str], said: Activity, behind: int, skew_ms: int
    ) -> None:
        """A new connection takes the session, mostly on a node's present epoch, now and then on one long gone."""
        self.connections += 1
        connection = f"c{self.connections}"
        self.held.setdefault((user, session), []).append(connection)
        epoch = self.epochs[node] - behind
        self.append(user, opened(session, connection, node, epoch, rooms=sorted(rooms), activity=said), skew_ms)

    @precondition(lambda self: self.held)
    @rule(data=st.data(), skew_ms=st.integers(-2_000, 2_000))
    def speak(self, data: st.DataObject, skew_ms: int) -> None:
        """A connection, most often the last of its session, reports something or ends."""
        user, session = data.draw(st.sampled_from(sorted(self.held)))
        held = self.held[user, session]
        connection = data.draw(st.sampled_from(held[-2:] + held[-1:] * 3))
        said: list[Event] = [
            *(activity(session, connection, said) for said in Activity),
            *(joined(room, session, connection) for room in ("r1", "r2")),
            *(left(room, session, connection) for room in ("r1", "r2")),
            *(meta({"n": n}, session, connection) for n in range(2)),
            *(lost(session, connection, grace) for grace in (0, 15_000)),
            closed(session, connection),
            closed(session, None),
        ]
        self.append(user, data.draw(st.sampled_from(said)), skew_ms)

    @precondition(lambda self: self.held)
    @rule(data=st.data(), node=nodes, again=st.booleans())
    def flap(self, data: st.DataObject, node: str, again: bool) -> None:
        """A phone in a tunnel: lost, seen by a timer that sleeps over it, back elsewhere, and maybe lost again."""
        user, session = data.draw(st.sampled_from(sorted(self.held)))
        self.append(user, lost(session, self.held[user, session][-1]))
        self.freeze_a_worker(user, 200_000)
        self.connections += 1
        connection = f"c{self.connections}"
        self.held[user, session].append(connection)
        self.append(user, opened(session, connection, node, self.epochs[node]))
        if again:
            self.append(user, lost(session, connection))

    # --- what people and programs do --------------------------------------------------------------------------

    @rule(user=users, layer=st.sampled_from(Layer), status=st.sampled_from(Status), for_ms=st.integers(0, 60_000))
    def set_override(self, user: UserKey, layer: Layer, status: Status, for_ms: int) -> None:
        self.append(user, override(status, layer, self.now + for_ms))

    @rule(user=users, layer=st.sampled_from(Layer))
    def clear_override(self, user: UserKey, layer: Layer) -> None:
        self.append(user, cleared(layer))

    # --- what time and failures do ----------------------------------------------------------------------------

    @rule(ms=st.sampled_from([1, 1_000, 15_000, 61_000, 100_000]))
    def pass_time(self, ms: int) -> None:
        self.now += ms

    @rule(node=nodes, restarts=st.booleans())
    def lose_node(self, node: str, restarts: bool) -> None:
        """The detector declares a node lost, maybe after it has come up again."""
        epoch = self.epochs[node]
        self.epochs[node] += restarts
        self.append(control_key(node), node_lost(node, epoch))

    @rule(node=nodes)
    def restart_node(self, node: str) -> None:
        """A node begins a new life before anybody has noticed that the earlier one is over."""
        self.epochs[node] += 1

    @rule()
    def run_timers(self) -> None:
        """Append what is due until nothing is: every round must get somewhere."""
        for user in USERS:
            for _ in range(3):
                due = self._due(user)
                if not due:
                    break
                for event in due:
                    self.append(user, event)
            assert not self._due(user)

    @rule(user=users, ahead_ms=st.sampled_from([0, 200_000]))
    def freeze_a_worker(self, user: UserKey, ahead_ms: int) -> None:
        """A worker, maybe one whose clock is ahead, computes what is due and then sleeps over it."""
        row = self.rows.get(user)
        if row is not None:
            due = expiries(row, Millis(self.now + ahead_ms), RETENTION)
            self.frozen += [(user, event) for event in due]

    @precondition(lambda self: self.frozen)
    @rule(data=st.data())
    def thaw_the_worker(self, data: st.DataObject) -> None:
        """It appends what it had computed, late, and maybe not for the first time."""
        user, event = data.draw(st.sampled_from(self.frozen))
        self.append(user, event)

    @precondition(lambda self: self.log)
    @rule(data=st.data())
    def crash(self, data: st.DataObject) -> None:
        """Each row and fence comes back as of any time since the commit; folding again must give the same."""
        last = len(self.log)
        committed = data.draw(st.integers(max(0, last - 12), last))
        versions = st.sampled_from([committed, last]) | st.integers(committed, last)
        rows, fences = self.versions[-1]
        user_at = {user: self.versions[data.draw(versions)][0].get(user) for user in USERS}
        fence_at = {NodeId(node): self.versions[data.draw(versions)][1].get(NodeId(node)) for node in NODES}

        self._restart(
            {user: row for user, row in user_at.items() if row is not None},
            {node: fence for node, fence in fence_at.items() if fence is not None},
        )
        for key, event, stamp in self.log[committed:]:
            self.fold.apply(key, event, stamp)

        assert _canonical(self.rows) == _canonical(rows)
        assert self.fences == fences

    def _due(self, user: UserKey) -> list[Any]:
        """What is due for a user; a deadline that is due and an expiry must always go together."""
        row = self.rows.get(user)
        if row is None:
            return []
        deadline = earliest_deadline(row, RETENTION)
        due = expiries(row, Millis(self.now), RETENTION)
        assert bool(due) == (deadline is not None and deadline <= self.now)
        return due

    # --- what must always hold --------------------------------------------------------------------------------

    @invariant()
    def the_second_opinion_agrees(self) -> None:
        assert {key: outline_row(row) for key, row in self.rows.items()} == {
            key: outline(user) for key, user in self.naive.users.items()
        }

    @invariant()
    def present_means_to_have_a_session(self) -> None:
        for row in self.rows.values():
            if not row.overrides:
                assert (row.status is Status.OFFLINE) == (not row.sessions)
            assert row.sessions or row.status is Status.OFFLINE

    @invariant()
    def no_connection_lives_twice(self) -> None:
        alive = [s.life.connection for r in self.rows.values() for s in r.sessions.values() if isinstance(s.life, Live)]
        assert len(alive) == len(set(alive))

    @invariant()
    def times_are_in_order(self) -> None:
        for row in self.rows.values():
            assert row.status.is_visible == (row.visible_since is not None)
            assert row.visible_since is None or row.visible_since <= row.since
            assert row.last_seen is None or row.last_seen <= (row.visible_since or row.since)
            assert all(session.last_active <= row.last_active for session in row.sessions.values())

    @invariant()
    def who_is_hidden_looks_offline_byte_for_byte(self) -> None:
        for row in self.rows.values():
            seen = view_user(row, Audience.PUBLIC)
            assert seen.status is not Status.INVISIBLE
            if not row.status.is_visible:
                gone = Presence(Status.OFFLINE, last_seen=row.last_seen)
                assert msgspec.json.encode(seen) == msgspec.json.encode(gone)
                assert not [room for room in rooms_of(row) if view_in_room(row, room, Audience.PUBLIC)]

    @invariant()
    def a_watchers_picture_is_what_diffs_made_it(self) -> None:
        shown = {key: view_user(row, Audience.PUBLIC) for key, row in self.rows.items()}
        assert self.picture == {key: seen for key, seen in shown.items() if seen.status is not Status.OFFLINE}

    @invariant()
    def the_index_of_nodes_is_what_recovery_would_make_it(self) -> None:
        recovered = PartitionFold({}, {})
        recovered.index(self.rows.items())
        assert self.fold._keys_by_node == recovered._keys_by_node

    @initialize()
    def nobody_is_here(self) -> None:
        assert view_user(None, Audience.PUBLIC) == OFFLINE

    def teardown(self) -> None:
        """Folding the whole log again gives the same rows."""
        rows: Rows = {}
        fences: Fences = {}
        again = PartitionFold(rows, fences)
        for key, event, stamp in self.log:
            again.apply(key, event, stamp)

        assert _canonical(rows) == _canonical(self.rows)
        assert fences == self.fences


def _canonical(rows: Rows) -> dict[UserKey, bytes]:
    return {key: canonical_row(row) for key, row in rows.items()}


TestPresence = PresenceMachine.TestCase
# Rare events (an offline user's retention) need company to happen at all: more runs than the other properties get.
TestPresence.settings = settings(max_examples=settings().max_examples * 8)
