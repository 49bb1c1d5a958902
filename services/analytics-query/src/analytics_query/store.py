"""The only SQL of analytics-query."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager

import orjson

from analytics_query.domain import Facts
from contracts.batches import Batch
from contracts.events import AnalyticsEvent, Event
from servicekit import inbox
from servicekit.bus import Received
from servicekit.pg import Connection, Database

LOAD = "SELECT task_id, facts FROM task_facts WHERE task_id = ANY($1) ORDER BY task_id FOR UPDATE"
SAVE = """
    INSERT INTO task_facts (task_id, attempt, facts, updated_at)
    SELECT * FROM unnest($1::text[], $2::int[], $3::jsonb[], $4::timestamptz[])
    ON CONFLICT (task_id) DO UPDATE
        SET attempt = excluded.attempt, facts = excluded.facts, updated_at = excluded.updated_at
"""
ADD_ANALYTICS = """
    INSERT INTO analytics (analytics_type, source_type, source_id, data, timestamp)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::jsonb[], $5::timestamptz[])
"""
FACTS = "SELECT facts FROM task_facts WHERE task_id = $1"


class PostgresTransaction:
    """The projections inside one transaction of PostgreSQL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def claim(self, consumer: str, received: Sequence[Received[Batch[Event]]]) -> list[Event]:
        """What is in those of the batches that were not applied before; from now on they count as applied."""
        return [
            event for batch in await inbox.claim(self._connection, consumer, received) for event in batch.batch.events
        ]

    async def load(self, task_ids: Sequence[str]) -> dict[str, Facts]:
        """The facts of those of these tasks that have any, held until the end of the transaction."""
        rows = await self._connection.fetch(LOAD, task_ids)
        return {row["task_id"]: Facts.model_validate(row["facts"]) for row in rows}

    async def save(self, facts: Mapping[str, Facts]) -> None:
        """Replace the facts of these tasks."""
        if facts:
            attempts = [fact.attempt for fact in facts.values()]
            documents = [orjson.Fragment(fact.to_json()) for fact in facts.values()]
            times = [fact.updated_at for fact in facts.values()]
            await self._connection.execute(SAVE, list(facts), attempts, documents, times)

    async def add_analytics(self, events: Sequence[AnalyticsEvent]) -> None:
        """Add the rows of the `analytics` table: of the task where there is one, else of the worker."""
        if events:
            types = [event.body.analytics_type.value for event in events]
            sources = [("task", event.task_id) if event.task_id else ("worker", event.worker_id) for event in events]
            source_types, source_ids = zip(*sources, strict=True)
            data, times = [event.body.data for event in events], [event.occurred_at for event in events]
            await self._connection.execute(ADD_ANALYTICS, types, source_types, source_ids, data, times)


class PostgresProjections:
    """The projections in PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[PostgresTransaction]:
        """Everything in the block, or nothing."""
        async with self._database.transaction() as connection:
            yield PostgresTransaction(connection)

    async def facts(self, task_id: str) -> Facts:
        """The facts of a task; empty ones for a task without events."""
        async with self._database.acquire() as connection:
            document = await connection.fetchval(FACTS, task_id)
        return Facts.model_validate(document) if document else Facts()
