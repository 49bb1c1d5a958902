"""When the keeper of the fleet acts at all, and what stops a step: on a clock that is wound by hand."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from contracts.commands import Command
from contracts.decided import DecidedEvent
from contracts.tasks import AttemptState
from contracts.workers import Heartbeat, WorkerStatus
from orchestrator.decisions.orders import Order, SizeOrder
from orchestrator.decisions.retries import RetryPolicy
from orchestrator.decisions.scaling import ScalePolicy
from orchestrator.domain import AttemptRef, Demand, FleetAction, FleetLook, Instance, Intention, Line, Worker
from orchestrator.errors import FleetAway
from orchestrator.handlers.fleet import FleetKeeper
from orchestrator.handlers.leading import Leader
from orchestrator.ports import FleetTraits, LiveAttempt, Member, Said
from servicekit.leader import Leadership
from tests.support.examples import NOW
from tests.support.fakes import FakeClock
from tests.support.samples import Counted, sample

OFFLINE_S, LEASE_S = 15, 30
TASK = AttemptRef("task", 1)
FOLLOWING = ScalePolicy(least=0, most=2, up_after_ms=0, down_after_ms=0)
REMOVE = Intention("w-1", FleetAction.remove, "pod-1", NOW, "orchestrator")


def restart(place: int) -> Intention:
    return Intention(f"w-{place}", FleetAction.restart, f"pod-{place}", NOW, "manager", until=NOW)


def _nothing() -> None: ...


class Records:
    """The database: two workers, what they run, and what is meant to be done with them. Also its own session.

    `meanwhile`: what happens as soon as a transaction has ended.
    """

    def __init__(self) -> None:
        self.meant: list[Intention] = []
        self.live: list[LiveAttempt] = []
        self.waiting = 0
        self.told: WorkerStatus | None = None
        self.commands: list[str] = []
        self.asked: dict[str, Order] = {}
        self.events: list[DecidedEvent] = []
        self.meanwhile: Callable[[], None] = _nothing

    async def fleet(self, since: datetime) -> list[Member]:
        del since
        # Whoever is to give up its place was told to drain.
        told = {one.worker_id: WorkerStatus.draining for one in self.meant if one.action is FleetAction.remove}
        names = [f"w-{n}" for n in range(2)]
        workers = (Worker(name, told.get(name, WorkerStatus.online), frozenset(), frozenset(), 1, {}) for name in names)
        return [Member(worker, "inc", (), told.get(worker.worker_id)) for worker in workers]

    async def experience(self, since: datetime) -> list[Any]:
        del since
        return []

    async def live_attempts(self) -> list[LiveAttempt]:
        return self.live

    async def lines(self, now: datetime) -> list[Line]:
        return [Line(Demand(), self.waiting, now, "task")] if self.waiting else []

    async def intentions(self) -> list[Intention]:
        return list(self.meant)

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator["Records"]:
        yield self
        self.meanwhile()

    async def lock_worker(self, worker_id: str) -> Member | None:
        worker = Worker(worker_id, WorkerStatus.online, frozenset(), frozenset(), 1, {})
        return Member(worker, "inc", (), self.told)

    async def set_told(self, worker_id: str, told: WorkerStatus | None, status: WorkerStatus) -> None:
        del worker_id, status
        self.told = told

    async def intend(self, intention: Intention) -> None:
        self.meant.append(intention)

    async def drop(self, intention: Intention) -> Intention | None:
        self.meant.remove(intention)
        return intention

    def command(self, commands: list[Command]) -> None:
        self.commands += [one.action.value for one in commands]

    def emit(self, events: list[Said]) -> None:
        self.events += [DecidedEvent.model_validate_json(one.json) for one in events]

    async def orders(self) -> list[Order]:
        return list(self.asked.values())

    async def place_order(self, order: Order) -> None:
        self.asked[order.key] = order

    async def close_order(self, order: Order) -> bool:
        return self.asked.pop(order.key, None) is not None

    async def still_means(self, intention: Intention) -> bool:
        return intention in self.meant

    async def live_attempts_of(self, worker_id: str) -> list[LiveAttempt]:
        return [one for one in self.live if one.worker_id == worker_id]

    async def assert_epoch(self, epoch: int) -> None:
        del epoch


class Pods:
    """A fleet of two that notes what is done to it. `meanwhile`: what happens elsewhere as soon as one was ended."""

    def __init__(self) -> None:
        self.ended: list[str] = []
        self.sizes: list[int] = []
        self.looks = 0
        self.meanwhile: Callable[[], None] = _nothing
        self.refuses: set[str] = set()
        self.ending: set[str] = set()
        self.replicas, self.version = 2, "v1"
        self.looking: Callable[[], None] = _nothing

    async def look(self) -> FleetLook:
        self.looks += 1
        self.looking()
        names = [f"w-{n}" for n in range(2)]
        pods = [Instance(one, f"pod-{one[2:]}", is_ready=True, is_ending=one in self.ending) for one in names]
        return FleetLook(self.replicas, self.version, pods)

    async def end(self, instance: Instance) -> None:
        if instance.worker_id in self.refuses:
            raise FleetAway(f"{instance.worker_id} stays")
        self.ended.append(instance.worker_id)
        self.meanwhile()

    async def scale(self, replicas: int, version: str) -> None:
        del version
        self.sizes.append(replicas)


class Link:
    """A bus whose client believes that it is connected."""

    connected = True
    is_prompt = True

    async def answers(self) -> bool:
        return self.is_prompt


class Scene:
    """A leader that keeps two workers."""

    def __init__(self, policy: ScalePolicy | None = None, meant: Sequence[Intention] = ()) -> None:
        self.clock, self.link, self.records, self.pods = FakeClock(NOW), Link(), Records(), Pods()
        self.records.meant += meant
        store: Any = self.records
        pods: Any = self.pods
        self.leader = Leader(store, self.clock, LEASE_S * 1000, OFFLINE_S * 1000)
        changed = self.leader.note_fleet_change
        traits = FleetTraits("kubernetes", "w", ends_agents=True, drain_ms=0)
        self.keeper = FleetKeeper(
            store, self.leader, pods, traits, self.link, self.clock, RetryPolicy(), policy, changed
        )

    async def reign(self) -> "Scene":
        await self.leader.reign(Leadership(1, until=float("inf")))
        return self

    def beat(self, place: int, **more: Any) -> None:
        plain = {"worker_id": f"w-{place}", "incarnation": "inc", "sent_at": NOW, "slots_total": 1, "slots_free": 1}
        self.leader.hear(Heartbeat.model_validate(plain | more))


@pytest.fixture
async def scene() -> Scene:
    return await Scene().reign()


async def test_nothing_is_done_while_the_broker_does_not_answer_and_silence_then_counts_from_anew(scene: Scene) -> None:
    scene.records.meant = [restart(0)]
    scene.link.is_prompt = False
    scene.clock.advance(OFFLINE_S)
    await scene.keeper.tick()
    assert (scene.pods.looks, scene.pods.ended) == (0, [])
    assert scene.leader.standings()["w-0"].is_silent
    scene.link.is_prompt = True
    await scene.keeper.tick()
    assert scene.pods.ended == ["w-0"]
    assert not scene.leader.standings()["w-0"].is_silent


async def test_a_step_that_fails_keeps_no_other_from_being_taken(scene: Scene) -> None:
    failures = Counted()
    scene.records.meant = [restart(0), restart(1)]
    scene.pods.refuses.add("w-0")
    await scene.keeper.tick()
    assert (scene.pods.ended, failures("mews_fleet_failures_total", code="fleet_away")) == (["w-1"], 1)


async def test_a_busy_worker_that_falls_silent_within_its_lease_is_not_ended_for_that(scene: Scene) -> None:
    scene.records.live = [LiveAttempt(TASK, "w-0", AttemptState.running)]
    await scene.leader.reconcile()
    scene.records.meant = [replace(restart(0), until=None)]
    scene.clock.advance(OFFLINE_S)
    await scene.keeper.tick()
    assert scene.leader.standings()["w-0"].is_silent
    assert scene.pods.ended == []
    scene.leader.forget([TASK])
    await scene.keeper.tick()
    assert scene.pods.ended == ["w-0"]


@pytest.mark.parametrize(
    ("meant", "live", "sizes"),
    [([REMOVE], [], [1]), ([], [], []), ([REMOVE], [LiveAttempt(TASK, "w-1", AttemptState.assigned)], [])],
    ids=["as it was", "called off", "work has come"],
)
async def test_a_place_is_given_up_only_if_that_is_so_still_when_earlier_steps_are_done(
    meant: list[Intention], live: list[LiveAttempt], sizes: list[int]
) -> None:
    scene = await Scene(FOLLOWING, [restart(0), REMOVE]).reign()

    def meanwhile() -> None:
        scene.records.meant, scene.records.live = meant, live

    scene.pods.meanwhile = meanwhile
    scene.beat(1)
    await scene.keeper.tick()
    assert (scene.pods.ended, scene.pods.sizes) == (["w-0"], sizes)


async def test_a_restart_that_is_called_off_while_others_are_ended_does_not_happen(scene: Scene) -> None:
    scene.records.meant = [restart(0), restart(1)]
    scene.pods.meanwhile = scene.records.meant.clear
    await scene.keeper.tick()
    assert scene.pods.ended == ["w-0"]


async def test_a_new_leader_waits_for_the_word_of_a_worker_that_its_disk_is_empty_before_it_gives_up_its_place() -> (
    None
):
    scene = await Scene(FOLLOWING, [REMOVE]).reign()
    await scene.keeper.tick()
    scene.beat(1, spool_events=5_000)
    await scene.keeper.tick()
    assert scene.pods.sizes == []
    scene.beat(1)
    await scene.leader.reign(None)
    await scene.reign()
    await scene.keeper.tick()
    assert scene.pods.sizes == []
    scene.beat(1)
    await scene.keeper.tick()
    assert scene.pods.sizes == [1]


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (None, ["drain", "resume"]),
        (WorkerStatus.paused, ["drain", "resume", "pause"]),
        (WorkerStatus.draining, ["drain", "drain"]),
    ],
)
async def test_a_place_that_is_kept_after_all_leaves_its_worker_as_a_manager_told_it_to_be(
    told: WorkerStatus | None, words: list[str]
) -> None:
    scene = await Scene(FOLLOWING).reign()
    scene.records.told = told
    await scene.keeper.tick()
    scene.clock.advance(1)
    await scene.keeper.tick()
    assert [one.worker_id for one in scene.records.meant] == ["w-1"]
    scene.records.waiting = 2
    await scene.keeper.tick()
    assert (scene.records.meant, scene.records.told, scene.records.commands) == ([], told, words)


async def test_who_no_longer_leads_shows_no_size_of_the_fleet(scene: Scene) -> None:
    await scene.keeper.tick()
    assert (sample("mews_fleet_replicas"), sample("mews_fleet_instances", ready="true")) == (2, 2)
    await scene.leader.reign(None)
    await scene.keeper.tick()
    assert (sample("mews_fleet_replicas"), sample("mews_fleet_instances", ready="true")) == (0, None)


@pytest.mark.parametrize("meant", [restart(1), REMOVE], ids=["an end", "a size"])
async def test_a_leader_that_froze_after_its_epoch_was_checked_changes_nothing_when_it_wakes_up(
    meant: Intention,
) -> None:
    scene = Scene(FOLLOWING, [meant])
    until = scene.clock.monotonic() + 10
    await scene.leader.reign(Leadership(1, until))
    scene.beat(1)
    scene.records.meanwhile = lambda: scene.clock.advance(11)
    await scene.keeper.tick()
    assert (scene.pods.looks, scene.pods.ended, scene.pods.sizes, scene.leader.epoch) == (1, [], [], None)


async def test_a_look_that_outlasts_the_reign_is_not_shown(scene: Scene) -> None:
    await scene.keeper.tick()
    await scene.leader.reign(Leadership(1, scene.clock.monotonic() + 10))
    scene.pods.looking = lambda: scene.clock.advance(11)
    await scene.keeper.tick()
    assert sample("mews_fleet_replicas") == 0


def told(scene: Scene) -> list[tuple[str, str, str | None, dict[str, Any]]]:
    """What was said about the fleet's doings."""
    kinds = ("worker.ended", "worker.scaled")
    return [(one.kind.value, one.actor, one.worker_id, one.data) for one in scene.records.events if one.kind in kinds]


