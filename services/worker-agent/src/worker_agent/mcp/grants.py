"""What request_resources answers."""

from typing import Any

from mcp.types import CallToolResult, TextContent
from pydantic import BaseModel, Field

from contracts.questions import RequestResources
from worker_agent.decisions.grants import sentence
from worker_agent.domain import GrantNote
from worker_agent.handlers.attempt import Attempt
from worker_agent.handlers.grants import Requested
from worker_agent.mcp.results import AnswerResult, Standing, questioned, result


class GrantShown(BaseModel):
    """What a grant changes."""

    state: str = Field(description="pending, applied, failed or expired.")
    target: str | None = Field(None, description="A limit, a quota, tool_profile, or a package.")
    before: str | None = None
    after: str | None = None
    granted_by: str
    expires_at: str | None = Field(None, description="Left out: it holds until the attempt ends.")
    detail: str | None = None


class StandingRequest(AnswerResult):
    """How a question or request stands, and what was granted for it."""

    ok: bool = True
    reason: str | None = None
    grant: GrantShown | None = None


class ResourceResult(Standing):
    """What became of a request: granted at once, or a question to the manager, or nothing had to be changed."""

    ok: bool
    task_id: str
    attempt: int
    state: str = Field(description="granted, not_needed; or that of the question: open, answered, expired, no_answer.")
    reason: str = Field(description="Why it was granted here, or was not.")
    question_id: str = ""
    event_id: str | None = None
    seq: int | None = None
    grant: GrantShown | None = None


def requested(attempt: Attempt, says: str, body: RequestResources, done: Requested) -> CallToolResult:
    """The result of a request for resources."""
    structured = {"ok": True, "task_id": attempt.key.task_id, "attempt": attempt.key.attempt, "reason": done.reason}
    if done.asked is not None:
        given = questioned(attempt, f"{says} The reason: {done.reason}.", done.asked, body)
        return with_grant(given, done.note, **structured)
    if done.note is None:
        return result(f"Nothing was changed: {done.reason}.", structured | {"state": "not_needed"})
    return by_policy(done.note, **structured)


def by_policy(note: GrantNote, **more: Any) -> CallToolResult:
    """What this worker's own policy granted."""
    fields = {"question_id": note.question_id, "event_id": note.event_id, "state": "granted", "grant": _shown(note)}
    return result(_sentence(note), more | fields)


def with_grant(given: CallToolResult, note: GrantNote | None, **more: Any) -> CallToolResult:
    """How a request stands, with what was granted for it."""
    texts = [block.text for block in given.content if isinstance(block, TextContent)]
    structured = (given.structured_content or {}) | more
    if note is None:
        return result("\n".join(texts), structured)
    return result("\n".join([*texts, _sentence(note)]), structured | {"grant": _shown(note)})


def _sentence(note: GrantNote) -> str:
    text = sentence(note)
    return text[0].upper() + text[1:]


def _shown(note: GrantNote) -> dict[str, Any]:
    told = note.to_dict()
    return {"state": "pending"} | {key: told[key] for key in GrantShown.model_fields if key in told}
