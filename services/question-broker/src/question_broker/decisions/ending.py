"""Which attempts the news says have ended."""

from collections.abc import Iterable

from contracts.decided import DecidedEvent, DecidedKind

ENDINGS = frozenset(
    {
        DecidedKind.task_requeued,
        DecidedKind.task_completed,
        DecidedKind.task_failed,
        DecidedKind.task_cancelled,
        DecidedKind.task_timed_out,
    }
)


def ended_attempts(news: Iterable[DecidedEvent]) -> dict[str, int]:
    """The last attempt that has ended, of each task of which the news says so."""
    attempts: dict[str, int] = {}
    for event in news:
        if event.kind in ENDINGS and event.task_id and event.attempt:
            attempts[event.task_id] = max(event.attempt, attempts.get(event.task_id, 0))
        # There is one live attempt at a time: whatever became of the news of the one before, it is over.
        if event.kind is DecidedKind.task_assigned and event.task_id and event.attempt and event.attempt > 1:
            attempts[event.task_id] = max(event.attempt - 1, attempts.get(event.task_id, 0))
    return attempts
