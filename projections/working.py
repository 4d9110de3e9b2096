"""The working set of one batch: rows of the users it concerns, folded step by step; memory follows the commit."""

from collections.abc import Iterable, Sequence

from presence.domain.events import NodeLost
from presence.domain.ids import Millis, NodeId, UserKey
from presence.domain.partition import PartitionFold
from presence.domain.state import NodeFence, UserPresence
from presence.history import HistoryRows, StateRow
from presence.ports import DeadLetter
from projections.effects import Effects
from projections.intervals import advance
from projections.reading import Logged, dead_letter
from projections.state import Known, Track, state_row

_NEVER = Millis(0)


class WorkingSet:
    """States and fences of one batch. Each step is a new one; what the store refuses is dropped with its step."""

    def __init__(self, known: dict[UserKey, Known], fences: dict[int, dict[NodeId, NodeFence]]) -> None:
        self.known = known
        self.fences = fences
        self.touched: set[UserKey] = set()
        """Users whose state is no longer what the store had at the start of the batch."""

    def folded(self, batch: Sequence[Logged]) -> "tuple[WorkingSet, HistoryRows, list[DeadLetter]]":
        """This working set after events that are in log order, the rows to write, and what is refused by its content.

        Leaves this one as it is.
        """
        after = WorkingSet(dict(self.known), {p: dict(fences) for p, fences in self.fences.items()})
        after.touched = set(self.touched)
        rows, letters = after._fold(batch)
        return after, rows, letters

    def _fold(self, batch: Sequence[Logged]) -> tuple[HistoryRows, list[DeadLetter]]:
        effects, letters = Effects(), []
        users = {key: known.presence for key, known in self.known.items() if known.presence is not None}
        for logged in batch:
            self.fences.setdefault(logged.record.partition, {})
        folds = self._partition_folds(users)
        offsets: dict[UserKey, int] = {}
        for logged in batch:
            letter = self._step(logged, folds[logged.record.partition], effects, offsets)
            if letter is not None:
                letters.append(letter)
        self.touched.update(offsets)
        states = [state_row(key, self.known[key], offset) for key, offset in offsets.items()]
        return effects.rows(states), letters

    def _step(
        self, logged: Logged, fold: PartitionFold, effects: Effects, offsets: dict[UserKey, int]
    ) -> DeadLetter | None:
        partition = logged.record.partition
        known = self.known.get(logged.key)
        if known is not None and known.track.partition != partition:
            # Offsets of two partitions cannot be compared: folding it would hide events of the user's own partition.
            return dead_letter(logged.record, "partition", f"the user belongs to partition {known.track.partition}")
        event = logged.event
        effects.event(logged)
        for change in fold.apply(logged.key, event, logged.stamp):
            known = self.known.get(change.key)
            track = known.track if known is not None else Track(partition, _NEVER)
            track = advance(track, change, event, logged.stamp, effects)
            self.known[change.key] = Known(change.after, track)
            offsets[change.key] = logged.record.offset
            if change.after is not None:
                effects.last_seen(change.key, change.before, change.after)
        if isinstance(event, NodeLost):
            effects.fence(partition, self.fences[partition][event.node])
        return None

    def _partition_folds(self, users: dict[UserKey, UserPresence]) -> dict[int, PartitionFold]:
        rows: dict[int, list[tuple[UserKey, UserPresence]]] = {p: [] for p in self.fences}
        for key, state in users.items():
            rows.setdefault(self.known[key].track.partition, []).append((key, state))
        folds = {p: PartitionFold(users, fences) for p, fences in self.fences.items()}
        for partition, fold in folds.items():
            fold.index(rows[partition])
        return folds


def users_of(batch: Iterable[Logged]) -> set[UserKey]:
    """The users that events are about by their key."""
    return {logged.key for logged in batch if not isinstance(logged.event, NodeLost)}


def lost_nodes_of(batch: Iterable[Logged]) -> set[tuple[int, NodeId]]:
    """(partition, node) of the control events: they are about every user with a session there."""
    return {(logged.record.partition, logged.event.node) for logged in batch if isinstance(logged.event, NodeLost)}


def key_of(row: StateRow) -> UserKey:
    """The key of a stored state."""
    return UserKey(f"{row.tenant}/{row.user}")
