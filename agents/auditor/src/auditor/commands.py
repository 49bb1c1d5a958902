"""Running a tool as a child process: bounded in time, its lines handed on, nothing of it left behind."""

import asyncio
import os
import shlex
import sys
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from auditor.figures import CommandFigures

LineSink = Callable[[str], None]

MARK = "AUDITOR_COMMAND"
LINE_LIMIT = 4_000
TAIL_LINES = 60
_CHUNK = 65_536
_DRAIN_SECONDS = 1.0
_DROPPED_PREFIXES = ("MEWS_", "COVERAGE_", "COV_")
_DROPPED = frozenset({"PYTEST_ADDOPTS", "PYTEST_PLUGINS"})


@dataclass(frozen=True)
class Command:
    """A command and the variables it needs beside the inherited ones. `{scratch}` in either is a private folder."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict[str, str])

    def shown(self) -> str:
        """The line a person can type in the project's folder; OUT stands for a folder outside it."""
        program = "python" if self.argv[0] == sys.executable else Path(self.argv[0]).name
        variables = [f"{name}={shlex.quote(_out(value))}" for name, value in self.env.items()]
        return " ".join([*variables, shlex.join(map(_out, (program, *self.argv[1:])))])


@dataclass(frozen=True)
class Ended:
    """How a command ended; `exit_code` is None when its time ran out."""

    exit_code: int | None
    duration_ms: int
    output: str


class Workbench:
    """Where commands run: the project's folder, a scratch folder outside it, and a time limit for each command."""

    def __init__(self, root: Path, scratch: Path, timeout_s: float, on_command: Callable[[CommandFigures], None]):
        self.root = root
        self.scratch = scratch
        self._timeout_s = timeout_s
        self._on_command = on_command

    async def run(self, command: Command, on_line: LineSink | None = None) -> Ended:
        """Run to the end, or kill the whole tree on timeout and on cancellation. Stderr is read as stdout."""
        mark = uuid.uuid4().hex
        started = time.monotonic()
        tail: deque[str] = deque(maxlen=TAIL_LINES)
        try:
            exit_code = await self._run(command, mark, Lines(tail, on_line))
        except OSError as error:
            # The shell's word for a program that is not there.
            exit_code = 127
            tail.append(f"{command.argv[0]}: {error.strerror}")
        ended = Ended(exit_code, round((time.monotonic() - started) * 1000), "\n".join(tail))
        self._on_command(CommandFigures(command=command.shown(), exit_code=exit_code, duration_ms=ended.duration_ms))
        return ended

    async def _run(self, command: Command, mark: str, lines: "Lines") -> int | None:
        added = {name: self._filled(value) for name, value in command.env.items()}
        reader, transport, write_end = await _open_pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *(self._filled(part) for part in command.argv),
                cwd=self.root,
                env=child_environment(os.environ, {**added, MARK: mark}),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write_end,
                stderr=write_end,
            )
        except OSError:
            transport.close()
            raise
        finally:
            os.close(write_end)
        try:
            return await _wait(process, reader, lines, self._timeout_s)
        finally:
            kill_marked(mark)
            transport.close()
            await process.wait()

    def _filled(self, text: str) -> str:
        return text.replace("{scratch}", str(self.scratch))


class Lines:
    """Cuts chunks of bytes into lines, of at most LINE_LIMIT characters each."""

    def __init__(self, tail: deque[str], sink: LineSink | None) -> None:
        self._tail = tail
        self._sink = sink
        self._rest = b""

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            self._emit(line)
        if len(self._rest) > LINE_LIMIT:
            self._emit(self._rest)
            self._rest = b""

    def close(self) -> None:
        """Hand on what has no end of line."""
        if self._rest:
            self._emit(self._rest)
            self._rest = b""

    def _emit(self, raw: bytes) -> None:
        line = raw.decode("utf-8", "replace").replace("\x00", "�").rstrip()[:LINE_LIMIT]
        self._tail.append(line)
        if self._sink is not None:
            self._sink(line)


def child_environment(inherited: Mapping[str, str], added: Mapping[str, str]) -> dict[str, str]:
    """The environment of a tool: without the task's token, and without variables that would change the figures."""
    kept = {
        name: value
        for name, value in inherited.items()
        if name not in _DROPPED and not name.startswith(_DROPPED_PREFIXES)
    }
    paths = [value for value in (added.get("PYTHONPATH"), inherited.get("PYTHONPATH")) if value]
    together = {"PYTHONPATH": os.pathsep.join(paths)} if paths else {}
    return {**kept, "PYTHONDONTWRITEBYTECODE": "1", **added, **together}


def kill_marked(mark: str) -> None:
    """Kill every process that was started under this mark, daemons that left the tree included."""
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark:
                process.kill()
        except psutil.Error:
            continue


def _out(text: str) -> str:
    return text.replace("{scratch}", "OUT")


async def _open_pipe() -> tuple[asyncio.StreamReader, asyncio.ReadTransport, int]:
    # asyncio's own pipe makes `wait` wait for every process that holds it, daemons included; this one does not.
    read_end, write_end = os.pipe()
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await loop.connect_read_pipe(lambda: protocol, os.fdopen(read_end, "rb"))
    return reader, transport, write_end


async def _wait(
    process: asyncio.subprocess.Process, reader: asyncio.StreamReader, lines: Lines, timeout_s: float
) -> int | None:
    reading = asyncio.create_task(_read(reader, lines))
    try:
        async with asyncio.timeout(timeout_s):
            exit_code = await process.wait()
        # A daemon that a test left running keeps the pipe open for ever: what is in it by now is enough.
        await asyncio.wait({reading}, timeout=_DRAIN_SECONDS)
    except TimeoutError:
        return None
    finally:
        reading.cancel()
        await asyncio.wait({reading})
        lines.close()
    return exit_code


async def _read(reader: asyncio.StreamReader, lines: Lines) -> None:
    while chunk := await reader.read(_CHUNK):
        lines.feed(chunk)
