"""API keys on a real database, over HTTP, at the command line and at two replicas."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from typer.testing import CliRunner

from contracts.access import IssuedApiKey
from devstack.cli.app import app as command_line
from devstack.errors import DevstackError
from mcp_gateway import app
from mcp_gateway.tables import Base
from servicekit.migrations import run_migrations
from tests.support.callers import McpCaller, bearer, token_mode, token_of
from tests.support.gateway import gateway
from tests.support.schema import schema_differences, settings_of
from tests.support.stack import Database, TestPostgres
from tests.support.upstreams import World, upstreams
from tests.support.waiting import PATIENCE_S, eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHECK_MS = 100


@dataclass(frozen=True)
class Replicas:
    """Two gateways on one database."""

    http: httpx.AsyncClient
    first: str
    second: str
    env: dict[str, str]

    async def rest(self, method: str, path: str, role: str = "admin", **more: Any) -> httpx.Response:
        url = f"{self.first.removesuffix('/mcp')}{path}"
        return await self.http.request(method, url, headers=bearer(token_of(role)), **more)

    async def issue(self, **new: Any) -> IssuedApiKey:
        answer = await self.rest("POST", "/v1/keys", json={"name": "ci", "role": "operator"} | new)
        assert answer.status_code == 201, answer.text
        return IssuedApiKey.model_validate_json(answer.content)

    def caller(self, token: str, url: str | None = None) -> McpCaller:
        return McpCaller(self.http, url or self.first, token)


@pytest.fixture(scope="module")
def kept(postgres: TestPostgres) -> Iterator[Database]:
    """The database of this file."""
    made = postgres.create()
    yield made
    postgres.drop(made)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def replicas(kept: Database) -> AsyncGenerator[Replicas]:
    await run_migrations(app.MIGRATIONS, app.SCHEMA, settings_of(kept, app.SCHEMA))
    known = {name.lower(): value for name, value in kept.env(app.SCHEMA).items()}
    fast = token_mode(gateway_key_check_ms=CHECK_MS, auth_failures_burst=1_000, **known)
    async with AsyncExitStack() as stack:
        addresses = await stack.enter_async_context(upstreams(World()))
        urls = [await stack.enter_async_context(gateway(addresses, **fast)) for _ in range(2)]
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=10))
        yield Replicas(http, *urls, env=kept.env(app.SCHEMA))


async def status(caller: McpCaller) -> int:
    return (await caller.tell("tools/list")).status


def answers(caller: McpCaller, wanted: int) -> Callable[[], Any]:
    async def asked() -> bool:
        return await status(caller) == wanted

    return asked


async def test_models_are_what_migrations_make(database: Database) -> None:
    assert await schema_differences(database, app.SCHEMA, app.MIGRATIONS, Base.metadata) == []


async def test_a_new_key_lets_its_owner_in_at_every_replica(replicas: Replicas) -> None:
    issued = await replicas.issue()
    for url in (replicas.first, replicas.second):
        caller = replicas.caller(issued.token, url)
        assert (await caller.call("assign_task", description="x")).code == "ok"
        assert (await caller.call("manage_rules", action="delete", rule_id="r")).code == "forbidden"


async def test_the_secret_is_nowhere_but_in_the_answer(replicas: Replicas, kept: Database) -> None:
    issued = await replicas.issue(name="secretive")
    secret = issued.token.rsplit("_", 1)[1]
    listed = await replicas.rest("GET", "/v1/keys")
    assert secret not in listed.text
    [shown] = [key for key in listed.json()["items"] if key["name"] == "secretive"]
    assert shown == json.loads(issued.key.to_json())
    dumped = await asyncio.to_thread(dump, kept)
    assert issued.key.key_id in dumped
    assert secret not in dumped


def dump(kept: Database) -> str:
    async def read() -> str:
        import asyncpg

        connection = await asyncpg.connect(kept.dsn(app.SCHEMA))
        rows = await connection.fetch("SELECT api_keys::text FROM api_keys")
        await connection.close()
        return "\n".join(row[0] for row in rows)

    return asyncio.run(read())


async def test_a_revoked_key_lets_nobody_in_at_any_replica_and_closes_what_it_has_open(replicas: Replicas) -> None:
    issued = await replicas.issue(name="leaver")
    elsewhere = replicas.caller(issued.token, replicas.second)
    assert await status(elsewhere) == 200
    listening = asyncio.create_task(
        elsewhere.tell("subscriptions/listen", notifications={"resourceSubscriptions": ["mews://questions"]})
    )
    revoked = await replicas.rest("POST", f"/v1/keys/{issued.key.key_id}/revoke")
    assert revoked.json()["revoked_by"] == "admin"
    assert await status(replicas.caller(issued.token)) == 401, "at the replica that was told, at once"
    await eventually(answers(elsewhere, 401))
    async with asyncio.timeout(PATIENCE_S):
        assert "has ended" in (await listening).body["error"]["message"]
    again = await replicas.rest("POST", f"/v1/keys/{issued.key.key_id}/revoke")
    assert again.json() == revoked.json()
    metrics = (await replicas.http.get(f"{replicas.first.removesuffix('/mcp')}/metrics")).text
    assert 'mews_authentication_failures_total{reason="revoked"}' in metrics


async def test_a_key_for_some_tools_is_for_nothing_else(replicas: Replicas) -> None:
    issued = await replicas.issue(name="bot", tools=["list_tasks", "assign_task"])
    caller = replicas.caller(issued.token)
    tools = [tool["name"] for tool in (await caller.tell("tools/list")).result["tools"]]
    assert tools == ["assign_task", "list_tasks"]
    assert (await caller.call("list_tasks")).code == "ok"
    refused = await caller.call("cancel_task", task_id="t")
    assert "its API key is for assign_task, list_tasks alone" in refused.result["content"][0]["text"]
    others = [
        caller.tell("resources/read", uri="mews://questions"),
        caller.tell("prompts/get", name="weekly_report", arguments={}),
        caller.tell("completion/complete", ref={"type": "ref/prompt", "name": "weekly_report"},
                    argument={"name": "audience", "value": ""}),
        caller.tell("subscriptions/listen", notifications={"resourceSubscriptions": ["mews://questions"]}),
    ]  # fmt: skip
    assert {answer.code for answer in await asyncio.gather(*others)} == {"forbidden"}
    assert (await caller.tell("prompts/list")).result["prompts"] == []
    admin = await replicas.issue(name="narrow", role="admin", tools=["list_tasks"])
    listed = await replicas.http.get(f"{replicas.first.removesuffix('/mcp')}/v1/keys", headers=bearer(admin.token))
    assert listed.status_code == 403


async def test_a_key_that_could_not_be_used_is_told_field_by_field(replicas: Replicas) -> None:
    wrong = {"name": "x", "role": "viewer", "tools": ["cancel_task", "fly"], "expires_at": "2020-01-01T00:00:00Z"}
    refused = await replicas.rest("POST", "/v1/keys", json=wrong)
    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == ["expires_at", "tools.0", "tools.1"]
    unknown = await replicas.rest("POST", "/v1/keys", json={"name": "x", "colour": "red"})
    assert unknown.json()["errors"][0]["field"] == "colour"
    missing = await replicas.rest("POST", "/v1/keys/key-01990000-0000-7000-8000-000000000000/revoke")
    assert missing.status_code == 404


async def test_keys_are_listed_by_page(replicas: Replicas) -> None:
    made = [(await replicas.issue(name=f"page-{number}")).key.key_id for number in range(3)]
    first = (await replicas.rest("GET", "/v1/keys?limit=2")).json()
    second = (await replicas.rest("GET", f"/v1/keys?limit=1&cursor={first['next_cursor']}")).json()
    assert [key["key_id"] for key in first["items"] + second["items"]] == made[::-1]
    assert (await replicas.rest("GET", "/v1/keys?cursor=x")).json()["code"] == "invalid_cursor"


async def test_the_command_line_makes_lists_and_revokes(replicas: Replicas, tmp_path: Path) -> None:
    async def mews(*arguments: str, role: str = "admin") -> str:
        env = {
            "MEWS_HOME": str(tmp_path),
            "COLUMNS": "200",
            "MEWS_GATEWAY": replicas.first,
            "MEWS_TOKEN": token_of(role),
        }
        done = await asyncio.to_thread(CliRunner().invoke, command_line, arguments, env=env)
        if isinstance(done.exception, DevstackError):
            return f"mews: {done.exception}"
        assert done.exit_code == 0, done.output
        return done.stdout

    made = json.loads(await mews("keys", "create", "shell", "--role", "operator", "--expires", "12h", "--json"))
    assert await status(replicas.caller(made["token"])) == 200
    shown = await mews("keys", "create", "person", "--expires", "never")
    assert "nobody can show it again:\nmews_" in shown
    listed = await mews("keys", "list")
    assert "shell" in listed
    assert "live" in listed
    assert "is revoked" in await mews("keys", "revoke", made["key"]["key_id"])
    assert await status(replicas.caller(made["token"])) == 401
    assert "needs the role admin" in await mews("keys", "list", role="operator")
    assert "such as 90d" in await mews("keys", "create", "x", "--expires", "soon")


async def test_the_first_key_is_made_in_the_database(replicas: Replicas) -> None:
    settings = {"AUTH_MODE": "token", "GATEWAY_STATE_KEYS": "k" * 32}
    command = [sys.executable, "-P", "-m", "mcp_gateway", "keys", "create", "ann", "--expires", "1d"]
    env = {**os.environ, **replicas.env, **settings}
    done = await asyncio.to_thread(subprocess.run, command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    headers = bearer(done.stdout.strip())
    keys = await replicas.http.get(f"{replicas.first.removesuffix('/mcp')}/v1/keys", headers=headers)
    [ann] = [key for key in keys.json()["items"] if key["name"] == "ann"]
    assert (ann["role"], ann["created_by"]) == ("admin", "command-line")
