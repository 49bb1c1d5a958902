"""Which events come from an attempt that is no longer the task's current one."""

from collections.abc import Iterable, Mapping

from contracts.events import Event
from telemetry_ingest.domain import Recorded


def newest_attempts(events: Iterable[Event], known: Mapping[str, int]) -> dict[str, int]:
    """The highest attempt of each task, from what was known and what these events show."""
    newest = dict(known)
    for event in events:
        if event.task_id is not None and event.attempt is not None and event.attempt > newest.get(event.task_id, 0):
            newest[event.task_id] = event.attempt
    return newest


def judge(events: Iterable[Event], newest: Mapping[str, int]) -> list[Recorded]:
    """Each event with its verdict: stale when its attempt is below the task's newest."""
    return [
        Recorded(event, event.attempt is not None and event.attempt < newest.get(event.task_id or "", 0))
        for event in events
    ]
