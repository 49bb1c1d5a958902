"""Reading the audit log: pages for people, and parts in order for whoever verifies them."""

from typing import Any

from mcp_gateway.decisions.audit.describing import ANCHOR, anchored
from mcp_gateway.domain.audit import AuditPart, AuditQuery, Head, Link
from mcp_gateway.store.audit.rows import COLUMNS, read_head, read_link
from servicekit.pg import Database

# Only those that are given stand in the statement, so that each can have its index.
FILTERS = {
    "since": "recorded_at >= {}",
    "until": "recorded_at < {}",
    "principal": "principal = {}",
    "action": "action = {}",
    "outcome": "outcome = {}",
    "source": "source = {}",
    "task_id": "task_id = {}",
}
ONE = f"SELECT {COLUMNS} FROM audit_entries WHERE seq = $1"
HEAD = "SELECT seq, hash, recorded_at FROM audit_head WHERE id = 1"
PART = f"SELECT {COLUMNS} FROM audit_entries WHERE seq > $1 ORDER BY seq LIMIT $2"
BEFORE = "SELECT seq, hash, recorded_at FROM audit_entries WHERE seq = $1"
NEWEST_ANCHOR = f"""
    SELECT {COLUMNS} FROM audit_entries WHERE action = $1 AND source = 'log' ORDER BY seq DESC LIMIT 1
"""


class PostgresAuditReader:
    """An AuditReader."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, query: AuditQuery, before: int | None, limit: int) -> list[Link]:
        """At most `limit` entries, newest first, below the given number."""
        statement, values = page_statement(query, before, limit)
        async with self._database.acquire() as connection:
            return [read_link(row) for row in await connection.fetch(statement, *values)]

    async def entry(self, seq: int) -> Link | None:
        """One entry."""
        async with self._database.acquire() as connection:
            row = await connection.fetchrow(ONE, seq)
        return read_link(row) if row else None

    async def head(self) -> Head:
        """The end of the chain."""
        async with self._database.acquire() as connection:
            row = await connection.fetchrow(HEAD)
        return read_head(row) if row else Head()

    async def part(self, after: int, limit: int) -> AuditPart:
        """At most `limit` entries behind the given number, in order, with what is needed to judge them."""
        async with (
            self._database.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            head = await connection.fetchrow(HEAD)
            rows = await connection.fetch(PART, after, limit + 1)
            before = await connection.fetchrow(BEFORE, after)
            anchor = await connection.fetchrow(NEWEST_ANCHOR, ANCHOR)
        return AuditPart(
            links=[read_link(row) for row in rows[:limit]],
            head=read_head(head) if head else Head(),
            before=read_head(before) if before else None,
            anchor=anchored(read_link(anchor).entry) if anchor else None,
            is_last=len(rows) <= limit,
        )


def page_statement(query: AuditQuery, before: int | None, limit: int) -> tuple[str, list[Any]]:
    """The statement for a page, and its values."""
    values: list[Any] = []
    conditions: list[str] = []
    for name, condition in FILTERS.items():
        if (value := getattr(query, name)) is not None:
            values.append(value)
            conditions.append(condition.format(f"${len(values)}"))
    if before is not None:
        values.append(before)
        conditions.append(f"seq < ${len(values)}")
    values.append(limit)
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    # Both are the same order, each with indexes of its own.
    by = "seq DESC" if query.principal or query.action or query.task_id else "recorded_at DESC, seq DESC"
    return f"SELECT {COLUMNS} FROM audit_entries {where} ORDER BY {by} LIMIT ${len(values)}", values
