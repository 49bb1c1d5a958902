"""Why a task waits, in words."""

import pytest

from contracts.workers import WorkerStatus
from orchestrator.decisions.placement import busy, obstacle, overdue_reason
from orchestrator.domain import Demand, Worker


def worker(worker_id: str, *tags: str, status: str = "online", capabilities: tuple[str, ...] = ()) -> Worker:
    return Worker(worker_id, WorkerStatus(status), frozenset(tags), frozenset(capabilities), 2, {})


FLEET = [worker("a", "linux"), worker("b", "gpu", status="paused"), worker("c", "linux", capabilities=("agent:x",))]


@pytest.mark.parametrize(
    ("demand", "workers", "reason"),
    [
        (Demand(), [], "no worker is online"),
        (Demand(), [worker("a", status="offline")], "no worker is online"),
        (Demand(), FLEET, None),
        (Demand(tags=frozenset({"arm"})), FLEET, "no worker has tag arm; 3 workers online"),
        (
            Demand(tags=frozenset({"arm"}), capabilities=frozenset({"agent:y"})),
            FLEET,
            "no worker has tag arm or capability agent:y; 3 workers online",
        ),
        (
            Demand(tags=frozenset({"gpu"}), capabilities=frozenset({"agent:x"})),
            FLEET,
            "no single worker has tag gpu and capability agent:x; 3 workers online",
        ),
        (Demand(tags=frozenset({"gpu"})), FLEET, "1 worker would fit, but none takes work: b is paused"),
        (Demand(worker_id="z"), FLEET, "no worker z is known"),
        (Demand(worker_id="b"), FLEET, "worker b is paused"),
        (Demand(worker_id="a", tags=frozenset({"gpu"})), FLEET, "worker a lacks tag gpu"),
        (Demand(worker_id="a"), FLEET, None),
        (Demand(but_not="a"), FLEET, None),
        (Demand(but_not="a"), FLEET[:1], "no worker but a, which asks for help, is online"),
    ],
)
def test_the_obstacle_is_named(demand: Demand, workers: list[Worker], reason: str | None) -> None:
    assert obstacle(demand, workers) == reason


def test_full_slots_are_counted() -> None:
    assert (
        busy(Demand(tags=frozenset({"linux"})), FLEET) == "waiting for a free slot: 2 workers fit, with 4 slots in all"
    )
    helping = Demand(tags=frozenset({"linux"}), but_not="z")
    text = "waiting for a free slot: 2 workers fit, with 6 slots in all, those for help included"
    assert busy(helping, FLEET) == text


def test_a_task_that_nobody_took_in_time_says_why() -> None:
    assert overdue_reason(Demand(worker_id="b"), FLEET, 1_500) == "no worker took it within 1.5 s: worker b is paused"
    text = overdue_reason(Demand(tags=frozenset({"linux"})), FLEET, 60_000)
    assert text == "no worker took it within 60 s: waiting for a free slot: 2 workers fit, with 4 slots in all"
