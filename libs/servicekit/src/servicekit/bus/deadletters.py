"""What could not be handled, kept with its reason: never dropped silently, and never in the way of the rest."""

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from datetime import datetime
from typing import NamedTuple

import asyncpg

from contracts.deadletters import DeadLetterCause
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
# Constant defaults are no rewrite: the version before this one goes on writing rows without these columns.
DEAD_LETTER_STATE_DDL = (
    """
    ALTER TABLE dead_letter
        ADD COLUMN IF NOT EXISTS state text NOT NULL DEFAULT 'open',
        ADD COLUMN IF NOT EXISTS cause text,
        ADD COLUMN IF NOT EXISTS durable text,
        ADD COLUMN IF NOT EXISTS event_id text,
        ADD COLUMN IF NOT EXISTS retries integer NOT NULL DEFAULT 0,
        ADD COLUMN IF NOT EXISTS last_retried_at timestamptz,
        ADD COLUMN IF NOT EXISTS last_error text,
        ADD COLUMN IF NOT EXISTS settled_at timestamptz,
        ADD COLUMN IF NOT EXISTS settled_by text,
        ADD COLUMN IF NOT EXISTS settled_reason text
    """,
    "ALTER TABLE dead_letter DROP CONSTRAINT IF EXISTS dead_letter_state_known",
    """
    ALTER TABLE dead_letter ADD CONSTRAINT dead_letter_state_known
        CHECK (state IN ('open', 'retried', 'dropped') AND (state = 'open') = (settled_at IS NULL)) NOT VALID
    """,
)
# Each beside running work, and outside of any transaction; a run that was broken off can be repeated.
DEAD_LETTER_LATER_DDL = (
    "ALTER TABLE dead_letter VALIDATE CONSTRAINT dead_letter_state_known",
    "DROP INDEX CONCURRENTLY IF EXISTS dead_letter_open",
    "CREATE INDEX CONCURRENTLY dead_letter_open ON dead_letter (id) INCLUDE (recorded_at) WHERE state = 'open'",
    "DROP INDEX CONCURRENTLY IF EXISTS dead_letter_settled",
    "CREATE INDEX CONCURRENTLY dead_letter_settled ON dead_letter (settled_at) WHERE state <> 'open'",
)
INSERT = """
    INSERT INTO dead_letter
        (stream, subject, payload, reason, headers, delivery, recorded_at, cause, durable, event_id)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (delivery) DO NOTHING RETURNING id
"""

log = get_logger(__name__)


class Letter(NamedTuple):
    """A message that is to be processed again. `attempt` counts from 1."""

    number: int
    stream: str
    subject: str
    payload: bytes
    headers: dict[str, str]
    stream_sequence: int
    timestamp_ns: int
    durable: str
    event_id: str | None
    attempt: int


Again = Callable[[Letter], Awaitable[str | None]]
"""Processes a message again: None, or why it cannot be handled still. Raises what the infrastructure raises."""

_refusals: ContextVar[list[str] | None] = ContextVar("refusals", default=None)


class DeadLetters:
    """The table `dead_letter` of a service's schema."""

    def __init__(self, pool: asyncpg.Pool, service: str) -> None:
        self.service = service
        self._pool = pool
        self._again: dict[str, Again] = {}

    def attend(self, durable: str, again: Again) -> None:
        """Know who processes the messages of a durable, for those that are tried again."""
        self._again[durable] = again

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
        cause: DeadLetterCause = DeadLetterCause.invalid,
        durable: str | None = None,
        event_id: str | None = None,
    ) -> None:
        """Keep one message, or with `event_id` one event (`payload`) of a batch whose others were applied.

        With a `delivery` (its place in its stream), a repeat of the same changes nothing. Only with a `durable` can it
        be processed again.
        """
        refusals = _refusals.get()
        if refusals is not None and event_id is not None:
            return refusals.append(reason)
        values = (stream, storable(subject), payload, storable(reason), _storable_headers(headers), delivery, now)
        if await self._pool.fetchval(INSERT, *values, cause.value, durable, event_id) is not None:
            DEAD_LETTERS.labels(self.service, stream, cause.value).inc()
            log.warning("bus.dead_letter", stream=stream, subject=subject, cause=cause.value, reason=reason)
        return None

    @property
    def durables(self) -> list[str]:
        """Those whose messages this process handles."""
        return list(self._again)

    def can_process(self, durable: str | None) -> bool:
        """Whether this process knows who handles what that durable delivers."""
        return durable in self._again

    async def process(self, letter: Letter) -> str | None:
        """Process a message again: None, or why it cannot be handled still.

        An event that is put aside again makes no letter of its own: it has one.
        """
        refused: list[str] = []
        token = _refusals.set(refused if letter.event_id is not None else None)
        try:
            reason = await self._again[letter.durable](letter)
        finally:
            _refusals.reset(token)
        return reason or (refused[0] if refused else None)


def create_dead_letters(op: Operations) -> None:
    """Make the table, in an Alembic migration."""
    execute_all(op, DEAD_LETTER_DDL)


def add_dead_letter_states(op: Operations) -> None:
    """Add what becomes of letters, in a later migration; `finish_dead_letter_states` must follow it."""
    execute_all(op, DEAD_LETTER_STATE_DDL)


def finish_dead_letter_states(op: Operations) -> None:
    """What is built beside running work: call it in an `autocommit_block`."""
    execute_all(op, DEAD_LETTER_LATER_DDL)


def storable(text: str) -> str:
    """PostgreSQL keeps no NUL character, and a broken message is likely to have one."""
    return text.replace("\x00", "\\u0000").encode(errors="backslashreplace").decode()


def _storable_headers(headers: Mapping[str, str]) -> dict[str, str]:
    return {storable(name): storable(value) for name, value in headers.items()}
