"""OAuth: tokens of a real authorization server that shows its keys over HTTP."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace

import httpx
import pytest
import pytest_asyncio

from mcp_gateway.domain.credentials import KeyAges, TokenHeader
from mcp_gateway.errors import Unavailable
from mcp_gateway.upstreams.issuers import open_signing_keys
from tests.support.callers import McpCaller, bearer, token_mode
from tests.support.fakes import FakeClock
from tests.support.gateway import gateway
from tests.support.issuing import RESOURCE, Issuer, issuer
from tests.support.upstreams import Addresses, World, upstreams
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

METADATA = "https://mews.example.com/.well-known/oauth-protected-resource/mcp"
AGES = KeyAges(refresh=300, pause=10, keep=86_400)
FAST = {"gateway_oauth_pause_ms": 100, "gateway_oauth_keys_ms": 1_000, "auth_failures_burst": 1_000}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def addresses() -> AsyncGenerator[Addresses]:
    async with upstreams(World()) as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def idp() -> AsyncGenerator[Issuer]:
    async with issuer() as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url(addresses: Addresses, idp: Issuer) -> AsyncGenerator[str]:
    oauth = {"gateway_oauth_issuers": (idp.url,), "gateway_resource_url": RESOURCE}
    async with gateway(addresses, **token_mode(**oauth, **FAST)) as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http() -> AsyncGenerator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=10) as found:
        yield found


async def test_a_client_without_a_token_learns_where_to_get_one(http: httpx.AsyncClient, url: str, idp: Issuer) -> None:
    asked = await McpCaller(http, url, None).tell("tools/list")
    challenge = asked.headers["WWW-Authenticate"]
    assert asked.status == 401
    assert challenge == f'Bearer realm="mews", scope="mews:viewer", resource_metadata="{METADATA}"'
    base = url.removesuffix("/mcp")
    for path in ("", "/mcp"):
        told = await http.get(f"{base}/.well-known/oauth-protected-resource{path}")
        assert told.headers["Access-Control-Allow-Origin"] == "*"
        assert told.json() == {
            "resource": RESOURCE,
            "authorization_servers": [idp.url],
            "scopes_supported": ["mews:viewer", "mews:operator", "mews:admin"],
            "bearer_methods_supported": ["header"],
            "resource_name": "mews",
        }


async def test_a_token_lets_its_owner_in_on_both_doors(http: httpx.AsyncClient, url: str, idp: Issuer) -> None:
    operator = McpCaller(http, url, idp.token())
    assert (await operator.call("assign_task", description="x")).code == "ok"
    keys = await http.get(f"{url.removesuffix('/mcp')}/v1/keys", headers=bearer(idp.token()))
    assert (keys.status_code, keys.json()["code"]) == (403, "forbidden")
    admin = bearer(idp.token(scope="mews:admin"))
    # It may; but here is no database.
    assert (await http.get(f"{url.removesuffix('/mcp')}/v1/keys", headers=admin)).status_code == 503


@pytest.mark.parametrize("wrong", [{"aud": "https://other/mcp"}, {"exp": 1}, {"iss": "https://other"}])
async def test_a_token_that_does_not_hold_is_invalid(
    http: httpx.AsyncClient, url: str, idp: Issuer, wrong: dict[str, str]
) -> None:
    refused = await McpCaller(http, url, idp.token(**wrong)).tell("tools/list")
    assert refused.status == 401
    assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]


async def test_a_token_that_may_too_little_is_told_the_scope(http: httpx.AsyncClient, url: str, idp: Issuer) -> None:
    viewer = idp.token(scope="mews:viewer")
    refused = await McpCaller(http, url, viewer).call("cancel_task", task_id="t-1")
    expected = f'Bearer realm="mews", error="insufficient_scope", scope="mews:operator", resource_metadata="{METADATA}"'
    assert (refused.status, refused.headers["WWW-Authenticate"]) == (403, expected)
    # The older era names no tool in a header: there it is the tool's own error.
    older = await McpCaller(http, url, viewer, modern=False).call("cancel_task", task_id="t-1")
    assert (older.status, older.code) == (200, "forbidden")
    nothing = await McpCaller(http, url, idp.token(scope="openid")).tell("tools/list")
    assert nothing.status == 403
    assert 'scope="mews:viewer"' in nothing.headers["WWW-Authenticate"]


async def test_a_new_key_is_fetched_when_a_token_shows_it(http: httpx.AsyncClient, url: str, idp: Issuer) -> None:
    assert (await McpCaller(http, url, idp.token()).tell("tools/list")).status == 200
    idp.add_key("second")
    new = McpCaller(http, url, idp.token("second"))

    async def admitted() -> bool:
        return (await new.tell("tools/list")).status == 200

    await eventually(admitted)


async def test_an_unknown_key_is_looked_for_at_most_once_in_a_while() -> None:
    clock, stranger = FakeClock(), TokenHeader("", "unknown", "ES256")
    async with issuer() as idp, open_signing_keys({idp.url: None}, AGES, clock.monotonic) as keys:
        unknown = replace(stranger, issuer=idp.url)
        assert await asyncio.gather(*(keys.find(unknown) for _ in range(20))) == [None] * 20
        assert idp.fetched == 1
        clock.advance(AGES.pause)
        idp.add_key("unknown")
        assert await asyncio.gather(*(keys.find(unknown) for _ in range(20))) == [idp.shown[-1]] * 20
        assert idp.fetched == 2


async def test_old_keys_go_on_while_their_issuer_is_away_and_not_for_ever() -> None:
    clock = FakeClock()
    async with issuer() as idp, open_signing_keys({idp.url: None}, AGES, clock.monotonic) as keys:
        known = TokenHeader(idp.url, "first", "ES256")
        assert await keys.find(known) is not None
        idp.is_away = True
        clock.advance(AGES.refresh)
        assert await keys.find(known) is not None
        await eventually(lambda: idp.fetched == 2)
        clock.advance(AGES.keep)
        with pytest.raises(Unavailable, match="no token can be checked"):
            await keys.find(known)
        idp.is_away = False
        clock.advance(AGES.pause)
        assert await keys.find(known) is not None


async def test_without_any_key_it_is_said_that_nothing_can_be_checked(
    http: httpx.AsyncClient, addresses: Addresses
) -> None:
    async with issuer() as away:
        away.is_away = True
        oauth = {"gateway_oauth_issuers": (f"{away.url}={away.url}/keys",), "gateway_resource_url": RESOURCE}
        async with gateway(addresses, **token_mode(**oauth, **FAST)) as url:
            refused = await McpCaller(http, url, away.token()).tell("tools/list")
            assert (refused.status, refused.code) == (503, "service_unavailable")
            away.is_away = False

            async def admitted() -> bool:
                return (await McpCaller(http, url, away.token()).tell("tools/list")).status == 200

            await eventually(admitted)
