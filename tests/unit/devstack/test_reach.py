"""Named servers: reached in time, or told with their address and without their password."""

import asyncio
import socket

import pytest

from control.devstack.reach import ask_kafka, ask_postgres, ask_valkey, require, without_password
from presence.domain.errors import SetupError


@pytest.fixture
def nobody() -> str:
    """An address where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


async def test_a_kafka_that_is_away_is_named(nobody: str) -> None:
    with pytest.raises(SetupError, match=nobody):
        await require("kafka", nobody, ask_kafka, 0.1)


async def test_a_postgres_that_is_away_is_named_without_its_password(nobody: str) -> None:
    with pytest.raises(SetupError, match=nobody) as told:
        await require("postgres", f"postgresql://me:geheim@{nobody}/x", ask_postgres, 0.1)

    assert "geheim" not in str(told.value)


async def test_a_valkey_that_is_away_is_named(nobody: str) -> None:
    with pytest.raises(SetupError, match=nobody):
        await require("valkey", f"redis://{nobody}/0", ask_valkey, 0.1)


async def test_an_address_without_port_is_told() -> None:
    with pytest.raises(SetupError, match="'broker' is not host:port"):
        await require("kafka", "broker", ask_kafka, 5)


async def test_one_that_starts_late_is_waited_for() -> None:
    answers = iter([ConnectionRefusedError("not yet"), None])

    async def ask(_address: str) -> None:
        if error := next(answers):
            raise error

    await require("kafka", "somewhere:1", ask, 5)

    assert next(answers, "asked twice") == "asked twice"


async def test_one_that_never_answers_is_given_up() -> None:
    async def ask(_address: str) -> None:
        await asyncio.Event().wait()

    with pytest.raises(SetupError, match=r"did not answer within 0\.05 s"):
        await require("kafka", "somewhere:1", ask, 0.05)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("redis://:geheim@host:1/0", "redis://:***@host:1/0"),
        ("postgresql://me:a@host/x", "postgresql://me:***@host/x"),
        ("host:9092", "host:9092"),
        ("postgresql://[broken", "postgresql://[broken"),
    ],
)
def test_passwords_are_not_shown(address: str, shown: str) -> None:
    assert without_password(address) == shown
