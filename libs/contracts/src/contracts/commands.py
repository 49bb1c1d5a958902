"""Commands that a worker obeys, on `worker.command.<worker>`."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from contracts.base import Count, JsonObject, Model, Name, OptionalText, Percent, TaskId, UtcTime, WorkerId


class CommandAction(StrEnum):
    """What a worker is told. With a `task_id`: about that attempt; without: about the worker."""

    cancel = "cancel"
    pause = "pause"
    resume = "resume"
    restart = "restart"
    drain = "drain"
    update_config = "update_config"


class Command(Model):
    """One command. `command_id` makes a repeat harmless."""

    command_id: Name
    action: CommandAction
    worker_id: WorkerId
    task_id: TaskId | None = None
    attempt: Annotated[int, Field(ge=1)] | None = None
    config: JsonObject | None = None
    reason: OptionalText | None = None
    issued_at: UtcTime
    issued_by: Name = "manager"


class WorkerConfig(Model):
    """What `update_config` may change while a worker runs."""

    max_concurrent_tasks: Annotated[int, Field(ge=1, le=1_000)] | None = None
    tags: list[Name] | None = None
    default_agent: Name | None = None
    log_level: Name | None = None
    cpu_limit_percent: Percent | None = None
    memory_limit_mb: Count | None = None


class NewCommand(Model):
    """What a manager asks of a worker."""

    action: CommandAction
    config: WorkerConfig | None = None
    reason: OptionalText | None = None
    issued_by: Name = "manager"
    drain: bool | None = None
    """For `restart`: whether what runs may end first."""
