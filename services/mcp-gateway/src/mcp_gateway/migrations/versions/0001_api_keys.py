"""API keys, each known by the SHA-256 of its secret."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE api_keys (
            key_id text PRIMARY KEY,
            name text NOT NULL,
            role text NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
            tools text[] NOT NULL,
            secret_sha256 bytea NOT NULL CHECK (octet_length(secret_sha256) = 32),
            created_by text NOT NULL,
            created_at timestamptz NOT NULL,
            expires_at timestamptz,
            revoked_at timestamptz,
            revoked_by text,
            last_used_at timestamptz,
            CHECK ((revoked_at IS NULL) = (revoked_by IS NULL))
        )
        """
    )
    op.execute("CREATE INDEX api_keys_newest ON api_keys (created_at, key_id)")
