"""What the leader does with instances of workers: restarts, a size that fits the work, and those that are gone."""

from collections.abc import Container, Iterable, Sequence
from datetime import datetime

from contracts.commands import Command, CommandAction
from contracts.decided import DecidedKind
from contracts.workers import WorkerStatus
from orchestrator.decisions.fleet import (
    Bind,
    Drain,
    End,
    Finish,
    Retire,
    Scale,
    Step,
    described,
    place_of,
    removals,
    steps_of_absence,
    steps_of_intentions,
    steps_of_size,
)
from orchestrator.decisions.liveness import words_to_be
from orchestrator.decisions.orders import ACTOR, order_of
from orchestrator.decisions.retries import RetryPolicy
from orchestrator.decisions.scaling import History, ScalePolicy, needed, pressure, remembered, slots_of, target
from orchestrator.domain import FleetAction, FleetLook, Intention
from orchestrator.errors import FleetAway, FleetChanged
from orchestrator.handlers.counting import FLEET_FAILURES, FLEET_INSTANCES, FLEET_REPLICAS, FLEET_STEPS
from orchestrator.handlers.leading import Leader
from orchestrator.handlers.ordering import tell_of_orders
from orchestrator.handlers.sessions import give_back
from orchestrator.handlers.telling import about_worker
from orchestrator.ports import BusLink, Fleet, FleetTraits, Session, Store, Wake
from servicekit.clock import Clock
from servicekit.ids import new_id
from servicekit.leader import LostLeadershipError
from servicekit.logs import get_logger

SCALED_AWAY = "its place in the fleet was given up"
NOT_NEEDED = "fewer workers are needed"

log = get_logger(__name__)


