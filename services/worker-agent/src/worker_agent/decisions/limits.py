"""What an attempt may use: the task's limits, within the worker's own."""

from dataclasses import dataclass

from contracts.sandbox import ProcessLimits
from contracts.tasks import Limits


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """Limits of one attempt: what the worker-agent watches itself, and what the sandbox holds."""

    run_ms: int
    silence_ms: int
    verify_ms: int
    memory_mb: int | None = None
    processes: int | None = None
    output_mb: int | None = None
    disk_mb: int | None = None

    @property
    def for_process(self) -> ProcessLimits:
        """What the sandbox is asked to hold."""
        return ProcessLimits(
            wall_ms=max(1, self.run_ms),
            memory_mb=self.memory_mb,
            processes=self.processes,
            output_mb=self.output_mb,
            disk_mb=self.disk_mb,
        )


@dataclass(frozen=True, slots=True)
class ObjectLimits:
    """How much of an attempt's work the object store takes."""

    artifact_mb: int
    """One artifact."""
    checkpoint_mb: int
    """One checkpoint, before it is compressed."""


def limits_of(asked: Limits, default: AttemptLimits) -> AttemptLimits:
    """Each limit is the task's if it names one, else the worker's."""
    return AttemptLimits(
        run_ms=asked.run_ms or default.run_ms,
        silence_ms=asked.silence_ms or default.silence_ms,
        verify_ms=asked.verify_ms or default.verify_ms,
        memory_mb=_whole(asked.memory_mb) or default.memory_mb,
        processes=asked.processes or default.processes,
        output_mb=_whole(asked.output_mb) or default.output_mb,
        disk_mb=_whole(asked.disk_mb) or default.disk_mb,
    )


def _whole(amount: float | None) -> int | None:
    return None if amount is None else max(1, round(amount))
