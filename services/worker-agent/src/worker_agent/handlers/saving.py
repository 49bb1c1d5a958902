"""Work that is nowhere but in a workspace: it is kept in the object store, at once or as soon as that is possible."""

import asyncio

from contracts.events import Evidence
from contracts.events.deliverables import Artifact, StoredObject
from contracts.events.recovery import ErrorReport
from contracts.streams import ARTIFACTS
from servicekit.logs import get_logger
from worker_agent.decisions.publishing import artifact_description, artifact_key, artifact_name
from worker_agent.decisions.stable_ids import output_event_id
from worker_agent.domain import AttemptKey, Bundle
from worker_agent.errors import ObjectsUnavailable, SandboxRefused, SandboxUnavailable
from worker_agent.handlers.attempt import Attempt
from worker_agent.handlers.workshop import Workshop, insist

FIRST_PAUSE_S, MOST_PAUSE_S = 1.0, 300.0
GONE = "workspace_not_found"
NOT_SAVED = (SandboxUnavailable, SandboxRefused, ObjectsUnavailable, TimeoutError)

log = get_logger(__name__)


async def save(attempt: Attempt, workshop: Workshop, branch: str | None) -> StoredObject | None:
    """Keep what the workspace has beyond its source, and tell where; None when that is nothing.

    Done again, it is the same object and the same event. Raises SandboxUnavailable, SandboxRefused, ObjectsUnavailable.
    """
    bundle = await workshop.sandbox.bundle(attempt.key.workspace, workshop.most_bundle_bytes)
    if bundle is None:
        return None
    name = artifact_name(bundle.media_type)
    key = artifact_key(attempt.key, name)
    stored = await workshop.objects.put(ARTIFACTS.name, key, bundle.content, bundle.media_type)
    await _tell(attempt, _artifact(bundle, name, branch), stored)
    return stored


class Rescue:
    """Tries again and again to save what could not be saved when its attempt ended."""

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop
        self._pauses: dict[AttemptKey, tuple[float, float]] = {}
        """When to try again, by the monotonic clock, and how long the pause was."""

    async def go_on(self, attempt: Attempt) -> None:
        """Try once, unless it is too early; give up when that has lasted too long, or there is nothing to save."""
        clock = self._workshop.clock
        at, pause_s = self._pauses.get(attempt.key, (0.0, FIRST_PAUSE_S))
        if clock.monotonic() < at:
            return
        try:
            stored = await save(attempt, self._workshop, attempt.record.assignment.requirements.branch)
        except NOT_SAVED as error:
            self._pauses[attempt.key] = (clock.monotonic() + pause_s, min(2 * pause_s, MOST_PAUSE_S))
            await self._bear(attempt, error)
        else:
            log.info("work_saved", task_id=attempt.key.task_id, attempt=attempt.key.attempt, key=stored and stored.key)
            await self._settle(attempt)

    async def _bear(self, attempt: Attempt, error: Exception) -> None:
        why = _words(error)
        log.warning("work_not_saved", task_id=attempt.key.task_id, attempt=attempt.key.attempt, error=why)
        closed_at, now = attempt.record.closed_at, self._workshop.clock.now()
        too_long = closed_at is not None and (now - closed_at).total_seconds() >= self._workshop.patience.unsaved_s
        if too_long or getattr(error, "reason", "") == GONE:
            await _give_up(attempt, why)
            await self._settle(attempt)

    async def _settle(self, attempt: Attempt) -> None:
        self._pauses.pop(attempt.key, None)
        await attempt.update(unsaved=False)


async def save_soon(attempt: Attempt, workshop: Workshop, branch: str | None) -> tuple[StoredObject | None, bool]:
    """Save, if that is soon done; what is kept, and whether that has still to be done later."""
    try:
        async with asyncio.timeout(workshop.patience.save_s):
            return await save(attempt, workshop, branch), False
    except NOT_SAVED as error:
        log.warning("work_not_saved", task_id=attempt.key.task_id, attempt=attempt.key.attempt, error=_words(error))
        return None, True


def _artifact(bundle: Bundle, name: str, branch: str | None) -> Artifact:
    description = artifact_description(bundle.media_type, branch)
    return Artifact(name=name, media_type=bundle.media_type, description=description)


async def _tell(attempt: Attempt, body: Artifact, stored: StoredObject) -> None:
    reporter = attempt.reporter
    event_id = _event_id(attempt, "artifact")
    await insist(
        lambda: reporter.record("artifact", body, Evidence.observed, event_id=event_id, reserved=True, stored=stored)
    )


async def _give_up(attempt: Attempt, why: str) -> None:
    log.error("work_lost", task_id=attempt.key.task_id, attempt=attempt.key.attempt, error=why)
    message = f"What was changed in the workspace could not be saved, and is removed with it: {why}"
    body = ErrorReport(error_type="work_not_saved", message=message)
    event_id = _event_id(attempt, "loss")
    await insist(lambda: attempt.reporter.record("error", body, Evidence.observed, event_id=event_id, reserved=True))


def _event_id(attempt: Attempt, what: str) -> str:
    began_at = attempt.record.started_at or attempt.record.accepted_at
    return output_event_id(attempt.key.process_id(what), 0, 0, began_at)


def _words(error: Exception) -> str:
    return str(getattr(error, "detail", "")) or "it took too long"
