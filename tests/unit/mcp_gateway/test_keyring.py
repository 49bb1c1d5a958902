"""Keys that are kept in memory: asked for once, believed for a while, confirmed together."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime

import pytest

from contracts.access import ApiKey, Role
from mcp_gateway.decisions.keys import digest_of
from mcp_gateway.domain.credentials import ShownKey, StoredKey
from mcp_gateway.errors import Unauthorized, Unavailable
from mcp_gateway.handlers.keyring import IDLE_S, WRITE_S, KeyRing
from tests.support.fakes import FakeClock

KEEP_S = 900.0
SHOWN = ShownKey("key-1", digest_of("secret"))


class Store:
    """Keys in memory that may be away. It has no pages: the ring reads none."""

    def __init__(self, clock: FakeClock) -> None:
        key = ApiKey.model_construct(
            key_id="key-1", name="ci", role=Role.viewer, tools=[], created_by="ann", created_at=clock.now(),
            expires_at=None, revoked_at=None,
        )  # fmt: skip
        self.keys = {"key-1": StoredKey(key, digest_of("secret"))}
        self.loads: list[list[str]] = []
        self.used: dict[str, datetime] = {}
        self.away = False

    async def load(self, key_ids: Sequence[str]) -> list[StoredKey]:
        self.loads.append(list(key_ids))
        await asyncio.sleep(0)
        if self.away:
            raise Unavailable("postgres", "away")
        return [self.keys[key_id] for key_id in key_ids if key_id in self.keys]

    async def note_used(self, used_at: Mapping[str, datetime]) -> None:
        self.used |= used_at

    def end(self, now: datetime) -> None:
        stored = self.keys["key-1"]
        key = stored.key.model_copy(update={"revoked_at": now, "revoked_by": "ann"})
        self.keys["key-1"] = StoredKey(key, stored.secret_sha256)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(clock: FakeClock) -> Store:
    return Store(clock)


@pytest.fixture
def ring(store: Store, clock: FakeClock) -> KeyRing:
    return KeyRing(store, clock, KEEP_S)  # pyright: ignore[reportArgumentType]


async def test_many_callers_with_one_key_ask_once(ring: KeyRing, store: Store) -> None:
    callers = await asyncio.gather(*(ring.look_up(SHOWN) for _ in range(50)))
    assert {caller.name for caller in callers} == {"ci"}
    assert store.loads == [["key-1"]]
    assert ring.known(SHOWN) == callers[0]


async def test_a_key_is_believed_while_the_database_is_away_and_not_for_ever(
    ring: KeyRing, store: Store, clock: FakeClock
) -> None:
    await ring.look_up(SHOWN)
    store.away = True
    clock.advance(KEEP_S - 1)
    with pytest.raises(Unavailable):
        await ring.confirm()
    assert ring.known(SHOWN) is not None
    clock.advance(1)
    assert ring.known(SHOWN) is None
    with pytest.raises(Unavailable):
        await ring.look_up(SHOWN)
    assert ring.has_ended("key-1")


async def test_a_revoked_key_ends_with_the_next_confirmation(ring: KeyRing, store: Store, clock: FakeClock) -> None:
    await ring.look_up(SHOWN)
    store.end(clock.now())
    assert not ring.has_ended("key-1")
    await ring.confirm()
    assert ring.has_ended("key-1")
    with pytest.raises(Unauthorized, match="revoked"):
        ring.known(SHOWN)


async def test_a_key_that_is_gone_is_forgotten(ring: KeyRing, store: Store) -> None:
    await ring.look_up(SHOWN)
    store.keys.clear()
    await ring.confirm()
    assert ring.known(SHOWN) is None
    with pytest.raises(Unauthorized, match="not known"):
        await ring.look_up(SHOWN)


async def test_another_secret_is_refused_without_asking(ring: KeyRing, store: Store) -> None:
    await ring.look_up(SHOWN)
    with pytest.raises(Unauthorized, match="not known"):
        ring.known(ShownKey("key-1", digest_of("guess")))
    assert len(store.loads) == 1


async def test_when_a_key_was_used_is_written_seldom_and_once(ring: KeyRing, store: Store, clock: FakeClock) -> None:
    await ring.look_up(SHOWN)
    await ring.confirm()
    assert store.used == {}
    clock.advance(WRITE_S)
    ring.known(SHOWN)
    await ring.confirm()
    assert store.used == {"key-1": clock.now()}
    store.used.clear()
    clock.advance(WRITE_S)
    await ring.confirm()
    assert store.used == {}


async def test_a_key_that_nobody_shows_any_more_is_not_asked_for(ring: KeyRing, store: Store, clock: FakeClock) -> None:
    await ring.look_up(SHOWN)
    await ring.write()
    clock.advance(IDLE_S)
    store.loads.clear()
    await ring.confirm()
    assert store.loads == []
