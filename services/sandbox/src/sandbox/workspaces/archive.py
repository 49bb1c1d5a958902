"""Unpacking an archive that nobody vouches for: each entry is made below one folder, and no link is followed out."""

import lzma
import os
import posixpath
import shutil
import tarfile
import zlib
from pathlib import Path

from sandbox import confine
from sandbox.errors import BadArchive, SandboxError, WorkspaceTooLarge

MB = 1024 * 1024
EXECUTABLE = 0o100
MOST_LINKS = 8
DAMAGED = (SandboxError, tarfile.TarError, EOFError, OSError, ValueError, LookupError, zlib.error, lzma.LZMAError)


def unpack(archive: Path, target: Path, *, most_mb: int, most_files: int) -> None:
    """Unpack a tar, plain or compressed, into an empty folder; raises `BadArchive` or `WorkspaceTooLarge`.

    Files, folders, links that stay inside, and hard links (as copies) are made; devices and pipes are refused. Of a
    mode only the right to execute is kept, of owners and times nothing.
    """
    try:
        with tarfile.open(archive) as tar, confine.folder(target) as root:
            size = entries = 0
            for member in tar:
                size, entries = size + _written_size(tar, member), entries + 1
                if size > most_mb * MB or entries > most_files:
                    raise WorkspaceTooLarge(f"the archive holds more than {most_mb} MB or {most_files} entries")
                _make(tar, member, root)
    except WorkspaceTooLarge:
        raise
    except DAMAGED as error:
        raise BadArchive(f"the archive cannot be unpacked: {error}") from error


def _written_size(tar: tarfile.TarFile, member: tarfile.TarInfo) -> int:
    """A hard link says that it is empty, but is written as a copy of what it links to, over however many links."""
    for _ in range(MOST_LINKS):
        if not member.islnk():
            return member.size
        member = tar.getmember(member.linkname)
    raise BadArchive(f"{member.name!r} is a link to a link, too many times over")


def _make(tar: tarfile.TarFile, member: tarfile.TarInfo, root: int) -> None:
    parts = confine.parts_of(member.name, allow_root=True)
    if member.isdir():
        confine.make_folders(root, parts)
        return
    if not parts:
        raise BadArchive("an entry has no name")
    confine.make_folders(root, parts[:-1])
    with confine.folder_below(root, parts[:-1]) as folder:
        if member.issym():
            os.symlink(_inside(member), parts[-1], dir_fd=folder)
        elif member.isfile() or member.islnk():
            _write(tar, member, folder, parts[-1])
        else:
            raise BadArchive(f"{member.name!r} is a device or a pipe")


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: int, name: str) -> None:
    content = tar.extractfile(member)
    if content is None:
        raise BadArchive(f"{member.name!r} has no content")
    mode = 0o755 if member.mode & EXECUTABLE else 0o644
    # An entry may come twice, and then the last one counts; truncating never goes through a link.
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with content, os.fdopen(os.open(name, flags, mode, dir_fd=folder), "wb") as file:
        shutil.copyfileobj(content, file)


def _inside(member: tarfile.TarInfo) -> str:
    """Where a link leads, if that is below the target."""
    landing = posixpath.normpath(posixpath.join(posixpath.dirname(member.name), member.linkname))
    if landing.startswith(("/", "..")):
        raise BadArchive(f"{member.name!r} is a link that leads out")
    return member.linkname
