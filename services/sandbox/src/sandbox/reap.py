"""Waiting for a child process without blocking and without asking again and again."""

import asyncio
import os
import subprocess


async def collected(child: subprocess.Popen[bytes]) -> int:
    """Wait until a child has ended and collect it; its exit code, negative for a signal."""
    if child.poll() is not None:
        return child.returncode
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    descriptor = os.pidfd_open(child.pid)
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
    return child.wait()
