"""Which worker holds a task, and what is worth nothing because it comes from somebody else or an older attempt."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple, Protocol

from contracts.decided import DecidedEvent, DecidedKind


class Holder(NamedTuple):
    """Who was given a task last, as which attempt, and when."""

    attempt: int
    worker_id: str
    since: datetime


class Sent(Protocol):
    """What is sent by an attempt."""

    @property
    def attempt(self) -> int | None:
        """Which attempt says that it sends it."""
        ...

    @property
    def worker_id(self) -> str:
        """Which worker has sent it."""
        ...


def holders_of(news: Iterable[DecidedEvent]) -> dict[str, Holder]:
    """The newest assignment of each task of which the news speaks."""
    newest: dict[str, Holder] = {}
    for event in news:
        if event.kind is DecidedKind.task_assigned and event.task_id and event.attempt and event.worker_id:
            known = newest.get(event.task_id)
            if known is None or known.attempt < event.attempt:
                newest[event.task_id] = Holder(event.attempt, event.worker_id, event.occurred_at)
    return newest


def is_stale(sent: Sent, holder: Holder | None) -> bool:
    """Whether it comes from below the task's current attempt, or from another worker than that attempt's.

    An attempt above the current one is not stale: the news of it may still be on its way.
    """
    if holder is None or sent.attempt is None:
        return False
    return sent.attempt < holder.attempt or is_foreign(sent, holder)


def is_foreign(sent: Sent, holder: Holder | None) -> bool:
    """Whether it is sent in the name of an attempt that another worker holds."""
    return holder is not None and sent.attempt == holder.attempt and sent.worker_id != holder.worker_id
