"""One batch of records: decode, fold, set aside what cannot be folded. Pure but for the rows of the fold."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from msgspec import Struct

from presence.domain.errors import UndecodableRecord
from presence.domain.events import Stamp
from presence.domain.ids import Millis
from presence.domain.partition import Change, PartitionFold
from presence.ports import DeadLetter, LogRecord
from presence.wire.events import decode_event, decode_key

TABLE_STAGE = "table"
FOLD_REASON = "fold"


class RawRecord(Protocol):
    """A fetched record, as aiokafka's ``ConsumerRecord`` has it."""

    @property
    def offset(self) -> int:
        """Where it stands in its partition."""
        ...

    @property
    def timestamp(self) -> int:
        """Event time, ms."""
        ...

    @property
    def key(self) -> bytes | None:
        """Raw key."""
        ...

    @property
    def value(self) -> bytes | None:
        """Raw value."""
        ...

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """Raw headers."""
        ...


class Folded(Struct, frozen=True):
    """What became of a batch."""

    changes: list[Change]
    letters: list[DeadLetter]


def fold_batch(fold: PartitionFold, partition: int, records: Iterable[RawRecord]) -> Folded:
    """Fold the records of one partition in order; one that cannot be folded is set aside and the next one folded."""
    changes: list[Change] = []
    letters: list[DeadLetter] = []
    for record in records:
        try:
            event = decode_event(record.value, record.headers)
            key = decode_key(record.key, event)
            changes += fold.apply(key, event, Stamp(record.offset, Millis(record.timestamp)))
        except UndecodableRecord as exc:
            letters.append(DeadLetter(log_record(partition, record), TABLE_STAGE, exc.reason, exc.detail))
        except Exception as exc:  # noqa: BLE001 - a fault of the fold: kept with its record, and the partition goes on
            detail = f"{type(exc).__name__}: {exc}"
            letters.append(DeadLetter(log_record(partition, record), TABLE_STAGE, FOLD_REASON, detail))
    return Folded(changes, letters)


def log_record(partition: int, record: RawRecord) -> LogRecord:
    """The record as our ports know it; bytes untouched."""
    return LogRecord(
        partition, record.offset, Millis(record.timestamp), record.key, record.value, tuple(record.headers)
    )
