"""The whole system as a user has it: real services, started by `mews up` in a folder of their own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import TextContent

from devstack.processes import identify
from devstack.state import Member, Phase, State, read_state
from tests.support.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
# The machine may be busy: that is no reason to fail.
START_WITHIN_S = 100.0
END_WITHIN_S = 100.0

Structure = dict[str, Any]


@dataclass(frozen=True)
class System:
    """One system, in the folder `home`."""

    home: Path
    given: Mapping[str, str] = field(default_factory=dict[str, str])
    """Variables that it is started with."""

    @property
    def env(self) -> dict[str, str]:
        """The environment in which `mews` finds it."""
        return {**os.environ, **self.given, "MEWS_HOME": str(self.home), "COLUMNS": "200", "TERM": "dumb"}

    def command(self, *arguments: str) -> list[str]:
        """The command line of `mews`."""
        return [sys.executable, "-P", "-m", "devstack", *arguments]

    def mews(self, *arguments: str, within: float = START_WITHIN_S) -> subprocess.CompletedProcess[str]:
        """Run `mews` to its end, with no terminal."""
        return subprocess.run(
            self.command(*arguments),
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=within,
            check=False,
        )

    @property
    def state(self) -> State | None:
        """What runs, as the supervisor wrote it down."""
        return read_state(self.home / ".mews" / "state.json")

    @property
    def url(self) -> str:
        """The MCP endpoint of its gateway."""
        state = self.state
        assert state is not None, "it does not run"
        return f"{state.gateway_url}/mcp"

    def member(self, name: str) -> Member:
        """One of its processes."""
        state = self.state
        assert state is not None, "it does not run"
        return next(member for member in state.members if member.name == name)

    def kill(self, name: str) -> int:
        """End a process as a power cut would; its id."""
        pid = self.member(name).pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        return pid

    async def until_replaced(self, name: str, pid: int) -> None:
        """Return when another process does the work of the one that had `pid`."""

        def replaced() -> bool:
            member = self.member(name)
            return member.phase is Phase.ready and member.pid not in {None, pid}

        await eventually(replaced, START_WITHIN_S)

    def processes(self) -> list[int]:
        """Every process of it, found by its folder's name in environment, command line or working directory."""
        return [pid for pid in processes_about(str(self.home)) if pid != os.getpid()]


@contextmanager
def new_home(folder: Path, given: Mapping[str, str] | None = None) -> Generator[System]:
    """A folder in which nothing has run yet; whatever runs there at the end of the block is ended."""
    (folder / ".mews").mkdir(parents=True)
    (folder / ".mews" / "nats").symlink_to(ROOT / ".mews" / "nats")
    system = System(folder, given or {})
    try:
        yield system
    finally:
        system.mews("down")


def processes_about(text: str) -> list[int]:
    """The living processes that have `text` in their environment, command line or working directory."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [pid for pid in pids if identify(pid) and _is_about(pid, text.encode())]


def _is_about(pid: int, text: bytes) -> bool:
    try:
        place = Path(f"/proc/{pid}")
        told = [(place / name).read_bytes() for name in ("environ", "cmdline")]
        told.append(os.readlink(place / "cwd").encode())
    except OSError:
        return False
    return any(text in part for part in told)


class Manager:
    """A manager: the official MCP client, connected to a gateway."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def call(self, tool: str, **arguments: Any) -> Structure:
        """The structured content of an answer that is no error."""
        text, structure = await self.ask(tool, **arguments)
        assert structure is not None, text
        return structure

    async def ask(self, tool: str, **arguments: Any) -> tuple[str, Structure | None]:
        """Text and structured content; no structure for an error."""
        result = await self._client.call_tool(tool, arguments, read_timeout_seconds=END_WITHIN_S)
        text = "\n".join(block.text for block in result.content if isinstance(block, TextContent))
        return text, None if result.is_error else result.structured_content

    async def assign(self, description: str, **task: Any) -> str:
        """The id of a new task."""
        return (await self.call("assign_task", description=description, **task))["task_id"]

    async def ended(self, task_id: str) -> Structure:
        """The task's report as soon as it has ended."""
        asked = {"task_id": task_id, "wait": True, "include_analytics": True}
        return await self.call("monitor_task", **asked)

    async def output(self, task_id: str) -> list[str]:
        """The lines that the task's agent has written."""
        streams = await self.call("view_realtime_streams", task_id=task_id, stream_types=["output"], last_n=1_000)
        return [line for entry in streams["entries"] for line in entry["content"].splitlines()]

    async def until_output(self, task_id: str, line: str) -> None:
        """Return when the task's agent has written this line."""

        async def written() -> bool:
            return line in await self.output(task_id)

        await eventually(written, END_WITHIN_S)


@asynccontextmanager
async def manager(system: System, era: str = "2026-07-28") -> AsyncGenerator[Manager]:
    """A manager of this system for the block."""
    async with (
        httpx2.AsyncClient(timeout=END_WITHIN_S, trust_env=False) as http,
        Client(streamable_http_client(system.url, http_client=http), mode=era, cache=None) as client,
    ):
        yield Manager(client)


def states_of(report: Mapping[str, Any]) -> list[str]:
    """The states of a task's attempts, first to last."""
    return [attempt["state"] for attempt in report["attempts"]]


def parsed(done: subprocess.CompletedProcess[str]) -> Any:
    """The JSON that a command printed."""
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
