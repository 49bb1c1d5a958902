"""When it was last heard which attempt a task is at, so that what nobody speaks of any more can be forgotten.

The column has a default, so the version before this one can go on writing. Rows that are there count as heard of now.
"""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute("ALTER TABLE task_attempts ADD COLUMN IF NOT EXISTS noted_at timestamptz NOT NULL DEFAULT now()")
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS task_attempts_noted_at")
        op.execute("CREATE INDEX CONCURRENTLY task_attempts_noted_at ON task_attempts USING brin (noted_at)")
