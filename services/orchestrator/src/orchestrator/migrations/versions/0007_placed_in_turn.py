"""Who places attempts on one worker at the same time as somebody else waits for them, so that both count all of them.

Only a function is replaced; it takes the same rows as before.

Revision ID: 0007
"""

from alembic import op

revision = "0007"
down_revision = "0006"

LIVE_TASK = "status IN ('assigned', 'running', 'paused', 'waiting')"
# A lock for each of 64 groups of workers: one for each worker could be more locks than a server has room for. They are
# taken in order, and nobody else takes them: whoever ends attempts or writes heartbeats does not wait here.
PLACED = f"""
    CREATE OR REPLACE FUNCTION attempts_are_placed() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        broken text;
        overfull text;
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtext('attempts_within_slots'), places.place) FROM (
            SELECT DISTINCT hashtext(worker_id) & 63 AS place FROM fresh WHERE ended_at IS NULL ORDER BY place
        ) AS places;
        SELECT CASE WHEN placed.astray > 0 THEN 'task_agrees_with_attempt' ELSE 'attempts_within_slots' END,
            placed.worker_id INTO broken, overfull
        FROM (
            SELECT fresh.worker_id, count(*) FILTER (WHERE task.task_id IS NULL) AS astray,
                COALESCE(bool_or(task.collaboration IS NOT NULL), false) AS has_help
            FROM fresh LEFT JOIN tasks AS task
                ON task.task_id = fresh.task_id AND task.attempt = fresh.attempt AND task.{LIVE_TASK}
            WHERE fresh.ended_at IS NULL GROUP BY fresh.worker_id
        ) AS placed JOIN workers AS worker ON worker.worker_id = placed.worker_id
        WHERE placed.astray > 0 OR worker.slots_total + placed.has_help::integer < (
            SELECT count(*) FROM attempts AS attempt
            WHERE attempt.worker_id = placed.worker_id AND attempt.state IN ('assigned', 'running')
        )
        LIMIT 1;
        IF FOUND THEN
            RAISE check_violation USING CONSTRAINT = broken, TABLE = 'attempts', MESSAGE = format(
                'worker %s would hold an attempt of a task that is not live, or more attempts than slots', overfull
            );
        END IF;
        RETURN NULL;
    END
    $$
"""


def upgrade() -> None:
    op.execute(PLACED)
