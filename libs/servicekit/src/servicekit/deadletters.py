"""What operators do about dead letters: look at them, have them processed again, give them up."""

import asyncio
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from contracts.base import Page
from contracts.deadletters import (
    DeadLetter,
    DeadLetterCause,
    DeadLetterContent,
    DeadLetterOutcome,
    DeadLetterState,
    DropDeadLetters,
    RetryDeadLetters,
    SettledDeadLetter,
    SettledDeadLetters,
)
from servicekit.bus.deadletters import DeadLetters, Letter, storable
from servicekit.bus.failures import is_infrastructure
from servicekit.clock import Clock
from servicekit.errors import ServiceError
from servicekit.logs import get_logger
from servicekit.metrics import DEAD_LETTERS_OLDEST, DEAD_LETTERS_OPEN, DEAD_LETTERS_SETTLED
from servicekit.paging import decode_cursor, invalid_cursor, page
from servicekit.pg import Connection, Database

SHOWN_BYTES = 64 * 1024
LOOK_S = 15.0
NEWER_AT_ONCE = 1_000
NEWER_WAITS_S = 2 * 3_600.0
"""How long what a newer version has sent may wait for that version here before it waits for somebody."""
MOST_COUNTED = 100_000
LARGEST_NUMBER = 2**63 - 1
# Letters of the version before this one say it by their place alone: `<durable>:<sequence>:<timestamp>`.
PLACE = re.compile(r"([A-Za-z0-9_-]+):([0-9]{1,18}):([0-9]{1,19})")
COLUMNS = """
    id, state, cause, reason, stream, subject, durable, event_id, delivery, octet_length(payload) AS payload_bytes,
    recorded_at, retries, last_retried_at, last_error, settled_at, settled_by, settled_reason
"""
PAGE = f"""
    SELECT {COLUMNS} FROM dead_letter
    WHERE ($1::bigint IS NULL OR id < $1) AND ($2::text IS NULL OR state = $2) AND ($3::text IS NULL OR stream = $3)
      AND ($4::text IS NULL OR subject = $4) AND ($5::text IS NULL OR cause = $5)
    ORDER BY id DESC LIMIT $6
"""
CONTENT = f"SELECT {COLUMNS}, headers, substring(payload FOR {SHOWN_BYTES}) AS shown FROM dead_letter WHERE id = $1"
LOCK = f"SELECT {COLUMNS}, headers, payload FROM dead_letter WHERE id = $1 FOR UPDATE"
RETRIED = """
    UPDATE dead_letter SET state = 'retried', settled_at = $2, settled_by = $3, retries = retries + 1,
        last_retried_at = $2, last_error = NULL
    WHERE id = $1
"""
FAILED = "UPDATE dead_letter SET retries = retries + 1, last_retried_at = $2, last_error = $3 WHERE id = $1"
DROP = """
    UPDATE dead_letter SET state = 'dropped', settled_at = $2, settled_by = $3, settled_reason = $4
    WHERE id = $1 AND state = 'open' RETURNING stream, subject
"""
STATE = "SELECT state FROM dead_letter WHERE id = $1"
OPEN = f"""
    SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(recorded_at)), 0)::float8
    FROM (
        SELECT recorded_at FROM dead_letter
        WHERE state = 'open' AND (cause IS DISTINCT FROM 'newer' OR recorded_at < $1) ORDER BY id LIMIT {MOST_COUNTED}
    ) AS waiting
"""
# Those of the last moments wait: one with a smaller id may still be on its way into the table.
NEWER = """
    SELECT id FROM dead_letter WHERE state = 'open' AND cause = 'newer' AND durable = $1 AND id > $2
        AND recorded_at < clock_timestamp() - interval '5 s'
    ORDER BY id LIMIT $3
"""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LetterFilter:
    """Which dead letters are wanted; None: any."""

    state: DeadLetterState | None = None
    stream: str | None = None
    subject: str | None = None
    cause: DeadLetterCause | None = None


