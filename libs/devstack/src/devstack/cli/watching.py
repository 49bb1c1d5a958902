"""`mews watch`: one task, live, until it has ended."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from contracts.tasks import TERMINAL_STATES, TaskState
from devstack.calls import Target
from devstack.cli.calling import GatewayUrl, Token, target_of
from devstack.cli.output import AsJson, console
from devstack.errors import DevstackError

if TYPE_CHECKING:
    from devstack.gateway import Gateway

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
        state = asyncio.run(_watch(target, task_id, as_json))
    except (KeyboardInterrupt, asyncio.CancelledError):
        typer.echo("\nno longer watching; the task goes on", err=True)
        raise typer.Exit(INTERRUPTED) from None
    raise typer.Exit(EXIT_CODES[state])


async def _watch(target: Target, task_id: str | None, as_json: bool) -> TaskState:
    # Only here: commands that call nothing need not wait for the MCP library.
    from devstack.cli.pictures import view_for
    from devstack.gateway import open_gateway
    from devstack.watching import looks

    async with open_gateway(target) as gateway:
        watched = task_id or await _newest(gateway)
        state = TaskState.queued
        with view_for(console, as_json=as_json) as view:
            async for look in looks(gateway, watched):
                view.show(look)
                state = look.report.state
    return state


async def _newest(gateway: "Gateway") -> str:
    """The newest task that has not ended, or else the newest of all."""
    unfinished = [state for state in TaskState if state not in TERMINAL_STATES]
    for asked in ({"status": unfinished, "limit": 1}, {"limit": 1}):
        found = (await gateway.call("list_tasks", asked)).structure["tasks"]
        if found:
            return str(found[0]["task_id"])
    raise DevstackError("there is no task yet; assign one with: mews assign DESCRIPTION")
