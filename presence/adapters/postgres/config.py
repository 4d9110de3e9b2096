"""Settings of the PostgreSQL adapter."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PostgresConfig:
    """Where PostgreSQL is and how long we wait for it."""

    dsn: str
    """``postgresql://user:password@host:port/database``. Never logged."""
    connect_s: float = 5.0
    """Half: a busy server counts as away; double: an outage is noticed late."""
    command_s: float = 30.0
    """One statement. A batch takes well under a second; waiting for another writer's transaction is what takes long."""
    min_connections: int = 1
    max_connections: int = 4
    """A history writer uses one; the rest is for overlap at a rebalance. PostgreSQL serves 100 by default, to all."""
    topic: str = "presence-events"
    """Topic the checkpoints are of."""
    projection: str = "history"
    """Projection the checkpoints are of."""
