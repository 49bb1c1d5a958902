"""How the fleet is told, from what was heard of it."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from contracts.decided import DecidedEvent, FleetSample, QueueSample
from contracts.tasks import QueueView
from contracts.workers import Heartbeat, WorkerStatus
from orchestrator.decisions.sampling import MOST_WORKERS, fleet_samples
from orchestrator.domain import Worker
from orchestrator.handlers.leading import Leader
from orchestrator.handlers.sampling import Sampler
from orchestrator.ports import Member, Said
from servicekit.leader import Leadership, LostLeadershipError
from tests.support.examples import NOW
from tests.support.fakes import FakeClock

IDLE = QueueView(queued=0, assigned=0, running=0, workers_online=0, slots_total=0, slots_free=0)


def beat(worker_id: str, **more: Any) -> Heartbeat:
    fields = {"worker_id": worker_id, "incarnation": "i", "sent_at": NOW, "slots_total": 3, "slots_free": 1}
    return Heartbeat.model_validate(fields | more)


def test_an_idle_system_has_one_sample_that_says_so() -> None:
    [sample] = fleet_samples(IDLE, [], 30_000, NOW)
    assert sample.to_dict() == {
        "every_ms": 30_000,
        "queue": {"queued": 0, "assigned": 0, "running": 0, "oldest_queued_ms": 0, "workers_online": 0},
        "workers": [],
    }


@pytest.mark.parametrize(
    ("workers", "sizes"),
    [(1, [1]), (MOST_WORKERS, [MOST_WORKERS]), (2 * MOST_WORKERS + 1, [MOST_WORKERS, MOST_WORKERS, 1])],
)
def test_a_large_fleet_takes_several_samples_with_the_queue_in_the_first(workers: int, sizes: list[int]) -> None:
    heard = [beat(f"w{n:04}") for n in range(workers)]
    samples = fleet_samples(IDLE, heard[::-1], 5_000, NOW)
    assert [len(sample.workers) for sample in samples] == sizes
    assert [sample.queue is not None for sample in samples] == [True] + [False] * (len(sizes) - 1)
    assert [one.worker_id for sample in samples for one in sample.workers] == [one.worker_id for one in heard]


@pytest.mark.parametrize(("seconds", "age_ms"), [(-2.5, 2_500), (0, 0), (1, 0)])
def test_the_age_of_the_queue_is_never_negative(seconds: float, age_ms: int) -> None:
    view = IDLE.model_copy(update={"queued": 2, "oldest_queued_at": NOW + timedelta(seconds=seconds)})
    expected = QueueSample(queued=2, assigned=0, running=0, oldest_queued_ms=age_ms, workers_online=0)
    assert fleet_samples(view, [], 1, NOW)[0].queue == expected


@pytest.mark.parametrize("figure", [float("nan"), float("inf"), -1.0])
def test_a_figure_that_cannot_have_been_measured_is_left_out(figure: float) -> None:
    [worker] = fleet_samples(IDLE, [beat("w1", cpu_percent=figure, round_trip_ms=figure)], 1, NOW)[0].workers
    assert (worker.cpu_percent, worker.round_trip_ms) == (0.0, None)
    [worker] = fleet_samples(IDLE, [beat("w1", cpu_percent=31.5, round_trip_ms=0.25)], 1, NOW)[0].workers
    assert (worker.cpu_percent, worker.round_trip_ms) == (31.5, 0.25)


class OneReign:
    """A fleet of two, of whom one is offline, and what was said under the epoch that still holds."""

    def __init__(self) -> None:
        self.epoch = 1
        self.said: list[FleetSample] = []

    async def queue_view(self) -> QueueView:
        return IDLE

    async def live_attempts(self) -> list[Any]:
        return []

    async def experience(self, since: datetime) -> list[Any]:
        del since
        return []

    async def fleet(self, since: datetime) -> list[Member]:
        del since
        statuses = {"w1": WorkerStatus.paused, "w2": WorkerStatus.offline}
        return [
            Member(Worker(worker_id, status, frozenset(), frozenset(), 3, {}), "i", ("old",), None)
            for worker_id, status in statuses.items()
        ]

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator["OneReign"]:
        yield self

    async def assert_epoch(self, epoch: int) -> None:
        if epoch != self.epoch:
            raise LostLeadershipError("orchestrator", epoch)

    def emit(self, events: Iterable[Said]) -> None:
        told = [DecidedEvent.model_validate_json(event.json) for event in events]
        self.said += [FleetSample.model_validate(event.data) for event in told]


async def test_only_who_leads_tells_of_the_workers_that_it_has_heard() -> None:
    store, clock = OneReign(), FakeClock()
    leader = Leader(cast(Any, store), clock, 30_000, 15_000)
    sampler = Sampler(cast(Any, store), leader, clock, 1_000)
    await sampler.sample()
    assert store.said == []
    await leader.reign(Leadership(1, clock.monotonic() + 60))
    for worker_id in ("w1", "w2", "unknown"):
        leader.hear(beat(worker_id))
    leader.hear(beat("w1", incarnation="old", cpu_percent=99.0))
    await sampler.sample()
    assert [[one.to_dict() for one in told.workers] for told in store.said] == [
        [{"worker_id": "w1", "slots_total": 3, "slots_free": 1, "cpu_percent": 0, "memory_mb": 0, "spool_events": 0}]
    ]
    store.epoch = 2
    await sampler.sample()
    assert len(store.said) == 1
    assert leader.epoch is None
