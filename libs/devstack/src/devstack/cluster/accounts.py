"""The bus's authority of a release, which lies in a Secret; what it issues, and what servers must know of it."""

import json
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from contracts import permissions
from devstack.bus.authority import Authority
from devstack.bus.claims import read
from devstack.cluster import release as groups
from devstack.cluster.contents import Data
from devstack.cluster.keeping import Keeper, Overtaken, ensure
from devstack.cluster.release import Release
from devstack.errors import DevstackError
from servicekit.bus.keys import Credentials

BOOK, SERVER_CONFIGURATION = "authority.json", "server.conf"
KIND_OF = {groups.BUS: "service", groups.BUS_WORKERS: "worker"}
RENEW_BEFORE = timedelta(days=30)
TRIES = 10
# Of the 1 MiB that a Secret holds: accounts beyond it are told to the servers alone, which keep them on their disk.
MOST_PRELOADED_BYTES = 900_000


@dataclass(frozen=True)
class MadeBus:
    """The accounts that servers are to be told about, the authority's book, and what was done, in words."""

    accounts: Mapping[str, str]
    book: str
    said: list[str]

    def for_servers(self, now: datetime) -> Credentials:
        """A credential with which servers are told about accounts, for a minute."""
        with opened(self.book) as authority:
            return authority.for_servers(now)


async def make_bus(release: Release, keeper: Keeper, now: datetime, lasts: timedelta | None) -> MadeBus:
    """Make what is missing. The authority's book is written first: what was issued and not kept harms nobody.

    A credential is made anew only where NATS would not take it, or this version gives other rights; the one before
    stays valid. Raises DevstackError where credentials are there and their authority is not.
    """
    for _ in range(TRIES):
        try:
            return await _make(release, keeper, now, lasts)
        except Overtaken:
            continue
    raise DevstackError(f"Secret {release.secret(groups.AUTHORITY)} is changed by others again and again")


@contextmanager
def opened(book: str | None) -> Generator[Authority]:
    """An authority with this book, or a new one, in a folder that does not outlive the block."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / BOOK
        if book is not None:
            path.touch(mode=0o600)
            path.write_text(book)
        yield Authority(Path(folder))


async def _make(release: Release, keeper: Keeper, now: datetime, lasts: timedelta | None) -> MadeBus:
    name = release.secret(groups.AUTHORITY)
    kept = await keeper.read(name)
    book = kept.data[BOOK] if kept else None
    found = {group: await _data(keeper, release.secret(group)) for group in KIND_OF if group in release.groups}
    if book is None:
        _must_be_first(release, found)
    with opened(book) as authority:
        made = {group: _issued(release, group, authority, data, now, lasts) for group, data in found.items()}
        authority.write_accounts(now)
        plain, accounts, written = authority.server_configuration(), authority.account_tokens(), authority.book
    said = [(await ensure(keeper, name, partial(_replaced, kept.data if kept else {}, written)))[1]]
    for group, credentials in made.items():
        adding = partial(_with, credentials, plain if group == groups.BUS else None, accounts)
        said.append((await ensure(keeper, release.secret(group), adding))[1])
    return MadeBus(accounts, written, said)


def _replaced(expected: Data, book: str, kept: Data) -> Data:
    """The new book, in the place of the one from which it was made, and of no other."""
    if kept.get(BOOK) not in (expected.get(BOOK), book):
        raise Overtaken
    return {**kept, BOOK: book}


async def _data(keeper: Keeper, name: str) -> Data:
    kept = await keeper.read(name)
    return kept.data if kept else {}


def _must_be_first(release: Release, found: Mapping[str, Data]) -> None:
    orphans = [group for group, data in found.items() if any(key.endswith(".creds") for key in data)]
    if orphans:
        secrets = " and ".join(release.secret(group) for group in orphans)
        raise DevstackError(
            f"{secrets}: credentials are there, but their authority, Secret {release.secret(groups.AUTHORITY)}, is "
            "gone. Put back a copy of it; or delete them too, and all is made anew (then NATS must start on an empty "
            "folder of accounts, and every pod again)"
        )


def _issued(
    release: Release, group: str, authority: Authority, found: Data, now: datetime, lasts: timedelta | None
) -> Data:
    """New credentials by key, of those that are missing or no longer fit."""
    kind, until = KIND_OF[group], now + RENEW_BEFORE
    names = release.worker_ids if group == groups.BUS_WORKERS else list(permissions.SERVICES)
    unfit = [name for name in names if not authority.holds(kind, name, found.get(f"{name}.creds", ""), until)]
    return {f"{name}.creds": str(authority.issue(kind, name, now, lasts)) for name in unfit}


def _with(credentials: Data, plain: Mapping[str, object] | None, accounts: Mapping[str, str], kept: Data) -> Data:
    data = {**kept, **credentials}
    return data if plain is None else data | {SERVER_CONFIGURATION: _configuration(plain, accounts, kept)}


def _configuration(plain: Mapping[str, object], accounts: Mapping[str, str], kept: Data) -> str:
    """What servers must know when they start. What says the same as before stays as it was."""
    before: Mapping[str, str] = json.loads(kept.get(SERVER_CONFIGURATION, "{}")).get("resolver_preload", {})
    preload: dict[str, str] = {}
    room = MOST_PRELOADED_BYTES
    # First those without which no service connects: SYS and MEWS come before any worker.
    for key, token in sorted(accounts.items(), key=lambda account: _said(account[1])["name"]):
        room -= len(token)
        if room > 0:
            preload[key] = before[key] if key in before and _said(before[key]) == _said(token) else token
    return json.dumps({**plain, "resolver_preload": preload}, indent=2)


def _said(token: str) -> dict[str, str]:
    return {name: value for name, value in read(token).items() if name not in ("iat", "jti")}
