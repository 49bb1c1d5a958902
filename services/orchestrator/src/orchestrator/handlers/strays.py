"""Attempts that a worker goes on with though they are closed: whatever it has missed, it is told again."""

from collections.abc import Sequence

from contracts.commands import Command, CommandAction
from orchestrator.domain import LIVE_ATTEMPTS, AttemptRef
from orchestrator.handlers.counting import STRAY_ATTEMPTS
from orchestrator.handlers.leading import Leader
from orchestrator.ports import Session, Store
from servicekit.clock import Clock
from servicekit.ids import new_id
from servicekit.leader import LostLeadershipError
from servicekit.logs import get_logger

NAMED_FOR_S = 10.0
"""A worker names an attempt until the broker has its outcome: that is no reason to tell it anything."""
TOLD_AGAIN_S = 60.0
REASON = "the attempt was closed, and its worker had gone on with it"

log = get_logger(__name__)


class Strays:
    """Ends them, if this process leads."""

    def __init__(self, store: Store, leader: Leader, clock: Clock) -> None:
        self._store = store
        self._leader = leader
        self._clock = clock
        self._named_for_s = min(NAMED_FOR_S, leader.lease_ms / 1000)
        self._told: dict[AttemptRef, float] = {}
        self._reconciled_at = float("-inf")

    async def tick(self) -> None:
        """Look at what heartbeats have named for some time."""
        epoch, now = self._leader.epoch, self._clock.monotonic()
        if epoch is not None and now - self._reconciled_at >= self._named_for_s:
            self._reconciled_at = now
            await self._leader.reconcile()
        found = dict(self._leader.strays(self._named_for_s)) if epoch is not None else {}
        self._told = {ref: at for ref, at in self._told.items() if ref in found and now - at < TOLD_AGAIN_S}
        fresh = [(ref, worker_id) for ref, worker_id in found.items() if ref not in self._told]
        if epoch is None or not fresh:
            return
        try:
            async with self._store.transaction() as session:
                await session.assert_epoch(epoch)
                await self._judge(session, fresh)
        except LostLeadershipError as error:
            self._leader.abdicate(error.detail)
            return
        self._told |= dict.fromkeys((ref for ref, _ in fresh), now)

    async def _judge(self, session: Session, named: Sequence[tuple[AttemptRef, str]]) -> None:
        facts = await session.facts_of([ref for ref, _ in named])
        for ref, worker_id in named:
            known = facts.get(ref)
            if known is None or known.state not in LIVE_ATTEMPTS or known.worker_id != worker_id:
                session.command([_cancel(ref, worker_id, self._clock)])
                STRAY_ATTEMPTS.inc()
                log.warning("closed attempt goes on", task_id=ref.task_id, attempt=ref.attempt, worker_id=worker_id)


def _cancel(ref: AttemptRef, worker_id: str, clock: Clock) -> Command:
    return Command(
        command_id=new_id("cmd"),
        action=CommandAction.cancel,
        worker_id=worker_id,
        task_id=ref.task_id,
        attempt=ref.attempt,
        reason=REASON,
        issued_at=clock.now(),
        issued_by="orchestrator",
    )
