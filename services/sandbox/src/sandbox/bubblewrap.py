"""Bubblewrap: its arguments, and whether it works here.

The network is not unshared, because an agent reaches its MCP server on loopback.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PROBE_S = 10
SHARED_TEMPORARY = Path("/tmp")


@dataclass(frozen=True)
class Surroundings:
    """What the sandbox's place on this machine means for everything that runs under bubblewrap."""

    workspace_root: Path
    socket: Path
    hidden: tuple[Path, ...]
    readable: tuple[Path, ...]
    interpreter: tuple[Path, ...]
    """Folders that the sandbox itself runs from; where they are below /tmp, it stays as it is."""


@dataclass(frozen=True)
class View:
    """What one command may write, and read beyond what all may."""

    writable: tuple[Path, ...]
    readable: tuple[Path, ...] = ()
    temporary: Path | None = None


def find(surroundings: Surroundings) -> tuple[str | None, str]:
    """The bubblewrap program if it is there and works, and a sentence about it."""
    program = shutil.which("bwrap")
    if program is None:
        return None, "bwrap is not on PATH: commands run with the sandbox's own view of the file system"
    command = [*arguments(program, surroundings, View(())), "--", sys.executable, "-I", "-S", "-c", "pass"]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=PROBE_S, cwd="/", env={})
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", b"") or str(error).encode()
        return None, f"{program} is there but does not work: {said.decode(errors='replace').strip()[:300]}"
    return program, f"{program}: own pid, mount and ipc namespaces; only the workspace is writable"


def arguments(program: str, surroundings: Surroundings, view: View) -> list[str]:
    """Bubblewrap's command line up to the command itself. Later mounts cover earlier ones."""
    private = _private_temporary(surroundings)
    arguments = [program, "--die-with-parent", "--unshare-pid", "--unshare-ipc", "--cap-drop", "ALL"]
    arguments += ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
    if private:
        arguments += _temporary(surroundings, view)
    arguments += _readable(surroundings.readable)
    for path in (surroundings.workspace_root, *surroundings.hidden, surroundings.socket):
        covered = private and _below(path, SHARED_TEMPORARY)
        if not covered or any(_below(path, folder) for folder in surroundings.readable):
            arguments += _mask(path)
    arguments += _readable(view.readable)
    for path in view.writable:
        arguments += ["--bind", str(path), str(path)]
    return arguments


def _private_temporary(surroundings: Surroundings) -> bool:
    return not any(_below(path, SHARED_TEMPORARY) for path in surroundings.interpreter)


def _temporary(surroundings: Surroundings, view: View) -> list[str]:
    """A `/tmp` of its own: the workspace's, unless mount points would have to be made in that one."""
    below = any(
        _below(path, SHARED_TEMPORARY)
        for path in (surroundings.workspace_root, *surroundings.readable, *view.readable, *view.writable)
    )
    if view.temporary is None or below:
        return ["--tmpfs", str(SHARED_TEMPORARY)]
    return ["--bind", str(view.temporary), str(SHARED_TEMPORARY)]


def _readable(paths: tuple[Path, ...]) -> list[str]:
    return [part for path in paths for part in ("--ro-bind-try", str(path), str(path))]


def _mask(path: Path) -> list[str]:
    """Put something empty over a path."""
    if path.is_dir():
        return ["--tmpfs", str(path)]
    return ["--ro-bind", os.devnull, str(path)] if path.exists() else []


def _below(path: Path, folder: Path) -> bool:
    return path == folder or folder in path.parents
