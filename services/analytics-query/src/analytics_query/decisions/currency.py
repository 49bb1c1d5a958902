"""Which attempt a task is at, by the word of the orchestrator."""

from collections.abc import Iterable

from analytics_query.domain.documents import AttemptKey
from contracts.decided import DecidedEvent, DecidedKind


def current_attempts(news: Iterable[DecidedEvent]) -> dict[str, AttemptKey]:
    """The newest assignment of each task of which the news speaks, by task id."""
    newest: dict[str, AttemptKey] = {}
    for event in news:
        if event.kind is DecidedKind.task_assigned and event.task_id and event.attempt and event.worker_id:
            key = AttemptKey(event.task_id, event.attempt, event.worker_id)
            newest[event.task_id] = max(key, newest.get(event.task_id, key))
    return newest
