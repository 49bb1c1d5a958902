"""Workers that leave."""

from datetime import datetime

from contracts.commands import Command, CommandAction
from contracts.decided import DecidedKind
from contracts.tasks import AttemptState
from orchestrator.decisions.outcomes import Ending
from orchestrator.decisions.retries import RetryPolicy
from orchestrator.domain import AttemptRef, Fate
from orchestrator.handlers.closing import close_attempts
from orchestrator.handlers.telling import about_worker
from orchestrator.ports import Closing, LiveAttempt, Session, Store, Wake
from servicekit.clock import Clock
from servicekit.ids import new_id
from servicekit.logs import get_logger

REASON = "the worker ended its session"

log = get_logger(__name__)


class Sessions:
    """Ends what workers leave behind."""

    def __init__(self, store: Store, clock: Clock, policy: RetryPolicy, fleet_changed: Wake) -> None:
        self._store = store
        self._clock = clock
        self._policy = policy
        self._fleet_changed = fleet_changed

    async def end(self, worker_id: str, incarnation: str | None) -> list[AttemptRef]:
        """A worker leaves: its tasks are queued again at once, without burning an attempt. Returns them.

        A process that was replaced can only leave for itself, and that is nobody's concern.
        """
        now = self._clock.now()
        async with self._store.transaction() as session:
            member = await session.lock_worker(worker_id)
            if member is None or incarnation not in {None, member.incarnation}:
                return []
            gone = await session.set_offline([worker_id], REASON)
            fates = await give_back(session, worker_id, REASON, self._policy, now)
            data = {"reason": REASON}
            session.emit(about_worker(DecidedKind.worker_offline, one, now, data={**data}) for one in gone)
        log.info("worker left", worker_id=worker_id, tasks_moved=len(fates))
        self._fleet_changed()
        return list(fates)


async def give_back(
    session: Session, worker_id: str, reason: str, policy: RetryPolicy, now: datetime
) -> dict[AttemptRef, Fate]:
    """Close all that a worker has: its tasks are queued again at once, and lose no attempt.

    If it comes back after all, it finds that it is not to take up what it had.
    """
    closings = [_closing(live, reason, now) for live in await session.live_attempts_of(worker_id)]
    fates = await close_attempts(session, closings, policy, now) if closings else {}
    session.command(_cancel(ref, worker_id, reason, now) for ref in fates)
    return fates


def _cancel(ref: AttemptRef, worker_id: str, reason: str, now: datetime) -> Command:
    return Command(
        command_id=new_id("cmd"),
        action=CommandAction.cancel,
        worker_id=worker_id,
        task_id=ref.task_id,
        attempt=ref.attempt,
        reason=f"the attempt is over: {reason}",
        issued_at=now,
        issued_by="orchestrator",
    )


def _closing(live: LiveAttempt, reason: str, now: datetime) -> Closing:
    state = AttemptState.refused if live.state is AttemptState.assigned else AttemptState.lost
    ending = Ending(state, reason, retryable=True, burns=False, at_once=True, ended_at=now)
    return Closing(live.ref, live.worker_id, ending)
