"""The settings of the sandbox, read from the environment once."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from contracts.sandbox import ProcessLimits

PREFIX = "SANDBOX_"
HIDDEN_BY_DEFAULT = ("~/.ssh", "~/.aws", "~/.gnupg", "~/.kube", "~/.docker", "~/.config/gcloud", "~/.netrc")


def _separated(value: Any) -> Any:
    return tuple(value.split(",")) if isinstance(value, str) else value


def _paths(value: Any) -> Any:
    if isinstance(value, str):
        value = [part for part in value.split(":") if part]
    return tuple(Path(part).expanduser() for part in value)


Paths = Annotated[tuple[Path, ...], BeforeValidator(_paths)]
Names = Annotated[tuple[str, ...], BeforeValidator(_separated)]
AbsolutePath = Annotated[Path, BeforeValidator(lambda value: Path(value).absolute())]


def _own_and_root() -> tuple[int, ...]:
    return (os.getuid(), 0)


class Settings(BaseModel):
    """Every setting; the variable is `SANDBOX_` and the name in capitals."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    socket: AbsolutePath
    """Path of the Unix socket; it is made with mode 0660."""
    workspace_root: AbsolutePath
    """Folder under which the workspaces live."""
    allowed_uids: Annotated[tuple[int, ...], BeforeValidator(_separated)] = Field(default_factory=_own_and_root)
    """Users that may connect, separated by commas (default: the sandbox's own and root)."""
    bubblewrap: Literal["auto", "off", "required"] = "auto"
    """Whether commands run under bubblewrap; `required` makes the sandbox unready without it."""
    readable_paths: Paths = ()
    """Paths below /tmp, separated by colons, that commands under bubblewrap can still read."""
    hidden_paths: Paths = Field(default=HIDDEN_BY_DEFAULT, validate_default=True)
    """Paths, separated by colons, that commands under bubblewrap cannot see (default: usual places of credentials)."""
    pass_environment: Names = ("TZ", "SSL_CERT_FILE", "SSL_CERT_DIR")
    """Variables of the sandbox's own environment that commands get, separated by commas; no others but PATH."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least level of what is logged."""

    max_running: int = Field(default=64, ge=1)
    """Processes that run at a time."""
    keep_ended: int = Field(default=256, ge=0)
    """Ended processes that can still be asked for; the oldest are forgotten first."""
    sample_ms: int = Field(default=200, ge=10)
    """How often the use of running processes is measured and compared with their limits."""
    grace_ms: int = Field(default=5_000, ge=0)
    """Time between TERM and KILL."""
    max_stdin_mb: int = Field(default=8, ge=1)
    """Standard input that may wait for a process to read it."""
    max_body_mb: int = Field(default=16, ge=1)
    """Largest JSON body of a request."""
    max_transfer_mb: int = Field(default=64, ge=1)
    """Largest file, or part of one, that is read or written by one request."""
    max_archive_mb: int = Field(default=512, ge=1)
    """Largest archive that is uploaded, and largest bundle that is handed out."""
    max_workspace_mb: int = Field(default=4_096, ge=1)
    """Largest source of a workspace, unpacked."""
    max_workspace_files: int = Field(default=500_000, ge=1)
    """Most entries that a source of a workspace has, or that a listing goes through."""
    max_diff_files: int = Field(default=1_000, ge=1)
    """Most files that a diff lists."""
    git_timeout_ms: int = Field(default=600_000, ge=1)
    """Time that one git command may take."""
    default_limits: ProcessLimits = ProcessLimits(
        wall_ms=3_600_000,
        cpu_ms=14_400_000,
        memory_mb=4_096,
        processes=512,
        open_files=4_096,
        output_mb=64,
        file_mb=2_048,
        disk_mb=10_240,
    )
    """Limits of a process that asks for none; one variable each, such as `SANDBOX_DEFAULT_WALL_MS`."""
    max_limits: ProcessLimits = ProcessLimits(
        wall_ms=86_400_000,
        cpu_ms=345_600_000,
        memory_mb=65_536,
        processes=4_096,
        open_files=65_536,
        output_mb=1_024,
        file_mb=16_384,
        disk_mb=102_400,
    )
    """Highest limits that a process may ask for; one variable each, such as `SANDBOX_MAX_WALL_MS`."""


def load(environment: Mapping[str, str]) -> Settings:
    """Settings from the environment; raises `pydantic.ValidationError` that names what is missing or wrong."""
    names = [name for name in Settings.model_fields if name not in ("default_limits", "max_limits")]
    values: dict[str, Any] = {name: environment[_variable(name)] for name in names if environment.get(_variable(name))}
    for group in ("default", "max"):
        field = f"{group}_limits"
        values[field] = _limits(environment, group, Settings.model_fields[field].default)
    return Settings.model_validate(values)


def _variable(name: str) -> str:
    return PREFIX + name.upper()


def _limits(environment: Mapping[str, str], group: str, defaults: ProcessLimits) -> ProcessLimits:
    given = {name: environment.get(_variable(f"{group}_{name}")) for name in ProcessLimits.model_fields}
    return ProcessLimits.model_validate(defaults.model_dump() | {name: value for name, value in given.items() if value})


def complaints(error: ValidationError) -> list[str]:
    """What is wrong with the environment, a line for each variable."""
    return [f"{_variable('_'.join(map(str, found['loc'])))}: {found['msg']}" for found in error.errors()]
