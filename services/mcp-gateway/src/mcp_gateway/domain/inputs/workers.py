"""Input of the tool about workers."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from contracts.base import OptionalText, WorkerId
from contracts.commands import WorkerConfig
from contracts.workers import WorkerStatus
from mcp_gateway.domain.inputs.base import Paged


class WorkerAction(StrEnum):
    """What can be done with the fleet."""

    list = "list"
    pause = "pause"
    resume = "resume"
    restart = "restart"
    update_config = "update_config"
    drain = "drain"


class LogLevel(StrEnum):
    """How much a worker's log says, most first."""

    debug = "debug"
    info = "info"
    warning = "warning"
    error = "error"


class NewWorkerConfig(WorkerConfig):
    """What `update_config` may change; what a worker would only refuse in its log is refused here."""

    # It narrows a frozen field, which pydantic allows and the type checker does not know to be frozen.
    log_level: LogLevel | None = None  # pyright: ignore[reportIncompatibleVariableOverride]


class ManageWorkers(Paged):
    """Input of `manage_workers`."""

    action: WorkerAction
    """What to do."""
    worker_id: WorkerId | None = None
    """The worker; every action but `list` needs it."""
    config: NewWorkerConfig | None = None
    """What to change; for `update_config` alone."""
    reason: Annotated[OptionalText, Field(max_length=1_000)] | None = None
    """Why; the worker's log shows it."""
    drain: bool | None = None
    """For `restart` of a worker that the platform runs: let its tasks end first; else they are moved or go on."""
    status: WorkerStatus | None = None
    """For `list`: only workers in this status."""

    @model_validator(mode="after")
    def _fits_the_action(self) -> Self:
        if self.action is not WorkerAction.list and self.worker_id is None:
            raise ValueError(f"worker_id: action {self.action} needs the id of a worker; action list shows them")
        if self.action is WorkerAction.update_config and not (self.config and self.config.to_dict()):
            raise ValueError(f"config: action update_config needs one of {', '.join(WorkerConfig.model_fields)}")
        if self.action is not WorkerAction.update_config and self.config is not None:
            raise ValueError(f"config: action {self.action} takes no config")
        if self.drain and self.action is not WorkerAction.restart:
            raise ValueError(f"drain: action {self.action} ends nothing to wait for; only restart takes it")
        if self.status is not None and self.action is not WorkerAction.list:
            raise ValueError(f"status: action {self.action} takes no status")
        if self.status is not None and self.worker_id is not None:
            raise ValueError("status: action list takes worker_id or status, not both")
        return self
