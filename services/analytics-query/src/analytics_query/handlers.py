"""One function for each thing this service does."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from analytics_query.decisions.folding import fold
from analytics_query.domain import Facts
from analytics_query.ports import Projections
from contracts.batches import Batch
from contracts.events import Event
from contracts.telemetry import TaskFacts
from servicekit.bus import Received

NO_FACTS = Facts()


async def project(received: Sequence[Received[Batch[Event]]], consumer: str, projections: Projections) -> None:
    """Fold each batch once into the facts of its tasks, and keep the figures that were reported."""
    async with projections.transaction() as into:
        events = await into.claim(consumer, received)
        of_task = _by_task(events)
        known = await into.load(sorted(of_task))
        await into.save({task: fold(known.get(task, NO_FACTS), of_task[task]) for task in sorted(of_task)})
        await into.add_analytics([event for event in events if event.kind == "analytics"])


async def task_facts(task_id: str, projections: Projections) -> TaskFacts:
    """What is known of a task."""
    return (await projections.facts(task_id)).to_view(task_id)


def _by_task(events: Iterable[Event]) -> dict[str, list[Event]]:
    of_task: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        if event.task_id is not None:
            of_task[event.task_id].append(event)
    return of_task
