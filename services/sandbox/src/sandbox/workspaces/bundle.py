"""What a workspace holds that its source does not, in one file: a git bundle, or an archive of the changed files."""

import os
import stat
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from sandbox import confine, files
from sandbox.errors import BundleTooLarge, FileMissing, NotAFile
from sandbox.workspaces.layout import About
from sandbox.workspaces.snapshot import History, difference

MB = 1024 * 1024
MOST_BRANCHES = 100


async def bundle_commits(history: History, about: About, out: IO[bytes]) -> bool:
    """Write the commits on top of the base that HEAD and the local branches have; False when there are none."""
    base = [] if about.base_commit is None else [f"^{about.base_commit}"]
    refs = [ref for ref in ["HEAD", *await _branches(history)] if await _has_own(history, ref, base)]
    if refs:
        what = ["bundle", "create", "--quiet", "-", *refs, *base]
        await history.write(out, *what)
    return bool(refs)


async def changed_paths(history: History, about: About, most: int) -> list[str]:
    """Paths that are new or different since the start."""
    found = await difference(history, about, most)
    return [change.path for change in found.files if change.status != "deleted"]


def pack(tree: Path, paths: Iterable[str], out: IO[bytes], *, most_mb: int, most_files: int) -> bool:
    """Write these files, and all below these folders, as tar.gz; False when there are none of them."""
    with confine.folder(tree) as top, tarfile.open(fileobj=out, mode="w:gz") as tar:
        packing = _Packing(tar, top, most_mb * MB)
        for path in paths:
            if packing.add(path):
                continue
            for inner in _below(tree, path, most_files):
                packing.add(inner)
    return packing.entries > 0


class _Packing:
    """An archive that is being written from what is below one folder, up to a limit of bytes."""

    def __init__(self, tar: tarfile.TarFile, top: int, most_bytes: int) -> None:
        self.entries = 0
        self._tar = tar
        self._top = top
        self._most_bytes = self._left = most_bytes

    def add(self, path: str) -> bool:
        """Put in a file or a link; False for what is neither, or is not there. Raises `BundleTooLarge`."""
        *parents, name = confine.parts_of(path)
        try:
            with confine.folder_below(self._top, parents) as folder:
                added = self._add(path, folder, name)
        except (FileMissing, FileNotFoundError, NotAFile):
            return False
        self.entries += added
        return added

    def _add(self, path: str, folder: int, name: str) -> bool:
        about = os.stat(name, dir_fd=folder, follow_symlinks=False)
        entry = tarfile.TarInfo(path)
        entry.mtime, entry.mode = int(about.st_mtime), stat.S_IMODE(about.st_mode) & 0o755
        if stat.S_ISLNK(about.st_mode):
            entry.type, entry.linkname = tarfile.SYMTYPE, os.readlink(name, dir_fd=folder)
            self._tar.addfile(entry)
        elif stat.S_ISREG(about.st_mode):
            self._add_file(entry, folder, name)
        return stat.S_ISLNK(about.st_mode) or stat.S_ISREG(about.st_mode)

    def _add_file(self, entry: tarfile.TarInfo, folder: int, name: str) -> None:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with os.fdopen(os.open(name, flags, dir_fd=folder), "rb") as file:
            entry.size = os.fstat(file.fileno()).st_size
            self._left -= entry.size
            if self._left < 0:
                raise BundleTooLarge(f"the changed files hold more than {self._most_bytes // MB} MB")
            self._tar.addfile(entry, file)


async def _branches(history: History) -> list[str]:
    listed = await history.call("for-each-ref", f"--count={MOST_BRANCHES}", "--format=%(refname)", "refs/heads/")
    return listed.split()


async def _has_own(history: History, ref: str, base: list[str]) -> bool:
    """Whether there is something new; what came from the remote with the clone is not."""
    if ref == "HEAD" and await history.head() is None:
        return False
    came = [] if ref == "HEAD" else ["--remotes"]
    return await history.call("rev-list", "--max-count=1", ref, *base, "--not", *came) != ""


def _below(tree: Path, path: str, most_files: int) -> list[str]:
    """What is below a folder: to git, a repository inside the work tree is one entry."""
    try:
        listing = files.Listing(path, "**", "", most_files, most_files)
        return [entry.path for entry in files.entries(tree, listing).items]
    except (NotAFile, FileMissing):
        return []
