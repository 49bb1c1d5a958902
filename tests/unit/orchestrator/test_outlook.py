"""What a worker would be given next, in words where it is nothing."""

from datetime import timedelta

import pytest

from contracts.workers import WorkerStatus
from orchestrator.decisions.outlook import outlook
from orchestrator.domain import Demand, Line, Worker
from tests.support.examples import NOW

LINUX = Demand(tags=frozenset({"linux"}))
ANYBODY = Line(Demand(), 3, NOW, "task-b")
EARLIER = Line(LINUX, 2, NOW - timedelta(minutes=5), "task-a")
LATER_TRY = Line(LINUX, 1, None, None)
ELSEWHERE = Line(Demand(worker_id="w2"), 4, NOW - timedelta(hours=1), "task-0")
ON_GPU = Line(Demand(tags=frozenset({"gpu"})), 1, NOW, "task-g")
HELP = Line(Demand(but_not="w2"), 1, NOW + timedelta(minutes=1), "task-h")
ITS_OWN = Line(Demand(but_not="w1"), 1, NOW, "task-c")


def worker(status: str = "online") -> Worker:
    return Worker("w1", WorkerStatus(status), frozenset({"linux"}), frozenset(), 2, {})


def test_the_first_due_task_of_all_lines_that_fit() -> None:
    assert outlook("w1", worker(), [ANYBODY, ELSEWHERE, EARLIER], 1) == ("task-a", 9, 5, None)
    assert outlook("w1", worker(), [ANYBODY, LATER_TRY], 1) == ("task-b", 4, 4, None)


def test_without_a_free_slot_it_waits() -> None:
    seen = outlook("w1", worker(), [ANYBODY], 2)
    assert (seen.task_id, seen.reason) == ("task-b", "it waits for a free slot: worker w1 has none")


def test_help_comes_first_only_where_nothing_else_has_room() -> None:
    lines = [ANYBODY, HELP]
    assert outlook("w1", worker(), lines, 1) == ("task-b", 4, 4, None)
    assert outlook("w1", worker(), lines, 2) == ("task-h", 4, 4, None)
    full = outlook("w1", worker(), lines, 3)
    assert (full.task_id, full.reason) == ("task-b", "it waits for a free slot: worker w1 has none")


@pytest.mark.parametrize(
    ("known", "lines", "reason"),
    [
        (None, [ANYBODY], "no worker w1 is known"),
        (worker("paused"), [ANYBODY], "worker w1 is paused"),
        (worker("draining"), [ANYBODY], "worker w1 is draining"),
        (worker(), [], "nothing is queued"),
        (worker(), [ELSEWHERE], "no queued task fits: only worker w2 may take it"),
        (worker(), [ITS_OWN], "no queued task fits: worker w1 asked for it, and another must do it"),
        (
            worker(),
            [Line(Demand(tags=frozenset({"gpu"})), 1, NOW, "t")],
            "no queued task fits: worker w1 lacks tag gpu",
        ),
        (worker(), [LATER_TRY], "what is queued for it waits for the time of its next attempt"),
    ],
)
def test_why_there_is_none(known: Worker | None, lines: list[Line], reason: str) -> None:
    seen = outlook("w1", known, lines, 0)
    assert (seen.task_id, seen.reason) == (None, reason)
