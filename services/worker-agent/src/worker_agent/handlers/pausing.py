"""Pauses: an agent is told of one, then its processes are stopped until it may go on, and its clocks with them."""

import asyncio
from contextlib import suppress

from contracts.events import Evidence
from contracts.events.reporting import Progress
from servicekit.clock import Clock
from servicekit.logs import get_logger
from worker_agent.decisions.pauses import goes_on, now_paused, stood_still_ms
from worker_agent.domain import Notice, NoticeKind
from worker_agent.errors import SandboxRefused, SandboxUnavailable
from worker_agent.handlers.attempt import Attempt
from worker_agent.handlers.workshop import Workshop, insist, patiently

NOT_BEGUN = "initializing"

log = get_logger(__name__)


async def hold_back(attempt: Attempt) -> None:
    """Return when no pause is in force, and tell of one: for an attempt whose agent is not started yet."""
    if _is_asked(attempt):
        await _say(attempt, now_paused(attempt.progress or Progress(status=NOT_BEGUN)))
    while attempt.record.pause is not None and not attempt.record.pause.over:
        await attempt.changes.wait()
    if attempt.record.pause is not None:
        await attempt.update(pause=None)


async def keep_pauses(attempt: Attempt, process_id: str, workshop: Workshop) -> None:
    """Stop the agent whenever a pause is asked for, and let it go on after; for as long as this runs."""
    while True:
        pause = attempt.record.pause
        if pause is None:
            await attempt.changes.wait()
        elif pause.over:
            await _go_on(attempt, process_id, workshop)
        elif pause.stopped_at is None and await _still_wanted(attempt, workshop):
            await _stop(attempt, process_id, workshop)
            await _until_over(attempt)
        else:
            await _until_over(attempt)


async def stood_still(attempt: Attempt, clock: Clock) -> float:
    """Wait while the attempt stands still; for how long that was, in s."""
    begun = clock.monotonic()
    while attempt.stands_still:
        await attempt.changes.wait()
        attempt.reporter.touch()
        attempt.claimed_at = clock.monotonic() if attempt.claimed_at is not None else None
    return clock.monotonic() - begun


async def _still_wanted(attempt: Attempt, workshop: Workshop) -> bool:
    """Give the agent time to hear of it; whether the pause is still asked for then."""
    clock = workshop.clock
    until = clock.monotonic() + workshop.patience.pause_grace_s
    while _is_asked(attempt) and (left := until - clock.monotonic()) > 0:
        with suppress(TimeoutError):
            await asyncio.wait_for(attempt.changes.wait(), left)
    return _is_asked(attempt)


async def _stop(attempt: Attempt, process_id: str, workshop: Workshop) -> None:
    try:
        await patiently(lambda: workshop.sandbox.pause(process_id), workshop)
    except (SandboxRefused, SandboxUnavailable) as error:
        log.warning("pause_not_possible", task_id=attempt.key.task_id, error=error.detail)
        return
    before, now = attempt.progress or Progress(status="executing"), workshop.clock.now()
    await _say(attempt, now_paused(before))
    if attempt.record.pause is not None:
        stopped = attempt.record.pause.model_copy(update={"stopped_at": now, "before": before})
        await attempt.update(pause=stopped)
    log.info("attempt_paused", task_id=attempt.key.task_id)


async def _go_on(attempt: Attempt, process_id: str, workshop: Workshop) -> None:
    pause = attempt.record.pause
    assert pause is not None
    try:
        # Also if it was never noted as stopped: this process may have died between the two.
        await patiently(lambda: workshop.sandbox.resume(process_id), workshop)
    except (SandboxRefused, SandboxUnavailable) as error:
        log.warning("resume_not_possible", task_id=attempt.key.task_id, error=error.detail)
    if pause.stopped_at is not None:
        await _say(attempt, pause.before or Progress(status="executing"))
    told = Notice(kind=NoticeKind.resume, text=goes_on(pause), at=workshop.clock.now())
    stood_ms = stood_still_ms(attempt.record, workshop.clock.now())
    next_pause = attempt.record.pause if _is_asked(attempt) else None
    await attempt.update(pause=next_pause, paused_ms=stood_ms, notices=[*attempt.record.notices, told])
    attempt.changes.tell()
    log.info("attempt_resumed_from_pause", task_id=attempt.key.task_id)


async def _say(attempt: Attempt, body: Progress) -> None:
    reporter = attempt.reporter
    await insist(lambda: reporter.record("progress", body, Evidence.observed, reserved=True))


async def _until_over(attempt: Attempt) -> None:
    while _is_asked(attempt):
        await attempt.changes.wait()


def _is_asked(attempt: Attempt) -> bool:
    return attempt.record.pause is not None and not attempt.record.pause.over
