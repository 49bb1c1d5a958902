"""The connection to NATS is encrypted, and both sides show who they are, where the settings say so."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from contracts import subjects
from devstack.servers.nats import Tls
from servicekit.bus import Bus
from tests.support.certificates import Pair, TestAuthority
from tests.support.confined import ConfinedNats, confined_nats

WORKER = "worker-1"


@dataclass
class Encrypted:
    """A confined server that encrypts and asks for certificates, and two authorities, of which it trusts one."""

    nats: ConfinedNats
    ca: TestAuthority
    stranger: TestAuthority
    credentials: Path
    own: Pair


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Encrypted]:
    folder = tmp_path_factory.mktemp("tls")
    ca, stranger = TestAuthority(folder), TestAuthority(folder, "stranger")
    server = ca.issue("server")
    nats = confined_nats(folder, tls=Tls(server.certificate, server.key, ca.certificate, verify=True))
    yield Encrypted(nats, ca, stranger, nats.worker(WORKER), ca.issue("client"))
    nats.server.stop()


@asynccontextmanager
async def connecting(encrypted: Encrypted, **settings: object) -> AsyncGenerator[Bus]:
    made = encrypted.nats.settings(encrypted.credentials, **settings)
    bus = await Bus.connect(made, "test", inbox_prefix=subjects.worker_inbox(WORKER))
    try:
        yield bus
    finally:
        await bus.close()


def shown(pair: Pair) -> dict[str, str]:
    return {"nats_tls_certificate": str(pair.certificate), "nats_tls_key": str(pair.key)}


async def test_both_sides_show_their_certificates(encrypted: Encrypted) -> None:
    trusted = {"nats_tls": True, "nats_tls_ca": str(encrypted.ca.certificate)}
    async with connecting(encrypted, **trusted, **shown(encrypted.own)) as bus:
        assert bus.connected
        await bus.flush()


async def test_a_client_without_a_certificate_of_the_servers_authority_stays_out(encrypted: Encrypted) -> None:
    trusted = {"nats_tls": True, "nats_tls_ca": str(encrypted.ca.certificate)}
    async with connecting(encrypted, **trusted) as bus:
        assert not bus.connected
    async with connecting(encrypted, **trusted, **shown(encrypted.stranger.issue("intruder"))) as bus:
        assert not bus.connected


async def test_a_server_that_an_unknown_authority_vouches_for_is_not_believed(encrypted: Encrypted) -> None:
    other = {"nats_tls": True, "nats_tls_ca": str(encrypted.stranger.certificate)}
    async with connecting(encrypted, **other, **shown(encrypted.own)) as bus:
        assert not bus.connected


async def test_a_client_that_does_not_encrypt_stays_out(encrypted: Encrypted) -> None:
    async with connecting(encrypted) as bus:
        assert not bus.connected
