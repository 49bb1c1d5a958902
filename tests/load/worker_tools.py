"""What a worker's tool call costs beside a bare `mcp` server's no-op, though it is durable on disk when it is answered.

    python -m tests.load.worker_tools [--calls 2000] [--folder /dev/shm] [--json]

A real worker-agent, sandbox and NATS; the client is a plain HTTP/1.1 one, so that the server is what is measured. The
two servers are called in turn, in blocks, so that both see the same machine. Also told: what the call costs without
the disk, which is the `fdatasync` of one small write, measured between the blocks.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from json import dumps
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from contracts.commands import CommandAction
from devstack.ports import free_port
from tests.load.measuring import Report, percentiles
from tests.support.other_side import declare, other_side
from tests.support.sandbox import running_sandbox
from tests.support.stack import TestNats
from tests.support.waiting import eventually
from tests.support.worker_agent import WorkerProcess, journal_of, mcp_url, worker_process

MODERN, HANDSHAKE = "2026-07-28", "2025-06-18"
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "load", "version": "1"},
}
BLOCK = 100
SYNC_BYTES = 512
UNLIMITED = {"ATTEMPT_EVENTS_PER_S": "1000000", "ATTEMPT_EVENTS_BURST": "1000000"}
"""No agent calls so fast."""
ARGUMENTS = {
    "status": "executing",
    "phase": "implementation",
    "metrics": {"percent_complete": 65, "current_operation": "Refactoring the module", "files_modified": 3},
}


class Caller:
    """One connection that calls one tool again and again."""

    def __init__(self, url: str, tool: str, era: str, token: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 0
        params: dict[str, Any] = {"name": tool, "arguments": ARGUMENTS}
        headers = [
            f"POST {parts.path} HTTP/1.1",
            f"Host: {self._host}:{self._port}",
            "Content-Type: application/json",
            "Accept: application/json, text/event-stream",
            f"Authorization: Bearer {token}",
            f"MCP-Protocol-Version: {era}",
        ]
        if era == MODERN:
            params["_meta"] = META
            headers += ["Mcp-Method: tools/call", f"Mcp-Name: {tool}"]
        body = dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
        self._request = "\r\n".join([*headers, f"Content-Length: {len(body)}", "", body]).encode()

    async def open(self) -> "Caller":
        """Connect."""
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        return self

    async def call(self) -> None:
        """One call; it must succeed."""
        self._writer.write(self._request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        body = await self._body(head)
        if " 200 " not in head.splitlines()[0] or b'"result"' not in body or b'"isError":true' in body:
            raise RuntimeError(f"{head}\n{body[:500]!r}")

    def close(self) -> None:
        """Disconnect."""
        self._writer.close()

    async def _body(self, head: str) -> bytes:
        if "content-length:" in head:
            return await self._reader.readexactly(int(head.split("content-length:")[1].split()[0]))
        body = b""
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            body += (await self._reader.readexactly(size + 2))[:-2]
        await self._reader.readuntil(b"\r\n")
        return body


def sync_ms(folder: Path, times: int) -> list[float]:
    """How long the disk takes to make one small write durable, in ms, in a file whose length does not change."""
    path = folder / "sync"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        os.pwrite(descriptor, bytes(SYNC_BYTES * times), 0)
        os.fsync(descriptor)
        taken: list[float] = []
        for number in range(times):
            start = time.perf_counter()
            os.pwrite(descriptor, b"x" * SYNC_BYTES, number * SYNC_BYTES)
            os.fdatasync(descriptor)
            taken.append((time.perf_counter() - start) * 1000)
        return taken
    finally:
        os.close(descriptor)
        path.unlink()


async def in_turn(callers: dict[str, Caller], calls: int, between: Callable[[], None]) -> dict[str, list[float]]:
    """Call each in blocks, one block after the other; all latencies in ms."""
    taken: dict[str, list[float]] = {name: [] for name in callers}
    for _ in range(max(1, calls // BLOCK)):
        for name, caller in callers.items():
            for _ in range(BLOCK):
                start = time.perf_counter()
                await caller.call()
                taken[name].append((time.perf_counter() - start) * 1000)
        between()
    return taken


async def at_once(url: str, tool: str, token: str, calls: int, connections: int) -> float:
    """Calls a second with many connections."""
    callers = [await Caller(url, tool, MODERN, token).open() for _ in range(connections)]

    async def run(caller: Caller) -> None:
        for _ in range(calls // connections):
            await caller.call()

    start = time.perf_counter()
    await asyncio.gather(*(run(caller) for caller in callers))
    seconds = time.perf_counter() - start
    for caller in callers:
        caller.close()
    return calls // connections * connections / seconds


@contextmanager
def bare_server() -> Generator[str]:
    """The yardstick, in a process of its own."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "tests.load.bare_worker_tools", str(port)])
    try:
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.terminate()
        process.wait(10)


