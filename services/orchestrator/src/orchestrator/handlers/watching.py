"""What the leader sees to on every tick: heartbeats to write, leases that expire, silent workers, lost publications."""

from collections.abc import Sequence
from datetime import timedelta

from contracts.commands import Command, CommandAction
from contracts.decided import DecidedKind
from contracts.tasks import AttemptState
from contracts.workers import Heartbeat, WorkerStatus
from orchestrator.decisions.liveness import status_of
from orchestrator.decisions.outcomes import Ending
from orchestrator.decisions.retries import RetryPolicy
from orchestrator.domain import AttemptRef, WorkerSeen
from orchestrator.handlers.closing import close_attempts
from orchestrator.handlers.counting import HEARTBEATS_UNWRITTEN, LEASES_EXPIRED, WORKERS_SUPERSEDED
from orchestrator.handlers.leading import Leader
from orchestrator.handlers.telling import about_worker
from orchestrator.ports import BusLink, Closing, Couriers, Session, Store, Wake
from servicekit.bus.failures import is_infrastructure, reason_of
from servicekit.clock import Clock
from servicekit.ids import new_id
from servicekit.leader import LostLeadershipError
from servicekit.logs import get_logger

STALL_S = 5.0
"""A tick that comes this late means that this process, and not the fleet, stood still."""
RELAY_AFTER = timedelta(seconds=1)
RELAY_AT_ONCE = 500
DRAIN_AGAIN_S = 60.0

log = get_logger(__name__)


