"""What an attempt says after it was given up: its outcome is stale, its reports are its own history."""

from itertools import permutations

import orjson
import pytest

from analytics_query.decisions.folding.tasks import TASK_FOLDS
from analytics_query.decisions.reports.attempts import figures_of_attempt
from analytics_query.domain.documents import TaskDocument
from analytics_query.domain.vocabulary import SYSTEM, Dimension
from contracts.decided import DecidedKind
from tests.support.examples import FULL
from tests.support.folding import KEY, Happening, assigned, ended, in_batches, reported

OBSERVED = FULL["outcome"]["observed"] | {"tokens_input": 900, "tokens_output": 90, "agent": "claude", "model": "m"}
COUNTS = {"total": 9, "passed": 9}
OUTCOME = {
    "status": "completed",
    "claimed": {"status": "completed"},
    "observed": OBSERVED | {"tests": [{"path": "a.xml", "counts": COUNTS}]},
    "verified": {"passed": True, "commands": [], "tests": [{"path": "b.xml", "counts": COUNTS}]},
    "discrepancies": [],
}
LATE = reported("outcome", 9, OUTCOME, evidence="verified")
TOLD: tuple[Happening, ...] = (
    reported("token_usage", 1, {"input_tokens": 50, "output_tokens": 5}),
    reported("tests", 2, {"results": {"total": 4, "passed": 3, "failed": 1}}),
)


def lost() -> Happening:
    return ended(DecidedKind.task_requeued, attempt_state="lost")


@pytest.mark.parametrize("kind", [DecidedKind.task_requeued, DecidedKind.task_failed])
def test_the_outcome_of_a_lost_attempt_is_believed_by_no_figure(kind: DecidedKind) -> None:
    result = in_batches([[assigned(), *TOLD, ended(kind, attempt_state="lost")], [LATE]])
    counts = result.figures().counts
    assert not {name for name in counts if name.startswith(("claims", "verified")) or name.endswith("@verified")}
    assert (counts["tests_run@reported"], counts.get("tests_run@observed", 0)) == (4, 0)
    assert result.spread("agent_ms@observed").count == 0
    assert (counts["tokens_input@reported"], counts.get("tokens_input@observed", 0)) == (50, 0)
    assert figures_of_attempt(KEY, result.document).counts.get("claims", 0) == 0


def test_the_outcome_of_an_attempt_that_ended_by_it_counts_also_if_another_follows() -> None:
    result = in_batches([[assigned(), *TOLD, ended(DecidedKind.task_requeued, attempt_state="failed")], [LATE]])
    assert (result.count("claims"), result.count("verified_passed"), result.count("tests_run@verified")) == (1, 1, 9)


def test_it_is_the_same_whatever_comes_first() -> None:
    once = in_batches([[assigned(), *TOLD, lost(), LATE]]).as_json()
    for order in permutations([assigned(), LATE, lost(), TOLD[0]]):
        assert in_batches([[one] for one in (*order, TOLD[1])]).as_json() == once


def test_what_it_reports_late_is_its_own_history() -> None:
    late = in_batches([[assigned(), lost()], TOLD])
    assert (late.count("tests_failed@reported"), late.count("attempts_requeued")) == (1, 1)


def failures(**data: object) -> dict[str, int]:
    result = in_batches([[assigned(), ended(DecidedKind.task_failed, **data)]])
    counts = result.figures(Dimension.system, SYSTEM).counts
    return {name: count for name, count in counts.items() if name.startswith("failures")}


@pytest.mark.parametrize("why", ["retryable", "permanent", "poison"])
def test_failed_tasks_are_counted_by_why(why: str) -> None:
    assert failures(failure_class=why) == {f"failures:{why}": 1}


def test_a_class_that_nobody_knows_is_no_figure() -> None:
    assert failures(failure_class="odd") == failures(failure_class=["x"]) == failures() == {}


def test_versions_that_know_no_classes_read_how_a_task_ended() -> None:
    task, event = TaskDocument(), ended(DecidedKind.task_failed, failure_class="poison")
    TASK_FOLDS[DecidedKind.task_failed](task, event)
    TASK_FOLDS[DecidedKind.task_failed](task, event)
    assert len(orjson.loads(task.model_dump_json())["ending"]) == 3
    assert task.failure_class == "poison"
