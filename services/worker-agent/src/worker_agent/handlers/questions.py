"""Questions and requests of agents: asked once, waited for until their deadline."""

from dataclasses import dataclass, replace
from datetime import datetime

from contracts.questions import Answer, AskManager, Collaborate, RequestResources
from worker_agent.handlers.attempt import Attempt
from worker_agent.handlers.reports import Recorded
from worker_agent.handlers.waiting import Waiting

Question = AskManager | RequestResources | Collaborate

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


async def ask(attempt: Attempt, kind: str, body: Question, waiting: Waiting) -> Asked:
    """Ask, and wait for the answer until the deadline unless told not to."""
    asked = await _publish(attempt, kind, body)
    if not body.wait:
        if asked.answer is not None:
            await attempt.told(asked.question_id, heard=True)
        return asked
    answer = await _wait(attempt, asked, body.deadline_ms / 1000, waiting)
    await attempt.told(asked.question_id, heard=answer is not None)
    return replace(asked, answer=answer, waited=True)


async def request_resources(attempt: Attempt, body: RequestResources, waiting: Waiting) -> Asked:
    """Ask for more of something."""
    return await ask(attempt, "resource_request", body, waiting)


async def _publish(attempt: Attempt, kind: str, body: Question) -> Asked:
    # Whether one waits is no part of the question: it may be put first, and waited for by a second call.
    identity = kind.encode() + body.model_copy(update={"wait": True, "task_id": None}).to_json()
    attempt.reporter.check(body)
    note = await attempt.note_question(identity, body.deadline_ms)
    if isinstance(body, RequestResources):
        await attempt.note_request(note.question_id, body)
    # One that was noted before may not have been sent: it goes again as the same event, which changes nothing twice.
    recorded = await attempt.reporter.report(kind, body, question_id=note.question_id, event_id=note.event_id)
    return Asked(note.question_id, recorded, note.answer, note.asked_at)


async def _wait(attempt: Attempt, asked: Asked, deadline_s: float, waiting: Waiting) -> Answer | None:
    gone_s = max(0.0, (waiting.clock.now() - asked.asked_at).total_seconds())
    with attempt.awaiting(asked.question_id) as answer:
        if await waiting.wait(answer, deadline_s + AFTER_DEADLINE_S, gone_s, deadline_s):
            return answer.result()
    return None
