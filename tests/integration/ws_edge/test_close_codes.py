"""Every close code that can be sent is sent, for its reason, with its `bye`, and leaves others alone."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from presence.adapters.memory.changelog import MemoryChangelog
from presence.domain.events import ConnectionLost
from presence.domain.ids import Millis, NodeEpoch, NodeId
from presence.domain.leases import LeaseLost
from presence.ports import Claims
from tests.support.local_worker import FoldingLog
from tests.support.raw_socket import BINARY, TEXT, RawSocket, frame, header, upgraded
from tests.support.running_edge import RunningEdge, running_edge
from tests.support.until import until
from ws_edge.codes import CLOSE_CODES, RESERVED, Code
from ws_edge.config import EdgeLimits

Provoke = Callable[[RunningEdge, RawSocket], Awaitable[None]]


@dataclass
class Case:
    """How to bring a code about."""

    provoke: Provoke
    config: dict[str, Any] = field(default_factory=dict)
    is_welcomed: bool = True
    """Whether the client has said hello before."""
    has_bye: bool = True


class BrokenTokens:
    """A verifier with a bug."""

    async def verify(self, token: str, now: Millis) -> Claims:
        """Fail as no verifier should."""
        raise ZeroDivisionError


class UnreadChangelog(MemoryChangelog):
    """Kafka answers that there is more, and it never comes."""

    async def high_water(self) -> dict[int, int]:
        """More than there is, once the edge has loaded."""
        ends = dict(await super().high_water())
        return {p: end + 1 for p, end in ends.items()} if any(ends.values()) else ends


async def _goodbye(edge: RunningEdge, socket: RawSocket) -> None:
    socket.send({"t": "goodbye"})


async def _unmasked(edge: RunningEdge, socket: RawSocket) -> None:
    socket.write(frame(TEXT, b"{}", masked=False))


async def _binary(edge: RunningEdge, socket: RawSocket) -> None:
    socket.write(frame(BINARY, b"{}"))


async def _not_utf8(edge: RunningEdge, socket: RawSocket) -> None:
    socket.write(frame(TEXT, b"\xff"))


async def _too_long(edge: RunningEdge, socket: RawSocket) -> None:
    socket.write(header(TEXT, 70_000))


async def _hello(edge: RunningEdge, socket: RawSocket) -> None:
    socket.send({"t": "hello", "token": "anything"})


async def _fence(edge: RunningEdge, socket: RawSocket) -> None:
    edge.log.nodes.publish(Millis(0), LeaseLost(NodeId("edge-1"), NodeEpoch(2**60)))


async def _nothing(edge: RunningEdge, socket: RawSocket) -> None:
    """Time does it."""


async def _old_token(edge: RunningEdge, socket: RawSocket) -> None:
    # Within the leeway of 5 s by a hair.
    socket.send({"t": "hello", "token": edge.token("alice", ttl_s=-4.7)})


async def _another_feed(edge: RunningEdge, socket: RawSocket) -> None:
    edge.log.changelog.create_anew("another")


async def _read_nothing(edge: RunningEdge, socket: RawSocket) -> None:
    socket.writer.transport.pause_reading()  # type: ignore[attr-defined]
    message = {"t": "watch", "users": [f"{n:0128}" for n in range(400)]}
    for _ in range(40):
        socket.send(message)
        await asyncio.sleep(0)
    # Read again at once, or the edge cuts the connection and the code is lost with what was unread.
    await until(lambda: isinstance(edge.events("alice")[-1], ConnectionLost))
    socket.writer.transport.resume_reading()  # type: ignore[attr-defined]


async def _flood(edge: RunningEdge, socket: RawSocket) -> None:
    while not isinstance(edge.events("alice")[-1], ConnectionLost):
        socket.send({"t": "ping"})
        await asyncio.sleep(0.002)


async def _no_pong(edge: RunningEdge, socket: RawSocket) -> None:
    socket.answers_pings = False


async def _bad_token(edge: RunningEdge, socket: RawSocket) -> None:
    socket.send({"t": "hello", "token": "no token"})


async def _watch_too_much(edge: RunningEdge, socket: RawSocket) -> None:
    for _ in range(3):
        socket.send({"t": "watch", "rooms": [f"r{n}" for n in range(129)]})


async def _babble(edge: RunningEdge, socket: RawSocket) -> None:
    for _ in range(5):
        socket.send("babble")


async def _take_over(edge: RunningEdge, socket: RawSocket) -> None:
    session = next(iter(edge.log.state("acme/alice").sessions))  # type: ignore[union-attr,arg-type]
    async with edge.client("alice", session=session):
        pass


CASES: dict[Code, Case] = {
    Code.GOODBYE: Case(_goodbye, has_bye=False),
    Code.PROTOCOL_ERROR: Case(_unmasked, has_bye=False),
    Code.UNSUPPORTED: Case(_binary),
    Code.BAD_UTF8: Case(_not_utf8),
    Code.TOO_BIG: Case(_too_long, has_bye=False),
    Code.INTERNAL: Case(_hello, {"tokens": BrokenTokens()}, is_welcomed=False),
    Code.RESTART: Case(_fence),
    Code.TRY_LATER: Case(_nothing, {"probe_ms": 50, "stale_after_ms": 100, "feed_dead_ms": 200}),
    Code.TOKEN_EXPIRED: Case(_old_token, is_welcomed=False),
    Code.STATE_GAP: Case(_another_feed),
    Code.SLOW_CONSUMER: Case(
        _read_nothing,
        {"send_cut": 256 * 1024, "slow_ms": 300, "limits": EdgeLimits(message_burst=1_000)},
    ),
    Code.RATE_LIMITED: Case(_flood, {"limits": EdgeLimits(over_rate_ms=300)}),
    Code.PONG_TIMEOUT: Case(_no_pong, {"ping_ms": 100, "pong_wait_ms": 100}),
    Code.INVALID_TOKEN: Case(_bad_token, is_welcomed=False),
    Code.AUTH_TIMEOUT: Case(_nothing, {"hello_ms": 100}, is_welcomed=False),
    Code.SUBSCRIPTION_LIMIT: Case(_watch_too_much),
    Code.TOO_MANY_ERRORS: Case(_babble),
    Code.REPLACED: Case(_take_over),
}


def test_there_is_a_case_for_every_code_that_is_not_reserved() -> None:
    assert CASES.keys() == set(Code) - RESERVED.keys()


@pytest.mark.parametrize("code", CASES, ids=lambda code: code.name)
async def test_the_code_is_sent_after_its_bye_and_counted(code: Code) -> None:
    case = CASES[code]
    log = FoldingLog()
    if code is Code.TRY_LATER:
        log.changelog = UnreadChangelog(2)
    async with running_edge(log, **case.config) as edge, upgraded(edge.port) as socket:
        if case.is_welcomed:
            await edge.greet(socket, "alice")
        await case.provoke(edge, socket)

        assert await socket.until_closed() == code
        assert (socket.bye is not None) == case.has_bye
        if socket.bye is not None:
            assert (socket.bye.code, socket.bye.reason) == (code, CLOSE_CODES[code].name)
        await until(lambda: edge.count("closed_total", code=str(int(code))) == 1)
        assert not edge.task.done()
        assert edge.count("crashes_total") == (1 if code is Code.INTERNAL else 0)


async def test_a_client_that_never_reads_is_cut_while_others_get_their_diffs_at_once() -> None:
    limits = EdgeLimits(message_burst=10_000, messages_per_s=10_000)
    async with running_edge(limits=limits, slow_ms=300) as edge, edge.client("watcher") as watcher:
        await watcher.ask({"t": "watch", "id": "w", "rooms": ["lobby"]})
        async with (
            edge.client("sleeper", receive_buffer=4096) as sleeper,
            edge.client("talker", rooms=["lobby"]) as talker,
        ):
            await watcher.receive()
            await sleeper.ask({"t": "watch", "id": "w", "rooms": ["lobby"]})
            sleeper.writer.transport.pause_reading()  # type: ignore[attr-defined]
            note = "n" * 900
            number = 0
            while edge.count("closed_total", code="4003") == 0:
                number += 1
                began = asyncio.get_running_loop().time()
                talker.send({"t": "meta", "id": str(number), "meta": {"n": number, "note": note}})
                diff = await watcher.receive()
                assert getattr(diff, "rooms", None), diff
                assert asyncio.get_running_loop().time() - began < 0.25
                assert getattr(await talker.receive(), "id", None) == str(number)

            await until(lambda: edge.count("slow_connections") == 0)
