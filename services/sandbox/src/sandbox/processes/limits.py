"""Decisions about limits: which hold for a process, how the kernel is told, and when one is exceeded."""

from contracts.sandbox import EndReason, ProcessLimits, ProcessUsage
from sandbox.errors import LimitTooHigh

MB = 1024 * 1024
BACKSTOP_FACTOR = 2
BACKSTOP_MB = 1024
TASKS_PER_PROCESS = 8
CPU_BACKSTOP_S = 5


def effective(asked: ProcessLimits, defaults: ProcessLimits, ceilings: ProcessLimits) -> ProcessLimits:
    """The limits that hold: what was asked for, else the default. Raises `LimitTooHigh`."""
    values = {name: value or getattr(defaults, name) for name, value in asked}
    for name, value in values.items():
        ceiling = getattr(ceilings, name)
        if value is not None and ceiling is not None and value > ceiling:
            raise LimitTooHigh(f"limits.{name} is {value}, above the {ceiling} that this sandbox allows")
    return ProcessLimits(**values)


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
    return None


def grace_ms(reason: EndReason, usual_ms: int) -> int:
    """How long a process that is ended for this reason may take to clean up.

    What eats memory, processes or disk is killed at once.
    """
    gentle = (EndReason.TIMED_OUT, EndReason.CANCELLED, EndReason.CPU_LIMIT)
    return usual_ms if reason in gentle else 0


def _scaled(value: int | None, unit: int) -> int | None:
    return None if value is None else value * unit
