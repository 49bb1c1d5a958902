"""What the question-broker decided: tasks wait while a question is open, and requests for help become tasks."""

from collections.abc import Collection
from datetime import datetime

from contracts.batches import Batch
from contracts.decided import DecidedEvent, DecidedKind
from contracts.questions import Collaborate
from orchestrator.decisions import collaboration
from orchestrator.decisions.collaboration import CLOSING_KINDS
from orchestrator.decisions.retries import RetryPolicy
from orchestrator.domain import AttemptRef
from orchestrator.handlers.cancelling import cancel_task
from orchestrator.handlers.creating import prepare
from orchestrator.handlers.telling import about_move, about_task
from orchestrator.ports import Moved, Session, Store, Wake
from servicekit.bus import Received
from servicekit.clock import Clock
from servicekit.logs import get_logger

CONSUMER = "orchestrator-events"
SYSTEM = "system"

log = get_logger(__name__)


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
            for letter in await session.claim(received, CONSUMER):
                for event in letter.batch.events:
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
        await _link(session, event, request, now)


async def _moved(session: Session, event: DecidedEvent) -> Moved | None:
    if event.task_id is None or event.question_id is None:
        return None
    if event.kind is DecidedKind.question_asked and event.attempt is not None and event.data.get("waits", True):
        return await session.ask(AttemptRef(event.task_id, event.attempt), event.question_id)
    if event.kind in CLOSING_KINDS:
        return await session.unask(event.task_id, event.question_id)
    return None


async def _link(session: Session, event: DecidedEvent, request: Collaborate, now: datetime) -> None:
    """Make the task for a request of a live attempt, once; or say why there can be none."""
    parent = await session.hold_live(AttemptRef(event.task_id or "", event.attempt or 0))
    if parent is None or parent.assigned_worker != event.worker_id:
        log.info("request of an attempt that is not live", question_id=event.question_id, task_id=event.task_id)
        return None
    terms = collaboration.terms_of(event, request)
    target = request.target_worker
    known = target is None or await session.knows_worker(target)
    objection = collaboration.objection(request, terms, target_is_known=known)
    about = AttemptRef(parent.task_id, parent.attempt)
    if objection is not None:
        data = {"reason": objection}
        told = about_task(DecidedKind.task_refused, about, now, question_id=terms.question_id, data={**data})
        return session.emit([told])
    new = prepare(collaboration.linked_task(request, terms, parent), now, terms.from_worker)
    if await session.link_task(new, terms):
        ref, data = AttemptRef(new.task_id, 0), {"parent_task_id": parent.task_id}
        actor, question_id = terms.from_worker, terms.question_id
        told = about_task(DecidedKind.task_queued, ref, now, question_id=question_id, actor=actor, data={**data})
        session.emit([told])
    return None
