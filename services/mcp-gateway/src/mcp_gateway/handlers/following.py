"""Follow a task until it ends, telling the caller of every step."""

import asyncio
from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing, asynccontextmanager

from contracts.events.reporting import StreamType
from contracts.questions import QuestionView
from contracts.tasks import TaskView
from contracts.telemetry import TailEntry
from mcp_gateway.decisions.asking import askable
from mcp_gateway.decisions.following import COMPLETE, Followed, Step, has_ended
from mcp_gateway.domain.inputs import ListQuestions
from mcp_gateway.errors import GatewayError
from mcp_gateway.ports import Call

# Progress is told from the task's state, and figures would drown what a person wants to follow.
FOLLOWED = (*StreamType, "milestone", "plan", "tests", "question", "completion", "outcome")

_WAITING_ENTRIES = 100


async def follow(task_id: str, call: Call, left: Collection[str] = ()) -> tuple[TaskView, list[QuestionView]]:
    """The task once it has ended, the time allowed is over, or the gateway stops. Raises NotFound, Unavailable.

    Where somebody can be asked, it also ends when questions are open, and gives them; those `left` do not count.
    """
    deadline = call.monotonic() + call.wait.longest_ms / 1000
    seen = Followed()
    async with _live_entries(task_id, call) as entries:
        while True:
            task = await call.upstreams.orchestrator.task(task_id)
            seen, step = seen.sees_task(task)
            await _tell(call, step)
            if has_ended(task) or call.stopping() or call.monotonic() >= deadline:
                return task, []
            if questions := await _askable(task_id, call, left):
                return task, questions
            next_poll = min(call.monotonic() + call.wait.poll_ms / 1000, deadline)
            seen = await _tell_entries(entries, seen, call, next_poll)


async def _askable(task_id: str, call: Call, left: Collection[str]) -> list[QuestionView]:
    if call.dialogue is None:
        return []
    try:
        return askable((await call.upstreams.questions.questions(ListQuestions(task_id=task_id))).items, left)
    except GatewayError:
        # The task goes on all the same, and the question is asked when the question-broker is back.
        return []


async def _tell_entries(entries: asyncio.Queue[TailEntry], seen: Followed, call: Call, until: float) -> Followed:
    while (left := until - call.monotonic()) > 0:
        try:
            entry = await asyncio.wait_for(entries.get(), left)
        except TimeoutError:
            break
        seen, step = seen.sees_entry(entry)
        await _tell(call, step)
    return seen


async def _tell(call: Call, step: Step | None) -> None:
    if step is not None:
        await call.report_progress(step.progress, COMPLETE, step.message)


@asynccontextmanager
async def _live_entries(task_id: str, call: Call) -> AsyncGenerator[asyncio.Queue[TailEntry]]:
    entries: asyncio.Queue[TailEntry] = asyncio.Queue(_WAITING_ENTRIES)
    pump = asyncio.create_task(_pump(task_id, call, entries))
    try:
        yield entries
    finally:
        pump.cancel()
        # Not gather: when this call is itself being cancelled, that would cancel the pump again while it closes.
        await asyncio.wait({pump})


async def _pump(task_id: str, call: Call, entries: asyncio.Queue[TailEntry]) -> None:
    last_id: str | None = None
    while True:
        try:
            async with aclosing(call.upstreams.telemetry.live(task_id, FOLLOWED, last_id)) as live:
                async for found in live:
                    await entries.put(found.entry)
                    last_id = found.entry_id
        except GatewayError:
            # The state is polled anyway: without the tail the caller sees fewer steps, not a wrong one.
            pass
        await asyncio.sleep(call.wait.poll_ms / 1000)
