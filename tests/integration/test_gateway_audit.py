"""The audit log on a real database: what is called, decided, refused and tampered with."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from contracts.audit import AuditEntry, AuditOutcome, AuditSource, AuditVerification
from contracts.base import Page
from devstack.admin import schema_statements
from devstack.cli.app import app as command_line
from mcp_gateway import app
from mcp_gateway.decisions.audit.chaining import chained
from mcp_gateway.decisions.audit.rendering import parse_head
from mcp_gateway.domain.audit import AuditQuery, Entry, Head
from mcp_gateway.handlers.audit.keeping import keep_months
from mcp_gateway.handlers.audit.verifying import verify_all, verify_part
from mcp_gateway.store import PostgresAuditReader, PostgresAuditWriter
from mcp_gateway.store.audit.rows import COLUMNS, columns, unnested
from servicekit.clock import SystemClock
from servicekit.migrations import run_migrations
from servicekit.pg import Database as Pool
from tests.support.gateway import client, gateway
from tests.support.schema import settings_of
from tests.support.stack import ROLES, Database, TestPostgres
from tests.support.upstreams import World, upstreams
from tests.support.views import running_task
from tests.support.waiting import eventually

NOW = datetime(2026, 11, 30, 8, tzinfo=UTC)
TRACE = "0af7651916cd43dd8448eb211c80319c"
SECRET = "hunter2-hunter2"
TOKENS = ",".join(
    f"{name}:{hashlib.sha256(f'token-of-{name}'.encode()).hexdigest()}:{role}"
    for name, role in [("ann", "admin"), ("otto", "operator")]
)
GUARDED = {"auth_mode": "token", "gateway_tokens": SecretStr(TOKENS), "gateway_state_keys": SecretStr("k" * 32)}


@pytest.fixture
async def migrated(database: Database) -> Database:
    await run_migrations(app.MIGRATIONS, app.SCHEMA, settings_of(database, app.SCHEMA))
    return database


@asynccontextmanager
async def pool_of(database: Database) -> AsyncGenerator[Pool]:
    pool = await Pool.connect(settings_of(database, app.SCHEMA), app.SCHEMA)
    try:
        yield pool
    finally:
        await pool.close()


@asynccontextmanager
async def owner_of(database: Database) -> AsyncGenerator[asyncpg.Connection]:
    connection = await asyncpg.connect(database.dsn(app.SCHEMA, owner=True))
    try:
        yield connection
    finally:
        await connection.close()


def entry(number: int, writer: str = "one") -> Entry:
    return Entry(NOW, AuditSource.tool, f"call {number}", writer, AuditOutcome.ok)


async def verified(database: Database, *known: Head) -> AuditVerification:
    async with pool_of(database) as pool:
        return [part async for part in verify_all(PostgresAuditReader(pool), known)][-1]


@dataclass
class Running:
    """A gateway that knows two callers, and its REST API as each of them."""

    url: str
    world: World
    database: Database

    async def get(self, path: str, who: str = "ann", **params: Any) -> httpx.Response:
        async with httpx.AsyncClient(base_url=self.url.removesuffix("/mcp")) as http:
            return await http.get(path, headers={"Authorization": f"Bearer token-of-{who}"}, params=params)

    async def entries(self, **query: Any) -> list[AuditEntry]:
        answer = await self.get("/v1/audit", **query)
        assert answer.status_code == 200, answer.text
        return Page[AuditEntry].model_validate_json(answer.content).items

    async def entry(self, **query: Any) -> AuditEntry:
        return (await eventually(lambda: self.entries(**query)))[0]


@asynccontextmanager
async def running(database: Database, **changes: Any) -> AsyncGenerator[Running]:
    known = {name.lower(): value for name, value in database.env(app.SCHEMA).items()}
    world = World()
    async with upstreams(world) as addresses, gateway(addresses, **(known | GUARDED | changes)) as url:
        yield Running(url, world, database)


async def test_calls_reads_requests_and_refusals_are_told_and_their_chain_holds(migrated: Database) -> None:
    async with running(migrated, audit_gather_ms=0) as found:
        found.world.put(running_task())
        async with client(found.url, "2026-07-28", "token-of-otto") as manager:
            await manager.call_tool("assign_task", {"description": "x", "requirements": {"env": {"PASSWORD": SECRET}}})
            await manager.call_tool("cancel_task", {"task_id": "task-abc123", "reason": f"password={SECRET}"})
            await manager.call_tool("cancel_task", {"task_id": "task-none"})
            await manager.call_tool("list_tasks", {"limit": 0})
            await manager.read_resource("mews://tasks/task-abc123")
        async with httpx.AsyncClient() as http:
            wrong = {"Authorization": f"Bearer {SECRET}", "traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
            await http.post(found.url, headers=wrong, json={})
        assert (await found.get("/v1/audit", "otto")).status_code == 403
        assert (await found.get("/v1/audit/999999")).status_code == 404

        assigned = await found.entry(action="assign_task")
        assert (assigned.principal, assigned.role, assigned.credential) == ("otto", "operator", "token:otto")
        assert (assigned.client, assigned.outcome, assigned.source) == ("127.0.0.1", "ok", "tool")
        assert assigned.task_id in found.world.tasks
        assert assigned.details["requirements"] == {"env": {"PASSWORD": "********"}}
        assert assigned.duration_ms is not None
        refused, cancelled = await found.entries(action="cancel_task")
        assert (cancelled.outcome, cancelled.task_id) == ("ok", "task-abc123")
        assert (refused.outcome, refused.code) == ("refused", "not_found")
        assert (await found.entry(action="list_tasks")).code == "invalid_input"
        assert (await found.entry(action="resources/read")).task_id == "task-abc123"
        turned_away = await found.entry(source="authentication")
        assert (turned_away.principal, turned_away.code, turned_away.trace_id) == ("unknown", "http_401", TRACE)
        denied, missing = [one for one in await found.entries(source="admin") if one.outcome == "refused"][::-1][:2]
        assert (denied.principal, denied.action, denied.code) == ("otto", "GET /v1/audit", "forbidden")
        assert (missing.action, missing.code) == ("GET /v1/audit/{seq}", "not_found")

        of_task = await found.entries(task_id="task-abc123", outcome="ok", until=assigned.recorded_at.isoformat())
        assert of_task == []
        everything = await found.entries(limit=500)
        assert SECRET not in "".join(one.to_json().decode() for one in everything)
        page = Page[AuditEntry].model_validate_json((await found.get("/v1/audit", limit=2)).content)
        following = Page[AuditEntry].model_validate_json(
            (await found.get("/v1/audit", limit=2, cursor=page.next_cursor)).content
        )
        assert page.items[-1].seq == following.items[0].seq + 1
        head = (await found.get("/v1/audit/head")).json()
        answer = await found.get("/v1/audit/verification", known=f"{head['seq']}:{head['hash']}")
        assert answer.json()["complete"]
        assert "broken" not in answer.json()
        await the_command_line_shows_and_verifies_it(found.url)
    # Whatever was told is written by the time the process has ended.
    final = await verified(migrated)
    assert (final.broken, final.complete) == (None, True)
    async with pool_of(migrated) as pool:
        last = await PostgresAuditReader(pool).entry(final.head.seq)
        assert last is not None
        assert last.entry.action == "audit.closed"


async def the_command_line_shows_and_verifies_it(url: str) -> None:
    env = {"MEWS_GATEWAY": url, "MEWS_TOKEN": "token-of-ann"}

    async def mews(*arguments: str) -> tuple[int, str]:
        done = await asyncio.to_thread(CliRunner().invoke, command_line, ["audit", *arguments], env=env)
        return done.exit_code, done.output

    code, listed = await mews("list", "--action", "assign_task", "--since", "1h")
    assert (code, "otto" in listed) == (0, True)
    code, shown = await mews("show", "1")
    assert (code, "audit.opened" in shown) == (0, True)
    code, end = await mews("head")
    assert code == 0
    code, held = await mews("verify", "--head", end.strip())
    assert (code, "entries hold, from 1 to" in held) == (0, True)
    code, broken = await mews("verify", "--head", f"2:{'0' * 64}")
    assert (code, "BROKEN at entry 2" in broken) == (1, True)


async def test_two_processes_append_to_one_chain(migrated: Database) -> None:
    async with pool_of(migrated) as pool, pool_of(migrated) as other:
        writers = [PostgresAuditWriter(pool, SystemClock()), PostgresAuditWriter(other, SystemClock())]

        async def append(place: int) -> None:
            for number in range(20):
                await writers[place].append([entry(number, f"writer {place}")] * (number % 3 + 1))

        await asyncio.gather(append(0), append(1))
        assert (await verified(migrated)).broken is None
        reader = PostgresAuditReader(pool)
        links = await reader.page(AuditQuery(), None, 1_000)
        # A long log is verified in parts, each from where the one before has ended.
        part, entries = await verify_part(reader, None, [], 7), 0
        while not part.complete:
            entries += part.entries
            part = await verify_part(reader, parse_head(f"{part.head.seq}:{part.head.hash}"), [], 7)
        assert (entries + part.entries, part.head.seq, part.broken) == (len(links), len(links), None)
    assert len(links) == 2 * sum(number % 3 + 1 for number in range(20))
    assert {link.entry.principal for link in links[:60]} == {"writer 0", "writer 1"}


async def test_nobody_can_change_or_remove_an_entry(postgres: TestPostgres, migrated: Database) -> None:
    async with pool_of(migrated) as pool, owner_of(migrated) as owner:
        await PostgresAuditWriter(pool, SystemClock()).append([entry(1)])
        partition = await owner.fetchval("SELECT inhrelid::regclass::text FROM pg_inherits LIMIT 1")
        for table in ("audit_entries", partition):
            for statement in ("UPDATE {} SET action = 'x'", "DELETE FROM {}", "TRUNCATE {}"):
                async with pool.acquire() as connection:
                    with pytest.raises(asyncpg.InsufficientPrivilegeError):
                        await connection.execute(statement.format(table))
                # Its owner has the right, and is kept from using it by mistake.
                with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
                    await owner.execute(statement.format(table))
        # The administrator's step, which gives roles their rights, may be run again at any time.
        async with postgres.connect(migrated.name) as administrator:
            for statement in schema_statements(ROLES):
                await administrator.execute(statement)
        async with pool.acquire() as connection:
            for table in ("audit_entries", partition):
                for statement in (f"UPDATE {table} SET action = 'x'", f"DELETE FROM {table}"):
                    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
                        await connection.execute(statement)
            for statement in (
                f"DROP TABLE {partition}",
                "DELETE FROM audit_head",
                "SELECT drop_audit_partition(now()::date)",
            ):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(statement)


TAMPERINGS = (
    ("UPDATE audit_entries SET details = '{\"amount\":1}' WHERE seq = 4", 4, "changed"),
    ("UPDATE audit_entries SET principal = 'mallory' WHERE seq = 6", 6, "changed"),
    ("DELETE FROM audit_entries WHERE seq = 5", 6, "gone"),
    ("DELETE FROM audit_entries WHERE seq > 7", 8, "gone"),
    ("DELETE FROM audit_entries WHERE seq < 3", 3, "no entry of the log says why"),
    ("UPDATE audit_entries SET action = (SELECT action FROM saved WHERE saved.seq = 5) WHERE seq = 6", 6, "changed"),
    ("UPDATE audit_head SET hash = prev_hash FROM audit_entries WHERE audit_entries.seq = 10", 10, "its head"),
)


async def test_whoever_gets_past_the_database_is_found_by_the_chain(migrated: Database) -> None:
    async with pool_of(migrated) as pool, owner_of(migrated) as owner:
        await PostgresAuditWriter(pool, SystemClock()).append([entry(number) for number in range(10)])
        assert (await verified(migrated)).broken is None
        await owner.execute("ALTER TABLE audit_entries DISABLE TRIGGER audit_entries_unchanged")
        await owner.execute("CREATE TEMPORARY TABLE saved AS SELECT * FROM audit_entries")
        for tampering, seq, reason in TAMPERINGS:
            await owner.execute(tampering)
            broken = (await verified(migrated)).broken
            assert broken is not None, tampering
            assert (broken.seq, reason in broken.reason) == (seq, True), broken
            await owner.execute("DELETE FROM audit_entries; INSERT INTO audit_entries SELECT * FROM saved")
            await owner.execute("UPDATE audit_head SET hash = saved.hash FROM saved WHERE saved.seq = 10")
        assert (await verified(migrated)).broken is None


async def test_a_log_that_was_cut_off_with_its_head_shows_against_a_kept_end(migrated: Database) -> None:
    async with pool_of(migrated) as pool, owner_of(migrated) as owner:
        kept = await PostgresAuditWriter(pool, SystemClock()).append([entry(number) for number in range(10)])
        await owner.execute("ALTER TABLE audit_entries DISABLE TRIGGER audit_entries_unchanged")
        await owner.execute("DELETE FROM audit_entries WHERE seq > 7")
        await owner.execute("UPDATE audit_head SET seq = e.seq, hash = e.hash FROM audit_entries e WHERE e.seq = 7")
    assert (await verified(migrated)).broken is None
    broken = (await verified(migrated, kept)).broken
    assert broken is not None
    assert "once ended at 10" in broken.reason


async def test_old_months_are_dropped_and_an_entry_tells_where_they_ended(migrated: Database) -> None:
    clock = SystemClock()
    async with pool_of(migrated) as pool, owner_of(migrated) as owner:
        head = Head()
        for age in (200, 120, 119):
            head = await planted(owner, head, 3, clock.now() - timedelta(days=age))
        writer, reader = PostgresAuditWriter(pool, clock), PostgresAuditReader(pool)
        await writer.append([entry(100)])
        # Not even the runtime role can drop a month that no entry tells of, or one that is young.
        month = (clock.now() - timedelta(days=200)).date()
        async with pool.acquire() as connection:
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="no entry tells"):
                await connection.execute("SELECT drop_audit_partition($1)", month)
        assert await keep_months(writer, 400, clock) == 0
        assert await keep_months(writer, 160, clock) == 1
        assert await keep_months(writer, 160, clock) == 0
        assert (await verified(migrated)).broken is None
        assert await keep_months(writer, 0, clock) == 0
        await writer.append([entry(101)])
        oldest = (await reader.part(0, 1)).links[0]
        assert oldest.seq == 4
        final = await verified(migrated, head)
        assert (final.broken, final.first_seq) == (None, 4)
        await owner.execute("ALTER TABLE audit_entries DISABLE TRIGGER audit_entries_unchanged")
        await owner.execute("DELETE FROM audit_entries WHERE seq = 4")
    assert (await verified(migrated)).broken is not None


async def planted(owner: asyncpg.Connection, head: Head, count: int, at: datetime) -> Head:
    """Entries as they were written at that time."""
    links, new = chained(head, [entry(number) for number in range(count)], at)
    await owner.execute("SELECT ensure_audit_partition($1)", at.date())
    await owner.execute(f"INSERT INTO audit_entries ({COLUMNS}) SELECT * FROM unnest({unnested(1)})", *columns(links))
    await owner.execute(
        "UPDATE audit_head SET seq = $1, hash = $2, recorded_at = $3", new.seq, new.hash, new.recorded_at
    )
    return new


async def test_an_answer_that_was_lost_does_not_append_twice(migrated: Database) -> None:
    async with pool_of(migrated) as pool:
        writer = PostgresAuditWriter(pool, SystemClock())
        await writer.append([entry(0)])
        group = [entry(number) for number in range(1, 4)]
        lost = LosesAnswers(pool)
        unlucky = PostgresAuditWriter(lost, SystemClock())  # pyright: ignore[reportArgumentType]
        with pytest.raises(ConnectionResetError):
            await unlucky.append(group)
        lost.loses = False
        head = await unlucky.append(group)
        assert head.seq == 4
        # Others, that have nothing to do with it, are not taken for it.
        assert (await unlucky.append([entry(5)])).seq == 5
    assert (await verified(migrated)).broken is None


class LosesAnswers:
    """A database whose connection breaks after what it appends is committed."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.loses = True

    @asynccontextmanager
    async def acquire(self) -> AsyncGenerator["LosesAnswers"]:
        async with self._pool.acquire() as self._connection:
            yield self

    async def execute(self, statement: str, *values: Any) -> str:
        done = await self._connection.execute(statement, *values)
        if self.loses and "INSERT" in statement:
            raise ConnectionResetError("the answer is lost")
        return done

    async def fetchrow(self, statement: str, *values: Any) -> Any:
        return await self._connection.fetchrow(statement, *values)

    async def fetchval(self, statement: str, *values: Any) -> Any:
        return await self._connection.fetchval(statement, *values)
