"""Dead letters of several services by one address, and by the command line."""

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass

import httpx
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from devstack.cli.app import app as mews
from devstack.ports import free_port
from tests.support.buskit import batch, event_ids
from tests.support.consuming import Handler
from tests.support.gateway import gateway
from tests.support.letters import Kit, kit, offline_consumer, put_aside
from tests.support.stack import Database
from tests.support.upstreams import Addresses

AWAY = "question-broker"
TOKENS = ",".join(
    f"{name}:{hashlib.sha256(f'token-of-{name}'.encode()).hexdigest()}:{role}"
    for name, role in [("ann", "admin"), ("otto", "operator"), ("vera", "viewer")]
)


@dataclass
class Front:
    """A gateway before one service that is there, and three that are away."""

    http: httpx.AsyncClient
    url: str
    service: Kit
    handler: Handler

    async def get(self, path: str = "", name: str = "otto", **params: object) -> httpx.Response:
        headers = {"Authorization": f"Bearer token-of-{name}"}
        return await self.http.get(f"/v1/dead-letters{path}", headers=headers, params=params)  # type: ignore[arg-type]

    async def post(self, path: str, body: object, name: str = "ann") -> httpx.Response:
        headers = {"Authorization": f"Bearer token-of-{name}"}
        return await self.http.post(f"/v1/dead-letters{path}", headers=headers, json=body)

    async def mews(self, *arguments: str) -> Result:
        """The command line, as the administrator."""
        options = ["--gateway", self.url, "--token", "token-of-ann"]
        return await asyncio.to_thread(CliRunner().invoke, mews, ["dead-letters", *arguments, *options])


@pytest.fixture
async def front(database: Database) -> AsyncGenerator[Front]:
    guarded = {"auth_mode": "token", "gateway_tokens": SecretStr(TOKENS), "gateway_state_keys": SecretStr("k" * 32)}
    async with kit(database, "telemetry-ingest") as service:
        handler = Handler(service.db)
        offline_consumer(database, service, handler)
        away = f"http://127.0.0.1:{free_port()}"
        places = Addresses(away, service.url, away, away)
        async with (
            gateway(places, **guarded) as url,
            httpx.AsyncClient(base_url=url.removesuffix("/mcp"), timeout=10) as http,
        ):
            yield Front(http, url, service, handler)


async def test_a_service_that_is_away_is_named_and_the_rest_is_shown(front: Front) -> None:
    made = [await put_aside(front.service, b"x", number) for number in range(3)]
    first = (await front.get(limit=2)).json()
    assert [one["id"] for one in first["items"]] == made[:0:-1]
    assert AWAY in [one["service"] for one in first["unavailable"]]
    rest = (await front.get(limit=2, cursor=first["next_cursor"])).json()
    assert [one["id"] for one in rest["items"]] == made[:1]
    assert "telemetry-ingest" not in [one["service"] for one in rest["unavailable"]]
    only = (await front.get(service="telemetry-ingest")).json()
    assert "unavailable" not in only or only["unavailable"] == []
    assert "next_cursor" not in only
    unknown = await front.get(service="nobody")
    assert (unknown.status_code, "allowed: orchestrator" in unknown.json()["detail"]) == (404, True)


async def test_an_operator_looks_and_an_administrator_settles_in_its_own_name(front: Front) -> None:
    sealed = batch(1)
    letter = await put_aside(front.service, sealed.to_json())
    body = {"ids": [letter, f"{AWAY}:1", "nobody:1"], "by": "somebody else"}
    assert (await front.get(name="vera")).status_code == 403
    assert (await front.post("/retry", body, "otto")).status_code == 403
    assert (await front.get(f"/{letter}")).json()["payload"] == sealed.to_json().decode()
    assert (await front.get("/telemetry-ingest:999")).json()["code"] == "not_found"
    answer = (await front.post("/retry", body)).json()
    assert [item["outcome"] for item in answer["items"]] == ["retried", "unavailable", "not_found"]
    assert await front.handler.applied() == event_ids([sealed])
    (settled,) = (await front.get(state="retried")).json()["items"]
    assert settled["settled_by"] == "ann"
    assert (await front.post("/drop", {"ids": [letter]})).status_code == 422


async def test_the_command_line_lists_shows_retries_and_drops(front: Front) -> None:
    good = [await put_aside(front.service, batch(number).to_json(), number) for number in (1, 2)]
    bad = await put_aside(front.service, b"{}", 3)
    listed = await front.mews("list", "--json", "--service", "telemetry-ingest")
    assert [one["id"] for one in json.loads(listed.stdout)["items"]] == [bad, *good[::-1]]
    table = await front.mews("list")
    assert (bad in table.stdout, AWAY in table.stderr) == (True, True)
    assert "payload_bytes:   2" in (await front.mews("show", bad)).stdout
    retried = await front.mews("retry", "--all", "--service", "telemetry-ingest")
    assert retried.exit_code == 1
    lines = retried.stdout.splitlines()
    assert lines[:2] == [f"{one}: retried" for one in good]
    assert lines[2].startswith(f"{bad}: failed again (")
    dropped = await front.mews("drop", bad, "--reason", "garbage", "--json")
    assert dropped.exit_code == 0
    assert json.loads(dropped.stdout)["items"][0]["outcome"] == "dropped"
    assert "no dead letters" in (await front.mews("list", "--service", "telemetry-ingest")).stdout
    assert (await front.mews("retry")).exit_code != 0
