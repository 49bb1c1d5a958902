"""What becomes of the audit log when processes are killed, PostgreSQL is away, and messages come again."""

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from mcp import MCPError

from contracts.decided import DecidedEvent, DecidedKind
from contracts.streams import EVENTS
from devstack.ports import free_port
from mcp_gateway import app
from mcp_gateway.decisions.audit.describing import CLOSED, GAP, OPENED
from mcp_gateway.domain.audit import AuditQuery, Link
from mcp_gateway.handlers.audit.verifying import verify_all
from mcp_gateway.store import PostgresAuditReader
from mcp_gateway.subscriptions import AUDIT_CONSUMER
from servicekit.bus import Outgoing, declare_streams, publish_batches
from servicekit.ids import new_event_id
from servicekit.migrations import run_migrations
from servicekit.pg import Database as Pool
from tests.support.buskit import NOW, a_bus
from tests.support.gateway import client, gateway
from tests.support.producer import Producer, settled
from tests.support.schema import settings_of
from tests.support.stack import Database, TestNats, TestPostgres
from tests.support.upstreams import Addresses, World, upstreams
from tests.support.views import running_task
from tests.support.waiting import eventually

TASK = "task-abc123"


def known(database: Database, **more: Any) -> dict[str, Any]:
    return {name.lower(): value for name, value in database.env(app.SCHEMA).items()} | more


async def entries(database: Database) -> list[Link]:
    """All entries in order, of a chain that holds."""
    pool = await Pool.connect(settings_of(database, app.SCHEMA), app.SCHEMA)
    try:
        reader = PostgresAuditReader(pool)
        assert [part async for part in verify_all(reader, [])][-1].broken is None
        return (await reader.page(AuditQuery(), None, 10_000))[::-1]
    finally:
        await pool.close()


async def actions(database: Database) -> list[str]:
    return [link.entry.action for link in await entries(database)]


@pytest.fixture
async def migrated(database: Database) -> Database:
    await run_migrations(app.MIGRATIONS, app.SCHEMA, settings_of(database, app.SCHEMA))
    return database


def decided(kind: DecidedKind, **more: Any) -> DecidedEvent:
    return DecidedEvent(event_id=new_event_id(), kind=kind, occurred_at=NOW, task_id=TASK, **more)


async def test_each_critical_decision_is_told_once_however_often_it_comes(
    migrated: Database, nats_server: TestNats
) -> None:
    nats = {name.lower(): value for name, value in nats_server.env().items()}
    async with a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        orchestrator = Producer(bus, "orchestrator-1")
        await orchestrator.tell(decided(DecidedKind.task_assigned, attempt=1, worker_id="w1"))
        async with upstreams(World()) as addresses, gateway(addresses, **known(migrated, **nats)):
            await orchestrator.tell(
                decided(DecidedKind.task_running), decided(DecidedKind.task_cancelled, actor="alice")
            )
            broken = [Outgoing("event.task.queued", "broken-1", b"no batch")]
            await eventually(lambda: publish_batches(bus, broken))
            await settled(bus, EVENTS, AUDIT_CONSUMER)
            await orchestrator.repeat_all(1)
            await settled(bus, EVENTS, AUDIT_CONSUMER)
            pool = await Pool.connect(settings_of(migrated, app.SCHEMA), app.SCHEMA)
            assert await pool.pool.fetchval("SELECT count(*) FROM dead_letter WHERE subject = 'event.task.queued'") == 1
            await pool.close()
    told = [link.entry for link in await entries(migrated) if link.entry.source == "event"]
    assert [(one.action, one.principal) for one in told] == [("task.assigned", "system"), ("task.cancelled", "alice")]
    assert (told[0].attempt, told[0].worker_id) == (1, "w1")


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[tuple[TestPostgres, Database]]:
    """A server that the test may stop, and a database on it."""
    server = TestPostgres(tmp_path)
    server.start()
    server.make_template()
    yield server, server.create()
    server.stop()


