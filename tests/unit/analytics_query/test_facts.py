from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from analytics_query.decisions.facts import fold
from analytics_query.domain.facts import Facts
from contracts.events import EventBase
from tests.support.examples import FULL, event


def told(kind: str, seq: int, **body: Any) -> EventBase:
    return event(kind, FULL[kind] | body, seq=seq)


RUN = [
    told("progress", 1, status="initializing"),
    told("milestone", 2, milestone_name="first"),
    told("error", 3),
    told("analytics", 4, data={"ms": 1}),
    told("analytics", 5, data={"ms": 2}),
    told("decision", 6),
    told("tests", 7),
    told("milestone", 8, milestone_name="second"),
    told("progress", 9, status="testing"),
    told("outcome", 10),
]


def test_the_newest_report_of_each_thing_stands() -> None:
    view = fold(Facts(), RUN).to_view("task-1", 1)
    assert (view.status, view.phase, view.percent_complete) == ("testing", "implementation", 65.0)
    assert view.analytics == {"performance": {"ms": 2}}
    assert [m.milestone_name for m in view.milestones] == ["first", "second"]
    assert (view.errors, view.decisions, view.execution_time_ms) == ({"warning": 1}, 1, 1000)
    assert view.events["analytics"] == 2


@given(st.permutations(RUN))
def test_the_order_in_which_events_come_does_not_matter(shuffled: list[EventBase]) -> None:
    assert fold(Facts(), shuffled) == fold(Facts(), RUN)


@given(st.integers(0, len(RUN)))
def test_folding_in_two_goes_is_folding_at_once(cut: int) -> None:
    halfway = Facts.model_validate_json(fold(Facts(), RUN[:cut]).to_json())
    assert fold(halfway, RUN[cut:]) == fold(Facts(), RUN)


def test_a_task_without_events_has_no_facts() -> None:
    view = Facts().to_view("task-1", 0)
    assert (view.attempt, view.status, view.milestones, view.analytics) == (0, None, [], {})
