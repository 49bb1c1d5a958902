"""What request_resources answers."""

from typing import Any

from mcp.types import CallToolResult
from pydantic import BaseModel, Field

from worker_agent.decisions.grants import sentence
from worker_agent.domain import GrantNote
from worker_agent.handlers.attempt import Attempt
from worker_agent.handlers.grants import Requested
from worker_agent.handlers.questions import Asked
from worker_agent.mcp.results import question_fields, question_text, result


class GrantShown(BaseModel):
    """What a grant changes."""

    state: str = Field(description="pending, applied, failed or expired.")
    target: str | None = Field(None, description="A limit, a quota, tool_profile, or a package.")
    before: str | None = None
    after: str | None = None
    granted_by: str
    expires_at: str | None = Field(None, description="Left out: it holds until the attempt ends.")
    detail: str | None = None


class ResourceResult(BaseModel):
    """What became of a request: granted at once, or a question to the manager, or nothing had to be changed."""

    ok: bool
    task_id: str
    attempt: int
    state: str = Field(description="granted, not_needed; or that of the question: open, answered, expired, no_answer.")
    reason: str = Field(description="Why it was granted here, or was not.")
    question_id: str | None = None
    event_id: str | None = None
    seq: int | None = None
    answer: str | None = None
    additional_context: str | None = None
    answered_by: str | None = None
    grant: GrantShown | None = None


def requested(attempt: Attempt, done: Requested) -> CallToolResult:
    """The result of a request for resources."""
    structured = {"ok": True, "task_id": attempt.key.task_id, "attempt": attempt.key.attempt, "reason": done.reason}
    if done.asked is not None:
        return _asked(attempt, done.asked, done.note, structured)
    if done.note is None:
        return result(f"Nothing was changed: {done.reason}.", structured | {"state": "not_needed"})
    fields = {"question_id": done.note.question_id, "event_id": done.note.event_id, "grant": _shown(done.note)}
    return result(_sentence(done.note), structured | {"state": "granted"} | fields)


def _asked(attempt: Attempt, asked: Asked, note: GrantNote | None, structured: dict[str, Any]) -> CallToolResult:
    text = question_text(f"{structured['reason'].capitalize()}: the manager is asked.", asked, None)
    structured = structured | question_fields(attempt, asked)
    if note is None:
        return result(text, structured)
    return result(f"{text}\n{_sentence(note)}", structured | {"grant": _shown(note)})


def _sentence(note: GrantNote) -> str:
    text = sentence(note)
    return text[0].upper() + text[1:]


def _shown(note: GrantNote) -> dict[str, Any]:
    told = note.to_dict()
    return {"state": "pending"} | {key: told[key] for key in GrantShown.model_fields if key in told}
