"""What all reports of workers share. By itself, so that questions and events can both build on it."""

from contracts.base import Model, TaskId


class Report(Model):
    """What all reports share."""

    task_id: TaskId | None = None
    """The task reported on; left out: the one that the caller's token stands for."""
