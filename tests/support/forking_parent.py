"""`forking_parent.py <socket> <module>`: import a program, and fork it whenever asked.

It imports no other file of the tests, so that what it starts has no more in it than the program itself.
"""

import gc
import importlib
import json
import os
import runpy
import socket
import sys
from typing import Any

LATER = ("settings", "app")
"""What a program imports only when it serves."""


def main(number: int, module: str) -> None:
    """Return in what was forked; end when nobody can ask any more."""
    for part in LATER:
        importlib.import_module(f"{module}.{part}")
    if len(os.listdir("/proc/self/task")) != 1:
        raise SystemExit(f"importing {module} starts threads: it cannot be forked")
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=number) as door:
        while True:
            text, handles, _, _ = socket.recv_fds(door, 1 << 20, 1)
            if not text:
                raise SystemExit
            if forked_twice(door):
                break
            os.close(handles[0])
    become(json.loads(text), handles[0], module)


def forked_twice(door: socket.socket) -> bool:
    """Whether this is the grandchild; who asked is told of it, and adopts it when its parent has ended."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        grandchild = os.fork()
        if grandchild == 0:
            os.close(reader)
            os.close(writer)
            return True
        os.write(writer, str(grandchild).encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    door.send(os.read(reader, 64))
    os.close(reader)
    return False


def become(request: dict[str, Any], stderr: int, module: str) -> None:
    """Be as if started with this environment, folder, standard error and arguments."""
    os.dup2(stderr, 2)
    os.close(stderr)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv = [module, *request["arguments"]]


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
