"""Retention: what is older than an operator wants to keep is removed bit by bit, by one replica at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from servicekit.bus.failures import is_infrastructure
from servicekit.clock import Clock
from servicekit.logs import get_logger
from servicekit.metrics import RETENTION_REMOVED
from servicekit.pg import Connection, Database
from servicekit.settings import ServiceSettings

SLICE = 1_000
# Between two slices the service's own statements come through, and the write-ahead log is not flooded.
PAUSE_S = 0.02
# Each condition stands outside too: a row that was changed meanwhile is judged by that one alone.
FORGET_SETTLED = """
    DELETE FROM dead_letter WHERE id = ANY(ARRAY(
        SELECT id FROM dead_letter WHERE state <> 'open' AND settled_at < $1 ORDER BY settled_at LIMIT $2
    )) AND state <> 'open'
"""
FORGET_UNPROCESSABLE = """
    DELETE FROM dead_letter WHERE id = ANY(ARRAY(
        SELECT id FROM dead_letter
        WHERE state = 'open' AND recorded_at < $1 AND delivery IS NULL AND durable IS NULL ORDER BY id LIMIT $2
    )) AND state = 'open'
"""
FORGET_OPEN = """
    DELETE FROM dead_letter WHERE id = ANY(ARRAY(
        SELECT id FROM dead_letter WHERE state = 'open' AND recorded_at < $1 ORDER BY id LIMIT $2
    )) AND state = 'open'
"""
FORGET_IDLE_PRODUCERS = """
    DELETE FROM applied_batches WHERE (consumer, producer) IN (
        SELECT consumer, producer FROM applied_batches WHERE updated_at < $1 LIMIT $2
    ) AND updated_at < $1
"""
TRY_LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended('retention of ' || current_schema(), 0))"

Remove = Callable[[Connection, datetime, int], Awaitable[int]]
"""Removes at most so many rows that ended before a moment, in the caller's transaction; gives how many."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Policy:
    """How long something is kept: so many days, or for ever with 0. `what` names it in metrics and logs."""

    what: str
    days: int
    remove: Remove


def by_sql(statement: str) -> Remove:
    """A DELETE with $1, the moment before which a row must have ended, and $2, the most rows."""

    async def remove(connection: Connection, before: datetime, most: int) -> int:
        return int((await connection.execute(statement, before, most)).rsplit(" ", 1)[1])

    return remove


class Retention:
    """Applies the policies of a service, again and again."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        service: str,
        policies: Sequence[Policy],
        tick_ms: int,
        *,
        rows_at_once: int = SLICE,
    ) -> None:
        self._database = database
        self._clock = clock
        self._service = service
        self.policies = [policy for policy in policies if policy.days]
        """Those that remove anything."""
        self._tick_s = tick_ms / 1000
        self._slice = rows_at_once

    async def run(self) -> None:
        """Apply all policies now and at every tick, until cancelled. The database may be away meanwhile."""
        while True:
            for policy in self.policies:
                try:
                    await self.apply(policy)
                except Exception as error:
                    if not is_infrastructure(error):
                        raise
                    log.warning("retention interrupted", what=policy.what, error=repr(error))
            await asyncio.sleep(self._tick_s)

    async def apply(self, policy: Policy) -> int:
        """Remove all that is too old, slice by slice; how much this was. Another replica at work is left to it."""
        before = self._clock.now() - timedelta(days=policy.days)
        removed, last = 0, self._slice
        while last >= self._slice:
            if removed:
                await asyncio.sleep(PAUSE_S)
            last = await self._remove(policy, before)
            removed += last
        if removed:
            log.info("retention removed", what=policy.what, removed=removed, days=policy.days)
        return removed

    async def _remove(self, policy: Policy, before: datetime) -> int:
        async with self._database.transaction() as connection:
            if not await connection.fetchval(TRY_LOCK):
                return 0
            removed = await policy.remove(connection, before, self._slice)
        RETENTION_REMOVED.labels(self._service, policy.what).inc(removed)
        return removed


def dead_letter_policies(settings: ServiceSettings) -> list[Policy]:
    """Those of the table `dead_letter`: what was seen to, what nobody can see to, and what nobody has seen to."""
    return [
        Policy("dead_letters", settings.dead_letter_retention_days, by_sql(FORGET_SETTLED)),
        Policy("dead_letters_core", settings.dead_letter_retention_days, by_sql(FORGET_UNPROCESSABLE)),
        Policy("dead_letters_open", settings.dead_letter_open_retention_days, by_sql(FORGET_OPEN)),
    ]


def inbox_policy(days: int) -> Policy:
    """Marks of producers of which nothing has come for so long; longer than any stream or spool keeps a batch."""
    return Policy("applied_batches", days, by_sql(FORGET_IDLE_PRODUCERS))
