"""The helper by which the whole test suite gets its servers."""

from pathlib import Path

import psutil
import pytest

from control.devstack.reach import ask_kafka, ask_postgres, ask_valkey
from tests.integration.devstack.running import gone
from tests.support.devstack import run_devstack, session_stack

pytestmark = [pytest.mark.devstack, pytest.mark.slow]


async def test_it_yields_servers_that_answer_and_stops_them(tmp_path: Path) -> None:
    before = set(psutil.Process().children(recursive=True))
    with session_stack(tmp_path) as addresses:
        await ask_kafka(addresses.kafka)
        await ask_postgres(addresses.postgres)
        await ask_valkey(addresses.valkey)
        started = [p for p in psutil.Process().children(recursive=True) if p not in before]

    assert len(started) >= 4
    assert gone(started, within_s=0.5)


def test_named_servers_are_used_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KAFKA", "POSTGRES", "VALKEY"):
        monkeypatch.setenv(f"PRESENCE_TEST_{name}", name.lower())

    [addresses] = run_devstack(tmp_path)

    assert (addresses.kafka, addresses.postgres, addresses.valkey) == ("kafka", "postgres", "valkey")
    assert not list(tmp_path.iterdir())
