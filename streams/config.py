"""Settings of a stream worker. `control/settings.py` fills them from the environment."""

from dataclasses import dataclass, field

from presence.domain.errors import SetupError
from presence.wire.topics import TopicNames

_DAY_MS = 24 * 3600 * 1000
_CHANGELOG_SUFFIX = "-users-changelog"


@dataclass(frozen=True, slots=True)
class StreamsConfig:
    """One worker of the tables app or of the history app."""

    bootstrap: str
    """Where Kafka is, ``host:port[,host:port]``."""
    partitions: int = 12
    """Of ``presence-events`` and of its changelog; fixed when the topics were created."""
    instance: str = "streams-1"
    """Name of this worker for static membership: unique among the workers, the same after a restart. A worker that
    comes back within the session timeout gets its partitions back without a rebalance."""
    names: TopicNames = field(default_factory=TopicNames)
    """The topics. The name of the changelog decides the names of both consumer groups."""
    session_timeout_s: float = 6.0
    """Silence after which Kafka gives a worker's partitions to others. Half: a long garbage collection of the broker
    costs a rebalance; double: after the loss of a machine its users stand still for twice as long."""
    heartbeat_s: float = 1.5
    """How often a worker says that it is alive: three may be lost."""
    commit_interval_s: float = 1.0
    """How often progress is committed, hence how much is folded twice after a crash."""
    batch_size: int = 500
    """Most records folded in one go. Half: the cost per batch shows; double: each delays the others twice as long."""
    history_batch: int = 2_000
    """About how many records the history app writes in one transaction. Measured on two cores: 500 give 6,600
    events/s, 2,000 give 8,200, and 5,000 no more."""
    history_linger_s: float = 0.1
    """How long the history app collects records for a transaction. Half: twice the transactions on a quiet system;
    double: history is that much later, which nobody notices."""
    retention_ms: int = 7 * _DAY_MS
    """How long an offline user stays in the table, for their last seen."""
    grace_ms: int = 15_000
    """How long the sessions of a lost node still count as present."""
    lease_ms: int = 10_000
    """Silence of a node after which it is lost."""
    heartbeat_ms: int = 3_000
    """How often nodes renew their leases; only checked against the lease."""
    tick_s: float = 1.0
    """How often the failure detector appends its tick: the resolution of leases."""
    max_tick_gap_ms: int = 3_000
    """A longer gap between ticks starts every lease's countdown anew: whoever slept cannot say who was silent."""
    timer_interval_s: float = 0.2
    """How often deadlines are looked at: expiries are late by half of it on average."""
    timer_recheck_ms: int = 5_000
    """An expiry that did not come back through the log after this time is appended again; doubles are harmless."""
    timer_batch: int = 1_000
    """Most expiries appended at once: the end of a node with 10,000 sessions must not fill the producer."""
    watchdog_s: float = 15.0
    """Records wait and no progress is committed for this long: the process ends and is started anew. Half: a slow
    recovery looks like a hang; double: users stand still for twice as long."""
    drain_timeout_s: float = 3.0
    """How long a rebalance or a stop waits for the batch in work. Must stay below the session timeout."""
    retry_s: float = 0.5
    """Pause before a dead letter or a history batch is tried again; doubles up to ten times this."""

    def __post_init__(self) -> None:
        """Check the settings against each other."""
        _require(self.partitions >= 1, f"partitions={self.partitions} must be at least 1")
        _require(
            self.names.users_changelog.endswith(_CHANGELOG_SUFFIX),
            f"the changelog is named {self.names.users_changelog}, Faust wants a name that ends in {_CHANGELOG_SUFFIX}",
        )
        _require(
            self.session_timeout_s >= 3 * self.heartbeat_s,
            f"session_timeout_s={self.session_timeout_s} must be at least 3 * heartbeat_s={self.heartbeat_s}",
        )
        _require(
            self.drain_timeout_s < self.session_timeout_s,
            f"drain_timeout_s={self.drain_timeout_s} must be less than session_timeout_s={self.session_timeout_s}",
        )
        _require(
            self.lease_ms >= 2 * self.heartbeat_ms,
            f"lease_ms={self.lease_ms} must be at least 2 * heartbeat_ms={self.heartbeat_ms}",
        )
        _require(
            self.max_tick_gap_ms >= 2 * self.tick_s * 1000,
            f"max_tick_gap_ms={self.max_tick_gap_ms} must be at least twice tick_s={self.tick_s}",
        )
        _require(
            self.lease_ms > self.max_tick_gap_ms,
            f"lease_ms={self.lease_ms} must be more than max_tick_gap_ms={self.max_tick_gap_ms}",
        )

    @property
    def app_id(self) -> str:
        """Consumer group and Faust id of the tables app; Faust names the changelog after it."""
        return self.names.users_changelog.removesuffix(_CHANGELOG_SUFFIX)

    @property
    def history_id(self) -> str:
        """Consumer group and Faust id of the history app."""
        return f"{self.app_id}-history"


def _require(holds: bool, problem: str) -> None:
    if not holds:
        raise SetupError(problem, "Change one of the two settings.")
