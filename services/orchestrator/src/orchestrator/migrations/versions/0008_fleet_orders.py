"""What the leader has asked of whoever runs the fleet and not told of yet, and why an intention is had.

A table is added that the version before does not know and need not, and a column that it leaves null. A broken run
can be repeated.

Revision ID: 0008
"""

from alembic import op

revision = "0008"
down_revision = "0007"

TABLE = """
    CREATE TABLE IF NOT EXISTS fleet_orders (
        order_key VARCHAR(255) COLLATE "C" NOT NULL,
        ordered_at TIMESTAMP WITH TIME ZONE NOT NULL,
        ordered_by VARCHAR(255) NOT NULL,
        reason TEXT,
        worker_id VARCHAR(255) COLLATE "C",
        instance VARCHAR(255),
        version VARCHAR(255),
        size_before INTEGER,
        size_after INTEGER,
        CONSTRAINT fleet_orders_pkey PRIMARY KEY (order_key),
        CONSTRAINT fleet_orders_whole CHECK (
            CASE WHEN order_key = 'size' THEN num_nulls(version, size_before, size_after) = 0
            ELSE num_nulls(worker_id, instance) = 0 AND num_nonnulls(version, size_before, size_after) = 0 END
        )
    )
"""


def upgrade() -> None:
    op.execute(TABLE)
    op.execute("ALTER TABLE fleet_intentions ADD COLUMN IF NOT EXISTS reason TEXT")
