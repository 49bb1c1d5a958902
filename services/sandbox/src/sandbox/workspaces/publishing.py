"""The result of a workspace for the world outside: as a commit, and on a branch of a remote.

Whoever pushes holds credentials, and a task can write commands and other addresses into its repository's
configuration. So a push starts from an empty repository of the sandbox's own that borrows the task's objects.
"""

from dataclasses import dataclass
from pathlib import Path

from contracts.sandbox import PublishRequest, WorkspacePublished
from sandbox.bubblewrap import View
from sandbox.errors import GitFailed
from sandbox.workspaces.layout import About
from sandbox.workspaces.remotes import Remote, remote_of
from sandbox.workspaces.snapshot import History

MOST_COMMITS = 1_000
SHALLOW = "shallow"
DIVERGED = ("non-fast-forward", "fetch first")
CHECKED_OUT = "branch is currently checked out"


@dataclass(frozen=True)
class Push:
    """What goes where: a commit, under the name of a branch, to a remote."""

    commit: str
    branch: str
    remote: Remote
    timeout_ms: int | None


async def publish(history: History, about: About, asked: PublishRequest, clean: Path) -> WorkspacePublished:
    """Commit what is not committed, and push it if that is asked for. A repeat finds everything done.

    `clean` is an empty folder that no task can write.
    """
    commit, committed = await _result(history, asked)
    branch = asked.branch or about.branch or "HEAD"
    pushed = error = None
    if asked.push and asked.url is not None and commit != about.base_commit:
        error = await _push(history, Push(commit, branch, remote_of(asked.url), asked.timeout_ms), clean)
        pushed = error is None
    return WorkspacePublished(
        branch=branch,
        commit=commit,
        committed=committed,
        commits=tuple(await _commits(history, about.base_commit, commit)),
        pushed=pushed,
        error=error,
    )


def problem_of(said: str, branch: str) -> str:
    """Why a push was refused, in words that say what to do."""
    if any(words in said for words in DIVERGED):
        return (
            f"the branch {branch!r} of the remote has commits that this result does not build on; "
            "nothing was overwritten: fetch the result and merge it, or name another branch"
        )
    if CHECKED_OUT in said:
        return (
            f"the branch {branch!r} is checked out at the remote, which takes no push to it "
            "(receive.denyCurrentBranch): name another branch, or use a bare repository"
        )
    return said


async def _result(history: History, asked: PublishRequest) -> tuple[str, bool]:
    if asked.commit is None:
        return await history.commit_result(asked.message)
    wanted = f"{asked.commit}^{{commit}}"
    return await history.call("rev-parse", "--verify", "--quiet", "--end-of-options", wanted), False


async def _commits(history: History, base: str | None, commit: str) -> list[str]:
    """The commits of the result that the base does not have, newest first."""
    without = [] if base is None else [f"^{base}"]
    listed = await history.call("rev-list", f"--max-count={MOST_COMMITS}", "--end-of-options", commit, *without)
    return listed.split()


async def _push(history: History, push: Push, clean: Path) -> str | None:
    """Push without force, from an empty folder; what went wrong, or None when the remote has it."""
    git, remote = history.git, push.remote
    view = View((clean, *([] if remote.folder is None else [remote.folder])), (history.layout.tree,))
    what = ["push", "--quiet", "--", remote.url, f"{push.commit}:refs/heads/{push.branch}"]
    try:
        await git.run(["init", "--quiet", "--bare", "--template=", "."], View((clean,)), folder=clean)
        _borrow(history.directory, clean)
        await git.run(what, view, folder=clean, variables=remote.variables, timeout_ms=push.timeout_ms)
    except GitFailed as error:
        return problem_of(error.detail, push.branch)
    return None


def _borrow(owner: Path, borrower: Path) -> None:
    """Let one repository see the objects of another, and where its history was cut off."""
    (borrower / "objects" / "info" / "alternates").write_text(f"{owner / 'objects'}\n")
    cut = owner / SHALLOW
    if cut.is_file() and not cut.is_symlink():
        (borrower / SHALLOW).write_bytes(cut.read_bytes())
