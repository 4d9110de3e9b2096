"""Every query that a page shows runs on the schema as it is."""

import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from control.devstack.config import Addresses
from migrations.run import migrate
from tests.support.pages import Block, all_pages, blocks, relative

pytestmark = [pytest.mark.devstack, pytest.mark.asyncio(loop_scope="module")]

_BLOCKS = [block for page in all_pages() for block in blocks(page) if block.language == "sql"]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def connection(devstack: Addresses) -> AsyncIterator[asyncpg.Connection]:
    """A connection to a migrated database, dropped afterwards."""
    name = f"docs_{uuid.uuid4().hex}"
    server = await asyncpg.connect(devstack.postgres)
    await server.execute(f"create database {name}")
    address = f"{devstack.postgres.rsplit('/', 1)[0]}/{name}"
    await migrate(address)
    connection = await asyncpg.connect(address)
    yield connection
    await connection.close()
    await server.execute(f"drop database {name} with (force)")
    await server.close()


@pytest.mark.parametrize("block", _BLOCKS, ids=lambda block: relative(block.page))
async def test_every_query_that_is_shown_runs(connection: asyncpg.Connection, block: Block) -> None:
    statements = [text for text in block.text.split(";") if text.strip()]

    for statement in statements:
        await connection.fetch(statement)
