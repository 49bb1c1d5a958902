"""The credentials of the system on this machine: one file for each service and worker, readable by the user alone."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from devstack.bus.authority import Authority
from devstack.bus.claims import read
from devstack.files import write_atomically
from devstack.paths import Layout
from servicekit.bus.keys import Credentials

LASTS = timedelta(days=365)
RENEW_BEFORE = timedelta(days=30)


def credentials_file(layout: Layout, kind: str, name: str) -> Path:
    """Where the credential of a `worker` or `service` is kept."""
    return layout.bus / f"{kind}s" / f"{name}.creds"


def prepare_credentials(layout: Layout, services: Iterable[str], workers: Iterable[str], now: datetime) -> Authority:
    """Make what is missing, and make anew what expires soon or is revoked."""
    authority = Authority(layout.bus)
    for name in services:
        path = credentials_file(layout, "service", name)
        if not _holds(authority, "service", name, path, now):
            write_credentials(path, authority.for_service(name, now, LASTS))
    for name in workers:
        path = credentials_file(layout, "worker", name)
        if not _holds(authority, "worker", name, path, now):
            write_credentials(path, authority.for_worker(name, now, LASTS))
    return authority


def write_credentials(path: Path, credentials: Credentials) -> None:
    """Write a credentials file that its owner alone can read; whoever has it open sees the old one or the new."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_atomically(path, str(credentials), mode=0o600)


def _holds(authority: Authority, kind: str, name: str, path: Path, now: datetime) -> bool:
    """Whether the file holds a credential with today's rights that is valid for some time."""
    member = authority.members[kind].get(name)
    try:
        kept = Credentials.parse(path.read_text())
    except (OSError, ValueError):
        return False
    mine = [one for one in member.issued if one.key == kept.key.public] if member else []
    return any(
        member is not None
        and member.is_valid(one, now + RENEW_BEFORE)
        and read(kept.jwt)["nats"]["pub"]["allow"] == list(authority.rights(kind, name).publish)
        and read(kept.jwt)["nats"]["sub"]["allow"] == list(authority.rights(kind, name).subscribe)
        for one in mine
    )