async def test_the_end_of_an_instance_is_told_once_it_is_seen_with_who_asked_and_why(scene: Scene) -> None:
    scene.records.meant = [replace(restart(0), asked_by="alice", reason="it hangs")]
    asked_at = scene.clock.now()
    await scene.keeper.tick()
    assert (scene.pods.ended, told(scene)) == (["w-0"], [])
    scene.pods.ending.add("w-0")
    for _ in range(3):
        scene.clock.advance(1)
        await scene.keeper.tick()
    assert told(scene) == [("worker.ended", "alice", "w-0", {"reason": "it hangs", "instance": "pod-0"})]
    assert [one.occurred_at for one in scene.records.events] == [asked_at]


async def test_an_end_that_is_refused_is_told_once_it_is_done_and_not_at_all_if_it_was_called_off(scene: Scene) -> None:
    scene.records.meant = [restart(0), restart(1)]
    scene.pods.refuses |= {"w-0", "w-1"}
    await scene.keeper.tick()
    assert sorted(scene.records.asked) == ["pod-0", "pod-1"]
    scene.records.meant.pop()
    scene.pods.refuses.clear()
    await scene.keeper.tick()
    assert (scene.pods.ended, list(scene.records.asked), told(scene)) == (["w-0"], ["pod-0"], [])
    # Somebody else ends the other.
    scene.pods.ending |= {"w-0", "w-1"}
    await scene.keeper.tick()
    assert [worker for _, _, worker, _ in told(scene)] == ["w-0"]


