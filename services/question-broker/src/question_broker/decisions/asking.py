"""What becomes of an event in which a worker asks for something."""

from dataclasses import replace
from datetime import timedelta
from enum import StrEnum

from contracts.base import JsonObject
from contracts.events import CollaborationRequestEvent, QuestionEvent, ResourceRequestEvent
from contracts.questions import QuestionKind, QuestionState
from question_broker.decisions.fencing import Holder, is_foreign
from question_broker.domain import Question

Asked = QuestionEvent | ResourceRequestEvent | CollaborationRequestEvent

ENDED = "the attempt had ended before the question arrived"
NOT_HELD = "another worker holds this attempt"
ASKED_ITSELF = (
    "nobody was asked: target_worker is the asking worker itself; name another (list_workers shows them), "
    "or leave it out for the best one"
)


class Approval(StrEnum):
    """Who lets requests for collaboration go ahead."""

    auto = "auto"
    manager = "manager"


def question_of(
    event: Asked, closed_through: int, approval: Approval = Approval.auto, holder: Holder | None = None
) -> Question:
    """The question that an event asks: open, or withdrawn at once when its attempt has ended, or is another's."""
    question = _read(event)
    if question.kind is QuestionKind.collaboration_request:
        question = replace(question, needs_approval=approval is Approval.manager)
    if event.attempt is not None and event.attempt <= closed_through:
        return question.withdrawn(ENDED, event.occurred_at)
    if is_foreign(event, holder):
        return question.withdrawn(NOT_HELD, event.occurred_at)
    if isinstance(event, CollaborationRequestEvent) and event.body.target_worker == event.worker_id:
        return question.answered(ASKED_ITSELF, None, "system", event.occurred_at)
    return question


def _read(event: Asked) -> Question:
    match event:
        case QuestionEvent():
            return _asked(event)
        case ResourceRequestEvent():
            return _resources(event)
        case CollaborationRequestEvent():
            return _collaboration(event)


def _asked(event: QuestionEvent) -> Question:
    body = event.body
    return _question(
        event,
        question=body.question,
        question_type=body.question_type.value,
        context=body.context,
        options=tuple(body.options),
        default_answer=body.default_answer,
    )


def _resources(event: ResourceRequestEvent) -> Question:
    body = event.body
    lasting = f" for {body.duration_ms} ms" if body.duration_ms is not None else ""
    return _question(
        event,
        question=f"Needs {body.amount_needed} ({body.resource_type.value}){lasting}",
        question_type=body.resource_type.value,
        context=body.justification,
        request=body.to_dict(),
    )


def _collaboration(event: CollaborationRequestEvent) -> Question:
    body = event.body
    partner = f" from {body.target_worker}" if body.target_worker else ""
    return _question(
        event,
        question=f"Wants {body.collaboration_type.value}{partner}: {body.task_description}",
        question_type=body.collaboration_type.value,
        context=body.context,
        request=body.to_dict(),
    )


def _question(
    event: Asked,
    *,
    question: str,
    question_type: str,
    context: str | None,
    options: tuple[str, ...] = (),
    default_answer: str | None = None,
    request: JsonObject | None = None,
) -> Question:
    return Question(
        question_id=event.question_id,
        kind=QuestionKind(event.kind),
        state=QuestionState.open,
        worker_id=event.worker_id,
        task_id=event.task_id,
        attempt=event.attempt,
        question=question,
        question_type=question_type,
        context=context,
        options=options,
        default_answer=default_answer,
        priority=event.body.priority.value,
        asked_at=event.occurred_at,
        expires_at=event.occurred_at + timedelta(milliseconds=event.body.deadline_ms),
        request=request,
        waits=event.body.wait,
    )
