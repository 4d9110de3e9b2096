"""Node leases: who may vouch for sessions, judged by the log's own time.

One worker owns the single partition of ``presence-nodes`` and folds it here. Heartbeats and that worker's own ticks
carry timestamps of the *broker* (LogAppendTime), so neither skewed clocks nor a stalled broker expires anybody: time
only passes when a tick is in the log.
"""

from typing import Annotated, assert_never

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from presence.domain.ids import Millis, NodeEpoch, NodeId

_Epoch = Annotated[NodeEpoch, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]


class Heartbeat(Struct, frozen=True, gc=False, tag_field="type", tag="heartbeat"):
    """A node renews its lease."""

    node: NodeId
    node_epoch: _Epoch
    connections: _Count = 0


class NodeStopped(Struct, frozen=True, gc=False, tag_field="type", tag="node_stopped"):
    """A node gave its lease back after it let go of all its sessions (a drain).

    Its epoch is declared lost all the same: an opening whose acknowledgement never came may still reach the log, and
    without a fence it would be a session that nobody vouches for and nobody ends.
    """

    node: NodeId
    node_epoch: _Epoch


class LeaseLost(Struct, frozen=True, gc=False, tag_field="type", tag="lease_lost"):
    """The detector told every partition that this node epoch is lost; the node that reads it fences itself."""

    node: NodeId
    node_epoch: _Epoch


class Tick(Struct, frozen=True, gc=False, tag_field="type", tag="tick"):
    """Time passed, as the detector sees it. ``detector`` tells one detector's ticks from another's."""

    detector: str


NodeRecord = Heartbeat | NodeStopped | LeaseLost | Tick
"""Everything that may be in ``presence-nodes``."""


class Lease(Struct, frozen=True, gc=False):
    """The last sign of life of a node's current epoch."""

    node_epoch: NodeEpoch
    renewed_at: Millis


class Leases(Struct, frozen=True):
    """All leases and the last tick."""

    by_node: dict[NodeId, Lease] = {}
    last_epoch: dict[NodeId, NodeEpoch] = {}
    """The highest epoch ever seen of a node, held or not: its next life must be above it."""
    last_tick: Millis | None = None
    last_detector: str = ""
    owed: tuple[LeaseLost, ...] = field(default=())
    """Losses found and not yet confirmed by a `LeaseLost` in the log."""


def observe(leases: Leases, record: NodeRecord, at: Millis, lease_ms: Millis, max_tick_gap_ms: Millis) -> Leases:
    """Fold one record. New losses appear in ``owed`` until their `LeaseLost` comes back through the log.

    A tick by another detector, or after a gap of more than ``max_tick_gap_ms``, starts every countdown anew: whoever
    was not watching cannot say who was silent.
    """
    match record:
        case Heartbeat():
            return _renew(leases, record, at)
        case NodeStopped():
            return _stop(leases, record)
        case LeaseLost():
            return _confirm(leases, record)
        case Tick():
            return _tick(leases, record, at, lease_ms, max_tick_gap_ms)
        case _:
            assert_never(record)


def _renew(leases: Leases, beat: Heartbeat, at: Millis) -> Leases:
    known = leases.last_epoch.get(beat.node)
    if known is not None and beat.node_epoch < known:
        return leases
    held = leases.by_node.get(beat.node)
    if held is None and known == beat.node_epoch:
        return leases  # this epoch was stopped or lost: it cannot be renewed
    owed = leases.owed
    if held is not None and held.node_epoch < beat.node_epoch:
        owed = (*owed, LeaseLost(beat.node, held.node_epoch))  # it restarted: its earlier life is over
        held = None
    # A broker that takes over may have an earlier clock: a renewal never shortens a lease.
    renewed_at = at if held is None else max(at, held.renewed_at)
    return replace(
        leases,
        by_node=leases.by_node | {beat.node: Lease(beat.node_epoch, renewed_at)},
        last_epoch=leases.last_epoch | {beat.node: beat.node_epoch},
        owed=owed,
    )


def _stop(leases: Leases, record: NodeStopped) -> Leases:
    known = leases.last_epoch.get(record.node)
    held = leases.by_node.get(record.node)
    if known is not None and (record.node_epoch < known or (held is None and record.node_epoch == known)):
        return leases  # an earlier life, or one whose loss is owed or confirmed already
    return replace(
        leases,
        by_node=_without(leases.by_node, record.node),
        last_epoch=leases.last_epoch | {record.node: record.node_epoch},
        owed=(*leases.owed, LeaseLost(record.node, record.node_epoch)),
    )


def _confirm(leases: Leases, record: LeaseLost) -> Leases:
    held = leases.by_node.get(record.node)
    is_over = held is not None and held.node_epoch <= record.node_epoch
    known = max(record.node_epoch, leases.last_epoch.get(record.node, record.node_epoch))
    return replace(
        leases,
        by_node=_without(leases.by_node, record.node) if is_over else leases.by_node,
        last_epoch=leases.last_epoch | {record.node: known},
        owed=tuple(o for o in leases.owed if o.node != record.node or o.node_epoch > record.node_epoch),
    )


def _without(by_node: dict[NodeId, Lease], node: NodeId) -> dict[NodeId, Lease]:
    return {name: lease for name, lease in by_node.items() if name != node}


def _tick(leases: Leases, tick: Tick, at: Millis, lease_ms: Millis, max_tick_gap_ms: Millis) -> Leases:
    continuous = (
        leases.last_tick is not None
        and tick.detector == leases.last_detector
        and at - leases.last_tick <= max_tick_gap_ms
    )
    by_node = leases.by_node
    owed = leases.owed
    if not continuous:
        by_node = {node: Lease(lease.node_epoch, max(at, lease.renewed_at)) for node, lease in by_node.items()}
    else:
        lost = {node for node, lease in by_node.items() if at - lease.renewed_at > lease_ms}
        owed += tuple(LeaseLost(node, by_node[node].node_epoch) for node in sorted(lost))
        by_node = {node: lease for node, lease in by_node.items() if node not in lost}
    return replace(leases, by_node=by_node, owed=owed, last_tick=at, last_detector=tick.detector)
