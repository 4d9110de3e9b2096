"""Be online: a client that runs while a block does."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from control.client.backoff import Backoff
from control.client.client import PresenceClient
from control.client.news import Identity, Listener, News, TokenSource


def _ignore(_: News) -> None:
    """Listen to nothing."""


@asynccontextmanager
async def online(
    url: str,
    token: TokenSource | str,
    identity: Identity = Identity(),  # noqa: B008 - frozen
    listener: Listener = _ignore,
    backoff: Backoff = Backoff(),  # noqa: B008 - frozen
    rng: random.Random | None = None,
    connect_s: float = 10.0,
) -> AsyncIterator[PresenceClient]:
    """Be online: yield a connected client and keep it connected until the block is left.

    Leaving does not say goodbye: the session then lives through its grace. Call `PresenceClient.goodbye` to end it.

    Raises:
        EdgeUnavailable: no connection within ``connect_s``.
        ClosedForGood: the edge wants nothing to do with this client.
        Refused: the hello was refused.
    """
    source = token if callable(token) else lambda: token
    # Jitter only: nothing here needs unguessable numbers.
    client = PresenceClient(url, source, identity, listener, backoff, rng or random.Random())  # noqa: S311
    task = asyncio.create_task(client.run())
    task.add_done_callback(partial(_report_end, client.ended))
    try:
        await client.wait_connected(connect_s)
        yield client
    finally:
        task.cancel()
        # Its error, if any, was reported through `ended`.
        await asyncio.wait({task})


def _report_end(ended: asyncio.Future[None], task: asyncio.Task[None]) -> None:
    if ended.done():
        return
    error = None if task.cancelled() else task.exception()
    if error is None:
        ended.set_result(None)
    else:
        ended.set_exception(error)
        ended.exception()  # seen: whoever does not wait for the end need not know
