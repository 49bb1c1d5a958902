"""A real worker-agent in a process of its own."""

import os
import signal
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from json import loads
from pathlib import Path
from typing import Any

import httpx
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from devstack.ports import free_port
from tests.support.forking import Started, fork
from tests.support.other_side import WORKER, declare
from tests.support.sandbox import SandboxServer, running_sandbox
from tests.support.stack import TestNats, run
from tests.support.waiting import eventually

STOP_S = 20


@dataclass
class WorkerProcess:
    """A worker-agent that a test may kill and start again; its data stay."""

    env: dict[str, str]
    log: Path
    http_port: int
    process: Started | None = None

    @property
    def data(self) -> Path:
        """Its DATA_DIR."""
        return Path(self.env["DATA_DIR"])

    def start(self) -> None:
        """Start it; it is not ready yet."""
        with self.log.open("ab") as file:
            self.process = fork("worker_agent", "serve", env=os.environ | self.env, stderr=file.fileno())

    async def ready(self, within: float = 60.0) -> None:
        """Wait until it says that it is ready."""
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.http_port}", timeout=5) as http:

            async def is_ready() -> bool:
                assert self.process is not None
                assert self.process.poll() is None, self.log.read_text()
                try:
                    return (await http.get("/readyz")).status_code == 200
                except httpx.TransportError:
                    return False

            await eventually(is_ready, within)

    async def reasons(self) -> set[str]:
        """Names of the readiness checks that have a reason against them."""
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.http_port}", timeout=5) as http:
            checks = (await http.get("/readyz")).json()["checks"]
        return {name for name, said in checks.items() if said != "ok"}

    async def metrics(self) -> str:
        """What it says of itself."""
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.http_port}", timeout=5) as http:
            return (await http.get("/metrics")).text

    def kill(self) -> None:
        """End it with -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(STOP_S)

    def terminate(self) -> int:
        """End it in order; its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_S)

    def logged(self, event: str) -> list[dict[str, Any]]:
        """What it has logged under a name."""
        lines = (loads(line) for line in self.log.read_text().splitlines() if line.startswith("{"))
        return [line for line in lines if line.get("event") == event]


@contextmanager
def worker_process(folder: Path, nats: TestNats, sandbox: SandboxServer, **env: str) -> Generator[WorkerProcess]:
    """A worker-agent, started; it is gone afterwards."""
    http_port = free_port()
    variables = {
        **nats.env(),
        "WORKER_ID": WORKER,
        "DATA_DIR": str(folder / "worker"),
        "SANDBOX_SOCKET": str(sandbox.socket),
        "HTTP_PORT": str(http_port),
        "HEARTBEAT_MS": "200",
        "STOP_GRACE_MS": "500",
        "SHUTDOWN_GRACE_MS": "10000",
        **env,
    }
    worker = WorkerProcess(variables, folder / "worker.log", http_port)
    worker.start()
    try:
        yield worker
    finally:
        if worker.process is not None and worker.process.poll() is None:
            worker.kill()


@dataclass(frozen=True)
class Bench:
    """A worker-agent with a bus and a sandbox of its own."""

    worker: WorkerProcess
    nats: TestNats
    sandbox: SandboxServer


@contextmanager
def worker_bench(folder: Path, **env: str) -> Generator[Bench]:
    """A worker-agent that is ready; all of it is gone afterwards."""
    nats = TestNats(folder / "nats")
    nats.start()
    try:
        run(declare(nats))
        with running_sandbox() as sandbox, worker_process(folder, nats, sandbox, **env) as worker:
            run(worker.ready())
            yield Bench(worker, nats, sandbox)
    finally:
        nats.stop()


def journal_of(worker: WorkerProcess, task_id: str, attempt: int = 1) -> dict[str, Any]:
    """What the worker has on disk about an attempt; empty when it has nothing."""
    path = worker.data / "attempts" / f"{task_id}.{attempt}.json"
    return loads(path.read_text()) if path.exists() else {}


@asynccontextmanager
async def agent_client(
    worker: WorkerProcess, task_id: str, era: str = "auto", attempt: int = 1
) -> AsyncGenerator[Client]:
    """A real MCP client with the token of a running attempt."""
    record = await eventually(lambda: _running(journal_of(worker, task_id, attempt)))
    async with mcp_client(mcp_url(worker), record["token"], era) as client:
        yield client


@asynccontextmanager
async def mcp_client(url: str, token: str, era: str = "auto") -> AsyncGenerator[Client]:
    """A real MCP client."""
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=30) as http,
        Client(streamable_http_client(url, http_client=http), mode=era) as client,
    ):
        yield client


def mcp_url(worker: WorkerProcess) -> str:
    """The address that the worker's agents get."""
    return f"http://127.0.0.1:{loads((worker.data / 'worker.json').read_text())['mcp_port']}/mcp"


def _running(record: dict[str, Any]) -> dict[str, Any] | None:
    return record if record.get("phase") in ("starting", "running") else None
