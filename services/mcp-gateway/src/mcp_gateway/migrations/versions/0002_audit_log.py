"""The audit log: entries that can only be added, each bound to the one before, in a partition for each month.

Nobody may change or remove an entry, its owner included: triggers refuse it, and other roles have no right to.
Partitions are made and dropped by functions in the owner's name, since the runtime role has no DDL.
"""

from alembic import op

from servicekit.bus import create_dead_letters
from servicekit.inbox import create_inbox

revision = "0002"
down_revision = "0001"

# Whatever calls the function that drops: so long an entry is kept at least.
LEAST_KEPT = "30 days"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE audit_entries (
            seq bigint NOT NULL,
            recorded_at timestamptz NOT NULL,
            occurred_at timestamptz NOT NULL,
            source text NOT NULL,
            action text NOT NULL,
            principal text NOT NULL,
            outcome text NOT NULL,
            code text,
            credential text,
            role text,
            client text,
            task_id text,
            attempt integer,
            worker_id text,
            question_id text,
            duration_ms bigint,
            trace_id text,
            details text NOT NULL,
            prev_hash bytea NOT NULL CHECK (octet_length(prev_hash) = 32),
            hash bytea NOT NULL CHECK (octet_length(hash) = 32),
            PRIMARY KEY (seq, recorded_at)
        ) PARTITION BY RANGE (recorded_at)
        """
    )
    op.execute("CREATE INDEX audit_entries_recorded ON audit_entries (recorded_at, seq)")
    op.execute("CREATE INDEX audit_entries_principal ON audit_entries (principal, seq)")
    op.execute("CREATE INDEX audit_entries_action ON audit_entries (action, seq)")
    op.execute("CREATE INDEX audit_entries_task ON audit_entries (task_id, seq) WHERE task_id IS NOT NULL")
    op.execute(
        """
        CREATE TABLE audit_head (
            id integer PRIMARY KEY CHECK (id = 1),
            seq bigint NOT NULL CHECK (seq >= 0),
            hash bytea NOT NULL CHECK (octet_length(hash) = 32),
            recorded_at timestamptz
        ) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000)
        """
    )
    op.execute("INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, decode(repeat('00', 32), 'hex'))")
    _append_only()
    _partitions()
    create_inbox(op)
    create_dead_letters(op)


def _append_only() -> None:
    op.execute(
        """
        CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'the audit log is append-only: % of % is refused', TG_OP, TG_TABLE_NAME
                USING ERRCODE = 'insufficient_privilege';
        END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER audit_entries_unchanged BEFORE UPDATE OR DELETE ON audit_entries
        FOR EACH ROW EXECUTE FUNCTION refuse_audit_change()
        """
    )
    op.execute(
        """
        CREATE TRIGGER audit_entries_whole BEFORE TRUNCATE ON audit_entries
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()
        """
    )
    op.execute(
        """
        CREATE TRIGGER audit_head_kept BEFORE DELETE OR TRUNCATE ON audit_head
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()
        """
    )
    # Roles have got all rights on rows by default, whatever their names.
    op.execute(
        """
        CREATE FUNCTION revoke_rights(wanted regclass, rights text) RETURNS void LANGUAGE plpgsql AS $$
        DECLARE
            grantee oid;
        BEGIN
            FOR grantee IN
                SELECT DISTINCT acl.grantee FROM pg_class, aclexplode(relacl) AS acl
                WHERE pg_class.oid = wanted AND acl.grantee <> relowner
            LOOP
                EXECUTE format('REVOKE %s ON %s FROM %s', rights, wanted,
                    CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END);
            END LOOP;
        END $$
        """
    )
    op.execute("SELECT revoke_rights('audit_entries', 'UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')")
    op.execute("SELECT revoke_rights('audit_head', 'INSERT, DELETE, TRUNCATE, REFERENCES, TRIGGER')")


def _partitions() -> None:
    op.execute(
        """
        CREATE FUNCTION ensure_audit_partition(wanted date) RETURNS void
        LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
        DECLARE
            first date := date_trunc('month', wanted);
            partition text := 'audit_entries_' || to_char(wanted, 'YYYYMM');
        BEGIN
            IF first > clock_timestamp() + interval '2 months' THEN
                RAISE EXCEPTION 'no audit entry can be of % yet', wanted;
            END IF;
            PERFORM pg_advisory_xact_lock(hashtext('audit_entries'));
            IF to_regclass(quote_ident(partition)) IS NOT NULL THEN
                RETURN;
            END IF;
            EXECUTE format('CREATE TABLE %I (LIKE audit_entries INCLUDING ALL)', partition);
            -- Who reads and adds does so through the whole.
            PERFORM revoke_rights(partition::regclass, 'ALL');
            EXECUTE format('CREATE TRIGGER audit_entries_whole BEFORE TRUNCATE ON %I
                FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()', partition);
            EXECUTE format('ALTER TABLE audit_entries ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                partition, first::timestamp AT TIME ZONE 'UTC', (first + interval '1 month') AT TIME ZONE 'UTC');
        END $$
        """
    )
    # Drops no month that has not been over for long, and none whose end is not told by an entry that stays.
    op.execute(
        f"""
        CREATE FUNCTION drop_audit_partition(wanted date) RETURNS void
        LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET lock_timeout = '2s' AS $$
        DECLARE
            first date := date_trunc('month', wanted);
            ends timestamptz := (first + interval '1 month') AT TIME ZONE 'UTC';
            partition text := 'audit_entries_' || to_char(wanted, 'YYYYMM');
            last audit_entries;
        BEGIN
            IF ends > clock_timestamp() - interval '{LEAST_KEPT}' THEN
                RAISE EXCEPTION 'audit entries of % are kept for at least {LEAST_KEPT}', wanted
                    USING ERRCODE = 'insufficient_privilege';
            END IF;
            SELECT * INTO last FROM audit_entries
            WHERE recorded_at < ends ORDER BY recorded_at DESC, seq DESC LIMIT 1;
            IF last.seq IS NOT NULL AND NOT EXISTS (
                SELECT FROM audit_entries WHERE action = 'audit.anchor' AND source = 'log' AND recorded_at >= ends
                AND details = format('{{"dropped_through":%s,"hash":"%s"}}', last.seq, encode(last.hash, 'hex'))
            ) THEN
                RAISE EXCEPTION 'no entry tells where the audit entries of % ended', wanted
                    USING ERRCODE = 'insufficient_privilege';
            END IF;
            EXECUTE format('DROP TABLE %I', partition);
        END $$
        """
    )
