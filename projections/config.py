"""Settings of the projections."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HistoryConfig:
    """Settings of the history."""

    cached_users: int = 50_000
    """Users whose folded state is kept in memory. About 3 KB each; a user who is not there costs 20 µs of a query.
    Half: more queries when more users than that are about; double: 300 MB."""
