"""SQL of the fleet's memory."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from contracts.learnings import Learning
from question_broker.decisions.remembering import NewLearning, loosened
from question_broker.ports import LearningFilter
from question_broker.store.rows import columns
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
    "confidence_percent",
    "times_shared",
    "shared_at",
)
REMEMBER = f"""
    INSERT INTO learnings AS known ({", ".join(NAMES)})
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::jsonb[], $6::text[], $7::text[],
        $8::text[], $9::float8[], $10::int[], $11::timestamptz[])
    ON CONFLICT (fingerprint) DO UPDATE SET times_shared = known.times_shared + excluded.times_shared,
        shared_at = GREATEST(known.shared_at, excluded.shared_at)
"""
SHOWN = """learning_id, title, content, tags, repository, worker_id, task_id, confidence_percent, times_shared,
    shared_at"""
WANTED = "tags @> $1::jsonb AND ($2::text IS NULL OR repository IS NULL OR repository = $2)"
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
