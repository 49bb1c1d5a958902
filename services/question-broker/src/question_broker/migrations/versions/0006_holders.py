"""Who was given each task last, and learnings of attempts that had lost their task.

Columns with constant defaults and an index are only added: the version before this one can go on working on them. What
it writes meanwhile counts as valid.
"""

from alembic import op

revision = "0006"
down_revision = "0005"

STATEMENTS = (
    """
    ALTER TABLE closed_attempts
        ADD COLUMN assigned_attempt integer,
        ADD COLUMN assigned_worker text,
        ADD COLUMN assigned_at timestamptz
    """,
    """
    ALTER TABLE learnings
        ADD COLUMN attempt integer,
        ADD COLUMN recorded_at timestamptz NOT NULL DEFAULT now(),
        ADD COLUMN stale boolean NOT NULL DEFAULT false
    """,
    "CREATE INDEX learnings_task ON learnings (task_id)",
)


def upgrade() -> None:
    """Make them."""
    for statement in STATEMENTS:
        op.execute(statement)
