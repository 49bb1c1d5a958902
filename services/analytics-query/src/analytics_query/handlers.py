"""One function for each thing this service does."""

from collections import defaultdict
from collections.abc import Iterable

from analytics_query.decisions.folding import fold
from analytics_query.domain import Facts
from analytics_query.ports import Projections, Transaction
from contracts.events import AnalyticsEvent, Event
from contracts.telemetry import TaskFacts

NO_FACTS = Facts()


async def project(events: Iterable[Event], into: Transaction) -> None:
    """Fold events into the facts of their tasks, and keep the figures that were reported."""
    of_task: dict[str, list[Event]] = defaultdict(list)
    figures: list[AnalyticsEvent] = []
    for event in events:
        if event.task_id is not None:
            of_task[event.task_id].append(event)
        if event.kind == "analytics":
            figures.append(event)
    known = await into.load(sorted(of_task))
    await into.save({task_id: fold(known.get(task_id, NO_FACTS), of_task[task_id]) for task_id in sorted(of_task)})
    await into.add_analytics(figures)


async def task_facts(task_id: str, projections: Projections) -> TaskFacts:
    """What is known of a task."""
    return (await projections.facts(task_id)).to_view(task_id)