class FleetKeeper:
    """Keeps the fleet, if this process leads. `policy`: None where somebody else decides how many workers there are."""

    def __init__(
        self,
        store: Store,
        leader: Leader,
        fleet: Fleet,
        traits: FleetTraits,
        bus: BusLink,
        clock: Clock,
        retries: RetryPolicy,
        policy: ScalePolicy | None,
        fleet_changed: Wake,
    ) -> None:
        self._store = store
        self._leader = leader
        self._fleet = fleet
        self._traits = traits
        self._bus = bus
        self._clock = clock
        self._retries = retries
        self._policy = policy
        self._fleet_changed = fleet_changed
        self._history: History | None = None
        self._retired: set[str] = set()
        self._bus_was_away = False
        self._not_before = float("-inf")
        self._troubles: set[str] = set()

    async def tick(self) -> None:
        """Look, and do what is next."""
        epoch = self._leader.epoch
        if epoch is None:
            self._unlearn()
            return
        if self._clock.monotonic() < self._not_before or not await self._hears():
            return
        try:
            look = await self._fleet.look()
            self._assert_leads(epoch)
            self._show(look)
            await tell_of_orders(self._store, look, epoch)
            failures = [await self._tried(step, epoch) for step in await self._steps(look)]
        except LostLeadershipError as error:
            self._leader.abdicate(error.detail)
        except FleetAway as error:
            # What was seen before is no ground for giving up places afterwards.
            self._history = None
            self._tell_of([error])
        else:
            self._tell_of([error for error in failures if error is not None])

    async def _hears(self) -> bool:
        """Whether silence would mean something: nothing is done about workers that the broker may keep silent."""
        if not await self._bus.answers():
            self._bus_was_away = True
            self._unlearn()
            return False
        if self._bus_was_away:
            self._bus_was_away = False
            self._leader.refill("the bus is back")
        return True

    def _unlearn(self) -> None:
        self._history = None
        self._retired.clear()

    async def _steps(self, look: FleetLook) -> Sequence[Step]:
        await self._leader.refresh_fleet()
        prefix, standings = self._traits.prefix, self._leader.standings()
        intentions = await self._store.intentions()
        now, ends_agents = self._clock.now(), self._traits.ends_agents
        steps = steps_of_intentions(look, intentions, standings, now, ends_agents=ends_agents)
        done = {step.intention.worker_id for step in steps if isinstance(step, Finish)}
        left = [one for one in intentions if one.worker_id not in done]
        if self._policy is not None:
            size = await self._size(look, left, self._policy)
            steps += steps_of_size(look, size, left, standings, prefix)
        self._retired = {one for one in self._retired if (place_of(one, prefix) or 0) >= look.replicas}
        return [*steps, *steps_of_absence(look, standings, self._retired, prefix)]

    async def _size(self, look: FleetLook, intentions: Iterable[Intention], policy: ScalePolicy) -> int:
        prefix, monotonic = self._traits.prefix, self._clock.monotonic()
        workers = [worker for worker in self._leader.workers if place_of(worker.worker_id, prefix) is not None]
        leaving = {one.worker_id for one in removals(look, intentions, prefix)}
        before, now = self._live(leaving), self._clock.now()
        asked = pressure(await self._store.lines(now), workers, now)
        # What was assigned meanwhile counts neither as waiting nor as live, or as both: so there are never more workers
        # for the one reason, nor fewer for the other.
        slots = slots_of(workers, policy)
        least, most = (needed(asked.waiting, live, slots, policy) for live in (before, self._live(leaving)))
        self._history = remembered(self._history or History(monotonic), most, monotonic, policy)
        return target(look.replicas - len(leaving), least, asked, self._history, monotonic, policy)

    def _live(self, leaving: Container[str]) -> int:
        """Live attempts of those workers of the fleet that stay."""
        standings, prefix = self._leader.standings(), self._traits.prefix
        ours = (one for one in standings if place_of(one, prefix) is not None and one not in leaving)
        return sum(standings[one].live for one in ours)

    async def _tried(self, step: Step, epoch: int) -> FleetAway | None:
        """Take a step; what kept it from being taken keeps no other from it."""
        try:
            await self._take(step, epoch)
        except FleetChanged as error:
            log.info("the fleet was changed by another", detail=error.detail)
        except FleetAway as error:
            return error
        return None

    async def _take(self, step: Step, epoch: int) -> None:
        match step:
            case Bind():
                async with self._store.transaction() as session:
                    await session.assert_epoch(epoch)
                    await session.bind(step.intention, step.instance.instance)
            case End():
                await self._end(step, epoch)
            case Finish():
                await self._finish(step.intention, epoch)
            case Drain():
                await self._drain(step, epoch)
            case Scale():
                await self._scale(step, epoch)
            case Retire():
                await self._retire(step.worker_id, epoch)
        name, about = described(step)
        FLEET_STEPS.labels(name).inc()
        log.info("fleet step taken", step=name, about=about)

    async def _finish(self, intention: Intention, epoch: int) -> None:
        """Let a worker be what a manager wants: what it was told is on its disk, and outlives its instance."""
        worker_id, now = intention.worker_id, self._clock.now()
        async with self._store.transaction() as session:
            await session.assert_epoch(epoch)
            member, last = await session.lock_worker(worker_id), await session.drop(intention)
            if member is None or last is None:
                return
            await session.set_told(worker_id, last.told, last.told or WorkerStatus.online)
            for action in words_to_be(last.told):
                _tell(session, worker_id, action, None, now)
        self._fleet_changed()

    async def _drain(self, step: Drain, epoch: int) -> None:
        now = self._clock.now()
        async with self._store.transaction() as session:
            await session.assert_epoch(epoch)
            member = await session.lock_worker(step.worker_id)
            told, instance = (member.told if member else None), (step.instance.instance if step.instance else None)
            meant = Intention(step.worker_id, FleetAction.remove, instance, now, ACTOR, told=told, reason=NOT_NEEDED)
            await session.intend(meant)
            if member is not None:
                await session.set_told(step.worker_id, WorkerStatus.draining, WorkerStatus.draining)
                _tell(session, step.worker_id, CommandAction.drain, NOT_NEEDED, now)
        self._fleet_changed()

    async def _end(self, step: End, epoch: int) -> None:
        async with self._store.transaction() as session:
            await session.assert_epoch(epoch)
            await _assert_still_meant(session, step.intention)
            await session.place_order(order_of(step, self._clock.now()))
        self._assert_leads(epoch)
        await self._fleet.end(step.instance)

    async def _scale(self, step: Scale, epoch: int) -> None:
        async with self._store.transaction() as session:
            await session.assert_epoch(epoch)
            if step.gives_up is not None:
                await _assert_still_meant(session, step.gives_up)
                await _assert_idle(session, step.gives_up.worker_id)
            await session.place_order(order_of(step, self._clock.now()))
        self._assert_leads(epoch)
        await self._fleet.scale(step.replicas, step.version)

    def _assert_leads(self, epoch: int) -> None:
        """The database fences its own writes alone: before any other, see whether this process froze meanwhile."""
        if self._leader.epoch != epoch:
            raise LostLeadershipError(ACTOR, epoch)

    async def _retire(self, worker_id: str, epoch: int) -> None:
        if not await self._bus.answers():
            return
        now = self._clock.now()
        async with self._store.transaction() as session:
            await session.assert_epoch(epoch)
            if await session.lock_worker(worker_id) is None:
                return
            if await session.retire(worker_id, SCALED_AWAY):
                data = {"reason": SCALED_AWAY}
                session.emit([about_worker(DecidedKind.worker_offline, worker_id, now, data={**data})])
            moved = await give_back(session, worker_id, SCALED_AWAY, self._retries, now)
        self._leader.forget(moved)
        self._retired.add(worker_id)
        self._fleet_changed()

    def _show(self, look: FleetLook) -> None:
        ready = sum(one.is_ready for one in look.instances)
        FLEET_REPLICAS.set(look.replicas)
        FLEET_INSTANCES.labels("true").set(ready)
        FLEET_INSTANCES.labels("false").set(len(look.instances) - ready)

    def _tell_of(self, failures: Sequence[FleetAway]) -> None:
        """Count what failed in this tick, tell of what did not fail in the one before, and wait as long as it asks."""
        for error in failures:
            FLEET_FAILURES.labels(error.code).inc()
            if error.detail not in self._troubles:
                log.warning("the fleet cannot be managed now", code=error.code, reason=error.detail)
        self._troubles = {error.detail for error in failures}
        self._not_before = self._clock.monotonic() + max((error.again_in_s for error in failures), default=0.0)


async def _assert_still_meant(session: Session, intention: Intention) -> None:
    """Earlier steps may have taken long, and somebody may have called this one off meanwhile."""
    if not await session.still_means(intention):
        raise FleetChanged(f"the {intention.action.value} of {intention.worker_id} was called off")


async def _assert_idle(session: Session, worker_id: str) -> None:
    if await session.live_attempts_of(worker_id):
        raise FleetChanged(f"{worker_id} has work again")


def _tell(session: Session, worker_id: str, action: CommandAction, reason: str | None, now: datetime) -> None:
    command = Command(
        command_id=new_id("cmd"), action=action, worker_id=worker_id, reason=reason, issued_at=now, issued_by=ACTOR
    )
    session.command([command])
    data = command.to_dict()
    session.emit([about_worker(DecidedKind.worker_commanded, worker_id, now, actor=ACTOR, data=data)])
