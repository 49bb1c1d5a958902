"""`mews cluster`: what a release of the chart needs before its pods can start."""

import asyncio
import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from devstack.cluster.api import cluster_secrets
from devstack.cluster.keeping import MemoryKeeper
from devstack.cluster.manifests import parsed, printed
from devstack.cluster.release import GROUPS, MOST_WORKERS, Release, groups_of, release_from
from devstack.cluster.setup import Setup, labels_of, make_all
from devstack.errors import DevstackError
from servicekit.clock import SystemClock

WITHIN_S = 600.0
FOR_EVER = 0

cluster = typer.Typer(help="A release of the chart: its Secrets, roles and accounts.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    cluster.command()(setup)
    cluster.command()(secrets)
    app.add_typer(cluster, name="cluster")


def setup(
    within: Annotated[
        float, typer.Option("--within", min=0, help="Seconds to wait for servers that start.")
    ] = WITHIN_S,
) -> None:
    """Make what is missing: Secrets, roles of the database, accounts of the bus. What is there is never changed.

    The environment says what for: MEWS_RELEASE (the chart's fullname), MEWS_NAMESPACE, MEWS_WORKERS (the largest number
    of workers), MEWS_SECRETS (groups of Secrets to make: postgres, redis, services, gateway, bus, bus-workers; all),
    MEWS_CREDENTIALS_DAYS (how long credentials of the bus are valid; 0: for ever), POSTGRES_HOST, _PORT, _DB, _TLS…,
    POSTGRES_ADMIN_USER (none: no roles are made) with POSTGRES_ADMIN_PASSWORD, or POSTGRES_ADMIN_SECRET and
    POSTGRES_ADMIN_PASSWORD_KEY, and NATS_HOST, _PORT, _TLS….
    """
    asyncio.run(_setup(within))


def secrets(
    release: Annotated[str, typer.Option("--release", help="Name of the release (the chart's fullname).")] = "mews",
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Where it is installed.")] = "mews",
    workers: Annotated[
        int, typer.Option("--workers", min=0, max=MOST_WORKERS, help="The largest number of workers.")
    ] = 10,
    groups: Annotated[str, typer.Option("--only", help="Groups of Secrets, separated by commas.")] = ",".join(GROUPS),
    known: Annotated[
        Path | None,
        typer.Option("--from", help="What was printed before, or `kubectl get secrets -o json`: only add to it."),
    ] = None,
    days: Annotated[int, typer.Option("--days", min=0, help="Validity of the bus's credentials; 0: for ever.")] = 0,
) -> None:
    """Print the Secrets of a release, for those who keep them elsewhere; nothing is changed anywhere."""
    about = Release(release, namespace, workers, groups_of(groups))
    keeper = MemoryKeeper(parsed(known.read_text()) if known else {})
    lasts = timedelta(days=days) if days else None
    asyncio.run(make_all(about, keeper, SystemClock().now(), lasts, lambda line: typer.echo(line, err=True)))
    typer.echo(printed(namespace, labels_of(about), keeper.secrets), nl=False)


async def _setup(within_s: float) -> None:
    release = release_from(os.environ)
    async with cluster_secrets(release.namespace, labels_of(release)) as keeper:
        await Setup(release, keeper, os.environ, SystemClock(), typer.echo, within_s, _lasts()).run()


def _lasts() -> timedelta | None:
    text = os.environ.get("MEWS_CREDENTIALS_DAYS") or str(FOR_EVER)
    if not text.isdecimal():
        raise DevstackError(f"MEWS_CREDENTIALS_DAYS is {text!r}; it is a number of days, or 0 for ever")
    return timedelta(days=int(text)) if int(text) else None