class Watch:
    """The leader's ticks."""

    def __init__(
        self,
        store: Store,
        leader: Leader,
        couriers: Couriers,
        bus: BusLink,
        clock: Clock,
        policy: RetryPolicy,
        fleet_changed: Wake,
    ) -> None:
        self._store = store
        self._leader = leader
        self._couriers = couriers
        self._bus = bus
        self._clock = clock
        self._policy = policy
        self._fleet_changed = fleet_changed
        self._last_tick = clock.monotonic()
        self._bus_was_away = False
        self._drained: dict[tuple[str, str], float] = {}

    async def tick(self) -> None:
        """Do all of it, if this process leads."""
        late = self._clock.monotonic() - self._last_tick > STALL_S
        self._last_tick = self._clock.monotonic()
        epoch = self._leader.epoch
        if epoch is None:
            self._drained.clear()
            return
        if late:
            self._leader.refill("this process stood still")
        try:
            await self._leader.learn()
            await self._leader.refresh_fleet()
            await self._expire(epoch)
            await self.relay(RELAY_AFTER)
            # The last of all, since it is of values that workers chose; nothing above needs them in the database.
            await self._write_heartbeats(epoch)
        except LostLeadershipError as error:
            self._leader.abdicate(error.detail)

    async def relay(self, older_than: timedelta = timedelta(0)) -> None:
        """Send what was committed and perhaps never published."""
        if self._leader.epoch is None or not self._bus.connected:
            return
        before = self._clock.now() - older_than
        found = await self._store.unpublished(before, self._leader.lease_ms, RELAY_AT_ONCE)
        forgotten = [one for one in found if not self._couriers.on_the_way(one.ref)]
        for one in forgotten:
            # It was committed though its leader never heard so: without a lease it would never be missed.
            if not self._leader.leases.has(one.ref):
                self._leader.leases.grant(one.ref, one.worker_id, self._clock.monotonic())
        if forgotten:
            log.info("assignments that were committed are published now", assignments=len(forgotten))
            self._couriers.send(forgotten)

    async def _write_heartbeats(self, epoch: int) -> None:
        heard, self._leader.heard = self._leader.heard, {}
        if heard:
            await self._write(epoch, [heartbeat for _, heartbeat in sorted(heard.items())])

    async def _write(self, epoch: int, heard: Sequence[Heartbeat]) -> None:
        """Write them together; if the database does not take a value of one, all but that one."""
        try:
            return await self._write_together(epoch, heard)
        except Exception as error:
            if is_infrastructure(error):
                raise
            if len(heard) == 1:
                HEARTBEATS_UNWRITTEN.inc()
                log.warning("a heartbeat cannot be written", worker_id=heard[0].worker_id, reason=reason_of(error))
                return None
        middle = len(heard) // 2
        await self._write(epoch, heard[:middle])
        return await self._write(epoch, heard[middle:])

    async def _write_together(self, epoch: int, heard: Sequence[Heartbeat]) -> None:
        superseded = self._superseded(heard)
        async with self._store.transaction() as session:
            await session.assert_epoch(epoch)
            changes = await session.see([_seen(heartbeat) for heartbeat in heard], self._clock.now())
            self._tell_back_online(session, [w for w, (before, _) in changes.items() if before is WorkerStatus.offline])
            for heartbeat, successor in superseded:
                self._drain(session, heartbeat, successor)
        self._note_drained(superseded)
        if any(before is not after for before, after in changes.values()):
            self._fleet_changed()

    def _superseded(self, heard: Sequence[Heartbeat]) -> list[tuple[Heartbeat, str]]:
        """Those of processes that were replaced and were not told so lately, with each successor's incarnation."""
        members, since = self._leader.members, self._clock.monotonic() - DRAIN_AGAIN_S
        self._drained = {key: at for key, at in self._drained.items() if at > since}
        return [
            (heartbeat, members[heartbeat.worker_id].incarnation)
            for heartbeat in heard
            if heartbeat.worker_id in members
            and heartbeat.incarnation in members[heartbeat.worker_id].former
            and (heartbeat.worker_id, heartbeat.incarnation) not in self._drained
        ]

    def _note_drained(self, superseded: Sequence[tuple[Heartbeat, str]]) -> None:
        for heartbeat, successor in superseded:
            self._drained[heartbeat.worker_id, heartbeat.incarnation] = self._clock.monotonic()
            WORKERS_SUPERSEDED.inc()
            log.warning(
                "two processes use one worker id; the older one is told to leave",
                worker_id=heartbeat.worker_id,
                older=heartbeat.incarnation,
                newer=successor,
            )

    def _tell_back_online(self, session: Session, worker_ids: Sequence[str]) -> None:
        now = self._clock.now()
        session.emit(about_worker(DecidedKind.worker_online, worker_id, now) for worker_id in worker_ids)

    def _drain(self, session: Session, heartbeat: Heartbeat, successor: str) -> None:
        """Two live processes with one worker id: the one that was replaced is told to leave."""
        now, reason = self._clock.now(), f"incarnation {successor} has registered with the same worker id"
        command = Command(
            command_id=new_id("cmd"),
            action=CommandAction.drain,
            worker_id=heartbeat.worker_id,
            config={"incarnation": heartbeat.incarnation},
            reason=reason,
            issued_at=now,
            issued_by="orchestrator",
        )
        session.command([command])
        data = {"action": "drain", "incarnation": heartbeat.incarnation, "reason": reason}
        session.emit([about_worker(DecidedKind.worker_commanded, heartbeat.worker_id, now, data={**data})])

    async def _expire(self, epoch: int) -> None:
        """Believe in silence only while the broker answers."""
        expired = self._leader.leases.expired(self._clock.monotonic())
        silent = self._leader.silent_workers()
        if not (expired or silent or self._bus_was_away):
            return
        if not await self._bus.answers():
            self._bus_was_away = True
            return
        if self._bus_was_away:
            self._bus_was_away = False
            self._leader.refill("the bus is back")
            return
        async with self._store.transaction() as session:
            await session.assert_epoch(epoch)
            if expired:
                await self._lose(session, expired)
            if silent:
                await self._miss(session, silent)
        self._leader.forget(ref for ref, _ in expired)
        self._fleet_changed()

    async def _lose(self, session: Session, expired: Sequence[tuple[AttemptRef, str]]) -> None:
        now = self._clock.now()
        seconds = self._leader.lease_ms / 1000
        reason = f"no sign of life for {seconds:g} s"
        ending = Ending(AttemptState.lost, reason, retryable=True, crashes=1)
        closings = [Closing(ref, worker_id, ending) for ref, worker_id in expired]
        fates = await close_attempts(session, closings, self._policy, now)
        holders = dict(expired)
        session.command(
            Command(
                command_id=new_id("cmd"),
                action=CommandAction.cancel,
                worker_id=holders[ref],
                task_id=ref.task_id,
                attempt=ref.attempt,
                reason=f"the attempt's lease has run out: {reason}",
                issued_at=now,
                issued_by="orchestrator",
            )
            for ref in fates
        )
        LEASES_EXPIRED.inc(len(fates))
        for ref in fates:
            log.warning("attempt lost", task_id=ref.task_id, attempt=ref.attempt, worker_id=holders[ref], reason=reason)

    async def _miss(self, session: Session, silent: Sequence[str]) -> None:
        reason = "no heartbeat"
        gone = await session.set_offline(silent, reason)
        now = self._clock.now()
        session.emit(about_worker(DecidedKind.worker_offline, w, now, data={"reason": reason}) for w in gone)
        for worker_id in gone:
            log.warning("worker offline", worker_id=worker_id, reason=reason)


def _seen(heartbeat: Heartbeat) -> WorkerSeen:
    return WorkerSeen(
        worker_id=heartbeat.worker_id,
        incarnation=heartbeat.incarnation,
        status=status_of(heartbeat),
        slots_total=heartbeat.slots_total,
        cpu_percent=heartbeat.cpu_percent,
        memory_mb=heartbeat.memory_mb,
        round_trip_ms=heartbeat.round_trip_ms,
    )
