"""What the question-broker decided: tasks wait while a question is open, and requests for help become tasks."""

from collections.abc import Collection
from datetime import datetime

from contracts.batches import Batch
from contracts.decided import DecidedEvent, DecidedKind
from orchestrator.decisions import collaboration
from orchestrator.decisions.collaboration import CLOSING_KINDS
from orchestrator.decisions.retries import RetryPolicy
from orchestrator.domain import AttemptRef
from orchestrator.handlers.cancelling import cancel_task
from orchestrator.handlers.linking import link_task
from orchestrator.handlers.telling import about_move
from orchestrator.ports import Moved, Session, Store, Wake
from servicekit.bus import Received
from servicekit.clock import Clock

CONSUMER = "orchestrator-events"


class Questions:
    """Applies what the question-broker decided."""

    def __init__(self, store: Store, clock: Clock, policy: RetryPolicy, wake: Wake) -> None:
        self._store = store
        self._clock = clock
        self._policy = policy
        self._wake = wake

    async def apply(self, received: list[Received[Batch[DecidedEvent]]]) -> None:
        """Apply those batches that were not applied before."""
        now = self._clock.now()
        news = [event for letter in received for event in letter.batch.events]
        # Before the rest, each in its own transaction: it changes other tasks than those that ask, and may be done
        # again. A request that was closed since is made no task below.
        for event in filter(collaboration.closes_request, news):
            await self._cancel_linked(event, now)
        closed = {event.question_id for event in news if event.kind in CLOSING_KINDS}
        async with self._store.transaction() as session:
            fresh = [event for letter in await session.claim(received, CONSUMER) for event in letter.batch.events]
            # Tasks are changed in the order in which reports change theirs, or each waits for the other.
            for event in sorted(fresh, key=lambda one: one.task_id or ""):
                await _apply(session, event, closed, now)
        self._wake()

    async def _cancel_linked(self, event: DecidedEvent, now: datetime) -> None:
        key, reason = collaboration.key_of(event.question_id or ""), collaboration.closing_reason(event)
        async with self._store.transaction() as session:
            linked = (await session.tasks_by_key([key])).get(key)
            if linked is not None:
                await cancel_task(session, linked[0].task_id, reason, self._policy, now, event.actor)


async def _apply(session: Session, event: DecidedEvent, closed: Collection[str | None], now: datetime) -> None:
    moved = await _moved(session, event)
    if moved is not None and moved.before is not moved.after:
        session.emit([about_move(moved, now, event.actor)])
    request = collaboration.request_in(event)
    if request is not None and event.question_id not in closed:
        await link_task(session, event, request, now)


async def _moved(session: Session, event: DecidedEvent) -> Moved | None:
    if event.task_id is None or event.question_id is None:
        return None
    if event.kind is DecidedKind.question_asked and event.attempt is not None and event.data.get("waits", True):
        return await session.ask(AttemptRef(event.task_id, event.attempt), event.worker_id or "", event.question_id)
    if event.kind in CLOSING_KINDS:
        return await session.unask(event.task_id, event.question_id)
    return None
