"""API keys over HTTP, on a real database."""

import hashlib
from collections.abc import AsyncGenerator

import httpx
import pytest
from pydantic import SecretStr

from mcp_gateway import app
from mcp_gateway.tables import Base
from servicekit.migrations import run_migrations
from tests.support.gateway import gateway
from tests.support.schema import schema_differences, settings_of
from tests.support.stack import Database
from tests.support.upstreams import World, upstreams


def bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer token-of-{name}"}


TOKENS = ",".join(
    f"{name}:{hashlib.sha256(f'token-of-{name}'.encode()).hexdigest()}:{role}"
    for name, role in [("ann", "admin"), ("otto", "operator"), ("vera", "viewer")]
)


@pytest.fixture
async def api(database: Database) -> AsyncGenerator[httpx.AsyncClient]:
    await run_migrations(app.MIGRATIONS, app.SCHEMA, settings_of(database, app.SCHEMA))
    known = {name.lower(): value for name, value in database.env(app.SCHEMA).items()}
    guarded = {"auth_mode": "token", "gateway_tokens": SecretStr(TOKENS), "gateway_state_keys": SecretStr("k" * 32)}
    async with (
        upstreams(World()) as addresses,
        gateway(addresses, **known, **guarded) as url,
        httpx.AsyncClient(base_url=url.removesuffix("/mcp")) as client,
    ):
        yield client


async def test_models_are_what_migrations_make(database: Database) -> None:
    assert await schema_differences(database, app.SCHEMA, app.MIGRATIONS, Base.metadata) == []


async def test_an_administrator_lists_keys_and_others_are_told_the_role_that_may(api: httpx.AsyncClient) -> None:
    assert (await api.get("/v1/keys", headers=bearer("ann"))).json() == {"items": []}
    for name in ("otto", "vera"):
        refused = await api.get("/v1/keys", headers=bearer(name))
        assert refused.status_code == 403
        assert "needs the role admin" in refused.json()["detail"]
    assert (await api.get("/v1/keys")).status_code == 401
    assert (await api.get("/v1/nothing")).status_code == 401
