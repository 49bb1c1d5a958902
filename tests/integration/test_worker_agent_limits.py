"""What an agent may do to its worker: too many calls, too much output, connections that it does not read."""

import asyncio
import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from json import dumps
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from mcp import Client

from tests.support.other_side import OtherSide
from tests.support.sandbox import SandboxServer
from tests.support.stack import TestNats, run
from tests.support.waiting import eventually
from tests.support.worker_agent import WorkerProcess, agent_client, journal_of, mcp_url, worker_process

WAIT = "echo up; sleep 600"
MOST_CONNECTIONS, MOST_CALLS, BURST = 40, 4, 60
FLOOD = "seq -f 'line %010g of a flood' 1 40000"
LIST = dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}).encode()
ACCEPT = "application/json, text/event-stream"


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory, nats: TestNats, sandbox: SandboxServer) -> Iterator[WorkerProcess]:
    env = {
        "MAX_CONCURRENT_TASKS": "20",
        "ATTEMPT_EVENTS_PER_S": "5",
        "ATTEMPT_EVENTS_BURST": str(BURST),
        "ATTEMPT_MB_PER_S": "0.05",
        "ATTEMPT_MB_BURST": "0.2",
        "ATTEMPT_CALLS_AT_ONCE": str(MOST_CALLS),
        "MAX_TOOL_CONNECTIONS": str(MOST_CONNECTIONS),
    }
    with worker_process(tmp_path_factory.mktemp("worker"), nats, sandbox, **env) as made:
        run(made.ready())
        yield made


async def up(side: OtherSide, task: str) -> str:
    await side.assign(task, agent="command", command=WAIT)
    await side.first("stream", task)
    return task


async def report(client: Client, text: str) -> Any:
    return await client.call_tool("report_milestone", {"milestone_name": text, "milestone_type": "x"})


def said(result: Any) -> str:
    return result.content[0].text


