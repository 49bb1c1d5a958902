"""`mews bus`: who may use the bus. Works without a running system; a running one is told."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from devstack.bus.authority import Authority, Member
from devstack.bus.local import credentials_file, write_credentials
from devstack.bus.pushing import push
from devstack.cli.output import AsJson, console, print_json
from devstack.environ import user_environment
from devstack.errors import DevstackError
from devstack.locking import is_supervised
from devstack.paths import Layout, layout
from devstack.servers.given import given_nats
from servicekit.clock import SystemClock
from servicekit.settings import ServiceSettings

DEFAULT_DAYS = 90

Folder = Annotated[
    Path | None,
    typer.Option("--authority", help="Folder of the authority's keys; by default that of the system on this machine."),
]
Worker = Annotated[str | None, typer.Option("--worker", help="Id of a worker.")]
Service = Annotated[str | None, typer.Option("--service", help="Name of a service.")]

bus = typer.Typer(help="Who may use the bus: credentials of workers and services.", no_args_is_help=True)
credentials = typer.Typer(help="Make, list and revoke credentials.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    credentials.command()(create)
    credentials.command(name="list")(list_issued)
    credentials.command()(revoke)
    bus.command(name="server-config")(server_config)
    bus.command(name="push")(push_accounts)
    bus.command()(maintenance)
    bus.add_typer(credentials, name="credentials")
    app.add_typer(bus, name="bus")


def create(
    out: Annotated[
        Path | None, typer.Option("--out", help="File to write; by default the one of this machine.")
    ] = None,
    worker: Worker = None,
    service: Service = None,
    days: Annotated[int, typer.Option("--days", min=0, help="How long it is valid; 0: for ever.")] = DEFAULT_DAYS,
    authority: Folder = None,
) -> None:
    """Make a credential; older ones of the same worker or service stay valid until they are revoked or expire."""
    kind, name = _named(worker, service)
    opened = _opened(authority)
    lasts, now = timedelta(days=days) if days else None, SystemClock().now()
    made = opened.for_worker(name, now, lasts) if kind == "worker" else opened.for_service(name, now, lasts)
    path = out or credentials_file(layout(), kind, name)
    write_credentials(path, made)
    _tell(opened, layout(), authority)
    console.print(f"{path} is the credential of {kind} {name}, key {made.key.public}", soft_wrap=True)


def list_issued(authority: Folder = None, as_json: AsJson = False) -> None:
    """Show what was issued, and whether it is valid."""
    rows = [
        {"kind": kind, "name": name, **row}
        for kind, members in _opened(authority).members.items()
        for name, member in sorted(members.items())
        for row in _rows(member)
    ]
    if as_json:
        print_json({"credentials": rows})
        return
    for row in rows:
        told = f"{row['kind']} {row['name']}: {row['key']}, {row['state']}, expires {row['expires_at'] or 'never'}"
        console.print(told, soft_wrap=True)


def revoke(
    worker: Worker = None,
    service: Service = None,
    key: Annotated[str | None, typer.Option("--key", help="Only this public key, not all.")] = None,
    authority: Folder = None,
) -> None:
    """End the credentials of a worker or service; whoever is connected with one is thrown out."""
    kind, name = _named(worker, service)
    opened = _opened(authority)
    ended = opened.revoke(kind, name, key, SystemClock().now())
    told = _tell(opened, layout(), authority)
    after = "" if told else "; tell the servers: `mews bus push`"
    console.print(f"revoked {len(ended)} of {kind} {name}: {', '.join(ended)}{after}", soft_wrap=True)


def push_accounts(authority: Folder = None) -> None:
    """Tell the NATS servers of NATS_HOST and NATS_PORT (and NATS_TLS…) about all accounts."""
    opened = _opened(authority)
    _push(opened, ServiceSettings())
    console.print(f"{len(opened.account_tokens())} accounts told")


def server_config(authority: Folder = None) -> None:
    """Print the part of a NATS server's configuration that makes it follow this authority, accounts included."""
    opened = _opened(authority)
    opened.write_accounts(SystemClock().now())
    resolver = {"resolver": {"type": "full", "dir": "./accounts"}, "resolver_preload": opened.account_tokens()}
    typer.echo(json.dumps(opened.server_configuration() | resolver, indent=2))


def maintenance(
    out: Annotated[Path, typer.Option("--out", help="File to write.")],
    hours: Annotated[int, typer.Option("--hours", min=1, max=168, help="How long it is valid.")] = 24,
    authority: Folder = None,
) -> None:
    """Make a credential that may back up, restore and purge the platform's streams; it ends by itself."""
    made = _opened(authority).for_maintenance(SystemClock().now(), timedelta(hours=hours))
    write_credentials(out, made)
    console.print(f"{out} is valid for {hours} h: it may do all with streams and buckets", soft_wrap=True)


def _named(worker: str | None, service: str | None) -> tuple[str, str]:
    if (worker is None) == (service is None):
        raise DevstackError("name one of --worker and --service")
    return ("worker", worker) if worker is not None else ("service", service or "")


def _opened(folder: Path | None) -> Authority:
    return Authority(folder or layout().bus)


def _rows(member: Member) -> list[dict[str, str | None]]:
    now = SystemClock().now()
    return [
        {
            "key": one.key,
            "state": "valid" if member.is_valid(one, now) else "revoked" if one.key in member.revoked else "expired",
            "issued_at": one.issued_at.isoformat(),
            "expires_at": one.expires_at.isoformat() if one.expires_at else None,
        }
        for one in member.issued
    ]


def _tell(opened: Authority, place: Layout, folder: Path | None) -> bool:
    """Tell the system on this machine, if it runs and follows this authority; whether that was done."""
    if folder is not None or given_nats(user_environment(place.root)) or not is_supervised(place.lock):
        return False
    port = json.loads(place.ports.read_text())["nats"]
    _push(opened, ServiceSettings(nats_host="127.0.0.1", nats_port=port))
    return True


def _push(opened: Authority, settings: ServiceSettings) -> None:
    asyncio.run(push(settings, opened.for_servers(SystemClock().now()), opened.account_tokens()))
