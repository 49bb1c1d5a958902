"""`mews keys`: who may call the gateway by an API key."""

from datetime import datetime
from typing import Annotated

import typer
from rich.table import Table

from contracts.access import ApiKey, IssuedApiKey, NewApiKey, Role
from contracts.base import Page
from devstack.cli.calling import GatewayUrl, Token, target_of
from devstack.cli.listing import Cursor, Limit
from devstack.cli.output import AsJson, console, print_json
from devstack.errors import DevstackError
from devstack.rest import call_rest
from servicekit.clock import SystemClock
from servicekit.durations import parse_duration

PATH = "/v1/keys"
NEVER = "never"
DEFAULT_LIFE = "90d"

keys = typer.Typer(help="API keys of the gateway: make, list and revoke them.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(keys, name="keys")


@keys.command()
def create(
    name: Annotated[str, typer.Argument(help="Whose key it is; the services learn it as the actor.")],
    role: Annotated[Role, typer.Option("--role", "-r", help="What it may do.")] = Role.viewer,
    tools: Annotated[
        list[str] | None, typer.Option("--tool", help="Only this tool, and nothing else (repeat).")
    ] = None,
    expires: Annotated[
        str, typer.Option("--expires", metavar="TIME", help="How long it lives: 12h, 90d, … or never.")
    ] = DEFAULT_LIFE,
    gateway: GatewayUrl = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Make an API key and show it, this once."""
    new = NewApiKey(name=name, role=role, tools=tools or [], expires_at=_end(expires))
    issued = call_rest(target_of(gateway, token), "POST", PATH, IssuedApiKey, body=new)
    if as_json:
        print_json(issued)
        return
    typer.echo(
        f"{issued.key.key_id} for {issued.key.name}, role {issued.key.role}, ends {_time(issued.key.expires_at)}"
    )
    typer.echo("Keep this token; nobody can show it again:")
    typer.echo(issued.token)


@keys.command(name="list")
def list_keys(
    limit: Limit = 50,
    cursor: Cursor = None,
    gateway: GatewayUrl = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """List API keys, newest first."""
    params = {"limit": limit, "cursor": cursor}
    page = call_rest(target_of(gateway, token), "GET", PATH, Page[ApiKey], params=params)
    if as_json:
        print_json(page)
        return
    now = SystemClock().now()
    table = Table("KEY", "NAME", "ROLE", "TOOLS", "STATE", "ENDS", "LAST USED", box=None, pad_edge=False)
    for key in page.items:
        tools = ", ".join(key.tools) or "all"
        ends, used = _time(key.expires_at), _time(key.last_used_at)
        table.add_row(key.key_id, key.name, key.role, tools, _state(key, now), ends, used)
    console.print(table if page.items else "There are no API keys.")
    if page.next_cursor:
        typer.echo(f"More: --cursor {page.next_cursor}")


@keys.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="KEY", help="Id of the key: key-…")],
    gateway: GatewayUrl = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """End an API key; within seconds nobody is let in with it."""
    revoked = call_rest(target_of(gateway, token), "POST", f"{PATH}/{key_id}/revoke", ApiKey)
    if as_json:
        print_json(revoked)
    else:
        typer.echo(f"{revoked.key_id} of {revoked.name} is revoked")


def _end(text: str) -> datetime | None:
    if text == NEVER:
        return None
    try:
        lifetime = parse_duration(text)
    except ValueError as error:
        raise DevstackError(f"--expires {text!r}: {error}, or never") from error
    return SystemClock().now() + lifetime


def _state(key: ApiKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "ended" if key.expires_at is not None and key.expires_at <= now else "live"


def _time(moment: datetime | None) -> str:
    return NEVER if moment is None else f"{moment:%Y-%m-%d %H:%M}"
