"""Turning a forked process into the command: session, signals, folder, limits, and then execute it."""

import ctypes
import json
import os
import resource
import signal
from typing import Any, NoReturn

PR_SET_DUMPABLE = 4
CANNOT_EXECUTE = 127


def become(spec: dict[str, Any], failure_fd: int) -> NoReturn:
    """Become the command of this order; what goes wrong is written to the descriptor as JSON."""
    step = "start"
    try:
        os.setsid()
        _restore_signals()
        step = "enter the folder"
        _enter(spec["cwd"], spec["root"])
        step = "limit the process"
        for name, (soft, hard) in spec["rlimits"].items():
            _limit(getattr(resource, name), soft, hard)
        _offer_to_the_oom_killer()
        os.umask(0o022)
        step = f"execute {spec['argv'][0]!r}"
        os.execvpe(spec["argv"][0], spec["argv"], spec["env"])
    except (OSError, ValueError) as error:
        os.write(failure_fd, json.dumps({"step": step, "message": _describe(error)}).encode())
    finally:
        os._exit(CANNOT_EXECUTE)


def _describe(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def _restore_signals() -> None:
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)


def _enter(folder: str, root: str) -> None:
    """Change into the folder, and make sure by what the kernel says that it is below the root."""
    os.chdir(folder)
    here = os.getcwd()
    if here != root and not here.startswith(root + "/"):
        raise ValueError("the folder is not below the workspace")


def _limit(kind: int, soft: int, hard: int) -> None:
    """Set both limits; none can be above the hard one that is there."""
    _, most = resource.getrlimit(kind)
    hard = hard if most == resource.RLIM_INFINITY else min(hard, most)
    resource.setrlimit(kind, (min(soft, hard), hard))


def _offer_to_the_oom_killer() -> None:
    """When memory runs out, the kernel shall take the command and not the sandbox."""
    # What cannot be dumped cannot write its own files in /proc either; executing would lift that anyway.
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("500")
    except OSError:
        return
