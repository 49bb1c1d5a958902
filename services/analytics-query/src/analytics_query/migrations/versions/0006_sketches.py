"""Distributions are packed, in a column of their own.

Both columns count: what a version before this one adds or takes away stands in `spreads`, what this one finds there it
moves over with the next change of the row.
"""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute("ALTER TABLE rollups ADD COLUMN sketches bytea NOT NULL DEFAULT ''")
    op.execute("ALTER TABLE rollups ALTER COLUMN spreads SET DEFAULT '{}'")
