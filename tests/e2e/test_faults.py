"""Parts of the system are killed under load; then every promise is checked against the log and the database."""

import asyncio

import pytest

from tests.support.scene import Scene
from tests.support.system import System, until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.devstack, pytest.mark.timeout(240)]


async def start_all(system: System, edges: int = 2) -> list[str]:
    """A worker, the history and some edges, in this order in ``system.tiers``; return the edges' addresses."""
    tiers = [system.worker(), system.history()]
    made = [system.edge() for _ in range(edges)]
    await asyncio.gather(*(tier.start() for tier in [*tiers, *(tier for tier, _ in made)]))
    return [address for _, address in made]


async def test_a_killed_worker_loses_nothing_and_shows_nobody_offline(system: System) -> None:
    edges = await start_all(system)
    scene = Scene(system, edges, actors=60)
    await scene.enter()

    for _ in range(2):
        await scene.talk(2)
        worker = system.tiers[0]
        await worker.kill()
        await scene.talk(2)
        await worker.start()
    await scene.talk(3)

    scene.check_nobody_left()
    await scene.check_edges_agree()
    await scene.check_promises()
    await scene.leave()
    await scene.check_no_ghosts()


async def test_a_killed_edge_with_200_clients_shows_no_leave_and_leaves_no_ghost(system: System) -> None:
    edges = await start_all(system)
    scene = Scene(system, edges, actors=200, every_s=1.0)
    # One witness is on the edge that survives: the other one is cut off with it.
    await scene.enter()
    await scene.talk(2)

    doomed = system.tiers[3]
    await doomed.kill()
    for actor in scene.actors:
        actor.edges = edges[:1]
    scene.witnesses[1].edge = edges[0]
    await scene.all_welcome(30)
    await scene.talk(2)

    scene.check_nobody_left()
    await scene.check_edges_agree(edges[:1])
    await scene.check_promises()
    await scene.leave()
    await scene.check_no_ghosts(edges[:1])


async def test_clients_of_a_killed_edge_who_do_not_return_are_offline_in_time(system: System) -> None:
    edges = await start_all(system)
    scene = Scene(system, edges[1:], actors=20)
    await scene.enter()
    await scene.talk(1)

    await system.tiers[3].kill()
    await scene.leave()

    await scene.check_no_ghosts(edges[:1])
    await scene.check_edges_agree(edges[:1])
    await scene.check_promises()


async def test_kafka_killed_and_restarted_loses_no_promise(system: System) -> None:
    edges = await start_all(system)
    scene = Scene(system, edges, actors=60)
    await scene.enter()
    await scene.talk(2)
    kafka = system.stack.kafka
    assert kafka is not None

    await kafka.kill()
    edge = system.tiers[2]
    await until("the edge says it is not ready", lambda: asyncio.to_thread(lambda: not edge.is_ready()), 10)
    assert all(actor.welcomed.is_set() for actor in scene.actors), "sockets stay while Kafka is away"
    await kafka.start()
    await scene.talk(3, within_s=60)

    await asyncio.gather(*(tier.ready() for tier in system.tiers))
    scene.check_nobody_left()
    await scene.check_edges_agree()
    await scene.check_promises()
    await scene.leave()
    await scene.check_no_ghosts()


async def test_postgres_killed_and_restarted_doubles_nothing_and_presence_goes_on(system: System) -> None:
    edges = await start_all(system)
    scene = Scene(system, edges, actors=60)
    await scene.enter()
    await scene.talk(2)
    postgres = system.stack.postgres
    assert postgres is not None

    await postgres.kill()
    await scene.talk(4)
    await scene.check_edges_agree()
    await postgres.start()
    await scene.talk(2)

    scene.check_nobody_left()
    await scene.check_promises()
    await scene.leave()


async def test_a_drained_edge_shows_not_a_single_leave(system: System) -> None:
    edges = await start_all(system)
    scene = Scene(system, edges, actors=80)
    await scene.enter()
    await scene.talk(2)

    drained = system.tiers[3]
    for actor in scene.actors:
        actor.edges = edges[:1]
    scene.witnesses[1].edge = edges[0]
    code = await drained.stop()
    await scene.all_welcome(30)
    await scene.talk(2)

    assert code == 0
    scene.check_nobody_left()
    assert {code for actor in scene.actors for code in actor.closes} <= {1012}
    await scene.check_edges_agree(edges[:1])
    await scene.check_promises()
    await scene.leave()


async def test_a_frozen_edge_fences_itself_and_its_clients_come_back(system: System) -> None:
    edges = await start_all(system)
    scene = Scene(system, edges[1:], actors=20)
    await scene.enter()
    await scene.talk(1)
    frozen = system.tiers[3]

    frozen.freeze()
    # Its lease is lost and the grace is over: nobody could vouch for these people.
    await scene.check_no_ghosts(edges[:1])
    frozen.thaw()
    await until("clients were told to restart", lambda: all(1012 in a.closes for a in scene.actors), 20)
    await scene.all_welcome(30)
    await scene.talk(1)

    await scene.check_edges_agree()
    await scene.check_promises()
    await scene.leave()
