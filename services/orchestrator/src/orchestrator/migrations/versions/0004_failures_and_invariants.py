"""Classes of failure, deadlines of the queue, and triggers that hold tasks, attempts and slots together.

Columns are only added, with defaults that suit older code; what the triggers refuse, older code does not do either.
Where two statements of one transaction change the two sides, they are checked at its end. A broken run can be
repeated.

Revision ID: 0004
"""

from alembic import op

revision = "0004"
down_revision = "0003"

LIVE_TASK = "status IN ('assigned', 'running', 'paused', 'waiting')"
CLASSES = "failure_class IS NULL OR failure_class IN ('retryable', 'permanent', 'poison')"
CHECKS = {
    ("tasks", "tasks_failure_class_known"): CLASSES,
    ("tasks", "tasks_crashes_not_negative"): "crashes >= 0",
    ("attempts", "attempts_failure_class_known"): CLASSES,
    ("attempts", "attempts_crashes_not_negative"): "crashes >= 0",
}
COLUMNS = (
    """
    ALTER TABLE tasks
        ADD COLUMN IF NOT EXISTS failure_class VARCHAR(20),
        ADD COLUMN IF NOT EXISTS crashes INTEGER DEFAULT '0' NOT NULL,
        ADD COLUMN IF NOT EXISTS queue_until TIMESTAMP WITH TIME ZONE
    """,
    """
    ALTER TABLE attempts
        ADD COLUMN IF NOT EXISTS failure_class VARCHAR(20),
        ADD COLUMN IF NOT EXISTS crashes INTEGER DEFAULT '0' NOT NULL,
        ADD COLUMN IF NOT EXISTS resumed_at TIMESTAMP WITH TIME ZONE
    """,
)
# Each looks at the other side alone: for a row that agrees there is no more to do. Where it does not, the rows count as
# they are at the end of the transaction, and not as the event that called had left them.
DISAGREE = f"""
    PERFORM FROM tasks AS task WHERE task.task_id = about AND (task.{LIVE_TASK}) <> EXISTS (
        SELECT FROM attempts AS attempt WHERE attempt.task_id = about AND attempt.attempt = task.attempt
            AND attempt.ended_at IS NULL
    );
    IF FOUND THEN
        RAISE check_violation USING CONSTRAINT = 'task_agrees_with_attempt', TABLE = TG_TABLE_NAME,
            MESSAGE = format('task %s would be live without a live attempt of its number, or the reverse', about);
    END IF;
    RETURN NULL;
"""
FUNCTIONS = (
    f"""
    CREATE OR REPLACE FUNCTION task_agrees_with_attempt() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        about CONSTANT text := NEW.task_id;
    BEGIN
        PERFORM FROM attempts WHERE task_id = NEW.task_id AND attempt = NEW.attempt AND ended_at IS NULL;
        IF FOUND = (NEW.{LIVE_TASK}) THEN
            RETURN NULL;
        END IF;
        {DISAGREE}
    END
    $$
    """,
    f"""
    CREATE OR REPLACE FUNCTION attempt_agrees_with_task() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        about CONSTANT text := OLD.task_id;
    BEGIN
        PERFORM FROM tasks WHERE task_id = OLD.task_id AND attempt = OLD.attempt AND {LIVE_TASK};
        IF NOT FOUND AND OLD.ended_at IS NULL THEN
            RETURN NULL;
        END IF;
        {DISAGREE}
    END
    $$
    """,
)
# A statement's new attempts are looked at together: to count a worker's slots for each would cost too much. A task that
# another worker asked for may be one above them.
PLACED = f"""
    CREATE OR REPLACE FUNCTION attempts_are_placed() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        broken text;
        overfull text;
    BEGIN
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
TRIGGERS = {
    ("tasks", "tasks_agree_when_made"): ("task_agrees_with_attempt", "INSERT", f"NEW.{LIVE_TASK}"),
    ("tasks", "tasks_agree_when_moved"): (
        "task_agrees_with_attempt",
        "UPDATE",
        f"(OLD.{LIVE_TASK}) <> (NEW.{LIVE_TASK}) OR OLD.attempt <> NEW.attempt",
    ),
    ("attempts", "attempts_agree_when_ended"): (
        "attempt_agrees_with_task",
        "UPDATE",
        "(OLD.ended_at IS NULL) <> (NEW.ended_at IS NULL)",
    ),
    ("attempts", "attempts_agree_when_removed"): ("attempt_agrees_with_task", "DELETE", "OLD.ended_at IS NULL"),
}
INDEXES = {
    "tasks_queue_until": "ON tasks (queue_until) WHERE status = 'queued' AND queue_until IS NOT NULL",
    "tasks_in_quarantine": "ON tasks (task_id) WHERE failure_class = 'poison'",
}


def upgrade() -> None:
    for statement in COLUMNS:
        op.execute(statement)
    for (table, name), condition in CHECKS.items():
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({condition}) NOT VALID")
    for function in (*FUNCTIONS, PLACED):
        op.execute(function)
    for (table, name), (function, event, condition) in TRIGGERS.items():
        op.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}")
        op.execute(
            f"CREATE CONSTRAINT TRIGGER {name} AFTER {event} ON {table} DEFERRABLE INITIALLY DEFERRED "
            f"FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION {function}()"
        )
    op.execute("DROP TRIGGER IF EXISTS attempts_placed ON attempts")
    op.execute(
        "CREATE TRIGGER attempts_placed AFTER INSERT ON attempts REFERENCING NEW TABLE AS fresh "
        "FOR EACH STATEMENT EXECUTE FUNCTION attempts_are_placed()"
    )
    with op.get_context().autocommit_block():
        for table, name in CHECKS:
            op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")
        for name, definition in INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} {definition}")
