"""What is to become of instances of workers: restarts that wait for a drain, and places that are given up.

A table is added that the version before does not know, and need not.

Revision ID: 0006
"""

from alembic import op

revision = "0006"
down_revision = "0005"

TABLE = """
    CREATE TABLE IF NOT EXISTS fleet_intentions (
        worker_id VARCHAR(255) COLLATE "C" NOT NULL,
        action VARCHAR(20) NOT NULL,
        instance VARCHAR(255),
        asked_at TIMESTAMP WITH TIME ZONE NOT NULL,
        asked_by VARCHAR(255) NOT NULL,
        until TIMESTAMP WITH TIME ZONE,
        told VARCHAR(20),
        CONSTRAINT fleet_intentions_pkey PRIMARY KEY (worker_id),
        CONSTRAINT fleet_intentions_action_known CHECK (action IN ('restart', 'remove'))
    )
"""


def upgrade() -> None:
    op.execute(TABLE)
