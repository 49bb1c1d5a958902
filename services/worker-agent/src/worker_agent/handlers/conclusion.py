"""The end of an attempt, once its agent is gone: what was seen, what the verification says, and the outcome of both."""

import asyncio
from contextlib import nullcontext

from contracts.events import Evidence, OutcomeEvent
from contracts.events.recovery import OutcomeStatus, Verified
from contracts.sandbox import WorkspaceDiff
from servicekit.logs import get_logger
from worker_agent.decisions.discrepancies import discrepancies
from worker_agent.decisions.limits import AttemptLimits
from worker_agent.decisions.observation import Found, all_changed, observed
from worker_agent.decisions.outcome import Ending, after_verification, before_verification, outcome
from worker_agent.decisions.publishing import to_be_pushed
from worker_agent.domain import AttemptRecord, Phase
from worker_agent.errors import EventTooLarge, SandboxRefused, SandboxUnavailable
from worker_agent.handlers.attempt import Attempt
from worker_agent.handlers.counting import RUNS, agents
from worker_agent.handlers.evidence import reports_in
from worker_agent.handlers.holding import still_held
from worker_agent.handlers.publishing import bring_out
from worker_agent.handlers.verification import abandon, verify
from worker_agent.handlers.workshop import Workshop, insist, patiently

log = get_logger(__name__)


async def conclude(attempt: Attempt, workshop: Workshop, limits: AttemptLimits) -> None:
    """Observe, verify, publish, and write the outcome into the record, from where it is sent as it is."""
    attempt.reporter.close()
    attempt.trace.agent_ended(attempt.record)
    ending, verified = before_verification(attempt.record, attempt.record.agent_end.failure), None
    diff, found = await _diff(attempt.record, workshop), await _reports(attempt.record, workshop)
    if ending is None:
        with attempt.trace.phase("verify_result") if attempt.record.assignment.requirements.verify else nullcontext():
            ending, verified = await _verify_unless_cancelled(attempt, workshop, limits)
    if to_be_pushed(attempt.record.assignment, ending) and not await still_held(attempt, workshop):
        ending = before_verification(attempt.record, None) or ending
    with attempt.trace.phase("publish_result"):
        result = await bring_out(attempt, workshop, ending, verified)
    seen = observed(attempt.record, diff, verified, found, result)
    disagreements = discrepancies(attempt.record.claim, seen, verified, all_changed(diff))
    body = outcome(attempt.record, ending, seen, verified, disagreements, workshop.clock.now())
    began, ended = workshop.times.right(body.started_at), workshop.times.right(body.ended_at)
    # A clock that was set right meanwhile would have it end before it began.
    body = body.model_copy(update={"started_at": min(began, ended), "ended_at": ended})
    evidence = Evidence.verified if verified is not None else Evidence.observed
    payload = attempt.reporter.encoded(attempt.reporter.event("outcome", body, evidence))
    await attempt.update(phase=Phase.reporting, outcome=payload.decode(), unsaved=result.unsaved)


async def report_outcome(attempt: Attempt, workshop: Workshop) -> None:
    """Send the outcome. It is the same event however often this is tried."""
    payload = (attempt.record.outcome or "").encode()
    event = OutcomeEvent.model_validate_json(payload)
    try:
        position = await insist(lambda: attempt.reporter.store(event, payload, reserved=True))
    except EventTooLarge:
        small = event.model_copy(update={"body": event.body.model_copy(update={"claimed": None, "observed": None})})
        position = await insist(lambda: attempt.reporter.store(event, small.to_json(), reserved=True))
    attempt.trace.ended(attempt.record, event.body.status.value)
    now = workshop.clock.now()
    await attempt.update(phase=Phase.reported, outcome=None, outcome_position=position, closed_at=now)
    agent = event.body.observed.agent if event.body.observed else attempt.record.assignment.requirements.agent
    RUNS.labels(agents.of(agent), event.body.status.value).inc()
    log.info("attempt_closed", task_id=attempt.key.task_id, attempt=attempt.key.attempt, status=event.body.status)


async def _verify_unless_cancelled(
    attempt: Attempt, workshop: Workshop, limits: AttemptLimits
) -> tuple[Ending, Verified | None]:
    verifying = asyncio.ensure_future(_verify(attempt.record, workshop, limits))
    cancelled = asyncio.ensure_future(attempt.cancelled.wait())
    try:
        await asyncio.wait([verifying, cancelled], return_when=asyncio.FIRST_COMPLETED)
        ending = before_verification(attempt.record, None)
        if ending is None:
            return await verifying
        await abandon(attempt.key, workshop.sandbox)
        return ending, None
    finally:
        for task in (verifying, cancelled):
            task.cancel()
        await asyncio.gather(verifying, cancelled, return_exceptions=True)


async def _verify(record: AttemptRecord, workshop: Workshop, limits: AttemptLimits) -> tuple[Ending, Verified | None]:
    requirements = record.assignment.requirements
    if not requirements.verify:
        return after_verification(None), None

    async def work() -> Verified:
        return await verify(record.key, requirements.verify, requirements.env, limits, workshop.sandbox, workshop.clock)

    try:
        verified = await patiently(work, workshop)
    except (SandboxUnavailable, SandboxRefused) as error:
        return Ending(OutcomeStatus.failed, f"the verification could not be run: {error.detail}"), None
    return after_verification(verified), verified


async def _diff(record: AttemptRecord, workshop: Workshop) -> WorkspaceDiff | None:
    if record.started_at is None:
        return None
    try:
        return await workshop.sandbox.diff(record.key.workspace)
    except (SandboxUnavailable, SandboxRefused) as error:
        log.warning("diff_failed", task_id=record.key.task_id, error=error.detail)
        return None


async def _reports(record: AttemptRecord, workshop: Workshop) -> Found:
    if record.started_at is None:
        return Found()
    return await reports_in(record.key.workspace, record.started_at, workshop.sandbox)