async def test_while_postgresql_is_away_calls_go_on_and_the_gap_is_told_unless_the_log_is_required(
    own_postgres: tuple[TestPostgres, Database],
) -> None:
    (server, database), world = own_postgres, World()
    world.put(running_task())
    await run_migrations(app.MIGRATIONS, app.SCHEMA, settings_of(database, app.SCHEMA))
    fast = known(database, audit_gather_ms=0, audit_wait_ms=1_000, postgres_connect_timeout_ms=1_000)
    async with (
        upstreams(world) as addresses,
        gateway(addresses, **fast) as lenient,
        gateway(addresses, **fast, audit_required=True) as strict,
    ):
        assert not await cancel(strict, "before")
        server.stop()
        for reason in ("first", "second"):
            assert not await cancel(lenient, reason)
        assert await cancel(strict, "must not be done") == "service_unavailable"
        async with client(strict, "2026-07-28") as manager:
            assert not (await manager.call_tool("list_tasks", {})).is_error
        async with httpx.AsyncClient(base_url=strict.removesuffix("/mcp")) as http:
            ready = await http.get("/readyz")
            assert (ready.status_code, "audit log cannot be written" in ready.text) == (503, True)
            refused = await http.post("/v1/keys", json={"name": "x"})
            assert refused.status_code == 503
        server.start()
        await eventually(lambda: has_entries(database, "first", "second"))
        assert await eventually(lambda: done(strict, "after"))
    done_because = [body["reason"].removeprefix("cancelled by local: ") for body in world.bodies]
    assert done_because == ["before", "first", "second", "after"]
    told = [link.entry for link in await entries(database)]
    gaps = [orjson.loads(one.details) for one in told if one.action == GAP]
    assert len({gap["instance"] for gap in gaps}) == 2
    assert sum(gap["late"] for gap in gaps) >= 3
    assert all(gap["lost"] == 0 for gap in gaps)
    refused_call = [one for one in told if '"must not be done"' in one.details]
    assert [one.outcome for one in refused_call] == ["begun"]


async def cancel(url: str, reason: str) -> str | None:
    """Cancel the task; the code of the error, if there is one."""
    async with client(url, "legacy") as manager:
        try:
            result = await manager.call_tool("cancel_task", {"task_id": TASK, "reason": reason})
        except MCPError as error:
            if not isinstance(error.error.data, dict):
                raise
            return error.error.data["mews/problem"]["code"]
    return (result.meta or {})["mews/problem"]["code"] if result.is_error else None


async def done(url: str, reason: str) -> bool:
    return await cancel(url, reason) is None


async def has_entries(database: Database, *reasons: str) -> bool:
    try:
        told = [link.entry.details for link in await entries(database)]
    except (OSError, TimeoutError):
        return False
    return all(any(f'"{reason}"' in details for details in told) for reason in reasons)


class Process:
    """A gateway as a process of its own, which a test may kill."""

    def __init__(self, database: Database, addresses: Addresses, **more: str) -> None:
        self.port = free_port()
        given = {"AUTH_MODE": "local", "HTTP_PORT": str(self.port), "LOG_LEVEL": "warning", "AUDIT_REQUIRED": "true"}
        self._env = dict(os.environ) | database.env(app.SCHEMA) | addresses.env() | given | more
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "mcp_gateway", "serve", env=self._env
        )
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}") as http:

            async def ready() -> bool:
                assert self._process is not None
                assert self._process.returncode is None
                try:
                    return (await http.get("/readyz")).status_code == 200
                except httpx.TransportError:
                    return False

            await eventually(ready, within=120)

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


async def test_two_processes_share_one_chain_and_one_that_is_killed_leaves_what_it_had_begun(
    migrated: Database,
) -> None:
    world = World()
    world.put(running_task())
    async with upstreams(world) as addresses, gateway(addresses, **known(migrated, audit_required=True)) as second:
        # What only reads is gathered for so long that it is lost.
        process = Process(migrated, addresses, AUDIT_GATHER_MS="600000")
        try:
            await process.start()
            answered = await asyncio.gather(*(cancel(url, "both") for url in (process.url, second) for _ in range(10)))
            assert answered == [None] * 20
            world.may_answer.clear()
            hanging = asyncio.create_task(cancel(process.url, "held"))
            await eventually(lambda: has_entries(migrated, "held"))
            async with client(process.url, "2026-07-28") as manager:
                await manager.call_tool("list_tasks", {})
        finally:
            await process.kill()
        world.may_answer.set()
        await asyncio.wait({hanging})
        assert hanging.exception() is not None
        assert not await cancel(second, "after")
    told = [link.entry for link in await entries(migrated)]
    by_reason = {reason: [one.outcome for one in told if f'"{reason}"' in one.details] for reason in ("both", "held")}
    assert sorted(by_reason["both"]) == ["begun"] * 20 + ["ok"] * 20
    assert by_reason["held"] == ["begun"]
    assert [one.action for one in told if one.action == "list_tasks"] == []
    opened, closed = (
        [orjson.loads(one.details)["instance"] for one in told if one.action == action] for action in (OPENED, CLOSED)
    )
    assert (len(opened), len(closed)) == (2, 1)
