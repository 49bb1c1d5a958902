"""The projections on real servers: they are what they would be in memory, and what the log makes of them anew."""

import asyncio
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import orjson
import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from analytics_query import app
from analytics_query.domain.consumers import CONSUMERS
from analytics_query.domain.retention import Kept
from analytics_query.domain.vocabulary import Resolution
from analytics_query.handlers.projecting import Projector
from analytics_query.settings import Settings
from analytics_query.store import PLANNER, PostgresProjections
from servicekit.bus import Bus, declare_streams, publish_batches
from servicekit.migrations import run_migrations
from servicekit.pg import Database as Pg
from telemetry_ingest import app as ingest
from telemetry_ingest.settings import Settings as IngestSettings
from tests.conftest import StackEnv
from tests.support.buskit import a_bus
from tests.support.examples import NOW
from tests.support.histories import History, Sealed, outgoing
from tests.support.producer import settled
from tests.support.projecting import Dump, assert_equal, dump_of, in_memory, project
from tests.support.running import running_service
from tests.support.serving import serving
from tests.support.stack import Database, TestNats
from tests.support.waiting import eventually

# What is told here happened long ago by the clock of the service.
KEEP_ALL = {"ROLLUP_MINUTE_DAYS": "99999", "ROLLUP_HOUR_DAYS": "99999"}
KEPT = Kept({Resolution.minute: NOW + timedelta(hours=1), Resolution.hour: NOW + timedelta(hours=12)})
REBUILD = (sys.executable, "-m", "analytics_query", "rebuild", "--json")


async def stored(database: Database) -> Dump:
    connection = await asyncpg.connect(database.dsn("analytics"))
    try:
        return await dump_of(connection)
    finally:
        await connection.close()


