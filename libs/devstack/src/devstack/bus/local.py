"""The credentials of the system on this machine: one file for each service and worker, readable by the user alone."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from devstack.bus.authority import Authority
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
    for kind, names in (("service", services), ("worker", workers)):
        for name in names:
            path = credentials_file(layout, kind, name)
            if not _holds(authority, kind, name, path, now):
                write_credentials(path, authority.issue(kind, name, now, LASTS))
    return authority


def write_credentials(path: Path, credentials: Credentials) -> None:
    """Write a credentials file that its owner alone can read; whoever has it open sees the old one or the new."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_atomically(path, str(credentials), mode=0o600)


def _holds(authority: Authority, kind: str, name: str, path: Path, now: datetime) -> bool:
    """Whether the file holds a credential with today's rights that is valid for some time."""
    try:
        return authority.holds(kind, name, path.read_text(), now + RENEW_BEFORE)
    except OSError:
        return False