@asynccontextmanager
async def raw(worker: WorkerProcess) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to the MCP endpoint that does what a test wants."""
    parts = urlsplit(mcp_url(worker))
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=1024)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


def request(worker: WorkerProcess, task: str, body: bytes = LIST) -> bytes:
    token, parts = journal_of(worker, task)["token"], urlsplit(mcp_url(worker))
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {token}\r\nAccept: {ACCEPT}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def post(worker: WorkerProcess, task: str, content: bytes) -> httpx.Response:
    token = journal_of(worker, task)["token"]
    headers = {"Authorization": f"Bearer {token}", "Accept": ACCEPT, "Content-Type": "application/json"}
    async with httpx.AsyncClient(timeout=15) as http:
        return await http.post(mcp_url(worker), content=content, headers=headers)


async def test_who_calls_too_often_is_told_so_and_others_are_not_touched(
    worker: WorkerProcess, side: OtherSide
) -> None:
    flooding, honest = await up(side, "task-flood"), await up(side, "task-honest")
    async with agent_client(worker, flooding) as flood, agent_client(worker, honest) as other:
        results = [await report(flood, f"m{number}") for number in range(2 * BURST)]
        refused = [result for result in results if result.is_error]
        assert len(refused) > BURST / 3
        assert all("[rate_limited]" in said(result) for result in refused)
        assert re.search(r"nothing was recorded\. Try again in \d+ ms", said(refused[0]))
        assert not (await report(other, "mine")).is_error
        assert not (await flood.call_tool("report_completion", {"status": "completed"})).is_error
        await eventually(lambda: _is_let_in(flood))
    taken = [f"m{number}" for number, result in enumerate(results) if not result.is_error] + ["again"]
    await eventually(lambda: set(_milestones(side, flooding)) >= set(taken))
    assert sorted(_milestones(side, flooding)) == sorted(taken)


def _milestones(side: OtherSide, task: str) -> list[str]:
    return [event.body.milestone_name for event in side.of("milestone", task)]


async def _is_let_in(client: Client) -> bool:
    return not (await report(client, "again")).is_error


async def test_a_flood_of_output_is_thinned_and_what_is_left_out_is_told(
    worker: WorkerProcess, side: OtherSide
) -> None:
    await side.assign("task-loud", agent="command", command=f"{FLOOD}; echo the end")
    assert (await side.outcome("task-loud", within=30)).status == "completed"
    entries = [event.body for event in side.of("stream", "task-loud")]
    left_out = [body.metadata["left_out_bytes"] for body in entries if "left_out" in body.metadata]
    shown = sum(len(body.content) for body in entries if "left_out" not in body.metadata)
    whole = 40_000 * len("line 0000000001 of a flood\n")
    assert left_out
    assert shown < whole / 2
    assert whole * 0.9 < shown + sum(left_out) < whole * 1.2


async def test_no_more_calls_wait_than_may(worker: WorkerProcess, side: OtherSide) -> None:
    task = await up(side, "task-calls")
    async with agent_client(worker, task) as client:
        asked = [
            asyncio.create_task(client.call_tool("ask_manager", {"question": f"q{n}", "question_type": "technical"}))
            for n in range(MOST_CALLS)
        ]
        await eventually(lambda: len(side.of("question", task)) == MOST_CALLS)
        refused = await report(client, "one more")
        assert "[rate_limited]" in said(refused)
        assert f"no more than {MOST_CALLS}" in said(refused)
        for question in side.of("question", task):
            await side.answer(question, "yes")
        assert all(not result.is_error for result in await asyncio.gather(*asked))
        assert not (await report(client, "now")).is_error


async def test_who_does_not_read_its_answers_keeps_nobody_out(worker: WorkerProcess, side: OtherSide) -> None:
    silent, honest = await up(side, "task-silent"), await up(side, "task-reads")
    async with AsyncExitStack() as stack:
        for _ in range(20):
            _, writer = await stack.enter_async_context(raw(worker))
            # Pipelined: each answer is as long as the list of all tools, and none is ever read.
            writer.write(request(worker, silent) * 50)
        async with agent_client(worker, honest) as client:
            for number in range(10):
                assert not (await report(client, f"m{number}")).is_error


async def test_a_connection_too_many_is_told_so_and_there_is_room_again_after(
    worker: WorkerProcess, side: OtherSide
) -> None:
    task = await up(side, "task-many")
    async with AsyncExitStack() as stack:
        for _ in range(MOST_CONNECTIONS):
            await stack.enter_async_context(raw(worker))
        assert (await post(worker, task, LIST)).status_code == 503

    async def has_room() -> bool:
        return (await post(worker, task, LIST)).status_code == 200

    await eventually(has_room)


async def test_headers_without_an_end_are_cut_off(worker: WorkerProcess) -> None:
    async with raw(worker) as (reader, writer):
        writer.write(b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nX-Long: ")
        for _ in range(64):
            writer.write(b"x" * 16_384)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(reader.readexactly(1), 5)


@pytest.mark.parametrize(
    ("body", "statuses"),
    [
        (b"x" * (5 * 1024 * 1024), {413}),
        (b'{"a":' * 200_000, {400}),
        (
            b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"report_analytics","arguments":{"analytics_type":"code","data":'
            + b'{"a":' * 100_000
            + b"1"
            + b"}" * 100_000
            + b"}}}",
            {200, 400},
        ),
        (b"\xff\xfe", {400}),
        (b"[" * 500, {400}),
    ],
    ids=["large", "unclosed", "deep", "no-text", "brackets"],
)
async def test_a_body_that_is_no_call_is_refused_and_the_endpoint_lives(
    worker: WorkerProcess, side: OtherSide, body: bytes, statuses: set[int]
) -> None:
    task = "task-bodies"
    if not journal_of(worker, task):
        await up(side, task)
    assert (await post(worker, task, body)).status_code in statuses
    assert (await post(worker, task, LIST)).status_code == 200
    assert not side.of("analytics", task)


async def test_a_token_opens_its_own_attempt_alone_and_is_shown_nowhere(worker: WorkerProcess, side: OtherSide) -> None:
    mine, theirs = await up(side, "task-mine"), await up(side, "task-theirs")
    async with agent_client(worker, mine) as client:
        refused = await client.call_tool("report_progress", {"status": "executing", "task_id": theirs})
    assert "[wrong_task]" in said(refused)
    tokens = [journal_of(worker, task)["token"] for task in (mine, theirs)]
    assert not [token for token in tokens if token in worker.log.read_text()]
    lines = command_lines()
    assert lines
    assert not [token for token in tokens if any(token.encode() in line for line in lines)]


def command_lines() -> list[bytes]:
    """Of all processes, as every user of the machine sees them."""
    found: list[bytes] = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(path.read_bytes())
    return found