class DeadLetterDesk:
    """The dead letters of one service."""

    def __init__(self, database: Database, letters: DeadLetters, clock: Clock) -> None:
        self._database = database
        self._letters = letters
        self._clock = clock
        self._service = letters.service
        self._tried_up_to: dict[str, int] = {}
        """Of each durable, the last letter from a newer version that this process has tried."""
        # Each takes a connection for its row and another for its handler: many at once would take them all.
        self._one_at_a_time = asyncio.Lock()

    async def page(self, wanted: LetterFilter, cursor: str | None, limit: int) -> Page[DeadLetter]:
        """Letters, newest first."""
        arguments = (_after(cursor), wanted.state, wanted.stream, wanted.subject, wanted.cause)
        async with self._database.acquire() as connection:
            rows = await connection.fetch(PAGE, *arguments, limit + 1)
        return page(rows, limit, _key, self._letter)

    async def content(self, letter_id: str) -> DeadLetterContent:
        """One letter with what the message said. Raises ServiceError `dead_letter_not_found`."""
        number = self._number(letter_id)
        async with self._database.acquire() as connection:
            row = await connection.fetchrow(CONTENT, number) if number is not None else None
        if row is None:
            raise ServiceError("dead_letter_not_found", "not_found", f"there is no dead letter {letter_id}")
        shown: bytes = row["shown"]
        return DeadLetterContent(
            **self._fields(row),
            headers=row["headers"],
            payload=shown.decode(errors="backslashreplace"),
            is_cut=len(shown) < row["payload_bytes"],
        )

    async def retry(self, wanted: RetryDeadLetters) -> SettledDeadLetters:
        """Process letters again, in the order asked for. A repeat is harmless; what fails again stays open."""
        return SettledDeadLetters(items=[await self._retry(letter_id, wanted.by) for letter_id in wanted.ids])

    async def drop(self, wanted: DropDeadLetters) -> SettledDeadLetters:
        """Give letters up; each stays to be seen for a while, with who did it and why."""
        return SettledDeadLetters(items=[await self._drop(letter_id, wanted) for letter_id in wanted.ids])

    async def watch(self) -> None:
        """Process what a version before this one did not know, and show what waits for somebody, until cancelled."""
        while True:
            try:
                await self.measure()
                await self.process_newer()
            except Exception as error:
                if not is_infrastructure(error):
                    raise
                log.info("dead letters not seen to", error=repr(error))
            await asyncio.sleep(LOOK_S)

    async def process_newer(self) -> None:
        """Process what was put aside for its kind alone; each letter once, since this version does not change."""
        for durable in self._letters.durables:
            async with self._database.acquire() as connection:
                rows = await connection.fetch(NEWER, durable, self._tried_up_to.get(durable, 0), NEWER_AT_ONCE)
            for row in rows:
                settled = await self._retry(f"{self._service}:{row['id']}", self._service)
                if settled.outcome is DeadLetterOutcome.unavailable:
                    break
                self._tried_up_to[durable] = row["id"]

    async def measure(self) -> None:
        """Bring the metrics up to date."""
        newer_before = self._clock.now() - timedelta(seconds=NEWER_WAITS_S)
        async with self._database.acquire() as connection:
            many, age_s = (await connection.fetch(OPEN, newer_before))[0]
        DEAD_LETTERS_OPEN.labels(self._service).set(many)
        DEAD_LETTERS_OLDEST.labels(self._service).set(age_s)

    async def _retry(self, letter_id: str, by: str) -> SettledDeadLetter:
        try:
            # Its row is locked meanwhile: two processes that try at once do it one after the other.
            async with self._one_at_a_time, self._database.transaction() as connection:
                outcome, detail = await self._process(connection, self._number(letter_id), by)
        except Exception as error:
            if not is_infrastructure(error):
                raise
            log.warning("dead letter not retried", letter=letter_id, error=repr(error))
            detail = "a backend does not answer at the moment; ask again"
            outcome = DeadLetterOutcome.unavailable
        DEAD_LETTERS_SETTLED.labels(self._service, outcome.value).inc()
        log.info("dead letter retried", letter=letter_id, by=by, outcome=outcome.value, detail=detail)
        return SettledDeadLetter(id=letter_id, outcome=outcome, detail=detail)

    async def _process(
        self, connection: Connection, number: int | None, by: str
    ) -> tuple[DeadLetterOutcome, str | None]:
        row = await connection.fetchrow(LOCK, number) if number is not None else None
        if row is None:
            return DeadLetterOutcome.not_found, None
        if row["state"] != DeadLetterState.open:
            return DeadLetterOutcome.unchanged, f"it was {row['state']} already"
        letter = _letter(row)
        if letter is None or not self._letters.can_process(letter.durable):
            return DeadLetterOutcome.not_retryable, _why_not(row)
        reason = await self._letters.process(letter)
        if reason is None:
            await connection.execute(RETRIED, row["id"], self._clock.now(), by)
            return DeadLetterOutcome.retried, None
        await connection.execute(FAILED, row["id"], self._clock.now(), storable(reason))
        return DeadLetterOutcome.failed_again, reason

    async def _drop(self, letter_id: str, wanted: DropDeadLetters) -> SettledDeadLetter:
        number = self._number(letter_id)
        async with self._database.acquire() as connection:
            row = await connection.fetchrow(DROP, number, self._clock.now(), wanted.by, wanted.reason)
            state = None if row else await connection.fetchval(STATE, number)
        if row is None:
            outcome = DeadLetterOutcome.unchanged if state else DeadLetterOutcome.not_found
            return SettledDeadLetter(id=letter_id, outcome=outcome, detail=f"it was {state} already" if state else None)
        DEAD_LETTERS_SETTLED.labels(self._service, DeadLetterOutcome.dropped.value).inc()
        log.warning("dead letter dropped", letter=letter_id, by=wanted.by, reason=wanted.reason, **dict(row))
        return SettledDeadLetter(id=letter_id, outcome=DeadLetterOutcome.dropped)

    def _letter(self, row: asyncpg.Record) -> DeadLetter:
        return DeadLetter(**self._fields(row))

    def _number(self, letter_id: str) -> int | None:
        service, _, number = letter_id.rpartition(":")
        return int(number) if service == self._service and number.isdecimal() else None

    def _fields(self, row: asyncpg.Record) -> dict[str, Any]:
        same = {name: row[name] for name in DeadLetter.model_fields if name not in {"id", "service", "durable"}}
        return {"id": f"{self._service}:{row['id']}", "service": self._service, "durable": _durable(row), **same}


