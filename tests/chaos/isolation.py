"""Mounts and a loopback of its own for this process and all that it starts, where that is allowed: they end with it."""

import ctypes
import fcntl
import os
import socket
import struct
import subprocess

CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
SIOCSIFFLAGS, IFF_UP, IFF_RUNNING = 0x8914, 0x1, 0x40


def isolate() -> list[str]:
    """Have mounts that nobody else sees, and ports that nobody else can take while a service is away; what was got.

    Call it before any thread is started.
    """
    return [name for name, get in (("mounts", _own_mounts), ("ports", _own_ports)) if get()]


def _own_mounts() -> bool:
    if not _unshare(CLONE_NEWNS):
        return False
    return subprocess.run(["mount", "--make-rprivate", "/"], check=False, capture_output=True).returncode == 0


def _own_ports() -> bool:
    if not _unshare(CLONE_NEWNET):
        return False
    with socket.socket() as any_socket:
        flags = struct.pack("16sH14s", b"lo", IFF_UP | IFF_RUNNING, b"")
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, flags)
    return True


def _unshare(flags: int) -> bool:
    return os.geteuid() == 0 and ctypes.CDLL(None, use_errno=True).unshare(flags) == 0
