"""Become another program that dies with its parent and, when root must not run it, as an unprivileged user.

Run as a script (`python -I -S launch.py '<JSON options>' program argument …`) by `devstack.processes`: doing this in a
process of its own keeps `preexec_fn`, which is unsafe beside threads, out of the parent. Standard library alone.
"""

import ctypes
import json
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAPABILITY_VERSION_3 = 0x20080522
CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2


def main(arguments: list[str]) -> None:
    """Apply the options of `arguments[0]` (death_signal, parent, uid, gid, traverse) and exec the rest."""
    options = json.loads(arguments[0])
    libc = ctypes.CDLL(None, use_errno=True)
    if options.get("uid") is not None:
        _drop_to(libc, options["uid"], options["gid"], traverse=options["traverse"])
    # After the change of user, which would clear the signal.
    _prctl(libc, PR_SET_PDEATHSIG, options["death_signal"])
    if os.getppid() != options["parent"]:
        os.kill(os.getpid(), signal.SIGKILL)
    os.execv(arguments[1], arguments[1:])


def _drop_to(libc: ctypes.CDLL, uid: int, gid: int, *, traverse: bool) -> None:
    capability = _traversal_capability() if traverse else None
    if capability is not None:
        _prctl(libc, PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if capability is not None:
        _keep_only(libc, capability)


def _traversal_capability() -> int | None:
    """The weakest capability at hand that lets a process walk through folders closed to its user."""
    with open("/proc/self/status") as status:
        permitted = next(int(line.split()[1], 16) for line in status if line.startswith("CapPrm:"))
    return next((c for c in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE) if permitted >> c & 1), None)


def _keep_only(libc: ctypes.CDLL, capability: int) -> None:
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    bit = 1 << capability
    if libc.capset(header, (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)) != 0:
        raise OSError(ctypes.get_errno(), "capset")
    _prctl(libc, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability)


def _prctl(libc: ctypes.CDLL, option: int, *values: int) -> None:
    padded = [ctypes.c_ulong(value) for value in (*values, 0, 0, 0, 0)[:4]]
    if libc.prctl(option, *padded) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option}")


if __name__ == "__main__":
    main(sys.argv[1:])
