"""Hypothesis strategies for everything the codecs carry."""

from typing import Any

from hypothesis import strategies as st

from presence.domain.events import (
    ActivityChanged,
    ConnectionLost,
    Event,
    GraceOver,
    MetaChanged,
    NodeLost,
    OverrideCleared,
    OverrideOver,
    OverrideSet,
    RetentionOver,
    RoomJoined,
    RoomLeft,
    SessionClosed,
    SessionOpened,
)
from presence.domain.leases import Heartbeat, LeaseLost, NodeRecord, NodeStopped, Tick
from presence.domain.state import Live, Lost, NodeFence, Override, Session, UserPresence
from presence.domain.status import Activity, CloseReason, Layer, LostReason, Status
from presence.domain.views import Device, Presence
from presence.wire import frames

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
names = texts.filter(bool)
counts = st.integers(0, (1 << 63) - 1)
times = st.integers(0, 1 << 53)
activities, layers, statuses = st.sampled_from(Activity), st.sampled_from(Layer), st.sampled_from(Status)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
metas: st.SearchStrategy[dict[str, Any]] = st.dictionaries(texts, json_values, max_size=3)
rooms = st.lists(names, max_size=4).map(tuple)

events_by_type: dict[type, st.SearchStrategy[Event]] = {
    SessionOpened: st.builds(SessionOpened, names, names, names, names, counts, names, rooms, metas, activities),
    SessionClosed: st.builds(SessionClosed, names, names, st.none() | names, st.sampled_from(CloseReason)),
    ConnectionLost: st.builds(ConnectionLost, names, names, names, st.sampled_from(LostReason), times),
    GraceOver: st.builds(GraceOver, names, names, counts),
    ActivityChanged: st.builds(ActivityChanged, names, names, names, activities),
    RoomJoined: st.builds(RoomJoined, names, names, names, names),
    RoomLeft: st.builds(RoomLeft, names, names, names, names),
    MetaChanged: st.builds(MetaChanged, names, names, names, metas),
    OverrideSet: st.builds(OverrideSet, names, layers, statuses, times, texts, texts),
    OverrideCleared: st.builds(OverrideCleared, names, layers, texts),
    OverrideOver: st.builds(OverrideOver, names, layers, counts),
    RetentionOver: st.builds(RetentionOver, names, counts),
    NodeLost: st.builds(NodeLost, names, names, counts, times),
}
events = st.one_of(*events_by_type.values())

node_records_by_type: dict[type, st.SearchStrategy[NodeRecord]] = {
    Heartbeat: st.builds(Heartbeat, names, counts, counts),
    NodeStopped: st.builds(NodeStopped, names, counts),
    LeaseLost: st.builds(LeaseLost, names, counts),
    Tick: st.builds(Tick, names),
}
node_records = st.one_of(*node_records_by_type.values())

lives = st.builds(Live, names, names, counts) | st.builds(Lost, names, names, counts, times, counts)
sessions = st.builds(Session, names, times, lives, activities, times, rooms, metas)
overrides = st.builds(Override, statuses, times, counts, texts, texts)
user_rows = st.builds(
    UserPresence,
    counts,
    statuses,
    times,
    st.dictionaries(names, sessions, max_size=3),
    st.dictionaries(layers, overrides, max_size=3),
    times,
    st.none() | times,
    st.none() | times,
)
fences = st.builds(NodeFence, counts, names, counts, st.lists(st.tuples(counts, counts), max_size=3).map(tuple))

ids = st.none() | texts
devices = st.builds(Device, names, names, activities, times, metas)
presences = st.builds(
    Presence, statuses, st.none() | times, texts, st.lists(devices, max_size=2).map(tuple), st.none() | times
)
pictures = st.dictionaries(names, presences, max_size=2)
offsets = st.dictionaries(st.integers(0, 1_000), counts, max_size=3)
positions = st.builds(frames.Position, texts, offsets)
name_lists = st.lists(names, max_size=3)
changes = st.builds(frames.Changes, pictures, pictures, pictures)
room_changes = st.dictionaries(names, changes, max_size=2)


client_frames_by_type: dict[type, st.SearchStrategy[frames.ClientFrame]] = {
    frames.Hello: st.builds(frames.Hello, texts, ids, ids, ids, name_lists, metas, activities),
    frames.Watch: st.builds(frames.Watch, ids, name_lists, name_lists),
    frames.Resume: st.builds(frames.Resume, positions, ids, name_lists, name_lists),
    frames.Unwatch: st.builds(frames.Unwatch, ids, name_lists, name_lists),
    frames.Join: st.builds(frames.Join, names, ids),
    frames.Leave: st.builds(frames.Leave, names, ids),
    frames.SayActivity: st.builds(frames.SayActivity, activities, ids),
    frames.SetStatus: st.builds(frames.SetStatus, st.none() | statuses, ids, texts, st.none() | times),
    frames.SayMeta: st.builds(frames.SayMeta, metas, ids),
    frames.Goodbye: st.builds(frames.Goodbye, ids),
    frames.Ping: st.builds(frames.Ping, ids),
}
client_frames = st.one_of(*client_frames_by_type.values())
timings = st.builds(frames.Timing, times, times, times, times)
server_frames_by_type: dict[type, st.SearchStrategy[frames.ServerFrame]] = {
    frames.Welcome: st.builds(frames.Welcome, *[names] * 6, st.booleans(), times, timings, ids),
    frames.Ack: st.builds(frames.Ack, ids),
    frames.Error: st.builds(frames.Error, texts, texts, st.booleans(), ids, ids),
    frames.Snapshot: st.builds(
        frames.Snapshot, pictures, st.dictionaries(names, pictures), positions, st.booleans(), ids, st.booleans()
    ),
    frames.Diff: st.builds(frames.Diff, offsets, changes, room_changes),
    frames.Resumed: st.builds(frames.Resumed, positions, ids, changes, room_changes),
    frames.Feed: st.builds(frames.Feed, st.booleans()),
    frames.Pong: st.builds(frames.Pong, times, ids),
    frames.Bye: st.builds(frames.Bye, st.integers(1_000, 4_999), texts, st.none() | times),
}
server_frames = st.one_of(*server_frames_by_type.values())
