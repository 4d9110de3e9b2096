"""What goes to whom, in which frames, and what positions they carry."""

from presence.domain.events import Event
from presence.domain.ids import RoomId, TenantId, UserKey
from presence.domain.status import Status
from presence.domain.views import Audience
from presence.ports import ChangelogBatch
from presence.wire.frames import Diff, Position, Resume, Resumed, ServerFrame, Snapshot
from tests.support.facts import ALICE, BOB, activity, closed, joined, left, opened, override
from tests.support.watching import FEED, Book, Feed, QuietEdge, unframed
from ws_edge.interest import Subscriber

LOBBY, HALL = RoomId("lobby"), RoomId("hall")


class Stage:
    """An edge, one partition, and users who act on it."""

    def __init__(self, paced_above: int = 100, dirty_keys: int = 100) -> None:
        self.feed = Feed(1)
        self.book = Book()
        self.edge = QuietEdge(self.feed, paced_above, dirty_keys, journal=100)
        self.hub = self.edge.hub

    def subscriber(self, audience: Audience = Audience.PUBLIC, tenant: str = "acme") -> Subscriber:
        made = Subscriber(self)
        made.tenant, made.audience = TenantId(tenant), audience
        return made

    def watcher(self, users: tuple[UserKey, ...] = (), rooms: tuple[RoomId, ...] = ()) -> Subscriber:
        made = self.subscriber()
        self.hub.watch(made, users, rooms, None)
        made.outbox.clear()
        return made

    def act(self, key: UserKey, *events: Event) -> None:
        """A user does something; the edge reads it."""
        for event in events:
            self.feed.publish(0, key, self.book.write(key, event))
        self.edge.read_all()


def frames(subscriber: Subscriber) -> list[ServerFrame]:
    taken = [unframed(data) for data in subscriber.outbox]
    subscriber.outbox.clear()
    return taken


def diffs(subscriber: Subscriber) -> list[Diff]:
    return [frame for frame in frames(subscriber) if isinstance(frame, Diff)]


def rooms_of(diff: Diff) -> dict[str, tuple[list[str], list[str], list[str]]]:
    """By room: joins, updates, leaves."""
    changes = diff.rooms
    assert isinstance(changes, dict)
    return {room: (list(c.joins), list(c.updates), list(c.leaves)) for room, c in changes.items()}


# --- watching -----------------------------------------------------------------------------------------------------


def test_a_snapshot_has_every_user_and_room_that_was_asked_for() -> None:
    stage = Stage()
    stage.act(ALICE, opened(rooms=["lobby"]))
    bob = stage.subscriber()

    stage.hub.watch(bob, [ALICE, BOB], [LOBBY, HALL], "1")

    [snapshot] = frames(bob)
    assert isinstance(snapshot, Snapshot)
    assert {user: seen.status for user, seen in snapshot.users.items()} == {"alice": "online", "bob": "offline"}
    assert {room: set(there) for room, there in snapshot.rooms.items()} == {"lobby": {"alice"}, "hall": set()}
    assert snapshot.position == Position(FEED, {0: 0})
    assert (snapshot.id, snapshot.stale, snapshot.reset) == ("1", False, False)


def test_a_snapshot_says_when_the_feed_is_stale() -> None:
    stage = Stage()
    stage.hub.is_stale = True
    bob = stage.subscriber()
    stage.hub.watch(bob, [ALICE], [], None)

    [snapshot] = frames(bob)
    assert isinstance(snapshot, Snapshot)
    assert snapshot.stale


def test_a_change_goes_to_those_who_watch_with_the_position_it_moves_them_to() -> None:
    stage = Stage()
    watching, other = stage.watcher((ALICE,)), stage.watcher((BOB,))

    stage.act(ALICE, opened())

    [diff] = diffs(watching)
    assert diff.position == {0: 0}
    assert list(diff.users.joins) == ["alice"]  # type: ignore[union-attr]
    assert frames(other) == []


def test_who_is_written_to_is_told_once() -> None:
    stage = Stage()
    watching = stage.watcher((ALICE,), (LOBBY,))
    stage.feed.publish(0, ALICE, stage.book.write(ALICE, opened(rooms=["lobby"])))
    stage.feed.publish(0, ALICE, stage.book.write(ALICE, activity()))
    rows = stage.feed.rows[0]

    touched = stage.hub.route(stage.edge.view.apply(ChangelogBatch(0, rows)))

    assert touched == [watching]
    assert len(watching.outbox) == 4


