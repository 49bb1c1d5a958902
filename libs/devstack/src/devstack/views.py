"""What the command line reads of the gateway's answers; whatever else they hold is passed over."""

from contracts.base import Model
from contracts.questions import QuestionView
from contracts.tasks import TERMINAL_STATES, TaskState
from contracts.telemetry import MilestoneFact


class TaskReport(Model):
    """A task as `monitor_task` shows it."""

    task_id: str
    status: str
    state: TaskState
    percent_complete: float = 0.0
    phase: str | None = None
    current_operation: str | None = None
    description: str = ""
    assigned_worker: str | None = None
    attempt: int = 0
    max_attempts: int = 1
    reason: str | None = None
    milestones: list[MilestoneFact] = []
    questions: list[QuestionView] = []

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen to it by itself."""
        return self.state in TERMINAL_STATES
