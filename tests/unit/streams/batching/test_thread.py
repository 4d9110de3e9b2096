"""The consumer's thread leaves the group in peace and switches partitions that are still its own."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka.errors import IllegalStateError, KafkaConnectionError
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import TP

from streams.batching.thread import BatchConsumerThread
from tests.unit.streams.batching.conftest import World


class Coordinator:
    group_id = "presence"
    member_id = "w1-1"
    generation = 3
    _group_instance_id: str | None = "w1"

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.is_away = False

    async def _send_req(self, request: Any) -> None:
        self.sent.append(request)
        if self.is_away:
            raise KafkaConnectionError


class Aiokafka:
    def __init__(self) -> None:
        self._coordinator = Coordinator()
        self.switched: list[tuple[str, Any]] = []

    def pause(self, tp: Any) -> None:
        if tp.partition == 9:
            raise IllegalStateError
        self.switched.append(("pause", tp))

    def resume(self, tp: Any) -> None:
        self.switched.append(("resume", tp))


@pytest.fixture
async def thread(world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[BatchConsumerThread]:
    async def stop(_self: object) -> None: ...

    monkeypatch.setattr(driver.AIOKafkaConsumerThread, "on_thread_stop", stop)
    thread = world.app.consumer._thread
    thread._consumer = Aiokafka()
    yield thread
    thread._consumer = None


@pytest.mark.parametrize("is_away", [False, True])
async def test_a_static_member_leaves_when_it_stops(thread: BatchConsumerThread, is_away: bool) -> None:
    coordinator = thread._consumer._coordinator
    coordinator.is_away = is_away

    await thread.on_thread_stop()

    assert [(r._group, r._member_id) for r in coordinator.sent] == [("presence", "w1-1")]


async def test_a_member_that_never_joined_has_nothing_to_leave(thread: BatchConsumerThread) -> None:
    thread._consumer._coordinator.generation = -1

    await thread.on_thread_stop()

    assert thread._consumer._coordinator.sent == []


async def test_partitions_are_switched_in_aiokafka_and_lost_ones_passed_over(thread: BatchConsumerThread) -> None:
    thread.pause([TP("t", 9), TP("t", 1)])
    thread.resume([TP("t", 1)])

    assert thread._consumer.switched == [("pause", ("t", 1)), ("resume", ("t", 1))]
