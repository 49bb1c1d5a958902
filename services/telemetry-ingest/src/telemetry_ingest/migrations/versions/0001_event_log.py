"""The event log, partitioned by day, and what keeps its books."""

from alembic import op

from servicekit.bus import create_dead_letters
from servicekit.inbox import create_inbox

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE events (
            event_id uuid NOT NULL,
            day date NOT NULL,
            kind text NOT NULL,
            stream_type text,
            worker_id text NOT NULL,
            task_id text,
            attempt integer,
            seq bigint NOT NULL,
            occurred_at timestamptz NOT NULL,
            recorded_at timestamptz NOT NULL,
            evidence text NOT NULL,
            stale boolean NOT NULL,
            body jsonb NOT NULL,
            PRIMARY KEY (event_id, day)
        ) PARTITION BY RANGE (day)
        """
    )
    op.execute("CREATE INDEX events_task ON events (task_id, event_id)")
    op.execute("CREATE INDEX events_kind ON events (kind, event_id)")
    op.execute("CREATE TABLE events_strays PARTITION OF events DEFAULT")
    op.execute(
        "CREATE TABLE task_attempts (task_id text PRIMARY KEY, attempt integer NOT NULL, worker_id text NOT NULL)"
    )
    # The runtime role has no DDL: partitions are made by this function, in the name of the schema's owner.
    op.execute(
        """
        CREATE FUNCTION ensure_partition(wanted date) RETURNS void
        LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
        DECLARE
            partition text := 'events_' || to_char(wanted, 'YYYYMMDD');
        BEGIN
            PERFORM pg_advisory_xact_lock(hashtext('events'));
            IF to_regclass(quote_ident(partition)) IS NOT NULL
               OR EXISTS (SELECT FROM events_strays WHERE day = wanted) THEN
                RETURN;
            END IF;
            EXECUTE format('CREATE TABLE %I (LIKE events INCLUDING ALL)', partition);
            EXECUTE format(
                'ALTER TABLE events ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', partition, wanted, wanted + 1
            );
        END $$
        """
    )
    create_inbox(op)
    create_dead_letters(op)
