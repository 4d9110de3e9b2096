"""A schema that decodes nothing: the value of a Faust event is a list of raw records, one batch of one partition.

Per-event plumbing is what makes stock Faust slow (4,000 events/s); with one Faust event per batch it is paid once for
up to hundreds of records. Decoding is left to whoever folds, who can then send a poison record to the dead letters
without Faust acknowledging the rest.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import faust

Decode = Callable[..., Awaitable[Any]]


class BatchSchema(faust.Schema):
    """Pass ``message.value``, a list of aiokafka ``ConsumerRecord``, through as the event's value."""

    def compile(self, app: Any, **_options: Any) -> Decode:
        """Return the function that makes events of messages; overrides ``faust.Schema.compile`` (serializers)."""
        create_event = app.create_event

        async def decode(message: Any, **_options: Any) -> Any:
            return create_event(None, message.value, None, message)

        return decode
