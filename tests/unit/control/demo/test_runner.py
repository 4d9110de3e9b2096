"""Tests of `control.demo.runner`, against an edge that does what it is told."""

from contextlib import AbstractAsyncContextManager

from control.demo.plan import Action, Connect, Crash, Declare, Do, Drop, Enter, Exit, SayGoodbye, Step
from control.demo.runner import QUEUED_STEPS, Demo, running_demo
from presence.domain.status import Activity, Status
from presence.wire.frames import Error, Goodbye, Hello, Join, Leave, SayActivity, SetStatus
from tests.support.fake_edge import FakeEdge, fake_edge
from tests.support.until import until


def steps(*actions: Action, device: str = "phone") -> list[Step]:
    return [Step(0, "ada", device, action) for action in actions]


def demo_on(edge: FakeEdge) -> AbstractAsyncContextManager[Demo]:
    return running_demo(edge.url, lambda user: lambda: user)


async def test_a_device_lives_its_plan_through_a_socket() -> None:
    async with fake_edge() as edge, demo_on(edge) as demo:
        await demo.live(
            iter(
                steps(
                    Connect(("lobby",)), Enter("kitchen"), Exit("lobby"), Do(Activity.BUSY),
                    Declare(Status.DND, "writing", 20_000),
                )
            )
        )  # fmt: skip
        await until(lambda: demo.tally.steps == 4)

        assert demo.tally.online == 1
    kinds = [type(frame) for frame in edge.received]
    assert kinds == [Hello, Join, Leave, SayActivity, SetStatus, Goodbye]


async def test_everybody_says_goodbye_at_the_end() -> None:
    async with fake_edge() as edge:
        async with demo_on(edge) as demo:
            await demo.live(iter([*steps(Connect(())), *steps(Connect(()), device="laptop")]))
            await until(lambda: demo.tally.online == 2)

        assert sum(isinstance(frame, Goodbye) for frame in edge.received) == 2
        assert demo.tally.online == 0


async def test_a_dropped_network_comes_back_to_its_session() -> None:
    async with fake_edge() as edge, demo_on(edge) as demo:
        await demo.live(iter(steps(Connect(()), Drop(away_ms=10))))
        await until(lambda: demo.tally.resumed == 1)

        assert (demo.tally.lost, demo.tally.connections) == (1, 2)


async def test_a_crashed_device_begins_a_new_session() -> None:
    async with fake_edge() as edge, demo_on(edge) as demo:
        await demo.live(iter(steps(Connect(()), Crash(), Connect(()))))
        await until(lambda: edge.hellos == 2)

    assert [frame.session for frame in edge.received if isinstance(frame, Hello)] == [None, None]
    assert sum(isinstance(frame, Goodbye) for frame in edge.received) == 1


async def test_a_device_that_was_put_away_can_be_taken_up_again() -> None:
    async with fake_edge() as edge, demo_on(edge) as demo:
        await demo.live(iter(steps(Connect(()), SayGoodbye(), Connect(()))))
        await until(lambda: edge.hellos == 2)


async def test_refusals_are_counted_and_life_goes_on() -> None:
    async with fake_edge() as edge, demo_on(edge) as demo:
        edge.refuse[Join] = Error("limit_exceeded", "too many rooms", retry=False)
        await demo.live(iter(steps(Connect(()), Enter("lobby"), Do(Activity.IDLE))))
        await until(lambda: demo.tally.steps == 1)

        assert demo.tally.refused == 1
        assert "too many rooms" in demo.tally.last_trouble


async def test_a_refused_connection_does_not_end_the_demo() -> None:
    async with fake_edge() as edge, demo_on(edge) as demo:
        edge.refuse[Hello] = Error("forbidden", "no", retry=False)
        await demo.live(iter(steps(Connect(()), Do(Activity.IDLE))))
        await until(lambda: demo.tally.refused == 1 and demo.tally.skipped == 1)


async def test_steps_that_a_device_cannot_keep_up_with_are_skipped() -> None:
    async with fake_edge() as edge, demo_on(edge) as demo:
        await demo.live(iter(steps(Connect(()), *[Do(Activity.IDLE)] * (QUEUED_STEPS + 10))))

        assert demo.tally.skipped > 0


async def test_steps_wait_for_their_time() -> None:
    async with fake_edge() as edge, demo_on(edge) as demo:
        await demo.live(iter([Step(0, "ada", "phone", Connect(())), Step(50, "ada", "phone", Do(Activity.IDLE))]))
        await until(lambda: demo.tally.steps == 1)


def test_the_tally_is_one_line() -> None:
    demo = Demo("ws://nowhere", lambda user: lambda: user, None)  # type: ignore[arg-type]
    demo.tally.refused = 2

    line = demo.tally.line(12)

    assert line.startswith("    12 s · 0 devices online")
    assert "2 refused" in line
