"""Watch one task: its state, facts, streams and open questions, in one report or until it ends."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from contracts.events.reporting import StreamType
from contracts.questions import QuestionView
from contracts.tasks import TaskView
from contracts.telemetry import Tail
from mcp_gateway.decisions.asking import MAX_ROUNDS, Asked
from mcp_gateway.decisions.following import has_ended
from mcp_gateway.decisions.summaries import monitor_report
from mcp_gateway.domain.asking import Asking
from mcp_gateway.domain.inputs import ListQuestions, MonitorTask, ViewStreams
from mcp_gateway.domain.outputs import MonitorReport, Streams
from mcp_gateway.errors import GatewayError
from mcp_gateway.handlers.asking import settle
from mcp_gateway.handlers.following import follow
from mcp_gateway.ports import Call

RECENT_STREAMS = 5

Answer = TypeVar("Answer")

_STREAM_TYPES = tuple(StreamType)


async def monitor_task(given: MonitorTask, call: Call) -> MonitorReport | Asking:
    """Report on a task; with `wait`, follow it first. Only the orchestrator must be there, the rest is noted.

    Following also ends at an open question, if the person at the client can be asked: then it is asked, its answer is
    given to the worker when the client calls again with it, and the task is followed on.
    """
    if not given.wait:
        return await report_on(given, call, [])
    asked, stop = await settle(call)
    if stop:
        return await report_on(given, call, [*asked.notes])
    return await _followed(given, call, asked)


async def _followed(given: MonitorTask, call: Call, asked: Asked) -> MonitorReport | Asking:
    task, questions = await follow(given.task_id, call, asked.left)
    if questions and asked.rounds < MAX_ROUNDS:
        return asked.ask(questions)
    notes = [*asked.notes]
    if questions:
        notes.append("more questions came than one call may ask; call again with wait to be asked, and to go on")
    elif not has_ended(task):
        why = "the gateway is restarting" if call.stopping() else f"not over after {call.wait.longest_ms / 1000:g} s"
        notes.append(f"{why}; call again with wait to go on following")
    return await report_on(given, call, notes)


async def view_realtime_streams(given: ViewStreams, call: Call) -> Streams:
    """The last entries of a task's live tail. Raises NotFound for an unknown task."""
    tail = await call.upstreams.telemetry.tail(given.task_id, given.last_n, [str(kind) for kind in given.stream_types])
    if not tail.entries:
        await call.upstreams.orchestrator.task(given.task_id)
    return Streams(task_id=given.task_id, entries=tail.entries)


async def report_on(given: MonitorTask, call: Call, notes: list[str]) -> MonitorReport:
    """What there is to see of a task now. Raises NotFound, Unavailable."""
    up = call.upstreams
    task, facts, tail, questions = await asyncio.gather(
        _task(given.task_id, call),
        _or_note(up.analytics.facts(given.task_id), "milestones, analytics and evidence are missing", notes),
        _or_note(_tail(given, call), "streams are missing", notes),
        _or_note(_open_questions(given.task_id, call), "open questions are missing", notes),
    )
    if isinstance(task, GatewayError):
        raise task
    return monitor_report(
        task,
        facts=facts,
        tail=tail,
        questions=questions,
        include_analytics=given.include_analytics,
        notes=notes,
    )


async def _task(task_id: str, call: Call) -> TaskView | GatewayError:
    # Returned, not raised, so that the requests beside it are awaited too.
    try:
        return await call.upstreams.orchestrator.task(task_id)
    except GatewayError as error:
        return error


async def _tail(given: MonitorTask, call: Call) -> Tail | None:
    if not given.include_streams:
        return None
    return await call.upstreams.telemetry.tail(given.task_id, RECENT_STREAMS, _STREAM_TYPES)


async def _open_questions(task_id: str, call: Call) -> list[QuestionView]:
    return (await call.upstreams.questions.questions(ListQuestions(task_id=task_id))).items


async def _or_note(answer: Awaitable[Answer], missing: str, notes: list[str]) -> Answer | None:
    try:
        return await answer
    except GatewayError as error:
        notes.append(f"{missing}: {error.detail}")
        return None
