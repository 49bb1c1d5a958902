"""Watching over a running agent: its output and its use of resources become events, and its limits are kept."""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from contracts.events import Evidence
from contracts.events.recovery import ObservedCommand
from contracts.events.reporting import Report, StreamData, TokenUsage, ToolCall
from contracts.events.resources import ResourceUsage, UsedResource
from contracts.sandbox import EndReason, OutputChunk, OutputEnd, Process, ProcessState
from servicekit.clock import Clock
from servicekit.logs import get_logger
from worker_agent.decisions.grants import granted
from worker_agent.decisions.lines import Line, Lines, joined
from worker_agent.decisions.stable_ids import output_event_id
from worker_agent.decisions.test_commands import TestRuns
from worker_agent.domain import Target
from worker_agent.errors import SandboxRefused, SandboxUnavailable, SpoolFull, SpoolUnavailable
from worker_agent.handlers.attempt import Attempt
from worker_agent.handlers.pausing import stood_still
from worker_agent.handlers.throttling import Thinning
from worker_agent.handlers.workshop import RETRY_S, Workshop, insist
from worker_agent.ports import AgentReader, SandboxBackend

LOOK_EVERY_S = 1.0
KIND_OF_BODY: dict[type[Report], str] = {
    StreamData: "stream",
    ToolCall: "tool_call",
    TokenUsage: "token_usage",
    ResourceUsage: "resource",
}
log = get_logger(__name__)


class ProcessLost(Exception):
    """The sandbox does not know the process any more."""


class OutputPump:
    """Reads an agent's output from its beginning, and reports what was not reported before a restart."""

    def __init__(self, attempt: Attempt, process_id: str, reader: AgentReader, workshop: Workshop) -> None:
        self._attempt = attempt
        self._process_id = process_id
        self._reader = reader
        self._workshop = workshop
        self._lines = Lines()
        self._test_runs = TestRuns()
        self._thinning = Thinning(attempt.throttle)
        self._offset = 0
        self._reported = workshop.journal.output_mark(attempt.key)
        self._heard = False

    @property
    def test_commands(self) -> list[ObservedCommand]:
        """The agent's test runs, as far as its output is read."""
        return self._test_runs.last

    async def run(self) -> Process:
        """Follow the output to its end; the process as it ended.

        Raises ProcessLost, and SandboxUnavailable once the sandbox has been away for too long.
        """
        clock, patience_s = self._workshop.clock, self._workshop.patience.sandbox_away_s
        away_since: float | None = None
        while True:
            self._heard = False
            try:
                end = await self._follow()
                if end is not None:
                    await self._finish(end.process)
                    return end.process
            except SandboxUnavailable:
                now = clock.monotonic()
                away_since = now if self._heard or away_since is None else away_since
                if now - away_since >= patience_s:
                    raise
            await asyncio.sleep(RETRY_S)

    async def _follow(self) -> OutputEnd | None:
        try:
            async with self._workshop.sandbox.output(self._process_id, self._offset) as records:
                self._heard = True
                async for record in records:
                    if isinstance(record, OutputEnd):
                        return record
                    await self._take(record)
        except SandboxRefused as error:
            raise ProcessLost from error
        return None

    async def _take(self, chunk: OutputChunk) -> None:
        self._attempt.reporter.touch()
        lines = list(self._lines.feed(chunk))
        bodies = [body for line in lines for body in self._read(line, chunk.seen_at)]
        if lines:
            await self._report(bodies, lines[-1].end, chunk.seen_at)
        self._offset = chunk.offset + chunk.size

    async def _finish(self, process: Process) -> None:
        """What has no line end, and what the reader has kept back: the end of the output is one more than all of it."""
        end, at = self._offset + 1, process.ended_at
        bodies = [body for line in self._lines.finish(end) for body in self._reader.read(line.stream, line.text, at)]
        await self._report(self._noted([*bodies, *self._reader.rest()]), end, at, is_last=True)

    async def _report(self, bodies: list[Report], end: int, seen_at: datetime | None, *, is_last: bool = False) -> None:
        """Record what the output up to `end` tells, unless it was recorded before a restart."""
        if end <= self._reported:
            return
        if seen_at is not None:
            for index, body in enumerate(self._thinned(joined(bodies), is_last=is_last)):
                event_id = output_event_id(self._process_id, end, index, seen_at)
                await self._record(body, event_id, seen_at)
                self._attempt.trace.observed(body, seen_at)
        self._reported = end
        self._workshop.journal.mark_output(self._attempt.key, self._reported)

    def _thinned(self, bodies: Iterable[Report], *, is_last: bool) -> Iterator[Report]:
        """As many of them as may go; before the next that goes, and at the end, how many did not."""
        for body in bodies:
            if self._thinning.keeps(body):
                if (told := self._thinning.told()) is not None:
                    yield told
                yield body
        if is_last and (told := self._thinning.told()) is not None:
            yield told

    def _read(self, line: Line, seen_at: datetime) -> list[Report]:
        told = self._noted(self._reader.read(line.stream, line.text, seen_at))
        return told if line.end > self._reported else []

    def _noted(self, bodies: Iterable[Report]) -> list[Report]:
        bodies = list(bodies)
        for body in bodies:
            if isinstance(body, ToolCall):
                self._test_runs.see(body)
        return bodies

    async def _record(self, body: Report, event_id: str, seen_at: datetime) -> None:
        reporter, kind = self._attempt.reporter, KIND_OF_BODY[type(body)]
        # Nothing is lost while the spool is full: the sandbox keeps the output.
        await insist(
            lambda: reporter.record(kind, body, Evidence.observed, event_id=event_id, occurred_at=seen_at),
            reporter.touch,
        )


