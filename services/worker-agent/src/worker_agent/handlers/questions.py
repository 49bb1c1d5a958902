"""Questions of agents to their manager: asked once, waited for until their deadline."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime

from contracts.events.reporting import Report
from contracts.questions import Answer, AskManager, Collaborate, RequestResources
from servicekit.clock import Clock
from worker_agent.handlers.attempt import Attempt
from worker_agent.handlers.reports import Recorded

Tick = Callable[[float, float], Awaitable[None]]
"""Told while waiting: seconds waited, and seconds in all."""

TICK_S = 5.0
AFTER_DEADLINE_S = 2.0
"""How much longer than its deadline a question is waited for: the broker's own word may be on its way."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that is on its way: its id, the event, and the answer if there is one."""

    question_id: str
    recorded: Recorded
    answer: Answer | None
    asked_at: datetime
    waited: bool = False


async def ask_manager(attempt: Attempt, body: AskManager, tick: Tick, clock: Clock) -> Asked:
    """Ask, and wait for the answer until the deadline unless told not to."""
    asked = await _publish(attempt, "question", body, body.model_copy(update={"wait": True}), body.deadline_ms)
    if not body.wait:
        return asked
    answer = await _wait(attempt, asked, body.deadline_ms, tick, clock)
    await attempt.told(asked.question_id)
    return replace(asked, answer=answer, waited=True)


async def request_resources(attempt: Attempt, body: RequestResources, tick: Tick, clock: Clock) -> Asked:
    """Ask for more of something, and wait for the decision until the deadline unless told not to."""
    identity = body.model_copy(update={"wait": True})
    asked = await _publish(attempt, "resource_request", body, identity, body.deadline_ms)
    if not body.wait:
        return asked
    answer = await _wait(attempt, asked, body.deadline_ms, tick, clock)
    await attempt.told(asked.question_id)
    return replace(asked, answer=answer, waited=True)


async def request(attempt: Attempt, kind: str, body: Collaborate) -> Asked:
    """Tell the manager what is wanted; the answer is not waited for."""
    return await _publish(attempt, kind, body, body, None)


async def _publish(attempt: Attempt, kind: str, body: Report, identity: Report, deadline_ms: int | None) -> Asked:
    note = await attempt.note_question(kind.encode() + identity.to_json(), deadline_ms)
    if isinstance(body, RequestResources):
        await attempt.note_request(note.question_id, body)
    # One that was noted before may not have been sent: it goes again as the same event, which changes nothing twice.
    recorded = await attempt.reporter.report(kind, body, question_id=note.question_id, event_id=note.event_id)
    return Asked(note.question_id, recorded, note.answer, note.asked_at)


async def _wait(attempt: Attempt, asked: Asked, deadline_ms: int, tick: Tick, clock: Clock) -> Answer | None:
    future = attempt.answer_to(asked.question_id)
    begun = clock.monotonic() - max(0.0, (clock.now() - asked.asked_at).total_seconds())
    total_s = deadline_ms / 1000 + AFTER_DEADLINE_S
    while (waited := clock.monotonic() - begun) < total_s:
        await tick(min(waited, deadline_ms / 1000), deadline_ms / 1000)
        attempt.reporter.touch()
        done, _ = await asyncio.wait([future], timeout=min(TICK_S, total_s - waited))
        if done:
            return future.result()
    return None
