"""A fresh database per test on the embedded PostgreSQL."""

import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest

from control.devstack.config import Addresses


@pytest.fixture
async def empty_database(devstack: Addresses) -> AsyncIterator[str]:
    """The address of a database with nothing in it, dropped afterwards."""
    name = f"test_{uuid.uuid4().hex}"
    server = await asyncpg.connect(devstack.postgres)
    try:
        await server.execute(f"create database {name}")
        yield f"{devstack.postgres.rsplit('/', 1)[0]}/{name}"
        await server.execute(f"drop database {name} with (force)")
    finally:
        await server.close()
