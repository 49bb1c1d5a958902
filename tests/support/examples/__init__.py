"""One full and one minimal example of every tool's input, and events made of them."""

from datetime import UTC, datetime
from typing import Any

from contracts.events import EVENT_TYPES, EventBase
from tests.support.examples.life import LIFE, STORED
from tests.support.examples.work import COUNTS, WORK

__all__ = ["COUNTS", "FULL", "MINIMAL", "NOW", "STORED", "event"]

NOW = datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC)

FULL = WORK | LIFE
"""Every field of every body set, by kind."""

MINIMAL: dict[str, dict[str, Any]] = {
    "progress": {"status": "executing"},
    "milestone": {"milestone_name": "done", "milestone_type": "phase_complete"},
    "analytics": {"analytics_type": "quality", "data": {}},
    "stream": {"stream_type": "output", "content": "x"},
    "decision": {"decision_type": "technical", "chosen_option": "a", "reasoning": "b"},
    "plan": {"plan_type": "phase", "steps": [{"description": "one"}]},
    "tests": {"test_suite": "unit", "results": {"total": 1, "passed": 1}},
    "quality": {"file_path": "a.py"},
    "resource": {"resource_type": "cpu", "metrics": {}},
    "profile": {"profile_type": "overall"},
    "error": {"error_type": "e", "message": "m"},
    "completion": {"status": "failed"},
    "outcome": {"status": "failed", "started_at": "2026-01-02T03:04:05Z", "ended_at": "2026-01-02T03:04:06Z"},
    "registered": {"worker_id": "worker-1", "hostname": "h", "incarnation": "i"},
    "question": {"question": "q?", "question_type": "technical"},
    "resource_request": {"resource_type": "dependency", "amount_needed": "jwt"},
    "collaboration_request": {"collaboration_type": "testing", "task_description": "t"},
    "tool_call": {"tool_name": "bash"},
    "token_usage": {"model": "m", "input_tokens": 0, "output_tokens": 0},
    "plan_step": {"step_id": "1", "status": "in_progress"},
    "coverage": {"line_percent": 0},
    "benchmark": {"benchmark_name": "b", "value": 1, "unit": "ms"},
    "security_scan": {"scanner": "bandit"},
    "dependency_analysis": {"ecosystem": "pypi"},
    "code_change": {"description": "d"},
    "artifact": {"name": "a.txt"},
    "checkpoint": {},
    "api_quota": {"provider": "p", "quota_used": 1},
    "grant": {"question_id": "q-1", "state": "expired", "resource_type": "storage", "target": "disk_mb"},
    "recovery": {"error_type": "e", "strategy": "s", "successful": False},
    "blocker": {"blocker_type": "b", "description": "d"},
    "session_end": {},
    "learning": {"title": "t", "content": "c"},
    "collaboration_response": {"question_id": "q-9", "status": "accepted"},
}
"""Only the required fields of every body, by kind."""


def event(kind: str, body: dict[str, Any], **envelope: Any) -> EventBase:
    """An event of `kind` around `body`, with a fixed envelope unless overridden."""
    given: dict[str, Any] = {
        "event_id": "01990000-0000-7000-8000-000000000001",
        "worker_id": "worker-1",
        "task_id": None if kind == "registered" else "task-123",
        "attempt": None if kind == "registered" else 1,
        "seq": 7,
        "occurred_at": NOW,
        "evidence": "reported",
        "body": body,
    }
    if kind in ("question", "resource_request", "collaboration_request"):
        given["question_id"] = "q-1"
    if kind in ("artifact", "checkpoint"):
        given["stored"] = STORED
    return EVENT_TYPES[kind].model_validate(given | envelope)
