"""What was asked and decided of requests, who helps whom, answers that came too early, and the fleet's memory.

Columns and tables are only added: the version before this one can go on working on them.
"""

from alembic import op

revision = "0002"
down_revision = "0001"

STATEMENTS = (
    """
    ALTER TABLE questions
        ADD COLUMN request jsonb,
        ADD COLUMN waits boolean NOT NULL DEFAULT true,
        ADD COLUMN decision jsonb,
        ADD COLUMN findings jsonb NOT NULL DEFAULT '[]',
        ADD COLUMN linked_task_id text,
        ADD COLUMN helper_worker text,
        ADD COLUMN helper_attempt integer
    """,
    """
    CREATE TABLE held_responses (
        event_id text PRIMARY KEY,
        question_id text NOT NULL,
        event jsonb NOT NULL,
        held_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX held_responses_question ON held_responses (question_id)",
    """
    CREATE TABLE learnings (
        learning_id text PRIMARY KEY,
        fingerprint text NOT NULL UNIQUE,
        title text NOT NULL,
        content text NOT NULL,
        tags jsonb NOT NULL,
        repository text,
        worker_id text NOT NULL,
        task_id text,
        confidence_percent double precision,
        times_shared integer NOT NULL,
        shared_at timestamptz NOT NULL,
        search tsvector NOT NULL GENERATED ALWAYS AS (
            setweight(to_tsvector('english', title), 'A') || setweight(to_tsvector('english', tags), 'B')
                || setweight(to_tsvector('english', content), 'C')
        ) STORED
    )
    """,
    "CREATE INDEX learnings_newest ON learnings (shared_at, learning_id)",
    "CREATE INDEX learnings_search ON learnings USING gin (search)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
