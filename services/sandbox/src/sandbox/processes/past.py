"""A process that ended before this sandbox was started: its result and its output can still be asked for."""

from datetime import datetime

from contracts.sandbox import EndReason, Process, ProcessStart, ProcessState, ProcessUsage, StreamName
from sandbox.processes.output import Journal
from sandbox.workspaces.layout import Layout


class Past:
    """What is left of a process, in the place of a `Run`."""

    ended = True

    def __init__(self, number: int, process: Process, layout: Layout, journal: Journal) -> None:
        self.number = number
        self.process_id = process.process_id
        self.asked = ProcessStart(workspace=process.workspace, argv=process.argv, name=process.name)
        self.layout = layout
        self.journal = journal
        self._process = process

    def view(self) -> Process:
        """What is to be told of it."""
        return self._process

    def current_usage(self) -> ProcessUsage:
        """What it used."""
        return self._process.usage

    async def wait(self, timeout_ms: int | None = None) -> None:
        """Return at once: it has ended."""

    def end(self, reason: EndReason, grace_ms: int | None = None) -> None:
        """Do nothing: it has ended."""


def lost(process: Process, journal: Journal, now: datetime) -> Process:
    """How a process that ran when its sandbox died is known from now on."""
    changes = {
        "state": ProcessState.ENDED,
        "paused": False,
        "reason": EndReason.LOST,
        "ended_at": now,
        "duration_ms": max(0, int((now - process.started_at).total_seconds() * 1000)),
        "usage": process.usage.model_copy(update={"memory_mb": 0, "processes": 0, "output_bytes": journal.size}),
        "stdout_bytes": journal.sizes[StreamName.STDOUT],
        "stderr_bytes": journal.sizes[StreamName.STDERR],
    }
    return process.model_copy(update=changes)
