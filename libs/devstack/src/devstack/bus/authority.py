"""The authority: its keys, what it has issued, and the accounts as the servers read them, in a folder of its own."""

import fcntl
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, TypeAdapter, ValidationError

from contracts import permissions
from contracts.base import UtcTime, WorkerId
from contracts.permissions import Rights
from devstack.bus import claims
from devstack.bus.claims import Revocations, UserLimits
from devstack.errors import DevstackError
from devstack.files import write_atomically
from servicekit.bus.keys import Credentials, KeyPair, Role

SECRET_FILE, SECRET_FOLDER = 0o600, 0o700
WORKER_ID: TypeAdapter[str] = TypeAdapter(WorkerId)


class Issued(BaseModel):
    """One credential that was made; `expires_at` None: never."""

    key: str
    issued_at: UtcTime
    expires_at: UtcTime | None = None


class Member(BaseModel):
    """A worker (with an account of its own) or a service, and what was issued to it."""

    account_seed: str | None = None
    issued: list[Issued] = []
    revoked: dict[str, int] = {}

    def is_valid(self, one: Issued, now: datetime) -> bool:
        """Whether NATS takes this credential at that moment."""
        return one.key not in self.revoked and (one.expires_at is None or one.expires_at > now)

    def forget_expired(self, now: datetime) -> None:
        """What has expired need not be revoked any more."""
        self.issued = [one for one in self.issued if one.expires_at is None or one.expires_at > now]
        self.revoked = {one.key: self.revoked[one.key] for one in self.issued if one.key in self.revoked}


class Book(BaseModel):
    """All that the authority must keep: whoever can read it can be anybody."""

    operator_seed: str
    system_seed: str
    platform_seed: str
    workers: dict[str, Member] = {}
    services: dict[str, Member] = {}


