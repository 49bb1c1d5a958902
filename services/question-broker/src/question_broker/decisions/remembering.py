"""What the fleet keeps of what a worker has learned, and how it is looked for."""

import hashlib
import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime

from contracts.events import LearningEvent

EVERYWHERE = "*"


@dataclass(frozen=True, slots=True)
class NewLearning:
    """A learning that was shared, `times_shared` times at once. `repository` None: about all."""

    learning_id: str
    fingerprint: str
    title: str
    content: str
    tags: tuple[str, ...]
    repository: str | None
    worker_id: str
    task_id: str | None
    attempt: int | None
    confidence_percent: float | None
    times_shared: int
    shared_at: datetime
    recorded_at: datetime
    stale: bool
    """Whether nobody shared it but attempts that had lost their task."""


def learnings_of(events: Iterable[LearningEvent], stale: AbstractSet[str], now: datetime) -> list[NewLearning]:
    """What was shared, each thing once, in the order of the fingerprints: who writes the same waits in one order.

    `stale`: ids of the events from attempts that had lost their task; they add nothing to what others share.
    """
    found: dict[str, NewLearning] = {}
    for event in events:
        new = _learning(event, now, stale=event.event_id in stale)
        known = found.get(new.fingerprint)
        found[new.fingerprint] = _again(known, new) if known else new
    return [found[fingerprint] for fingerprint in sorted(found)]


def loosened(query: str) -> str:
    """The words of a search for which any one is enough: without those that must not be there."""
    return re.sub(r'(^|\s)-("[^"]*"|\S+)', " ", query)


def _learning(event: LearningEvent, now: datetime, *, stale: bool) -> NewLearning:
    body = event.body
    repository = None if body.repository == EVERYWHERE else body.repository
    return NewLearning(
        learning_id=f"learning-{event.event_id}",
        fingerprint=_fingerprint(body.title, body.content, repository or ""),
        title=body.title,
        content=body.content,
        tags=tuple(body.tags),
        repository=repository,
        worker_id=event.worker_id,
        task_id=event.task_id,
        attempt=event.attempt,
        confidence_percent=body.confidence_percent,
        times_shared=1,
        shared_at=now,
        recorded_at=now,
        stale=stale,
    )


def _again(known: NewLearning, new: NewLearning) -> NewLearning:
    if known.stale is not new.stale:
        return new if known.stale else known
    return replace(known, times_shared=known.times_shared + 1)


def _fingerprint(*texts: str) -> str:
    """Equal for texts that differ in case and white space alone."""
    plain = "\x00".join(" ".join(text.casefold().split()) for text in texts)
    return hashlib.sha256(plain.encode()).hexdigest()
