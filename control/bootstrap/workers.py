"""What the two kinds of stream workers share: their configuration."""

from control.bootstrap.parts import instance_name, kafka_address, topic_names
from control.settings.model import Settings
from streams.config import StreamsConfig

_TICKS_PER_LEASE = 5
_GAP_PER_LEASE = 0.6
"""A detector that did not tick for more than half a lease was not watching; it must notice before the lease is over."""


def streams_config(settings: Settings, instance: str) -> StreamsConfig:
    """The tier's frozen configuration. Ticks follow from the lease, so that a short lease is judged finely enough."""
    streams = settings.streams
    return StreamsConfig(
        bootstrap=kafka_address(settings),
        partitions=settings.partitions,
        instance=instance_name(instance),
        names=topic_names(settings),
        session_timeout_s=streams.session_timeout_ms / 1000,
        heartbeat_s=streams.heartbeat_ms / 1000,
        commit_interval_s=streams.commit_ms / 1000,
        batch_size=streams.batch_size,
        retention_ms=settings.offline_retention_ms,
        grace_ms=settings.grace_ms,
        lease_ms=settings.lease_ms,
        heartbeat_ms=settings.heartbeat_ms,
        tick_s=min(1.0, settings.lease_ms / 1000 / _TICKS_PER_LEASE),
        max_tick_gap_ms=min(3_000, round(settings.lease_ms * _GAP_PER_LEASE)),
        timer_interval_s=streams.timer_ms / 1000,
        watchdog_s=streams.watchdog_ms / 1000,
        drain_timeout_s=streams.drain_ms / 1000,
    )
