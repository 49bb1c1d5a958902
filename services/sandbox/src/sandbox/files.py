"""Reading, writing and listing files below a folder that a task has in its hands."""

import os
import re
import secrets
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from contracts.base import Page
from contracts.sandbox import FileEntry
from sandbox import confine
from sandbox.clock import from_ms
from sandbox.errors import FileMissing, FileTooLarge, NotAFile
from sandbox.walk import entries as entries_of
from sandbox.walk import walk

MB = 1024 * 1024


@dataclass(frozen=True)
class Listing:
    """What to list: entries below `path` whose path relative to it fits the pattern, after the cursor."""

    path: str
    glob: str
    after: str
    limit: int
    most_entries: int


def read(root: Path, path: str, *, offset: int, length: int | None, most_bytes: int) -> bytes:
    """A regular file's content, or a part of it; raises `FileTooLarge` when that is above the limit."""
    with confine.folder(root) as top:
        descriptor = confine.open_below(top, confine.parts_of(path), os.O_RDONLY)
        try:
            about = os.fstat(descriptor)
            if not stat.S_ISREG(about.st_mode):
                raise NotAFile(f"{path!r} is not a regular file")
            wanted = max(0, about.st_size - offset) if length is None else length
            if wanted > most_bytes:
                raise FileTooLarge(f"{path!r}: {wanted} bytes asked for, at most {most_bytes} are given at a time")
            return os.pread(descriptor, wanted, min(offset, about.st_size))
        finally:
            os.close(descriptor)


def write(root: Path, path: str, content: bytes, *, executable: bool) -> FileEntry:
    """Write a file, with the folders above it; a file or link of that name is replaced, never written through."""
    *parents, name = confine.parts_of(path)
    with confine.folder(root) as top:
        confine.make_folders(top, parents)
        with confine.folder_below(top, parents) as folder:
            temporary = f".{secrets.token_hex(8)}.part"
            try:
                _write_new(folder, temporary, content, 0o755 if executable else 0o644)
                _replace(folder, temporary, name)
            except BaseException:
                _remove_quietly(folder, temporary)
                raise
            return _entry("/".join((*parents, name)), os.stat(name, dir_fd=folder, follow_symlinks=False))


def entries(root: Path, listing: Listing) -> Page[FileEntry]:
    """One page of a folder's entries in order of path; links are listed, never followed."""
    pattern = translate(listing.glob)
    deep = "/" in listing.glob or "**" in listing.glob
    prefix = confine.parts_of(listing.path, allow_root=True)
    with confine.folder(root) as top, confine.folder_below(top, prefix) as folder:
        found = [
            ("/".join((*prefix, relative)), about)
            for relative, about in _look_through(folder, deep, listing.most_entries)
            if pattern.fullmatch(relative)
        ]
    rest = [item for item in sorted(found) if item[0] > listing.after]
    page = [_entry(path, about) for path, about in rest[: listing.limit]]
    return Page[FileEntry](items=page, next_cursor=page[-1].path if len(rest) > listing.limit else None)


def translate(glob: str) -> re.Pattern[str]:
    """A glob as a pattern of relative paths: `*` and `?` stay in one folder, `**/` goes through any number."""
    pieces = re.split(r"(\*\*/|\*+|\?)", glob)
    known = {"**/": r"(?:[^/]+/)*", "**": r".*", "?": r"[^/]"}
    return re.compile(
        "".join(
            known.get(part) or (r"[^/]*" if part.strip("*") == "" and part else re.escape(part)) for part in pieces
        ),
        re.DOTALL,
    )


def _look_through(folder: int, deep: bool, most: int) -> Iterator[tuple[str, os.stat_result]]:
    """Paths and states of the entries below a folder's descriptor; raises `FileTooLarge` when there are too many."""
    for number, found in enumerate(walk(folder) if deep else entries_of(folder), start=1):
        if number > most:
            raise FileTooLarge("the folder has too many entries to be listed; list a folder below it")
        yield found.path, found.about


def _entry(path: str, about: os.stat_result) -> FileEntry:
    return FileEntry(
        path=_as_text(path),
        kind=_kind(about.st_mode),
        size_bytes=about.st_size,
        executable=stat.S_ISREG(about.st_mode) and bool(about.st_mode & stat.S_IXUSR),
        modified_at=from_ms(about.st_mtime_ns // 1_000_000),
    )


def _as_text(path: str) -> str:
    """A name on disk may be any bytes, an answer is text: what is no UTF-8 is replaced, so the rest can be told."""
    return os.fsencode(path).decode(errors="replace")


def _kind(mode: int) -> Literal["file", "directory", "symlink", "other"]:
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "directory"
    return "symlink" if stat.S_ISLNK(mode) else "other"


def _write_new(folder: int, name: str, content: bytes, mode: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(name, flags, mode, dir_fd=folder), "wb") as file:
        file.write(content)


def _replace(folder: int, temporary: str, name: str) -> None:
    try:
        with confine.explained(name):
            os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except NotAFile:
        raise NotAFile(f"{name!r} is a folder") from None
    except FileMissing:
        raise FileMissing(f"the folder of {name!r} was removed meanwhile") from None


def _remove_quietly(folder: int, name: str) -> None:
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        return