async def sample_usage(attempt: Attempt, process_id: str, sandbox: SandboxBackend, every_s: float) -> None:
    """Report memory and CPU of a process until it has ended. A sample that cannot be taken or kept is left out."""
    before_ms, before_cpu_ms = 0, 0
    while True:
        await asyncio.sleep(every_s)
        try:
            process = await sandbox.find(process_id)
            if process is None or process.state is ProcessState.ENDED:
                return
            elapsed_ms = max(1, process.duration_ms - before_ms)
            percent = round(100 * max(0, process.usage.cpu_ms - before_cpu_ms) / elapsed_ms, 1)
            before_ms, before_cpu_ms = process.duration_ms, process.usage.cpu_ms
            for body in _usage_bodies(process, percent):
                await attempt.reporter.record("resource", body, Evidence.observed)
        except (SandboxUnavailable, SpoolFull, SpoolUnavailable) as error:
            log.info("usage_not_sampled", task_id=attempt.key.task_id, error=str(error))


class Passed(NamedTuple):
    """Why an agent is ended: it passed a limit, or cannot go on, or (neither) has finished and did not go."""

    limit: str | None = None
    hopeless: str | None = None

    @property
    def changes(self) -> dict[str, Any]:
        """What becomes of the attempt's record."""
        if self.limit is not None:
            return {"timed_out": True, "failure": self.limit}
        return {"failure": self.hopeless} if self.hopeless is not None else {"lingered": True}


@dataclass(frozen=True, slots=True)
class Allowance:
    """How long an agent may run, be silent, and stay after it has said that it has finished, in s.

    It may say so with report_completion (`linger_s`), or with the last line of its own output (`result_linger_s`).
    """

    run_s: float
    silence_s: float
    linger_s: float
    result_linger_s: float


async def watchdog(attempt: Attempt, reader: AgentReader, allowance: Allowance, clock: Clock) -> Passed:
    """Return as soon as the agent must be ended. While the attempt stands still, so do the clocks."""
    own_end = clock.monotonic() + allowance.run_s
    while True:
        own_end += await stood_still(attempt, clock)
        now = clock.monotonic()
        deadline = own_end + granted(attempt.record.grants, Target.run_ms) / 1000
        quiet_until = attempt.reporter.heard_at + allowance.silence_s
        gone_by = _gone_by(attempt, reader, allowance) or deadline
        if reader.hopeless is not None:
            return Passed(hopeless=reader.hopeless)
        if now >= deadline:
            return Passed("the agent ran longer than it may")
        if now >= gone_by:
            return Passed()
        if now >= quiet_until:
            return Passed(f"the agent gave no sign of life for {allowance.silence_s:g} s")
        await asyncio.sleep(max(0.01, min(deadline, quiet_until, gone_by, now + LOOK_EVERY_S) - now))


def ended_before(process: Process, passed: Passed) -> bool:
    """Whether an agent that was to be ended for a limit had ended already: only its output was not read to the end."""
    by_itself = process.state is ProcessState.ENDED and process.reason is not EndReason.CANCELLED
    return passed.limit is not None and by_itself


def _gone_by(attempt: Attempt, reader: AgentReader, allowance: Allowance) -> float | None:
    """When an agent that has finished must be gone: some time after it said so, or wrote anything after its result."""
    if reader.finished:
        return attempt.reporter.heard_at + allowance.result_linger_s
    return attempt.claimed_at + allowance.linger_s if attempt.claimed_at is not None else None


def _usage_bodies(process: Process, percent: float) -> tuple[ResourceUsage, ResourceUsage]:
    usage = process.usage
    memory = {"used_mb": usage.memory_mb, "peak_mb": usage.memory_peak_mb, "processes": usage.processes}
    return (
        ResourceUsage(resource_type=UsedResource.memory, metrics=dict(memory)),
        ResourceUsage(resource_type=UsedResource.cpu, metrics={"percent": percent, "time_ms": usage.cpu_ms}),
    )
