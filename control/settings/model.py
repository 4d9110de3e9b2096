"""Every setting of the system, by tier: name, type, default, unit, meaning.

docs/reference/settings.md is generated from here, and the tiers' frozen configs are built from here
(`control.bootstrap`). Names are API: ``edge.port`` in the file is ``PRESENCE_EDGE_PORT`` in the environment.
"""

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

ENV_PREFIX = "PRESENCE_"

MIN_SECRET_BYTES = 32
"""RFC 7518, 3.2: a key of the hash's size or larger must be used with HS256."""

Port = Annotated[int, Field(ge=1, le=65_535)]
FreePort = Annotated[int, Field(ge=0, le=65_535)]
"""A port, or 0 to have a free one chosen."""
PositiveMs = Annotated[int, Field(ge=1)]
LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["auto", "json", "text"]


def setting(default: Any, meaning: str, *, unit: str = "", breaks: str = "") -> Any:
    """Declare a setting. ``breaks`` tells what goes wrong at half and at double, where known."""
    return Field(default=default, description=meaning, json_schema_extra={"unit": unit, "breaks": breaks})


class Section(BaseModel):
    """The settings of one tier or part; a table of the same name in the settings file."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TopicSettings(Section):
    """How topics are created. Existing topics are never changed."""

    prefix: str = setting("", "Put before every topic name, so that several installations share one Kafka.")
    replication: Annotated[int, Field(ge=1, le=9)] = setting(
        1, "Copies of each partition. 3 on a real cluster; 1 is all that one broker can give."
    )
    events_retention_ms: Annotated[int, Field(ge=-1)] = setting(
        -1, "How long the log keeps events; -1 is for ever. What is gone cannot be replayed.", unit="ms"
    )


class TokenSettings(Section):
    """Whose tokens are accepted."""

    secret: SecretStr | None = setting(
        None,
        "Shared secret of HS256 tokens, 32 bytes at least. `presence up` makes one and keeps it in its data directory.",
    )
    audience: str = setting("presence", "The `aud` a token must name.")
    issuer: str = setting("", "The `iss` a token must name; empty accepts any.")
    leeway_ms: Annotated[int, Field(ge=0, le=300_000)] = setting(
        5_000, "How far clocks may differ when times in tokens are checked.", unit="ms"
    )


class LogSettings(Section):
    """What the processes write on standard error."""

    level: LogLevel = setting("info", f"Least level that is written: {', '.join(get_args(LogLevel))}.")
    format: LogFormat = setting("auto", "`json`, `text`, or `auto`: text on a terminal and JSON elsewhere.")


class EdgeSettings(Section):
    """The tier that holds the sockets."""

    host: str = setting("127.0.0.1", "Address to listen on; 0.0.0.0 is every interface.")
    port: FreePort = setting(8400, "Port of the WebSockets; several edges on one machine share it.")
    path: str = setting("/v1/ws", "Path of the WebSockets.")
    node: str = setting("", "Name of this node, unique and the same after a restart; empty is host name and port.")
    reuse_port: bool = setting(True, "Let several edge processes share the port (SO_REUSEPORT).")
    origins: str = setting(
        "", "Origins that browsers may come from, with commas between; empty allows all, since tokens authenticate."
    )
    telemetry_host: str = setting("127.0.0.1", "Address of `/healthz`, `/readyz` and `/metrics`.")
    telemetry_port: FreePort = setting(8401, "Port of `/healthz`, `/readyz` and `/metrics`; a second edge adds 10.")
    hello_ms: PositiveMs = setting(
        5_000,
        "Time from the TCP connection to the hello; 4503 after that.",
        unit="ms",
        breaks="half: slow phones are cut; double: twice as many idle attackers",
    )
    ping_ms: PositiveMs = setting(
        25_000,
        "Silence of a client after which it is pinged.",
        unit="ms",
        breaks="half: twice the idle traffic; double: above the 30 s after which some proxies cut silent connections",
    )
    pong_wait_ms: PositiveMs = setting(
        8_000,
        "Silence after the ping that ends the connection with 4005.",
        unit="ms",
        breaks="half: phones that wake slowly are cut; double: a ghost lives 8 s longer",
    )
    send_high_water: Annotated[int, Field(ge=1024)] = setting(
        64 * 1024, "Unsent bytes above which a connection gets the net of its diffs when it drains.", unit="bytes"
    )
    send_cut: Annotated[int, Field(ge=1024)] = setting(
        1024 * 1024,
        "Unsent bytes above which a connection is closed with 4003.",
        unit="bytes",
        breaks="half: a burst cuts slow phones; double: twice the memory under a slow crowd",
    )
    slow_ms: PositiveMs = setting(
        10_000, "Time above the high water without draining as much again that closes with 4003.", unit="ms"
    )
    room_paced_above: Annotated[int, Field(ge=1)] = setting(
        250, "Occupants above which a room's diffs are sent as the net of `room_pace_ms`."
    )
    room_pace_ms: PositiveMs = setting(1_000, "The pace of large rooms.", unit="ms")
    journal_entries: Annotated[int, Field(ge=1)] = setting(
        8_192,
        "Changes kept per partition for `resume`.",
        breaks="half: who was away for longer than a minute gets a snapshot; double: about 6 MB more a partition",
    )
    stale_after_ms: PositiveMs = setting(
        2_000, "Lag, or silence of Kafka, after which watchers are told that what they see is stale.", unit="ms"
    )
    drain_ms: PositiveMs = setting(10_000, "How long a drain may take.", unit="ms")
    retry_spread_ms: PositiveMs = setting(
        5_000, "Clients that are sent away are told to come back spread over this time.", unit="ms"
    )


class StreamsSettings(Section):
    """The tier that folds the log into the table `users`."""

    instance: str = setting("", "Name of this worker, unique and the same after a restart; empty is the host name.")

    telemetry_host: str = setting("127.0.0.1", "Address of `/healthz`, `/readyz` and `/metrics`.")
    telemetry_port: FreePort = setting(8402, "Port of `/healthz`, `/readyz` and `/metrics`.")
    session_timeout_ms: PositiveMs = setting(
        6_000,
        "Silence after which Kafka gives a dead worker's partitions to another one.",
        unit="ms",
        breaks="half: a busy worker is taken for dead; double: a killed worker's users stand still twice as long",
    )
    heartbeat_ms: PositiveMs = setting(1_500, "How often a worker tells Kafka that it lives.", unit="ms")
    commit_ms: PositiveMs = setting(
        1_000, "How often progress is committed, hence how much is folded twice after a crash.", unit="ms"
    )
    batch_size: Annotated[int, Field(ge=1, le=10_000)] = setting(
        500,
        "Most records folded in one go.",
        breaks="half: the cost per batch shows; double: each record delays others twice as long",
    )
    timer_ms: PositiveMs = setting(
        200, "How often deadlines are looked at: expiries are late by half of it on average.", unit="ms"
    )
    drain_ms: PositiveMs = setting(
        3_000, "How long a rebalance or a stop waits for the batch that is in work.", unit="ms"
    )
    watchdog_ms: PositiveMs = setting(
        15_000,
        "Records wait and no progress is committed for this long: the worker ends, to be started anew.",
        unit="ms",
        breaks="half: a slow recovery looks like a hang; double: users stand still twice as long",
    )


class HistorySettings(Section):
    """The tier that writes the log into Postgres."""

    instance: str = setting("", "Name of this worker, unique and the same after a restart; empty is the host name.")

    telemetry_host: str = setting("127.0.0.1", "Address of `/healthz`, `/readyz` and `/metrics`.")
    telemetry_port: FreePort = setting(8403, "Port of `/healthz`, `/readyz` and `/metrics`.")
    cached_users: Annotated[int, Field(ge=1)] = setting(
        50_000,
        "Users whose folded state is kept in memory; the others are read from the database.",
        breaks="half: more queries when more users than that are about; double: 300 MB",
    )


class Settings(BaseSettings):
    """Everything that can be set. Made by `control.settings.load.load_settings`."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        # One split only: EDGE_PONG_WAIT_MS is the field pong_wait_ms of the section edge.
        env_nested_delimiter="_",
        env_nested_max_split=1,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
    )

    kafka: str | None = setting(None, "`host:port[,host:port]` of Kafka. `presence up` starts one when it is not set.")
    postgres: str | None = setting(None, "`postgresql://...` address of the history. As above.")
    valkey: str | None = setting(None, "`redis://...` address of Valkey or Redis. As above.")
    data_dir: str = setting(".presence", "Where `presence up` keeps the servers' data, its secret and the tiers' logs.")
    partitions: Annotated[int, Field(ge=1, le=1024)] = setting(
        12,
        "Partitions of `presence-events`; fixed for ever at creation, since a user's partition follows from it.",
        breaks="half: at most half as many stream workers; double: twice the open files and slower rebalances",
    )
    telemetry_port: FreePort | None = setting(
        None, "Port of `/healthz`, `/readyz` and `/metrics` of the one tier that is run; overrides the tier's own."
    )
    tenant: str = setting("demo", "Tenant of tokens made on the command line.")
    grace_ms: Annotated[int, Field(ge=0)] = setting(
        15_000,
        "How long a session whose connection was lost still counts as present; 0 ends it at once.",
        unit="ms",
        breaks="half: slow reconnects show as leave and join; double: who is gone stays visible twice as long",
    )
    drain_grace_ms: Annotated[int, Field(ge=0)] = setting(
        60_000,
        "Grace of sessions whose edge is being restarted on purpose: their devices need time to come back elsewhere.",
        unit="ms",
    )
    idle_ms: PositiveMs = setting(300_000, "Without activity for so long a client should say idle.", unit="ms")
    offline_retention_ms: PositiveMs = setting(
        7 * 24 * 3600 * 1000, "How long users who are offline stay in the table with their last seen.", unit="ms"
    )
    lease_ms: PositiveMs = setting(
        10_000,
        "Silence of an edge node after which it may no longer vouch for its sessions.",
        unit="ms",
        breaks="half: a pause of the edge loses everybody on it; double: ghosts of a killed edge live twice as long",
    )
    heartbeat_ms: PositiveMs = setting(3_000, "How often an edge node renews its lease.", unit="ms")
    topics: TopicSettings = Field(default=TopicSettings(), description="")
    token: TokenSettings = Field(default=TokenSettings(), description="")
    log: LogSettings = Field(default=LogSettings(), description="")
    edge: EdgeSettings = Field(default=EdgeSettings(), description="")
    streams: StreamsSettings = Field(default=StreamsSettings(), description="")
    history: HistorySettings = Field(default=HistorySettings(), description="")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - read by `load_settings`, which notes the origins
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - no secrets from a file nobody named
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what is handed in, and nothing behind its back."""
        return (init_settings,)
