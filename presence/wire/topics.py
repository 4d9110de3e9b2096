"""Topic names and how each topic is kept. Names are API: one test pins them."""

from msgspec import Struct
from msgspec.structs import asdict

EVENTS = "presence-events"
NODES = "presence-nodes"
USERS_CHANGELOG = "presence-users-changelog"
SIGNALS = "presence-signals"
ALERTS = "presence-alerts"
DEAD_LETTERS = "presence-dead-letters"

_MINUTE = 60_000
_DAY = 24 * 60 * _MINUTE


class TopicNames(Struct, frozen=True):
    """The names in one installation; other installations on the same cluster have other prefixes."""

    events: str = EVENTS
    nodes: str = NODES
    users_changelog: str = USERS_CHANGELOG
    signals: str = SIGNALS
    alerts: str = ALERTS
    dead_letters: str = DEAD_LETTERS

    @classmethod
    def with_prefix(cls, prefix: str) -> "TopicNames":
        """The same names, each after ``prefix``."""
        return cls(**{field: prefix + name for field, name in asdict(cls()).items()})


class TopicSpec(Struct, frozen=True):
    """A topic as it is to be created. ``partitions`` None means as many as ``presence-events``."""

    name: str
    partitions: int | None
    config: dict[str, str]


def topic_specs(events_retention_ms: int = -1, names: TopicNames | None = None) -> tuple[TopicSpec, ...]:
    """Every topic of the system with its configuration; ``events_retention_ms`` -1 keeps the truth for ever."""
    names = names or TopicNames()
    return (
        TopicSpec(names.events, None, {"cleanup.policy": "delete", "retention.ms": str(events_retention_ms)}),
        TopicSpec(
            names.nodes,
            1,
            {
                "cleanup.policy": "compact,delete",
                "retention.ms": str(7 * _DAY),  # a node that was away longer starts its epochs by the clock anyway
                "segment.ms": str(10 * _MINUTE),  # ticks come every second: without this the segment never closes
                # A detector that takes over must see the ticks and heartbeats that made the losses it owes.
                "min.compaction.lag.ms": str(10 * _MINUTE),
                "min.cleanable.dirty.ratio": "0.1",
                # The broker's clock for heartbeats and ticks alike, so that no skewed node clock expires anybody.
                "message.timestamp.type": "LogAppendTime",
            },
        ),
        TopicSpec(
            names.users_changelog,
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
        TopicSpec(names.signals, None, {"cleanup.policy": "delete", "retention.ms": str(_MINUTE)}),
        TopicSpec(names.alerts, 1, {"cleanup.policy": "delete", "retention.ms": str(30 * _DAY)}),
        TopicSpec(
            names.dead_letters,
            1,
            # Larger than any record of the other topics may be, so that even the largest poison fits with its headers.
            {"cleanup.policy": "delete", "retention.ms": str(30 * _DAY), "max.message.bytes": str(4 * 1024 * 1024)},
        ),
    )
