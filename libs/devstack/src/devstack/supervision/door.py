"""Where the orchestrator asks about the workers that run here, and has one restarted: a line of JSON asks, one answers.

    {"ask": "workers"}  →  {"workers": [{"worker_id": …, "instance": …, "is_ready": …, "is_ending": …, "reason": …}]}
    {"ask": "restart", "worker_id": …, "instance": …}  →  {}

The supervisor starts again whatever ends. A process that is not the one that was meant is left alone.
"""

import asyncio
import json
import signal
import socket
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from devstack.processes import ProcessId, end_now, group_of, send, until_ended
from devstack.services import WORKER_PREFIX
from devstack.state import Member, Phase

# Longer than a process has to end in good order (SHUTDOWN_GRACE_MS).
LEAVE_WITHIN_S = 10.0


class FleetDoor:
    """Answers about the workers among `members`, which is asked each time."""

    def __init__(self, members: Callable[[], Sequence[Member]], leave_within_s: float = LEAVE_WITHIN_S) -> None:
        self._members = members
        self._leave_within_s = leave_within_s
        self._ending: dict[str, asyncio.Task[None]] = {}

    @asynccontextmanager
    async def open(self, path: Path) -> AsyncGenerator[None]:
        """Answer at this Unix socket meanwhile; only this user may ask."""
        server = await asyncio.start_unix_server(self._serve, sock=_bound(path))
        try:
            yield
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            answer = self._answer(await reader.readline())
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        writer.close()

    def _answer(self, line: bytes) -> Mapping[str, Any]:
        try:
            question = json.loads(line)
            match question["ask"]:
                case "workers":
                    return {"workers": [self._shown(one) for one in self._workers()]}
                case "restart":
                    return self._restart(question["worker_id"], question["instance"])
                case _:
                    return {"error": "ask is workers or restart"}
        except (ValueError, KeyError, TypeError) as error:
            return {"error": f"not understood: {error!r}"}

    def _workers(self) -> list[Member]:
        return [member for member in self._members() if member.name.startswith(WORKER_PREFIX)]

    def _shown(self, member: Member) -> Mapping[str, Any]:
        instance, is_ready = _instance(member.process), member.phase is Phase.ready
        is_ending = member.phase in (Phase.stopping, Phase.stopped) or instance in self._ending
        return {
            "worker_id": member.name,
            "instance": instance,
            "is_ready": is_ready and not is_ending,
            "is_ending": is_ending,
            "reason": None if is_ready else member.phase.value,
        }

    def _restart(self, worker_id: str, instance: str) -> Mapping[str, Any]:
        processes = {member.name: member.process for member in self._workers()}
        if worker_id not in processes:
            return {"error": f"there is no worker {worker_id!r} here; there are {', '.join(processes) or 'none'}"}
        process = processes[worker_id]
        if process is not None and _instance(process) == instance and instance not in self._ending:
            self._ending[instance] = asyncio.create_task(self._end(process, instance))
        return {}

    async def _end(self, process: ProcessId, instance: str) -> None:
        try:
            members = group_of(process)
            send(process, signal.SIGTERM)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._leave_within_s):
                    await until_ended(process)
            await asyncio.to_thread(end_now, members)
        finally:
            del self._ending[instance]


def _bound(path: Path) -> socket.socket:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(str(path))
    path.chmod(0o600)
    return listening


def _instance(process: ProcessId | None) -> str:
    return f"{process.pid}-{process.started}" if process else ""
