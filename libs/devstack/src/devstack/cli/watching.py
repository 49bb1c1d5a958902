"""`mews watch`: one task, live, until it has ended."""

import asyncio
import json
from typing import Annotated

import typer

from contracts.tasks import TERMINAL_STATES, TaskState
from devstack.cli.calling import GatewayUrl, Token, target_of
from devstack.cli.output import AsJson, console
from devstack.cli.pictures import View, view_for
from devstack.errors import DevstackError
from devstack.gateway import Gateway, Target, open_gateway
from devstack.views import TaskLine, TaskReport
from devstack.watching import Look, looks

EXIT_CODES = {TaskState.completed: 0, TaskState.failed: 4, TaskState.cancelled: 5, TaskState.timed_out: 6}
INTERRUPTED = 130


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(watch)


def watch(
    task_id: Annotated[
        str | None, typer.Argument(metavar="[TASK]", help="Id of the task; left out: the newest that has not ended.")
    ] = None,
    gateway: GatewayUrl = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Watch a task live until it has ended.

    The exit code says how: 0 completed, 4 failed, 5 cancelled, 6 timed out. Ctrl-C leaves the task alone (130).
    """
    watch_and_exit(target_of(gateway, token), task_id, as_json)


def watch_and_exit(target: Target, task_id: str | None, as_json: bool) -> None:
    """Watch, then leave with the exit code that says how the task ended."""
    try:
        report = asyncio.run(_watch(target, task_id, _JsonLines() if as_json else view_for(console)))
    except KeyboardInterrupt:
        console.print("\nno longer watching; the task goes on")
        raise typer.Exit(INTERRUPTED) from None
    raise typer.Exit(EXIT_CODES[report.state])


class _JsonLines(View):
    """One JSON object a line for each look that shows something new."""

    def __init__(self) -> None:
        self._last: TaskReport | None = None

    def show(self, look: Look) -> None:
        if look.fresh or look.report != self._last:
            entries = [entry.to_dict() for entry in look.fresh]
            typer.echo(json.dumps({"task": look.report.to_dict(), "entries": entries}))
        self._last = look.report


async def _watch(target: Target, task_id: str | None, view: View) -> TaskReport:
    async with open_gateway(target) as gateway:
        report: TaskReport | None = None
        with view:
            async for look in looks(gateway, task_id or await _newest(gateway)):
                view.show(look)
                report = look.report
    assert report is not None
    return report


async def _newest(gateway: Gateway) -> str:
    """The newest task that has not ended, or else the newest of all."""
    unfinished = [state for state in TaskState if state not in TERMINAL_STATES]
    for asked in ({"status": unfinished, "limit": 1}, {"limit": 1}):
        found = (await gateway.call("list_tasks", asked)).structure["tasks"]
        if found:
            return TaskLine.model_validate(found[0]).task_id
    raise DevstackError("there is no task yet; assign one with: mews assign DESCRIPTION")
