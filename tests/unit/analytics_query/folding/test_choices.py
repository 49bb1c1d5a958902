from typing import Any

import numpy as np
import pytest

from analytics_query.decisions.folding import choices
from analytics_query.domain.records import DecisionMade
from analytics_query.domain.vocabulary import Dimension
from contracts.decided import DecidedKind
from contracts.events import EventBase
from tests.support.folding import assigned, ended, folded, in_batches, reported


def decision(seq: int, chosen: str, *rejected: str, kind: str = "tooling", **body: Any) -> EventBase:
    given = {"decision_type": kind, "chosen_option": chosen, "alternatives": list(rejected)}
    return reported("decision", seq, given | body)


def reversals(*events: EventBase) -> int:
    result = folded(*events)
    assert result.count("reversals") == result.count("reversals", Dimension.decision, "tooling")
    return result.count("reversals")


def test_decisions_are_counted_by_type_with_what_they_rejected() -> None:
    sure = np.random.default_rng(2).uniform(0, 100, 20).round(1).tolist()
    events = [decision(seq, f"o{seq}", "x", "y", confidence_percent=value) for seq, value in enumerate(sure, 1)]
    result = folded(*events, decision(30, "z", kind="scope"))
    assert result.figures(Dimension.decision, "tooling").counts == {
        "decisions": 20,
        "alternatives": 40,
        "attempts": 1,
        "attempts_completed": 1,
    }
    assert result.spread("confidence_percent", Dimension.decision, "tooling").mean == pytest.approx(np.mean(sure))
    assert (result.count("decisions"), result.count("alternatives")) == (21, 40)


@pytest.mark.parametrize(
    ("end", "metric"),
    [
        (DecidedKind.task_completed, "attempts_completed"),
        (DecidedKind.task_failed, "attempts_failed"),
        (DecidedKind.task_timed_out, "attempts_other"),
        (DecidedKind.task_requeued, "attempts_other"),
    ],
)
def test_an_attempt_counts_once_for_each_type_of_its_decisions(end: DecidedKind, metric: str) -> None:
    events = [decision(1, "a"), decision(2, "b"), decision(3, "c", kind="scope")]
    result = in_batches([[assigned(), *events, ended(end)]])
    for kind in ("tooling", "scope"):
        counts = result.figures(Dimension.decision, kind).counts
        assert (counts["attempts"], counts[metric]) == (1, 1)


def test_choosing_what_was_rejected_takes_a_decision_back() -> None:
    assert reversals(decision(1, "pytest", "unittest"), decision(2, " Unittest.")) == 1
    assert reversals(decision(2, "unittest"), decision(1, "pytest", "unittest")) == 1


def test_choosing_it_again_takes_nothing_back() -> None:
    taken_back = (decision(1, "a", "b"), decision(2, "b", "a"))
    assert reversals(*taken_back, decision(3, "b")) == 1
    assert reversals(*taken_back, decision(3, "a")) == 2


def test_deciding_otherwise_about_the_same_thing_takes_a_decision_back() -> None:
    about = {"description": "Which database?"}
    assert reversals(decision(1, "redis", **about), decision(2, "postgres", description="which  database?")) == 1
    assert reversals(decision(1, "redis", **about), decision(2, "redis", **about)) == 0
    assert reversals(decision(1, "redis", **about), decision(2, "postgres")) == 0


def test_decisions_of_another_type_take_nothing_back() -> None:
    assert reversals(decision(1, "a", "b"), decision(2, "b", kind="scope")) == 0


def test_a_decision_leaves_a_row() -> None:
    event = decision(4, "a", "b")
    [row] = folded(event).records
    assert isinstance(row, DecisionMade)
    assert (row.event_id, row.task_id, row.attempt, row.worker_id) == (event.event_id, "task-123", 1, "worker-1")
    assert (row.decision_type, row.decided_at, row.seq) == ("tooling", event.occurred_at, 4)
    assert row.body == {"decision_type": "tooling", "chosen_option": "a", "reasoning": "b", "alternatives": ["b"]}


def test_very_many_decisions_stay_bounded_and_are_counted() -> None:
    result = folded(*(decision(seq, "a", kind=f"t{seq}") for seq in range(1, 500)))
    kept = result.document.choices
    assert (len(kept.made), len(kept.types)) == (choices.MAX_CHOICES, choices.MAX_TYPES)
    assert result.count("decisions") == 499
