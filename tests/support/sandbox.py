"""A real sandbox in a process of its own, and a client of it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from json import loads
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter

from contracts.sandbox import OutputChunk, OutputEnd, OutputRecord, Process
from tests.support.forking import Started, fork

START_S = 40
# A user that no machine has: what runs as it can reach nothing but what is open to all. Each test process has its own,
# since the kernel counts processes by user.
UNPRIVILEGED_UID = 40_000 + os.getpid() % 10_000 if os.getuid() == 0 else os.getuid()
STOP_S = 20
DROP = """
set -e
base=$1 closed=$2 uid=$3
shift 3
if [ -n "$closed" ]; then
    mount --bind "$base" /mnt
    mount -t tmpfs -o mode=755 none "$closed"
    mkdir -p "$base"
    mount --bind /mnt "$base"
    umount /mnt
fi
exec setpriv --reuid "$uid" --regid "$uid" --clear-groups --inh-caps=-all "$@"
"""

RECORDS: TypeAdapter[OutputRecord] = TypeAdapter(OutputRecord)


def bubblewrap_works() -> bool:
    """Whether bubblewrap is installed here and may make its namespaces."""
    if shutil.which("bwrap") is None:
        return False
    command = ["bwrap", "--unshare-pid", "--ro-bind", "/", "/", "--proc", "/proc", "true"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


needs_bubblewrap = pytest.mark.skipif(not bubblewrap_works(), reason="bubblewrap is not installed, or not allowed here")


@dataclass(frozen=True)
class SandboxServer:
    """A running sandbox."""

    process: Started
    socket: Path
    root: Path
    log: Path

    def client(self) -> "SandboxClient":
        """A client; use it as a context."""
        return SandboxClient(self.socket)

    def logged(self) -> list[dict[str, Any]]:
        """What it has logged."""
        return [loads(line) for line in self.log.read_text().splitlines()]

    def stop(self) -> int:
        """Stop it in order; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_S)


class SandboxClient:
    """What a worker would do with a sandbox, in short words."""

    def __init__(self, path: Path) -> None:
        transport = httpx.AsyncHTTPTransport(uds=str(path))
        self.http = httpx.AsyncClient(transport=transport, base_url="http://sandbox", timeout=30)

    async def __aenter__(self) -> "SandboxClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    async def workspace(self, source: Mapping[str, Any] | None = None, name: str | None = None) -> dict[str, Any]:
        """Make a workspace with a name of its own."""
        name = name or f"w-{uuid.uuid4().hex[:12]}"
        answer = await self.http.put(f"/v1/workspaces/{name}", json={"source": source or {"kind": "empty"}})
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def start(self, workspace: str, *argv: str, **more: Any) -> str:
        """Start a process; its id."""
        answer = await self.http.post("/v1/processes", json={"workspace": workspace, "argv": argv, **more})
        assert answer.status_code == 201, answer.text
        return answer.json()["process_id"]

    async def python(self, workspace: str, code: str, **more: Any) -> str:
        """Start a Python program; its id."""
        return await self.start(workspace, sys.executable, "-I", "-S", "-u", "-c", code, **more)

    async def records(self, process_id: str, **params: Any) -> AsyncIterator[OutputChunk | OutputEnd]:
        """The output as it comes."""
        async with self.http.stream("GET", f"/v1/processes/{process_id}/output", params=params) as answer:
            assert answer.status_code == 200, await answer.aread()
            async for line in answer.aiter_lines():
                yield RECORDS.validate_json(line)

    async def finish(self, process_id: str, **params: Any) -> tuple[str, Process]:
        """All output, and the process when it has ended."""
        text = ""
        async for record in self.records(process_id, **params):
            if isinstance(record, OutputEnd):
                return text, record.process
            text += record.text
        raise AssertionError("the output stopped without an end")

    async def run(self, workspace: str, code: str, **more: Any) -> tuple[str, Process]:
        """Run a Python program to its end."""
        return await self.finish(await self.python(workspace, code, **more))


@contextmanager
def running_sandbox(
    environment: Mapping[str, str] | None = None, *, uid: int | None = None, forked: bool = True
) -> Generator[SandboxServer]:
    """A sandbox that is ready, with settings of a test; it and its folder are gone afterwards.

    A `forked` one has imported what it needs before it was started: there in no time, but larger than it would be.
    """
    # The path of a Unix socket is short, so this is not below pytest's own folder.
    folder = Path(tempfile.mkdtemp(prefix="mews-sandbox-"))
    try:
        server = launch(folder, environment or {}, uid=uid, forked=forked)
        try:
            yield server
        finally:
            if server.process.poll() is None:
                server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def launch(
    folder: Path, environment: Mapping[str, str], *, uid: int | None = None, forked: bool = True
) -> SandboxServer:
    """Start a sandbox in a folder and wait until it answers; root can start it as another user, without rights."""
    path, root, log = folder / "s.sock", folder / "workspaces", folder / "log"
    variables = {
        **os.environ,
        "SANDBOX_SOCKET": str(path),
        "SANDBOX_WORKSPACE_ROOT": str(root),
        "SANDBOX_BUBBLEWRAP": "off",
        "SANDBOX_SAMPLE_MS": "50",
        **environment,
    }
    dropping: list[str] = []
    if uid is not None and uid != os.getuid():
        os.chown(folder, uid, uid)
        dropping = _dropping_root(uid)
    with log.open("ab") as file:
        if forked and not dropping:
            process = fork("sandbox", "serve", env=variables, stderr=file.fileno(), cwd=folder)
        else:
            command = [*dropping, sys.executable, "-m", "sandbox", "serve"]
            process = subprocess.Popen(command, env=variables, stderr=file, cwd=folder)
    server = SandboxServer(process, path, root, log)
    _wait_until_ready(server)
    return server


@cache
def why_no_unprivileged_sandbox() -> str | None:
    """Why no sandbox can run here as a user without rights; None if one can."""
    if os.getuid() != 0:
        return None
    command = [*_dropping_root(UNPRIVILEGED_UID), sys.executable, "-c", "import sandbox"]
    tried = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    return f"no user but root can run the sandbox here: {tried.stderr.strip()[-300:]}" if tried.returncode else None


def _dropping_root(uid: int) -> list[str]:
    """What goes before a command so that it runs as a user without rights, and can still reach the interpreter.

    Where that lies in a folder which is closed to others, the command sees only the interpreter there, in a mount
    namespace of its own: that needs CAP_SYS_ADMIN.
    """
    base = Path(sys.base_prefix)
    closed = next((str(path) for path in reversed(base.parents) if not path.stat().st_mode & 0o001), "")
    own_mounts = ["unshare", "--mount"] if closed else []
    return [*own_mounts, "sh", "-c", DROP, "sh", str(base), closed, str(uid)]


def _wait_until_ready(server: SandboxServer) -> None:
    # By a plain socket: httpx leaves one unclosed for each connection that is refused.
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and server.process.poll() is None:
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(server.socket)) == 0:
                return
        time.sleep(0.002)
    raise AssertionError(f"the sandbox did not start: {server.log.read_text()}")