FEWER = {"reason": "fewer workers are needed", "instance": "pod-1", "workers_before": 2, "workers": 1}
MORE = {"reason": "more workers are needed", "workers_before": 2, "workers": 3}


@pytest.mark.parametrize(
    ("meant", "waiting", "worker", "data"),
    [([replace(REMOVE, reason="fewer workers are needed")], 0, "w-1", FEWER), ([], 3, None, MORE)],
    ids=["fewer", "more"],
)
async def test_a_size_is_told_once_by_whoever_leads_when_it_is_seen(
    meant: list[Intention], waiting: int, worker: str | None, data: dict[str, Any]
) -> None:
    scene = await Scene(replace(FOLLOWING, most=3), meant).reign()
    scene.records.waiting = waiting
    scene.beat(1)
    await scene.keeper.tick()
    assert (scene.pods.sizes, told(scene)) == ([data["workers"]], [])
    # The next leader has not asked for it.
    await scene.leader.reign(None)
    await scene.reign()
    scene.pods.replicas, scene.pods.version = data["workers"], "v2"
    for _ in range(2):
        await scene.keeper.tick()
    assert told(scene) == [("worker.scaled", "orchestrator", worker, data)]


@pytest.mark.parametrize(
    ("version", "keys"), [("v1", ["size"]), ("v0", [])], ids=["it may still come", "the set is another"]
)
async def test_a_size_that_was_not_taken_is_not_told_and_forgotten_once_it_cannot_be(
    scene: Scene, version: str, keys: list[str]
) -> None:
    order = SizeOrder(2, 3, version, "orchestrator", NOW)
    scene.records.asked = {order.key: order}
    await scene.keeper.tick()
    assert (list(scene.records.asked), told(scene)) == (keys, [])
