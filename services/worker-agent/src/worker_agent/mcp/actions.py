"""What calls do: each hands its body to a handler, and makes a result of what that gives."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from mcp.types import CallToolResult

from worker_agent.handlers import answers, artifacts, asking, checkpoints, grants, news, questions
from worker_agent.handlers.attempt import Attempt
from worker_agent.handlers.questions import Asked
from worker_agent.handlers.reports import Recorded
from worker_agent.mcp.deliverables import loaded, published, saved
from worker_agent.mcp.grants import by_policy, requested, with_grant
from worker_agent.mcp.results import commanded, questioned, recorded, standing, told
from worker_agent.mcp.spec import Act, Call


async def record(call: Call) -> CallToolResult:
    """Record the body as it is."""
    return recorded(call.attempt, _says(call), await call.attempt.reporter.report(call.tool.kind, call.body))


def checked(handler: Callable[[Attempt, Any], Awaitable[Recorded]]) -> Act:
    """Record the body by a handler that may refuse it, or keeps something of it."""

    async def act(call: Call) -> CallToolResult:
        return recorded(call.attempt, _says(call), await handler(call.attempt, call.body))

    return act


async def ask_manager(call: Call) -> CallToolResult:
    """Ask, and wait for the manager's answer."""
    waiting = call.waiting("the manager's answer")
    return _questioned(call, await questions.ask(call.attempt, call.tool.kind, call.body, waiting))


async def request_resources(call: Call) -> CallToolResult:
    """Ask for more of something, and wait for the decision."""
    waiting = call.waiting("the decision")
    done = await grants.request_resources(call.attempt, call.desk.workshop, call.body, waiting)
    return requested(call.attempt, _says(call), call.body, done)


async def collaborate(call: Call) -> CallToolResult:
    """Ask another worker, and wait for its result."""
    waiting = call.waiting("the other worker")
    return _questioned(call, await questions.ask(call.attempt, call.tool.kind, call.body, waiting))


async def end_session(call: Call) -> CallToolResult:
    """Have this worker leave."""
    return recorded(call.attempt, _says(call), await asking.end_session(call.attempt, call.body, call.desk))


def seen(act: Act) -> Act:
    """The same, and the manager sees that the tool was called."""

    @wraps(act)
    async def seen_act(call: Call) -> CallToolResult:
        async with asking.seen(call.attempt, call.tool.name, call.body, call.desk.clock):
            return await act(call)

    return seen_act


@seen
async def query(call: Call) -> CallToolResult:
    """Ask the service that knows."""
    return told(await asking.ask(call.attempt, call.tool.name, call.body, call.desk))


@seen
async def get_next_task(call: Call) -> CallToolResult:
    """Ask what this worker will be given next."""
    return told(await asking.get_next_task(call.attempt, call.body, call.desk))


@seen
async def get_answer(call: Call) -> CallToolResult:
    """Tell how a question stands."""
    note = call.attempt.grant(call.body.question_id)
    if note is not None and call.attempt.question(note.question_id) is None:
        return by_policy(note)
    waiting = call.waiting("the answer")
    found = await answers.get_answer(call.attempt, call.body, call.desk, waiting)
    return with_grant(standing(call.body.question_id, found), call.attempt.grant(call.body.question_id))


@seen
async def check_commands(call: Call) -> CallToolResult:
    """Tell what the manager wants."""
    call.attempt.reporter.check(call.body)
    waiting = call.waiting("commands")
    return commanded(await news.check_commands(call.attempt, call.body, call.desk, waiting))


async def publish_artifact(call: Call) -> CallToolResult:
    """Keep a file or a text."""
    return published(call.attempt, await artifacts.publish_artifact(call.attempt, call.desk.workshop, call.body))


async def save_checkpoint(call: Call) -> CallToolResult:
    """Keep state and files for a later attempt."""
    return saved(call.attempt, await checkpoints.save_checkpoint(call.attempt, call.desk.workshop, call.body))


@seen
async def load_checkpoint(call: Call) -> CallToolResult:
    """Get back what was saved."""
    return loaded(call.body.name, await checkpoints.load_checkpoint(call.attempt, call.desk.workshop, call.body))


def _says(call: Call) -> str:
    return call.tool.says.format(b=call.body)


def _questioned(call: Call, asked: Asked) -> CallToolResult:
    return questioned(call.attempt, call.tool.says, asked, call.body)
