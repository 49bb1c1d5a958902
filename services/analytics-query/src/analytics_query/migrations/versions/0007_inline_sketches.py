"""Distributions stay in their rows, and as they are where a row is of no more than half a page.

Reports read many of them: most of that time PostgreSQL spent in bringing them from aside and unpacking them. They are
kept so when they are written next.
"""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute("ALTER TABLE rollups SET (toast_tuple_target = 4080)")
    op.execute("ALTER TABLE rollups ALTER COLUMN sketches SET STORAGE MAIN")
