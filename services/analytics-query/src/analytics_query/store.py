"""The only SQL of analytics-query."""

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import orjson

from analytics_query.domain.facts import AttemptKey, Facts
from contracts.batches import Batch, ItemT
from contracts.events import AnalyticsEvent
from servicekit import inbox
from servicekit.bus import Received
from servicekit.pg import Connection, Database

# Makes the rows that are missing and holds them all, in one order whoever comes.
LOAD = """
    INSERT INTO task_facts AS known (task_id, attempt, worker_id, facts)
    SELECT task_id, attempt, worker_id, '{}' FROM unnest($1::text[], $2::int[], $3::text[])
        AS wanted (task_id, attempt, worker_id) ORDER BY task_id, attempt, worker_id
    ON CONFLICT (task_id, attempt, worker_id) DO UPDATE SET attempt = known.attempt
    RETURNING task_id, attempt, worker_id, facts
"""
SAVE = """
    UPDATE task_facts AS known SET facts = new.facts, updated_at = new.updated_at
    FROM unnest($1::text[], $2::int[], $3::text[], $4::jsonb[], $5::timestamptz[])
        AS new (task_id, attempt, worker_id, facts, updated_at)
    WHERE (known.task_id, known.attempt, known.worker_id) = (new.task_id, new.attempt, new.worker_id)
"""
MAKE_CURRENT = """
    INSERT INTO current_attempts AS known (task_id, attempt, worker_id)
    SELECT * FROM unnest($1::text[], $2::int[], $3::text[])
        AS new (task_id, attempt, worker_id) ORDER BY task_id
    ON CONFLICT (task_id) DO UPDATE SET attempt = excluded.attempt, worker_id = excluded.worker_id
    WHERE known.attempt < excluded.attempt
"""
ADD_ANALYTICS = """
    INSERT INTO analytics
        (analytics_type, source_type, source_id, data, timestamp, event_id, worker_id, attempt, evidence)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::jsonb[], $5::timestamptz[],
        $6::uuid[], $7::text[], $8::int[], $9::text[])
"""
# Without news of the task the newest attempt that reported anything is taken for the current one.
FACTS = """
    SELECT coalesce(current.attempt, known.attempt) AS attempt, facts
    FROM (SELECT $1::text AS task_id) AS asked
    LEFT JOIN current_attempts AS current USING (task_id)
    LEFT JOIN task_facts AS known ON known.task_id = asked.task_id
        AND (current.task_id IS NULL OR (known.attempt, known.worker_id) = (current.attempt, current.worker_id))
    ORDER BY known.attempt DESC LIMIT 1
"""


class PostgresTransaction:
    """The projections inside one transaction of PostgreSQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def claim(self, consumer: str, received: Sequence[Received[Batch[ItemT]]]) -> list[ItemT]:
        """What is in those of the batches that were not applied before; from now on they count as applied."""
        fresh = await inbox.claim(self._connection, consumer, received)
        return [item for batch in fresh for item in batch.batch.events]

    async def load(self, keys: Sequence[AttemptKey]) -> dict[AttemptKey, Facts]:
        """The facts of these attempts, held until the end of the transaction; empty ones for new attempts."""
        rows = await self._connection.fetch(LOAD, *_columns(keys)) if keys else []
        return {
            AttemptKey(row["task_id"], row["attempt"], row["worker_id"]): Facts.model_validate(row["facts"])
            for row in rows
        }

    async def save(self, facts: Mapping[AttemptKey, Facts]) -> None:
        """Replace the facts of these attempts."""
        if facts:
            documents = [orjson.Fragment(fact.to_json()) for fact in facts.values()]
            times = [fact.updated_at for fact in facts.values()]
            await self._connection.execute(SAVE, *_columns(facts), documents, times)

    async def make_current(self, keys: Iterable[AttemptKey]) -> None:
        """Remember the attempts that tasks are at, unless newer ones are known."""
        await self._connection.execute(MAKE_CURRENT, *_columns(sorted(keys)))

    async def add_analytics(self, events: Sequence[AnalyticsEvent]) -> None:
        """Add the rows of the `analytics` table: of the task where there is one, else of the worker."""
        if events:
            columns = zip(*(_analytics_row(event) for event in events), strict=True)
            await self._connection.execute(ADD_ANALYTICS, *columns)


class PostgresProjections:
    """The projections in PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[PostgresTransaction]:
        """Everything in the block, or nothing."""
        async with self._database.transaction() as connection:
            yield PostgresTransaction(connection)

    async def facts(self, task_id: str) -> tuple[int, Facts]:
        """The number of a task's current attempt (0: none is known) and its facts, empty where there are none."""
        async with self._database.acquire() as connection:
            row = await connection.fetchrow(FACTS, task_id)
        assert row is not None
        return row["attempt"] or 0, Facts.model_validate(row["facts"] or {})


def _columns(keys: Iterable[AttemptKey]) -> tuple[list[str], list[int], list[str]]:
    rows = list(keys)
    return [row.task_id for row in rows], [row.attempt for row in rows], [row.worker_id for row in rows]


def _analytics_row(event: AnalyticsEvent) -> tuple[Any, ...]:
    source = ("task", event.task_id) if event.task_id else ("worker", event.worker_id)
    body = event.body
    about = (event.event_id, event.worker_id, event.attempt, event.evidence.value)
    return (body.analytics_type.value, *source, body.data, event.occurred_at, *about)
