"""The keeper of an attempt's grants: it applies what the notes in the journal say, and ends it when its time is over.

Each step sets a value, and tells it by an event whose id is in the note: a restart at any moment repeats it unharmed.
"""

import asyncio
from contextlib import suppress

from contracts.events import Evidence
from contracts.events.resources import Grant, GrantState
from contracts.questions import RequestedResource
from contracts.sandbox import LimitChange, Process
from servicekit.clock import Clock
from servicekit.logs import get_logger
from worker_agent.decisions.amounts import Amount
from worker_agent.decisions.grants import (
    Change,
    Standing,
    Wanted,
    change_for,
    granted,
    next_expiry,
    next_step,
    promised,
    sentence,
    understood,
)
from worker_agent.domain import AttemptRecord, GrantNote, Notice, NoticeKind, Target
from worker_agent.errors import GrantUnusable, SandboxRefused, SandboxUnavailable, SpoolFull, SpoolUnavailable
from worker_agent.handlers.attempt import Attempt
from worker_agent.handlers.packages import install, remove
from worker_agent.handlers.workshop import RETRY_S, Workshop

LIMITS = {
    Target.memory_mb: "memory_mb",
    Target.run_ms: "wall_ms",
    Target.cpu_ms: "cpu_ms",
    Target.processes: "processes",
    Target.disk_mb: "disk_mb",
    Target.output_mb: "output_mb",
}
"""Limits of the agent's process, by their names in the sandbox; all other targets are quotas of the platform."""

log = get_logger(__name__)


async def keep_grants(attempt: Attempt, workshop: Workshop) -> None:
    """Apply and end the grants of a running attempt, for as long as this runs."""
    while True:
        attempt.grants_wanted.clear()
        note = next_step(attempt.record.grants, workshop.clock.now())
        if note is None:
            await _wait(attempt, workshop.clock)
            continue
        try:
            await (_end(attempt, workshop, note) if note.state is not None else _begin(attempt, workshop, note))
        except (SandboxUnavailable, SpoolFull, SpoolUnavailable, OSError) as error:
            log.warning("grant_delayed", task_id=attempt.key.task_id, target=note.target, error=str(error))
            await asyncio.sleep(RETRY_S)


async def standing(attempt: Attempt, workshop: Workshop, wanted: Wanted | None) -> Standing:
    """How the limit or quota stands that is wanted more of, with what is granted and not applied yet."""
    if not isinstance(wanted, Amount):
        return Standing(None)
    more = promised(attempt.record.grants, wanted.target)
    if wanted.target not in LIMITS:
        return Standing(workshop.quotas[wanted.target], more)
    for note in attempt.record.grants:
        if note.target == wanted.target and note.base is not None:
            return Standing(note.base, more)
    now = getattr((await _process(attempt, workshop)).limits, LIMITS[wanted.target])
    return Standing(None if now is None else now - more, more)


def with_change(note: GrantNote, change: Change) -> GrantNote:
    """A note that says what is to be changed."""
    return note.model_copy(update=change._asdict())


async def _wait(attempt: Attempt, clock: Clock) -> None:
    until = next_expiry(attempt.record.grants)
    left_s = None if until is None else max(0.0, (until - clock.now()).total_seconds())
    with suppress(TimeoutError):
        async with asyncio.timeout(left_s):
            await attempt.grants_wanted.wait()


async def _begin(attempt: Attempt, workshop: Workshop, note: GrantNote) -> None:
    try:
        if note.target is None:
            # On disk before it is applied: done again, the same is applied, and no more of it.
            note = await _resolved(attempt, workshop, note)
            await attempt.note_grant(note)
        before = _value(attempt.record, note)
        note = note.model_copy(update={"state": GrantState.applied, "before": _shown(note, before)})
        note = note.model_copy(update={"after": _shown(note, before + note.delta)})
        detail = await _apply(attempt, workshop, note, before + note.delta)
        note = note.model_copy(update={"detail": detail})
    except (SandboxRefused, GrantUnusable) as error:
        note = note.model_copy(update={"state": GrantState.failed, "detail": error.detail, "after": None})
    await _settle(attempt, note, note.event_id)


async def _end(attempt: Attempt, workshop: Workshop, note: GrantNote) -> None:
    left = _value(attempt.record, note)
    ended = note.model_copy(update={"state": GrantState.expired, "detail": None})
    ended = ended.model_copy(update={"before": _shown(note, left), "after": _shown(ended, left - note.delta)})
    try:
        await _apply(attempt, workshop, ended, left - note.delta)
    except SandboxRefused as error:
        ended = ended.model_copy(update={"detail": error.detail})
    await _settle(attempt, ended, note.end_event_id)


async def _settle(attempt: Attempt, note: GrantNote, event_id: str) -> None:
    state = note.state or GrantState.failed
    body = Grant(
        question_id=note.question_id,
        state=state,
        resource_type=note.resource_type,
        target=note.target or note.resource_type.value,
        before=note.before,
        after=note.after,
        granted_by=note.granted_by,
        expires_at=note.expires_at,
        detail=note.detail,
    )
    await attempt.reporter.record("grant", body, Evidence.observed, event_id=event_id)
    log.info("grant", task_id=attempt.key.task_id, target=body.target, state=state, after=note.after)
    if note.state is GrantState.expired or note.question_id not in attempt.grants_awaited:
        told = Notice(kind=NoticeKind.grant, text=sentence(note), question_id=note.question_id)
        await attempt.notify(told)
    await attempt.note_grant(note)


async def _apply(attempt: Attempt, workshop: Workshop, note: GrantNote, value: int) -> str | None:
    """Let a grant, or its end, take effect; what the agent should know of it. Raises SandboxRefused."""
    if note.target in LIMITS and note.delta:
        change = LimitChange.model_validate({LIMITS[Target(note.target)]: value})
        await workshop.sandbox.change_limits(attempt.key.agent, change)
    elif note.resource_type is RequestedResource.dependency:
        return await (remove if note.state is GrantState.expired else install)(attempt, workshop, note)
    return None


async def _resolved(attempt: Attempt, workshop: Workshop, note: GrantNote) -> GrantNote:
    wanted = understood(note.resource_type, note.amount, workshop.policy.known_tools)
    if wanted is None:
        raise GrantUnusable(f"the worker has nothing to change for {note.amount!r}: who granted it must see to it")
    return with_change(note, change_for(wanted, await standing(attempt, workshop, wanted)))


async def _process(attempt: Attempt, workshop: Workshop) -> Process:
    process = await workshop.sandbox.find(attempt.key.agent)
    if process is None:
        raise SandboxUnavailable("the agent's process is not there; try again")
    return process


def _value(record: AttemptRecord, note: GrantNote) -> int:
    return (note.base or 0) + granted(record.grants, note.target or "")


def _shown(note: GrantNote, value: int) -> str | None:
    if note.what is not None:
        return note.what if note.state is GrantState.applied else None
    return None if note.base is None else str(value)
