"""Going through all that is below a folder which a task has in its hands, and removing it: out of it never.

Nothing is recursive, and one folder is held open at a time, so that no shape of a tree exhausts the sandbox; one that
is absurdly deep is refused.
"""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from sandbox import confine
from sandbox.errors import SandboxError, TreeTooDeep

MOST_LEVELS = 400
LONGEST_PATH = 4_000
OWNER_MAY_READ = 0o500
OWNER_MAY_ALL = 0o700
HANDLE = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Found(NamedTuple):
    """One entry: the path of its folder (empty for the top, else with a slash at its end), its name, and its state."""

    folder: str
    name: str
    about: os.stat_result

    @property
    def path(self) -> str:
        """Path relative to where the walk began."""
        return self.folder + self.name

    @property
    def is_folder(self) -> bool:
        """Whether there may be something below it."""
        return stat.S_ISDIR(self.about.st_mode)


def walk(top: int, start: str = "", leave_out: str | None = None) -> Iterator[Found]:
    """Everything below a folder at or below a descriptor; links are told of, never followed. Raises `TreeTooDeep`.

    What vanishes on the way is left out, and so is all at or below the path `leave_out`. A folder that its owner may
    not read is made readable: nothing can be hidden by taking the right away.
    """
    waiting = [("", start)]
    while waiting:
        above, name = waiting.pop()
        folder = f"{above}{name}/" if name else ""
        if folder.count("/") > MOST_LEVELS or len(folder) > LONGEST_PATH:
            raise TreeTooDeep(f"below {folder[:100]!r} are more folders in each other than can be gone through")
        for found in entries(top, folder):
            if found.path == leave_out:
                continue
            yield found
            if found.is_folder:
                waiting.append((folder, found.name))


def entries(top: int, folder: str = "") -> Iterator[Found]:
    """What is in one folder at or below a descriptor; nothing, if it is gone."""
    descriptor = _open(top, confine.parts_of(folder, allow_root=True))
    if descriptor is None:
        return
    try:
        with os.scandir(descriptor) as found:
            for entry in found:
                with suppress(FileNotFoundError):
                    yield Found(folder, entry.name, entry.stat(follow_symlinks=False))
    finally:
        os.close(descriptor)


def remove(folder: Path) -> None:
    """Remove a folder and all below it, however deep, also where the right to was taken away.

    Folders are moved up to the top and emptied there, so neither paths nor descriptors grow with the depth.
    """
    with confine.folder(folder) as top:
        while names := os.listdir(top):
            for name in names:
                _dissolve(top, name)
    folder.rmdir()


def _open(top: int, parts: tuple[str, ...]) -> int | None:
    try:
        return confine.open_below(top, parts, confine.FOLDER)
    except PermissionError:
        return _open_without_right(top, parts)
    except (SandboxError, OSError):
        return None


def _open_without_right(top: int, parts: tuple[str, ...]) -> int | None:
    try:
        with confine.folder_below(top, parts[:-1]) as parent:
            return _open_up(parent, parts[-1], OWNER_MAY_READ)
    except (SandboxError, OSError, IndexError):
        return None


def _open_up(parent: int, name: str, right: int) -> int:
    """A descriptor of a folder whose owner now has this right."""
    handle = os.open(name, HANDLE, dir_fd=parent)
    try:
        path, mode = f"/proc/self/fd/{handle}", stat.S_IMODE(os.fstat(handle).st_mode)
        if mode & right != right:
            os.chmod(path, mode | right)
        return os.open(path, confine.FOLDER | os.O_CLOEXEC)
    finally:
        os.close(handle)


def _dissolve(top: int, name: str) -> None:
    """Remove an entry of the top folder; the folders in it become entries of the top."""
    if not _is_folder(top, name):
        os.unlink(name, dir_fd=top)
        return
    inner = _open_up(top, name, OWNER_MAY_ALL)
    try:
        for child in os.listdir(inner):
            if _is_folder(inner, child):
                # To be moved, a folder must be writable itself: its entry ".." changes.
                os.close(_open_up(inner, child, OWNER_MAY_ALL))
                os.rename(child, f".{secrets.token_hex(16)}", src_dir_fd=inner, dst_dir_fd=top)
            else:
                os.unlink(child, dir_fd=inner)
    finally:
        os.close(inner)
    os.rmdir(name, dir_fd=top)


def _is_folder(parent: int, name: str) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
