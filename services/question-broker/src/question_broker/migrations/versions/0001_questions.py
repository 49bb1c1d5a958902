"""Questions, the attempts that have ended, and what keeps the books of the bus."""

from alembic import op

from servicekit.bus import create_dead_letters
from servicekit.inbox import create_inbox
from servicekit.outbox import create_outbox

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE questions (
            question_id text PRIMARY KEY,
            kind text NOT NULL CHECK (kind IN ('question', 'resource_request', 'collaboration_request')),
            state text NOT NULL CHECK (state IN ('open', 'answered', 'auto_answered', 'expired', 'withdrawn')),
            worker_id text NOT NULL,
            task_id text,
            attempt integer,
            question text NOT NULL,
            question_type text NOT NULL,
            context text,
            options jsonb NOT NULL,
            default_answer text,
            priority text NOT NULL,
            asked_at timestamptz NOT NULL,
            expires_at timestamptz,
            answer text,
            additional_context text,
            answered_by text,
            answered_at timestamptz,
            CHECK ((state = 'open') = (answered_at IS NULL))
        )
        """
    )
    op.execute("CREATE INDEX questions_newest ON questions (asked_at, question_id)")
    op.execute("CREATE INDEX questions_task ON questions (task_id)")
    op.execute("CREATE INDEX questions_due ON questions (expires_at) WHERE state = 'open'")
    op.execute("CREATE TABLE closed_attempts (task_id text PRIMARY KEY, attempt integer NOT NULL)")
    create_inbox(op)
    create_outbox(op)
    create_dead_letters(op)
