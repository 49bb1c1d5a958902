"""SQL of the hot path: accepting, assigning and completing are one statement each, the outbox included.

What a statement changes and what it says about it are joined by what RETURNING gives back, so nothing is said that was
not done, and no second round trip is needed to know.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from asyncpg import CheckViolationError

from contracts import subjects
from contracts.decided import DecidedKind
from orchestrator.domain import Assigned, AttemptRef, AttemptTrace, Demand, NewTaskRow, Queued, Traits
from orchestrator.ports import Placing
from orchestrator.store import rows
from orchestrator.store.attempts import MARK_PUBLISHED, ref_columns
from orchestrator.store.planning import QUEUED
from servicekit.leader import LeaderLease
from servicekit.logs import get_logger
from servicekit.pg import Database
from servicekit.traces import inject_headers

INSERT = """
    INSERT INTO tasks (task_id, description, status, priority, created_at, worker_id, requirements,
        estimated_duration_ms, max_attempts, idempotency_key, body_hash, demand_key, work_key, rank_at, queue_until,
        traceparent)
    SELECT task_id, description, 'queued', priority, $13, worker_id, requirements::jsonb,
        estimated_duration_ms, max_attempts, idempotency_key, body_hash, demand_key, work_key, rank_at, queue_until,
        traceparent
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::int[], $8::text[],
        $9::text[], $10::text[], $11::text[], $12::timestamptz[], $14::timestamptz[], $15::text[])
        AS new(task_id, description, priority, worker_id, requirements, estimated_duration_ms, max_attempts,
            idempotency_key, body_hash, demand_key, work_key, rank_at, queue_until, traceparent)
    ON CONFLICT (idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
    RETURNING task_id
"""
CREATE = f"""
    WITH written AS ({INSERT})
    INSERT INTO outbox (subject, items, payload, headers)
    SELECT $16, items, payload, $17 FROM unnest($18::int[], $19::bytea[]) AS said(items, payload)
"""
WITHIN_SLOTS = "attempts_within_slots"
QUEUED_FIELDS = len(Queued._fields) - 1
# A loose scan: one descent of the index for each line, however many tasks wait in it.
LINES = """
    WITH RECURSIVE line(demand_key) AS (
        (SELECT demand_key FROM tasks WHERE status = 'queued' ORDER BY demand_key LIMIT 1)
        UNION ALL
        SELECT (
            SELECT demand_key FROM tasks WHERE status = 'queued' AND demand_key > line.demand_key
            ORDER BY demand_key LIMIT 1
        ) FROM line WHERE line.demand_key IS NOT NULL
    ), used AS (
        SELECT worker_id, count(*) AS live FROM attempts WHERE state IN ('assigned', 'running') GROUP BY worker_id
    )
    SELECT ARRAY(SELECT demand_key FROM line WHERE demand_key IS NOT NULL), ARRAY(SELECT worker_id FROM used),
        ARRAY(SELECT live FROM used)
"""
DEMANDED = """
    SELECT line.demand_key, task.worker_id, task.requirements, task.asker
    FROM unnest($1::text[]) AS line(demand_key) CROSS JOIN LATERAL (
        SELECT worker_id, requirements, collaboration ->> 'from_worker' AS asker FROM tasks
        WHERE status = 'queued' AND demand_key = line.demand_key LIMIT 1
    ) AS task
"""
FIRST_QUEUED = """
    SELECT task.* FROM unnest($1::text[], $2::int[]) AS line(demand_key, size) CROSS JOIN LATERAL (
        SELECT task_id, attempt, demand_key, work_key, rank_at, requirements ? 'repository', avoid_worker,
            collaboration ->> 'question_id', traceparent, CASE WHEN attempt > 0 THEN (
                SELECT traceparent FROM attempts
                WHERE attempts.task_id = tasks.task_id AND attempts.attempt = tasks.attempt
            ) END, priority, created_at, estimated_duration_ms,
            requirements ->> 'repository', requirements ->> 'agent',
            CASE jsonb_typeof(requirements -> 'task_class') WHEN 'string' THEN requirements ->> 'task_class' END
        FROM tasks WHERE status = 'queued' AND demand_key = line.demand_key
            AND (next_attempt_at IS NULL OR next_attempt_at <= $3)
        ORDER BY rank_at, task_id LIMIT line.size
    ) AS task
"""
ASSIGN = f"""
    WITH reign AS MATERIALIZED (
        SELECT FROM leader_lease WHERE name = $6 AND holder = $7 AND epoch = $8 FOR SHARE
    ), picked AS (
        UPDATE tasks AS task SET status = 'assigned', attempt = choice.attempt, assigned_worker = choice.worker_id,
            reason = NULL, next_attempt_at = NULL, started_at = NULL, progress = NULL, claim = NULL
        FROM unnest($1::text[], $2::int[], $3::text[], $4::text[], $11::text[])
            AS choice(task_id, attempt, worker_id, told, traceparent)
        WHERE EXISTS (SELECT FROM reign)
            AND task.task_id = choice.task_id AND task.attempt = choice.attempt - 1 AND {QUEUED}
            AND EXISTS (SELECT FROM workers WHERE workers.worker_id = choice.worker_id AND workers.status = 'online')
        RETURNING task.task_id, task.attempt, task.assigned_worker, task.description, task.priority,
            task.requirements::text AS requirements_json, task.estimated_duration_ms, task.created_at, choice.told,
            task.collaboration::text AS collaboration_json, choice.traceparent
    ), written AS (
        INSERT INTO attempts (task_id, attempt, worker_id, state, epoch, assigned_at, traceparent)
        SELECT task_id, attempt, assigned_worker, 'assigned', $8, $5, traceparent FROM picked
    ), said AS (
        INSERT INTO outbox (subject, items, payload, headers)
        SELECT $9, count(*), convert_to(string_agg(told, ','), 'UTF8'), $10
        FROM (SELECT told, (row_number() OVER () - 1) / 256 AS part FROM picked) AS numbered GROUP BY part
    )
    SELECT *, $8::bigint AS epoch, $5::timestamptz AS assigned_at FROM picked
"""


log = get_logger(__name__)


class DispatchStatements:
    """Part of the store: the hot path. Each method is one statement, and so one transaction."""

    database: Database
    _lease: LeaderLease
    _on_news: Callable[[], None]

    async def create(self, new: Sequence[NewTaskRow], told: Sequence[bytes]) -> None:
        """Write new tasks without idempotency keys, and the JSON of the event for each."""
        parts = [told[start : start + rows.MOST_TOLD] for start in range(0, len(told), rows.MOST_TOLD)]
        subject, headers = _heading(DecidedKind.task_queued)
        said = ([len(part) for part in parts], [b",".join(part) for part in parts])
        async with self.database.acquire() as conn:
            await conn.execute(CREATE, *task_columns(new), subject, headers, *said)
        self._on_news()

    async def waiting_lines(self) -> tuple[list[str], dict[str, int]]:
        """The demand keys of all queued tasks, each once; and live attempts by worker."""
        async with self.database.acquire() as conn:
            keys, workers, counts = await conn.fetchrow(LINES) or ([], [], [])
        return keys, dict(zip(workers, counts, strict=True))

    async def demands(self, keys: Sequence[str]) -> dict[str, Demand]:
        """What these lines demand."""
        async with self.database.acquire() as conn:
            return {row["demand_key"]: rows.demand(row) for row in await conn.fetch(DEMANDED, list(keys))}

    async def queued(self, sizes: Mapping[str, int], now: datetime) -> list[Queued]:
        """The first due tasks of each line (by demand key), at most that many of each."""
        async with self.database.acquire() as conn:
            found = await conn.fetch(FIRST_QUEUED, list(sizes), list(sizes.values()), now)
        return [Queued(*row[:QUEUED_FIELDS], traits=Traits(*row[QUEUED_FIELDS:])) for row in found]

    async def assign(self, placings: Sequence[Placing], *, epoch: int, lease_ms: int, now: datetime) -> list[Assigned]:
        """Write the attempts of all tasks that are still queued, on workers that are still online, and say so.

        None is written if that would be more than a worker has slots. Raises LostLeadershipError if this process does
        not lead under `epoch`.
        """
        columns = (
            [placing.ref.task_id for placing in placings],
            [placing.ref.attempt for placing in placings],
            [placing.worker_id for placing in placings],
            [placing.told.decode() for placing in placings],
        )
        terms, heading = self._lease.terms(epoch), _heading(DecidedKind.task_assigned)
        traces = {placing.ref: placing.trace for placing in placings if placing.trace is not None}
        places = [placing.trace.place if placing.trace is not None else None for placing in placings]
        async with self.database.acquire() as conn:
            try:
                written = await conn.fetch(ASSIGN, *columns, now, *terms, *heading, places)
            except CheckViolationError as error:
                if getattr(error, "constraint_name", None) != WITHIN_SLOTS:
                    raise
                log.warning("a worker has fewer slots than was thought", error=str(error))
                written = []
            if not written:
                await self._lease.assert_epoch(conn, epoch)
        self._on_news()
        found = [assigned(row, lease_ms) for row in written]
        return [replace(one, trace=traces.get(one.ref)) for one in found]

    async def mark_published(self, refs: Sequence[AttemptRef], now: datetime) -> None:
        """The broker has these assignments."""
        async with self.database.acquire() as conn:
            await conn.execute(MARK_PUBLISHED, *ref_columns(refs), now)


def task_columns(new: Sequence[NewTaskRow]) -> tuple[Any, ...]:
    """The arguments of INSERT."""
    return (
        [row.task_id for row in new],
        [row.task.description for row in new],
        [row.task.priority.value for row in new],
        [row.task.worker_id for row in new],
        [row.requirements_json for row in new],
        [row.task.estimated_duration_ms for row in new],
        [row.task.max_attempts for row in new],
        [row.task.idempotency_key for row in new],
        [row.body_hash for row in new],
        [row.demand_key for row in new],
        [row.work_key for row in new],
        [row.rank_at for row in new],
        new[0].created_at,
        [row.queue_until for row in new],
        [row.traceparent for row in new],
    )


def assigned(row: rows.Row, lease_ms: int) -> Assigned:
    """An attempt that must reach its worker."""
    ref = AttemptRef(row["task_id"], row["attempt"])
    trace = AttemptTrace(row["traceparent"]) if row["traceparent"] else None
    return Assigned(ref, row["assigned_worker"], row["created_at"], rows.assignment_json(row, lease_ms), trace)


def _heading(kind: DecidedKind) -> tuple[str, dict[str, str]]:
    """Subject and headers of an outbox row."""
    return subjects.for_decided(kind), dict(inject_headers())
