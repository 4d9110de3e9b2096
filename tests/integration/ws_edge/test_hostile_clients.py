"""Clients that try to cost us memory, and a feed that is replaced under connections that linger."""

import asyncio
from typing import Any

from presence.wire.frames import Ack, Pong, Snapshot
from tests.support.raw_socket import CONT, PING, TEXT, frame
from tests.support.running_edge import running_edge, undisturbed
from tests.support.until import until
from ws_edge.codes import Code


async def test_a_client_that_pings_and_never_reads_is_cut_off() -> None:
    cut = {"code": str(int(Code.SLOW_CONSUMER))}
    async with (
        running_edge(send_high_water=16_384, send_cut=65_536) as edge,
        undisturbed(edge),
        edge.client("flooder", receive_buffer=4_096) as flooder,
    ):
        flood = frame(PING, b"x" * 125) * 200
        for _ in range(1_000):
            if edge.count("closed_total", **cut):
                break
            flooder.write(flood)
            await asyncio.sleep(0)

        await until(lambda: edge.count("closed_total", **cut) == 1, 10)


async def test_a_message_in_many_empty_fragments_is_one_message() -> None:
    async with running_edge() as edge, undisturbed(edge), edge.client("splitter") as splitter:
        text = b'{"t":"ping","id":"p"}'
        splitter.write(frame(TEXT, text[:5], fin=False))
        splitter.write(frame(CONT, b"", fin=False) * 50_000)
        splitter.write(frame(CONT, text[5:]))

        answer = await splitter.receive()

        assert isinstance(answer, Pong)


async def test_watchers_that_linger_while_the_feed_begins_anew_leave_nothing_behind() -> None:
    """A watcher whose socket ended after the new feed was loaded was looked up in an index that never knew it."""
    trouble: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: trouble.append(context))
    async with running_edge() as edge:
        async with edge.client("watcher") as watcher:
            assert isinstance(await watcher.ask({"t": "watch", "id": "w", "users": ["a"], "rooms": ["r"]}), Snapshot)

            edge.log.changelog.create_anew("another")
            await until(lambda: edge.count("sessions") == 0)
            await until(lambda: edge.health.is_ready)
            assert edge.count("connections") == 1
            watcher.abort()
            await until(lambda: edge.count("connections") == 0)

        assert trouble == []
        async with edge.client("watcher") as again:
            assert isinstance(await again.ask({"t": "join", "id": "j", "room": "r"}), Ack)
