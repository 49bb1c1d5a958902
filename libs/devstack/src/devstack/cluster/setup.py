"""Setting a release up: Secrets, roles, accounts. Each step may be run again, and ends when it is done."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import asyncpg
from pydantic import SecretStr

from devstack.admin import SCHEMAS, SchemaRoles, prepare_database
from devstack.bus.pushing import push
from devstack.cluster import release as groups
from devstack.cluster.accounts import MadeBus, make_bus
from devstack.cluster.api import ClusterAway
from devstack.cluster.contents import ADMIN_PASSWORD, CONTENTS, Data, password_of, wanted
from devstack.cluster.keeping import Keeper, Overtaken, ensure
from devstack.cluster.release import Release
from devstack.errors import DevstackError
from devstack.rolescript import roles_from
from servicekit.clock import Clock
from servicekit.pg import open_connection
from servicekit.settings import ServiceSettings

PAUSE_S = 2.0
PASSING = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ClusterAway, Overtaken)

Say = Callable[[str], None]


class NotYet(DevstackError):
    """What must be there is not there yet."""


@dataclass(frozen=True)
class Setup:
    """What a release needs, and how it is told: `environ` as `mews cluster setup` documents it."""

    release: Release
    keeper: Keeper
    environ: Mapping[str, str]
    clock: Clock
    say: Say
    within_s: float
    lasts: timedelta | None = None

    async def run(self) -> None:
        """Do all of it. Raises DevstackError with the last reason where something cannot be done in time."""
        until = self.clock.monotonic() + self.within_s
        await self._insist("the Secrets", until, partial(make_secrets, self.release, self.keeper, self.say))
        bus: list[MadeBus] = []
        if self.release.has_bus:
            await self._insist("the bus's credentials", until, partial(self._bus, bus))
        await self._insist("PostgreSQL", until, self._roles)
        for made in bus:
            await self._insist("NATS", until, partial(self._tell, made))

    async def _insist(self, what: str, until: float, work: Callable[[], Awaitable[None]]) -> None:
        told = ""
        while True:
            try:
                return await work()
            except (NotYet, *PASSING) as error:
                reason = str(error) or type(error).__name__
                if self.clock.monotonic() >= until:
                    raise DevstackError(f"{what}: not done within {self.within_s:g} s: {reason}") from error
                if reason != told:
                    told = reason
                    self.say(f"{what}: not yet: {reason}")
            await asyncio.sleep(PAUSE_S)

    async def _bus(self, into: list[MadeBus]) -> None:
        made = await make_bus(self.release, self.keeper, self.clock.now(), self.lasts)
        for line in made.said:
            self.say(line)
        into.append(made)

    async def _roles(self) -> None:
        user = self.environ.get("POSTGRES_ADMIN_USER")
        if not user:
            self.say("PostgreSQL: POSTGRES_ADMIN_USER names no administrator; `mews roles` makes the roles")
            return
        settings = ServiceSettings()
        admin = {"postgres_user": user, "postgres_password": SecretStr(await self._admin_password())}
        connect = partial(_administrator, settings.model_copy(update=admin))
        await prepare_database(connect, await self._schema_roles(), settings.postgres_db)
        where = f"{settings.postgres_host}:{settings.postgres_port}"
        self.say(f"PostgreSQL at {where}: the roles and schemas of {settings.postgres_db} are as they should be")

    async def _admin_password(self) -> str:
        if password := self.environ.get("POSTGRES_ADMIN_PASSWORD"):
            return password
        name = self.environ.get("POSTGRES_ADMIN_SECRET") or self.release.secret(groups.POSTGRES)
        key = self.environ.get("POSTGRES_ADMIN_PASSWORD_KEY") or ADMIN_PASSWORD
        return await self._value(name, key)

    async def _schema_roles(self) -> Sequence[SchemaRoles]:
        if groups.POSTGRES not in self.release.groups:
            return roles_from(self.environ)
        name = self.release.secret(groups.POSTGRES)
        roles = [SchemaRoles(schema, "", "") for schema in SCHEMAS]
        return [
            SchemaRoles(
                one.schema,
                await self._value(name, password_of(one.owner)),
                await self._value(name, password_of(one.app)),
            )
            for one in roles
        ]

    async def _value(self, name: str, key: str) -> str:
        kept = await self.keeper.read(name)
        if kept is None or not kept.data.get(key):
            raise NotYet(f"there is no value {key} in a Secret {name}")
        return kept.data[key]

    async def _tell(self, bus: MadeBus) -> None:
        if not self.environ.get("NATS_HOST"):
            self.say("NATS: NATS_HOST names no server; `mews bus push` tells one about the accounts")
            return
        settings = ServiceSettings()
        try:
            await push(settings, bus.for_servers(self.clock.now()), bus.accounts)
        except DevstackError as error:
            raise NotYet(f"{error}; does it run with server.conf of Secret {self._bus_secret}?") from error
        self.say(f"NATS at {settings.nats_host}: {len(bus.accounts)} accounts told")

    @property
    def _bus_secret(self) -> str:
        return self.release.secret(groups.BUS)


async def make_secrets(release: Release, keeper: Keeper, say: Say) -> None:
    """Make the Secrets of passwords and tokens, and add what is missing in them."""
    for group in CONTENTS:
        if group in release.groups:
            _, said = await ensure(keeper, release.secret(group), partial(wanted, group))
            say(said)


async def make_all(release: Release, keeper: Keeper, now: datetime, lasts: timedelta | None, say: Say) -> None:
    """Make all Secrets, and do nothing else."""
    await make_secrets(release, keeper, say)
    if release.has_bus:
        for line in (await make_bus(release, keeper, now, lasts)).said:
            say(line)


@asynccontextmanager
async def _administrator(settings: ServiceSettings, database: str) -> AsyncGenerator[asyncpg.Connection]:
    connection = await open_connection(settings.model_copy(update={"postgres_db": database}), "public", codecs=False)
    try:
        yield connection
    finally:
        await connection.close()


def labels_of(release: Release) -> Data:
    """The labels of what is made for a release."""
    return {
        "app.kubernetes.io/name": "mews",
        "app.kubernetes.io/instance": release.name,
        "app.kubernetes.io/managed-by": "mews-cluster-setup",
    }
