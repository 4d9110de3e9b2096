"""A Faust app that needs no directory and carries the options of batching."""

import logging
from dataclasses import dataclass

import faust

FAUST_LOGGER = logging.getLogger("faust.batching")
"""mode would make a logger of each class's module, and tell of each step at the level of our own logs."""


@dataclass(frozen=True, slots=True)
class BatchingOptions:
    """How batches are made and waited for."""

    batch_size: int = 500
    """Most records in one batch."""
    drain_timeout_s: float = 3.0
    """How long a rebalance or a stop waits for the batch in work."""
    flush_timeout_s: float = 5.0
    """How long a commit waits for the changelog."""


class BatchingApp(faust.App):
    """A Faust app for batched topics and in-memory tables."""

    logger = FAUST_LOGGER

    batching: BatchingOptions = BatchingOptions()

    def _create_directories(self) -> None:
        """Create none: overrides app/base.py:1985, which makes directories for on-disk stores."""
