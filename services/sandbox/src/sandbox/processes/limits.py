"""Decisions about limits: which hold for a process, how the kernel is told, and when one is exceeded."""

import resource

from contracts.sandbox import EndReason, ProcessLimits, ProcessUsage
from sandbox.errors import LimitTooHigh

MB = 1024 * 1024
BACKSTOP_FACTOR = 2
BACKSTOP_MB = 1024
TASKS_PER_PROCESS = 8
CPU_BACKSTOP_S = 5
CHANGEABLE = ("RLIMIT_DATA", "RLIMIT_CPU", "RLIMIT_NPROC")
NO_LIMIT = resource.RLIM_INFINITY


def effective(asked: ProcessLimits, defaults: ProcessLimits, ceilings: ProcessLimits) -> ProcessLimits:
    """The limits that hold: what was asked for, else the default, at most the ceiling. Raises `LimitTooHigh`."""
    for name, value in asked:
        ceiling = getattr(ceilings, name)
        if value is not None and ceiling is not None and value > ceiling:
            raise LimitTooHigh(f"limits.{name} is {value}, above the {ceiling} that this sandbox allows")
    usual = {name: _lower(value, getattr(ceilings, name)) for name, value in defaults}
    return ProcessLimits(**{name: value or usual[name] for name, value in asked})


def kernel_limits(limits: ProcessLimits, ceilings: ProcessLimits, tasks_of_user: int) -> dict[str, tuple[int, int]]:
    """The kernel's soft and hard limit of each kind, by their names in the module `resource`.

    A hard limit can never be raised again, so that of a limit that may be changed later is at its ceiling.
    """
    soft, highest = resource_limits(limits, tasks_of_user), resource_limits(ceilings, tasks_of_user)
    return {name: (value, highest.get(name, NO_LIMIT) if name in CHANGEABLE else value) for name, value in soft.items()}


def changed_kernel_limits(limits: ProcessLimits, tasks_of_user: int) -> dict[str, int]:
    """The kernel's new soft limits, by their names, when those of a running process are changed."""
    return {name: value for name, value in resource_limits(limits, tasks_of_user).items() if name in CHANGEABLE}


def resource_limits(limits: ProcessLimits, tasks_of_user: int) -> dict[str, int]:
    """The kernel's own limits for each process of the tree, by their names in the module `resource`.

    Memory, CPU time and processes are measured over the tree; the kernel's limits are a looser backstop between two
    samples (address space is no measure: many runtimes reserve far more than they use). The kernel counts the
    threads of a user, and so gets what the user has now and several for each process on top; root it does not count.
    """
    wanted = {
        "RLIMIT_CORE": 0,
        "RLIMIT_NOFILE": limits.open_files,
        "RLIMIT_FSIZE": _scaled(limits.file_mb, MB),
        "RLIMIT_DATA": None if limits.memory_mb is None else (limits.memory_mb * BACKSTOP_FACTOR + BACKSTOP_MB) * MB,
        "RLIMIT_CPU": None if limits.cpu_ms is None else limits.cpu_ms // 1000 + CPU_BACKSTOP_S,
        "RLIMIT_NPROC": None if limits.processes is None else limits.processes * TASKS_PER_PROCESS + tasks_of_user,
    }
    return {name: value for name, value in wanted.items() if value is not None}


def exceeded(limits: ProcessLimits, usage: ProcessUsage) -> EndReason | None:
    """The reason to end a process that uses this much, if there is one."""
    if limits.memory_mb is not None and usage.memory_mb > limits.memory_mb:
        return EndReason.MEMORY
    if limits.processes is not None and usage.processes > limits.processes:
        return EndReason.PROCESS_LIMIT
    if limits.cpu_ms is not None and usage.cpu_ms > limits.cpu_ms:
        return EndReason.CPU_LIMIT
    if limits.disk_mb is not None and usage.disk_mb > limits.disk_mb:
        return EndReason.DISK_LIMIT
    return None


def grace_ms(reason: EndReason, usual_ms: int) -> int:
    """How long a process that is ended for this reason may take to clean up.

    What eats memory, processes or disk is killed at once.
    """
    gentle = (EndReason.TIMED_OUT, EndReason.CANCELLED, EndReason.CPU_LIMIT)
    return usual_ms if reason in gentle else 0


def _lower(value: int | None, ceiling: int | None) -> int | None:
    return ceiling if value is None or (ceiling is not None and ceiling < value) else value


def _scaled(value: int | None, unit: int) -> int | None:
    return None if value is None else value * unit
