"""Starting a command under its supervisor, and talking to the supervisor."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson

from contracts.sandbox import StreamName
from sandbox.errors import CannotExecute, NoAnswer, ProcessEnded
from sandbox.reap import awaited, collected

LAUNCHER = Path(__file__).parent.parent / "launch.py"
START_S = 15
DRAIN_S = 10
ANSWER_S = 10
LAUNCHER_ENVIRONMENT = {"PATH": os.defpath, "LANG": "C.UTF-8"}

OnOutput = Callable[[StreamName, bytes], None]


class Supervised:
    """A command that runs, seen through its supervisor and the pipes of its standard streams."""

    def __init__(self, child: subprocess.Popen[bytes], control: socket.socket) -> None:
        self._child = child
        self._control = control
        self._stdin: asyncio.WriteTransport | None = None
        self._outputs: list[asyncio.Future[None]] = []
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._asked: deque[asyncio.Future[None]] = deque()

    @property
    def pid(self) -> int:
        """Pid of the outermost process: the supervisor, or bubblewrap around it."""
        return self._child.pid

    async def start(self, spec: dict[str, Any], on_output: OnOutput) -> None:
        """Say what to execute; raises `CannotExecute`."""
        self._reader, self._writer = await asyncio.open_connection(sock=self._control)
        await self._connect_streams(on_output)
        self._order(spec)
        try:
            answer = await asyncio.wait_for(self._hear(), START_S)
        except TimeoutError:
            answer = None
        if answer is None or answer["is"] != "started":
            await self.abandon()
            raise CannotExecute(_why(answer))

    async def wait(self) -> dict[str, Any] | None:
        """What the supervisor says at the end: `status`, `cpu_ms`; None if it was itself killed."""
        answer = await self._hear()
        while answer is not None and answer["is"] == "done":
            _settle(self._asked.popleft())
            answer = await self._hear()
        for asked in self._asked:
            _settle(asked, ProcessEnded("the process has ended meanwhile"))
        await asyncio.wait(self._outputs, timeout=DRAIN_S)
        await self._collect()
        return answer

    def signal(self, number: int) -> None:
        """Send a signal to the command's process group."""
        self._order({"do": "signal", "number": number})

    def stop(self, grace_ms: int) -> None:
        """TERM the whole tree, and KILL what is left of it after the grace."""
        self._order({"do": "stop", "grace_ms": grace_ms})

    async def pause(self) -> None:
        """Stop the whole tree; returns when it stands. Raises `ProcessEnded` or `NoAnswer`."""
        await self._ask({"do": "pause"})

    def pause_again(self) -> None:
        """The same, without waiting for it: something of the tree has been woken."""
        self._request({"do": "pause"}).cancel()

    async def resume(self) -> None:
        """Let go on what `pause` stopped. Raises `ProcessEnded` or `NoAnswer`."""
        await self._ask({"do": "resume"})

    async def limit(self, resource_limits: Mapping[str, int]) -> None:
        """Set soft limits of the whole tree, by their names. Raises `ProcessEnded` or `NoAnswer`."""
        await self._ask({"do": "limit", "rlimits": resource_limits})

    def kill(self) -> None:
        """Kill the supervisor itself (and with bubblewrap its namespace): the last resort."""
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGKILL)

    def write_stdin(self, data: bytes) -> int | None:
        """Queue data for standard input; how many bytes wait there, or None if it is closed."""
        if self._stdin is None or self._stdin.is_closing():
            return None
        self._stdin.write(data)
        return self._stdin.get_write_buffer_size()

    def stdin_waiting(self) -> int | None:
        """How many bytes wait to be read, or None if standard input is closed."""
        return None if self._stdin is None or self._stdin.is_closing() else self._stdin.get_write_buffer_size()

    def close_stdin(self) -> None:
        """Close standard input as soon as what waits there has been read."""
        if self._stdin is not None and not self._stdin.is_closing():
            self._stdin.write_eof()

    async def abandon(self) -> None:
        """Kill and collect, and let go of every descriptor."""
        self.kill()
        await self._collect()

    async def _collect(self) -> None:
        if self._writer is not None:
            self._writer.close()
        if self._stdin is not None:
            self._stdin.abort()
        await collected(self._child)

    async def _ask(self, order: dict[str, Any]) -> None:
        try:
            await asyncio.wait_for(self._request(order), ANSWER_S)
        except TimeoutError:
            raise NoAnswer("the supervisor of the process does not answer; try again") from None

    def _request(self, order: dict[str, Any]) -> asyncio.Future[None]:
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asked.append(answer)
        self._order(order)
        return answer

    def _order(self, order: dict[str, Any]) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(orjson.dumps(order) + b"\n")

    async def _hear(self) -> dict[str, Any] | None:
        assert self._reader is not None
        try:
            line = await self._reader.readline()
        except ConnectionError:
            return None
        return orjson.loads(line) if line.endswith(b"\n") else None

    async def _connect_streams(self, on_output: OnOutput) -> None:
        loop = asyncio.get_running_loop()
        for stream, pipe in ((StreamName.STDOUT, self._child.stdout), (StreamName.STDERR, self._child.stderr)):
            done: asyncio.Future[None] = loop.create_future()
            await loop.connect_read_pipe(lambda s=stream, d=done: _Listener(s, on_output, d), pipe)
            self._outputs.append(done)
        if self._child.stdin is not None:
            transport, _ = await loop.connect_write_pipe(asyncio.Protocol, self._child.stdin)
            self._stdin = transport


class _Listener(asyncio.Protocol):
    """Hands on what is read from one pipe, and says when it is at its end."""

    def __init__(self, stream: StreamName, on_output: OnOutput, done: asyncio.Future[None]) -> None:
        self._stream = stream
        self._on_output = on_output
        self._done = done

    def data_received(self, data: bytes) -> None:
        self._on_output(self._stream, data)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_result(None)


def spawn(prefix: list[str], folder: Path, *, stdin: bool) -> Supervised:
    """Start a supervisor behind this command line (bubblewrap's, or nothing); it waits to be told what to execute.

    It must be called in the main thread: the kernel ties bubblewrap's life to the thread that started it.
    """
    ours, theirs = socket.socketpair()
    command = [*prefix, sys.executable, "-I", "-S", str(LAUNCHER), str(theirs.fileno())]
    with theirs:
        child = awaited(
            subprocess.Popen(
                command,
                stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(theirs.fileno(),),
                cwd=folder,
                env=LAUNCHER_ENVIRONMENT,
            )
        )
    ours.setblocking(False)
    return Supervised(child, ours)


def _settle(asked: asyncio.Future[None], error: Exception | None = None) -> None:
    """Answer who waits, if anybody still does."""
    if asked.done():
        return
    if error is None:
        asked.set_result(None)
    else:
        asked.set_exception(error)


def _why(answer: dict[str, Any] | None) -> str:
    if answer is None:
        return "the process could not be set up"
    return f"cannot {answer['step']}: {answer['message']}"
