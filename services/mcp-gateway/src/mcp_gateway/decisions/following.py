"""What a caller who follows a task is told, step by step."""

from dataclasses import dataclass

from contracts.tasks import TERMINAL_STATES, TaskView
from contracts.telemetry import TailEntry
from mcp_gateway.decisions.summaries import percent, shown_status
from mcp_gateway.decisions.wording import shorten

COMPLETE = 100.0
# Progress must grow with every notification, also when the percentage stands still.
_NUDGE = 0.001
_LINE = 500


@dataclass(frozen=True, slots=True)
class Step:
    """One progress notification; `progress` is out of 100 and greater than that of the step before."""

    progress: float
    message: str


@dataclass(frozen=True, slots=True)
class Followed:
    """What the caller knows so far."""

    progress: float = 0.0
    message: str = ""

    def sees_task(self, task: TaskView) -> tuple["Followed", Step | None]:
        """The next step when the task has changed, else None."""
        message = task_line(task)
        if message == self.message:
            return self, None
        progress = max(self.progress + _NUDGE, percent(task))
        return Followed(progress, message), Step(progress, message)

    def sees_entry(self, entry: TailEntry) -> tuple["Followed", Step]:
        """The step for an entry of the live tail."""
        progress = self.progress + _NUDGE
        return Followed(progress, self.message), Step(progress, entry_line(entry))


def has_ended(task: TaskView) -> bool:
    """Whether nothing more will happen to the task by itself."""
    return task.status in TERMINAL_STATES


def task_line(task: TaskView) -> str:
    """The task's state in one line."""
    parts = [shown_status(task), f"{percent(task):g}%"]
    if task.progress and task.progress.phase:
        parts.append(task.progress.phase)
    if task.progress and task.progress.current_operation:
        parts.append(shorten(task.progress.current_operation, _LINE))
    if task.reason and task.progress is None:
        parts.append(shorten(task.reason, _LINE))
    return " · ".join(parts)


def entry_line(entry: TailEntry) -> str:
    """An entry of the live tail in one line: `[thinking] …`."""
    return f"[{entry.stream_type or entry.kind}] {shorten(' '.join(entry.content.split()), _LINE)}"
