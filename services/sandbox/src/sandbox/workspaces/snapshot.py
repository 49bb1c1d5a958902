"""The state of a work tree as a commit: the base that changes are counted from, and the result that is checked."""

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from contracts.sandbox import WorkspaceDiff
from sandbox.bubblewrap import View
from sandbox.errors import GitFailed
from sandbox.workspaces import diffstat
from sandbox.workspaces.git import Git
from sandbox.workspaces.layout import About, Layout

BASE_REF = "refs/mews/base"
STAT = ("--stat=120", "--stat-count=200", "--no-color")


@dataclass(frozen=True)
class History:
    """Git, bound to one workspace: its own repository, or the shadow that stands in for one."""

    git: Git
    layout: Layout
    real: bool

    @property
    def directory(self) -> Path:
        """The git directory."""
        return self.layout.tree / ".git" if self.real else self.layout.shadow

    async def start_shadow(self) -> None:
        """Make the repository beside a work tree that has none."""
        await self.call("init", "--quiet")

    async def call(self, *arguments: str, index: Path | None = None) -> str:
        """Run git here; what it wrote, without the last end of line."""
        variables = {} if index is None else {"GIT_INDEX_FILE": str(index)}
        command = [*self._where(), *arguments]
        said = await self.git.run(command, self.view(), folder=self.layout.tree, variables=variables)
        return said.removesuffix("\n")

    async def write(self, out: IO[bytes], *arguments: str) -> None:
        """Run git here, and let it write to a file."""
        await self.git.write([*self._where(), *arguments], self.view(), out, folder=self.layout.tree)

    def _where(self) -> list[str]:
        return [f"--git-dir={self.directory}", f"--work-tree={self.layout.tree}"]

    def view(self) -> View:
        """What git may write here."""
        extra = () if self.real else (self.layout.shadow,)
        return View((self.layout.tree, self.layout.temporary, *extra), temporary=self.layout.temporary)

    async def head(self) -> str | None:
        """The commit that is checked out, or None before the first one."""
        try:
            return await self.call("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
        except GitFailed:
            return None

    async def tree_now(self, head: str | None) -> str:
        """Write the work tree as it is now as a tree object, new files too; `head` is what is checked out.

        An index of its own keeps flags out of play by which a task could hide a change.
        """
        index = self.layout.temporary / f".index-{secrets.token_hex(8)}"
        try:
            if head is not None:
                await self.call("read-tree", head, index=index)
            await self.call("add", "--all", "--", ".", index=index)
            return await self.call("write-tree", index=index)
        finally:
            index.unlink(missing_ok=True)

    async def commit_tree(self, tree: str, head: str | None, message: str) -> str:
        """Make a commit of a tree, on top of what is checked out; no branch moves."""
        parents = () if head is None else ("-p", head)
        return await self.call("commit-tree", tree, *parents, "-m", message)

    async def keep_base(self, head: str | None) -> str:
        """Remember the present state as the base; a clean repository's base is its own commit."""
        base = head
        tree = await self.tree_now(head)
        if base is None or await self.call("rev-parse", f"{base}^{{tree}}") != tree:
            base = await self.commit_tree(tree, head, "State at the start")
        await self.call("update-ref", BASE_REF, base)
        return base

    async def commit_result(self, message: str) -> tuple[str, bool]:
        """Put what is not committed on the branch; the commit that holds the result, and whether it is new."""
        head = await self.head()
        tree = await self.tree_now(head)
        if head is not None and await self.call("rev-parse", f"{head}^{{tree}}") == tree:
            return head, False
        commit = await self.commit_tree(tree, head, message)
        await self.call("update-ref", "-m", "record the result", "HEAD", commit, *([] if head is None else [head]))
        await self.call("read-tree", commit)
        return commit, True


async def difference(history: History, about: About, most_files: int) -> WorkspaceDiff:
    """What differs between the base and the work tree as it is now."""
    head = await history.head() if about.git else None
    tree = await history.tree_now(head or about.base)
    names = ("diff-tree", "-r", "-M", "-z")
    numstat = await history.call(*names, "--numstat", about.base, tree)
    name_status = await history.call(*names, "--name-status", about.base, tree)
    changes = diffstat.parse(numstat, name_status)
    return WorkspaceDiff(
        base_commit=about.base_commit,
        head_commit=head,
        files=tuple(changes[:most_files]),
        truncated=len(changes) > most_files,
        files_changed=len(changes),
        added_lines=sum(change.added_lines or 0 for change in changes),
        removed_lines=sum(change.removed_lines or 0 for change in changes),
        stat=await history.call("diff-tree", "-M", *STAT, about.base, tree),
    )
