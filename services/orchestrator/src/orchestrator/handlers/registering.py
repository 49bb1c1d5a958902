"""Workers that introduce themselves."""

from collections.abc import Sequence
from datetime import datetime

from contracts.decided import DecidedKind
from contracts.workers import Registration
from orchestrator.decisions.liveness import told_after_restart
from orchestrator.handlers.telling import about_worker
from orchestrator.ports import Session
from servicekit.logs import get_logger

log = get_logger(__name__)


async def register(session: Session, registrations: Sequence[Registration], now: datetime) -> None:
    """Write workers in the order in which they came; a new incarnation replaces the one before, which is announced."""
    for registration in registrations:
        await _register(session, registration, now)


async def _register(session: Session, registration: Registration, now: datetime) -> None:
    worker_id, incarnation = registration.worker_id, registration.incarnation
    before = await session.lock_worker(worker_id)
    replaced = before.incarnation if before and before.incarnation != incarnation else None
    told = (told_after_restart(before.told) if replaced else before.told) if before else None
    former = [one for one in before.former if one != incarnation] if before else []
    await session.register(registration, told, [*former, replaced] if replaced else former, now)
    data = {"incarnation": incarnation, "hostname": registration.hostname, "version": registration.version}
    if replaced:
        data["replaced"] = replaced
    session.emit([about_worker(DecidedKind.worker_registered, worker_id, now, data={**data})])
    log.info("worker registered", worker_id=worker_id, incarnation=incarnation, replaced=replaced)
