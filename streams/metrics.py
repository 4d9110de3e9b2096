"""What a stream worker counts and measures. Labels are bounded: stages, reasons, event types, partitions."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)


class StreamsMetrics:
    """The metrics of one worker, in the registry it is given."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.records = Counter("presence_streams_records", "Records taken from presence-events", registry=registry)
        self.changes = Counter("presence_streams_changes", "Rows changed by events", registry=registry)
        self.batch_records = Histogram(
            "presence_streams_batch_records", "Records folded in one go", buckets=_SIZES, registry=registry
        )
        self.batch_seconds = Histogram(
            "presence_streams_batch_seconds", "From a batch to its acknowledgement", buckets=_SECONDS, registry=registry
        )
        self.dead_letters = Counter(
            "presence_streams_dead_letters", "Records that could not be folded", ["stage", "reason"], registry=registry
        )
        self.retries = Counter(
            "presence_streams_retries", "Batches held because a store was away", ["store"], registry=registry
        )
        self.expiries = Counter(
            "presence_streams_expiries", "Expiry events appended to the log", ["type"], registry=registry
        )
        self.expiry_failures = Counter(
            "presence_streams_expiry_failures", "Expiry events the log did not take", registry=registry
        )
        self.deadlines = Gauge("presence_streams_deadlines", "Users with a deadline to watch", registry=registry)
        self.rows = Gauge("presence_streams_rows", "Rows of the table in this worker", registry=registry)
        self.partitions = Gauge("presence_streams_partitions", "Partitions this worker owns", registry=registry)
        self.recoveries = Counter("presence_streams_recoveries", "Times the table was recovered", registry=registry)
        self.healed_rows = Counter(
            "presence_streams_healed_rows", "Rows written again over an older one of a fenced worker", registry=registry
        )
        self.changelog_failures = Counter(
            "presence_streams_changelog_failures", "Changelog batches Kafka did not take", registry=registry
        )
        self.lag = Gauge(
            "presence_streams_lag_records", "Records not yet committed", ["app", "partition"], registry=registry
        )
        self.unmoved_seconds = Gauge(
            "presence_streams_unmoved_seconds", "Longest time a lagging partition did not move", registry=registry
        )
        self.is_detector = Gauge(
            "presence_streams_is_detector", "1 while this worker watches the nodes' leases", registry=registry
        )
        self.nodes = Gauge("presence_streams_nodes", "Nodes that hold a lease", registry=registry)
        self.nodes_lost = Counter("presence_streams_nodes_lost", "Nodes declared lost", registry=registry)
        self.crashes = Counter("presence_streams_crashes", "Faults that end the process", ["part"], registry=registry)
