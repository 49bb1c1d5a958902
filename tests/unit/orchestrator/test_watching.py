"""When the leader believes in silence, on a clock that is wound by hand."""

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any

import pytest
from asyncpg import NumericValueOutOfRangeError

from contracts.commands import Command
from contracts.tasks import AttemptState
from contracts.workers import Heartbeat, WorkerStatus
from orchestrator.decisions.retries import RetryPolicy
from orchestrator.domain import Assigned, AttemptRef, Experience, Worker, WorkerSeen
from orchestrator.handlers.leading import Leader
from orchestrator.handlers.watching import Watch
from orchestrator.ports import LiveAttempt, Member
from servicekit.leader import Leadership
from servicekit.metrics import REGISTRY
from tests.support.examples import NOW
from tests.support.fakes import FakeClock

HELD, OTHER = AttemptRef("held", 1), AttemptRef("other", 1)
LEASE_S, OFFLINE_S = 30, 15
OUT_OF_RANGE = NumericValueOutOfRangeError("integer out of range")


class Believed(Exception):
    """The watch was about to act on silence."""


class WritingSession:
    """Notes what it is to write."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self.commands: list[Command] = []

    async def assert_epoch(self, epoch: int) -> None:
        del epoch

    async def see(self, seen: Sequence[WorkerSeen], now: datetime) -> dict[str, tuple[WorkerStatus, WorkerStatus]]:
        del now
        self.written += [one.worker_id for one in seen]
        return {}

    async def set_offline(self, worker_ids: Sequence[str], reason: str) -> list[str]:
        del worker_ids, reason
        raise Believed

    def emit(self, events: object) -> None:
        del events

    def command(self, commands: Iterable[Command]) -> None:
        self.commands += commands


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


class WritingStore(QuietStore):
    """One whose commits succeed unless a heartbeat of `broken` is among them; it notes what was committed."""

    def __init__(self, broken: str, refusal: Exception) -> None:
        super().__init__()
        self.broken, self.refusal = broken, refusal
        self.written: list[str] = []
        self.commands: list[Command] = []

    @asynccontextmanager
    async def _transaction(self) -> AsyncGenerator[WritingSession]:
        session = WritingSession()
        yield session
        if self.broken in session.written:
            raise self.refusal
        self.written += session.written
        self.commands += session.commands

    def transaction(self) -> Any:
        return self._transaction()


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

    def __init__(self, kept: QuietStore | None = None) -> None:
        self.clock, self.link, self.store = FakeClock(), Link(), kept or QuietStore()
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

    def hear(self, *refs: AttemptRef, worker_id: str = "w1", incarnation: str = "inc-2") -> None:
        running = [{"task_id": ref.task_id, "attempt": ref.attempt} for ref in refs]
        plain = {"worker_id": worker_id, "incarnation": incarnation, "sent_at": NOW, "slots_total": 3, "slots_free": 1}
        self.leader.hear(Heartbeat.model_validate(plain | {"running": running}))

    def beat(self, *refs: AttemptRef, incarnation: str = "inc-2") -> None:
        self.hear(*refs, incarnation=incarnation)
        # That it is written to the database is not what these tests are about.
        self.leader.heard.clear()

    async def doubled(self, seconds: int) -> None:
        """Time passes while both processes of a worker are heard."""
        for _ in range(seconds):
            self.beat(HELD, OTHER)
            self.hear(incarnation="inc-1")
            await self.pass_time(1)

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


async def test_a_heartbeat_that_the_database_does_not_take_keeps_out_no_other() -> None:
    scene = Scene(store := WritingStore(broken="w2", refusal=OUT_OF_RANGE))
    assert await scene.reign()
    unwritten = _unwritten()
    for worker_id in ("w1", "w2", "w3", "w4", "w5"):
        scene.hear(worker_id=worker_id)
    await scene.pass_time(1)
    assert sorted(store.written) == ["w1", "w3", "w4", "w5"]
    assert _unwritten() == unwritten + 1


def _unwritten() -> float:
    return REGISTRY.get_sample_value("mews_heartbeats_unwritten_total") or 0.0


@pytest.mark.parametrize("refusal", [OUT_OF_RANGE, ConnectionRefusedError("away")])
async def test_silence_is_seen_and_what_was_lost_is_sent_though_heartbeats_cannot_be_written(
    refusal: Exception,
) -> None:
    scene = Scene(store := WritingStore(broken="w2", refusal=refusal))
    assert await scene.reign()
    for _ in range(OFFLINE_S - 1):
        scene.hear(worker_id="w2")
        with suppress(ConnectionRefusedError):
            await scene.pass_time(1)
    assert store.unpublished_asked == OFFLINE_S - 1
    scene.hear(worker_id="w2")
    with pytest.raises(Believed):
        await scene.pass_time(1)


async def test_a_replaced_process_is_told_to_leave_once_a_minute_and_again_if_that_was_not_committed() -> None:
    scene = Scene(store := WritingStore(broken="w1", refusal=ConnectionRefusedError("away")))
    assert await scene.reign()
    with pytest.raises(ConnectionRefusedError):
        await scene.doubled(seconds=1)
    store.broken = ""
    await scene.doubled(seconds=60)
    assert len(store.commands) == 1
    await scene.doubled(seconds=1)
    assert [command.config for command in store.commands] == [{"incarnation": "inc-1"}] * 2


async def test_a_reign_ends_by_the_clock_when_it_cannot_be_renewed(scene: Scene) -> None:
    await scene.leader.reign(Leadership(1, until=scene.clock.monotonic() + 6))
    assert scene.leader.epoch == 1
    scene.clock.advance(6)
    assert scene.leader.epoch is None
