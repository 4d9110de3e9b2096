"""What an edge counts and measures. Labels are bounded: close codes, frame types, error codes."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_LATENCIES = (0.001, 0.002, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class EdgeMetrics:
    """The metrics of one edge, in the registry it is given."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.connections = Gauge("presence_edge_connections", "Open sockets", registry=registry)
        self.sessions = Gauge("presence_edge_sessions", "Connections that hold a session", registry=registry)
        self.opened = Counter("presence_edge_opened", "WebSockets opened", registry=registry)
        self.refused = Counter("presence_edge_refused", "Handshakes refused", ["status"], registry=registry)
        self.closed = Counter("presence_edge_closed", "Sockets closed, by the code sent", ["code"], registry=registry)
        self.frames_in = Counter("presence_edge_frames_in", "Messages from clients", registry=registry)
        self.pongs = Counter("presence_edge_pongs", "Pongs from clients, asked for or not", registry=registry)
        self.frames_out = Counter("presence_edge_frames_out", "Answers to clients", ["type"], registry=registry)
        self.diffs_out = Counter("presence_edge_diffs_out", "Writes of diffs to connections", registry=registry)
        self.bytes_out = Counter("presence_edge_bytes_out", "Bytes written to connections", registry=registry)
        self.errors = Counter("presence_edge_errors", "In-band errors, by code", ["code"], registry=registry)
        self.crashes = Counter("presence_edge_crashes", "Unexpected exceptions in our tasks", registry=registry)
        self.append_seconds = Histogram(
            "presence_edge_append_seconds", "Append until durable", buckets=_LATENCIES, registry=registry
        )
        self.append_failures = Counter("presence_edge_append_failures", "Appends not acknowledged", registry=registry)
        self.delivery_seconds = Histogram(
            "presence_edge_delivery_seconds",
            "From the event's time to its diff's write, for events that change a status",
            buckets=_LATENCIES,
            registry=registry,
        )
        self.rows = Counter("presence_edge_rows", "Changelog rows taken in", registry=registry)
        self.undecodable = Gauge("presence_edge_undecodable_rows", "Changelog rows left out", registry=registry)
        self.view_users = Gauge("presence_edge_view_users", "Users in the view", registry=registry)
        self.lag = Gauge("presence_edge_feed_lag_records", "Changelog records not yet read", registry=registry)
        self.stale = Gauge("presence_edge_stale", "1 while watchers are told that the feed is stale", registry=registry)
        self.coalesced = Gauge("presence_edge_coalesced", "Diffs merged for slow connections", registry=registry)
        self.slow = Gauge("presence_edge_slow_connections", "Connections above the high water", registry=registry)
        self.resumed = Counter("presence_edge_resumes", "Resumes, exact or reset", ["outcome"], registry=registry)
        self.owed = Gauge("presence_edge_owed_departures", "Endings not yet in the log", registry=registry)
        self.fenced = Counter("presence_edge_fenced", "Times this node lost its lease", registry=registry)
