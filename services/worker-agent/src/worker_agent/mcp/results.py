"""What tools answer: a sentence that an agent can read, and the same as structured content."""

from typing import Any

from mcp.types import CallToolResult, TextContent
from pydantic import BaseModel, Field

from contracts.questions import AskManager, QuestionState
from worker_agent.handlers.attempt import Attempt
from worker_agent.handlers.questions import Asked
from worker_agent.handlers.reports import Recorded

NO_ANSWER = "no_answer"
HOW_IT_ENDED = {
    QuestionState.answered: "The manager answered",
    QuestionState.auto_answered: "Nobody answered in time; the default answer holds",
    QuestionState.expired: "Nobody answered in time",
    QuestionState.withdrawn: "The question was withdrawn",
}


class ReportResult(BaseModel):
    """A report that is recorded, durably."""

    ok: bool
    event_id: str
    task_id: str
    attempt: int
    seq: int = Field(description="Order among the events of this attempt.")


class QuestionResult(ReportResult):
    """A question or request that is on its way, and its answer if there is one."""

    question_id: str
    state: str = Field(description="open, answered, auto_answered, expired, withdrawn, or no_answer.")
    answer: str | None = None
    additional_context: str | None = None
    answered_by: str | None = None


def recorded(attempt: Attempt, says: str, done: Recorded) -> CallToolResult:
    """The result of a report."""
    return result(says, basis(attempt, done))


def questioned(attempt: Attempt, says: str, asked: Asked, body: Any) -> CallToolResult:
    """The result of a question or request."""
    return result(question_text(says, asked, body), question_fields(attempt, asked))


def question_fields(attempt: Attempt, asked: Asked) -> dict[str, Any]:
    """How a question stands, as structured content."""
    structured = basis(attempt, asked.recorded) | {"question_id": asked.question_id, "state": _state(asked)}
    if asked.answer is not None:
        answer = asked.answer.to_dict()
        structured |= {key: answer[key] for key in ("answer", "additional_context", "answered_by") if key in answer}
    return structured


def question_text(says: str, asked: Asked, body: Any) -> str:
    """How a question stands, in words."""
    if asked.answer is not None:
        return _answer_text(asked, body)
    if asked.waited:
        default = body.default_answer if isinstance(body, AskManager) else None
        return f"No answer came in time. {_what_now(default)}"
    return f"{says} It is question {asked.question_id}; go on with what does not depend on the answer."


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


def _answer_text(asked: Asked, body: Any) -> str:
    answer = asked.answer
    assert answer is not None
    if not answer.answer:
        default = body.default_answer if isinstance(body, AskManager) else None
        return f"{HOW_IT_ENDED.get(answer.state, 'The question is closed')}. {_what_now(default)}"
    more = f"\n{answer.additional_context}" if answer.additional_context else ""
    return f"{HOW_IT_ENDED.get(answer.state, 'The answer')}: {answer.answer}{more}"


def _what_now(default: str | None) -> str:
    if default:
        return f"Take the default, {default!r}, and go on."
    return "State your assumption in a report_decision, and go on."