def test_of_two_frames_about_one_change_only_the_last_moves_the_position() -> None:
    stage = Stage()
    watching = stage.watcher((ALICE,), (LOBBY, HALL))

    stage.act(ALICE, opened(rooms=["lobby", "hall"]))

    assert [diff.position for diff in diffs(watching)] == [{}, {}, {0: 0}]


def test_a_change_that_nobody_can_see_sends_nothing() -> None:
    stage = Stage()
    watching = stage.watcher((ALICE,), (LOBBY,))
    stage.act(ALICE, opened(rooms=["hall"]), override(Status.INVISIBLE))
    frames(watching)

    stage.act(ALICE, joined("lobby"), activity())

    assert frames(watching) == []


def test_each_audience_gets_what_it_may_see() -> None:
    stage = Stage()
    full = stage.subscriber(Audience.FULL)
    stage.hub.watch(full, [ALICE], [], None)
    public = stage.watcher((ALICE,))
    full.outbox.clear()

    stage.act(ALICE, opened(), override(Status.INVISIBLE))

    assert len(diffs(full)) == 2
    [joined_, left_] = diffs(public)
    assert list(joined_.users.joins) == list(left_.users.leaves) == ["alice"]  # type: ignore[union-attr]


def test_rooms_of_the_same_name_in_two_tenants_are_two() -> None:
    stage = Stage()
    other = stage.subscriber(tenant="globex")
    stage.hub.watch(other, [], [LOBBY], None)
    other.outbox.clear()

    stage.act(ALICE, opened(rooms=["lobby"]))

    assert frames(other) == []


def test_after_unwatch_and_after_drop_nothing_comes() -> None:
    stage = Stage()
    one, two = stage.watcher((ALICE,), (LOBBY,)), stage.watcher((ALICE,), (LOBBY,))
    stage.hub.unwatch(one, [ALICE, BOB], [LOBBY, HALL])
    stage.hub.drop(two)

    stage.act(ALICE, opened(rooms=["lobby"]))

    assert frames(one) == frames(two) == []
    assert not one.is_watching


# --- rooms in interval mode ---------------------------------------------------------------------------------------


def test_a_large_room_is_told_of_its_changes_once_an_interval() -> None:
    stage = Stage(paced_above=1)
    stage.act(ALICE, opened(rooms=["lobby"]))
    watching = stage.watcher((), (LOBBY,))

    stage.act(BOB, opened(rooms=["lobby"]), activity(), left("lobby"), joined("lobby"))
    assert frames(watching) == []
    assert watching in stage.hub.tick()
    net, moved = diffs(watching)

    assert (net.position, rooms_of(net)) == ({}, {"lobby": (["bob"], [], [])})
    assert moved.position == {0: 4}
    assert stage.hub.tick() == []


def test_a_change_that_makes_a_room_large_is_not_promised_by_what_overtakes_it() -> None:
    """The diff of the user carried the change's position while the room's part of it was still pending."""
    stage = Stage(paced_above=1)
    stage.act(ALICE, opened(rooms=["lobby"]))
    watching = stage.watcher((BOB,), (LOBBY,))

    stage.act(BOB, opened(rooms=["lobby"]))

    [overtaking] = diffs(watching)
    assert overtaking.position == {}


def test_a_snapshot_in_the_middle_of_an_interval_does_not_go_stale() -> None:
    """Somebody came, was seen in a snapshot and went: the net was nothing, and the watcher kept a ghost."""
    stage = Stage(paced_above=1)
    stage.act(ALICE, opened(rooms=["lobby"]))
    stage.act(BOB, opened(rooms=["lobby"]))
    carol = UserKey("acme/carol")
    stage.watcher((), (LOBBY,))
    stage.act(carol, opened(rooms=["lobby"]))
    late = stage.subscriber()
    stage.hub.watch(late, [], [LOBBY], None)
    [snapshot] = frames(late)
    stage.act(carol, closed())

    stage.hub.tick()

    assert isinstance(snapshot, Snapshot)
    assert "carol" in snapshot.rooms["lobby"]
    assert rooms_of(diffs(late)[0])["lobby"] == ([], [], ["carol"])


def test_what_else_a_watcher_of_a_large_room_gets_moves_no_position_until_the_interval_is_over() -> None:
    stage = Stage(paced_above=0)
    stage.act(ALICE, opened(rooms=["lobby"]))
    watching = stage.watcher((BOB,), (LOBBY,))

    stage.act(BOB, opened())
    stage.hub.tick()

    assert [diff.position for diff in diffs(watching)] == [{}, {0: 1}]


