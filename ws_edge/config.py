"""Settings of an edge process. `control/settings.py` fills them from the environment and checks their relations."""

from dataclasses import dataclass, field

from presence.domain.commands import Limits
from presence.domain.errors import SetupError


@dataclass(frozen=True, slots=True)
class EdgeLimits:
    """What one connection may ask of us."""

    session: Limits = field(default_factory=Limits)
    """What a session may say about itself: the domain's limits."""
    watched_users: int = 1000
    """A roster; Graph allows 650, and at 1,000 a snapshot of a roster stays near 200 KiB."""
    watched_rooms: int = 128
    """As many as a session may be in."""
    messages_per_s: int = 20
    """Refill of a connection's token bucket: ten times what an eager interface sends."""
    message_burst: int = 40
    """Depth of the bucket: what an interface may send at once when it starts."""
    over_rate_ms: int = 10_000
    """How long a connection may stay over its rate before 4004; shorter would punish one burst."""
    errors: int = 5
    """Errors within ``errors_within_ms`` that end the connection (4506): a client that wrong does not get better."""
    errors_within_ms: int = 60_000
    held_frames: int = 64
    """Frames kept while the token is verified; more are refused. Above the burst, so that nobody meets it honestly."""
    pending: int = 128
    """Commands not yet durable; more are refused. 20/s for the 5 s an append may take, and the burst."""


@dataclass(frozen=True, slots=True)
class EdgeConfig:
    """One edge process. Times in ms unless the name says otherwise."""

    node: str
    """Name of this process: unique among the edges, the same after a restart."""
    host: str = "127.0.0.1"
    port: int = 8400
    """Where WebSockets are accepted; 0 takes a free port."""
    reuse_port: bool = False
    """Several processes on one port (SO_REUSEPORT)."""
    path: str = "/v1/ws"
    origins: tuple[str | None, ...] | None = None
    """Origins that browsers may come from; None allows all (tokens, not cookies, authenticate)."""
    hello_ms: int = 5_000
    """From the TCP connection to the hello: 4503 after that. Half cuts slow phones, double doubles idle attackers."""
    ping_ms: int = 25_000
    """Silence after which we ping (Centrifugo's figure; below the 30 s of the shortest common proxy timeout)."""
    pong_wait_ms: int = 8_000
    """Silence after the ping that ends the connection with 4005."""
    grace_ms: int = 15_000
    """How long a session whose connection was lost still counts as present (Ably's figure)."""
    drain_grace_ms: int = 60_000
    """The same when we restart on purpose: long enough to find another node, so that a deploy shows no leave."""
    idle_ms: int = 300_000
    """Silence of the client (pings apart) after which its session is idle (Matrix: 5 min)."""
    heartbeat_ms: int = 3_000
    """Renewal of the node's lease."""
    lease_ms: int = 10_000
    """The lease itself, as the detector judges it: three renewals may fail."""
    send_high_water: int = 64 * 1024
    """Unsent bytes above which a connection gets no more diffs one by one but the net of them when it drains."""
    send_cut: int = 1024 * 1024
    """Unsent bytes above which an answer is no longer queued: 4003."""
    slow_ms: int = 10_000
    """Time above the high water without draining as much again: 4003."""
    dirty_keys: int = 2_000
    """Changed users kept for a slow connection; more are replaced by a snapshot when it drains."""
    room_paced_above: int = 250
    """Occupants above which a room's diffs are sent as the net of ``room_pace_ms`` (Discord's large threshold)."""
    room_pace_ms: int = 1_000
    journal_entries: int = 8_192
    """Changes kept per partition for `resume`: at 1,000 changes/s over 12 partitions 98 s; about 6 MB a partition."""
    probe_ms: int = 1_000
    """How often the feed is checked for being behind."""
    stale_after_ms: int = 2_000
    """Lag, or silence of Kafka, after which watchers are told that what they see is stale (3 s is promised)."""
    feed_dead_ms: int = 30_000
    """Lag while Kafka answers after which connections are sent elsewhere (1013): our consumer is broken."""
    drain_ms: int = 10_000
    """How long a drain may take."""
    retry_spread_ms: int = 5_000
    """Clients that we send away are told to come back spread over this time."""
    accept_backlog: int = 2048
    limits: EdgeLimits = field(default_factory=EdgeLimits)

    def check(self) -> None:
        """Raise `SetupError` when two settings contradict each other."""
        if self.lease_ms < 2 * self.heartbeat_ms:
            raise SetupError(
                f"lease_ms ({self.lease_ms}) is less than twice heartbeat_ms ({self.heartbeat_ms})",
                "Raise the lease or renew it more often: one late heartbeat must not lose every session of a node.",
            )
        if self.send_cut <= self.send_high_water:
            raise SetupError(
                f"send_cut ({self.send_cut}) is not above send_high_water ({self.send_high_water})",
                "Raise send_cut: connections must be coalesced before they are cut.",
            )
