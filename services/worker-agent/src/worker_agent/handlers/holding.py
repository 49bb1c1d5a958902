"""Whether an attempt still is this worker's: asked before it does what others will build on.

A worker that stood still does not know for how long. Its heartbeats may have failed to arrive, its lease may be over,
and another worker may be at work; the news of that is on its way.
"""

import asyncio
from contextlib import suppress
from typing import cast

from contracts.rpc import AttemptStanding, ConfirmAttempt
from servicekit.logs import get_logger
from worker_agent.domain import Cancellation
from worker_agent.errors import AttemptLost, ServiceRefused, ServiceUnavailable
from worker_agent.handlers.attempt import Attempt
from worker_agent.handlers.workshop import RETRY_S, Workshop

LOST = "the task has gone on without this attempt"
NOT_NOW = (ServiceUnavailable, ServiceRefused)

log = get_logger(__name__)


async def refuse_if_lost(attempt: Attempt, workshop: Workshop) -> None:
    """Raises AttemptLost, and ends the attempt, if it is not this worker's any more.

    While the orchestrator is away nobody gets the attempt's task, so nobody is waited for.
    """
    with suppress(*NOT_NOW):
        await _confirm(attempt, workshop)


async def still_held(attempt: Attempt, workshop: Workshop) -> bool:
    """Whether it is; waits for the orchestrator for as long as it is away, unless the attempt is cancelled meanwhile.

    For what cannot be taken back, and would have to wait for the orchestrator all the same.
    """
    while not attempt.cancelled.is_set():
        try:
            await _confirm(attempt, workshop)
        except AttemptLost:
            return False
        except NOT_NOW as error:
            log.info("attempt_not_confirmed", task_id=attempt.key.task_id, error=error.detail)
        else:
            return True
        with suppress(TimeoutError):
            await asyncio.wait_for(attempt.cancelled.wait(), RETRY_S)
    return False


async def _confirm(attempt: Attempt, workshop: Workshop) -> None:
    asked = ConfirmAttempt(task_id=attempt.key.task_id, attempt=attempt.key.attempt)
    standing = cast(AttemptStanding, await workshop.services.ask("confirm_attempt", asked))
    if standing.held:
        return
    log.warning("attempt_lost", task_id=attempt.key.task_id, attempt=attempt.key.attempt)
    await attempt.cancel(Cancellation(reason=LOST, by_manager=False))
    raise AttemptLost(
        f"{LOST} ({attempt.key.task_id}, attempt {attempt.key.attempt}): nothing was kept, nor will anything be; stop"
    )
