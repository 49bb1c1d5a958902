import pytest

from contracts.events import EVENT_TYPES
from telemetry_ingest.decisions.telling import MAX_LINE, tell
from tests.support.examples import FULL, MINIMAL, event

LINES = {
    "progress": "executing in implementation 65% – Refactoring authentication module",
    "milestone": "JWT implementation complete (feature_implemented)",
    "stream": "Considering token refresh strategy…",
    "decision": "rotating refresh tokens – A stolen token is worth one use.",
    "tests": "auth: 8 of 10 passed, 1 failed, 0 errors, 1 skipped",
    "error": "[warning] ImportError: No module named jwt (recovery tried)",
    "question": "requirements question: Which provider first? (google | github)",
    "resource_request": "asks for 2 cores (compute): The suite is slow.",
    "collaboration_request": "asks worker-2 for code_review: Review src/auth.py",
    "outcome": "attempt completed: all well; verification passed",
}


@pytest.mark.parametrize("kind", sorted(LINES))
def test_an_event_is_told_in_one_line(kind: str) -> None:
    assert tell(event(kind, FULL[kind]), stale=False).content == LINES[kind]


@pytest.mark.parametrize("kind", sorted(EVENT_TYPES))
def test_every_kind_can_be_told_with_the_least_it_carries(kind: str) -> None:
    entry = tell(event(kind, MINIMAL[kind]), stale=True)
    assert entry.content
    assert entry.stale
    assert entry.kind == kind


def test_only_stream_lines_have_a_stream_type() -> None:
    assert tell(event("stream", FULL["stream"]), stale=False).stream_type == "thinking"
    assert tell(event("progress", FULL["progress"]), stale=False).stream_type is None


def test_a_long_line_is_cut() -> None:
    told = tell(event("stream", {"stream_type": "output", "content": "x" * 60_000}), stale=False)
    assert len(told.content) == MAX_LINE


def test_a_verdict_is_told_once_though_the_reason_names_it_too() -> None:
    verified = {"passed": False, "commands": []}
    body = FULL["outcome"] | {
        "status": "failed",
        "reason": "verification failed: `make` exited with 2",
        "verified": verified,
    }
    told = "attempt failed: verification failed: `make` exited with 2"
    assert tell(event("outcome", body), stale=False).content == told
    other = tell(event("outcome", body | {"reason": "the agent exited with 3"}), stale=False).content
    assert other == "attempt failed: the agent exited with 3; verification failed"
