import json
from typing import Any

import pytest
from pydantic import ValidationError

from contracts.batches import EVENT_BATCH, MAX_BATCH
from tests.support.examples import FULL, MINIMAL, event

WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("milestone", {"impact": "huge"}, "'critical', 'high', 'medium' or 'low'"),
    ("analytics", {"analytics_type": "money"}, "'performance', 'quality', 'resource', 'code', 'test', 'security'"),
    ("stream", {"stream_type": "milestone"}, "'thinking', 'planning', 'executing', 'debugging', 'testing', 'output'"),
    ("plan", {"plan_type": "later"}, "'overall', 'phase', 'subtask' or 'contingency'"),
    ("resource", {"resource_type": "gpu"}, "'memory', 'cpu', 'disk', 'network', 'api' or 'database'"),
    ("profile", {"profile_type": "gpu"}, "'cpu', 'memory', 'io', 'network' or 'overall'"),
    ("error", {"severity": "fatal"}, "'critical', 'error', 'warning' or 'info'"),
    ("question", {"question_type": "idle"}, "'technical', 'architectural', 'requirements', 'priority', 'permission'"),
    (
        "resource_request",
        {"resource_type": "money"},
        "'storage', 'api_quota', 'tool_access' or 'dependency'",
    ),
    ("collaboration_request", {"collaboration_type": "lunch"}, "'code_review', 'pair_programming', 'testing'"),
    ("progress", {"metrics": {"percent_complete": 101}}, "less than or equal to 100"),
    ("stream", {"content": "a\x00b"}, "NUL"),
    ("milestone", {"metrics": {"a": "x\x00y"}}, "NUL"),
    ("analytics", {"data": {"a": [{"b\x00": 1}]}}, "NUL"),
]


@pytest.mark.parametrize(("kind", "change", "message"), WRONG, ids=[f"{k}-{next(iter(c))}" for k, c, _ in WRONG])
def test_a_wrong_value_is_refused_with_the_allowed_ones(kind: str, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        event(kind, MINIMAL[kind] | change)


@pytest.mark.parametrize("kind", sorted(FULL))
def test_an_event_is_read_back_from_a_batch(kind: str) -> None:
    sent = event(kind, FULL[kind])
    batch = EVENT_BATCH.validate_python({"producer": "spool-1", "batch": 3, "events": [sent]})
    assert batch.message_id == "spool-1.3"
    assert EVENT_BATCH.validate_json(batch.to_json()) == batch


@pytest.mark.parametrize("size", [0, MAX_BATCH + 1])
def test_a_batch_holds_1_to_256_events(size: int) -> None:
    one = event("stream", MINIMAL["stream"]).to_dict()
    with pytest.raises(ValidationError, match="events"):
        EVENT_BATCH.validate_json(json.dumps({"producer": "p", "batch": 1, "events": [one] * size}))


def test_times_are_utc_on_the_wire() -> None:
    sent = event("progress", MINIMAL["progress"], occurred_at="2026-01-02T03:04:05Z")
    assert sent.to_dict()["occurred_at"] == "2026-01-02T03:04:05Z"


@pytest.mark.parametrize("moment", ["2026-01-02T05:04:05", "2026-01-02T05:04:05+02:00"])
def test_a_time_that_is_not_utc_is_refused(moment: str) -> None:
    with pytest.raises(ValidationError, match="occurred_at"):
        event("progress", MINIMAL["progress"], occurred_at=moment)
