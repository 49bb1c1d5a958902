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
    """The `data` of the news: of a request for collaboration, all that the task for the helper is made of."""
    about: JsonObject = {"question": question.question[:500], "kind": question.kind.value}
    if kind is not DecidedKind.question_asked:
        return about | ({"helper_worker": question.helper_worker} if question.helper_worker else {})
    about["waits"] = question.waits
    if question.kind is QuestionKind.collaboration_request:
        asked = question.request or {}
        about["request"] = {name: _cut(asked[name]) for name in ASKED_OF_HELPERS if name in asked}
        about["expires_at"] = question.expires_at.isoformat() if question.expires_at else None
    return about


def _cut(value: JsonValue) -> JsonValue:
    return value[:LONGEST_TOLD] + "…" if isinstance(value, str) and len(value) > LONGEST_TOLD else value
