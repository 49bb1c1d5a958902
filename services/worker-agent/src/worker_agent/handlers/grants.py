"""Requests for resources: granted by this worker's policy, or by the manager. A grant is a note in the journal."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts.questions import Answer, RequestResources, Ruling
from servicekit.clock import Clock
from servicekit.ids import new_event_id, new_id
from worker_agent.decisions.grants import decide, understood
from worker_agent.domain import GrantNote
from worker_agent.handlers import questions
from worker_agent.handlers.attempt import Attempt
from worker_agent.handlers.grant_keeper import standing, with_change
from worker_agent.handlers.questions import Asked
from worker_agent.handlers.waiting import Waiting
from worker_agent.handlers.workshop import Workshop

SHORT_WAIT_S, LONG_WAIT_S = 2.0, 310.0
"""How long a call waits for its grant to be applied: one that shall not wait, and one that may."""
FOREVER_MS = 366 * 86_400_000
"""A grant for so long, or longer, simply holds until the attempt ends."""


@dataclass(frozen=True, slots=True)
class Requested:
    """What became of a request: a grant, a question to the manager, or nothing, since nothing had to be changed."""

    reason: str
    note: GrantNote | None = None
    asked: Asked | None = None


async def request_resources(
    attempt: Attempt, workshop: Workshop, body: RequestResources, waiting: Waiting
) -> Requested:
    """Grant what the policy allows, and ask the manager for all else.

    Raises SandboxUnavailable, QuotaExceeded and the errors of the spool and the journal.
    """
    attempt.reporter.check(body)
    wanted = understood(body.resource_type, body.amount_needed, workshop.policy.known_tools)
    verdict = decide(wanted, workshop.policy, await standing(attempt, workshop, wanted))
    if verdict.change is not None:
        note = _new_note(new_id("q"), body, workshop.clock.now(), body.duration_ms)
        await attempt.note_grant(with_change(note, verdict.change))
        return Requested(verdict.reason, await settled(attempt, note.question_id, waiting, wait=body.wait))
    if not verdict.ask:
        return Requested(verdict.reason)
    asked = await questions.request_resources(attempt, body, waiting)
    note = attempt.grant(asked.question_id)
    if note is not None:
        note = await settled(attempt, asked.question_id, waiting, wait=asked.waited)
    return Requested(verdict.reason, note, asked)


async def settled(attempt: Attempt, question_id: str, waiting: Waiting, *, wait: bool) -> GrantNote | None:
    """The grant of a request as soon as it is applied, or as it is when that takes too long; None: there is none."""
    attempt.grants_awaited.add(question_id)
    settling = asyncio.ensure_future(_settling(attempt, question_id))
    try:
        await waiting.wait(settling, LONG_WAIT_S if wait else SHORT_WAIT_S)
    finally:
        settling.cancel()
        await asyncio.gather(settling, return_exceptions=True)
        attempt.grants_awaited.discard(question_id)
    return attempt.grant(question_id)


async def note_decision(attempt: Attempt, answer: Answer, clock: Clock) -> None:
    """Have applied what the manager granted; a repeat of the answer changes nothing."""
    decision, request = answer.decision, attempt.record.requests.get(answer.question_id)
    if decision is None or request is None or decision.decision is Ruling.refused:
        return
    if attempt.grant(answer.question_id) is None and attempt.record.held:
        duration_ms = decision.duration_ms if decision.duration_ms is not None else request.duration_ms
        note = _new_note(answer.question_id, request, clock.now(), duration_ms)
        granted_by = (decision.decided_by or "manager")[:200]
        amount = decision.amount_granted or request.amount_needed
        await attempt.note_grant(note.model_copy(update={"amount": amount, "granted_by": granted_by}))


async def _settling(attempt: Attempt, question_id: str) -> None:
    while (note := attempt.grant(question_id)) is not None and note.state is None:
        await attempt.grants_settled.wait()


def _new_note(question_id: str, request: RequestResources, now: datetime, duration_ms: int | None) -> GrantNote:
    ends = duration_ms is not None and 0 < duration_ms < FOREVER_MS
    return GrantNote(
        question_id=question_id,
        resource_type=request.resource_type,
        amount=request.amount_needed,
        granted_at=now,
        expires_at=now + timedelta(milliseconds=duration_ms or 0) if ends else None,
        event_id=new_event_id(),
        end_event_id=new_event_id(),
    )
