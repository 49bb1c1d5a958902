"""Who may do what: every tool and action, resource, prompt and route, by every role.

The tables below are written by hand. What is not in them fails here, so that nothing new is offered to everybody
because nobody thought of it.
"""

from collections.abc import AsyncGenerator, Callable
from itertools import product
from typing import Any

import httpx
import pytest
import pytest_asyncio

from mcp_gateway.api.door import is_guarded
from mcp_gateway.app import create_app
from mcp_gateway.mcp.briefings import PROMPTS
from mcp_gateway.mcp.shelf import RESOURCES
from mcp_gateway.mcp.table import TOOLS
from tests.support.callers import ROLES, McpCaller, bearer, token_mode, token_of
from tests.support.gateway import gateway, gateway_settings
from tests.support.upstreams import Addresses, World, upstreams

TASK, WORKER, QUESTION, RULE = "task-abc123", "worker-1", "q-1", "rule-1"
KEY = "key-01990000-0000-7000-8000-000000000000"
THEN = {"answer": "yes"}

# Tool, action, the least role, and arguments that are right.
TOOL_TABLE: tuple[tuple[str, str | None, str, dict[str, Any]], ...] = (
    ("assign_task", None, "operator", {"description": "x"}),
    ("monitor_task", None, "viewer", {"task_id": TASK}),
    ("list_tasks", None, "viewer", {}),
    ("cancel_task", None, "operator", {"task_id": TASK}),
    ("retry_task", None, "operator", {"task_id": TASK}),
    ("manage_workers", "list", "viewer", {}),
    ("manage_workers", "pause", "operator", {"worker_id": WORKER}),
    ("manage_workers", "resume", "operator", {"worker_id": WORKER}),
    ("manage_workers", "restart", "operator", {"worker_id": WORKER}),
    ("manage_workers", "drain", "operator", {"worker_id": WORKER}),
    ("manage_workers", "update_config", "admin", {"worker_id": WORKER, "config": {"log_level": "debug"}}),
    ("view_realtime_streams", None, "viewer", {"task_id": TASK}),
    ("get_analytics", None, "viewer", {"entity_type": "system"}),
    ("performance_report", None, "viewer", {"report_type": "system"}),
    ("quality_dashboard", None, "viewer", {}),
    ("analyze_decisions", None, "viewer", {}),
    ("error_analysis", None, "viewer", {}),
    ("list_questions", None, "viewer", {}),
    ("answer_worker_question", None, "operator", {"question_id": QUESTION, "answer": "yes"}),
    ("decide_request", None, "operator", {"question_id": QUESTION, "decision": "granted"}),
    ("manage_rules", "list", "viewer", {}),
    ("manage_rules", "dry_run", "operator", {"rule_id": RULE}),
    ("manage_rules", "create", "admin", {"name": "x", "then": THEN}),
    ("manage_rules", "update", "admin", {"rule_id": RULE, "name": "y"}),
    ("manage_rules", "delete", "admin", {"rule_id": RULE}),
    ("manage_rules", "activate", "admin", {"rule_id": RULE}),
    ("manage_rules", "disable", "admin", {"rule_id": RULE}),
)
RESOURCE_TABLE = {
    "mews://tasks/{task_id}": "viewer",
    "mews://tasks/{task_id}/streams": "viewer",
    "mews://workers/{worker_id}": "viewer",
    "mews://questions": "viewer",
}
PROMPT_TABLE: dict[str, tuple[str, dict[str, str]]] = {
    "plan_rollout": ("operator", {"goal": "x"}),
    "triage_failures": ("viewer", {}),
    "weekly_report": ("viewer", {}),
    "answer_question": ("operator", {"question_id": QUESTION}),
}
# Routes of /v1 with the least role, and a path of theirs.
ROUTE_TABLE = {
    ("GET", "/v1/keys"): ("admin", "/v1/keys"),
    ("POST", "/v1/keys"): ("admin", "/v1/keys"),
    ("POST", "/v1/keys/{key_id}/revoke"): ("admin", f"/v1/keys/{KEY}/revoke"),
    ("GET", "/v1/dead-letters"): ("operator", "/v1/dead-letters"),
    ("GET", "/v1/dead-letters/{letter_id}"): ("operator", "/v1/dead-letters/orchestrator:1"),
    ("POST", "/v1/dead-letters/retry"): ("admin", "/v1/dead-letters/retry"),
    ("POST", "/v1/dead-letters/drop"): ("admin", "/v1/dead-letters/drop"),
    ("GET", "/v1/audit"): ("admin", "/v1/audit"),
    ("GET", "/v1/audit/head"): ("admin", "/v1/audit/head"),
    ("GET", "/v1/audit/verification"): ("admin", "/v1/audit/verification"),
    ("GET", "/v1/audit/{seq}"): ("admin", "/v1/audit/1"),
}
PUBLIC = {"/healthz", "/readyz", "/metrics", "/openapi.json"}

# One gateway serves all tests of this file.
pytestmark = pytest.mark.asyncio(loop_scope="module")

CallerOf = Callable[[str], McpCaller]


def may(role: str, needed: str) -> bool:
    return ROLES.index(role) >= ROLES.index(needed)


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def addresses(world: World) -> AsyncGenerator[Addresses]:
    async with upstreams(world) as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url(addresses: Addresses) -> AsyncGenerator[str]:
    # All tests come from one address, and one of them with many wrong credentials.
    async with gateway(addresses, **token_mode(auth_failures_burst=1_000)) as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http() -> AsyncGenerator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=10) as found:
        yield found


@pytest.fixture
def caller_of(http: httpx.AsyncClient, url: str) -> CallerOf:
    return lambda role: McpCaller(http, url, token_of(role))


