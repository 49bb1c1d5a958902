"""`mews assign`, `cancel`, `retry`: give work, take it back, give it again."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from contracts.base import Level
from devstack.calls import Target
from devstack.cli.calling import GatewayUrl, Token, call_once, given, print_answer, target_of
from devstack.cli.listing import TaskId
from devstack.cli.output import AsJson
from devstack.cli.watching import watch_and_exit
from devstack.errors import DevstackError

Watch = Annotated[bool, typer.Option("--watch", "-w", help="Watch it until it has ended.")]

# The forms of a git address that are no path: https://…, git@host:…
REMOTE = re.compile(r"^([a-z][a-z0-9+.-]*://|[^/\s]+@[^/\s]+:)")


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(assign)
    app.command()(cancel)
    app.command()(retry)


def assign(
    description: Annotated[str, typer.Argument(metavar="DESCRIPTION", help="What to do, in words.")],
    priority: Annotated[Level, typer.Option("--priority", "-p", help="How urgent it is.")] = Level.medium,
    worker: Annotated[str | None, typer.Option("--worker", help="Only this worker may take it.")] = None,
    repo: Annotated[str | None, typer.Option("--repo", help="Folder, or git repository (path or URL).")] = None,
    agent: Annotated[str | None, typer.Option("--agent", help="Agent to run: auditor, command, …")] = None,
    verify: Annotated[
        list[str] | None, typer.Option("--verify", help="Shell command that the platform runs on the result (repeat).")
    ] = None,
    requirements: Annotated[
        str, typer.Option("--requirements", metavar="JSON", help="Object with all other requirements.")
    ] = "{}",
    estimated_duration_ms: Annotated[int | None, typer.Option(min=0, help="How long it may take.")] = None,
    key: Annotated[str | None, typer.Option("--key", help="Idempotency key: a repeat makes no second task.")] = None,
    watch: Watch = False,
    gateway: GatewayUrl = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Assign a task to a worker. With --watch, the exit code says how it ended, as that of `watch` does."""
    task = given(
        description=description,
        priority=priority,
        worker_id=worker,
        requirements=gather(requirements, repo=repo, agent=agent, verify=verify or ()),
        estimated_duration_ms=estimated_duration_ms,
        idempotency_key=key,
    )
    _call_and_watch(target_of(gateway, token), "assign_task", task, watch, as_json)


def cancel(
    task_id: TaskId,
    reason: Annotated[str | None, typer.Option("--reason", help="Why; the task's history shows it.")] = None,
    gateway: GatewayUrl = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Stop a task, wherever it is."""
    asked = given(task_id=task_id, reason=reason)
    print_answer(call_once(target_of(gateway, token), "cancel_task", asked), as_json)


def retry(
    task_id: TaskId,
    watch: Watch = False,
    gateway: GatewayUrl = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Queue a task that failed, was cancelled, or timed out once more."""
    _call_and_watch(target_of(gateway, token), "retry_task", {"task_id": task_id}, watch, as_json)


def gather(written: str, *, repo: str | None, agent: str | None, verify: Sequence[str]) -> dict[str, Any]:
    """The requirements: the JSON object given, and over it what has an option of its own."""
    try:
        requirements: Any = json.loads(written)
    except json.JSONDecodeError as error:
        raise DevstackError(f"--requirements is not JSON: {error}") from error
    if not isinstance(requirements, dict):
        raise DevstackError('--requirements must be a JSON object, such as \'{"tags": ["gpu"]}\'')
    options = {"repository": repository(repo) if repo else None, "agent": agent, "verify": list(verify) or None}
    return requirements | {name: value for name, value in options.items() if value is not None}


def repository(named: str) -> str:
    """A git URL as it is, a folder as the absolute path that a worker on this machine finds."""
    if REMOTE.match(named):
        return named
    path = Path(named).expanduser().resolve()
    if not path.is_dir():
        raise DevstackError(f"{path} is no folder; give a folder, or a git repository by its path or URL")
    return str(path)


def _call_and_watch(target: Target, tool: str, asked: Mapping[str, Any], watch: bool, as_json: bool) -> None:
    answer = call_once(target, tool, asked)
    if not watch:
        print_answer(answer, as_json)
        return
    if not as_json:
        typer.echo(answer.text.splitlines()[0])
    watch_and_exit(target, str(answer.structure["task_id"]), as_json)
