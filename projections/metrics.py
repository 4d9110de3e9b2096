"""Metrics of the projections; labels are bounded."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class HistoryMetrics:
    """What the history writes, and how fast."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.events = Counter("presence_history_events", "Events written to the history.", registry=registry)
        self.skipped = Counter(
            "presence_history_skipped", "Events at or below the checkpoint, handed in again.", registry=registry
        )
        self.dead_letters = Counter(
            "presence_history_dead_letters", "Records the history cannot hold.", ["reason"], registry=registry
        )
        self.batch_seconds = Histogram(
            "presence_history_batch_seconds",
            "Time from a batch to its commit.",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            registry=registry,
        )
        self.cached_users = Gauge("presence_history_cached_users", "User states held in memory.", registry=registry)