def _key(row: asyncpg.Record) -> tuple[int]:
    return (row["id"],)


def _letter(row: asyncpg.Record) -> Letter | None:
    """What can be processed again; None for what nobody would process."""
    durable = _durable(row)
    if durable is None:
        return None
    place = PLACE.fullmatch(row["delivery"] or "")
    sequence, timestamp_ns = (int(place[2]), int(place[3])) if place else (0, _nanoseconds(row["recorded_at"]))
    message = (row["stream"], row["subject"], row["payload"], row["headers"])
    return Letter(row["id"], *message, sequence, timestamp_ns, durable, row["event_id"], row["retries"] + 1)


def _durable(row: asyncpg.Record) -> str | None:
    if row["durable"] is not None:
        return row["durable"]
    place = PLACE.fullmatch(row["delivery"] or "")
    return place[1] if place else None


def _why_not(row: asyncpg.Record) -> str:
    if _durable(row) is None:
        return f"it is no message of a durable ({row['stream']}), so there is nothing to process again; drop it"
    return f"nobody here consumes {_durable(row)!r} any more; drop it"


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000) * 1_000_000


def _after(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    number: Any = decode_cursor(cursor, 1)[0]
    if type(number) is not int or not 0 < number <= LARGEST_NUMBER:
        raise invalid_cursor()
    return number
