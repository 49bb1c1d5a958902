"""Where the content of an artifact or a checkpoint lies: it belongs to the event, and not to its body.

A column is only added: the version before this one can go on working.
"""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("ALTER TABLE events ADD COLUMN IF NOT EXISTS stored jsonb")
