"""The surroundings of a worker-agent, for the tests of a file: a broker with its streams, a sandbox, the other side."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.other_side import OtherSide, declare, other_side
from tests.support.sandbox import SandboxServer, running_sandbox
from tests.support.stack import TestNats, TestPostgres, run


@pytest.fixture(scope="module")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestNats]:
    server = TestNats(tmp_path_factory.mktemp("nats"))
    server.start()
    run(declare(server))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def questions_env(postgres: TestPostgres, nats: TestNats) -> Iterator[dict[str, str]]:
    """What the question-broker of a file needs to know."""
    database = postgres.create()
    yield database.env("questions") | nats.env()
    postgres.drop(database)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    with running_sandbox() as server:
        yield server


@pytest.fixture
async def side(nats: TestNats) -> AsyncIterator[OtherSide]:
    async with other_side(nats) as made:
        yield made
