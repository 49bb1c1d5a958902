"""`mews audit`: who did what, and whether the log of it was touched."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from contracts.audit import AuditEntry, AuditHead, AuditOutcome, AuditSource, AuditVerification
from contracts.base import Page
from devstack.calls import Target
from devstack.cli.calling import GatewayUrl, Token, target_of
from devstack.cli.listing import Cursor, Limit
from devstack.cli.output import AsJson, console, print_json
from devstack.errors import DevstackError
from devstack.rest import call_rest
from servicekit.clock import SystemClock
from servicekit.durations import parse_duration

PATH = "/v1/audit"
BROKEN = 1

audit = typer.Typer(help="The audit log: who did or decided what. Needs the role admin.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(audit, name="audit")


@audit.command(name="list")
def list_entries(
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="From then on: 24h ago, or 2026-11-30T08:00:00Z.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Before then.")] = None,
    principal: Annotated[str | None, typer.Option("--by", metavar="NAME", help="Only what this caller did.")] = None,
    action: Annotated[
        str | None, typer.Option("--action", help="Only this tool, route, or kind of decision: task.assigned.")
    ] = None,
    outcome: Annotated[AuditOutcome | None, typer.Option("--outcome", help="Only what came to this.")] = None,
    source: Annotated[AuditSource | None, typer.Option("--source", help="Only from there.")] = None,
    task: Annotated[str | None, typer.Option("--task", help="Only about this task.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    gateway: GatewayUrl = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """List entries, newest first."""
    params = {
        "since": moment("--since", since),
        "until": moment("--until", until),
        "principal": principal,
        "action": action,
        "outcome": outcome,
        "source": source,
        "task_id": task,
        "limit": limit,
        "cursor": cursor,
    }
    page = call_rest(target_of(gateway, token), "GET", PATH, Page[AuditEntry], params=params)
    if as_json:
        print_json(page)
        return
    table = Table("SEQ", "TIME", "WHO", "ROLE", "WHAT", "OUTCOME", "ABOUT", "FROM", box=None, pad_edge=False)
    for one in page.items:
        outcome_told = f"{one.outcome} {one.code}" if one.code else one.outcome
        about = one.task_id or one.worker_id or one.question_id or ""
        at = f"{one.occurred_at:%Y-%m-%d %H:%M:%S}"
        row = (str(one.seq), at, one.principal, one.role or "", one.action, outcome_told, about, one.client or "")
        table.add_row(*row)
    console.print(table if page.items else "There are no such entries.")
    if page.next_cursor:
        typer.echo(f"More: --cursor {page.next_cursor}")


@audit.command()
def show(
    seq: Annotated[int, typer.Argument(metavar="SEQ", min=1, help="Number of the entry.")],
    gateway: GatewayUrl = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Show all of one entry."""
    entry = call_rest(target_of(gateway, token), "GET", f"{PATH}/{seq}", AuditEntry)
    if as_json:
        print_json(entry)
        return
    for name, value in entry.to_dict().items():
        if value is not None and name != "details":
            typer.echo(f"{name + ':':14}{value}")


@audit.command()
def head(gateway: GatewayUrl = None, token: Token = None, as_json: AsJson = False) -> None:
    """Print the end of the log: keep it elsewhere, and give it to verify later."""
    found = call_rest(target_of(gateway, token), "GET", f"{PATH}/head", AuditHead)
    if as_json:
        print_json(found)
    else:
        typer.echo(_written(found))


@audit.command()
def verify(
    known: Annotated[
        list[str] | None,
        typer.Option("--head", metavar="SEQ:HASH", help="An end of the log that was kept elsewhere (repeat)."),
    ] = None,
    gateway: GatewayUrl = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Follow the whole log and name the first entry that was changed, removed or put in; then end with 1."""
    found = _verified(target_of(gateway, token), known or [])
    if as_json:
        print_json(found)
    elif found.broken is not None:
        typer.echo(f"BROKEN at entry {found.broken.seq}: {found.broken.reason}")
    else:
        typer.echo(f"{found.entries} entries hold, from {found.first_seq} to {_written(found.head)}")
    if found.broken is not None:
        raise typer.Exit(BROKEN)


def _verified(target: Target, known: list[str]) -> AuditVerification:
    after, first, entries = None, 0, 0
    while True:
        params: dict[str, Any] = {"after": after, "known": known or None}
        part = call_rest(target, "GET", f"{PATH}/verification", AuditVerification, params=params)
        first, entries = first or part.first_seq, entries + part.entries
        if part.complete:
            return part.model_copy(update={"first_seq": first, "entries": entries})
        after = _written(part.head)


def _written(head: AuditHead) -> str:
    return f"{head.seq}:{head.hash}"


def moment(option: str, text: str | None) -> str | None:
    """A time as the gateway takes it: a duration ago, or a time with its zone. Raises DevstackError."""
    if text is None:
        return None
    try:
        return (SystemClock().now() - parse_duration(text.removesuffix(" ago"))).isoformat()
    except ValueError:
        pass
    try:
        given = datetime.fromisoformat(text)
    except ValueError as error:
        raise DevstackError(f"{option} {text!r} is no time: give 24h, 7d, or 2026-11-30T08:00:00Z") from error
    if given.tzinfo is None:
        raise DevstackError(f"{option} {text!r} has no time zone: end it with Z for UTC")
    return given.astimezone(UTC).isoformat()
