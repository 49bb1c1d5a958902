"""The trace in which a task was asked for, and the one in which each attempt was assigned (W3C `traceparent`).

Columns are only added. A broken run can be repeated.

Revision ID: 0005
"""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute("ALTER TABLE tasks ADD COLUMN IF NOT EXISTS traceparent VARCHAR(55)")
    op.execute("ALTER TABLE attempts ADD COLUMN IF NOT EXISTS traceparent VARCHAR(55)")
