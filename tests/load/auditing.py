"""What the audit log costs: a tool call with it beside one without, and entries of the chain beside plain rows.

    python -m tests.load.auditing [--calls 500] [--json]

A call that changes something waits until its entry is durable, so its bar is the call without an audit log plus one
durable row. PostgreSQL runs with fsync. Calls are made one after another, and by 16 clients at once. Chained entries
are appended in groups of 1,000, beside the same rows inserted without hashes and without a head.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from datetime import datetime
from typing import Any

import psutil
import uvloop

from contracts.audit import AuditOutcome, AuditSource
from devstack.ports import free_port
from mcp_gateway import app
from mcp_gateway.decisions.audit.chaining import chained
from mcp_gateway.domain.audit import Entry, Head
from mcp_gateway.settings import Settings
from mcp_gateway.store import PostgresAuditWriter
from mcp_gateway.store.audit.rows import COLUMNS, columns, unnested
from servicekit.clock import SystemClock
from servicekit.migrations import run_migrations
from servicekit.pg import Database as Pool
from tests.load.gateway import MODERN, ROUNDS, Connection, Contender, Cost, costs_of, process
from tests.load.measuring import Report, Servers, fresh_servers

Running = Mapping[str, tuple[int, psutil.Process]]
"""By name: the port of a gateway, and its process."""

CLIENTS = 16
GROUP = 1_000
GROUPS = 20
PLAIN = f"INSERT INTO plain_entries ({COLUMNS}) SELECT * FROM unnest({unnested(1)})"
ROW = "INSERT INTO plain_rows (details) VALUES ($1)"
DETAILS = '{"task_id":"task-abc123","reason":"no longer needed, the branch was merged by somebody else"}'


async def compare_calls(report: Report, calls: int, pool: Pool, running: Running) -> None:
    """One call at a time, and many at once."""

    async def row() -> None:
        async with pool.acquire() as connection:
            await connection.execute(ROW, DETAILS)

    ports = {name: port for name, (port, _) in running.items()}
    async with Connection(ports["audited"], MODERN) as audited, Connection(ports["unaudited"], MODERN) as unaudited:
        found = await costs_of(
            {
                "row": Contender(row, psutil.Process()),
                "unaudited": Contender(unaudited.call, running["unaudited"][1]),
                "audited": Contender(audited.call, running["audited"][1]),
            },
            calls,
        )
    told: tuple[tuple[str, str, Callable[[Cost], float]], ...] = (
        ("p50", "ms", lambda cost: cost.p50),
        ("p99", "ms", lambda cost: cost.p99),
        ("CPU", "ms a call", lambda cost: cost.cpu),
    )
    for name, unit, value in told:
        plain, row_alone = value(found["unaudited"]), value(found["row"])
        allowed = plain + row_alone if name != "CPU" else plain
        report.add(f"call that writes {name}", unit, value(found["audited"]), allowed, higher_is_better=False)
        report.add(f"  without audit {name}", unit, plain, plain, higher_is_better=False)
        report.add(f"  one durable row {name}", unit, row_alone, row_alone, higher_is_better=False)
    rates: dict[str, list[float]] = {"audited": [], "unaudited": []}
    for _ in range(ROUNDS):
        for name, seen in rates.items():
            seen.append(await _rate(ports[name], calls))
    audited_rate, unaudited_rate = (statistics.median(rates[name]) for name in ("audited", "unaudited"))
    report.add(f"calls by {CLIENTS} clients", "calls/s", audited_rate, unaudited_rate)


async def _rate(port: int, calls: int) -> float:
    async def client() -> None:
        async with Connection(port, MODERN) as connection:
            for _ in range(calls // CLIENTS):
                await connection.call()

    started = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return calls // CLIENTS * CLIENTS / (time.perf_counter() - started)


async def compare_entries(report: Report, pool: Pool) -> None:
    """Chained entries beside plain rows, in groups."""
    writer = PostgresAuditWriter(pool, SystemClock())
    now = SystemClock().now()
    entries = [_entry(now)] * GROUP
    links, _ = chained(Head(), entries, now)
    values = columns(links)

    async def chain() -> None:
        await writer.append(entries)

    async def plain() -> None:
        async with pool.acquire() as connection:
            await connection.execute(PLAIN, *values)

    rates: dict[str, list[float]] = {"chain": [], "plain": []}
    for _ in range(ROUNDS):
        rates["chain"].append(await _entries_per_s(chain))
        rates["plain"].append(await _entries_per_s(plain))
    chained_rate, plain_rate = (statistics.median(rates[name]) for name in ("chain", "plain"))
    report.add("entries of the chain", "entries/s", chained_rate, plain_rate)


async def _entries_per_s(append: Callable[[], Awaitable[None]]) -> float:
    started = time.perf_counter()
    for _ in range(GROUPS):
        await append()
    return GROUPS * GROUP / (time.perf_counter() - started)


def _entry(now: datetime) -> Entry:
    return Entry(
        occurred_at=now,
        source=AuditSource.tool,
        action="cancel_task",
        principal="alice",
        outcome=AuditOutcome.ok,
        details=DETAILS,
        credential="key-0198f3a1-7c3e-7d2a-9b1c-2f3e4d5c6b7a",
        role="operator",
        client="10.0.0.1",
        task_id="task-abc123",
        duration_ms=3,
    )


def _settings(found: Servers) -> Settings:
    env: dict[str, Any] = {name.lower(): value for name, value in found.env(app.SCHEMA).items()}
    return Settings.model_validate(env | {"auth_mode": "local", "gateway_state_keys": "k" * 32})


async def _make_tables(found: Servers) -> None:
    await run_migrations(app.MIGRATIONS, app.SCHEMA, _settings(found))
    async with found.postgres.connect(found.database.name) as connection:
        await connection.execute(
            """
            CREATE TABLE gateway.plain_rows (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, details text NOT NULL);
            CREATE TABLE gateway.plain_entries (LIKE gateway.audit_entries);
            CREATE INDEX ON gateway.plain_entries (seq, recorded_at);
            CREATE INDEX ON gateway.plain_entries (recorded_at, seq);
            CREATE INDEX ON gateway.plain_entries (principal, seq);
            CREATE INDEX ON gateway.plain_entries (action, seq);
            CREATE INDEX ON gateway.plain_entries (task_id, seq);
            GRANT ALL ON gateway.plain_rows, gateway.plain_entries TO gateway_app
            """
        )


async def run(report: Report, calls: int, found: Servers, running: Running) -> None:
    """Everything, on a schema that is there already."""
    pool = await Pool.connect(_settings(found), app.SCHEMA)
    try:
        await compare_calls(report, calls, pool, running)
        await compare_entries(report, pool)
    finally:
        await pool.close()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=500, help="calls a round, of which there are three")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    report = Report("Audit log: a call beside one without it plus a durable row; chained entries beside plain rows")
    with fresh_servers() as found, ExitStack() as stack:
        asyncio.run(_make_tables(found))
        ports = {name: free_port("127.0.0.1") for name in ("upstream", "audited", "unaudited")}
        upstream = str(ports["upstream"])
        stack.enter_context(process("tests.load.bare_mcp", "upstream", upstream, port=ports["upstream"]))
        shared = found.env(app.SCHEMA) | {"AUTH_MODE": "local", "ORCHESTRATOR_URL": f"http://127.0.0.1:{upstream}"}
        running: dict[str, tuple[int, psutil.Process]] = {}
        for name, command in (("audited", ("mcp_gateway", "serve")), ("unaudited", ("tests.load.unaudited",))):
            env = shared | {"HTTP_PORT": str(ports[name])}
            running[name] = ports[name], stack.enter_context(process(*command, port=ports[name], **env))
        uvloop.run(run(report, options.calls, found, running))
    report.show(as_json=options.json)


if __name__ == "__main__":
    main()
