"""Roll-ups stay in their rows as long as they fit a page.

Reports read many of them and the projections write all that they change: bringing the larger ones from aside, and
pressing them together, took more of PostgreSQL's time than all else. Rows that exist move with their next change.
"""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute("ALTER TABLE rollups SET (toast_tuple_target = 8160)")
