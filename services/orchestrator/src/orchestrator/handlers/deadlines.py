"""Deadlines that the leader keeps: of tasks that nobody takes, and of attempts that their workers do not end."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from contracts.commands import Command, CommandAction
from contracts.decided import DecidedKind
from contracts.tasks import AttemptState, TaskState
from orchestrator.decisions.outcomes import Ending
from orchestrator.decisions.overruns import Backstop, overrun
from orchestrator.decisions.placement import overdue_reason
from orchestrator.decisions.retries import RetryPolicy
from orchestrator.domain import AttemptRef, LiveRun, Overdue
from orchestrator.handlers.closing import close_attempts
from orchestrator.handlers.counting import QUEUE_TIMEOUTS, RUNS_CUT_OFF, TASKS_ENDED
from orchestrator.handlers.leading import Leader
from orchestrator.handlers.telling import about_task
from orchestrator.ports import BusLink, Closing, Store, Wake
from servicekit.clock import Clock
from servicekit.ids import new_id
from servicekit.leader import LostLeadershipError
from servicekit.logs import get_logger

SETTLING_S = 2.0
"""After an outage or a takeover tasks are placed first: no worker could have taken them meanwhile."""
RUNS_EVERY_S = 10.0
MOST_AT_ONCE = 500

log = get_logger(__name__)


class Deadlines:
    """Keeps them, if this process leads."""

    def __init__(
        self,
        store: Store,
        leader: Leader,
        bus: BusLink,
        clock: Clock,
        policy: RetryPolicy,
        backstop: Backstop,
        wake: Wake,
    ) -> None:
        self._store = store
        self._leader = leader
        self._bus = bus
        self._clock = clock
        self._policy = policy
        self._backstop = backstop
        self._wake = wake
        self._able: tuple[int, float] | None = None
        """The reign, and since when in it tasks could be placed."""
        self._looked_at = float("-inf")

    async def tick(self) -> None:
        """Look for what is over."""
        epoch, now = self._leader.epoch, self._clock.monotonic()
        if epoch is None or not self._bus.connected:
            self._able = None
            return
        if self._able is None or self._able[0] != epoch:
            self._able = (epoch, now)
        try:
            if now - self._able[1] >= min(SETTLING_S, self._leader.lease_ms / 1000):
                await self._end_waits(epoch)
            if now - self._looked_at >= min(RUNS_EVERY_S, self._backstop.grace_ms / 1000):
                self._looked_at = now
                await self._cut_off(epoch)
        except LostLeadershipError as error:
            self._leader.abdicate(error.detail)

    async def _end_waits(self, epoch: int) -> None:
        now = self._clock.now()
        overdue = await self._store.overdue(now, MOST_AT_ONCE)
        if not overdue:
            return
        reasons = await self._why(overdue)
        async with self._store.transaction() as session:
            await session.assert_epoch(epoch)
            ended = await session.time_out_queued(reasons, now)
            session.emit(
                about_task(
                    DecidedKind.task_timed_out,
                    late.ref,
                    now,
                    question_id=late.question_id,
                    data={"reason": reasons[late.ref]},
                )
                for late in overdue
                if late.ref in ended
            )
        QUEUE_TIMEOUTS.inc(len(ended))
        TASKS_ENDED.labels(TaskState.timed_out.value).inc(len(ended))
        for ref in ended:
            log.warning("task timed out in the queue", task_id=ref.task_id, reason=reasons[ref])

    async def _why(self, overdue: Sequence[Overdue]) -> Mapping[AttemptRef, str]:
        demands = await self._store.demands(sorted({late.demand_key for late in overdue}))
        workers = self._leader.workers
        return {
            late.ref: overdue_reason(
                demands.get(late.demand_key), workers, self._policy.queue_ms if late.queue_ms is None else late.queue_ms
            )
            for late in overdue
        }

    async def _cut_off(self, epoch: int) -> None:
        now = self._clock.now()
        said = self._leader.run_ms_said()
        runs = await self._store.live_runs(now - timedelta(milliseconds=self._backstop.grace_ms))
        over = {run: reason for run in runs if (reason := overrun(run, said.get(run.ref), self._backstop, now))}
        if not over:
            return
        async with self._store.transaction() as session:
            await session.assert_epoch(epoch)
            closings = [Closing(run.ref, run.worker_id, _too_long(reason)) for run, reason in over.items()]
            fates = await close_attempts(session, closings, self._policy, now)
            session.command(self._cancel(run, reason) for run, reason in over.items() if run.ref in fates)
        RUNS_CUT_OFF.inc(len(fates))
        self._leader.forget(fates)
        self._wake()

    def _cancel(self, run: LiveRun, reason: str) -> Command:
        return Command(
            command_id=new_id("cmd"),
            action=CommandAction.cancel,
            worker_id=run.worker_id,
            task_id=run.ref.task_id,
            attempt=run.ref.attempt,
            reason=reason,
            issued_at=self._clock.now(),
            issued_by="orchestrator",
        )


def _too_long(reason: str) -> Ending:
    return Ending(AttemptState.timed_out, reason, retryable=True)
