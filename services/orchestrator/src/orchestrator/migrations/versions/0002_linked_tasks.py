"""Tasks that other workers asked for: their parent, and the terms under which the answer goes back.

Columns are only added, and the index is built beside running work; a run that was broken off can be repeated.

Revision ID: 0002
"""

from alembic import op

revision = "0002"
down_revision = "0001"

COLUMNS = """
    ALTER TABLE tasks
        ADD COLUMN IF NOT EXISTS parent_task_id VARCHAR(255) COLLATE "C",
        ADD COLUMN IF NOT EXISTS collaboration JSONB
"""
INDEX = """
    CREATE INDEX CONCURRENTLY tasks_by_parent ON tasks (parent_task_id, task_id) WHERE parent_task_id IS NOT NULL
"""


def upgrade() -> None:
    op.execute(COLUMNS)
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS tasks_by_parent")
        op.execute(INDEX)
