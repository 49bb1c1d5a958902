"""What tools answer: a sentence that an agent can read, and the same as structured content."""

from typing import Any

from mcp.types import CallToolResult, TextContent
from pydantic import BaseModel, Field

from contracts.base import Model
from contracts.questions import Answer, AskManager, Collaborate, QuestionState, QuestionView, RequestDecision
from worker_agent.domain import Notice
from worker_agent.handlers.attempt import Attempt
from worker_agent.handlers.questions import Asked, Question
from worker_agent.handlers.reports import Recorded

NO_ANSWER = "no_answer"
MANAGER = "manager"
HOW_IT_ENDED = {
    QuestionState.auto_answered: "Answered by a rule",
    QuestionState.expired: "Nobody answered in time",
    QuestionState.withdrawn: "The question was withdrawn",
}
ANSWER_FIELDS = ("answer", "additional_context", "answered_by", "decision", "findings")
VIEW_FIELDS = ("linked_task_id", "helper_worker")


class ReportResult(BaseModel):
    """A report that is recorded, durably."""

    ok: bool
    event_id: str
    task_id: str
    attempt: int
    seq: int = Field(description="Order among the events of this attempt.")


class Standing(BaseModel):
    """How a question or request stands, and its answer if there is one."""

    question_id: str
    state: str = Field(description="open, answered, auto_answered, expired, withdrawn, or no_answer.")
    answer: str | None = None
    additional_context: str | None = None
    answered_by: str | None = None
    decision: RequestDecision | None = None
    findings: list[str] = []


class QuestionResult(ReportResult, Standing):
    """A question or request that is on its way, and its answer if there is one."""


class AnswerResult(Standing):
    """How a question or request stands."""

    linked_task_id: str | None = Field(default=None, description="The task that a request for help became.")
    helper_worker: str | None = None


class CommandsResult(BaseModel):
    """What the manager wants, and what has come."""

    commands: list[Notice]


def recorded(attempt: Attempt, says: str, done: Recorded) -> CallToolResult:
    """The result of a report."""
    return result(says, basis(attempt, done))


def questioned(attempt: Attempt, says: str, asked: Asked, body: Question) -> CallToolResult:
    """The result of a question or request."""
    structured = basis(attempt, asked.recorded) | {"question_id": asked.question_id, "state": _state(asked)}
    if asked.answer is not None:
        return result(_answer_text(asked.answer, _instead(body)), structured | _picked(asked.answer, ANSWER_FIELDS))
    if asked.waited:
        return result(f"No answer came in time. {_instead(body)}", structured)
    text = f"{says} It is question {asked.question_id}; go on with what does not depend on the answer."
    return result(text, structured)


def standing(question_id: str, found: Answer | QuestionView | None) -> CallToolResult:
    """The result of `get_answer`."""
    structured = {"question_id": question_id, "state": (found.state if found else QuestionState.open).value}
    if found is None or found.state is QuestionState.open:
        return result(f"Question {question_id} is open: go on with what does not depend on the answer.", structured)
    default = found.default_answer if isinstance(found, QuestionView) else None
    return result(_answer_text(found, _what_now(default)), structured | _picked(found, (*ANSWER_FIELDS, *VIEW_FIELDS)))


def commanded(notices: list[Notice]) -> CallToolResult:
    """The result of `check_commands`."""
    text = "\n".join(notice.text for notice in notices) or "Nothing new: go on."
    return result(text, {"commands": [notice.to_dict() for notice in notices]})


def told(answer: Model) -> CallToolResult:
    """The answer of a service, as it is."""
    return result(answer.to_json().decode(), answer.to_dict())


def refused(sentence: str) -> CallToolResult:
    """An error that the agent should read, and can act on."""
    return CallToolResult(content=[TextContent(type="text", text=sentence)], is_error=True)


def result(text: str, structured: dict[str, Any]) -> CallToolResult:
    """A sentence for the agent, and the same as structured content."""
    return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=structured)


def basis(attempt: Attempt, done: Recorded) -> dict[str, Any]:
    """What every result of something recorded has."""
    key = attempt.key
    return {"ok": True, "event_id": done.event_id, "task_id": key.task_id, "attempt": key.attempt, "seq": done.seq}


def _state(asked: Asked) -> str:
    if asked.answer is not None:
        return asked.answer.state.value
    return NO_ANSWER if asked.waited else QuestionState.open.value


def _picked(answer: Model, fields: tuple[str, ...]) -> dict[str, Any]:
    given = answer.to_dict()
    return {name: given[name] for name in fields if name in given}


def _answer_text(answer: Answer | QuestionView, instead: str) -> str:
    how = HOW_IT_ENDED.get(answer.state, f"{_who(answer.answered_by)} answered")
    said = "\n".join([*_decided(answer.decision), *([answer.answer] if answer.answer else [])])
    if not said:
        return f"{how}. {instead}"
    more = [answer.additional_context] if answer.additional_context else []
    return "\n".join([f"{how}: {said}", *more, *(f"- {finding}" for finding in answer.findings)])


def _who(answered_by: str | None) -> str:
    return "The manager" if answered_by in (None, MANAGER) else answered_by


def _decided(decision: RequestDecision | None) -> list[str]:
    if decision is None:
        return []
    amount = f", {decision.amount_granted}" if decision.amount_granted else ""
    reason = f" ({decision.reason})" if decision.reason else ""
    return [f"{decision.decision}{amount}{reason}"]


def _instead(body: Question) -> str:
    if isinstance(body, AskManager):
        return _what_now(body.default_answer)
    what = "without that help" if isinstance(body, Collaborate) else "with what you have"
    return f"Go on {what}, or say with report_blocker why you cannot."


def _what_now(default: str | None) -> str:
    if default:
        return f"Take the default, {default!r}, and go on."
    return "State your assumption in a report_decision, and go on."
