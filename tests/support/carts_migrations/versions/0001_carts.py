"""The table of carts."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute("CREATE TABLE cart (id integer PRIMARY KEY)")
