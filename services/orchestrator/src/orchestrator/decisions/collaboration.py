"""What a worker's request for help becomes: a task for another worker, under the terms of the request."""

from collections.abc import Set as AbstractSet
from datetime import datetime

from contracts.base import JsonObject
from contracts.decided import DecidedEvent, DecidedKind
from contracts.questions import Collaborate
from contracts.tasks import MAX_DESCRIPTION, CollaborationTerms, NewTask, Requirements, TaskView

COLLABORATION = "collaboration_request"
MAX_ATTEMPTS = 2
OWN_PROGRAM = "command"
"""The agent that runs what its own task says, and so nothing that another task could use."""
ASKING_KINDS = frozenset({DecidedKind.question_asked, DecidedKind.question_approved})
CLOSING_KINDS = frozenset({DecidedKind.question_answered, DecidedKind.question_expired, DecidedKind.question_withdrawn})


def request_in(event: DecidedEvent) -> Collaborate | None:
    """The request for collaboration that the news tells of; None if it tells of none."""
    asked = event.data.get("request") if event.data.get("kind") == COLLABORATION else None
    is_new = event.kind in ASKING_KINDS and event.task_id and event.attempt and event.question_id
    return Collaborate.model_validate(asked) if asked and is_new else None


def terms_of(event: DecidedEvent, request: Collaborate) -> CollaborationTerms:
    """Who asks, and under which request and until when the answer goes back."""
    expires_at = event.data.get("expires_at")
    return CollaborationTerms(
        question_id=event.question_id or "",
        collaboration_type=request.collaboration_type.value,
        from_worker=event.worker_id or "",
        from_task=event.task_id,
        deadline_at=datetime.fromisoformat(expires_at) if isinstance(expires_at, str) else None,
    )


def objection(request: Collaborate, terms: CollaborationTerms, *, target_is_known: bool) -> str | None:
    """Why no task is made of it; None if one is."""
    if request.target_worker == terms.from_worker:
        return f"target_worker {terms.from_worker} is the asking worker itself"
    if request.target_worker and not target_is_known:
        return f"target_worker {request.target_worker} is not known; list_workers shows those there are"
    return None


def linked_task(
    request: Collaborate, terms: CollaborationTerms, parent: TaskView, capabilities: AbstractSet[str]
) -> NewTask:
    """The task for the helper: what is asked, on the asker's code and by its agent; `capabilities`: of who may help."""
    return NewTask(
        description=_description(request, terms),
        priority=request.priority,
        worker_id=request.target_worker,
        requirements=_same_start(parent.requirements, capabilities),
        max_attempts=MAX_ATTEMPTS,
        idempotency_key=key_of(terms.question_id),
    )


def key_of(question_id: str) -> str:
    """The idempotency key of the task for a request: however often the news of it comes, it is made once."""
    return f"collaboration:{question_id}"


def closes_request(event: DecidedEvent) -> bool:
    """Whether a request for collaboration is over, and not by its own helper, so that nobody need go on with it."""
    if event.kind not in CLOSING_KINDS or event.data.get("kind") != COLLABORATION:
        return False
    helper = event.data.get("helper_worker")
    return event.kind is not DecidedKind.question_answered or helper is None or event.actor != helper


def closing_reason(event: DecidedEvent) -> str:
    """Why the task for a request that is over is cancelled."""
    how = event.kind.value.removeprefix("question.")
    return f"the request {event.question_id} of {event.worker_id} is {how}"


def _same_start(requirements: Requirements, capabilities: AbstractSet[str]) -> Requirements:
    # The asker's branch is pushed when its work is done, and not before: the helper starts where the asker did.
    same = {"repository": requirements.repository, "ref": requirements.ref, "branch": requirements.branch}
    same |= _same_agent(requirements, capabilities)
    return Requirements.model_validate({name: value for name, value in same.items() if value is not None})


def _same_agent(requirements: Requirements, capabilities: AbstractSet[str]) -> JsonObject:
    """The asker's agent with its model, if a helper has it; with neither, the helper's own choice counts."""
    agent = requirements.agent
    if agent in {None, OWN_PROGRAM} or f"agent:{agent}" not in capabilities:
        return {}
    return {"agent": agent, "model": requirements.free.get("model")}


def _description(request: Collaborate, terms: CollaborationTerms) -> str:
    asked = f"{terms.from_worker}, at work on {terms.from_task}, asks for {request.collaboration_type.value}:"
    context = f"\n\nContext: {request.context}" if request.context else ""
    until = f" It counts until {terms.deadline_at:%Y-%m-%d %H:%M:%S} UTC." if terms.deadline_at else ""
    answer = (
        f"\n\nAnswer with respond_to_collaboration, question_id {terms.question_id}: `accepted` when you begin, then "
        f"`completed` with your response and findings, or `declined` with the reason.{until}"
    )
    room = MAX_DESCRIPTION - len(answer)
    return f"{asked}\n\n{request.task_description}{context}"[:room] + answer