async def test_the_database_holds_what_memory_would_however_the_batches_come(
    database: Database, stack_env: StackEnv
) -> None:
    settings = Settings.model_validate({name.lower(): value for name, value in stack_env("analytics").items()})
    await run_migrations(app.MIGRATIONS, app.SCHEMA, settings)
    history = History(seed=7, tasks=4, events=250)
    clean = history.sealed()
    pg = await Pg.connect(settings, app.SCHEMA, planner=PLANNER)
    # Two that know nothing of each other take turns, as after a change of the leading replica; one remembers nothing.
    projectors = [Projector(PostgresProjections(pg)), Projector(PostgresProjections(pg), 0, 0)]
    disturbed = history.disturbed(clean)
    for turn, start in enumerate(range(0, len(disturbed), 9)):
        await project(projectors[turn // 3 % 2], disturbed[start : start + 9])
    await pg.close()
    assert_equal(await stored(database), (await in_memory(clean)).dump())


@dataclass
class House:
    """telemetry-ingest and analytics-query, running, and the bus before them."""

    bus: Bus
    env: dict[str, str]
    database: Database

    @property
    def settings(self) -> Settings:
        """Of analytics-query."""
        return Settings.model_validate({name.lower(): value for name, value in self.env.items()})

    async def send(self, batches: Sequence[Sealed]) -> None:
        """Publish batches until the broker has them."""
        await self.bus.wait_ready()
        assert all(await publish_batches(self.bus, outgoing(batches)))

    async def settled(self) -> None:
        """Wait until all is projected."""
        for stream, consumer in CONSUMERS.items():
            await settled(self.bus, stream, consumer)

    async def keep(self, kept: Kept) -> None:
        """Forget older roll-ups."""
        pg = await Pg.connect(self.settings, app.SCHEMA)
        await PostgresProjections(pg).keep(kept)
        await pg.close()

    async def stored(self) -> Dump:
        """All projections."""
        return await stored(self.database)

    async def rebuild(self, *options: str, **env: str) -> asyncio.subprocess.Process:
        """Start the command."""
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(*REBUILD, *options, env=self.env | env, stdout=pipe, stderr=pipe)


@pytest.fixture
async def house(stack_env: StackEnv, database: Database, nats_server: TestNats) -> AsyncIterator[House]:
    async with AsyncExitStack() as stack:
        bus = await stack.enter_async_context(a_bus(nats_server))
        log_env = {name.lower(): value for name, value in stack_env("telemetry").items()}
        log_settings = IngestSettings.model_validate(log_env)
        log = await stack.enter_async_context(
            running_service(ingest.create_app, log_settings, ingest.MIGRATIONS, ingest.SCHEMA)
        )
        env = stack_env("analytics") | KEEP_ALL | {"TELEMETRY_INGEST_URL": str(log.base_url)}
        made = House(bus, env, database)
        await stack.enter_async_context(running_service(app.create_app, made.settings, app.MIGRATIONS, app.SCHEMA))
        yield made


async def test_a_rebuild_makes_the_same_projections_while_events_keep_coming(house: House) -> None:
    history, later = History(seed=1, tasks=4, events=200), History(seed=2, tasks=4, events=200)
    before, after = history.sealed("spool-1"), later.sealed("spool-2")
    await house.send(history.disturbed(before))
    await house.settled()
    live = await house.stored()
    assert_equal(live, (await in_memory(before)).dump())
    await house.keep(KEPT)
    running = await house.rebuild("--progress", REBUILD_WRITE_EVENTS="50")
    for start in range(0, len(after), 10):
        await house.send(after[start : start + 10])
    output, errors = await asyncio.wait_for(running.communicate(), 30)
    assert running.returncode == 0, errors.decode()
    summary = orjson.loads(output)
    assert summary["events"] >= 200
    await house.settled()
    expected = await in_memory([*before, *after])
    await expected.keep(KEPT)
    assert_equal(await house.stored(), expected.dump())
    again = await house.rebuild()
    output, errors = await asyncio.wait_for(again.communicate(), 30)
    assert again.returncode == 0, errors.decode()
    assert orjson.loads(output)["skipped"] == 0
    assert_equal(await house.stored(), expected.dump())


@asynccontextmanager
async def a_log_that_stalls(url: str, asked: asyncio.Event) -> AsyncGenerator[str]:
    """The real log, but its export of events breaks off after some lines, and hangs."""
    stand_in = FastAPI()

    @stand_in.get("/v1/log/events")
    async def events() -> StreamingResponse:
        async def lines() -> AsyncGenerator[bytes]:
            async with httpx.AsyncClient(base_url=url) as client:
                whole = (await client.get("/v1/log/events")).content.splitlines(keepends=True)
            yield b"".join(whole[: len(whole) // 2])
            asked.set()
            await asyncio.Event().wait()

        return StreamingResponse(lines())

    @stand_in.get("/v1/log/{what}")
    async def rest(what: str) -> StreamingResponse:
        async with httpx.AsyncClient(base_url=url) as client:
            whole = (await client.get(f"/v1/log/{what}")).content

        async def body() -> AsyncGenerator[bytes]:
            yield whole

        return StreamingResponse(body())

    async with serving(stand_in) as address:
        yield address


async def test_a_rebuild_that_is_killed_leaves_everything_as_it_was(house: House) -> None:
    history = History(seed=3, tasks=3, events=120)
    before, after = history.sealed("spool-1"), History(seed=4, tasks=2, events=10).sealed("spool-2")
    await house.send(before)
    await house.settled()
    live = await house.stored()
    asked = asyncio.Event()
    async with a_log_that_stalls(house.env["TELEMETRY_INGEST_URL"], asked) as url:
        running = await house.rebuild(TELEMETRY_INGEST_URL=url, REBUILD_WRITE_EVENTS="1")
        await asyncio.wait_for(asked.wait(), 20)
        await house.send(after)
        assert_equal(await house.stored(), live)
        running.kill()
        await running.wait()
    await house.settled()
    assert_equal(await house.stored(), (await in_memory([*before, *after])).dump())


async def test_a_rebuild_refuses_a_log_that_lacks_what_was_projected(house: House, database: Database) -> None:
    await house.send(History(seed=5, tasks=1, events=5).sealed())
    await house.settled()
    connection = await asyncpg.connect(database.dsn("analytics"))
    await connection.execute("UPDATE applied_batches SET low = low + 1000, above = '{}'")
    await connection.close()
    live = await house.stored()
    running = await house.rebuild(REBUILD_WAIT_MS="0")
    _, errors = await asyncio.wait_for(running.communicate(), 20)
    assert running.returncode == 1
    assert b"the event log lacks" in errors
    assert b"spool-1" in errors
    assert_equal(await house.stored(), live)


async def replica(env: dict[str, str], **more: Any) -> asyncio.subprocess.Process:
    command = (sys.executable, "-m", "analytics_query", "serve")
    return await asyncio.create_subprocess_exec(*command, env=env | {"HTTP_PORT": "0"} | more)


async def holder(database: Database) -> str | None:
    connection = await asyncpg.connect(database.dsn("analytics"))
    try:
        return await connection.fetchval("SELECT holder FROM leader_lease WHERE expires_at > clock_timestamp()")
    finally:
        await connection.close()


async def test_a_second_replica_goes_on_when_the_projecting_one_is_killed(
    stack_env: StackEnv, database: Database, nats_server: TestNats
) -> None:
    env = stack_env("analytics") | KEEP_ALL
    settings = Settings.model_validate({name.lower(): value for name, value in env.items()})
    await run_migrations(app.MIGRATIONS, app.SCHEMA, settings)
    async with a_bus(nats_server) as bus:
        replicas = [await replica(env, PROJECTION_LEASE_MS="500") for _ in range(2)]
        try:
            house = House(bus, env, database)
            leading = await eventually(lambda: holder(database))
            await declare_streams(bus.js)
            before, after = History(seed=8).sealed("spool-1"), History(seed=9).sealed("spool-2")
            await house.send(before)
            await house.settled()
            [first] = [one for one in replicas if f":{one.pid}:" in leading]
            first.kill()
            await first.wait()
            await house.send(after)

            async def taken_over() -> bool:
                return await holder(database) not in (None, leading)

            await eventually(taken_over)
            await house.settled()
            assert_equal(await house.stored(), (await in_memory([*before, *after])).dump())
        finally:
            for one in replicas:
                if one.returncode is None:
                    one.terminate()
                    await one.wait()
