"""Rules and what they have answered, the repositories of tasks, escalations, and questions found by their words.

Columns and tables are only added: the version before this one can go on working on them. The column `search` is
computed for all questions there are, which takes about a second for 50,000.
"""

from alembic import op

revision = "0003"
down_revision = "0002"

STATEMENTS = (
    """
    ALTER TABLE questions
        ADD COLUMN rule_id text,
        ADD COLUMN escalated_at timestamptz,
        ADD COLUMN needs_approval boolean NOT NULL DEFAULT false,
        ADD COLUMN search tsvector NOT NULL GENERATED ALWAYS AS (
            setweight(to_tsvector('english', question), 'A')
                || setweight(to_tsvector('english', COALESCE("left"(context, 2000), '')), 'B')
        ) STORED
    """,
    "CREATE INDEX questions_worker ON questions (worker_id, asked_at)",
    "CREATE INDEX questions_answered ON questions USING gin (search) WHERE state = 'answered'",
    """
    CREATE TABLE rules (
        rule_id text PRIMARY KEY,
        name text NOT NULL,
        description text,
        position integer NOT NULL,
        state text NOT NULL CHECK (state IN ('dry_run', 'active', 'disabled')),
        conditions jsonb NOT NULL,
        action jsonb NOT NULL,
        version integer NOT NULL,
        tested_version integer NOT NULL,
        dry_run_hits bigint NOT NULL DEFAULT 0,
        hits bigint NOT NULL DEFAULT 0,
        last_hit_at timestamptz,
        created_by text NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX rules_in_order ON rules (position, rule_id)",
    """
    CREATE TABLE rule_hits (
        rule_id text NOT NULL REFERENCES rules ON DELETE CASCADE,
        question_id text NOT NULL,
        version integer NOT NULL,
        state text NOT NULL,
        answer text NOT NULL,
        decision jsonb,
        hit_at timestamptz NOT NULL,
        PRIMARY KEY (rule_id, question_id)
    )
    """,
    "CREATE TABLE task_repositories (task_id text PRIMARY KEY, repository text NOT NULL)",
    """
    CREATE TABLE escalations (
        escalation_id text PRIMARY KEY,
        question_id text NOT NULL UNIQUE,
        priority text NOT NULL,
        state text NOT NULL CHECK (state IN ('pending', 'sent', 'dropped', 'dead')),
        payload bytea NOT NULL,
        attempts integer NOT NULL,
        next_attempt_at timestamptz,
        claimed_until timestamptz,
        created_at timestamptz NOT NULL,
        sent_at timestamptz,
        last_error text
    )
    """,
    "CREATE INDEX escalations_newest ON escalations (created_at, escalation_id)",
    "CREATE INDEX escalations_due ON escalations (next_attempt_at) WHERE state = 'pending'",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