def test_a_snapshot_for_a_watcher_of_a_large_room_promises_no_more_than_the_last_interval() -> None:
    stage = Stage(paced_above=0)
    stage.act(ALICE, opened(rooms=["lobby"]))
    stage.hub.tick()
    watching = stage.watcher((), (LOBBY,))
    stage.act(ALICE, activity())

    stage.hub.watch(watching, [BOB], [], None)

    [snapshot] = frames(watching)
    assert isinstance(snapshot, Snapshot)
    assert snapshot.position.offsets == {0: 0}


def test_a_room_that_became_small_is_told_at_once_again() -> None:
    stage = Stage(paced_above=1)
    stage.act(ALICE, opened(rooms=["lobby"]))
    stage.act(BOB, opened(rooms=["lobby"]))
    watching = stage.watcher((), (LOBBY,))
    assert watching.paced == 1
    stage.act(BOB, closed())
    stage.act(ALICE, closed())
    stage.hub.tick()
    frames(watching)

    stage.act(ALICE, opened("s2", rooms=["lobby"]))

    assert watching.paced == 0
    assert [diff.position for diff in diffs(watching)] == [{0: 4}]


def test_whoever_leaves_a_large_room_is_no_longer_held_back() -> None:
    stage = Stage(paced_above=0)
    stage.act(ALICE, opened(rooms=["lobby"]))
    watching, staying = stage.watcher((BOB,), (LOBBY,)), stage.watcher((), (LOBBY,))
    stage.hub.unwatch(watching, [], [LOBBY])

    stage.act(BOB, opened())

    assert (watching.paced, staying.paced) == (0, 1)
    assert [diff.position for diff in diffs(watching)] == [{0: 1}]


def test_a_large_room_that_nobody_watches_any_more_is_forgotten() -> None:
    stage = Stage(paced_above=0)
    stage.act(ALICE, opened(rooms=["lobby"]))
    watching = stage.watcher((), (LOBBY,))
    stage.hub.drop(watching)

    stage.act(ALICE, activity())

    assert stage.hub.tick() == []


def test_nothing_moves_when_somebody_invisible_does_something_in_a_large_room() -> None:
    """A position without changes told that somebody was there."""
    stage = Stage(paced_above=0)
    stage.act(ALICE, opened(rooms=["lobby"]))
    stage.act(BOB, opened(rooms=["lobby"]), override(Status.INVISIBLE))
    watching = stage.watcher((), (LOBBY,))
    stage.hub.tick()
    frames(watching)

    stage.act(BOB, activity(), joined("hall"))

    assert stage.hub.tick() == []


# --- slow connections ---------------------------------------------------------------------------------------------


def test_a_slow_connection_gets_the_net_when_it_catches_up() -> None:
    stage = Stage()
    watching = stage.watcher((ALICE, BOB), (LOBBY,))
    stage.hub.slow_down(watching)
    stage.hub.slow_down(watching)

    stage.act(ALICE, opened(rooms=["lobby"]), activity())
    stage.act(BOB, opened(), closed())
    assert frames(watching) == []
    stage.hub.catch_up(watching)

    [net] = diffs(watching)
    assert net.position == {0: 3}
    assert list(net.users.joins) == ["alice"]  # type: ignore[union-attr]
    assert list(net.users.leaves) == ["bob"]  # type: ignore[union-attr]
    assert rooms_of(net) == {"lobby": (["alice"], [], [])}
    assert stage.hub.coalesced == 6
    assert watching.dirty is None


def test_a_slow_connection_that_missed_nothing_gets_nothing() -> None:
    stage = Stage()
    watching = stage.watcher((ALICE,))
    stage.hub.slow_down(watching)
    stage.hub.catch_up(watching)

    assert frames(watching) == []


def test_a_slow_connection_that_missed_too_much_gets_a_reset_of_everything_it_watches() -> None:
    stage = Stage(dirty_keys=1)
    watching = stage.watcher((ALICE, BOB))
    stage.hub.slow_down(watching)
    stage.act(ALICE, opened(), activity())
    assert not watching.overflowed
    stage.act(BOB, opened())
    stage.act(ALICE, closed())
    assert watching.overflowed

    stage.hub.catch_up(watching)

    [snapshot] = frames(watching)
    assert isinstance(snapshot, Snapshot)
    assert (snapshot.reset, set(snapshot.users)) == (True, {"alice", "bob"})
    assert not watching.overflowed


