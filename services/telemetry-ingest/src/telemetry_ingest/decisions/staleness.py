"""Which events come from an attempt that is no longer the task's current one."""

from collections.abc import Iterable, Mapping

from contracts.decided import DecidedEvent, DecidedKind
from contracts.events import Event
from telemetry_ingest.domain import Current, Recorded


def current_attempts(news: Iterable[DecidedEvent]) -> dict[str, Current]:
    """The newest assignment of each task of which the news speaks: a report never makes an attempt current."""
    newest: dict[str, Current] = {}
    for event in news:
        if event.kind is DecidedKind.task_assigned and event.task_id and event.attempt and event.worker_id:
            known = newest.get(event.task_id)
            if known is None or known.attempt < event.attempt:
                newest[event.task_id] = Current(event.attempt, event.worker_id, event.occurred_at)
    return newest


def judge(events: Iterable[Event], current: Mapping[str, Current]) -> list[Recorded]:
    """Each event with its verdict: stale below the task's current attempt, or from another worker than that attempt's.

    An attempt above the current one is not stale: the news of it may still be on its way.
    """
    return [Recorded(event, _is_stale(event, current.get(event.task_id or ""))) for event in events]


def _is_stale(event: Event, current: Current | None) -> bool:
    if current is None or event.attempt is None:
        return False
    return event.attempt < current.attempt or (
        event.attempt == current.attempt and event.worker_id != current.worker_id
    )
