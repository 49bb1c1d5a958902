"""What everybody is told of a question."""

from pydantic import JsonValue

from contracts.base import JsonObject
from contracts.decided import DecidedKind
from contracts.questions import QuestionKind
from question_broker.domain import Question

ASKED_OF_HELPERS = ("collaboration_type", "task_description", "target_worker", "context", "priority")
LONGEST_TOLD = 24_000
"""Characters of one text: a task's description, and a batch, hold several such."""


def data_of(question: Question, kind: DecidedKind) -> JsonObject:
    """The `data` of the news: of a request that goes ahead, all that the task for the helper is made of."""
    about = _about(question)
    if kind is DecidedKind.question_asked:
        about["waits"] = question.waits and question.is_open
    if kind in {DecidedKind.question_asked, DecidedKind.question_approved}:
        return about | (_request(question) if _goes_ahead(question) else {})
    return about | ({"helper_worker": question.helper_worker} if question.helper_worker else {})


def _about(question: Question) -> JsonObject:
    about: JsonObject = {
        "question": question.question[:500],
        "kind": question.kind.value,
        "question_type": question.question_type,
        "priority": question.priority,
        "state": question.state.value,
        "asked_at": question.asked_at.isoformat(),
    }
    return about | ({"rule_id": question.rule_id} if question.rule_id else {})


def _goes_ahead(question: Question) -> bool:
    return question.kind is QuestionKind.collaboration_request and question.is_open and not question.needs_approval


def _request(question: Question) -> JsonObject:
    asked = question.request or {}
    return {
        "request": {name: _cut(asked[name]) for name in ASKED_OF_HELPERS if name in asked},
        "expires_at": question.expires_at.isoformat() if question.expires_at else None,
    }


def _cut(value: JsonValue) -> JsonValue:
    return value[:LONGEST_TOLD] + "…" if isinstance(value, str) and len(value) > LONGEST_TOLD else value
