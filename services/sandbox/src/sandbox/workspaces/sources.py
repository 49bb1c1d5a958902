"""Filling a work tree from a folder or a git repository, and removing what was filled."""

import shutil
import stat
from contextlib import suppress
from pathlib import Path

from contracts.addresses import without_credentials
from contracts.sandbox import GitSource
from sandbox import confine, walk
from sandbox.bubblewrap import View
from sandbox.errors import BadSource, FileSystemFailed, GitFailed, TreeTooDeep, WorkspaceTooLarge
from sandbox.workspaces.git import Git
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
    try:
        measured = measure(source, leave_out=leave_out)
    except OSError as error:
        raise BadSource(f"{source} cannot be read: {_first(error)}") from error
    _check(*measured, most_mb, most_files)

    def ignore(folder: str, names: list[str]) -> set[str]:
        here = Path(folder)
        return {name for name in names if _left_out(here, name, leave_out)}

    try:
        shutil.copytree(source, target, symlinks=True, ignore=ignore, dirs_exist_ok=True)
    except (shutil.Error, OSError) as error:
        raise BadSource(f"{source} cannot be copied: {_first(error)}") from error
    except RecursionError as error:
        raise TreeTooDeep(f"{source} has more folders in each other than can be copied") from error


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
    """Bytes in the files below a folder, and how many entries there are; what is absurdly deep is not counted."""
    size = entries = 0
    skipped = str(leave_out.relative_to(folder)) if leave_out is not None and leave_out.is_relative_to(folder) else None
    with confine.folder(folder.resolve()) as top, suppress(TreeTooDeep):
        for found in walk.walk(top, leave_out=skipped):
            entries += 1
            size += 0 if found.is_folder else found.about.st_size
    return size, entries


def remove(folder: Path) -> None:
    """Remove a folder, if it is there, and all below it; raises `FileSystemFailed`."""
    try:
        walk.remove(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise FileSystemFailed(f"{folder.name} could not be removed: {error.strerror}") from error


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


def _first(error: Exception) -> str:
    first = error.args[0] if error.args else error
    if isinstance(first, list) and first:
        return str(first[0])
    return str(error)