def test_a_slow_connection_that_asks_gets_what_it_is_owed_first_and_stays_slow() -> None:
    stage = Stage()
    watching = stage.watcher((ALICE,))
    stage.hub.slow_down(watching)
    stage.act(ALICE, opened())

    stage.hub.watch(watching, [BOB], [], "1")

    assert [type(frame) for frame in frames(watching)] == [Diff, Snapshot]
    assert watching.dirty == {}


def test_a_slow_connection_is_not_owed_what_it_no_longer_watches() -> None:
    stage = Stage()
    watching = stage.watcher((ALICE,), (LOBBY, HALL))
    stage.hub.slow_down(watching)
    stage.act(ALICE, opened(rooms=["lobby", "hall"]))
    stage.hub.unwatch(watching, [ALICE], [LOBBY])

    stage.hub.catch_up(watching)

    [net] = diffs(watching)
    assert rooms_of(net) == {"hall": (["alice"], [], [])}
    assert not net.users


def test_a_slow_watcher_of_a_large_room_is_owed_its_intervals() -> None:
    stage = Stage(paced_above=0)
    stage.act(ALICE, opened(rooms=["lobby"]))
    slow, quick = stage.watcher((), (LOBBY,)), stage.watcher((), (LOBBY,))
    stage.hub.slow_down(slow)
    stage.act(ALICE, activity())

    assert stage.hub.tick() == [quick]
    stage.hub.catch_up(slow)
    stage.hub.tick()

    net, moved = diffs(slow)
    assert rooms_of(net) == {"lobby": ([], ["alice"], [])}
    assert moved.position == {0: 1}


# --- resuming -----------------------------------------------------------------------------------------------------


def resume(stage: Stage, offset: int, users: list[UserKey], rooms: list[RoomId], feed: str = FEED) -> ServerFrame:
    back = stage.subscriber()
    request = Resume(Position(feed, {0: offset}), "r")
    exact = stage.hub.resume(back, users, rooms, request)
    [answer] = frames(back)
    assert exact == isinstance(answer, Resumed)
    return answer


def test_resume_brings_the_net_of_what_was_missed() -> None:
    stage = Stage()
    stage.act(ALICE, opened(rooms=["lobby"]))
    stage.act(BOB, opened(rooms=["lobby"]))
    stage.act(ALICE, closed())

    answer = resume(stage, 0, [ALICE, BOB], [LOBBY, HALL])

    assert isinstance(answer, Resumed)
    assert answer.position == Position(FEED, {0: 2})
    assert answer.id == "r"
    assert list(answer.users.joins) == ["bob"]  # type: ignore[union-attr]
    assert list(answer.users.leaves) == ["alice"]  # type: ignore[union-attr]
    assert set(answer.rooms) == {"lobby"}  # type: ignore[arg-type]


def test_resume_of_a_room_says_nothing_of_users_as_such() -> None:
    stage = Stage()
    stage.act(ALICE, opened(rooms=["lobby"]))

    answer = resume(stage, -1, [], [LOBBY])

    assert isinstance(answer, Resumed)
    assert not answer.users
    assert list(answer.rooms["lobby"].joins) == ["alice"]  # type: ignore[index]


def test_resume_without_anything_missed_says_so_shortly() -> None:
    stage = Stage()
    stage.act(ALICE, opened())

    answer = resume(stage, 0, [ALICE], [])

    assert isinstance(answer, Resumed)
    assert not answer.users
    assert not answer.rooms


def test_resume_tells_of_somebody_who_is_again_as_at_the_position() -> None:
    """A bare diff may have shown the client what was in between: without this it would stay with that."""
    stage = Stage()
    stage.act(ALICE, opened(), override(Status.DND))
    stage.act(ALICE, joined("lobby"), left("lobby"))

    answer = resume(stage, 1, [ALICE], [LOBBY])

    assert isinstance(answer, Resumed)
    assert not answer.users
    assert list(answer.rooms["lobby"].leaves) == ["alice"]  # type: ignore[index]


def test_resume_of_another_feed_is_a_reset_of_what_was_asked_for() -> None:
    stage = Stage()
    stage.act(ALICE, opened())

    answer = resume(stage, 0, [ALICE], [LOBBY], feed="another")

    assert isinstance(answer, Snapshot)
    assert (answer.reset, set(answer.users), set(answer.rooms)) == (True, {"alice"}, {"lobby"})


def test_a_resumed_connection_gets_what_comes() -> None:
    stage = Stage()
    back = stage.subscriber()
    stage.hub.resume(back, [ALICE], [], Resume(Position(FEED, {0: -1}), None))
    frames(back)

    stage.act(ALICE, opened())

    assert len(diffs(back)) == 1
