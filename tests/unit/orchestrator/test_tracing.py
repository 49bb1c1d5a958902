from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.decisions.tracing import Lineage, lineage

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
JUST_NOW, LONG_AGO = NOW - timedelta(seconds=1), NOW - timedelta(seconds=2)


@pytest.mark.parametrize(
    ("asked_in", "earlier", "attempt", "created_at", "expected"),
    [
        ("request", None, 1, JUST_NOW, Lineage("request")),
        (None, None, 1, JUST_NOW, Lineage()),
        ("request", None, 1, LONG_AGO, Lineage(None, ("request",))),
        ("request", None, 1, None, Lineage(None, ("request",))),
        ("request", "first", 2, JUST_NOW, Lineage(None, ("request", "first"))),
        ("request", "request", 2, JUST_NOW, Lineage(None, ("request",))),
        (None, "second", 3, LONG_AGO, Lineage(None, ("second",))),
    ],
)
def test_the_first_attempt_goes_on_in_the_requests_trace_and_all_else_links_to_it(
    asked_in: str | None, earlier: str | None, attempt: int, created_at: datetime | None, expected: Lineage
) -> None:
    assert lineage(asked_in, earlier, attempt, created_at, NOW, joins_ms=1_000) == expected
