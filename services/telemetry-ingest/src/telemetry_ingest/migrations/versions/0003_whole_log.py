"""The log is whole: what workers ask and what services decide is in it, and each row knows the batch that it came in.

Columns, tables and functions are only added: the version before this one can go on working. The index is made partition
by partition, without holding up writers; one that was left unfinished is made again.
"""

from alembic import op
from sqlalchemy import text

revision = "0003"
down_revision = "0002"

PARTITIONS_WITHOUT_INDEX = """
    SELECT inhrelid::regclass::text FROM pg_inherits
    WHERE inhparent = 'events'::regclass AND NOT EXISTS (
        SELECT FROM pg_index AS made JOIN pg_inherits AS attached ON attached.inhrelid = made.indexrelid
        WHERE made.indrelid = pg_inherits.inhrelid AND attached.inhparent = 'events_worker'::regclass
    )
"""


def upgrade() -> None:
    op.execute("ALTER TABLE events ADD COLUMN IF NOT EXISTS question_id text")
    op.execute("ALTER TABLE events ADD COLUMN IF NOT EXISTS producer_id integer")
    op.execute("ALTER TABLE events ADD COLUMN IF NOT EXISTS batch bigint")
    op.execute(
        """
        CREATE TABLE IF NOT EXISTS producers (
            producer_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            name text NOT NULL CONSTRAINT producers_name UNIQUE
        )
        """
    )
    op.execute(
        """
        CREATE TABLE IF NOT EXISTS decided_events (
            event_id uuid PRIMARY KEY,
            kind text NOT NULL,
            occurred_at timestamptz NOT NULL,
            recorded_at timestamptz NOT NULL,
            task_id text,
            attempt integer,
            worker_id text,
            question_id text,
            actor text NOT NULL,
            data jsonb NOT NULL,
            producer_id integer,
            batch bigint
        )
        """
    )
    # The runtime role has no DDL. Who cannot have the lock soon tries again later: writers wait behind it meanwhile.
    op.execute(
        """
        CREATE OR REPLACE FUNCTION drop_oldest_partition(first_kept date) RETURNS boolean
        LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET lock_timeout = '2s' AS $$
        DECLARE
            partition text;
        BEGIN
            PERFORM pg_advisory_xact_lock(hashtext('events'));
            SELECT relname INTO partition FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
            WHERE inhparent = 'events'::regclass AND relname ~ '^events_[0-9]{8}$'
              AND to_date(right(relname, 8), 'YYYYMMDD') < first_kept
            ORDER BY relname LIMIT 1;
            IF partition IS NULL THEN
                RETURN false;
            END IF;
            EXECUTE format('DROP TABLE %I', partition);
            RETURN true;
        END $$
        """
    )
    op.execute("CREATE INDEX IF NOT EXISTS events_worker ON ONLY events (worker_id, event_id)")
    partitions = op.get_bind().execute(text(PARTITIONS_WITHOUT_INDEX)).scalars().all()
    with op.get_context().autocommit_block():
        for partition in partitions:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {partition}_worker")
            op.execute(f"CREATE INDEX CONCURRENTLY {partition}_worker ON {partition} (worker_id, event_id)")
            op.execute(f"ALTER INDEX events_worker ATTACH PARTITION {partition}_worker")
