"""SQL of API keys."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import asyncpg

from contracts.access import ApiKey
from mcp_gateway.domain.credentials import StoredKey
from mcp_gateway.errors import Unavailable
from servicekit.pg import Connection, Database, is_transient

SHOWN = "key_id, name, role, tools, created_by, created_at, expires_at, revoked_at, revoked_by, last_used_at"
PAGE = f"""
    SELECT {SHOWN} FROM api_keys
    WHERE ($1::timestamptz IS NULL OR (created_at, key_id) < ($1, $2))
    ORDER BY created_at DESC, key_id DESC LIMIT $3
"""
# A repeat after a lost connection finds the row there.
ADD = """
    INSERT INTO api_keys (key_id, name, role, tools, secret_sha256, created_by, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (key_id) DO NOTHING
"""
REVOKE = f"""
    UPDATE api_keys SET revoked_at = COALESCE(revoked_at, $3), revoked_by = COALESCE(revoked_by, $2)
    WHERE key_id = $1 RETURNING {SHOWN}
"""
LOAD = f"SELECT {SHOWN}, secret_sha256 FROM api_keys WHERE key_id = ANY($1::text[])"
# Keys are held in one order, so that two replicas do not wait for each other; one that was cut off may write late.
NOTE_USED = """
    WITH held AS (
        SELECT key_id FROM api_keys WHERE key_id = ANY($1::text[]) ORDER BY key_id FOR NO KEY UPDATE
    )
    UPDATE api_keys SET last_used_at = GREATEST(last_used_at, used.at)
    FROM unnest($1::text[], $2::timestamptz[]) AS used (key_id, at) JOIN held USING (key_id)
    WHERE api_keys.key_id = used.key_id
"""
# Who shows a key waits no longer than this for it to be looked up.
ANSWERS_WITHIN_S = 3.0


class PostgresKeys:
    """All API keys, in PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, after: tuple[datetime, str] | None, limit: int) -> list[ApiKey]:
        """At most `limit` keys, newest first, beyond the given (created_at, key_id)."""
        async with self._connection() as connection:
            rows = await connection.fetch(PAGE, *(after or (None, None)), limit)
        return [_key(row) for row in rows]

    async def add(self, key: StoredKey) -> None:
        """Keep a new key."""
        made = key.key
        values = (made.key_id, made.name, made.role, made.tools, key.secret_sha256, made.created_by, made.created_at)
        async with self._connection() as connection:
            await connection.execute(ADD, *values, made.expires_at)

    async def revoke(self, key_id: str, revoked_by: str, now: datetime) -> ApiKey | None:
        """End a key, if that was not done before; None where there is no such key."""
        async with self._connection() as connection:
            row = await connection.fetchrow(REVOKE, key_id, revoked_by, now)
        return _key(row) if row else None

    async def load(self, key_ids: Sequence[str]) -> list[StoredKey]:
        """Those of the keys that there are."""
        async with self._connection() as connection:
            rows = await connection.fetch(LOAD, list(key_ids))
        return [StoredKey(_key(row), row["secret_sha256"]) for row in rows]

    async def note_used(self, used_at: Mapping[str, datetime]) -> None:
        """Keep when keys were last used."""
        async with self._connection() as connection:
            await connection.execute(NOTE_USED, list(used_at), list(used_at.values()))

    @asynccontextmanager
    async def _connection(self) -> AsyncGenerator[Connection]:
        try:
            async with asyncio.timeout(ANSWERS_WITHIN_S), self._database.acquire() as connection:
                yield connection
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            if is_transient(error) or isinstance(error, asyncpg.QueryCanceledError | asyncpg.UndefinedTableError):
                raise Unavailable("postgres", f"API keys cannot be looked up now ({type(error).__name__})") from error
            raise


def _key(row: Mapping[str, Any]) -> ApiKey:
    return ApiKey.model_validate({name: value for name, value in dict(row).items() if name != "secret_sha256"})
