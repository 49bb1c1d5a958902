"""The attempts whose claims did not hold are found without reading all documents."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    # Not on a column of its own: only a change of the document may touch the index.
    op.execute(
        """
        CREATE INDEX attempts_disagreements ON attempts ((document -> 'outcome' ->> 'at'))
        WHERE document -> 'outcome' -> 'data' -> 'discrepancies' -> 0 IS NOT NULL
        """
    )
