from hypothesis import given
from hypothesis import strategies as st

from analytics_query.decisions.rebuilding import Selection, bounds_of, missing_in
from contracts.telemetry import LoggedDecision, LoggedEvent, LogMarks, ProducerMarks, StreamMarks
from servicekit.marks import Marks
from tests.support.examples import MINIMAL, event

NUMBERS = st.sets(st.integers(1, 30))


def marks(numbers: set[int], stream: str = "TELEMETRY") -> LogMarks:
    """Marks of one producer, as the inbox keeps them."""
    claimed, _ = Marks().claim_all(sorted(numbers))
    kept = ProducerMarks(low=claimed.low, above=list(claimed.above))
    return LogMarks(streams=[StreamMarks(stream=stream, producers={"w1/p": kept})])


def logged(number: int | None, kind: str = "progress", producer: str | None = "w1/p") -> LoggedEvent:
    return LoggedEvent.model_validate(
        {"producer": producer, "batch": number, "event": event(kind, MINIMAL[kind]).to_dict()}
    )


@given(NUMBERS)
def test_exactly_the_events_of_applied_batches_are_taken(numbers: set[int]) -> None:
    selection = Selection(marks(numbers))
    assert {number for number in range(1, 32) if selection.has_event(logged(number))} == numbers


def test_a_batch_of_another_stream_or_producer_is_not_taken() -> None:
    selection = Selection(marks({1}))
    assert not selection.has_event(logged(1, "question"))
    assert not selection.has_event(logged(1, producer="w2/p"))
    news = {
        "event_id": "01990000-0000-7000-8000-000000000001",
        "kind": "task.queued",
        "occurred_at": "2026-01-01T00:00:00Z",
    }
    decision = LoggedDecision.model_validate({"producer": "w1/p", "batch": 1, "event": news})
    assert not selection.has_decision(decision)
    assert Selection(marks({1}, "EVENTS")).has_decision(decision)


def test_an_event_of_which_no_batch_is_known_is_taken() -> None:
    assert Selection(marks(set())).has_event(logged(None, producer=None))


@given(NUMBERS, NUMBERS)
def test_the_log_lacks_what_was_applied_and_is_not_in_it(applied: set[int], recorded: set[int]) -> None:
    lacking = len(applied - recorded)
    assert missing_in(marks(recorded), marks(applied)) == ({"TELEMETRY w1/p": lacking} if lacking else {})


def test_a_producer_that_the_log_does_not_know_is_missed() -> None:
    assert missing_in(LogMarks(streams=[]), marks({1, 2, 5})) == {"TELEMETRY w1/p": 3}


def test_bounds_leave_out_what_there_is_nothing_of() -> None:
    assert bounds_of(ProducerMarks(low=0, above=[3, 4])) == [3, 5]
