"""What the embedded servers are told: where their data lives, and which of them are replaced by real ones."""

from dataclasses import dataclass
from pathlib import Path

import platformdirs


@dataclass(frozen=True, slots=True)
class DevStackConfig:
    """Settings of one stack. A server that is named (``kafka``, ``postgres``, ``valkey``) is used, not started."""

    data_dir: Path
    """Everything the servers keep; made on the first start."""
    kafka: str | None = None
    """``host:port[,host:port]`` of a real Kafka."""
    postgres: str | None = None
    """``postgresql://...`` address of a real database."""
    valkey: str | None = None
    """``redis://...`` address of a real Valkey or Redis."""
    cache_dir: Path | None = None
    """Where downloads are kept, shared by all data directories; None is the user's cache directory."""
    kafka_port: int | None = None
    postgres_port: int | None = None
    valkey_port: int | None = None
    """A fixed port each; None takes the port of the last start, or a free one."""
    start_timeout_s: float = 60.0
    """How long a server may take from its start to its first answer. A warm start takes 1 to 2 s; half of 60
    would fail a first start on a busy two-core machine, double only delays the message about a broken one."""
    stop_timeout_s: float = 10.0
    """How long a server may take to stop by itself before it is killed. Clean stops were measured under 1 s; half
    would cut off a database that writes a large checkpoint."""
    reach_timeout_s: float = 10.0
    """How long a named server may take to answer."""
    faster_next_time: bool = True
    """Prepare an ahead-of-time cache for the JVM in the background, once per user: it halves Kafka's start."""

    @property
    def cache(self) -> Path:
        """The directory for downloads that is really used."""
        return self.cache_dir or Path(platformdirs.user_cache_dir("presence"))


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the three servers answer, in the form their clients take."""

    kafka: str
    postgres: str
    valkey: str
