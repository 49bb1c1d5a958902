"""What a tool call through the gateway costs, beside a bare mcp server's no-op call and the upstream call it makes.

    python -m tests.load.gateway [--calls 1000] [--guarded] [--json]

Four processes: this one calls `cancel_task` (one upstream call) by hand-written HTTP over one kept connection, so that
the servers are what is measured; the gateway; a bare mcp server; a service that answers at once. The bar is a p50 and
a CPU time of at most 1.5 times the bare call plus the upstream call as ServiceClient makes it. With `--guarded` callers
show a token, and each of their calls is counted in Redis; without it everybody is let in, as on one's own machine.
"""

import argparse
import asyncio
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import uvloop

from contracts.tasks import CancelTask, TaskView
from devstack.ports import free_port
from devstack.servers.redis import Redis
from servicekit.client import ServiceClient
from tests.load.measuring import Report, percentiles

WARM_UP = 200
ROUNDS = 3
START_S = 90.0
ALLOWED = 1.5
TOKEN = "shown-by-the-load"
MODERN = "2026-07-28"
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "load", "version": "1"},
}
CALL: dict[str, Any] = {"name": "cancel_task", "arguments": {"task_id": "task-abc123"}}
ERAS: Mapping[str, tuple[dict[str, Any], dict[str, str]]] = {
    "2025-11-25": (CALL, {"MCP-Protocol-Version": "2025-11-25"}),
    MODERN: (
        CALL | {"_meta": META},
        {"MCP-Protocol-Version": MODERN, "Mcp-Method": "tools/call", "Mcp-Name": "cancel_task"},
    ),
}


@dataclass(frozen=True)
class Cost:
    """Of one call: latency in ms, CPU time of its server (and of this process, where it is the caller) in ms."""

    p50: float
    p99: float
    cpu: float


@dataclass(frozen=True)
class Contender:
    """What is called, and the process whose CPU time it costs."""

    call: Callable[[], Awaitable[object]]
    process: psutil.Process


