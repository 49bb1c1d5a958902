"""What agents ask the platform: each such call is seen by the manager, as an observed call of a tool."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from contracts.base import Model
from contracts.events import Evidence
from contracts.events.recovery import SessionEnd
from contracts.events.reporting import CallStatus, Report, ToolCall
from contracts.rpc import GetNextTask, NextTask
from servicekit.clock import Clock
from servicekit.logs import get_logger
from worker_agent.errors import SpoolFull, SpoolUnavailable, WorkerError
from worker_agent.handlers.attempt import Attempt
from worker_agent.handlers.desk import Desk
from worker_agent.handlers.reports import Recorded

log = get_logger(__name__)


async def ask(attempt: Attempt, verb: str, body: Report, desk: Desk) -> Model:
    """The answer of the service that knows. Raises ServiceUnavailable, ServiceRefused."""
    attempt.reporter.check(body)
    return await desk.services.ask(verb, body.model_copy(update={"task_id": attempt.key.task_id}))


async def get_next_task(attempt: Attempt, body: GetNextTask, desk: Desk) -> NextTask:
    """What this worker will be given next. Raises ServiceUnavailable."""
    attempt.reporter.check(body)
    return await desk.services.next_task()


async def end_session(attempt: Attempt, body: SessionEnd, desk: Desk) -> Recorded:
    """Have this worker leave once its attempts are over and its spool is empty."""
    done = await attempt.reporter.report("session_end", body)
    await desk.commands.drain()
    return done


@asynccontextmanager
async def seen(attempt: Attempt, tool: str, body: Report, clock: Clock) -> AsyncGenerator[None]:
    """Record, once the block is over, that a tool was called and how that went. Raises RateLimited."""
    # Its own event is short, and is recorded whatever becomes of the call.
    attempt.throttle.report("tool_call", len(tool))
    begun = clock.monotonic()

    def call(error: str | None) -> ToolCall:
        return _call(tool, body, error, round((clock.monotonic() - begun) * 1000))

    try:
        yield
    except WorkerError as problem:
        await _record(attempt, call(f"{problem.detail} [{problem.code}]"))
        raise
    await _record(attempt, call(None))


def _call(tool: str, body: Report, error: str | None, duration_ms: int) -> ToolCall:
    return ToolCall(
        tool_name=tool,
        status=CallStatus.failed if error else CallStatus.completed,
        arguments=body.model_dump(mode="json", exclude_unset=True),
        error=error,
        duration_ms=duration_ms,
    )


async def _record(attempt: Attempt, call: ToolCall) -> None:
    try:
        await attempt.reporter.record("tool_call", call, Evidence.observed)
    except (SpoolFull, SpoolUnavailable) as problem:
        # The agent has its answer all the same: what it asked changes nothing.
        log.warning("call_not_recorded", task_id=attempt.key.task_id, tool=call.tool_name, error=problem.detail)
