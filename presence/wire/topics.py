"""Topic names and how each topic is kept. Names are API: one test pins them."""

from msgspec import Struct

EVENTS = "presence-events"
NODES = "presence-nodes"
USERS_CHANGELOG = "presence-users-changelog"
SIGNALS = "presence-signals"
ALERTS = "presence-alerts"
DEAD_LETTERS = "presence-dead-letters"

_MINUTE = 60_000
_DAY = 24 * 60 * _MINUTE


class TopicSpec(Struct, frozen=True):
    """A topic as it is to be created. ``partitions`` None means as many as ``presence-events``."""

    name: str
    partitions: int | None
    config: dict[str, str]


def topic_specs(events_retention_ms: int = -1) -> tuple[TopicSpec, ...]:
    """Every topic of the system with its configuration; ``events_retention_ms`` -1 keeps the truth for ever."""
    return (
        TopicSpec(EVENTS, None, {"cleanup.policy": "delete", "retention.ms": str(events_retention_ms)}),
        TopicSpec(
            NODES,
            1,
            {
                "cleanup.policy": "compact,delete",
                "retention.ms": str(7 * _DAY),  # a node that was away longer starts its epochs by the clock anyway
                "segment.ms": str(10 * _MINUTE),  # ticks come every second: without this the segment never closes
                "min.cleanable.dirty.ratio": "0.1",
                # The broker's clock for heartbeats and ticks alike, so that no skewed node clock expires anybody.
                "message.timestamp.type": "LogAppendTime",
            },
        ),
        TopicSpec(
            USERS_CHANGELOG,
            None,
            {
                # compact only: an expired changelog partition hangs Faust's recovery (faust#597).
                "cleanup.policy": "compact",
                # The active segment is never compacted, so its size bounds what a start has to read in vain.
                "segment.bytes": str(64 * 1024 * 1024),
                "segment.ms": str(20 * _MINUTE),
                "min.cleanable.dirty.ratio": "0.2",
                "max.compaction.lag.ms": str(30 * _MINUTE),
                "delete.retention.ms": str(_DAY),
            },
        ),
        TopicSpec(SIGNALS, None, {"cleanup.policy": "delete", "retention.ms": str(_MINUTE)}),
        TopicSpec(ALERTS, 1, {"cleanup.policy": "delete", "retention.ms": str(30 * _DAY)}),
        TopicSpec(DEAD_LETTERS, 1, {"cleanup.policy": "delete", "retention.ms": str(30 * _DAY)}),
    )
