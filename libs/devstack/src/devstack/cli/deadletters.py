"""`mews dead-letters …`: messages that services could not apply, and what is to become of them."""

from collections.abc import Iterable, Sequence
from typing import Annotated

import typer
from rich.table import Table

from contracts.deadletters import (
    MOST_AT_ONCE,
    DeadLetter,
    DeadLetterCause,
    DeadLetterContent,
    DeadLetterList,
    DeadLetterOutcome,
    DeadLetterState,
    DropDeadLetters,
    RetryDeadLetters,
    SettledDeadLetter,
    SettledDeadLetters,
    UnavailableService,
)
from devstack.calls import Target
from devstack.cli.calling import GatewayUrl, Token, target_of
from devstack.cli.listing import Cursor, Limit
from devstack.cli.output import AsJson, console, print_json
from devstack.errors import DevstackError
from devstack.rest import call_rest

PATH = "/v1/dead-letters"
PAGE = 500
SETTLED = {DeadLetterOutcome.retried, DeadLetterOutcome.dropped, DeadLetterOutcome.unchanged}

Ids = Annotated[list[str] | None, typer.Argument(metavar="ID", help="Letters, such as telemetry-ingest:12.")]
Services = Annotated[list[str] | None, typer.Option("--service", "-s", help="Only of this service (repeat).")]
Every = Annotated[bool, typer.Option("--all", "-a", help="All that are open, instead of some by id.")]

dead_letters = typer.Typer(
    no_args_is_help=True, help="See to messages that could not be applied: list, show, retry, drop."
)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(dead_letters, name="dead-letters")


@dead_letters.command("list")
def list_letters(
    service: Services = None,
    state: Annotated[DeadLetterState, typer.Option("--state", help="In this state.")] = DeadLetterState.open,
    every: Annotated[bool, typer.Option("--all", "-a", help="In any state.")] = False,
    cause: Annotated[DeadLetterCause | None, typer.Option("--cause", help="Only for this cause.")] = None,
    stream: Annotated[str | None, typer.Option("--stream", help="Only of this stream.")] = None,
    subject: Annotated[str | None, typer.Option("--subject", help="Only on this subject.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    gateway: GatewayUrl = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """List open ones, newest first."""
    params = {
        "service": service,
        "state": None if every else state.value,
        "cause": cause.value if cause else None,
        "stream": stream,
        "subject": subject,
        "limit": limit,
        "cursor": cursor,
    }
    found = call_rest(target_of(gateway, token), "GET", PATH, DeadLetterList, params=params)
    if as_json:
        return print_json(found)
    if found.items:
        console.print(_table(found.items))
    else:
        console.print("no dead letters")
    _warn(found.unavailable)
    if found.next_cursor:
        console.print(f"more: --cursor {found.next_cursor}")
    return None


@dead_letters.command()
def show(
    letter_id: Annotated[str, typer.Argument(metavar="ID", help="The letter, such as telemetry-ingest:12.")],
    gateway: GatewayUrl = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Show one, with what the message says."""
    letter = call_rest(target_of(gateway, token), "GET", f"{PATH}/{letter_id}", DeadLetterContent)
    if as_json:
        return print_json(letter)
    for name, value in letter.model_dump(mode="json", exclude_none=True, exclude={"payload", "headers"}).items():
        typer.echo(f"{name + ':':<16} {value}")
    for name, value in letter.headers.items():
        typer.echo(f"header:          {name}: {value}")
    return typer.echo(f"\n{letter.payload}{'…' if letter.is_cut else ''}")


@dead_letters.command()
def retry(
    ids: Ids = None,
    every: Every = False,
    service: Services = None,
    gateway: GatewayUrl = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Have their services process them again, the oldest first; what fails again stays open."""
    target = target_of(gateway, token)
    chosen = _chosen(target, ids, every, service)
    bodies = (RetryDeadLetters(ids=part) for part in _parts(chosen))
    _tell([item for body in bodies for item in _settled(target, "retry", body)], as_json)


@dead_letters.command()
def drop(
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why; it is kept with the letter.")],
    ids: Ids = None,
    every: Every = False,
    service: Services = None,
    gateway: GatewayUrl = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Give them up."""
    target = target_of(gateway, token)
    chosen = _chosen(target, ids, every, service)
    bodies = (DropDeadLetters(ids=part, reason=reason) for part in _parts(chosen))
    _tell([item for body in bodies for item in _settled(target, "drop", body)], as_json)


def _settled(target: Target, action: str, body: RetryDeadLetters | DropDeadLetters) -> list[SettledDeadLetter]:
    return call_rest(target, "POST", f"{PATH}/{action}", SettledDeadLetters, body=body).items


def _parts(ids: list[str]) -> Iterable[list[str]]:
    """As many as one request may name."""
    return (ids[start : start + MOST_AT_ONCE] for start in range(0, len(ids), MOST_AT_ONCE))


def _chosen(target: Target, ids: list[str] | None, every: bool, services: list[str] | None) -> list[str]:
    """The letters that are meant, the oldest first. Raises DevstackError."""
    if bool(ids) == every:
        raise DevstackError("name the letters, or say --all for all that are open")
    if ids:
        return list(dict.fromkeys(ids))
    found: list[str] = []
    cursor: str | None = None
    while True:
        params = {"service": services, "state": "open", "limit": PAGE, "cursor": cursor}
        page = call_rest(target, "GET", PATH, DeadLetterList, params=params)
        found += [letter.id for letter in page.items]
        cursor = page.next_cursor
        if not page.items or cursor is None:
            _warn(page.unavailable)
            return found[::-1]


def _tell(items: list[SettledDeadLetter], as_json: bool) -> None:
    """Print what became of each; ends the command with 1 unless all are settled."""
    if as_json:
        print_json(SettledDeadLetters(items=items))
    for item in [] if as_json else items:
        typer.echo(f"{item.id}: {item.outcome.value.replace('_', ' ')}{f' ({item.detail})' if item.detail else ''}")
    if not items and not as_json:
        typer.echo("no dead letters")
    if any(item.outcome not in SETTLED for item in items):
        raise typer.Exit(1)


def _warn(unavailable: Iterable[UnavailableService]) -> None:
    for one in unavailable:
        typer.echo(f"{one.service} could not be asked: {one.detail}", err=True)


def _table(letters: Sequence[DeadLetter]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    # An id is there to be copied.
    table.add_column("id", no_wrap=True, min_width=max(len(letter.id) for letter in letters))
    for column in ("state", "recorded", "subject", "tried", "reason"):
        table.add_column(column, overflow="fold")
    for letter in letters:
        recorded = letter.recorded_at.strftime("%Y-%m-%d %H:%M:%S")
        reason = letter.last_error or letter.reason
        table.add_row(letter.id, letter.state.value, recorded, letter.subject, str(letter.retries), reason)
    return table