async def test_the_tables_have_all_that_is_offered() -> None:
    offered = {(tool.name, action) for tool in TOOLS for action in actions_of(tool)}
    assert {(name, action) for name, action, *_ in TOOL_TABLE} == offered
    assert set(RESOURCE_TABLE) == {entry.uri for entry in RESOURCES}
    assert set(PROMPT_TABLE) == {entry.name for entry in PROMPTS}


def actions_of(tool: Any) -> list[str | None]:
    """Every value of the tool's parameter `action`, from its input and not from what says who may."""
    field = tool.takes.model_fields.get("action")
    return [str(action) for action in field.annotation] if field is not None else [None]


@pytest.mark.parametrize("role", ROLES)
async def test_each_role_calls_the_tools_that_are_its_own(caller_of: CallerOf, world: World, role: str) -> None:
    caller = caller_of(role)
    for name, action, needed, arguments in TOOL_TABLE:
        world.asked.clear()
        answer = await caller.call(name, **arguments, **({"action": action} if action else {}))
        assert answer.status == 200
        assert (answer.code != "forbidden") == may(role, needed), (role, name, action, answer.body)
        assert answer.code != "invalid_input", (name, action, answer.body)
        if not may(role, needed):
            assert f"needs the role {needed}" in answer.result["content"][0]["text"]
            assert answer.result["isError"] is True
            assert world.asked == [], "a service was asked for somebody who may not"


@pytest.mark.parametrize("role", ROLES)
async def test_each_role_sees_what_it_may_use_and_nothing_else(caller_of: CallerOf, role: str) -> None:
    caller = caller_of(role)
    tools = {tool["name"] for tool in (await caller.tell("tools/list")).result["tools"]}
    assert tools == {name for name, _, needed, _ in TOOL_TABLE if may(role, needed)}
    prompts = {prompt["name"] for prompt in (await caller.tell("prompts/list")).result["prompts"]}
    assert prompts == {name for name, (needed, _) in PROMPT_TABLE.items() if may(role, needed)}
    resources = (await caller.tell("resources/list")).result["resources"]
    templates = (await caller.tell("resources/templates/list")).result["resourceTemplates"]
    seen = {one["uri"] for one in resources} | {one["uriTemplate"] for one in templates}
    assert seen == {uri for uri, needed in RESOURCE_TABLE.items() if may(role, needed)}


@pytest.mark.parametrize("role", ROLES)
async def test_each_role_reads_begins_and_completes_what_is_its_own(caller_of: CallerOf, role: str) -> None:
    caller = caller_of(role)
    for uri, needed in RESOURCE_TABLE.items():
        address = uri.replace("{task_id}", TASK).replace("{worker_id}", WORKER)
        assert ((await caller.tell("resources/read", uri=address)).code != "forbidden") == may(role, needed)
    for name, (needed, arguments) in PROMPT_TABLE.items():
        written = await caller.tell("prompts/get", name=name, arguments=arguments)
        assert (written.code != "forbidden") == may(role, needed)
        ref, argument = {"type": "ref/prompt", "name": name}, {"name": "question_id", "value": ""}
        completed = await caller.tell("completion/complete", ref=ref, argument=argument)
        assert (completed.code != "forbidden") == may(role, needed)


@pytest.mark.parametrize("role", [None, *ROLES])
async def test_each_route_is_for_its_role(http: httpx.AsyncClient, url: str, role: str | None) -> None:
    base, headers = url.removesuffix("/mcp"), bearer(role and token_of(role))
    for (method, _), (needed, path) in ROUTE_TABLE.items():
        answer = await http.request(method, f"{base}{path}", headers=headers)
        if role is None:
            assert answer.status_code == 401
        else:
            assert (answer.status_code != 403) == may(role, needed), (role, method, path)
            assert answer.status_code != 401


async def test_every_route_is_in_the_table_or_public(addresses: Addresses) -> None:
    app = create_app(gateway_settings(addresses))
    paths = app.openapi()["paths"]
    found = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert found == set(ROUTE_TABLE)
    plain = {path for route in app.routes if (path := getattr(route, "path", None))}
    assert {path for path in plain if not is_guarded(path)} == PUBLIC
    assert {path for path in plain if is_guarded(path)} == {"/mcp"}


@pytest.mark.parametrize("token", [None, "a-wrong-one", "mews_too-short", f"mews_{'0' * 32}_{'0' * 43}", "a.b.c"])
async def test_who_is_not_known_reaches_nothing_and_what_was_shown_is_not_logged(
    http: httpx.AsyncClient, url: str, world: World, token: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    world.asked.clear()
    nobody = McpCaller(http, url, token)
    methods = (
        "tools/list",
        "prompts/list",
        "resources/list",
        "ping",
        "server/discover",
        "initialize",
        "completion/complete",
    )
    statuses = [(await nobody.tell(method)).status for method in methods]
    statuses += [(await nobody.call(name, **arguments)).status for name, _, _, arguments in TOOL_TABLE[:3]]
    # A key that may exist is not refused but cannot be looked up: here is no database.
    assert set(statuses) == {503 if token and token.startswith("mews_0") else 401}
    assert world.asked == []
    logged = capsys.readouterr()
    assert token is None or token not in logged.err + logged.out


@pytest.mark.parametrize(("modern", "role"), list(product([True, False], ROLES)))
async def test_a_role_is_checked_in_both_eras(http: httpx.AsyncClient, url: str, modern: bool, role: str) -> None:
    answer = await McpCaller(http, url, token_of(role), modern).call("cancel_task", task_id=TASK)
    assert (answer.code == "forbidden") == (role == "viewer")
