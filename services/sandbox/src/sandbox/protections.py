"""What protects the machine from a task here, found out once at the start and told plainly."""

import ctypes
import logging
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from contracts.sandbox import Protection, SandboxReadiness
from sandbox import bubblewrap, confine
from sandbox.logs import fields
from sandbox.settings import Settings

PR_SET_DUMPABLE = 4
PR_SET_CHILD_SUBREAPER = 36
BUBBLEWRAP_DEPTH = 2
CGROUP = Path("/sys/fs/cgroup")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Host:
    """This machine, as far as running commands is concerned."""

    surroundings: bubblewrap.Surroundings
    confiner: str | None
    confiner_detail: str
    is_root: bool
    path: str | None
    undumpable: bool
    passed_on: Mapping[str, str]
    """What commands get of the sandbox's own environment."""

    @property
    def depth(self) -> int:
        """How many processes stand between a run's first process and its supervisor."""
        return BUBBLEWRAP_DEPTH if self.confiner else 0

    def prefix(self, view: bubblewrap.View) -> list[str]:
        """What goes before a command line that shall see only this."""
        if self.confiner is None:
            return []
        return [*bubblewrap.arguments(self.confiner, self.surroundings, view), "--"]


def inspect_host(settings: Settings, environment: Mapping[str, str]) -> Host:
    """Look at this machine, and make this process the reaper of what it starts and hidden from it."""
    surroundings = bubblewrap.Surroundings(
        workspace_root=settings.workspace_root.resolve(),
        socket=settings.socket,
        hidden=settings.hidden_paths,
        readable=settings.readable_paths,
        interpreter=tuple(Path(path).resolve() for path in (sys.prefix, sys.base_prefix, __file__)),
    )
    program, detail = None, "switched off by SANDBOX_BUBBLEWRAP"
    if settings.bubblewrap != "off":
        program, detail = bubblewrap.find(surroundings)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    undumpable = libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0
    passed_on = {name: environment[name] for name in settings.pass_environment if name in environment}
    return Host(surroundings, program, detail, os.geteuid() == 0, environment.get("PATH"), undumpable, passed_on)


def readiness(settings: Settings, host: Host) -> SandboxReadiness:
    """Whether processes can be started, and which protections are on."""
    protections = (_bubblewrap(host), _user(host), _rlimits(), _process_count(host), _cgroup(), _openat2(), _dump(host))
    problem = _problem(settings, host)
    return SandboxReadiness(ready=problem is None, detail=problem or "ready", protections=protections)


def warn_of_what_is_off(state: SandboxReadiness) -> None:
    """Log a line for each protection that is missing here."""
    for protection in state.protections:
        if not protection.on:
            log.warning("protection is off", extra=fields(protection=protection.name, detail=protection.detail))


def _problem(settings: Settings, host: Host) -> str | None:
    if settings.bubblewrap == "required" and host.confiner is None:
        return f"bubblewrap is required, but: {host.confiner_detail}"
    if not os.access(settings.workspace_root, os.W_OK | os.X_OK):
        return f"the workspace root {settings.workspace_root} cannot be written"
    if shutil.which("git") is None:
        return "git is not on PATH"
    return None


def _bubblewrap(host: Host) -> Protection:
    detail = host.confiner_detail
    if host.confiner is None:
        detail += "; they can read what the sandbox's user can, other workspaces and their processes too"
    return Protection(name="bubblewrap", on=host.confiner is not None, detail=detail)


def _user(host: Host) -> Protection:
    detail = f"commands run as uid {os.geteuid()}"
    if host.is_root:
        detail += ": as root they can change whatever is not confined by other means"
    return Protection(name="unprivileged", on=not host.is_root, detail=detail)


def _rlimits() -> Protection:
    detail = "the kernel holds each process to its limits of open files, file size, CPU time and data memory"
    return Protection(name="rlimits", on=True, detail=detail)


def _process_count(host: Host) -> Protection:
    if host.is_root:
        return Protection(
            name="process_count",
            on=False,
            detail="the kernel does not limit root's processes: they are counted by sampling only, and a tree above "
            "its limit is killed",
        )
    detail = "the kernel limits processes by user; besides, those of each tree are counted by sampling"
    return Protection(name="process_count", on=True, detail=detail)


def _cgroup() -> Protection:
    limit = _cgroup_memory_limit()
    if limit is None:
        detail = "no memory limit of a cgroup is seen: memory is held by sampling and by the kernel's limit per process"
        return Protection(name="cgroup", on=False, detail=detail)
    return Protection(name="cgroup", on=True, detail=f"a cgroup limits memory of all together to {limit} bytes")


def _cgroup_memory_limit() -> int | None:
    """Limit of the cgroup that a container sees as its root, version 2 or 1."""
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        try:
            text = (CGROUP / name).read_text().strip()
        except OSError:
            continue
        # Version 1 writes "no limit" as the highest multiple of the page size.
        return int(text) if text.isdigit() and int(text) < 2**60 else None
    return None


def _openat2() -> Protection:
    if confine.has_openat2():
        return Protection(name="openat2", on=True, detail="the kernel keeps paths below the workspace (openat2)")
    detail = "no openat2 here: paths are walked folder by folder, and no symbolic link is followed"
    return Protection(name="openat2", on=False, detail=detail)


def _dump(host: Host) -> Protection:
    detail = "other processes of the same user cannot trace the sandbox or read its environment"
    if host.is_root:
        detail = "root can trace any process"
    return Protection(name="undumpable", on=host.undumpable and not host.is_root, detail=detail)
