"""What could not be handled, kept with its reason: never dropped silently, and never in the way of the rest."""

from collections.abc import Mapping
from datetime import datetime

import asyncpg

from servicekit.ddl import Operations, execute_all
from servicekit.logs import get_logger
from servicekit.metrics import DEAD_LETTERS

DEAD_LETTER_DDL = (
    """
    CREATE TABLE dead_letter (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        stream text NOT NULL,
        subject text NOT NULL,
        payload bytea NOT NULL,
        reason text NOT NULL,
        headers jsonb NOT NULL,
        delivery text UNIQUE,
        recorded_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX dead_letter_recorded_at ON dead_letter (recorded_at)",
)
INSERT = """
    INSERT INTO dead_letter (stream, subject, payload, reason, headers, delivery, recorded_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (delivery) DO NOTHING RETURNING id
"""

log = get_logger(__name__)


class DeadLetters:
    """The table `dead_letter` of a service's schema."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def record(
        self,
        stream: str,
        subject: str,
        payload: bytes,
        reason: str,
        headers: Mapping[str, str],
        now: datetime,
        *,
        delivery: str | None = None,
    ) -> None:
        """Keep one message. With a `delivery` (its place in its stream), a repeat of the same changes nothing."""
        values = (stream, subject, payload, _storable(reason), _storable_headers(headers), delivery, now)
        if await self._pool.fetchval(INSERT, *values) is not None:
            DEAD_LETTERS.labels(stream).inc()
            log.warning("bus.dead_letter", stream=stream, subject=subject, reason=reason)


def create_dead_letters(op: Operations) -> None:
    """Make the table, in an Alembic migration."""
    execute_all(op, DEAD_LETTER_DDL)


def _storable(text: str) -> str:
    """PostgreSQL keeps no NUL character, and a broken message is likely to have one."""
    return text.replace("\x00", "\\u0000").encode(errors="backslashreplace").decode()


def _storable_headers(headers: Mapping[str, str]) -> dict[str, str]:
    return {_storable(name): _storable(value) for name, value in headers.items()}
