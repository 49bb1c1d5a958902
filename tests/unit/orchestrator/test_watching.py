"""When the leader believes in silence, on a clock that is wound by hand."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest

from contracts.tasks import AttemptState
from contracts.workers import Heartbeat, WorkerStatus
from orchestrator.decisions.retries import RetryPolicy
from orchestrator.domain import Assigned, AttemptRef, Experience, Worker
from orchestrator.handlers.leading import Leader
from orchestrator.handlers.watching import Watch
from orchestrator.ports import LiveAttempt, Member
from servicekit.leader import Leadership
from tests.support.examples import NOW
from tests.support.fakes import FakeClock

HELD, OTHER = AttemptRef("held", 1), AttemptRef("other", 1)
LEASE_S, OFFLINE_S = 30, 15


class Believed(Exception):
    """The watch was about to act on silence."""


class QuietStore:
    """Two live attempts of one worker; any transaction is an action that the test hears of."""

    def __init__(self) -> None:
        self.unpublished_asked = 0
        self.never_published: list[Assigned] = []

    async def live_attempts(self) -> list[LiveAttempt]:
        return [LiveAttempt(ref, "w1", AttemptState.running) for ref in (HELD, OTHER)]

    async def fleet(self, since: datetime) -> list[Member]:
        del since
        worker = Worker("w1", WorkerStatus.online, frozenset(), frozenset(), 3, {})
        return [Member(worker, "inc-2", ("inc-1",), None)]

    async def experience(self, since: datetime) -> list[tuple[str, str, Experience]]:
        del since
        return [("w1", "k", Experience(1, 0, 5.0))]

    async def unpublished(self, older_than: datetime, lease_ms: int, limit: int) -> list[Assigned]:
        del older_than, lease_ms, limit
        self.unpublished_asked += 1
        return self.never_published

    def transaction(self) -> Any:
        raise Believed


class Couriers:
    """Notes what it is to carry."""

    def __init__(self) -> None:
        self.sent: list[Assigned] = []

    def send(self, assigned: Sequence[Assigned]) -> None:
        self.sent += assigned

    def on_the_way(self, ref: AttemptRef) -> bool:
        del ref
        return False


class Link:
    """A bus that is there or not."""

    def __init__(self) -> None:
        self.connected = True
        self.is_prompt = True

    async def answers(self) -> bool:
        return self.connected and self.is_prompt


class Scene:
    """A leader with its watch."""

    def __init__(self) -> None:
        self.clock, self.link, self.store = FakeClock(), Link(), QuietStore()
        store: Any = self.store
        self.leader = Leader(store, self.clock, LEASE_S * 1000, OFFLINE_S * 1000)
        policy = RetryPolicy()
        self.couriers = Couriers()
        self.watch = Watch(store, self.leader, self.couriers, self.link, self.clock, policy, lambda: None)

    async def reign(self, epoch: int = 1) -> bool:
        return await self.leader.reign(Leadership(epoch, until=float("inf")))

    async def pass_time(self, seconds: int) -> None:
        """Tick once a second, as the loop does."""
        for _ in range(seconds):
            self.clock.advance(1)
            await self.watch.tick()

    def beat(self, *refs: AttemptRef, incarnation: str = "inc-2") -> None:
        running = [{"task_id": ref.task_id, "attempt": ref.attempt} for ref in refs]
        plain = {"worker_id": "w1", "incarnation": incarnation, "sent_at": NOW, "slots_total": 3, "slots_free": 1}
        self.leader.hear(Heartbeat.model_validate(plain | {"running": running}))
        # That it is written to the database is not what these tests are about.
        self.leader.heard.clear()

    async def lives(self, seconds: int, *refs: AttemptRef, incarnation: str = "inc-2") -> None:
        """Time passes with a heartbeat every five seconds."""
        for second in range(seconds):
            if second % 5 == 0:
                self.beat(*refs, incarnation=incarnation)
            await self.pass_time(1)


@pytest.fixture
async def scene() -> Scene:
    scene = Scene()
    assert await scene.reign()
    return scene


async def test_attempts_that_heartbeats_name_live_as_long_as_they_do(scene: Scene) -> None:
    await scene.lives(100, HELD, OTHER)
    assert len(scene.leader.leases) == 2


async def test_an_attempt_that_is_not_named_expires_with_its_lease(scene: Scene) -> None:
    await scene.lives(LEASE_S - 1, HELD)
    with pytest.raises(Believed):
        await scene.lives(1, HELD)
    assert scene.leader.leases.expired(scene.clock.monotonic()) == [(OTHER, "w1")]


async def test_a_silent_worker_is_missed_before_its_leases_end(scene: Scene) -> None:
    await scene.pass_time(OFFLINE_S - 1)
    with pytest.raises(Believed):
        await scene.pass_time(1)


async def test_a_replaced_process_keeps_nothing_alive(scene: Scene) -> None:
    with pytest.raises(Believed):
        await scene.lives(OFFLINE_S, HELD, OTHER, incarnation="inc-1")


async def test_another_worker_cannot_renew_a_lease(scene: Scene) -> None:
    assert not scene.leader.leases.renew(HELD, "w2", scene.clock.monotonic())


async def test_nothing_expires_while_the_bus_is_away_and_all_is_full_when_it_is_back(scene: Scene) -> None:
    scene.link.connected = False
    await scene.pass_time(10 * LEASE_S)
    scene.link.connected = True
    await scene.pass_time(OFFLINE_S)
    with pytest.raises(Believed):
        await scene.pass_time(1)


async def test_nothing_expires_while_the_broker_answers_too_late(scene: Scene) -> None:
    scene.link.is_prompt = False
    await scene.pass_time(10 * LEASE_S)
    assert len(scene.leader.leases) == 2


async def test_a_process_that_stood_still_blames_nobody(scene: Scene) -> None:
    scene.clock.advance(10 * LEASE_S)
    await scene.watch.tick()
    await scene.pass_time(OFFLINE_S - 1)


async def test_a_wall_clock_that_jumps_ends_no_lease(scene: Scene) -> None:
    scene.clock.jump_wall(86_400)
    await scene.watch.tick()
    scene.clock.jump_wall(-2 * 86_400)
    await scene.watch.tick()
    await scene.lives(LEASE_S - 1, HELD)


async def test_a_new_reign_begins_with_full_leases(scene: Scene) -> None:
    await scene.lives(LEASE_S - 1, HELD)
    assert await scene.reign(epoch=2)
    await scene.lives(LEASE_S - 1, HELD)
    assert len(scene.leader.leases) == 2


async def test_an_assignment_whose_commit_was_never_heard_of_has_a_lease_once_it_is_published(scene: Scene) -> None:
    forgotten = Assigned(AttemptRef("forgotten", 1), "w1", NOW, b"{}")
    scene.store.never_published = [forgotten]
    await scene.lives(LEASE_S - 1, HELD, OTHER)
    scene.store.never_published = []
    assert forgotten in scene.couriers.sent
    with pytest.raises(Believed):
        await scene.lives(LEASE_S, HELD, OTHER)
    assert scene.leader.leases.expired(scene.clock.monotonic()) == [(forgotten.ref, "w1")]


async def test_what_is_closed_and_named_all_the_same_is_a_stray_after_a_while(scene: Scene) -> None:
    closed = AttemptRef("closed", 1)
    scene.beat(HELD, closed)
    scene.clock.advance(5)
    scene.beat(HELD, closed)
    assert scene.leader.strays(for_s=6) == []
    scene.clock.advance(1)
    assert scene.leader.strays(for_s=6) == [(closed, "w1")]
    scene.beat(HELD)
    assert scene.leader.strays(for_s=0) == []


async def test_what_workers_let_their_agents_run_is_known_from_their_last_heartbeat(scene: Scene) -> None:
    running = [{"task_id": "held", "attempt": 1, "run_ms": 5_000}, {"task_id": "other", "attempt": 1}]
    beat = {"worker_id": "w1", "incarnation": "inc-2", "sent_at": NOW, "slots_total": 3, "slots_free": 1}
    scene.leader.hear(Heartbeat.model_validate(beat | {"running": running}))
    assert scene.leader.run_ms_said() == {HELD: 5_000}


async def test_who_does_not_lead_hears_and_does_nothing() -> None:
    scene = Scene()
    scene.beat(HELD)
    await scene.pass_time(100)
    assert scene.store.unpublished_asked == 0
    assert scene.leader.heard == {}


async def test_a_reign_ends_by_the_clock_when_it_cannot_be_renewed(scene: Scene) -> None:
    await scene.leader.reign(Leadership(1, until=scene.clock.monotonic() + 6))
    assert scene.leader.epoch == 1
    scene.clock.advance(6)
    assert scene.leader.epoch is None
