"""Every tool of managers and of workers, with arguments that fit its schema and arguments that do not.

No answer is a server's error, none tells of the inside, and the service lives on.
"""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_gateway.mcp.briefings import PROMPTS
from mcp_gateway.mcp.table import TOOLS
from tests.support.besieged import Besieged, bounded
from tests.support.hostile import HEADERS, arguments_of, complaint_about, rpc, spoilt_one_by_one, texts, values
from tests.support.odd_requests import odd_requests, status_of, to_port, to_socket
from tests.support.other_side import other_side
from tests.support.stack import TestNats, run
from tests.support.tool_examples import AGENT, MINIMAL_CALL, TASK
from tests.support.waiting import eventually
from tests.support.worker_agent import Bench, WorkerProcess, journal_of, mcp_url, worker_bench
from worker_agent.mcp.tools import BY_NAME

MANAGER_TOOLS = [tool.name for tool in TOOLS]
# These end the attempt and have the worker leave: they are tried on an attempt of their own. The worker stays, since it
# has another.
ENDING = ("report_completion", "end_session")
WORKER_TOOLS = [name for name in BY_NAME if name not in ENDING]
# A tool that waits is not made to wait: how long it may is the caller's to say.
TROUBLE = re.compile(r"Traceback|unexpected error|Exception in ASGI")
AT_ONCE = {"wait": False, "wait_ms": 0}


class Endpoint:
    """An MCP endpoint, asked with bytes of our own making."""

    def __init__(self, url: str, **headers: str) -> None:
        self._http = httpx.Client(headers=HEADERS | headers, timeout=60)
        self._url = url
        self.schemas = {tool["name"]: tool["inputSchema"] for tool in self.result("tools/list", {})["tools"]}

    def send(self, body: bytes) -> httpx.Response:
        return self._http.post(self._url, content=body)

    def result(self, method: str, params: Any) -> dict[str, Any]:
        answer = self.send(rpc(method, params))
        lines = [line[5:] for line in answer.text.splitlines() if line.startswith("data:")] or [answer.text]
        return json.loads(lines[-1])["result"]

    def close(self) -> None:
        self._http.close()


@pytest.fixture(scope="module")
def manager(system: Besieged) -> Iterator[Endpoint]:
    endpoint = Endpoint(system.mcp_url)
    yield endpoint
    endpoint.close()


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("bench")
    with worker_bench(folder, COMPLETION_LINGER_MS="600000", RPC_TIMEOUT_MS="50", ANSWER_WAIT_MS="50") as made:
        run(assign(made.nats, TASK))
        yield made


async def assign(nats: TestNats, task_id: str) -> None:
    async with other_side(nats) as side:
        await side.assign(task_id, agent="command", command=AGENT)
        await side.first("stream", task_id)


@pytest.fixture(scope="module")
def worker(bench: Bench) -> Iterator[Endpoint]:
    with closing(endpoint_of(bench, TASK)) as endpoint:
        yield endpoint


def endpoint_of(bench: Bench, task_id: str) -> Endpoint:
    """The worker's tools as the agent of a task has them."""
    record = run(eventually(lambda: journal_of(bench.worker, task_id)))
    return Endpoint(mcp_url(bench.worker), Authorization=f"Bearer {record['token']}")


def at_once(arguments: Any, schema: dict[str, Any]) -> Any:
    if not isinstance(arguments, dict):
        return arguments
    return arguments | {name: value for name, value in AT_ONCE.items() if name in schema["properties"]}


def try_out(endpoint: Endpoint, name: str, honest: dict[str, Any]) -> None:
    schema = endpoint.schemas[name]

    def check(arguments: Any) -> None:
        answer = endpoint.send(rpc("tools/call", {"name": name, "arguments": at_once(arguments, schema)}))
        assert (complaint := complaint_about(answer)) is None, f"{name}({str(arguments)[:300]}): {complaint}"

    @bounded(1)
    @given(arguments=arguments_of(schema, honest))
    def anything(arguments: Any) -> None:
        check(arguments)

    for arguments in spoilt_one_by_one(schema, honest):
        check(arguments)
    anything()


@pytest.mark.parametrize("name", MANAGER_TOOLS)
def test_every_tool_of_a_manager_bears_any_arguments(system: Besieged, manager: Endpoint, name: str) -> None:
    try_out(manager, name, {"task_id": "task-1", "question_id": "q-1", "description": "do it", "answer": "yes"})
    system.run(system.all_ready())


