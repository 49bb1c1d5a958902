"""Filling a work tree from a folder or a git repository, and removing what was filled."""

import os
import shutil
import stat
from pathlib import Path

from contracts.sandbox import GitSource
from sandbox.bubblewrap import View
from sandbox.errors import BadSource, FileSystemFailed, GitFailed, WorkspaceTooLarge
from sandbox.workspaces.git import Git, without_credentials
from sandbox.workspaces.layout import Layout
from sandbox.workspaces.remotes import remote_of

MB = 1024 * 1024
HOOKS = ("config.worktree", "hooks")


def copy_folder(source: Path, target: Path, *, leave_out: Path, most_mb: int, most_files: int) -> None:
    """Copy a folder's content with its links as they are; raises `BadSource` or `WorkspaceTooLarge`.

    Sockets, pipes and devices are left out, and so are git hooks and the folder that all workspaces are in.
    """
    if not source.is_dir():
        raise BadSource(f"{source} is not a folder that the sandbox can read")
    measured = measure(source, leave_out=leave_out)
    _check(*measured, most_mb, most_files)

    def ignore(folder: str, names: list[str]) -> set[str]:
        here = Path(folder)
        return {name for name in names if _left_out(here, name, leave_out)}

    try:
        shutil.copytree(source, target, symlinks=True, ignore=ignore, dirs_exist_ok=True)
    except (shutil.Error, OSError) as error:
        raise BadSource(f"{source} cannot be copied: {_first(error)}") from error


async def clone(git: Git, source: GitSource, layout: Layout, *, default_branch: str) -> str:
    """Clone into the work tree and check out the branch of the result; returns its name."""
    remote = remote_of(source.url)
    if remote.folder is not None and not remote.folder.is_dir():
        raise BadSource(f"{source.url} is not a folder that the sandbox can read")
    local = () if remote.folder is None else (remote.folder,)
    view = View((layout.tree, layout.temporary), local, layout.temporary)
    depth = [] if source.depth is None else [f"--depth={source.depth}"]
    # A path is cloned as it is, whatever the depth; only as a URL can it be cut.
    url = f"file://{remote.url}" if depth and remote.url.startswith("/") else remote.url
    what = ["clone", "--quiet", "--no-checkout", "--no-hardlinks", "--template=", *depth, "--", url, "."]
    await git.run(what, view, folder=layout.tree, variables=remote.variables)
    await git.run(
        ["remote", "set-url", "origin", without_credentials(source.url)], View((layout.tree,)), folder=layout.tree
    )
    branch = source.branch or default_branch
    start = await _start_of(git, layout, source, branch)
    if start is not None:
        checkout = ["checkout", "--quiet", "--no-track", "-B", branch, start]
        await git.run(checkout, View((layout.tree,)), folder=layout.tree)
    return branch


async def _start_of(git: Git, layout: Layout, source: GitSource, branch: str) -> str | None:
    """The commit to start from; None for a repository without commits."""
    if source.ref is not None:
        candidates = (f"refs/remotes/origin/{source.ref}", source.ref)
    else:
        candidates = (*([f"refs/remotes/origin/{branch}"] if source.branch else []), "HEAD")
    for candidate in candidates:
        try:
            asked = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{candidate}^{{commit}}"]
            return (await git.run(asked, View((layout.tree,)), folder=layout.tree)).strip()
        except GitFailed:
            continue
    if source.ref is not None:
        raise GitFailed(f"the repository has no {source.ref!r}")
    return None


def measure(folder: Path, leave_out: Path | None = None) -> tuple[int, int]:
    """Bytes in the files below a folder, and how many entries there are; what cannot be read counts nothing."""
    size = entries = 0
    for here, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if leave_out is None or Path(here, name) != leave_out]
        entries += len(folders) + len(files)
        size += sum(_size(os.path.join(here, name)) for name in files)
    return size, entries


def remove(folder: Path) -> None:
    """Remove a folder and all below it, also where a task took away the right to; nothing outside is touched."""
    if not folder.exists():
        return
    for here, folders, _ in os.walk(folder):
        for name in folders:
            _open_up(Path(here, name))
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        raise FileSystemFailed(f"{folder.name} could not be removed")


def _open_up(folder: Path) -> None:
    if not folder.is_symlink():
        try:
            folder.chmod(0o700)
        except OSError:
            return


def _left_out(here: Path, name: str, root: Path) -> bool:
    path = here / name
    if path == root or (here.name == ".git" and name in HOOKS):
        return True
    kind = path.lstat().st_mode
    return not (stat.S_ISREG(kind) or stat.S_ISDIR(kind) or stat.S_ISLNK(kind))


def _check(size: int, entries: int, most_mb: int, most_files: int) -> None:
    if size > most_mb * MB:
        raise WorkspaceTooLarge(f"the source holds more than {most_mb} MB")
    if entries > most_files:
        raise WorkspaceTooLarge(f"the source holds more than {most_files} files")


def _size(path: str) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0


def _first(error: Exception) -> str:
    first = error.args[0] if error.args else error
    if isinstance(first, list) and first:
        return str(first[0])
    return str(error)