class Connection:
    """One kept HTTP/1.1 connection, as small as can be."""

    def __init__(self, port: int, era: str, token: str | None = None) -> None:
        params, headers = ERAS[era]
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()
        lines = {
            "Host": f"127.0.0.1:{port}",
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "Content-Length": str(len(body)),
            **headers,
        }
        if token is not None:
            lines["Authorization"] = f"Bearer {token}"
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self._request = f"POST /mcp HTTP/1.1\r\n{head}\r\n".encode() + body
        self._port = port

    async def __aenter__(self) -> "Connection":
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def call(self) -> None:
        """One call; a refusal is an error here."""
        self._writer.write(self._request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        body = await self._body(head)
        if b" 200 " not in head.partition(b"\r\n")[0] or b'"error"' in body or b'"isError":true' in body:
            raise RuntimeError(f"{head!r} {body!r}")

    async def _body(self, head: bytes) -> bytes:
        _, found, after = head.partition(b"content-length: ")
        if found:
            return await self._reader.readexactly(int(after.partition(b"\r\n")[0]))
        body = b""
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            body += await self._reader.readexactly(size)
            await self._reader.readexactly(2)
        await self._reader.readexactly(2)
        return body


@contextmanager
def process(*command: str, port: int, **env: str) -> Generator[psutil.Process]:
    """A Python program that listens on `port`."""
    started = subprocess.Popen([sys.executable, "-m", *command], env=dict(os.environ) | env)
    try:
        deadline = time.monotonic() + START_S
        while not _listens(port):
            if time.monotonic() > deadline or started.poll() is not None:
                raise RuntimeError(f"{command} did not start")
            time.sleep(0.05)
        yield psutil.Process(started.pid)
    finally:
        started.terminate()
        started.wait()


def _listens(port: int) -> bool:
    try:
        httpx.get(f"http://127.0.0.1:{port}/", timeout=1)
    except httpx.TransportError:
        return False
    return True


async def costs_of(contenders: Mapping[str, Contender], calls: int) -> dict[str, Cost]:
    """The cost of one call of each, in rounds that take turns, for the machine is never equally busy twice."""
    for contender in contenders.values():
        await _round(contender, WARM_UP)
    rounds: dict[str, list[Cost]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, contender in contenders.items():
            rounds[name].append(await _round(contender, calls))
    return {name: sorted(costs, key=lambda cost: cost.p50)[ROUNDS // 2] for name, costs in rounds.items()}


async def _round(contender: Contender, calls: int) -> Cost:
    call, server = contender.call, contender.process
    before = _cpu(server)
    times: list[float] = []
    for _ in range(calls):
        start = time.perf_counter()
        await call()
        times.append((time.perf_counter() - start) * 1000)
    found = percentiles(times)
    return Cost(found["p50"], found["p99"], (_cpu(server) - before) / calls * 1000)


def _cpu(server: psutil.Process) -> float:
    spent = server.cpu_times()
    return spent.user + spent.system


async def compare(
    report: Report, calls: int, ports: Mapping[str, int], servers: Mapping[str, psutil.Process], token: str | None
) -> None:
    """Both eras: the gateway's call beside 1.5 bare calls and one upstream call."""
    client = ServiceClient("orchestrator", f"http://127.0.0.1:{ports['upstream']}")

    async def ask() -> None:
        await client.post("/v1/tasks/task-abc123/cancel", TaskView, CancelTask())

    for era in ERAS:
        async with Connection(ports["noop"], era) as bare, Connection(ports["gateway"], era, token) as gateway:
            contenders = {
                "bare": Contender(bare.call, servers["noop"]),
                # Here this process is the caller, as the gateway is: the CPU time of the call is its own.
                "upstream": Contender(ask, psutil.Process()),
                "gateway": Contender(gateway.call, servers["gateway"]),
            }
            add(report, era, await costs_of(contenders, calls))
    await client.close()


def add(report: Report, era: str, costs: Mapping[str, Cost]) -> None:
    """The lines of one era."""
    found, bare, upstream = costs["gateway"], costs["bare"], costs["upstream"]
    for name, unit, value in (
        ("p50", "ms", lambda cost: cost.p50),
        ("p99", "ms", lambda cost: cost.p99),
        ("CPU", "ms a call", lambda cost: cost.cpu),
    ):
        allowed = ALLOWED * value(bare) + value(upstream)
        report.add(f"{era} {name}", unit, value(found), allowed, higher_is_better=False)
        report.add(f"  the bare call's {name} alone", unit, value(bare), value(bare), higher_is_better=False)
        report.add(
            f"  the upstream call's {name} alone", unit, value(upstream), value(upstream), higher_is_better=False
        )


def guarded(stack: ExitStack) -> dict[str, str]:
    """Settings of a gateway that knows one caller and counts its calls, beyond any limit, in a Redis of its own."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    redis = Redis(folder / "redis")
    redis.start()
    stack.callback(redis.stop)
    return {
        "AUTH_MODE": "token",
        "GATEWAY_TOKENS": f"load:{hashlib.sha256(TOKEN.encode()).hexdigest()}",
        "GATEWAY_STATE_KEYS": "k" * 32,
        "REDIS_HOST": redis.host,
        "REDIS_PORT": str(redis.port),
        "RATE_LIMIT_WRITES_PER_MINUTE": "1000000000",
        "RATE_LIMIT_WRITES_BURST": "200",
    }


def main() -> None:
    """Print the table. The baseline of an era's lines is 1.5 bare calls plus the upstream call."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1_000, help="calls a round, of which there are three")
    parser.add_argument("--guarded", action="store_true", help="callers show a token, and are counted in Redis")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    report = Report("Gateway: one tool call with one upstream call, beside 1.5 bare no-op calls plus the upstream call")
    ports = {name: free_port("127.0.0.1") for name in ("noop", "upstream", "gateway")}
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(process("tests.load.bare_mcp", name, str(ports[name]), port=ports[name]))
            for name in ("noop", "upstream")
        }
        env = guarded(stack) if options.guarded else {"AUTH_MODE": "local"}
        env |= {
            "HTTP_PORT": str(ports["gateway"]),
            "ORCHESTRATOR_URL": f"http://127.0.0.1:{ports['upstream']}",
            "LOG_LEVEL": "warning",
        }
        servers["gateway"] = stack.enter_context(process("mcp_gateway", "serve", port=ports["gateway"], **env))
        uvloop.run(compare(report, options.calls, ports, servers, TOKEN if options.guarded else None))
        memory = servers["gateway"].memory_info().rss / 2**20
    report.show(as_json=options.json)
    if not options.json:
        print(f"\nMemory of the gateway: {memory:.0f} MB")


if __name__ == "__main__":
    main()
