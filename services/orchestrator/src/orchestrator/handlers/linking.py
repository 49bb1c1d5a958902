"""A worker's request for help becomes a task for another worker."""

from datetime import datetime

from contracts.decided import DecidedEvent, DecidedKind
from contracts.questions import Collaborate
from contracts.tasks import CollaborationTerms, TaskView
from orchestrator.decisions import collaboration
from orchestrator.domain import AttemptRef
from orchestrator.handlers.creating import prepare, traits_of
from orchestrator.handlers.telling import about_task, traits_data
from orchestrator.ports import Session
from servicekit.logs import get_logger

log = get_logger(__name__)


async def link_task(session: Session, event: DecidedEvent, request: Collaborate, now: datetime) -> None:
    """Make the task for a request of a live attempt, once; or say why there can be none."""
    parent = await session.hold_live(AttemptRef(event.task_id or "", event.attempt or 0))
    if parent is None or parent.assigned_worker != event.worker_id:
        log.info("request of an attempt that is not live", question_id=event.question_id, task_id=event.task_id)
        return
    terms, target = collaboration.terms_of(event, request), request.target_worker
    is_known = target is None or await session.knows_worker(target)
    objection = collaboration.objection(request, terms, target_is_known=is_known)
    if objection is None:
        await _queue(session, request, terms, parent, now)
    else:
        _refuse(session, terms, parent, objection, now)


async def _queue(
    session: Session, request: Collaborate, terms: CollaborationTerms, parent: TaskView, now: datetime
) -> None:
    capabilities = await session.helper_capabilities(request.target_worker, terms.from_worker)
    task = collaboration.linked_task(request, terms, parent, capabilities)
    new = prepare(task, now, terms.from_worker)
    if not await session.link_task(new, terms):
        return
    told = about_task(
        DecidedKind.task_queued,
        AttemptRef(new.task_id, 0),
        now,
        question_id=terms.question_id,
        actor=terms.from_worker,
        data=traits_data(traits_of(new)) | {"parent_task_id": parent.task_id},
    )
    session.emit([told])


def _refuse(session: Session, terms: CollaborationTerms, parent: TaskView, objection: str, now: datetime) -> None:
    about, data = AttemptRef(parent.task_id, parent.attempt), {"reason": objection}
    told = about_task(DecidedKind.task_refused, about, now, question_id=terms.question_id, data={**data})
    session.emit([told])
