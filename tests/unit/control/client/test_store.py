"""Tests of `control.client.store`: what a watcher knows equals what is true, whatever the frames in between."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from control.client.store import LocalStore, Seen
from presence.domain.status import Status
from presence.domain.views import OFFLINE, DiffKind, Presence, diff
from presence.wire.frames import Changes, Diff, Position, Resumed, Snapshot

ONLINE = Presence(Status.ONLINE, 1)
AWAY = Presence(Status.AWAY, 2)
GONE = Presence(Status.OFFLINE, last_seen=3)


def known(users: dict[str, Presence] | None = None, rooms: dict[str, dict[str, Presence]] | None = None) -> LocalStore:
    store = LocalStore()
    store.take_snapshot(Snapshot(users or {}, rooms or {}, Position("f", {0: 10}), stale=False))
    return store


def test_a_snapshot_fills_the_store() -> None:
    store = known({"ada": ONLINE}, {"lobby": {"ada": ONLINE}})

    assert store.users == {"ada": ONLINE}
    assert store.rooms == {"lobby": {"ada": ONLINE}}
    assert store.position == Position("f", {0: 10})


def test_a_second_snapshot_adds_what_it_is_about_and_keeps_the_rest() -> None:
    store = known({"ada": ONLINE})

    store.take_snapshot(Snapshot({}, {"lobby": {}}, Position("f", {0: 12}), stale=True))

    assert store.users == {"ada": ONLINE}
    assert store.rooms == {"lobby": {}}
    assert store.stale


def test_a_reset_forgets_everything_else() -> None:
    store = known({"ada": ONLINE}, {"lobby": {"ada": ONLINE}})

    store.take_snapshot(Snapshot({"grace": AWAY}, {}, Position("f", {0: 3}), stale=False, reset=True))

    assert store.users == {"grace": AWAY}
    assert store.rooms == {}
    assert store.position == Position("f", {0: 3})


def test_a_diff_moves_users_and_position() -> None:
    store = known({"ada": ONLINE, "grace": OFFLINE})

    seen = store.merge(Diff({0: 11, 1: 5}, users=Changes(joins={"grace": ONLINE}, leaves={"ada": GONE})))

    assert seen == [Seen(DiffKind.JOIN, "grace", ONLINE), Seen(DiffKind.LEAVE, "ada", GONE)]
    assert store.users == {"ada": GONE, "grace": ONLINE}
    assert store.position == Position("f", {0: 11, 1: 5})


def test_who_leaves_a_room_is_not_in_it_any_more() -> None:
    store = known(rooms={"lobby": {"ada": ONLINE}})

    store.merge(Diff({0: 11}, rooms={"lobby": Changes(leaves={"ada": GONE})}))

    assert store.rooms == {"lobby": {}}


def test_a_diff_about_something_that_is_not_watched_changes_nothing() -> None:
    store = known({"ada": ONLINE})

    seen = store.merge(Diff({0: 11}, users=Changes(joins={"eve": ONLINE}), rooms={"cellar": Changes()}))

    assert seen == []
    assert store.users == {"ada": ONLINE}


def test_a_position_never_goes_back() -> None:
    store = known()

    store.merge(Diff({0: 4}))

    assert store.position == Position("f", {0: 10})


def test_a_position_that_was_given_up_is_gone_until_the_next_snapshot() -> None:
    store = known()

    store.void_position()
    store.merge(Diff({0: 99}))

    assert store.position is None


def test_forgetting_drops_users_and_rooms() -> None:
    store = known({"ada": ONLINE}, {"lobby": {}})

    store.forget(["ada", "nobody"], ["lobby"])

    assert store.users == {}
    assert store.rooms == {}


PRESENCES = st.sampled_from([ONLINE, AWAY, Presence(Status.DND, 4, "busy writing"), GONE, OFFLINE])
ROSTERS = st.dictionaries(st.sampled_from("abcde"), PRESENCES)
OCCUPANTS = st.dictionaries(st.sampled_from("abcde"), st.sampled_from([ONLINE, AWAY]))
WORLDS = st.lists(st.tuples(ROSTERS, OCCUPANTS, st.booleans()), min_size=1, max_size=12)


@given(WORLDS)
def test_snapshot_and_diffs_and_resumes_lead_to_the_truth(worlds: list[tuple[Mapping, Mapping, bool]]) -> None:
    """Whatever the world does, and whether the watcher sees each step or resumes over it, both agree at the end."""
    store = known(dict.fromkeys("abcde", OFFLINE), {"lobby": {}})
    was: Mapping[str, Presence] = dict.fromkeys("abcde", OFFLINE)
    was_inside: Mapping[str, Presence] = {}

    for offset, (roster, inside, is_resumed) in enumerate(worlds, start=11):
        now = dict(was) | dict(roster)
        users, rooms = changes(was, now), {"lobby": changes(was_inside, inside)}
        if is_resumed:
            store.merge(Resumed(Position("f", {0: offset}), users=users, rooms=rooms))
        else:
            store.merge(Diff({0: offset}, users=users, rooms=rooms))
        was, was_inside = now, inside

    assert present(store.users) == present(was)
    assert store.rooms["lobby"] == dict(was_inside)
    assert store.position == Position("f", {0: 10 + len(worlds)})


def changes(before: Mapping[str, Presence], after: Mapping[str, Presence]) -> Changes:
    """The net changes, as an edge tells them."""
    groups: dict[DiffKind, dict[str, Presence]] = {kind: {} for kind in DiffKind}
    for user in sorted({*before, *after}):
        if kind := diff(before.get(user), after.get(user)):
            groups[kind][user] = after.get(user, OFFLINE)
    return Changes(groups[DiffKind.JOIN], groups[DiffKind.UPDATE], groups[DiffKind.LEAVE])


def present(users: Mapping[str, Presence]) -> dict[str, Presence]:
    return {user: presence for user, presence in users.items() if presence.status is not Status.OFFLINE}
