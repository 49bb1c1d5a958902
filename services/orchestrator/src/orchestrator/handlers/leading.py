"""What the leader keeps in memory: its reign, the fleet, leases, and who was heard when. Rebuilt at each takeover."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

from contracts.workers import Heartbeat, WorkerStatus
from orchestrator.decisions.fleet import Standing
from orchestrator.domain import AttemptRef, Experience, Worker
from orchestrator.handlers.counting import HEARTBEATS, LEADS, WORKERS_ONLINE, forget_fleet
from orchestrator.handlers.leasebook import LeaseBook
from orchestrator.ports import Member, Store
from servicekit.clock import Clock
from servicekit.leader import Leadership
from servicekit.logs import get_logger

FLEET_LASTS_S = 10.0
"""How old the picture of the fleet may be when nobody has said that it changed."""
ABSENCE_REMEMBERED = timedelta(days=1)
EXPERIENCE_LASTS = timedelta(days=30)
UNHEARD = (float("inf"), "")
"""For a worker that this process has not yet waited for."""
OVERLAP = timedelta(seconds=5)
"""By how much the clocks of replicas may differ."""

log = get_logger(__name__)


class Leader:
    """The memory of a process that leads, or may come to lead."""

    def __init__(self, store: Store, clock: Clock, lease_ms: int, offline_after_ms: int) -> None:
        self.lease_ms = lease_ms
        self.leases = LeaseBook(lease_ms / 1000)
        self.heard: dict[str, Heartbeat] = {}
        """The last heartbeat of each worker that was not written yet."""
        self._store = store
        self._clock = clock
        self._offline_after_s = offline_after_ms / 1000
        self._reign: Leadership | None = None
        self._members: dict[str, Member] = {}
        self._seen: dict[str, tuple[float, str]] = {}
        self._last: dict[str, Heartbeat] = {}
        self._unsent: dict[str, int] = {}
        self._strays: dict[str, dict[AttemptRef, float]] = {}
        self._fleet_is_stale = True
        self._fleet_read_at = float("-inf")
        self._experience: defaultdict[str, dict[str, Experience]] = defaultdict(dict)
        self._learned_until = clock.now() - EXPERIENCE_LASTS

    @property
    def epoch(self) -> int | None:
        """The epoch of this process's reign; None while it does not lead."""
        if self._reign is not None and self._reign.lasts(self._clock.monotonic()):
            return self._reign.epoch
        return None

    @property
    def members(self) -> dict[str, Member]:
        """The fleet, by worker id, as it was last read."""
        return self._members

    @property
    def workers(self) -> list[Worker]:
        """The fleet, as the choice needs it."""
        return [member.worker for member in self._members.values()]

    async def reign(self, leadership: Leadership | None) -> bool:
        """Take in what the lease says; True if a reign has just begun, with all leases full."""
        begins = leadership is not None and (self._reign is None or self._reign.epoch != leadership.epoch)
        if self._reign is not None and leadership is None:
            self.abdicate("another process leads")
        if begins and leadership is not None:
            await self._take_over()
            log.info("this process leads", epoch=leadership.epoch, live_attempts=len(self.leases))
        self._reign = leadership
        LEADS.set(leadership is not None)
        return begins

    def abdicate(self, reason: str) -> None:
        """Stop acting as the leader."""
        log.warning("this process no longer leads", reason=reason, epoch=self._reign.epoch if self._reign else None)
        self._reign = None
        self.leases.clear()
        self._seen.clear()
        self._last.clear()
        self._unsent.clear()
        self._strays.clear()
        self.heard.clear()
        forget_fleet()

    def note_fleet_change(self) -> None:
        """Read the fleet again before the next decision."""
        self._fleet_is_stale = True

    async def refresh_fleet(self) -> None:
        """Read the fleet again if something is known to have changed in it, or it was read long ago."""
        now = self._clock.monotonic()
        if self._fleet_is_stale or now - self._fleet_read_at >= FLEET_LASTS_S:
            self._fleet_is_stale, self._fleet_read_at = False, now
            self._take_in(await self._store.fleet(self._clock.now() - ABSENCE_REMEMBERED))

    async def learn(self) -> None:
        """Read what workers have done since the last time."""
        since, self._learned_until = self._learned_until - OVERLAP, self._clock.now()
        for worker_id, work_key, experience in await self._store.experience(since):
            self._experience[worker_id][work_key] = experience

    def _take_in(self, fleet: Sequence[Member]) -> None:
        now = self._clock.monotonic()
        self._members = {}
        for member in fleet:
            worker_id = member.worker.worker_id
            worker = replace(member.worker, experience=self._experience[worker_id])
            self._members[worker_id] = replace(member, worker=worker)
            if self._seen.get(worker_id, (0.0, ""))[1] != member.incarnation:
                self._seen[worker_id] = (now, member.incarnation)
        self._unsent = {worker_id: unsent for worker_id, unsent in self._unsent.items() if worker_id in self._members}
        WORKERS_ONLINE.set(sum(worker.status is WorkerStatus.online for worker in self.workers))

    def hear(self, heartbeat: Heartbeat) -> None:
        """Renew the leases of the attempts that it names. A process that was replaced is heard, but renews nothing."""
        if self.epoch is None:
            return
        HEARTBEATS.inc()
        self.heard[heartbeat.worker_id] = heartbeat
        member = self._members.get(heartbeat.worker_id)
        if member is not None and heartbeat.incarnation in member.former:
            return
        now = self._clock.monotonic()
        self._seen[heartbeat.worker_id] = (now, heartbeat.incarnation)
        self._last[heartbeat.worker_id] = heartbeat
        self._unsent[heartbeat.worker_id] = heartbeat.spool_events
        refs = [AttemptRef(attempt.task_id, attempt.attempt) for attempt in heartbeat.running]
        unknown = [ref for ref in refs if not self.leases.renew(ref, heartbeat.worker_id, now)]
        before = self._strays.pop(heartbeat.worker_id, {})
        if unknown:
            self._strays[heartbeat.worker_id] = {ref: before.get(ref, now) for ref in unknown}

    def strays(self, for_s: float) -> list[tuple[AttemptRef, str]]:
        """Attempts that workers have named for so long though they have no lease, with the worker of each."""
        before = self._clock.monotonic() - for_s
        return [(ref, worker) for worker, named in self._strays.items() for ref, at in named.items() if at <= before]

    def run_ms_said(self) -> dict[AttemptRef, int]:
        """How long attempts may run, as the last heartbeats of their workers say."""
        return {
            AttemptRef(attempt.task_id, attempt.attempt): attempt.run_ms
            for heartbeat in self._last.values()
            for attempt in heartbeat.running
            if attempt.run_ms is not None
        }

    def last_heartbeats(self) -> list[Heartbeat]:
        """The last heartbeat of each worker that is there, and was heard in this reign."""
        self._last = {worker_id: heartbeat for worker_id, heartbeat in self._last.items() if self._is_there(worker_id)}
        return list(self._last.values())

    def forget(self, refs: Iterable[AttemptRef]) -> None:
        """These attempts are closed."""
        for ref in refs:
            self.leases.forget(ref)

    def refill(self, reason: str) -> None:
        """Silence proves nothing: give every lease and every worker its full time again."""
        now = self._clock.monotonic()
        log.info("leases are given in full again", reason=reason, leases=len(self.leases))
        self.leases.refill(now)
        self._seen = {worker_id: (now, incarnation) for worker_id, (_, incarnation) in self._seen.items()}

    async def reconcile(self) -> None:
        """Take from the database which attempts are live: another process may have closed some."""
        known = set(self.leases)
        live = {one.ref: one.worker_id for one in await self._store.live_attempts()}
        self.forget(known - live.keys())
        now = self._clock.monotonic()
        for ref, worker_id in live.items():
            if not self.leases.has(ref):
                self.leases.grant(ref, worker_id, now)

    def silent_workers(self) -> Sequence[str]:
        """Workers that count as present and were not heard for too long."""
        before = self._clock.monotonic() - self._offline_after_s
        return [
            worker_id
            for worker_id, member in self._members.items()
            if member.worker.status is not WorkerStatus.offline and self._seen[worker_id][0] <= before
        ]

    def standings(self) -> dict[str, Standing]:
        """How each worker stands, as whoever runs its instance needs to know."""
        live, now = self.leases.counts(), self._clock.monotonic()
        return {
            worker_id: Standing(
                live=live.get(worker_id, 0),
                status=member.worker.status,
                is_silent=quiet_s >= self._offline_after_s,
                is_draining=worker_id in self._last and self._last[worker_id].draining,
                unsent=self._unsent.get(worker_id),
                quiet_s=quiet_s,
            )
            for worker_id, member in self._members.items()
            for quiet_s in (now - self._seen.get(worker_id, UNHEARD)[0],)
        }

    def _is_there(self, worker_id: str) -> bool:
        member = self._members.get(worker_id)
        return member is not None and member.worker.status is not WorkerStatus.offline

    async def _take_over(self) -> None:
        self.leases.clear()
        self._seen.clear()
        self._last.clear()
        self._unsent.clear()
        self._strays.clear()
        now = self._clock.monotonic()
        for live in await self._store.live_attempts():
            self.leases.grant(live.ref, live.worker_id, now)
        self._experience.clear()
        self._learned_until = self._clock.now() - EXPERIENCE_LASTS
        await self.learn()
        self._fleet_is_stale = True
        await self.refresh_fleet()
