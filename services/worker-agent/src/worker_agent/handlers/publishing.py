"""Bringing the result of an attempt out of its workspace: committed, pushed if the task wants that, or else saved."""

from contracts.events.recovery import Verified
from contracts.sandbox import WorkspacePublished
from servicekit.logs import get_logger
from worker_agent.decisions.observation import Whereabouts
from worker_agent.decisions.outcome import Ending
from worker_agent.decisions.publishing import is_elsewhere, request_of
from worker_agent.errors import SandboxRefused, SandboxUnavailable
from worker_agent.handlers.attempt import Attempt
from worker_agent.handlers.saving import save_soon
from worker_agent.handlers.workshop import Workshop, patiently

NO_GIT = "not_a_repository"

log = get_logger(__name__)


async def bring_out(attempt: Attempt, workshop: Workshop, ending: Ending, verified: Verified | None) -> Whereabouts:
    """Once the verdict is known. Done again after a crash, it finds a push that was made."""
    if attempt.record.started_at is None:
        return Whereabouts()
    published, push_error = await _publish(attempt, workshop, ending, verified)
    if is_elsewhere(published):
        return Whereabouts(published)
    bundle, unsaved = await save_soon(attempt, workshop, published.branch if published else None)
    return Whereabouts(published, push_error, bundle, unsaved)


async def _publish(
    attempt: Attempt, workshop: Workshop, ending: Ending, verified: Verified | None
) -> tuple[WorkspacePublished | None, str | None]:
    """What became of the result, and why it was not pushed if it should have been."""
    asked = request_of(attempt.record.assignment, ending, verified, workshop.patience.push_ms)

    async def publish() -> WorkspacePublished:
        # An attempt that failed because the sandbox was away may have left its agent at work.
        await workshop.sandbox.stop(attempt.key.agent, workshop.patience.grace_ms)
        return await workshop.sandbox.publish(attempt.key.workspace, asked)

    try:
        published = await patiently(publish, workshop)
    except (SandboxUnavailable, SandboxRefused) as error:
        if getattr(error, "reason", "") != NO_GIT:
            log.warning("not_published", task_id=attempt.key.task_id, error=error.detail)
        return None, error.detail if asked.push else None
    if published.error:
        log.warning("not_pushed", task_id=attempt.key.task_id, branch=published.branch, error=published.error)
    return published, published.error
