"""What rules must know of tasks."""

from collections.abc import Iterable

from contracts.decided import DecidedEvent, DecidedKind

TELLING = frozenset({DecidedKind.task_queued, DecidedKind.task_assigned})


def repositories_of(news: Iterable[DecidedEvent]) -> dict[str, str]:
    """On which repository a task works, of each task of which the news says so."""
    told: dict[str, str] = {}
    for event in news:
        repository = event.data.get("repository") if event.kind in TELLING else None
        if event.task_id and isinstance(repository, str) and repository:
            told[event.task_id] = repository
    return told
