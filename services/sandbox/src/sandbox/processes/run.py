"""One process of a task: what was asked for, what is seen of it, and how it ends."""

import asyncio
import logging
import os
import signal
from datetime import datetime
from typing import Any

from contracts.sandbox import EndReason, Process, ProcessLimits, ProcessStart, ProcessState, ProcessUsage, StreamName
from sandbox import clock
from sandbox.errors import ProcessEnded, ProcessPaused, StdinClosed, StdinFull
from sandbox.logs import fields
from sandbox.processes import limits as decide
from sandbox.processes import procfs, records
from sandbox.processes.output import Journal
from sandbox.processes.spawn import Supervised
from sandbox.processes.walltime import WallTime
from sandbox.workspaces.layout import Layout

KILL_MARGIN_S = 3
NOTHING = ProcessUsage(cpu_ms=0, memory_mb=0, memory_peak_mb=0, processes=0, output_bytes=0)

log = logging.getLogger(__name__)


class Run:
    """A process from its start to after its end."""

    def __init__(
        self,
        number: int,
        process_id: str,
        asked: ProcessStart,
        layout: Layout,
        limits: ProcessLimits,
        journal: Journal,
        grace_ms: int,
    ) -> None:
        self.number = number
        self.process_id = process_id
        self.asked = asked
        self.layout = layout
        self.journal = journal
        self.usage = NOTHING
        self.limits = limits
        self._grace_ms = grace_ms
        self._loop = asyncio.get_running_loop()
        self._supervised: Supervised | None = None
        self._started_at = clock.now()
        self._started = self._loop.time()
        self._ended_at: datetime | None = None
        self._duration_ms = 0
        self._ended = asyncio.Event()
        self._reason: EndReason | None = None
        self._status: int | None = None
        self._root_born = 0
        self._paused = False
        self._wall = WallTime(lambda: self.end(EndReason.TIMED_OUT))
        self._killing: asyncio.TimerHandle | None = None
        self._watching: asyncio.Task[None] | None = None

    @property
    def root_pid(self) -> int | None:
        """Pid of the outermost process while it runs."""
        return None if self._supervised is None or self.ended else self._supervised.pid

    @property
    def ended(self) -> bool:
        """Whether it and all that it started is gone."""
        return self._ended.is_set()

    async def start(self, supervised: Supervised, spec: dict[str, Any]) -> None:
        """Execute the command; raises `CannotExecute`."""
        self._supervised = supervised
        try:
            await supervised.start(spec, self._heard)
        except BaseException:
            self.journal.close()
            raise
        if self.asked.stdin is not None:
            supervised.write_stdin(self.asked.stdin.encode())
        if not self.asked.stdin_open:
            supervised.close_stdin()
        self._wall.allow(self.limits.wall_ms)
        self._root_born = procfs.born(supervised.pid)
        self._save(supervised)
        self._watching = asyncio.create_task(self._watch(supervised), name=f"watch {self.process_id}")
        log.info("process started", extra=fields(**self._label()))

    def end(self, reason: EndReason, grace_ms: int | None = None) -> None:
        """Have it ended for this reason, if nothing else has ended it; what it started ends with it."""
        if self.ended or self._supervised is None:
            return
        self._reason = self._reason or reason
        grace = decide.grace_ms(reason, self._grace_ms) if grace_ms is None else grace_ms
        self._wall.forget()
        self._paused = False
        self._supervised.stop(grace)
        self._kill_after(grace / 1000 + KILL_MARGIN_S, self._supervised)

    async def wait(self, timeout_ms: int | None = None) -> None:
        """Wait for its end, or until the time is over."""
        try:
            await asyncio.wait_for(self._ended.wait(), None if timeout_ms is None else timeout_ms / 1000)
        except TimeoutError:
            return

    def signal(self, number: int) -> None:
        """Signal its whole group; raises `ProcessEnded`, or `ProcessPaused` for one that would wake a part of it."""
        if number == signal.SIGCONT and self._paused:
            raise ProcessPaused(f"process {self.process_id} is paused; resume it")
        self._living().signal(number)

    async def pause(self) -> None:
        """Stop all of its tree, and its wall time with it; raises `ProcessEnded` or `NoAnswer`."""
        supervised = self._going_on()
        self._paused = True
        self._wall.stand_still()
        await supervised.pause()

    async def resume(self) -> None:
        """Let it go on with the wall time that was left; raises `ProcessEnded` or `NoAnswer`."""
        supervised = self._going_on()
        self._paused = False
        self._wall.go_on()
        await supervised.resume()

    async def change_limits(self, limits: ProcessLimits, kernel_limits: dict[str, int]) -> None:
        """Let other limits hold from now on; raises `ProcessEnded` or `NoAnswer`."""
        supervised = self._going_on()
        self.limits = limits
        self.journal.cap_bytes = (limits.output_mb or 0) * decide.MB
        self._wall.allow(limits.wall_ms)
        self._save(supervised)
        await supervised.limit(kernel_limits)
        log.info("limits changed", extra=fields(limits=limits.model_dump(), **self._label()))

    def write_stdin(self, data: bytes, most_waiting: int, *, close: bool) -> None:
        """Send text to its standard input; raises `ProcessEnded`, `StdinClosed` or `StdinFull`."""
        supervised = self._living()
        waiting = supervised.stdin_waiting()
        if waiting is None or not self.asked.stdin_open:
            raise StdinClosed(f"standard input of process {self.process_id} is closed")
        if waiting + len(data) > most_waiting:
            raise StdinFull(f"process {self.process_id} has {waiting} bytes of standard input that it did not read")
        supervised.write_stdin(data)
        if close:
            supervised.close_stdin()

    def sampled(self, usage: ProcessUsage) -> None:
        """Take note of what it uses, and end it if that is too much."""
        if self.ended:
            return
        self.usage = usage
        reason = decide.exceeded(self.limits, self.usage)
        if reason is not None and self._reason is None:
            log.warning("process exceeds a limit", extra=fields(reason=reason, **self._label()))
            self.end(reason)

    def takes_on_disk(self, taken_bytes: int) -> None:
        """Take note of what its workspace takes, and end it if that is too much."""
        self.sampled(self.usage.model_copy(update={"disk_mb": taken_bytes / decide.MB}))

    def woken(self) -> None:
        """Take note that something of it runs; if it is paused, a task has meddled with that."""
        if self._paused and self._supervised is not None and not self.ended:
            self._supervised.pause_again()

    def view(self) -> Process:
        """What is to be told of it."""
        over = self._ended_at is not None
        stdout, stderr = (self.journal.sizes[stream] for stream in (StreamName.STDOUT, StreamName.STDERR))
        return Process(
            process_id=self.process_id,
            workspace=self.asked.workspace,
            name=self.asked.name,
            argv=self.asked.argv,
            state=ProcessState.ENDED if over else ProcessState.RUNNING,
            paused=self._paused and not over,
            reason=self._reason if over else None,
            exit_code=_exit_code(self._status),
            signal=_signal_of(self._status),
            started_at=self._started_at,
            ended_at=self._ended_at,
            duration_ms=self._duration_ms if over else self._elapsed_ms(),
            limits=self.limits,
            usage=self.current_usage(),
            stdout_bytes=stdout,
            stderr_bytes=stderr,
            output_truncated=self.journal.truncated,
        )

    def current_usage(self) -> ProcessUsage:
        """What it uses by the last sample, or used if it has ended."""
        return self.usage.model_copy(update={"output_bytes": self.journal.size})

    async def _watch(self, supervised: Supervised) -> None:
        last_words = await supervised.wait()
        for stream in StreamName:
            self.journal.finish(stream, clock.now_ms())
        self._conclude(last_words or {"status": None, "cpu_ms": 0, "largest_kb": 0})
        self._save(supervised)
        self._ended.set()
        self.journal.close()
        if last_words is None:
            log.error("supervisor was killed", extra=fields(**self._label()))
        log.info("process ended", extra=fields(reason=self._reason, status=self._status, **self._label()))

    def _conclude(self, last_words: dict[str, Any]) -> None:
        self._wall.forget()
        if self._killing is not None:
            self._killing.cancel()
        self._status = last_words["status"]
        self._reason = self._reason or _natural_reason(self._status)
        self._ended_at = clock.now()
        self._duration_ms = self._elapsed_ms()
        self.usage = ProcessUsage(
            cpu_ms=max(self.usage.cpu_ms, last_words["cpu_ms"]),
            memory_mb=0,
            memory_peak_mb=max(self.usage.memory_peak_mb, round(last_words["largest_kb"] / 1024, 3)),
            processes=0,
            output_bytes=self.journal.size,
            disk_mb=self.usage.disk_mb,
        )

    def _save(self, supervised: Supervised) -> None:
        """Write down how it is, before anybody is told."""
        record = records.Record(
            number=self.number, process=self.view(), root_pid=supervised.pid, root_born=self._root_born
        )
        records.save(self.layout.output, record)

    def _heard(self, stream: StreamName, data: bytes) -> None:
        if self.ended:
            return
        try:
            fits = self.journal.append(stream, data, clock.now_ms())
        except OSError as error:
            log.error("output cannot be kept", extra=fields(error=error.strerror, **self._label()))
            self.journal.truncated, fits = True, False
        if not fits and self._reason is None:
            self.end(EndReason.OUTPUT_LIMIT)

    def _living(self) -> Supervised:
        if self._supervised is None or self.ended:
            raise ProcessEnded(f"process {self.process_id} has ended")
        return self._supervised

    def _going_on(self) -> Supervised:
        supervised = self._living()
        if self._reason is not None:
            raise ProcessEnded(f"process {self.process_id} is being ended ({self._reason})")
        return supervised

    def _kill_after(self, seconds: float, supervised: Supervised) -> None:
        due = self._loop.time() + seconds
        if self._killing is None or due < self._killing.when():
            if self._killing is not None:
                self._killing.cancel()
            self._killing = self._loop.call_at(due, supervised.kill)

    def _elapsed_ms(self) -> int:
        return int((self._loop.time() - self._started) * 1000)

    def _label(self) -> dict[str, str]:
        return {"process_id": self.process_id, "workspace": self.asked.workspace, "name": self.asked.name}


def _exit_code(status: int | None) -> int | None:
    return os.WEXITSTATUS(status) if status is not None and os.WIFEXITED(status) else None


def _signal_of(status: int | None) -> int | None:
    return os.WTERMSIG(status) if status is not None and os.WIFSIGNALED(status) else None


def _natural_reason(status: int | None) -> EndReason:
    return EndReason.EXITED if status is not None and os.WIFEXITED(status) else EndReason.SIGNALLED
