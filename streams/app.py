"""The two Faust apps, made by factories: never at import, any number in one process.

Every setting that is not Faust's default has its reason here.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from streams.batching.app import BatchingApp, BatchingOptions
from streams.batching.recovery import SafeTableManager
from streams.batching.schema import BatchSchema
from streams.batching.table import BatchTable
from streams.codec import UserRowCodec
from streams.config import StreamsConfig

TABLE_NAME = "users"
_PRODUCE_TIMEOUT_RATIO = 0.8


def create_tables_app(
    config: StreamsConfig, on_fatal: Callable[[str, Exception], None]
) -> tuple[BatchingApp, BatchTable]:
    """Make the app that folds, with its table; its agent is added by `add_agent`."""
    app = _create_app(config, config.app_id)
    table = BatchTable(
        app,
        name=TABLE_NAME,
        partitions=config.partitions,
        key_type=bytes,
        value_type=bytes,
        codec=UserRowCodec(),
        on_fatal=on_fatal,
    )
    app.tables.add(table)
    return app, table


def create_history_app(config: StreamsConfig) -> BatchingApp:
    """Make the app that writes history: its own consumer group, so that a slow database never delays presence."""
    return _create_app(config, config.history_id)


def add_agent(app: BatchingApp, config: StreamsConfig, name: str, run: Callable[[Any], Any]) -> None:
    """Let ``run`` take the batches of ``presence-events``."""
    topic = app.topic(
        config.names.events,
        partitions=config.partitions,
        schema=BatchSchema(),
        # Batches waiting for the agent, per partition set: 64 * 500 records are a second of work.
        maxsize=64,
    )
    # Concurrency above 1 commits past batches that are in work (faust#606).
    app.agent(topic, name=name, concurrency=1)(run)


def _create_app(config: StreamsConfig, app_id: str) -> BatchingApp:
    app = BatchingApp(
        app_id,
        broker=[f"presence://{address.strip()}" for address in config.bootstrap.split(",")],
        store="memory://",
        # The topics are made by presence.adapters.kafka.topics, with their configuration.
        topic_allow_declare=False,
        topic_partitions=config.partitions,
        topic_disable_leader=True,
        # A standby in memory is read again from the beginning when it is promoted: no use at all.
        table_standby_replicas=0,
        TableManager=SafeTableManager,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=config.instance,
        broker_session_timeout=config.session_timeout_s,
        broker_heartbeat_interval=config.heartbeat_s,
        broker_request_timeout=max(10.0, config.session_timeout_s),
        # How long the others wait for a worker that hangs while its partitions are taken away.
        broker_rebalance_timeout=max(10.0, 2 * config.drain_timeout_s),
        # A history batch is held while Postgres is away, however long; the watchdog looks after real hangs.
        broker_max_poll_interval=24 * 3600.0,
        broker_commit_interval=config.commit_interval_s,
        # By the interval only: commits by count happen inside the fetch loop and stall it.
        broker_commit_every=1_000_000,
        producer_acks=-1,
        producer_linger=0.0,
        producer_max_batch_size=512 * 1024,
        # See streams/batching/producer.py: rows must not arrive after the partition has another owner.
        producer_request_timeout=_PRODUCE_TIMEOUT_RATIO * config.session_timeout_s,
        stream_recovery_delay=0.0,
        # Faust's assignor keeps its maps by this URL, and two equal ones overwrite each other.
        canonical_url=f"http://{quote(config.instance, safe='')}:6066",
        web_enabled=False,
        worker_redirect_stdouts=False,
        loghandlers=[],
    )
    app.batching = BatchingOptions(batch_size=config.batch_size, drain_timeout_s=config.drain_timeout_s)
    return app
