"""The reference's `analytics` table, the facts of tasks, and what keeps the books of the bus."""

from alembic import op

from servicekit.bus import create_dead_letters
from servicekit.inbox import create_inbox

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE analytics (
            id serial PRIMARY KEY,
            analytics_type varchar(50) NOT NULL,
            source_type varchar(50) NOT NULL,
            source_id varchar(255) NOT NULL,
            data jsonb NOT NULL,
            timestamp timestamptz NOT NULL,
            event_id uuid NOT NULL,
            worker_id text NOT NULL,
            attempt integer,
            evidence text NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX analytics_source ON analytics (source_type, source_id, analytics_type, timestamp)")
    op.execute(
        """
        CREATE TABLE task_facts (
            task_id text NOT NULL,
            attempt integer NOT NULL,
            worker_id text NOT NULL,
            facts jsonb NOT NULL,
            updated_at timestamptz,
            PRIMARY KEY (task_id, attempt, worker_id)
        )
        """
    )
    op.execute(
        "CREATE TABLE current_attempts (task_id text PRIMARY KEY, attempt integer NOT NULL, worker_id text NOT NULL)"
    )
    create_inbox(op)
    create_dead_letters(op)