class Authority:
    """Signs who may use the bus; nothing of it needs a running server."""

    def __init__(self, folder: Path) -> None:
        """Open it, or make it where there is none. Raises DevstackError for one that is damaged."""
        self._folder = folder
        self._accounts = folder / "accounts"
        self._accounts.mkdir(parents=True, exist_ok=True, mode=SECRET_FOLDER)
        folder.chmod(SECRET_FOLDER)
        self._book = self._opened()
        self._operator = KeyPair.from_seed(self._book.operator_seed)
        self._system = KeyPair.from_seed(self._book.system_seed)
        self._platform = KeyPair.from_seed(self._book.platform_seed)

    @property
    def accounts(self) -> Path:
        """The folder in which servers find the accounts, `<public key>.jwt` each."""
        return self._accounts

    @property
    def members(self) -> Mapping[str, Mapping[str, Member]]:
        """All workers and services to which something was issued."""
        return {"worker": self._book.workers, "service": self._book.services}

    @property
    def book(self) -> str:
        """All that it must keep, as it stands in its file: whoever can read it can be anybody."""
        return self._book.model_dump_json(indent=2)

    def holds(self, kind: str, name: str, text: str, until: datetime) -> bool:
        """Whether a file's text is a credential of this authority, with today's rights and limits, valid at `until`."""
        member, rights, limits = self.members[kind].get(name), self.rights(kind, name), _limits(kind)
        try:
            kept = Credentials.parse(text)
        except ValueError:
            return False
        said = claims.read(kept.jwt)["nats"]
        is_mine = member is not None and any(
            one.key == kept.key.public and member.is_valid(one, until) for one in member.issued
        )
        allowed = said["pub"]["allow"], said["sub"]["allow"], said["subs"], said["payload"]
        wanted = list(rights.publish), list(rights.subscribe), limits.subscriptions, limits.payload_bytes
        return is_mine and allowed == wanted

    def issue(self, kind: str, name: str, now: datetime, lasts: timedelta | None) -> Credentials:
        """A new credential for a `worker` or `service`; see `for_worker`, `for_service`."""
        return self.for_worker(name, now, lasts) if kind == "worker" else self.for_service(name, now, lasts)

    def rights(self, kind: str, name: str) -> Rights:
        """What a `worker` or `service` may do, as this version says."""
        return permissions.rights_of_worker(name) if kind == "worker" else permissions.rights_of_service(name)

    def write_accounts(self, now: datetime) -> None:
        """Sign all accounts anew, as this version offers and limits them."""
        self._write_account(claims.system_account(self._system), now)
        self._write_platform(now)
        for worker_id in self._book.workers:
            self._write_worker(worker_id, now)

    def server_configuration(self) -> dict[str, object]:
        """What a server's configuration needs to follow this authority, but for where it finds the accounts."""
        token = claims.signed(claims.operator(self._operator, self._system.public), self._operator, 0)
        return {"operator": token, "system_account": self._system.public}

    def for_worker(self, worker_id: str, now: datetime, lasts: timedelta | None) -> Credentials:
        """A new credential for a worker; those that it has stay valid. Raises DevstackError for an id that is none."""
        try:
            WORKER_ID.validate_python(worker_id)
        except ValidationError:
            raise DevstackError(
                f"--worker: {worker_id!r} is no worker id; it has letters, digits, `_` and `-`, at most 64"
            ) from None
        with self._changing():
            member = self._book.workers.setdefault(worker_id, Member())
            if member.account_seed is None:
                member.account_seed = KeyPair.generate(Role.account).seed
            account = KeyPair.from_seed(member.account_seed)
            user = _User(f"worker {worker_id}", self.rights("worker", worker_id), _limits("worker"))
            made = _issue(member, account, user, now, lasts)
        self._write_worker(worker_id, now)
        return made

    def for_service(self, name: str, now: datetime, lasts: timedelta | None) -> Credentials:
        """A new credential for a service; those that it has stay valid. Raises DevstackError for an unknown one."""
        if name not in permissions.SERVICES:
            raise DevstackError(f"--service: {name!r} is not a service; there are {', '.join(permissions.SERVICES)}")
        with self._changing():
            member = self._book.services.setdefault(name, Member())
            user = _User(name, self.rights("service", name), _limits("service"))
            return _issue(member, self._platform, user, now, lasts)

    def for_servers(self, now: datetime) -> Credentials:
        """A credential with which servers are told about accounts, for a minute."""
        key = KeyPair.generate(Role.user)
        told = claims.user(key.public, "authority", claims.system_rights(), now + timedelta(minutes=1))
        return Credentials(claims.signed(told, self._system, int(now.timestamp())), key)

    def for_maintenance(self, now: datetime, lasts: timedelta) -> Credentials:
        """A credential with which an operator backs up, restores or purges streams; it is not kept in the book."""
        key = KeyPair.generate(Role.user)
        told = claims.user(key.public, "maintenance", claims.maintenance_rights(), now + lasts)
        return Credentials(claims.signed(told, self._platform, int(now.timestamp())), key)

    def revoke(self, kind: str, name: str, key: str | None, now: datetime) -> list[str]:
        """End one credential, or all of a worker or service so far; the public keys that are out now.

        Raises DevstackError where nothing of it was issued.
        """
        with self._changing():
            member = self.members[kind].get(name)
            valid = [one for one in member.issued if member.is_valid(one, now)] if member else []
            ended = [one for one in valid if key in (None, one.key)]
            if member is None or not ended:
                what = "nothing" if key is None else f"no {key}"
                raise DevstackError(f"{what} that is valid was issued to {kind} {name!r}; `mews bus credentials list`")
            # What was issued until then is out, also where this machine's clock is behind the one that issued it.
            member.revoked |= {one.key: int(max(now, one.issued_at).timestamp()) for one in ended}
        self._write_platform(now) if kind == "service" else self._write_worker(name, now)
        return [one.key for one in ended]

    def account_tokens(self) -> dict[str, str]:
        """The accounts as servers read them, by public key."""
        return {path.stem: path.read_text() for path in sorted(self._accounts.glob("*.jwt"))}

    def _write_worker(self, worker_id: str, now: datetime) -> None:
        member = self._book.workers[worker_id]
        key = KeyPair.from_seed(member.account_seed or "")
        revoked = Revocations(member.revoked)
        self._write_account(claims.worker_account(key, worker_id, self._platform.public, revoked), now)

    def _write_platform(self, now: datetime) -> None:
        revoked = {key: at for member in self._book.services.values() for key, at in member.revoked.items()}
        self._write_account(claims.platform_account(self._platform, Revocations(revoked)), now)

    def _write_account(self, account: claims.Claims, now: datetime) -> None:
        token = claims.signed(account, self._operator, int(now.timestamp()))
        write_atomically(self._accounts / f"{account['sub']}.jwt", token, mode=SECRET_FILE)

    def _opened(self) -> Book:
        path = self._folder / "authority.json"
        if not path.exists():
            roles = {"operator_seed": Role.operator, "system_seed": Role.account, "platform_seed": Role.account}
            book = Book.model_validate({name: KeyPair.generate(role).seed for name, role in roles.items()})
            write_atomically(path, book.model_dump_json(indent=2), mode=SECRET_FILE)
        try:
            return Book.model_validate_json(path.read_text())
        except ValidationError as error:
            raise DevstackError(f"{path} is damaged ({error.error_count()} errors); put back a copy of it") from error

    @contextmanager
    def _changing(self) -> Generator[None]:
        """What is changed in the block is kept, whoever else changes the book meanwhile; not if the block raises."""
        path = self._folder / "lock"
        path.touch(mode=SECRET_FILE)
        with path.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._book = self._opened()
            yield
            write_atomically(self._folder / "authority.json", self._book.model_dump_json(indent=2), mode=SECRET_FILE)


class _User(NamedTuple):
    """Whom a credential is for."""

    name: str
    rights: Rights
    limits: UserLimits


def _limits(kind: str) -> UserLimits:
    return claims.WORKER_LIMITS if kind == "worker" else claims.UNLIMITED


def _issue(member: Member, issuer: KeyPair, user: _User, now: datetime, lasts: timedelta | None) -> Credentials:
    key = KeyPair.generate(Role.user)
    expires_at = now + lasts if lasts else None
    said = claims.user(key.public, user.name, user.rights, expires_at, user.limits)
    token = claims.signed(said, issuer, int(now.timestamp()))
    member.forget_expired(now)
    member.issued.append(Issued(key=key.public, issued_at=now, expires_at=expires_at))
    return Credentials(token, key)
