"""Opening paths below a folder and nowhere else, without a race: through `..`, absolute paths and symbolic links too.

The kernel does it (`openat2` with `RESOLVE_BENEATH`); where it cannot, a walk by folder descriptors that follows
no link. A check of a path before it is used would be a race, so there is none.
"""

import ctypes
import errno
import functools
import os
import stat
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sandbox.errors import FileMissing, NameTooLong, NotAFile, PathEscapes

SYS_OPENAT2 = 437  # the same on every architecture
RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_BENEATH = 0x08
ATTEMPTS = 20
MOST_SHOWN = 100
ALWAYS = os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
FOLDER = os.O_RDONLY | os.O_DIRECTORY


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def parts_of(path: str, *, allow_root: bool = False) -> tuple[str, ...]:
    """The names in a relative path; raises `PathEscapes` for one that is absolute or has `..` in it.

    With `allow_root`, an empty path or `.` is the folder itself.
    """
    if "\0" in path:
        raise PathEscapes("a path cannot hold a NUL character")
    if path.startswith("/"):
        raise PathEscapes(f"{path!r} is absolute; give a path relative to the workspace")
    parts = tuple(part for part in path.split("/") if part not in ("", "."))
    if ".." in parts:
        raise PathEscapes(f"{path!r} has '..' in it")
    if not parts and not allow_root:
        raise NotAFile("the path names the folder itself")
    return parts


def open_below(root: int, parts: Sequence[str], flags: int) -> int:
    """Open what is at this path below a folder's descriptor; the caller closes it.

    Raises `PathEscapes`, `FileMissing` or `NotAFile`, or `OSError` for what else the file system says.
    """
    with explained("/".join(parts) or "."):
        if has_openat2():
            return _open_by_kernel(root, parts, flags)
        return open_by_walking(root, parts, flags)


@contextmanager
def folder(path: Path) -> Generator[int]:
    """A descriptor of a folder that is the sandbox's own."""
    descriptor = os.open(path, FOLDER | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def folder_below(root: int, parts: Sequence[str]) -> Generator[int]:
    """A descriptor of a folder below another."""
    descriptor = open_below(root, parts, FOLDER)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def make_folders(root: int, parts: Sequence[str]) -> None:
    """Make the folders of this path that are not there yet."""
    for depth in range(1, len(parts) + 1):
        with folder_below(root, parts[: depth - 1]) as parent, explained("/".join(parts[:depth])):
            try:
                os.mkdir(parts[depth - 1], mode=0o755, dir_fd=parent)
            except FileExistsError:
                continue


@functools.cache
def has_openat2() -> bool:
    """Whether this kernel, and what filters its calls, has openat2."""
    root = os.open("/", FOLDER | os.O_CLOEXEC)
    try:
        os.close(_open_by_kernel(root, (), FOLDER))
    except OSError:
        return False
    finally:
        os.close(root)
    return True


def open_by_walking(root: int, parts: Sequence[str], flags: int) -> int:
    """The same without the kernel's help: one folder after the other, and no link is followed."""
    here = os.dup(root)
    try:
        for part in parts[:-1]:
            inner = os.open(part, FOLDER | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=here)
            os.close(here)
            here = inner
        name = parts[-1] if parts else "."
        return os.open(name, flags | ALWAYS | os.O_NOFOLLOW, dir_fd=here)
    except OSError as error:
        # A link in the middle of a path is "not a directory" to O_NOFOLLOW with O_DIRECTORY.
        if error.errno == errno.ENOTDIR and _has_link(root, parts):
            raise OSError(errno.ELOOP, "a symbolic link is in the path") from error
        raise
    finally:
        os.close(here)


def _open_by_kernel(root: int, parts: Sequence[str], flags: int) -> int:
    how = _OpenHow(flags | ALWAYS, 0, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS)
    path = os.fsencode("/".join(parts) or ".")
    for _ in range(ATTEMPTS):
        descriptor = _libc().syscall(SYS_OPENAT2, root, path, ctypes.byref(how), ctypes.sizeof(how))
        if descriptor >= 0:
            return descriptor
        # The kernel gives up with EAGAIN when something was renamed while it looked.
        if ctypes.get_errno() != errno.EAGAIN:
            break
    number = ctypes.get_errno()
    raise OSError(number, os.strerror(number))


@contextmanager
def explained(path: str) -> Generator[None]:
    """Tell what the file system says of a path in this sandbox's words, where it is about the path."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.EXDEV, errno.ELOOP, errno.EAGAIN):
            raise PathEscapes(f"{path!r} leads out of the workspace, or through a link that is not followed") from error
        if error.errno == errno.ENOENT:
            raise FileMissing(f"there is no {path!r}") from error
        if error.errno in (errno.ENOTDIR, errno.EISDIR, errno.ENXIO):
            raise NotAFile(f"{path!r} is not of the kind that is needed") from error
        if error.errno == errno.ENAMETOOLONG:
            raise NameTooLong(
                f"{path[:MOST_SHOWN]!r}… is longer than a file's name can be; use a shorter one"
            ) from error
        raise


def _has_link(root: int, parts: Sequence[str]) -> bool:
    """Whether a link is why a walk failed; this only chooses the words of an error."""
    here = os.dup(root)
    try:
        for part in parts:
            if stat.S_ISLNK(os.stat(part, dir_fd=here, follow_symlinks=False).st_mode):
                return True
            inner = os.open(part, FOLDER | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=here)
            os.close(here)
            here = inner
    except OSError:
        return False
    finally:
        os.close(here)
    return False


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