async def answers(url: str) -> bool:
    """Whether something listens there."""
    try:
        (await Caller(url, "noop", MODERN, "").open()).close()
    except OSError:
        return False
    return True


async def measure(worker: WorkerProcess, nats: TestNats, bare: str, folder: Path, calls: int, report: Report) -> None:
    """All figures."""
    await worker.ready()
    await eventually(lambda: answers(bare), within=30)
    report.add("memory, idle", "MB", _memory_mb(worker), 120.0, higher_is_better=False)
    async with other_side(nats) as side:
        await side.assign("task-load", agent="command", command="sleep 3600")
        record = await eventually(lambda: _if_running(journal_of(worker, "task-load")), within=30)
        token, url = record["token"], mcp_url(worker)
        for era in (MODERN, HANDSHAKE):
            syncs: list[float] = []
            callers = {
                "tool": await Caller(url, "report_progress", era, token).open(),
                "bare": await Caller(bare, "noop", era, "").open(),
            }
            await in_turn(callers, 2 * BLOCK, lambda: None)
            taken = await in_turn(callers, calls, partial(_sync, folder, syncs))
            _add_latencies(report, era, taken, syncs)
            for caller in callers.values():
                caller.close()
        cpu = psutil.Process(worker.process.pid if worker.process else None).cpu_times()
        rate = await at_once(url, "report_progress", token, calls, 16)
        after = psutil.Process(worker.process.pid if worker.process else None).cpu_times()
        report.add("16 at once", "calls/s", rate, await at_once(bare, "noop", "", calls, 16))
        cost_ms = (after.user + after.system - cpu.user - cpu.system) / calls * 1000
        report.add("CPU a call, with publishing (bar 1 ms)", "ms", cost_ms, 1.0, higher_is_better=False)
        await eventually(lambda: side.heartbeats[-1]["spool_events"] == 0, within=30)
        await side.command(CommandAction.cancel, task_id="task-load")
        await side.outcome("task-load")
    report.add("memory, after all", "MB", _memory_mb(worker), 120.0, higher_is_better=False)


def _add_latencies(report: Report, era: str, taken: dict[str, list[float]], syncs: list[float]) -> None:
    tool, bare = percentiles(taken["tool"]), percentiles(taken["bare"])
    for name in ("p50", "p99"):
        report.add(f"tool call {era}, {name}", "ms", tool[name], bare[name], higher_is_better=False)
    sync = statistics.median(syncs)
    less = tool["p50"] - sync
    report.add(f"less one fdatasync of {sync:.2f} ms, p50", "ms", less, bare["p50"], higher_is_better=False)


def _sync(folder: Path, syncs: list[float]) -> None:
    syncs.extend(sync_ms(folder, 20))


def _memory_mb(worker: WorkerProcess) -> float:
    assert worker.process is not None
    return psutil.Process(worker.process.pid).memory_info().rss / 2**20


def _if_running(record: dict[str, Any]) -> dict[str, Any] | None:
    return record if record.get("phase") == "running" else None


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=2_000)
    parser.add_argument("--folder", help="where the spool lies; on a memory file system the disk costs nothing")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    report = Report("Worker tools: a durable report beside a bare no-op")
    with tempfile.TemporaryDirectory("", "mews-load-", options.folder, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        nats = TestNats(folder / "nats")
        nats.start()
        try:
            asyncio.run(declare(nats))
            with (
                running_sandbox() as sandbox,
                worker_process(folder, nats, sandbox, LOG_LEVEL="warning", **UNLIMITED) as worker,
                bare_server() as bare,
            ):
                asyncio.run(measure(worker, nats, bare, folder, options.calls, report))
        finally:
            nats.stop()
    report.show(as_json=options.json)


if __name__ == "__main__":
    main()
