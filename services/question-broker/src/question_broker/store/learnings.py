"""SQL of the fleet's memory."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import asyncpg

from contracts.learnings import Learning
from question_broker.decisions.fencing import Holder
from question_broker.decisions.remembering import NewLearning, loosened
from question_broker.ports import LearningFilter
from question_broker.store.rows import columns, holder_columns
from servicekit.pg import Connection, Database

NAMES = (
    "learning_id",
    "fingerprint",
    "title",
    "content",
    "tags",
    "repository",
    "worker_id",
    "task_id",
    "attempt",
    "confidence_percent",
    "times_shared",
    "shared_at",
    "recorded_at",
    "stale",
)
# What a valid share makes of what only stale attempts had shared is as if these had said nothing.
REVIVED = "CASE WHEN known.stale AND NOT excluded.stale THEN excluded.{0} ELSE known.{0} END"
REVIVING = ", ".join(
    f"{name} = {REVIVED.format(name)}"
    for name in ("worker_id", "task_id", "attempt", "confidence_percent", "recorded_at")
)
REMEMBER = f"""
    INSERT INTO learnings AS known ({", ".join(NAMES)})
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::jsonb[], $6::text[], $7::text[],
        $8::text[], $9::int[], $10::float8[], $11::int[], $12::timestamptz[], $13::timestamptz[], $14::bool[])
    ON CONFLICT (fingerprint) DO UPDATE SET stale = known.stale AND excluded.stale, {REVIVING},
        times_shared = CASE WHEN known.stale = excluded.stale THEN known.times_shared + excluded.times_shared
            WHEN known.stale THEN excluded.times_shared ELSE known.times_shared END,
        shared_at = CASE WHEN known.stale = excluded.stale THEN GREATEST(known.shared_at, excluded.shared_at)
            WHEN known.stale THEN excluded.shared_at ELSE known.shared_at END
"""
# What came after a task was given to somebody else, but before the news of that.
DOUBT = """
    UPDATE learnings SET stale = true
    FROM unnest($1::text[], $2::int[], $3::text[], $4::timestamptz[]) AS new (task_id, attempt, worker_id, since)
    WHERE learnings.task_id = new.task_id AND NOT stale AND times_shared = 1 AND recorded_at >= since
        AND (learnings.attempt < new.attempt
            OR (learnings.attempt = new.attempt AND learnings.worker_id <> new.worker_id))
"""
SHOWN = """learning_id, title, content, tags, repository, worker_id, task_id, confidence_percent, times_shared,
    shared_at"""
WANTED = "NOT stale AND tags @> $1::jsonb AND ($2::text IS NULL OR repository IS NULL OR repository = $2)"
NEWEST = f"""
    SELECT {SHOWN} FROM learnings
    WHERE {WANTED} AND ($3::timestamptz IS NULL OR (shared_at, learning_id) < ($3, $4))
    ORDER BY shared_at DESC, learning_id DESC LIMIT $5
"""
ALL_WORDS = "websearch_to_tsquery('english', $3)"
ANY_WORD = "replace(plainto_tsquery('english', $3)::text, ' & ', ' | ')::tsquery"
SEARCH = f"""
    WITH found AS (
        SELECT {SHOWN}, ts_rank_cd(search, query)::float8 AS score FROM learnings, LATERAL (SELECT %s) AS asked (query)
        WHERE search @@ query AND {WANTED}
    )
    SELECT *, (SELECT count(*) FROM found) AS total FROM found
    WHERE $4::float8 IS NULL OR (score, learning_id) < ($4, $5)
    ORDER BY score DESC, learning_id DESC LIMIT $6
"""
STRICT, LOOSE = SEARCH % ALL_WORDS, SEARCH % ANY_WORD


class LearningStatements:
    """Part of a transaction: learnings."""

    connection: Connection

    async def remember(self, learnings: Sequence[NewLearning]) -> None:
        """Keep learnings; what was shared before is counted."""
        await self.connection.execute(REMEMBER, *columns(learnings, NAMES))

    async def doubt_learnings(self, holders: Mapping[str, Holder]) -> None:
        """Mark as stale what others than these holders have shared since these hold their tasks."""
        await self.connection.execute(DOUBT, *holder_columns(holders))


class PostgresLearnings:
    """The fleet's memory, in PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest(self, wanted: LearningFilter, after: tuple[datetime, str] | None, limit: int) -> list[Learning]:
        """At most `limit` learnings, newest first, beyond the given (shared_at, learning_id)."""
        shared_at, learning_id = after or (None, None)
        values = (list(wanted.tags), wanted.repository, shared_at, learning_id, limit)
        async with self._database.acquire() as connection:
            return [_learning(row) for row in await connection.fetch(NEWEST, *values)]

    async def search(
        self, query: str, wanted: LearningFilter, after: tuple[float, str] | None, limit: int
    ) -> tuple[list[Learning], int]:
        """At most `limit` learnings that fit all of the query, best first, beyond the given (score, learning_id).

        Where none does, those that fit any of its words. And how many fit in all.
        """
        filters, place = (list(wanted.tags), wanted.repository), after or (None, None)
        async with self._database.acquire() as connection:
            found = await connection.fetch(STRICT, *filters, query, *place, limit)
            if not found:
                found = await connection.fetch(LOOSE, *filters, loosened(query), *place, limit)
        return [_learning(row) for row in found], found[0]["total"] if found else 0


def _learning(row: asyncpg.Record) -> Learning:
    return Learning.model_validate(dict(row))
