"""One function for each thing this service does."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from analytics_query.decisions.currency import current_attempts
from analytics_query.decisions.facts import fold
from analytics_query.domain.facts import AttemptKey
from analytics_query.ports import Projections
from contracts.batches import Batch
from contracts.decided import DecidedEvent
from contracts.events import Event
from contracts.telemetry import TaskFacts
from servicekit.bus import Received

Events = Received[Batch[Event]]
News = Received[Batch[DecidedEvent]]


async def project(received: Sequence[Events], consumer: str, projections: Projections) -> None:
    """Fold each batch once into the facts of its attempts, and keep the figures that were reported."""
    async with projections.transaction() as into:
        events = await into.claim(consumer, received)
        of_attempt = _by_attempt(events)
        known = await into.load(sorted(of_attempt))
        await into.save({key: fold(known[key], of_attempt[key]) for key in sorted(of_attempt)})
        await into.add_analytics([event for event in events if event.kind == "analytics"])


async def follow(received: Sequence[News], consumer: str, projections: Projections) -> None:
    """Learn which attempts tasks are at."""
    async with projections.transaction() as into:
        await into.make_current(current_attempts(await into.claim(consumer, received)).values())


async def task_facts(task_id: str, projections: Projections) -> TaskFacts:
    """What is known of a task: the facts of its current attempt."""
    attempt, facts = await projections.facts(task_id)
    return facts.to_view(task_id, attempt)


def _by_attempt(events: Iterable[Event]) -> dict[AttemptKey, list[Event]]:
    of_attempt: dict[AttemptKey, list[Event]] = defaultdict(list)
    for event in events:
        if event.task_id is not None and event.attempt is not None:
            of_attempt[AttemptKey(event.task_id, event.attempt, event.worker_id)].append(event)
    return of_attempt
