"""How a question stands: from what this worker knows itself, else from the question-broker."""

import asyncio
from typing import cast

from contracts.questions import Answer, QuestionState, QuestionView
from contracts.rpc import GetAnswer
from worker_agent.errors import ServiceRefused, ServiceUnavailable
from worker_agent.handlers.attempt import Attempt
from worker_agent.handlers.desk import Desk
from worker_agent.handlers.waiting import Waiting

SLICE_MS = 20_000
"""Longest wait that is asked of the broker at a time: one that dies meanwhile is soon noticed."""
PAUSE_S = 0.5
MARGIN_S = 60.0

Standing = Answer | QuestionView


async def get_answer(attempt: Attempt, body: GetAnswer, desk: Desk, waiting: Waiting) -> Standing | None:
    """The answer, or the question as it stands when the wait is over; None: open, as far as this worker knows.

    Raises ServiceUnavailable and ServiceRefused for a question that is not this attempt's own.
    """
    attempt.reporter.check(body)
    with attempt.awaiting(body.question_id) as delivered:
        asking = asyncio.ensure_future(_ask_while_open(attempt, body, desk, delivered))
        either = asyncio.ensure_future(asyncio.wait([delivered, asking], return_when=asyncio.FIRST_COMPLETED))
        try:
            # `asking` knows when to end; the margin is for nothing but a fault in it.
            await waiting.wait(either, body.wait_ms / 1000 + MARGIN_S, shown_s=body.wait_ms / 1000)
            standing = delivered.result() if delivered.done() else await asking
        finally:
            for task in (either, asking):
                task.cancel()
            await asyncio.gather(either, asking, return_exceptions=True)
    if standing is not None and standing.state is not QuestionState.open and attempt.question(body.question_id):
        await attempt.told(body.question_id, heard=True)
    return standing


def _check_own(attempt: Attempt, view: QuestionView) -> None:
    """A worker has asked for all its tasks; each attempt hears of its own task alone."""
    if view.task_id not in (None, attempt.key.task_id):
        raise ServiceRefused(f"question_id: {view.question_id!r} is no question of {attempt.key.task_id}")


async def _ask_while_open(
    attempt: Attempt, body: GetAnswer, desk: Desk, delivered: asyncio.Future[Answer]
) -> QuestionView | None:
    until = desk.clock.monotonic() + body.wait_ms / 1000
    while True:
        left_ms = max(0, round((until - desk.clock.monotonic()) * 1000))
        wait_ms = min(left_ms, SLICE_MS)
        view: QuestionView | None = None
        try:
            request = body.model_copy(update={"wait_ms": wait_ms, "task_id": attempt.key.task_id})
            view = cast(QuestionView, await desk.services.ask("get_answer", request, wait_ms))
            _check_own(attempt, view)
        except (ServiceUnavailable, ServiceRefused):
            # Its own question may still be on its way there, and its answer comes here by itself.
            if attempt.question(body.question_id) is None:
                raise
        # A cancellation that meets the end of a request is lost in it, so look here too.
        if left_ms <= 0 or delivered.done() or (view is not None and view.state is not QuestionState.open):
            return view
        await asyncio.sleep(min(PAUSE_S, left_ms / 1000))
