"""Rows of single things: errors by group, decisions, reported figures."""

from collections.abc import Sequence
from typing import Any

from analytics_query.domain.records import DecisionMade, ErrorSeen, FiguresReported, Record
from analytics_query.store.rows import columns
from contracts.events.recovery import Severity
from servicekit.pg import Connection

ADD_FIGURES = """
    INSERT INTO analytics
        (analytics_type, source_type, source_id, data, timestamp, event_id, worker_id, attempt, evidence)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::jsonb[], $5::timestamptz[],
        $6::uuid[], $7::text[], $8::int[], $9::text[])
"""
ADD_DECISIONS = """
    INSERT INTO decisions (event_id, task_id, attempt, worker_id, decision_type, decided_at, seq, body)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::int[], $4::text[], $5::text[], $6::timestamptz[],
        $7::bigint[], $8::jsonb[])
    ON CONFLICT (event_id) DO NOTHING
"""
WORST_FIRST = f"(ARRAY[{', '.join(repr(severity.value) for severity in Severity)}])"
# A group keeps the words of its first error, by the time of the event and then by its id, and its worst severity.
ADD_ERRORS = f"""
    WITH new AS (
        SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::timestamptz[],
            $8::text[], $9::text[])
            AS new (fingerprint, error_type, severity, message, place, event_id, seen_at, worker_id, task_id)
    ), by_worker AS (
        INSERT INTO error_workers AS known (fingerprint, worker_id, count)
        SELECT fingerprint, worker_id, count(*) FROM new GROUP BY fingerprint, worker_id
        ON CONFLICT (fingerprint, worker_id) DO UPDATE SET count = known.count + excluded.count
    ), by_task AS (
        INSERT INTO error_tasks AS known (fingerprint, task_id, count)
        SELECT fingerprint, task_id, count(*) FROM new WHERE task_id IS NOT NULL GROUP BY fingerprint, task_id
        ON CONFLICT (fingerprint, task_id) DO UPDATE SET count = known.count + excluded.count
    )
    INSERT INTO error_groups AS known
        (fingerprint, error_type, severity, message, place, first_event_id, first_seen, last_seen, count)
    SELECT DISTINCT ON (fingerprint) fingerprint, error_type,
        {WORST_FIRST}[min(array_position({WORST_FIRST}, severity)) OVER (PARTITION BY fingerprint)],
        message, place, event_id, seen_at,
        max(seen_at) OVER (PARTITION BY fingerprint), count(*) OVER (PARTITION BY fingerprint)
    FROM new ORDER BY fingerprint, seen_at, event_id
    ON CONFLICT (fingerprint) DO UPDATE SET
        (error_type, message, place, first_event_id, first_seen) = (
            SELECT CASE WHEN is_first THEN excluded.error_type ELSE known.error_type END,
                CASE WHEN is_first THEN excluded.message ELSE known.message END,
                CASE WHEN is_first THEN excluded.place ELSE known.place END,
                CASE WHEN is_first THEN excluded.first_event_id ELSE known.first_event_id END,
                CASE WHEN is_first THEN excluded.first_seen ELSE known.first_seen END
            FROM (SELECT (excluded.first_seen, excluded.first_event_id) < (known.first_seen, known.first_event_id))
                AS compared (is_first)
        ),
        severity = {WORST_FIRST}[least(
            array_position({WORST_FIRST}, known.severity), array_position({WORST_FIRST}, excluded.severity)
        )],
        last_seen = greatest(known.last_seen, excluded.last_seen),
        count = known.count + excluded.count
"""


STATEMENTS: dict[type[Record], str] = {
    FiguresReported: ADD_FIGURES,
    DecisionMade: ADD_DECISIONS,
    ErrorSeen: ADD_ERRORS,
}


async def add(connection: Connection, added: Sequence[Record]) -> None:
    """Add rows, one statement for each kind of them."""
    for kind, statement in STATEMENTS.items():
        of_kind = [_row(record) for record in added if type(record) is kind]
        if of_kind:
            await connection.execute(statement, *columns(of_kind, len(of_kind[0])))


def _row(record: Record) -> tuple[Any, ...]:
    return tuple(getattr(record, name) for name in record.__slots__)
