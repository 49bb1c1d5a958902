"""SQL of API keys."""

from datetime import datetime

from contracts.access import ApiKey
from servicekit.pg import Database

SHOWN = "key_id, name, role, tools, created_by, created_at, expires_at, revoked_at, revoked_by, last_used_at"
PAGE = f"""
    SELECT {SHOWN} FROM api_keys
    WHERE ($1::timestamptz IS NULL OR (created_at, key_id) < ($1, $2))
    ORDER BY created_at DESC, key_id DESC LIMIT $3
"""


class PostgresKeys:
    """All API keys, in PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, after: tuple[datetime, str] | None, limit: int) -> list[ApiKey]:
        """At most `limit` keys, newest first, beyond the given (created_at, key_id)."""
        async with self._database.acquire() as connection:
            rows = await connection.fetch(PAGE, *(after or (None, None)), limit)
        return [ApiKey.model_validate(dict(row)) for row in rows]
