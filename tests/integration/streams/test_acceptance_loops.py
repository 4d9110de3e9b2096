"""Workers come and go under load, in every rude way; the table must equal an independent fold of the log, each time.

What these loops guard against are races, so they repeat; ``PRESENCE_LOOPS`` asks for more rounds.
"""

import asyncio
import os
import random

import pytest

from tests.support.installation import Installation
from tests.support.random_log import RandomLog
from tests.support.workers import Workers

pytestmark = [pytest.mark.devstack, pytest.mark.slow, pytest.mark.timeout(300)]

ROUNDS = int(os.environ.get("PRESENCE_LOOPS", "3"))
PER_ROUND = 6_000


def busy_log(seed: int) -> RandomLog:
    """Thousands of events of hundreds of users on four partitions."""
    print(f"seed {seed}")
    return RandomLog(seed, users=400, partitions=4)


async def test_a_restart_with_a_backlog_loses_nothing(where: Installation, crew: Workers) -> None:
    log, written = busy_log(1), 0

    for number in range(ROUNDS):
        records = log.grow(PER_ROUND * (number + 1))
        await where.append_raw(records[written:])
        written = len(records)
        worker = await crew.ready()
        await asyncio.sleep(0.05 * number)  # stop at another point of the backlog each time
        assert await worker.stop() == 0

    await crew.ready()
    assert await where.settled()
    await where.check_every_row()


async def test_kill_with_a_backlog_loses_nothing(where: Installation, crew: Workers) -> None:
    log, written, chance = busy_log(2), 0, random.Random(2)

    for number in range(ROUNDS):
        records = log.grow(PER_ROUND * (number + 1))
        worker = await crew.start()
        appending = asyncio.create_task(where.append_raw(records[written:]))
        written = len(records)
        await worker.said("ready")
        await asyncio.sleep(chance.random())
        await worker.kill()
        await appending

    await crew.ready()
    assert await where.settled()
    await where.check_every_row()


async def test_a_second_worker_joins_and_leaves_under_load(where: Installation, crew: Workers) -> None:
    log, written = busy_log(3), 0
    await crew.ready("w1")

    for number in range(ROUNDS):
        records = log.grow(PER_ROUND * (number + 1))
        appending = asyncio.create_task(where.append_raw(records[written:]))
        written = len(records)
        second = await crew.ready("w2")
        await appending
        assert await second.stop() == 0

    assert await where.settled()
    await where.check_every_row()


async def test_a_second_worker_joins_and_is_killed_under_load(where: Installation, crew: Workers) -> None:
    log, written = busy_log(4), 0
    await crew.ready("w1")

    for number in range(ROUNDS):
        records = log.grow(PER_ROUND * (number + 1))
        appending = asyncio.create_task(where.append_raw(records[written:]))
        written = len(records)
        second = await crew.ready("w2")
        await second.kill()
        await appending

    assert await where.settled(60)
    await where.check_every_row()


async def test_a_worker_that_was_frozen_ends_and_harms_nothing(where: Installation, crew: Workers) -> None:
    log = busy_log(5)
    frozen = await crew.ready("w1")
    await where.append_raw(log.grow(PER_ROUND))

    frozen.freeze()
    await where.append_raw(log.grow(2 * PER_ROUND)[PER_ROUND:])
    await crew.ready("w2")  # not before the session of the frozen one is over
    await where.settled(60)
    frozen.thaw()
    code = await frozen.ended(30)
    await where.append_raw(log.grow(3 * PER_ROUND)[2 * PER_ROUND :])

    assert code == 70
    assert await where.settled(60)
    await where.check_every_row()
