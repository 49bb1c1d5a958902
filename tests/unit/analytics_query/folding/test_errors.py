from typing import Any

import pytest

from analytics_query.decisions.fingerprints import identify
from analytics_query.decisions.folding import errors
from analytics_query.domain.records import ErrorSeen
from analytics_query.domain.vocabulary import Dimension
from contracts.events import EventBase
from tests.support.folding import Folded, event_id_of, folded, reported

TYPE = "TimeoutError"
FINGERPRINT = identify(TYPE, "gone after 3 s", None).fingerprint


def error(seq: int, **body: Any) -> EventBase:
    return reported("error", seq, {"error_type": TYPE, "message": f"gone after {seq} s"} | body)


def recovery(seq: int, *, of: int | None = None, works: bool = True, **body: Any) -> EventBase:
    given: dict[str, Any] = {"error_type": TYPE, "strategy": "Try again.", "successful": works}
    if of is not None:
        given["error_event_id"] = event_id_of(of)
    return reported("recovery", seq, given | body)


def tried(result: Folded, dimension: Dimension, *entity: str) -> tuple[int, int]:
    counts = result.figures(dimension, *entity).counts
    if dimension in (Dimension.recovery, Dimension.strategy):
        return counts.get("tried", 0), counts.get("successful", 0)
    return counts.get("recoveries_tried", 0), counts.get("recoveries_successful", 0)


def test_errors_are_counted_by_fingerprint_and_by_type() -> None:
    result = folded(error(1), error(2, severity="warning"), error(3, message="something else"))
    counts = result.figures(Dimension.error, FINGERPRINT).counts
    assert counts == {"errors": 2, "errors:error": 1, "errors:warning": 1}
    assert result.count("errors", Dimension.error_type, TYPE) == 3


def test_an_error_leaves_a_row() -> None:
    stack = 'Traceback:\n  File "/srv/app/pool.py", line 7, in take\n'
    event = error(1, stack_trace=stack, severity="critical", message="x" * 5_000)
    [row] = folded(event).records
    assert isinstance(row, ErrorSeen)
    assert (row.severity, row.place, row.task_id, row.worker_id) == ("critical", "pool.py take", "task-123", "worker-1")
    assert (row.event_id, row.seen_at, len(row.message)) == (event.event_id, event.occurred_at, errors.MAX_MESSAGE - 2)
    assert row.fingerprint == identify(TYPE, "x" * 5_000, stack).fingerprint


def test_a_recovery_belongs_to_the_error_that_it_names() -> None:
    result = folded(recovery(3, of=1), error(1), error(2, message="something else"))
    assert tried(result, Dimension.error, FINGERPRINT) == (1, 1)
    assert tried(result, Dimension.error_type, TYPE) == (1, 1)
    assert tried(result, Dimension.recovery, FINGERPRINT, "try again") == (1, 1)
    assert tried(result, Dimension.strategy, "try again") == (1, 1)


def test_a_recovery_that_names_no_error_belongs_to_the_newest_of_its_type_before_it() -> None:
    other = identify(TYPE, "something else", None).fingerprint
    result = folded(error(1), error(2, message="something else"), recovery(3, works=False), error(4))
    assert tried(result, Dimension.error, other) == (1, 0)
    assert tried(result, Dimension.error, FINGERPRINT) == (0, 0)


def test_a_recovery_of_an_unknown_error_counts_for_its_type_and_strategy() -> None:
    result = folded(recovery(1, of=77))
    assert tried(result, Dimension.error_type, TYPE) == tried(result, Dimension.strategy, "try again") == (1, 1)
    assert not [key for key in result.rollups if key.dimension in (Dimension.error, Dimension.recovery)]


def test_what_an_error_says_of_its_own_recovery_counts_once() -> None:
    own = {"recovery_attempted": True, "recovery_successful": False, "recovery_strategy": " Install  it "}
    assert tried(folded(error(1, **own)), Dimension.recovery, FINGERPRINT, "install it") == (1, 0)
    told_again = folded(error(1, **own), recovery(2, of=1))
    assert tried(told_again, Dimension.error, FINGERPRINT) == (1, 1)
    assert tried(told_again, Dimension.strategy, "install it") == (0, 0)


def test_without_an_attempt_an_error_counts_all_the_same() -> None:
    nowhere = {"task_id": None, "attempt": None}
    body = {"error_type": TYPE, "message": "m", "recovery_attempted": True}
    events = (
        reported("error", 1, body, **nowhere),
        reported("recovery", 2, {"error_type": TYPE, "strategy": "s", "successful": True}, **nowhere),
    )
    result = folded(*events)
    assert result.count("errors", Dimension.error_type, TYPE) == 1
    assert tried(result, Dimension.error_type, TYPE) == (2, 1)
    assert tried(result, Dimension.strategy, errors.UNSPECIFIED) == (1, 0)


def test_a_flood_of_errors_stays_bounded() -> None:
    events = [error(seq, message=f"m{chr(97 + seq % 26)}", recovery_attempted=True) for seq in range(1, 1_000)]
    result = folded(*events)
    assert len(result.document.recoveries.errors) == errors.MAX_ERRORS
    assert result.count("errors", Dimension.error_type, TYPE) == 999
    assert tried(result, Dimension.error_type, TYPE) == (errors.MAX_ERRORS, 0)


@pytest.mark.parametrize("text", [None, "", "  ", "."])
def test_a_strategy_without_a_name_is_unspecified(text: str | None) -> None:
    assert errors.strategy_of(text) == errors.UNSPECIFIED
