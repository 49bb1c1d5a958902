"""Questions that wait too long: when somebody else is told, in which words, and when a failed message is sent again."""

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts.base import JsonObject
from contracts.questions import QuestionKind
from question_broker.domain import Question

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
EVENT_TYPE = "question.escalated"
LONGEST_PAUSE_MS = 15 * 60_000
TOLD = 1_500
HEADER = 140
"""Slack takes 150 characters in a header, and 3,000 in a section."""


@dataclass(frozen=True, slots=True)
class EscalationPolicy:
    """After which time a question is escalated, and how often a message is tried."""

    after_ms: int
    critical_after_ms: int
    attempts: int
    retry_ms: int
    """The pause before the second attempt; it doubles with each further one."""


def message(question: Question, now: datetime) -> bytes:
    """The body of the webhook: a message that Slack shows, and the question for programs."""
    waits_ms = int((now - question.asked_at).total_seconds() * 1000)
    head = f"{question.worker_id} waits for an answer ({question.priority})"
    body: JsonObject = {
        "type": EVENT_TYPE,
        "timestamp": now.isoformat().replace("+00:00", "Z"),
        "text": f"{head}: {_slack(question.question)}",
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": head[:HEADER]}},
            {"type": "section", "text": {"type": "mrkdwn", "text": _words(question)}},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": _how(question)}]},
        ],
        "data": _data(question, waits_ms),
    }
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


def retry_at(policy: EscalationPolicy, attempts: int, now: datetime, chance: float) -> datetime | None:
    """When a message that has failed so often is sent again; None: never. `chance` is uniform between 0 and 1."""
    if attempts >= policy.attempts:
        return None
    pause_ms = min(policy.retry_ms * 2 ** min(attempts - 1, 30), LONGEST_PAUSE_MS)
    return now + timedelta(milliseconds=pause_ms * (0.5 + chance / 2))


def _data(question: Question, waits_ms: int) -> JsonObject:
    return {
        "question_id": question.question_id,
        "kind": question.kind.value,
        "question_type": question.question_type,
        "priority": question.priority,
        "worker_id": question.worker_id,
        "task_id": question.task_id,
        "attempt": question.attempt,
        "question": question.question[:TOLD],
        "options": list(question.options),
        "default_answer": question.default_answer,
        "asked_at": question.asked_at.isoformat(),
        "expires_at": question.expires_at.isoformat() if question.expires_at else None,
        "waiting_ms": waits_ms,
    }


def _words(question: Question) -> str:
    options = "".join(f"\n• {_slack(option, 200)}" for option in question.options)
    return f"*{_slack(question.question)}*{options}"[:2_900]


def _how(question: Question) -> str:
    task = f" · task {question.task_id}" if question.task_id else ""
    until = f" · until {question.expires_at:%Y-%m-%d %H:%M:%S} UTC" if question.expires_at else ""
    command = "answer_worker_question" if question.kind is QuestionKind.question else "decide_request"
    return f"{question.question_id}{task}{until} · {command}, or `mews answer {question.question_id} TEXT`"


def _slack(text: str, longest: int = TOLD) -> str:
    """As Slack shows it: no markup of its own and no control characters can be slipped in."""
    text = _CONTROL.sub("", text)
    short = text if len(text) <= longest else f"{text[:longest]}…"
    return short.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
