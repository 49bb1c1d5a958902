"""SQL about requests: how many there are, and who waits for whom."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from question_broker.decisions.cycles import Waiting
from question_broker.decisions.quotas import SYSTEM, Used
from question_broker.domain import Question
from question_broker.store.rows import read_question
from servicekit.pg import Connection

IS_REQUEST = "(kind <> 'question' OR question_type = 'permission')"
OPEN_BY_ATTEMPT = f"""
    SELECT task_id, attempt, count(*) AS requests FROM questions
    WHERE state = 'open' AND {IS_REQUEST} AND task_id = ANY($1::text[]) AND question_id <> ALL($2::text[])
    GROUP BY task_id, attempt
"""
# What was refused for the quota does not count: who goes on asking is not shut out for ever.
SINCE_BY_WORKER = f"""
    SELECT worker_id, count(*) AS requests FROM questions
    WHERE worker_id = ANY($1::text[]) AND asked_at > $3 AND {IS_REQUEST} AND question_id <> ALL($2::text[])
        AND answered_by IS DISTINCT FROM '{SYSTEM}'
    GROUP BY worker_id
"""
# Of two who ask at the same time, the second must see what the first has asked.
ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtextextended('who waits of ' || current_schema(), 0))"
WAITING = """
    SELECT question_id, worker_id, task_id, asked_at, request ->> 'target_worker' AS target_worker, linked_task_id,
        helper_worker
    FROM questions WHERE state = 'open' AND kind = 'collaboration_request' AND waits AND task_id IS NOT NULL
"""
BEGIN_WAITING = """
    UPDATE questions SET waits = true WHERE question_id = $1 AND state = 'open' AND NOT waits RETURNING *
"""


class RequestStatements:
    """Part of a transaction: requests."""

    connection: Connection

    async def used(self, requests: Sequence[Question], since: datetime) -> Used:
        """How many requests there are beside these, of their attempts and since then of their workers."""
        ids = [one.question_id for one in requests]
        tasks = sorted({one.task_id for one in requests if one.task_id})
        workers = sorted({one.worker_id for one in requests})
        of_attempts = await self.connection.fetch(OPEN_BY_ATTEMPT, tasks, ids)
        of_workers = await self.connection.fetch(SINCE_BY_WORKER, workers, ids, since)
        return Used(
            {(row["task_id"], row["attempt"] or 0): row["requests"] for row in of_attempts},
            {row["worker_id"]: row["requests"] for row in of_workers},
        )

    async def hold_waiting(self) -> None:
        """Until the end of the transaction nobody else looks at who waits."""
        await self.connection.execute(ONE_AT_A_TIME)

    async def waiting(self) -> list[Waiting]:
        """All who wait for help."""
        return [_waiting(row) for row in await self.connection.fetch(WAITING)]

    async def begin_waiting(self, question_id: str) -> Question | None:
        """The open question whose worker waits from now on; None if it did already."""
        row = await self.connection.fetchrow(BEGIN_WAITING, question_id)
        return read_question(row) if row else None


def _waiting(row: asyncpg.Record) -> Waiting:
    return Waiting(**dict(row))
