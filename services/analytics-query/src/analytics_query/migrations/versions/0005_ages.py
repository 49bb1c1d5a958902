"""Documents of attempts are found by their age, so that old ones can be forgotten without reading all."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS attempts_updated_at")
        op.execute("CREATE INDEX CONCURRENTLY attempts_updated_at ON attempts USING brin (updated_at)")