PROBES = ("/healthz", "/readyz", "/metrics", "/openapi.json", "/nowhere")


@pytest.mark.parametrize("door", ["probes", "tools", "tools without a token", "sandbox"])
def test_no_request_of_any_form_breaks_a_worker_or_its_sandbox(bench: Bench, door: str) -> None:
    port, token = urlsplit(mcp_url(bench.worker)).port or 0, run(eventually(lambda: journal_of(bench.worker, TASK)))
    connect, paths, host, headers = {
        "probes": (to_port(bench.worker.http_port), PROBES, "localhost", ()),
        "tools": (to_port(port), ("/mcp", "/"), f"127.0.0.1:{port}", (f"Authorization: Bearer {token['token']}",)),
        "tools without a token": (to_port(port), ("/mcp",), f"127.0.0.1:{port}", ()),
        "sandbox": (to_socket(str(bench.sandbox.socket)), ("/v1/workspaces", "/healthz"), "sandbox", ()),
    }[door]
    answers = [(request, status_of(connect, request)) for request in odd_requests(paths, host, *headers)]
    broken = [(request[:300], status) for request, status in answers if status is None or status >= 500]
    assert not broken, broken
    # Something was let in where somebody may be, or all this shows nothing.
    assert (200 in {status for _, status in answers}) is ("without" not in door)
    run(bench.worker.ready())
    for log in (bench.worker.log, bench.sandbox.log):
        assert not (found := [line for line in log.read_text().splitlines() if TROUBLE.search(line)]), found[:3]


@pytest.mark.parametrize("name", WORKER_TOOLS)
def test_every_tool_of_a_worker_bears_any_arguments(bench: Bench, worker: Endpoint, name: str) -> None:
    try_out(worker, name, MINIMAL_CALL.get(name, {}))
    assert lives(bench.worker)


def test_the_tools_that_end_an_attempt_bear_any_arguments(bench: Bench) -> None:
    run(assign(bench.nats, "task-ending"))
    with closing(endpoint_of(bench, "task-ending")) as endpoint:
        for name in ENDING:
            try_out(endpoint, name, MINIMAL_CALL[name])
    assert lives(bench.worker)


def lives(worker: WorkerProcess) -> bool:
    return worker.process is not None and worker.process.poll() is None


def test_every_resource_and_prompt_bears_any_name_and_arguments(system: Besieged, manager: Endpoint) -> None:
    addresses = ("mews://tasks/{}", "mews://tasks/{}/streams", "mews://workers/{}", "mews://{}", "{}")
    names = st.one_of(texts, st.text(max_size=30))
    prompts = st.sampled_from([prompt.name for prompt in PROMPTS])
    calls = st.one_of(
        st.tuples(st.just("resources/read"), st.tuples(st.sampled_from(addresses), names).map(_address)),
        st.tuples(st.just("prompts/get"), st.tuples(prompts, values).map(lambda p: {"name": p[0], "arguments": p[1]})),
        st.tuples(st.sampled_from(["tools/call", "completion/complete", "resources/subscribe", "x"]), values),
        st.tuples(st.just("tools/list"), names.map(lambda name: {"cursor": name})),
    )

    @bounded(10)
    @given(call=calls)
    def one(call: tuple[str, Any]) -> None:
        assert (complaint := complaint_about(manager.send(rpc(*call)))) is None, f"{call!r:.300}: {complaint}"

    one()
    system.run(system.all_ready())


def _address(parts: tuple[str, str]) -> dict[str, str]:
    return {"uri": parts[0].format(parts[1])}


@pytest.mark.parametrize("who", ["manager", "worker"])
def test_a_body_that_is_no_request_is_refused(request: pytest.FixtureRequest, who: str) -> None:
    endpoint: Endpoint = request.getfixturevalue(who)
    deep = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_tasks","arguments":' + b"[" * 100_000
    bodies = st.one_of(
        st.binary(max_size=200),
        values.map(lambda value: json.dumps(value).encode()),
        st.sampled_from([deep, b"\xff\xfe", b"[]", b"{}", b"null", b"1" * 5_000, b'{"id":' + b"9" * 5_000 + b"}"]),
    )

    @bounded(5)
    @given(body=bodies)
    def one(body: bytes) -> None:
        answer = endpoint.send(body)
        assert answer.status_code < 500, (body[:200], answer.text)
        assert complaint_about(answer) is None, (body[:200], answer.text)

    one()
