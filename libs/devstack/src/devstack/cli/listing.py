"""`mews tasks`, `task`, `workers`: what there is."""

from typing import Annotated

import typer

from contracts.base import Level
from contracts.tasks import TaskState
from contracts.workers import WorkerStatus
from devstack.cli.calling import GatewayUrl, Token, call_once, given, print_answer, target_of
from devstack.cli.output import AsJson

Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=500, help="Most entries to show.")]
Cursor = Annotated[str | None, typer.Option("--cursor", help="Go on where the page before ended.")]
TaskId = Annotated[str, typer.Argument(metavar="TASK", help="Id of the task.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(tasks)
    app.command()(task)
    app.command()(workers)


def tasks(
    status: Annotated[
        list[TaskState] | None, typer.Option("--status", "-s", help="Only in this state (repeat).")
    ] = None,
    worker: Annotated[str | None, typer.Option("--worker", help="Only those of this worker.")] = None,
    priority: Annotated[Level | None, typer.Option("--priority", "-p", help="Only of this priority.")] = None,
    quarantined: Annotated[
        bool, typer.Option("--quarantined", help="Only those that workers did not survive, until they are retried.")
    ] = False,
    limit: Limit = 20,
    cursor: Cursor = None,
    gateway: GatewayUrl = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """List tasks, newest first."""
    asked = given(
        status=status,
        worker_id=worker,
        priority=priority,
        quarantined=quarantined or None,
        limit=limit,
        cursor=cursor,
    )
    print_answer(call_once(target_of(gateway, token), "list_tasks", asked), as_json)


def task(
    task_id: TaskId,
    streams: Annotated[bool, typer.Option(help="Show the last entries of its stream.")] = True,
    analytics: Annotated[bool, typer.Option(help="Show its last figures.")] = True,
    gateway: GatewayUrl = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Show all that is known of one task."""
    asked = {"task_id": task_id, "include_streams": streams, "include_analytics": analytics}
    print_answer(call_once(target_of(gateway, token), "monitor_task", asked), as_json)


def workers(
    worker: Annotated[str | None, typer.Argument(metavar="[WORKER]", help="Id of one; all if left out.")] = None,
    status: Annotated[WorkerStatus | None, typer.Option("--status", "-s", help="Only in this status.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    gateway: GatewayUrl = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """List the workers of the fleet."""
    asked = given(action="list", worker_id=worker, status=status, limit=limit, cursor=cursor)
    print_answer(call_once(target_of(gateway, token), "manage_workers", asked), as_json)
