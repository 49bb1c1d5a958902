"""Roll-ups, documents of attempts and tasks, and single things; `task_facts` goes: the documents hold the same.

It goes at once, without a contract step: no release has ever read it, and nothing could be lost that the log lacks.
"""

from alembic import op

from servicekit.leader import create_leader_lease

revision = "0002"
down_revision = "0001"

# Rows that are written again and again, and never in an indexed column.
OFTEN = "(fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05)"


def upgrade() -> None:
    op.execute("DROP TABLE task_facts")
    op.execute(
        f"""
        CREATE TABLE rollups (
            dimension text NOT NULL,
            entity text NOT NULL,
            resolution text NOT NULL,
            bucket timestamptz NOT NULL,
            figures jsonb NOT NULL,
            spreads jsonb NOT NULL,
            PRIMARY KEY (dimension, entity, resolution, bucket)
        ) WITH {OFTEN}
        """
    )
    op.execute("CREATE INDEX rollups_bucket ON rollups (resolution, bucket, dimension)")
    op.execute(
        f"""
        CREATE TABLE attempts (
            task_id text NOT NULL,
            attempt integer NOT NULL,
            worker_id text NOT NULL,
            document jsonb NOT NULL,
            events jsonb NOT NULL,
            updated_at timestamptz,
            PRIMARY KEY (task_id, attempt, worker_id)
        ) WITH {OFTEN}
        """
    )
    op.execute(f"CREATE TABLE tasks (task_id text PRIMARY KEY, document jsonb NOT NULL) WITH {OFTEN}")
    op.execute(
        """
        CREATE TABLE error_groups (
            fingerprint text PRIMARY KEY,
            error_type text NOT NULL,
            severity text NOT NULL,
            message text NOT NULL,
            place text NOT NULL,
            first_event_id uuid NOT NULL,
            first_seen timestamptz NOT NULL,
            last_seen timestamptz NOT NULL,
            count bigint NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX error_groups_last_seen ON error_groups (last_seen)")
    op.execute(
        """
        CREATE TABLE error_workers (
            fingerprint text NOT NULL,
            worker_id text NOT NULL,
            count bigint NOT NULL,
            PRIMARY KEY (fingerprint, worker_id)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE error_tasks (
            fingerprint text NOT NULL,
            task_id text NOT NULL,
            count bigint NOT NULL,
            PRIMARY KEY (fingerprint, task_id)
        )
        """
    )
    op.execute("CREATE INDEX error_tasks_task ON error_tasks (task_id)")
    op.execute(
        """
        CREATE TABLE decisions (
            event_id uuid PRIMARY KEY,
            task_id text,
            attempt integer,
            worker_id text NOT NULL,
            decision_type text NOT NULL,
            decided_at timestamptz NOT NULL,
            seq bigint NOT NULL,
            body jsonb NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX decisions_decided_at ON decisions (decided_at)")
    op.execute("CREATE INDEX decisions_task ON decisions (task_id)")
    op.execute("CREATE INDEX analytics_timestamp ON analytics (timestamp)")
    op.execute(
        """
        CREATE TABLE projection (
            id integer PRIMARY KEY CHECK (id = 1),
            position bigint NOT NULL,
            applied_at timestamptz,
            newest_event_at timestamptz,
            fold_version integer NOT NULL,
            minutes_since timestamptz,
            hours_since timestamptz
        ) WITH (fillfactor = 10)
        """
    )
    # What was applied before this version is missing in the new tables until they are rebuilt: version 0 says so.
    op.execute(
        """
        INSERT INTO projection (id, position, fold_version)
        SELECT 1, 0, CASE WHEN EXISTS (SELECT FROM applied_batches) THEN 0 ELSE -1 END
        """
    )
    create_leader_lease(op)
