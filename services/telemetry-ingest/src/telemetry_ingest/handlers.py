"""One function for each thing this service does."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from contracts.batches import Batch
from contracts.decided import DecidedEvent
from contracts.events import Event
from contracts.telemetry import Tail
from servicekit.bus import Received
from telemetry_ingest.decisions.filtering import filter_of
from telemetry_ingest.decisions.telling import tell
from telemetry_ingest.ports import EventLog, LiveTail

PARTITIONS_BEHIND = 1
PARTITIONS_AHEAD = 7


async def ingest(
    received: Sequence[Received[Batch[Event]]], consumer: str, log: EventLog, tail: LiveTail, now: datetime
) -> None:
    """Record batches once each, then show what is new; the log decides, the tail follows."""
    await tail.push(await log.record(received, consumer, now))


async def record_decided(
    received: Sequence[Received[Batch[DecidedEvent]]], consumer: str, log: EventLog, tail: LiveTail, now: datetime
) -> None:
    """Record what services decided, and with it which attempt each task is at; a repeat changes nothing."""
    await tail.forget(await log.record_decided(received, consumer, now))


async def read_tail(task_id: str, types: Sequence[str], limit: int, log: EventLog, tail: LiveTail) -> Tail:
    """The last `limit` entries of a task; from the log where the tail has fewer. Raises UnknownType."""
    wanted = filter_of(task_id, types)
    entries = await tail.last(wanted, limit)
    if len(entries) < limit:
        stored = await log.page(wanted, since=None, until=None, after=None, limit=limit, descending=True)
        entries = [tell(item.event, stale=item.stale) for item in reversed(stored)]
    return Tail(task_id=task_id, entries=entries)


async def keep_partitions(log: EventLog, now: datetime) -> None:
    """See that today's partition and those of the next days exist."""
    today = now.date()
    await log.ensure_partitions(
        [today + timedelta(days=offset) for offset in range(-PARTITIONS_BEHIND, PARTITIONS_AHEAD + 1)]
    )


async def forget_old(log: EventLog, now: datetime, days: int) -> int:
    """Forget what is older than so many whole days; gives how many partitions were dropped."""
    return await log.forget(now.date() - timedelta(days=days), now - timedelta(days=days))
